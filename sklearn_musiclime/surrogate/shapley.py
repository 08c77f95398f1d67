"""Shapley values by least squares, as KernelSHAP finds them.

The Shapley values are the weights of the linear model that keeps to the score of the song itself
and of its silence (their difference is what the weights add up to) and is closest to all other
scores, each subset of s of p components weighing ``(p - 1) / (C(p, s) * s * (p - s))``. Masks that
are drawn as often as they weigh all count alike; with their complements the answer has far less
noise (Covert and Lee 2021). On all masks it is exact.

References
----------
Lundberg, Lee, "A unified approach to interpreting model predictions", NeurIPS 2017.

Covert, Lee, "Improving KernelSHAP: practical Shapley value estimation via linear regression",
AISTATS 2021.
"""

from __future__ import annotations

import numpy as np
from scipy.special import comb

from sklearn_musiclime.surrogate.errors import projection, sandwich, unit_scale
from sklearn_musiclime.surrogate.linear import (
    Surrogate,
    check_masks,
    check_sample_weight,
    check_scores,
    weighted_r2,
)


def shapley_kernel_weights(masks: np.ndarray) -> np.ndarray:
    """Weigh masks so that a linear fit gives Shapley values.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components), dtype bool
        Masks, each subset once.

    Returns
    -------
    ndarray of shape (n_samples,)
        ``(p - 1) / (C(p, s) * s * (p - s))`` for s of p components kept; 0 for all and for none,
        whose weight would be infinite: they are constraints.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate import shapley_kernel_weights
    >>> shapley_kernel_weights(np.tri(4, 3, -1, dtype=bool)).round(3)
    array([0.   , 0.333, 0.333, 0.   ])
    """
    masks = check_masks(masks)
    p, kept = masks.shape[1], masks.sum(axis=1)
    inside = (kept > 0) & (kept < p)
    s = np.where(inside, kept, 1)
    chance = np.where(inside, comb(p, s) * s * (p - s), 1)
    return np.where(inside, (p - 1) / chance, 0.0)


def fit_shapley(
    masks: np.ndarray,
    predictions: np.ndarray,
    *,
    sample_weight: np.ndarray | None = None,
    units: np.ndarray | None = None,
) -> Surrogate:
    """Fit Shapley values.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components), dtype bool
        True where a component is kept. The mask of everything and that of nothing are among them.
    predictions : ndarray of shape (n_samples, n_labels)
        The model's scores.
    sample_weight : ndarray of shape (n_samples,), or None, default=None
        :func:`shapley_kernel_weights`, for masks that were enumerated. None: masks were drawn in
        proportion to them.
    units : ndarray of shape (n_samples,) of int, or None, default=None
        Which masks were drawn together. None: each on its own.

    Returns
    -------
    Surrogate
        Its weights are the Shapley values: they add up to the score of everything less that of
        nothing, which is the intercept.

    Raises
    ------
    ValueError
        The mask of everything or that of nothing is missing, or there is no other; shapes don't
        match; scores are NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.neighbourhood import draw_masks
    >>> from sklearn_musiclime.surrogate import fit_shapley, shapley_kernel_weights
    >>> masks = draw_masks("exhaustive", 3, 8, np.random.default_rng(0))
    >>> scores = 1.0 * masks[:, [0]] + 3.0 * (masks[:, [1]] & masks[:, [2]])
    >>> shapley = fit_shapley(masks, scores, sample_weight=shapley_kernel_weights(masks))
    >>> shapley.weights.round(6)
    array([[1. , 1.5, 1.5]])
    """
    masks = check_masks(masks)
    predictions = check_scores(predictions, len(masks))
    n_samples, p = masks.shape
    everything, nothing = np.flatnonzero(masks.all(axis=1)), np.flatnonzero(~masks.any(axis=1))
    if not (len(everything) and len(nothing)):
        raise ValueError("Shapley values need the mask of everything and the mask of nothing")
    empty, total = predictions[nothing[0]], predictions[everything[0]] - predictions[nothing[0]]
    weight = check_sample_weight(sample_weight, n_samples).copy()
    weight[[everything[0], nothing[0]]] = 0.0  # constraints
    if p > 1 and not weight.any():
        raise ValueError("Shapley values need masks between everything and nothing: more n_samples")
    units = np.arange(n_samples) if units is None else units

    # Least squares under the constraint that the weights add up to the total, by a multiplier.
    Z = masks.astype(float)
    Y = predictions - empty
    projected = projection(Z, weight)
    free = projected.T @ (weight[:, np.newaxis] * Y)
    ones = projected.T @ (weight * projected.sum(axis=1))  # the inverse times 1
    norm = ones.sum() or 1.0  # 0 where no mask lies between everything and nothing
    weights = (free + np.outer(ones, total - free.sum(axis=0)) / norm).T
    if p == 1:  # nothing lies between everything and nothing
        weights = total[:, np.newaxis]
    fitted = Z @ weights.T + empty
    residual = weight[:, np.newaxis] * (predictions - fitted)
    constrained = projected - np.outer(Z @ ones, ones) / norm
    scale = unit_scale(Z, constrained, weight, units)
    return Surrogate(
        weights=weights,
        intercept=empty,
        score=weighted_r2(predictions, fitted, weight) if p > 1 else np.ones(len(total)),
        local_prediction=empty + weights.sum(axis=1),
        std_err=np.sqrt(sandwich(constrained, residual, units, scale)),
    )
