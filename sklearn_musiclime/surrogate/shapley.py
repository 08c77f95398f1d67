"""Shapley values by least squares, as in KernelSHAP.

The Shapley values are the weights of the linear model that has the model's scores for the song
itself and for silence (so that the weights add up to their difference) and fits the scores of all
other masks best, where a mask that keeps s of p components weighs
``(p - 1) / (C(p, s) * s * (p - s))``. A mask is what game theory calls a coalition of the
components that it keeps. The same number of masks is drawn of each size s, without replacement, and
all masks of sizes that have fewer (Musco and Witter 2024). Drawing each mask with its complement
reduces the variance greatly (Covert and Lee 2021). On all masks the values are exact.

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
from sklearn_musiclime.surrogate.checks import check_masks, check_sample_weight, check_scores
from sklearn_musiclime.surrogate.clusters import cluster_squares, n_usable
from sklearn_musiclime.surrogate.confidence import degrees_of_freedom
from sklearn_musiclime.surrogate.estimate import Surrogate
from sklearn_musiclime.surrogate.fidelity import weighted_r2
from sklearn_musiclime.surrogate.hat_matrix import left_out_residuals, projection, residual_scale
from sklearn_musiclime.surrogate.ridge import ENOUGH


def shapley_kernel_weights(masks: np.ndarray) -> np.ndarray:
    """Compute KernelSHAP's weights of masks, with which a linear fit gives Shapley values.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components), dtype bool
        Masks, each of them once.

    Returns
    -------
    ndarray of shape (n_samples,)
        ``(p - 1) / (C(p, s) * s * (p - s))`` where s of p components are kept. 0 for the masks that
        keep all components or none: :func:`fit_shapley` takes their scores as constraints.

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
    """Estimate Shapley values by constrained weighted least squares.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components), dtype bool
        True where a component is kept. One mask must keep all components, and one none.
    predictions : ndarray of shape (n_samples,) or (n_samples, n_labels)
        The model's scores.
    sample_weight : ndarray of shape (n_samples,), or None, default=None
        Weights of the masks: :func:`shapley_kernel_weights` if all masks were enumerated. None:
        those of `sampling`.
    sampling : Sampling or None, default=None
        How the masks were drawn. None: independently, in proportion to Shapley's kernel.

    Returns
    -------
    Surrogate
        Its weights are the Shapley values, its intercept is the score with all components off;
        together they add up to the score with all components on.

    Raises
    ------
    ValueError
        The mask that keeps all components or the one that keeps none is missing, or there is no
        mask between them; shapes don't match; scores are NaN or infinite.

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
    weight[[everything[0], nothing[0]]] = 0.0  # their scores are constraints
    if p > 1 and not weight.any():
        raise ValueError("Shapley values need masks between everything and nothing: more n_samples")

    # Least squares with the constraint that the weights add up to `total`: a Lagrange multiplier.
    Z = masks.astype(float)
    Y = predictions - empty
    projected = projection(Z, weight)
    free = projected.T @ (weight[:, np.newaxis] * Y)
    ones = projected.T @ (weight * projected.sum(axis=1))  # inverse normal matrix times ones
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
    # The Shapley value of a single component is its constraint and needs no other mask.
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
        weight=weight,
        left_out=left_out,
    )
