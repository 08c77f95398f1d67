"""Standard errors of the weights, from the way the masks were drawn.

Samples are drawn in clusters (:class:`~sklearn_musiclime.neighbourhood.Sampling`): a mask alone, a
mask with its complement ("paired"), or, in the crossed design, all samples that share a mask of one
side or its complement. Clusters are independent of each other, so the variance of a weight is the
sum of the squares of the clusters' contributions to its error: the cluster-robust sandwich
estimator. A fit makes residuals smaller than the errors, which is corrected for (HC2: MacKinnon and
White 1985, Bell and McCaffrey 2002; see :func:`residual_scale` for fits with kernel weights).

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

Kish, "Survey Sampling", Wiley, 1965.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse
from scipy import stats

from sklearn_musiclime.neighbourhood.sampling import Sampling, Side

BLOCK_BYTES = 2**26
"""Memory for the contributions of clusters that are computed at a time: 64 MiB."""
CONFIDENCE_LEVEL = 0.95
"""Default confidence level of intervals."""
MOST_DOF = 1e6
"""Largest number of degrees of freedom, also that of exact values: Student's t is normal there."""


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


def margin(
    std_err: np.ndarray, dof: np.ndarray, confidence_level: float = CONFIDENCE_LEVEL
) -> np.ndarray:
    """Compute the half-width of confidence intervals, by Student's t.

    Parameters
    ----------
    std_err : ndarray
        Standard errors.
    dof : ndarray or float
        Their degrees of freedom.
    confidence_level : float, default=0.95
        Probability with which an interval contains the true value.

    Returns
    -------
    ndarray
        Half-widths: 0 where the standard error is 0; else NaN where there is less than one degree
        of freedom, since no interval is known there.

    Raises
    ------
    ValueError
        `confidence_level` is not between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate import margin
    >>> margin(np.array([0.1, 0.1, 0.1, 0.0]), np.array([np.inf, 9, 0, 0])).round(3)
    array([0.196, 0.226,   nan, 0.   ])
    """
    if not 0 < confidence_level < 1:
        raise ValueError(f"an interval's level must be between 0 and 1, got {confidence_level!r}")
    std_err = np.asarray(std_err, dtype=float)
    dof = np.broadcast_to(dof, std_err.shape)
    known = dof >= 1
    quantile = stats.t.ppf((1 + confidence_level) / 2, np.where(known, dof, 1.0))
    return np.where(std_err == 0, 0.0, np.where(known, quantile, np.nan) * std_err)


def n_usable(weight: np.ndarray, clusters: np.ndarray) -> float:
    """Compute the effective number of clusters (Kish 1965).

    That many clusters of equal weight would carry as much information: with W the total weight of a
    cluster it is ``sum(W) ** 2 / sum(W ** 2)``.

    Parameters
    ----------
    weight : ndarray of shape (n_samples,)
        Weights of the samples.
    clusters : ndarray of shape (n_samples,) of int
        Cluster of each sample.

    Returns
    -------
    float
        0 where all weights are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate.errors import n_usable
    >>> n_usable(np.array([1.0, 1.0, 1.0, 1.0, 0.0]), np.array([0, 0, 1, 1, 2]))
    2.0
    """
    total = np.bincount(clusters, weight)
    square = np.square(total).sum()
    return float(np.square(total.sum()) / square) if square > 0 else 0.0


