"""Models whose answers depend on few components, so that the true weights can be enumerated."""

from math import factorial

import numpy as np
from scipy.special import expit
from scipy.stats import binom
from sklearn.ensemble import RandomForestClassifier

from sklearn_musiclime.surrogate import kernel_weights

N_AUDIO, N_LYRICS = 24, 16
N_PLAYERS = 8
"""Components that a model goes by: four of the audio, four of the lyrics."""
PLAYERS = np.array([0, 5, 11, 20, 24, 27, 33, 39])
EFFECTS = np.array([1.5, -1.0, 0.8, 0.4, 1.2, 0.6, -0.5, 0.3])


def _forest():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (400, N_PLAYERS))
    y = (x @ EFFECTS + x[:, 0] * x[:, 4] + rng.normal(0, 0.5, 400)) > 1.5
    forest = RandomForestClassifier(50, min_samples_leaf=5, random_state=0).fit(x, y)
    table = forest.predict_proba(all_masks(N_PLAYERS))[:, 1]
    return lambda x: table[(x @ (1 << np.arange(N_PLAYERS))).astype(int)]


def all_masks(n):
    """All masks of n components, by the number that they are in binary."""
    return (np.arange(2**n)[:, np.newaxis] >> np.arange(n)) & 1


MODELS = {
    "logistic near 0.5": lambda x: expit((x - 0.5) @ EFFECTS),
    "logistic near 1": lambda x: expit(5 + 1.5 * (x - 1) @ EFFECTS),
    "rare class, 1e-4": lambda x: expit(-9.2 + 2 * (x - 0.5) @ EFFECTS),
    "forest": _forest(),
    "threshold": lambda x: (x[:, [0, 1, 2, 4, 5, 6]].sum(axis=1) > 3).astype(float),
    "product of three": lambda x: x[:, 0] * x[:, 1] * x[:, 4],
    "additive": lambda x: x @ EFFECTS,
    "heavy tails": lambda x: np.exp(2 * (x - 0.5) @ EFFECTS),
}


def scores(model, masks):
    """Scores of masks over all components, (n_masks, 1)."""
    return model(np.asarray(masks, dtype=float)[:, PLAYERS])[:, np.newaxis]


def true_weights(model, kernel_width):
    """Weights of weighted least squares over all 2 ** 40 masks.

    Components that the model does not go by are alike, so of theirs only the number kept counts.
    """
    p = N_AUDIO + N_LYRICS
    players, n_others = all_masks(N_PLAYERS), p - N_PLAYERS
    kept = np.arange(n_others + 1)
    x = np.repeat(players, len(kept), axis=0).astype(float)
    others = np.tile(kept, len(players))
    chance = np.tile(binom.pmf(kept, n_others, 0.5), len(players)) / len(players)
    sizes = np.tri(p + 1, p, -1, dtype=bool)  # one mask of each size, for its kernel weight
    weight = chance * kernel_weights(sizes, kernel_width)[(x.sum(axis=1) + others).astype(int)]
    columns = np.column_stack([np.ones(len(x)), x, others])
    gram = (columns.T * weight) @ columns
    solution = np.linalg.solve(gram, columns.T @ (weight * model(x)))
    weights = np.full(p, solution[-1])
    weights[PLAYERS] = solution[1:-1]
    return weights


def true_shapley(model):
    """Shapley values by their definition; 0 for what the model does not go by."""
    masks = all_masks(N_PLAYERS)
    values, sizes = model(masks.astype(float)), masks.sum(axis=1)
    weights = np.zeros(N_AUDIO + N_LYRICS)
    for k, player in enumerate(PLAYERS):
        without = np.flatnonzero(masks[:, k] == 0)
        chance = [factorial(s) * factorial(N_PLAYERS - s - 1) for s in sizes[without].tolist()]
        gain = values[without + (1 << k)] - values[without]
        weights[player] = np.dot(chance, gain) / factorial(N_PLAYERS)
    return weights
