"""How far explanations agree with each other: over seeds, by their top or by their ranks."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from scipy.stats import rankdata, spearmanr
from sklearn.base import clone

from sklearn_musiclime.explainer import MusicLimeExplainer
from sklearn_musiclime.metrics.songwise import summed_weights

ROUNDING = 1e-9
"""Weights that differ by less than this fraction of the largest count as equal."""


def stability(
    explainer: MusicLimeExplainer,
    X: Any,
    *,
    n_runs: int = 5,
    n_top: int = 10,
    measure: str = "overlap",
) -> np.ndarray:
    """Agreement of explanations that differ in their random seed only.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted explainer.
    X : DataFrame or object array
        The songs.
    n_runs : int, default=5
        Number of explanations with different seeds, at least 2.
    n_top : int, default=10
        Number of largest weights that "overlap" compares, but at most half of the components.
    measure : {"overlap", "rank"}, default="overlap"
        Agreement of two explanations. "overlap": chance-corrected overlap of their largest weights
        (:func:`top_overlap`). "rank": Spearman's correlation of all weights
        (:func:`rank_correlation`).

    Returns
    -------
    ndarray of shape (n_songs,)
        Mean over pairs of runs: 1 if all runs agree, about 0 if they agree as much as by chance.
        NaN for a song of fewer than two components.

    Raises
    ------
    ValueError
        `measure` is unknown, `n_runs` is below 2 or `n_top` below 1.
    """
    if measure not in ("overlap", "rank"):
        raise ValueError(f"measure must be 'overlap' or 'rank', got {measure!r}")
    if n_runs < 2 or n_top < 1:
        raise ValueError(f"n_runs must be at least 2 and n_top 1, got {n_runs} and {n_top}")
    agree = partial(top_overlap, n_top=n_top) if measure == "overlap" else rank_correlation
    runs = [reseeded(explainer, seed).explain(X) for seed in range(n_runs)]
    return np.array(
        [
            np.mean([agree(a, b) for a, b in combinations(map(summed_weights, explanations), 2)])
            for explanations in zip(*runs, strict=True)
        ]
    )


def top_overlap(first: np.ndarray, second: np.ndarray, n_top: int = 10) -> float:
    """Chance-corrected overlap of the sets of largest weights of two explanations.

    Parameters
    ----------
    first, second : ndarray of shape (n_components,)
        Weights.
    n_top : int, default=10
        Size of the sets of largest ``|weight|``, but at most half of the components, since sets of
        nearly all components always overlap. Weights of 0 are left out of the sets. So are equal
        weights that compete for the last places, if there are more of them than places.

    Returns
    -------
    float
        From -1 to 1: 1 if the sets are equal, 0 in expectation for random sets. NaN for fewer than
        two components, or if a weight is NaN.

    Notes
    -----
    For sets of k1 and of k2 out of p components, with d components in exactly one of them, this is
    the stability of Nogueira et al., ``1 - d / (2 p q (1 - q))`` with ``q = (k1 + k2) / (2 p)``.
    For k1 = k2 = k and r common components it is the index of Kuncheva,
    ``(r p - k^2) / (k (p - k))``.

    References
    ----------
    Kuncheva, "A stability index for feature selection", AIA 2007.

    Nogueira, Sechidis, Brown, "On the stability of feature selection algorithms", JMLR 18 (174),
    2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.metrics import top_overlap
    >>> first, second = np.array([3.0, -2.0, 0.1, 0.2]), np.array([3.0, 0.1, -2.0, 0.2])
    >>> top_overlap(first, first, n_top=2)
    1.0
    >>> top_overlap(first, second, n_top=2)  # one of two, as chance has it
    0.0
    """
    n_components = len(first)
    if n_components < 2 or np.isnan(first).any() or np.isnan(second).any():
        return np.nan
    n_top = min(n_top, n_components // 2)
    a, b = (
        (rankdata(-_levels(w), "max") <= n_top) & (w > ROUNDING * w.max())
        for w in (np.abs(first), np.abs(second))
    )
    share = (a.sum() + b.sum()) / (2 * n_components)
    return float(1 - np.mean(a != b) / (2 * share * (1 - share))) if share else 1.0


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's correlation of two explanations' weights.

    Parameters
    ----------
    first, second : ndarray of shape (n_components,)
        Weights.

    Returns
    -------
    float
        Correlation of the ranks; 1 if both are constant, 0 if one is. NaN for fewer than two
        components, or if a weight is NaN. Weights that differ by less than a billionth of the
        largest share a rank, as the difference may be rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.metrics import rank_correlation
    >>> rank_correlation(np.array([0.1, 0.2, 0.9]), np.array([1.0, 2.0, 3.0]))
    1.0
    """
    if len(first) < 2 or np.isnan(first).any() or np.isnan(second).any():
        return np.nan
    levels = [_levels(weights) for weights in (first, second)]
    constant = [(level == 0).all() for level in levels]
    if any(constant):
        return float(all(constant))
    return float(spearmanr(*levels).statistic)


def _levels(values: np.ndarray) -> np.ndarray:
    """Rank of each value from 0, where values that differ by rounding only share a rank."""
    order = np.argsort(values)
    size = np.abs(values).max() or 1.0
    levels = np.empty(len(values), dtype=int)
    levels[order] = np.cumsum(np.diff(values[order] / size, prepend=-np.inf) > ROUNDING) - 1
    return levels


def reseeded(explainer: MusicLimeExplainer, seed: int) -> MusicLimeExplainer:
    """Return a fitted copy of an explainer with another seed, which shares the model."""
    copy = clone(explainer).set_params(random_state=seed)
    for name in (
        "model_", "classes_", "vocabulary_", "background_", "sampling_rate_", "n_features_in_",
    ):  # fmt: skip
        if hasattr(explainer, name):
            setattr(copy, name, getattr(explainer, name))
    return copy
