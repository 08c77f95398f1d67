"""Standard errors of the weights, from the way the masks were drawn.

Samples are drawn in clusters (:class:`~sklearn_musiclime.neighbourhood.Sampling`): a mask alone, a
mask with its complement ("paired"), or, in the crossed design, all samples that share a mask of one
side or its complement. Clusters are independent of each other, so the variance of a weight is the
sum of the squares of the clusters' contributions to its error: the cluster-robust sandwich
estimator. A fit makes residuals smaller than the errors, which is corrected for (HC2: MacKinnon and
White 1985, Bell and McCaffrey 2002; see :mod:`~sklearn_musiclime.surrogate.hat_matrix` for fits
with kernel weights).

In the crossed design a weight varies with the masks of its own side and, as far as the modalities
interact, with those of the other side. The variances of both are added, less the variance of single
combinations, which both contain (two-way clusters: Cameron, Gelbach, Miller 2011). Where there are
few masks in all, variances are multiplied by the fraction that was not drawn (finite population
correction: Cochran 1977): by 0 for a complete side.

Intervals use Student's t. The degrees of freedom are those of the fit (effective number of clusters
less number of coefficients), or fewer where a few clusters make up most of the variance
(Satterthwaite 1946).

References
----------
MacKinnon, White, "Some heteroskedasticity-consistent covariance matrix estimators with improved
finite sample properties", Journal of Econometrics 29, 1985.

Bell, McCaffrey, "Bias reduction in standard errors for linear regression with multi-stage samples",
Survey Methodology 28, 2002.

Cameron, Gelbach, Miller, "Robust inference with multiway clustering", JBES 29, 2011.

Cochran, "Sampling Techniques", 3rd edition, Wiley, 1977.

Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics
Bulletin 2, 1946.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse

from sklearn_musiclime.neighbourhood.sampling import Sampling
from sklearn_musiclime.surrogate.clusters import cluster_squares, n_usable, sum_by_cluster
from sklearn_musiclime.surrogate.confidence import MOST_DOF, degrees_of_freedom
from sklearn_musiclime.surrogate.hat_matrix import projection, residual_scale, with_intercept

BLOCK_BYTES = 2**26
"""Memory for the contributions of clusters that are computed at a time: 64 MiB."""


@dataclass(frozen=True)
class Errors:
    """Standard errors of weights and their degrees of freedom.

    Attributes
    ----------
    std_err : ndarray of shape (n_labels, n_components)
        Standard errors.
    dof : ndarray of shape (n_labels, n_components)
        Degrees of freedom of the standard errors.
    """

    std_err: np.ndarray
    dof: np.ndarray


def clustered_errors(
    masks: np.ndarray,
    weight: np.ndarray,
    residual: np.ndarray,
    sampling: Sampling,
    penalty: float = 0.0,
) -> Errors:
    """Compute the errors of a weighted linear fit with intercept, from a mask for each sample.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components)
        The regressors.
    weight : ndarray of shape (n_samples,)
        Weights of the samples.
    residual : ndarray of shape (n_samples, n_labels)
        Scores less fitted scores.
    sampling : Sampling
        How the masks were drawn; the columns of its sides are columns of `masks`.
    penalty : float, default=0.0
        Penalty of a ridge; 0: least squares.

    Returns
    -------
    Errors
        Of the weights, without the intercept.
    """
    centred = masks - np.average(masks, axis=0, weights=weight)
    projected = projection(centred, weight, penalty)
    rows, hat = with_intercept(centred, projected, weight)
    std_err, dof = np.zeros((2, residual.shape[1], masks.shape[1]))
    of_fit = [
        n_usable(weight, side.clusters) - masks[:, side.columns].shape[1] - 1
        for side in sampling.sides
    ]
    scales = []
    for side in sampling.sides:
        kept = np.zeros(rows.shape[1], dtype=bool)
        kept[side.columns], kept[-1] = True, True
        scales.append(residual_scale(rows[:, kept], hat[:, kept], weight, side.clusters))
    for label, rest in enumerate(residual.T):
        error = projected * (weight * rest)[:, np.newaxis]
        for number, (side, scale) in enumerate(zip(sampling.sides, scales, strict=True)):
            columns = side.columns
            own = cluster_squares(error, side, scale)[:, columns]
            if len(sampling.sides) == 1:
                own = own * side.left_to_chance
                variance = own.sum(axis=0)
                dof[label] = degrees_of_freedom(own, of_fit[0])
            else:
                other = sampling.sides[1 - number]
                met = side.clusters * (other.clusters.max(initial=0) + 1) + other.clusters
                by_meeting = np.square(sum_by_cluster(error, met)).sum(axis=0)[columns]
                variance, dof[label, columns] = two_way(
                    own,
                    np.square(sum_by_cluster(error, other.clusters))[:, columns],
                    (1 - sampling.density) * by_meeting,
                    (side.fraction, other.fraction, sampling.density),
                    (of_fit[number], of_fit[1 - number]),
                )
            std_err[label, columns] = np.sqrt(variance)
    return Errors(std_err, dof)


def crossed_errors(
    centred: tuple[np.ndarray, np.ndarray],
    weights: tuple[np.ndarray, np.ndarray],
    pairs: np.ndarray,
    score: np.ndarray,
    inverse: np.ndarray,
    sampling: Sampling,
    bases: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
) -> Errors:
    """Compute the errors of a fit to a crossed design, from the masks of its two sides.

    Parameters
    ----------
    centred : (ndarray of shape (n_audio_masks, n_audio), the same of the lyrics)
        Masks less their weighted means; masks ``2 * i`` and ``2 * i + 1`` are a cluster.
    weights : (ndarray of shape (n_audio_masks,), the same of the lyrics)
        Total weight of the samples that have each mask.
    pairs : ndarray of shape (n_samples, 2) of int
        The audio mask and the lyric mask of each sample.
    score : ndarray of shape (n_samples, n_labels)
        Residuals times sample weights.
    inverse : ndarray of shape (n_columns, n_columns)
        Inverse of the matrix of the normal equations, columns of the audio first.
    sampling : Sampling
        How the masks were drawn.
    bases : (ndarray or None, ndarray or None), default=(None, None)
        The orthonormal basis, of shape (n_components, n_columns), in which the masks of each side
        are given; None: their columns are the components.

    Returns
    -------
    Errors
        Of the components' weights, those of the audio first.
    """
    which = tuple(pairs.T)
    n_columns = centred[0].shape[1]
    parts = (slice(0, n_columns), slice(n_columns, None))
    scales, dofs = [], []
    for c, w, part in zip(centred, weights, parts, strict=True):
        clusters = np.arange(len(w)) // 2
        hat = with_intercept(c, c @ inverse[part, part], w)
        scales.append(residual_scale(*hat, w, clusters))
        dofs.append(n_usable(w, clusters) - c.shape[1] - 1)
    if any(basis is not None for basis in bases):
        inverse = np.hstack(
            [
                inverse[:, part] if basis is None else inverse[:, part] @ basis.T
                for part, basis in zip(parts, bases, strict=True)
            ]
        )
        n_columns = n_columns if bases[0] is None else len(bases[0])
    sides = (slice(0, n_columns), slice(n_columns, None))
    fractions = [side.fraction for side in sampling.sides]
    meeting = which[0] // 2 * len(centred[1]) + which[1] // 2
    std_err, dof = np.zeros((2, score.shape[1], inverse.shape[1]))
    for label, values in enumerate(score.T):
        added = [
            np.square(_influence(centred, which, values, mask // 2, inverse)) for mask in which
        ]
        # The variances of both sides contain that of single combinations of an audio and a lyric
        # cluster, so it is subtracted once. The denser the grid, the less of it: on a complete one
        # the effect of a mask by itself cancels out of the weights of the other side.
        by_meeting = (1 - sampling.density) * _squares_by_cluster(
            centred, which, values, meeting, inverse
        )
        for number, columns in enumerate(sides):
            own, other = added[number][:, columns], added[1 - number][:, columns]
            variance, dof[label, columns] = two_way(
                scales[number][: len(own), np.newaxis] * own, other, by_meeting[columns],
                (fractions[number], fractions[1 - number], sampling.density),
                (dofs[number], dofs[1 - number]),
            )  # fmt: skip
            std_err[label, columns] = np.sqrt(variance)
    return Errors(std_err, dof)


def two_way(
    own: np.ndarray,
    other: np.ndarray,
    by_meeting: np.ndarray,
    fractions: tuple[float, float, float],
    dofs: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Add up the variances that come from the two sides of a crossed design.

    Parameters
    ----------
    own : ndarray of shape (n_clusters, n_components)
        Squared contribution to the weights' error of each cluster of the side that the components
        belong to.
    other : ndarray of shape (n_other_clusters, n_components)
        The same for the clusters of the other side.
    by_meeting : ndarray of shape (n_components,)
        Variance of single combinations of clusters, which `own` and `other` both contain.
    fractions : (float, float, float)
        Fraction of all masks that was drawn on the own side, and on the other side; fraction of
        the combinations of drawn masks that was scored.
    dofs : (float, float)
        Degrees of freedom of the fit to the own side, and to the other side.

    Returns
    -------
    variance, dof : ndarray of shape (n_components,)
        Variances of the weights and their degrees of freedom.
    """
    f_own, f_other, density = fractions
    first = (1 - f_own) * own.sum(axis=0)
    second = (1 - f_other) * np.maximum(other.sum(axis=0) - by_meeting, 0.0)
    # The factor 1 - f_own takes the variance of the combinations out of `first`, though on a
    # complete own side they still vary with the masks drawn on the other side: it is added here.
    second = second + f_own * (1 - f_other * density) * by_meeting
    variance = first + second
    part = np.divide(first, variance, out=np.zeros_like(variance), where=variance > 0)
    uneven = np.square(part) / np.maximum(degrees_of_freedom(own, dofs[0]), 1)
    uneven += np.square(1 - part) / np.maximum(degrees_of_freedom(other, dofs[1]), 1)
    dof = 1 / np.maximum(uneven, 1 / MOST_DOF)
    # No interval is known where the fit leaves the own side less than one degree of freedom.
    return variance, np.where((dofs[0] < 1) & (f_own < 1), dofs[0], np.minimum(dof, MOST_DOF))


