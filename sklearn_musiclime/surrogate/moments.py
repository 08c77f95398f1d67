"""Weights of the surrogate from the known moments of the masks: right for any number of masks.

Least squares divides the covariances of scores and masks by the covariance matrix of the masks that
were drawn. But that of *all* masks is known, since a mask is as likely, and weighs as much, as any
other that keeps as many components. With z a mask, m and M the mean and the covariance matrix of
all masks under the kernel, and w the weights of the n drawn ones::

    weights = M^-1 sum_i w_i (z_i - m) (f_i - mean(f)) / sum_i w_i

This is a mean over clusters of masks: it has no bias and needs no more masks than components, and
its standard error is that of a mean. In exchange it is noisier than least squares where scores are
nearly linear in the masks, since it does not fit the other components. It is thus the estimator for
scores whose linear part is known already, such as those of a model less those of its proxy
(:mod:`sklearn_musiclime.proxy`).

Shapley values are the weights of least squares with Shapley's kernel that add up to the difference
in score of the song and silence. There M is such that only deviations from their mean remain.

References
----------
Covert, Lee, "Improving KernelSHAP: practical Shapley value estimation via linear regression",
AISTATS 2021: the estimator for Shapley values, called unbiased KernelSHAP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from sklearn_musiclime.surrogate.clusters import cluster_squares, n_usable, sum_by_cluster
from sklearn_musiclime.surrogate.confidence import degrees_of_freedom
from sklearn_musiclime.surrogate.estimate import Surrogate
from sklearn_musiclime.surrogate.fidelity import estimate_fidelity, weighted_r2
from sklearn_musiclime.surrogate.kernel import kernel_of_sizes, kernel_weights

if TYPE_CHECKING:
    from sklearn_musiclime.neighbourhood import Neighbourhood

FEWEST_CLUSTERS = 10
"""Clusters of masks that a standard error takes at least."""
TINY = 1e-12
"""What divides 0 where a single cluster has all of the weight."""


def fit_by_moments(
    neighbourhood: Neighbourhood,
    scores: np.ndarray,
    *,
    kernel: str = "exponential",
    kernel_width: float = 0.25,
) -> Surrogate:
    """Fit the surrogate of a joint neighbourhood by the known moments of its masks.

    Parameters
    ----------
    neighbourhood : Neighbourhood
        Masks of a joint design, drawn for this kernel. With "shapley" the first two keep everything
        and nothing.
    scores : ndarray of shape (n_samples, n_labels)
        Scores of its perturbed songs.
    kernel : {"exponential", "shapley"}, default="exponential"
        Kernel of the surrogate.
    kernel_width : float, default=0.25
        Width of the exponential kernel, in cosine distance.

    Returns
    -------
    Surrogate
        Its weights have no bias, however few masks there are; `is_sufficient` tells whether there
        are enough of them for standard errors.

    Examples
    --------
    Weights from fewer masks than components, and the same from all masks:

    >>> import numpy as np
    >>> from sklearn_musiclime.neighbourhood import draw_neighbourhood
    >>> from sklearn_musiclime.surrogate import fit_by_moments, fit_neighbourhood
    >>> rng = np.random.default_rng(0)
    >>> few = draw_neighbourhood("paired", 8, 6, 12, rng)
    >>> every = draw_neighbourhood("exhaustive", 8, 6, 2**14, rng)
    >>> both = [n.masks[:, [0]] & n.masks[:, [1]] for n in (few, every)]
    >>> float(fit_neighbourhood(every, 1.0 * both[1]).weights[0, 0].round(2))
    0.55
    >>> estimate = fit_by_moments(few, 1.0 * both[0])
    >>> bool(estimate.low[0, 0] < 0.55 < estimate.high[0, 0])
    True
    """
    masks, sampling = neighbourhood.masks.astype(float), neighbourhood.sampling
    side, n_labels, p = sampling.sides[0], scores.shape[1], masks.shape[1]
    if kernel == "shapley":
        weight = np.where(np.arange(len(masks)) < 2, 0.0, sampling.sample_weight)
        about = masks - masks.mean(axis=1, keepdims=True)
        # All masks that keep s of p components weigh (p - 1) / (s (p - s)) together.
        directions = about * (weight.sum() * p / max(p - 1, 1))
        fixed = np.repeat((scores[0] - scores[1])[:, np.newaxis] / max(p, 1), p, axis=1)
    else:
        weight = kernel_weights(neighbourhood.masks, kernel_width) * sampling.sample_weight
        mean, own, shared = _moments(p, kernel_width)
        about = masks - mean
        # The inverse of a matrix with own + shared on its diagonal and shared elsewhere.
        common = about.sum(axis=1, keepdims=True) * shared / ((own + p * shared) or 1.0)
        directions = (about - common) / own
        fixed = np.zeros((n_labels, p))
    weight = weight / (weight.sum() or 1.0)
    centre = weight @ scores
    _, cluster = np.unique(side.clusters, return_inverse=True)
    n_clusters, rest = n_usable(weight, cluster), 1 - np.bincount(cluster, weight)[cluster]
    # Of a stratified draw, deviations are from the strata's means, which is corrected for there.
    correction = n_clusters / max(n_clusters - 1, TINY) if side.strata is None else 1.0
    scale = np.full(cluster.max() + 1, correction)
    weights, std_err, dof = fixed.copy(), np.empty_like(fixed), np.empty_like(fixed)
    moves = np.empty_like(scores)  # of the fit to a sample, when its cluster is left out
    # Scores are taken about the mean of the other clusters, which has no part of them.
    moved = sum_by_cluster(weight[:, np.newaxis] * (scores - centre), cluster)
    moved = (moved * side.left_to_chance)[cluster] / np.maximum(rest, TINY)[:, np.newaxis]
    for label, score in enumerate((scores - centre + moved).T):
        shares = directions * (weight * score)[:, np.newaxis]
        varying = shares.sum(axis=0)
        weights[label] += varying
        error = shares - np.outer(weight, varying)
        squares = cluster_squares(error, side, scale) * side.left_to_chance
        std_err[label] = np.sqrt(squares.sum(axis=0))
        dof[label] = degrees_of_freedom(squares, n_clusters - 1)
        moves[:, label] = (about * sum_by_cluster(error, cluster)[cluster]).sum(axis=1)
    moves /= np.maximum(rest, TINY)[:, np.newaxis]
    if kernel == "shapley":
        intercept = scores[1]
    else:
        intercept = centre - mean * weights.sum(axis=1)
        moves += moved
    residual = scores - masks @ weights.T - intercept
    left_out = residual + moves
    return Surrogate(
        weights=weights,
        intercept=intercept,
        score=weighted_r2(scores, residual, weight),
        fidelity=estimate_fidelity(scores, residual, left_out, weight, sampling),
        local_prediction=intercept + weights.sum(axis=1),
        std_err=std_err,
        dof=dof,
        penalty=np.zeros(n_labels),
        is_sufficient=n_clusters >= FEWEST_CLUSTERS,
        weight=weight,
        left_out=left_out,
    )


def _moments(n_components: int, kernel_width: float) -> tuple[float, float, float]:
    """Mean of a component over all masks, its own variance, and the covariance all share.

    The variance of a component is the sum of the second and the third.
    """
    sizes = np.arange(n_components + 1)
    weight = stats.binom.pmf(sizes, n_components, 0.5)
    weight = weight * kernel_of_sizes(sizes, n_components, kernel_width)
    weight = weight / weight.sum()
    mean = weight @ sizes / max(n_components, 1)
    both = weight @ (sizes * (sizes - 1)) / max(n_components * (n_components - 1), 1)
    return mean, mean - both, both - mean**2
