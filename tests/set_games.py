"""Small games whose sets are all known: what a label's sufficient and counterfactual sets are."""

import numpy as np
from made_explanations import local

from sklearn_musiclime import LocalExplanation


class Game:
    """A model of one song with a few words, all of whose masks are enumerated.

    Parameters
    ----------
    kept : ndarray of shape (2 ** n_parts,), dtype bool
        Whether the label is said, by the code of the mask: bit i is part i. The last is the song.
    """

    def __init__(self, kept):
        self.kept = np.asarray(kept, dtype=bool)
        self.n = int(np.log2(len(self.kept)))
        assert self.kept[-1]
        self.n_calls = 0

    def __call__(self, masks):
        self.n_calls += len(masks)
        said = self.kept[np.asarray(masks) @ (1 << np.arange(self.n))]
        return np.column_stack([said, ~said]).astype(float)

    @property
    def sizes(self):
        """Number of parts of each set, by its code."""
        return np.array([code.bit_count() for code in range(2**self.n)])

    @property
    def probabilities(self):
        """Probability of the label with each set on, by the code of the set."""
        sums = self.kept.astype(float)
        for part in range(self.n):  # sums over all sets that contain a set
            pairs = sums.reshape(-1, 2, 2**part)
            pairs[:, 0] += pairs[:, 1]
        return sums / 2.0 ** (self.n - self.sizes)

    def smallest_sufficient(self, target):
        return int(self.sizes[self.probabilities >= target].min())

    def smallest_counterfactual(self):
        """Size of the smallest set whose removal changes the label; None if none does."""
        changed = ~self.kept[::-1]  # by the code of what is removed
        return int(self.sizes[changed].min()) if changed.any() else None

    def probability_of(self, found):
        return self.probabilities[sum(1 << position for position in found.positions)]

    def explanation(self, weights=None):
        """An explanation by the least-squares weights of all masks, or by those given."""
        if weights is None:
            masks = (np.arange(2**self.n)[:, np.newaxis] >> np.arange(self.n)) & 1
            weights = np.array([
                self.kept[masks[:, i] == 1].mean() - self.kept[masks[:, i] == 0].mean()
                for i in range(self.n)
            ])  # fmt: skip
        words = [f"w{i}" for i in range(self.n)]
        own = local(0, dict(zip(words, weights, strict=True)), " ".join(words), sources=())
        fields = {name: getattr(own, name) for name in own.__dataclass_fields__}
        return LocalExplanation(**fields | {"prediction": {"pop": 1.0, "rock": 0.0}})


def linear_game(seed, n):
    """The label is said where a sum of random weights is above a threshold."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(rng.uniform(0, 1), 1, n) * rng.gamma(1.0, 1.0, n)
    masks = (np.arange(2**n)[:, np.newaxis] >> np.arange(n)) & 1
    sums = masks @ weights
    return Game(sums > sums[-1] - rng.uniform(0.05, 0.95) * np.abs(weights).sum())


def rule_game(seed, n):
    """The label is said where all parts of one of a few random sets are on."""
    rng = np.random.default_rng(seed)
    masks = (np.arange(2**n)[:, np.newaxis] >> np.arange(n)) & 1 == 1
    kept = np.zeros(2**n, dtype=bool)
    for _ in range(rng.integers(1, 4)):
        kept |= masks[:, rng.choice(n, rng.integers(1, 5), replace=False)].all(axis=1)
    return Game(kept)


def crossed_game(seed, n):
    """The label is said where a sum of random weights and products of two is above a threshold."""
    rng = np.random.default_rng(seed)
    masks = (np.arange(2**n)[:, np.newaxis] >> np.arange(n)) & 1
    sums = masks @ rng.normal(0.3, 1, n)
    sums = sums + ((masks @ np.triu(rng.normal(0, 0.7, (n, n)), 1)) * masks).sum(axis=1)
    return Game(sums >= np.quantile(sums, rng.uniform(0.1, 0.9)) - max(0, np.quantile(sums, 0.9)
                - sums[-1]) * 10)  # fmt: skip