def _influence(
    centred: tuple[np.ndarray, np.ndarray],
    which: tuple[np.ndarray, np.ndarray],
    score: np.ndarray,
    clusters: np.ndarray,
    inverse: np.ndarray,
) -> np.ndarray:
    """Contribution of clusters to the error of a label's weights, (n_clusters, n_components).

    `which` is (audio mask of each sample, lyric mask of each sample), `score` the label's weighted
    residuals, `clusters` the cluster of each sample; `centred` and `inverse` are as in
    :func:`crossed_errors`.
    """
    n_clusters = clusters.max(initial=-1) + 1
    parts = [
        scipy.sparse.csr_array((score, (clusters, rows)), shape=(n_clusters, len(masks))) @ masks
        for masks, rows in zip(centred, which, strict=True)
    ]
    return np.hstack(parts) @ inverse


def _squares_by_cluster(
    centred: tuple[np.ndarray, np.ndarray],
    which: tuple[np.ndarray, np.ndarray],
    score: np.ndarray,
    clusters: np.ndarray,
    inverse: np.ndarray,
) -> np.ndarray:
    """Sum of squares of :func:`_influence` over all clusters, in blocks, (n_components,)."""
    order = np.argsort(clusters, kind="stable")
    numbers = np.cumsum(np.diff(clusters[order], prepend=clusters[order[:1]]) != 0)
    total = np.zeros(inverse.shape[1])
    n_clusters = max(BLOCK_BYTES // (8 * max(len(total), 1)), 1)
    for first in range(0, numbers[-1] + 1, n_clusters):
        low, high = np.searchsorted(numbers, [first, first + n_clusters])
        rows = order[low:high]
        influence = _influence(
            centred,
            (which[0][rows], which[1][rows]),
            score[rows],
            numbers[low:high] - first,
            inverse,
        )
        total += np.square(influence).sum(axis=0)
    return total
