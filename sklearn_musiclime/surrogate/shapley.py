"""Shapley values by least squares, as KernelSHAP finds them.

The Shapley values are the weights of the linear model that keeps to the score of the song itself
and of its silence (their difference is what the weights add up to) and is closest to all other
scores, each subset of s of p components weighing ``(p - 1) / (C(p, s) * s * (p - s))``. Masks are
drawn by size, as many of each as of every other, and none twice; small sizes, of which there are
few, are all there (Musco and Witter 2024). With their complements the answer has far less noise
(Covert and Lee 2021). On all masks it is exact.

References
----------
Lundberg, Lee, "A unified approach to interpreting model predictions", NeurIPS 2017.

Covert, Lee, "Improving KernelSHAP: practical Shapley value estimation via linear regression",
AISTATS 2021.

Musco, Witter, "Provably accurate Shapley value estimation via leverage score sampling", arXiv
2410.01917.
"""

from __future__ import annotations

import numpy as np

from sklearn_musiclime.neighbourhood.masks import shapley_weights
from sklearn_musiclime.neighbourhood.sampling import Sampling
from sklearn_musiclime.surrogate.errors import (
    cluster_squares,
    degrees_of_freedom,
    left_out_residuals,
    n_usable,
    projection,
    residual_scale,
)
from sklearn_musiclime.surrogate.linear import (
    ENOUGH,
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
    return shapley_weights(check_masks(masks))


def fit_shapley(
    masks: np.ndarray,
    predictions: np.ndarray,
    *,
    sample_weight: np.ndarray | None = None,
    sampling: Sampling | None = None,
) -> Surrogate:
    """Fit Shapley values.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components), dtype bool
        True where a component is kept. The mask of everything and that of nothing are among them.
    predictions : ndarray of shape (n_samples, n_labels)
        The model's scores.
    sample_weight : ndarray of shape (n_samples,), or None, default=None
        :func:`shapley_kernel_weights`, for masks that were enumerated. None: that of `sampling`.
    sampling : Sampling or None, default=None
        How the masks were drawn. None: in proportion to Shapley's kernel, each on its own.

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
    sampling = Sampling.independent(n_samples) if sampling is None else sampling
    if sample_weight is None:
        sample_weight = sampling.sample_weight
    weight = check_sample_weight(sample_weight, n_samples).copy()
    weight[[everything[0], nothing[0]]] = 0.0  # constraints
    if p > 1 and not weight.any():
        raise ValueError("Shapley values need masks between everything and nothing: more n_samples")

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
    residual = predictions - fitted
    constrained = projected - np.outer(Z @ ones, ones) / norm
    side = sampling.sides[0]
    scale = residual_scale(Z, constrained, weight, side.clusters)
    n_clusters = n_usable(weight, side.clusters)
    std_err, dof = np.empty((2, *weights.shape))
    for label, rest in enumerate(residual.T):
        error = constrained * (weight * rest)[:, np.newaxis]
        squares = cluster_squares(error, side, scale) * side.left_to_chance
        std_err[label] = np.sqrt(squares.sum(axis=0))
        dof[label] = degrees_of_freedom(squares, n_clusters - p)
    # What the constraint leaves no room for is known whatever the masks.
    left_out = residual
    if not side.is_complete and p > 1:
        left_out = left_out_residuals(residual, Z, constrained, weight, side.clusters)
    return Surrogate(
        weights=weights,
        intercept=empty,
        score=weighted_r2(predictions, residual, weight) if p > 1 else np.ones(len(total)),
        fidelity=weighted_r2(predictions, left_out, weight) if p > 1 else np.ones(len(total)),
        local_prediction=empty + weights.sum(axis=1),
        std_err=std_err,
        dof=dof,
        penalty=np.zeros(len(total)),
        is_sufficient=side.is_complete or n_clusters >= ENOUGH * (p - 1),
    )
