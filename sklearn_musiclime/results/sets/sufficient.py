"""Search for a small set of parts that is enough for a label, and the test of what is claimed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from sklearn_musiclime.results.sets.certificate import lower_bound, n_kept_needed, n_masks_needed
from sklearn_musiclime.results.sets.questions import BudgetSpent, Questions

FIRST_LOOK = 16
"""Masks after which a candidate is first judged; then after twice as many, and so on."""
DOUBT = 0.05
"""Chance of a wrong judgement, at each look, that the search takes: it claims nothing."""
N_POOL = 256
"""Masks by which sets that differ in a few parts are compared."""
N_REMADE, N_FROM_POOL = 6, 4
"""Fruitless attempts after which remaking ends, and how many sets are tried in each."""


@dataclass(frozen=True)
class Tested:
    """A set that passed the test, and what the test showed.

    Attributes
    ----------
    kept : ndarray of shape (n_parts,), dtype bool
        The set.
    probability : float
        Part of the masks that kept the label.
    low : float
        Its lower bound; the probability itself if all masks were scored.
    n_masks : int
        Number of masks.
    n_tries : int
        Number of sets that were tested, this one included.
    is_exact : bool
        Whether all masks were scored.
    """

    kept: np.ndarray
    probability: float
    low: float
    n_masks: int
    n_tries: int
    is_exact: bool


class SufficientSearch:
    """Search for a set that keeps the label with at least a target probability.

    Parameters
    ----------
    questions : Questions
        The model.
    order : ndarray of shape (n_parts,) of int
        The parts, the most promising first.
    target : float
        The probability.
    precision : float
        Precision of the test, which decides on its number of masks.
    chance : float
        Chance that what is claimed is wrong.
    seeds : SeedSequence
        Seeds of the search and, apart from it, of the test.
    """

    def __init__(
        self,
        questions: Questions,
        order: np.ndarray,
        target: float,
        precision: float,
        chance: float,
        seeds: np.random.SeedSequence,
    ):
        of_search, of_test = seeds.spawn(2)
        self._search_rng, self._test_rng = map(np.random.default_rng, (of_search, of_test))
        self._questions, self._order, self._target = questions, order, target
        self._precision, self._chance = precision, chance
        self._n_search = n_masks_needed(precision, chance / 2)
        # What the first try of the test asks for.
        needed = n_kept_needed(target, self._n_search, chance / 2)
        self._aim = min(needed / self._n_search, 1.0)
        self._judged: dict[bytes, bool] = {}
        self._found = [np.ones(questions.n_parts, dtype=bool)]

    def run(self) -> Tested | None:
        """Search and test.

        Returns
        -------
        Tested or None
            None: no set but the whole song passed within the budget.
        """
        budget = self._questions.budget
        for_test = min(max(2 * self._n_search, budget // 4), budget)
        self._questions.budget -= for_test
        with suppress(BudgetSpent):  # then with what was found until then
            self._search()
        self._questions.budget = budget
        try:
            return self._test()
        except BudgetSpent:
            return None

    def _search(self) -> None:
        """Put sets that are found enough into `_found`, each smaller than the one before."""
        too_few, enough = -1, len(self._order)
        while enough - too_few > 1:
            middle = (too_few + enough) // 2
            if self._take(self._set_of(self._order[:middle])):
                enough = middle
            else:
                too_few = middle
        self._prune()
        self._remake()

    def _set_of(self, parts: np.ndarray) -> np.ndarray:
        kept = np.zeros(self._questions.n_parts, dtype=bool)
        kept[parts] = True
        return kept

    def _take(self, kept: np.ndarray) -> bool:
        """Take a set if it is enough, and smaller than those before."""
        is_taken = bool(kept.sum() < self._found[-1].sum()) and self._is_enough(kept)
        if is_taken:
            self._found.append(kept)
        return is_taken

    def _prune(self) -> None:
        """Leave out what is not needed, the least promising first."""
        for part in self._order[::-1]:
            smaller = self._found[-1].copy()
            smaller[part] = False
            self._take(smaller)

    def _remake(self) -> None:
        """Replace three parts of the smallest set by two others, two by one, until it fails often.

        The others are chosen by masks that keep the remaining parts: those of them that keep two
        parts more tell how often these would keep the label.
        """
        n_fruitless = 0
        while n_fruitless < N_REMADE and self._found[-1].sum() > 1:
            inside = self._order[self._found[-1][self._order]]
            n_out = min(len(inside), 3)
            # First those that add least, then any.
            out = inside[-n_out:]
            if n_fruitless:
                out = self._search_rng.choice(inside, n_out, replace=False)
            kept = self._found[-1].copy()
            kept[out] = False
            masks, fills = self._questions.draw(kept, N_POOL, self._search_rng)
            said = self._questions.keeps(masks, fills)
            candidates = _most_telling(masks, said, np.flatnonzero(~kept), n_out - 1)
            n_fruitless += 1
            for parts in candidates[:N_FROM_POOL]:
                if self._take(kept | self._set_of(parts)):
                    self._prune()
                    n_fruitless = 0
                    break

    def _is_enough(self, kept: np.ndarray) -> bool:
        """Judge a set by masks of the search, in looks that end as soon as it is clear."""
        key = kept.tobytes()
        if key not in self._judged:
            self._judged[key] = self._judge(kept)
        return self._judged[key]

    def _judge(self, kept: np.ndarray) -> bool:
        everything = self._questions.everything_else(kept, self._n_search)
        if everything is not None:
            return bool(self._questions.keeps(*everything).mean() >= self._target)
        n, n_kept, look = 0, 0, FIRST_LOOK
        while True:
            drawn = self._questions.draw(kept, look - n, self._search_rng)
            n_kept += int(self._questions.keeps(*drawn).sum())
            n = look
            if n == self._n_search or lower_bound(n_kept, n, DOUBT) >= self._aim:
                return n_kept >= self._aim * n
            if 1 - lower_bound(n - n_kept, n, DOUBT) < self._aim:
                return False
            look = min(2 * n, self._n_search)

    def _test(self) -> Tested | None:
        """Test the sets on fresh masks, the smallest first, until one passes."""
        for n_tries, kept in enumerate(self._found[:0:-1], 1):
            chance = self._chance / 2**n_tries
            n = n_masks_needed(self._precision, chance)
            everything = self._questions.everything_else(kept, n)
            if everything is not None:
                probability = float(self._questions.keeps(*everything).mean())
                if probability >= self._target:
                    n = len(everything[0])
                    return Tested(kept, probability, probability, n, n_tries, True)
                continue
            drawn = self._questions.draw(kept, n, self._test_rng)
            n_kept = int(self._questions.keeps(*drawn).sum())
            if n_kept >= n_kept_needed(self._target, n, chance):
                low = lower_bound(n_kept, n, chance)
                return Tested(kept, n_kept / n, low, n, n_tries, False)
        return None


def _most_telling(masks: np.ndarray, said: np.ndarray, parts: np.ndarray, size: int) -> np.ndarray:
    """Return sets of one or two parts, those with which the label is kept most often first.

    Parameters
    ----------
    masks : ndarray of shape (n_masks, n_parts), dtype bool
        The masks.
    said : ndarray of shape (n_masks,), dtype bool
        Whether they keep the label.
    parts : ndarray of int
        Parts to choose from.
    size : {1, 2}
        Size of the sets.

    Returns
    -------
    ndarray of shape (n_sets, size) of int
    """
    on = masks[:, parts].astype(float)
    # One mask more of each kind, so that what few masks show counts less.
    share = (on.T @ (on * said[:, np.newaxis]) + said.mean()) / (on.T @ on + 1)
    sets = np.stack(np.triu_indices(len(parts), 1), axis=1) if size == 2 else np.arange(len(parts))
    shares = share[tuple(sets.T)] if size == 2 else np.diag(share)
    return parts[sets[np.argsort(-shares, kind="stable")]].reshape(-1, size)
