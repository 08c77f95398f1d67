"""Interactions from joint masks: each by itself, then the significant ones together."""

from __future__ import annotations

import numpy as np

from sklearn_musiclime.surrogate.fidelity import negligible
from sklearn_musiclime.surrogate.hat_matrix import leverage_scale
from sklearn_musiclime.surrogate.interactions.all_pairs import AllPairs, folded
from sklearn_musiclime.surrogate.interactions.pairs import (
    Interactions,
    exact_interactions,
    without_rounding,
)
from sklearn_musiclime.surrogate.interactions.significance import (
    FALSE_DISCOVERIES,
    compute_q_values,
)

MAX_SCREENED = 2_000_000
"""Up to this many pairs (2,000 components) all are screened; beyond, only the requested ones."""
MAX_OPERATIONS = 2e10
"""Largest number of multiplications for exact squares of products; beyond, their mean is used."""
MAX_ROUNDS = 20
"""Largest number of rounds of fitting the significant interactions and testing the others again."""


def joint_interactions(
    masks: np.ndarray,
    scores: np.ndarray,
    pairs: np.ndarray,
    *,
    design: str,
    fraction: float = 0.0,
    known: AllPairs | None = None,
) -> Interactions:
    """Estimate interactions from masks over all components, without kernel weights.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components), dtype bool
        The masks. In the paired design rows ``2 * i`` and ``2 * i + 1`` are complements.
    scores : ndarray of shape (n_samples, n_labels)
        The model's scores.
    pairs : ndarray of shape (n_pairs, 2) of int
        Positions of the components of the requested pairs. Up to two million pairs, all pairs of a
        song are screened for significant ones; beyond, only the requested ones.
    design : {"paired", "independent", "exhaustive"}
        How the masks were drawn; "exhaustive" takes all masks, and gives standard errors of 0.
    fraction : float, default=0.0
        Fraction of all masks that was drawn, without replacement. 0: drawn with replacement.
    known : AllPairs or None, default=None
        Interactions of what was subtracted from the scores: of a proxy's predictions. They are
        added to those of `scores`, which are then corrections.

    Returns
    -------
    Interactions
    """
    floors = negligible(scores)
    if not len(masks) or not len(pairs):
        nothing = np.zeros((scores.shape[1], len(pairs)))
        return Interactions(pairs, nothing, nothing, np.ones_like(nothing), nothing)
    if design == "exhaustive":
        coded = masks - 0.5
        weights = np.stack(
            [
                16 / len(masks) * (coded.T @ (coded * s[:, np.newaxis]))[tuple(pairs.T)]
                for s in scores.T
            ]
        )
        return exact_interactions(pairs, without_rounding(weights, floors[:, np.newaxis]))
    coded, response, basis = folded(masks, scores, design)
    if known is None:
        known = AllPairs.none(scores.shape[1], masks.shape[1])
    parts = [
        _screened(coded, r, basis, pairs, floor, 1 - fraction, weights, variance)
        for r, floor, weights, variance in zip(
            response.T, floors, known.weights, known.variance, strict=True
        )
    ]
    return Interactions(pairs, *(np.stack(values) for values in zip(*parts, strict=True)))


def _screened(
    coded: np.ndarray,
    response: np.ndarray,
    basis: np.ndarray,
    pairs: np.ndarray,
    floor: float,
    left_to_chance: float,
    known: np.ndarray,
    known_variance: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weights, standard errors, q-values and degrees of freedom of pairs, for a single label.

    This is the estimator for joint masks of the package's docstring. `coded` are the masks as -1/2
    and 1/2, `response` the scores; the columns of `basis` are orthonormal and are regressed out of
    the scores and of the products. `left_to_chance` is the finite population correction. `known`,
    (n_components, n_components), are interactions to add, each of variance `known_variance`.
    """
    n, p = coded.shape
    n_free = n - basis.shape[1]
    if n_free < 1:
        unknown = np.zeros(len(pairs))
        return unknown, unknown, np.ones(len(pairs)), unknown
    if p * (p - 1) // 2 <= MAX_SCREENED:
        everyone = np.triu_indices(p, 1)
        place = np.zeros((p, p), dtype=int)
        place[everyone] = np.arange(len(everyone[0]))
        asked = place[np.minimum(*pairs.T), np.maximum(*pairs.T)]
    else:
        everyone, asked = tuple(pairs.T), np.arange(len(pairs))
    offset = known[everyone]
    firsts, first_at = np.unique(everyone[0], return_inverse=True)
    seconds, second_at = np.unique(everyone[1], return_inverse=True)
    squares = _free_squares(coded, basis, firsts, seconds)[first_at, second_at]
    chosen: list[int] = []
    residual = response
    for _ in range(MAX_ROUNDS):
        # Each product is fitted alone, since the others are nearly orthogonal to it.
        products = coded[:, firsts].T @ (coded[:, seconds] * residual[:, np.newaxis])
        weights = without_rounding(offset + products[first_at, second_at] / squares, floor)
        dof = n_free - len(chosen)
        variance = left_to_chance * np.sum(np.square(residual)) / max(dof, 1)
        std_err = np.sqrt(variance / squares + known_variance)
        q_values = compute_q_values(weights, std_err, dof)
        new = np.flatnonzero(q_values <= FALSE_DISCOVERIES)
        new = new[~np.isin(new, chosen)]
        new = new[np.argsort(q_values[new], kind="stable")][: max(n_free // 4 - len(chosen), 0)]
        if not len(new):
            break
        chosen += new.tolist()
        left, right = (index[chosen] for index in everyone)
        X = coded[:, left] * coded[:, right]
        X = X - basis @ (basis.T @ X)
        inverse = np.linalg.pinv(X.T @ X, hermitian=True)
        together = without_rounding(inverse @ (X.T @ response), floor)
        residual = response - X @ together
    if chosen:
        projected = X @ inverse
        taken = np.einsum("ij,ij->i", projected, X) + np.square(basis).sum(axis=1)
        rest = leverage_scale(taken) * np.square(residual)
        weights[chosen] = offset[chosen] + together
        std_err[chosen] = np.sqrt(left_to_chance * (rest @ np.square(projected)) + known_variance)
    # q-values over the requested pairs alone: significant pairs that were not requested would
    # otherwise let more false ones pass.
    dof = n_free - len(chosen)
    q_values = compute_q_values(weights[asked], std_err[asked], dof)
    return weights[asked], std_err[asked], q_values, np.full(len(pairs), float(dof))


def _free_squares(
    coded: np.ndarray, basis: np.ndarray, firsts: np.ndarray, seconds: np.ndarray
) -> np.ndarray:
    """Sums of squares of products of columns once `basis` is regressed out, (n_firsts, n_seconds).

    Products are 1/4 or -1/4, so each sum is about (n - n_taken) / 16; where computing all of them
    would take too long, this mean is returned for all.
    """
    n, n_taken = basis.shape
    if n * n_taken * len(firsts) * len(seconds) > MAX_OPERATIONS:
        return np.full((len(firsts), len(seconds)), (n - n_taken) / 16)
    taken = np.zeros((len(firsts), len(seconds)))
    for column in basis.T:
        taken += np.square(coded[:, firsts].T @ (coded[:, seconds] * column[:, np.newaxis]))
    # A product that the single components explain entirely has a sum of 0: keep divisions finite.
    return np.maximum(n / 16 - taken, 1e-6 * n)