def projection(rows: np.ndarray, weight: np.ndarray, penalty: float = 0.0) -> np.ndarray:
    """Multiply regressors by the inverse of their normal matrix: ``X pinv(X' W X + penalty I)``.

    With X the regressors (`rows`) and P the result, ``P' W y`` are the coefficients of a weighted
    fit to y, and ``X P' W`` is the hat matrix. The smaller one of the primal and the dual system is
    solved, since lyrics may have many more words than there are samples.

    Parameters
    ----------
    rows : ndarray of shape (n, n_components)
        The regressors.
    weight : ndarray of shape (n,)
        Weights of the rows. A row of weight 0 has no influence on the inverse but is multiplied by
        it like any other row, as :func:`left_out_residuals` requires.
    penalty : float, default=0.0
        Penalty of a ridge; 0: least squares.

    Returns
    -------
    ndarray of shape (n, n_components)
        The product, P.
    """
    n, n_components = rows.shape
    root = np.sqrt(weight)[:, np.newaxis]
    unseen = weight == 0
    if penalty == 0 and 0 < n_components <= n:
        # By QR decomposition, which loses half as many digits as the normal equations.
        basis, triangle = np.linalg.qr(rows * root)
        diagonal = np.abs(np.diag(triangle))
        if diagonal.min() > 1e-7 * diagonal.max():
            projected = scipy.linalg.solve_triangular(triangle, basis.T).T
            rest = scipy.linalg.solve_triangular(triangle, rows[unseen].T, trans="T")
            projected[unseen] = scipy.linalg.solve_triangular(triangle, rest).T
            return np.divide(projected, root, out=projected, where=root > 0)
    if n_components <= n:
        gram = (rows.T * weight) @ rows
        return rows @ np.linalg.pinv(gram + penalty * np.eye(n_components), hermitian=True)
    weighted = rows * root
    kernel = weighted @ weighted.T
    projected = np.linalg.pinv(kernel + penalty * np.eye(n), hermitian=True) @ weighted
    if penalty == 0:  # the pseudoinverse of `weighted`, transposed
        projected[unseen] = rows[unseen] @ projected.T @ projected
    else:
        rest = rows[unseen] - rows[unseen] @ weighted.T @ projected
        projected[unseen] = rest / penalty
    return np.divide(projected, root, out=projected, where=root > 0)


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
    halves = (slice(0, n_columns), slice(n_columns, None))
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
        for half, columns in enumerate(halves):
            own, other = added[half][:, columns], added[1 - half][:, columns]
            variance, dof[label, columns] = two_way(
                scales[half][: len(own), np.newaxis] * own, other, by_meeting[columns],
                (fractions[half], fractions[1 - half], sampling.density),
                (dofs[half], dofs[1 - half]),
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


def degrees_of_freedom(squares: np.ndarray, of_fit: float) -> np.ndarray:
    """Estimate the degrees of freedom of variances that are sums of squares (Satterthwaite 1946).

    Parameters
    ----------
    squares : ndarray of shape (n_clusters, n_components)
        Squared contribution of each cluster to each variance.
    of_fit : float
        Number of clusters less number of coefficients, the upper bound.

    Returns
    -------
    ndarray of shape (n_components,)
        Between 1 and `of_fit`; `of_fit` where that is below 1.
    """
    total = squares.sum(axis=0)
    n_clusters = np.count_nonzero(squares, axis=0)
    parts = np.divide(squares, total, out=np.zeros_like(squares), where=total > 0)
    uneven = np.square(parts).sum(axis=0)
    # For n independent normal errors `uneven` is 3 / n on average, so 2 / excess is n. For n equal
    # squares it is 1 / n.
    excess = uneven - 1 / np.maximum(n_clusters, 1)
    known = np.divide(2.0, excess, out=np.full_like(total, MOST_DOF), where=excess > 1e-9)
    return np.minimum(np.clip(known, 1.0, MOST_DOF), of_fit)


def sum_by_cluster(values: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Sum rows by cluster.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_components)
        The rows.
    clusters : ndarray of shape (n_samples,) of int
        Cluster of each row.

    Returns
    -------
    ndarray of shape (n_clusters, n_components)
        Sums, by increasing cluster number.
    """
    _, clusters = np.unique(clusters, return_inverse=True)
    n = len(clusters)
    shape = (clusters.max(initial=-1) + 1, n)
    return scipy.sparse.csr_array((np.ones(n), (clusters, np.arange(n))), shape=shape) @ values


def cluster_squares(error: np.ndarray, side: Side, scale: np.ndarray) -> np.ndarray:
    """Compute the squared contribution of each cluster of a side to the error of weights.

    Parameters
    ----------
    error : ndarray of shape (n_samples, n_components)
        Contribution of each sample to the error.
    side : Side
        Clusters and strata of the samples.
    scale : ndarray of shape (n_clusters,)
        Factors of the squares, see :func:`residual_scale`.

    Returns
    -------
    ndarray of shape (n_clusters, n_components)
        Squares by increasing cluster number. In a stratified draw they are the squares of the
        deviations from the stratum's mean, times n / (n - 1) for n clusters of the stratum.
    """
    added = sum_by_cluster(error, side.clusters)
    if side.strata is not None:
        inside = side.strata >= 0
        own = side.strata[inside]
        n_there = np.bincount(own)
        mean = np.zeros((len(n_there), added.shape[1]))
        np.add.at(mean, own, added[inside])
        alone = n_there == 1
        mean = np.where(alone[:, np.newaxis], 0.0, mean / np.maximum(n_there, 1)[:, np.newaxis])
        added[inside] -= mean[own]
        scale = scale.copy()
        scale[inside] *= np.where(alone, 1.0, n_there / np.maximum(n_there - 1, 1))[own]
    return scale[:, np.newaxis] * np.square(added)


def residual_scale(
    rows: np.ndarray, projected: np.ndarray, weight: np.ndarray, clusters: np.ndarray
) -> np.ndarray:
    """Compute the factors that undo the shrinking of clusters' squared residuals by a fit.

    If errors e of different clusters are independent and of equal variance, the variance of the
    residuals ``(I - H) e`` is ``1 - 2 h + q`` times as large, where h is the cluster's leverage and
    q the sum of squares of its row of the hat matrix H; without weights q equals h. The factor is
    the inverse of that. It is exact for clusters of one mask, and of a mask and its complement.

    Parameters
    ----------
    rows, projected : ndarray of shape (n_samples, n_components)
        Regressors, including the intercept, and their :func:`projection`.
    weight : ndarray of shape (n_samples,)
        Weights of the samples.
    clusters : ndarray of shape (n_samples,) of int
        Cluster of each sample.

    Returns
    -------
    ndarray of shape (n_clusters,)
        Factors of the squares, at most 100, by increasing cluster number.
    """
    _, number = np.unique(clusters, return_inverse=True)
    total = np.bincount(number, weight)
    leverage = np.bincount(number, weight * np.einsum("ij,ij->i", rows, projected))
    squares = (rows.T * (weight * total[number])) @ rows
    of_rows = np.einsum("ij,jk,ik->i", projected, squares, projected, optimize=True)
    q = np.divide(
        np.bincount(number, weight * of_rows), total, out=np.zeros_like(total), where=total > 0
    )
    # The fit nearly passes through clusters of leverage near 1, whose factor would be unbounded.
    return 1 / np.maximum(1 - 2 * leverage + q, 0.01)


def left_out_residuals(
    residual: np.ndarray,
    rows: np.ndarray,
    projected: np.ndarray,
    weight: np.ndarray,
    clusters: np.ndarray,
) -> np.ndarray:
    """Compute leave-one-cluster-out residuals of a linear fit, without fitting again.

    Parameters
    ----------
    residual : ndarray of shape (n_samples, n_labels)
        Residuals r of the fit to all samples.
    rows, projected : ndarray of shape (n_samples, n_components)
        Regressors, and their :func:`projection`: ``rows @ (projected * weight[:, None]).T`` is the
        hat matrix H.
    weight : ndarray of shape (n_samples,)
        Weights of the samples.
    clusters : ndarray of shape (n_samples,) of int
        Cluster of each sample.

    Returns
    -------
    ndarray of shape (n_samples, n_labels)
        Residual of each sample from the fit to all other clusters: ``(I - H_CC)^-1 r_C`` for the
        samples of cluster C.
    """
    order = np.argsort(clusters, kind="stable")
    _, starts, sizes = np.unique(clusters[order], return_index=True, return_counts=True)
    out = residual.copy()
    rest = np.maximum(1 - weight * np.einsum("ij,ij->i", rows, projected), 0.01)
    alone = order[starts[sizes == 1]]
    out[alone] /= rest[alone, np.newaxis]
    # Clusters of two samples are the most frequent: their inverse in closed form.
    first, second = (order[starts[sizes == 2] + k] for k in (0, 1))
    met = np.einsum("ij,ij->i", rows[first], projected[second])
    determinant = rest[first] * rest[second] - weight[first] * weight[second] * np.square(met)
    determinant = np.maximum(determinant, 1e-4)[:, np.newaxis]
    for own, mate in ((first, second), (second, first)):
        taken = (weight[mate] * met)[:, np.newaxis] * residual[mate]
        out[own] = (rest[mate, np.newaxis] * residual[own] + taken) / determinant
    for start, size in zip(starts[sizes > 2], sizes[sizes > 2], strict=True):
        own = order[start : start + size]
        hat = rows[own] @ (projected[own].T * weight[own])
        out[own] = np.linalg.pinv(np.eye(size) - hat, rcond=0.01) @ residual[own]
    return out


def with_intercept(
    rows: np.ndarray, projected: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Append the column of the intercept to centred regressors and to their projection.

    Parameters
    ----------
    rows, projected : ndarray of shape (n_samples, n_components)
        Regressors less their weighted means, and their :func:`projection`.
    weight : ndarray of shape (n_samples,)
        Weights of the samples.

    Returns
    -------
    rows, projected : ndarray of shape (n_samples, n_components + 1)
        The same with the intercept as their last column.
    """
    one = np.ones((len(rows), 1))
    return np.hstack([rows, one]), np.hstack([projected, one / weight.sum()])


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
