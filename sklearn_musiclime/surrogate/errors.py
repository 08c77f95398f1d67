"""Standard errors of the weights, from how the masks were drawn.

Masks are drawn in clusters (:class:`~sklearn_musiclime.neighbourhood.Sampling`): a mask alone, or
with its complement ("paired"), or, in the crossed design, a mask of one side with all the masks of
the other side that it meets. Clusters are independent of each other, so the variance of a weight is
the sum of the squares of what each cluster adds to its error: the cluster-robust sandwich, with
residuals blown up by what the fit took of them (HC2: MacKinnon and White 1985, Bell and McCaffrey
2002; with the kernel's weights that is more than one minus the leverage). In the crossed design a
weight varies with the masks of its own side and, as far as modalities interact, with those of the
other side: their variances are added, less what the
single combinations add to both (two-way clusters; Cameron, Gelbach, Miller 2011). Where masks
run out, what is left to chance is the part that was not drawn (finite population correction;
Cochran 1977): nothing, on a side that is complete.

Intervals are Student's t. Degrees of freedom are those of the fit (the clusters that tell
something, less the weights that are fitted), or, where few clusters make most of the variance,
those with which such a variance varies (Satterthwaite 1946).

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
"""Parts of the error, a row a cluster, that are held at a time: 64 MiB."""
CONFIDENCE_LEVEL = 0.95
"""Of intervals, where nothing else is asked for."""
MOST_DOF = 1e6
"""Degrees of freedom of what is known for sure: Student's t is the normal distribution there."""


@dataclass(frozen=True)
class Errors:
    """How far weights are known.

    Attributes
    ----------
    std_err : ndarray of shape (n_labels, n_components)
        Standard errors.
    dof : ndarray of shape (n_labels, n_components)
        Degrees of freedom of these.
    """

    std_err: np.ndarray
    dof: np.ndarray


def margin(
    std_err: np.ndarray, dof: np.ndarray, confidence_level: float = CONFIDENCE_LEVEL
) -> np.ndarray:
    """Say how far intervals reach to either side, by Student's t.

    Parameters
    ----------
    std_err : ndarray
        Standard errors.
    dof : ndarray or float
        Their degrees of freedom.
    confidence_level : float, default=0.95
        How often intervals shall hold what they are about.

    Returns
    -------
    ndarray
        0 where the standard error is; NaN where there is less than one degree of freedom, so that
        no interval is known.

    Raises
    ------
    ValueError
        The level is not between 0 and 1.

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
    """Count the clusters that tell something: as many of one weight would tell as much (Kish 1965).

    Parameters
    ----------
    weight : ndarray of shape (n_samples,)
        Weights of the samples.
    clusters : ndarray of shape (n_samples,) of int
        Which of them were drawn together.

    Returns
    -------
    float

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
    """Project on the columns: ``rows @ pinv(rows' W rows + penalty)``.

    Takes the smaller of the two systems of equations, since lyrics may have many more words than
    there are samples.

    Parameters
    ----------
    rows : ndarray of shape (n, n_components)
        The regressors.
    weight : ndarray of shape (n,)
        Their weights. A row of weight 0 takes no part in the inverse and is multiplied by it as
        any other row is: :func:`left_out_residuals` of it need that.
    penalty : float, default=0.0
        Of a ridge.

    Returns
    -------
    ndarray of shape (n, n_components)
    """
    n, n_components = rows.shape
    root = np.sqrt(weight)[:, np.newaxis]
    unseen = weight == 0
    if penalty == 0 and 0 < n_components <= n:
        # By an orthogonal basis, which loses half the digits that the normal equations lose.
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
    """Errors of weighted least squares with an intercept, from written-out masks.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components)
        The regressors.
    weight : ndarray of shape (n_samples,)
        Weights of the samples.
    residual : ndarray of shape (n_samples, n_labels)
        What the fit leaves.
    sampling : Sampling
        How the masks were drawn; its sides' columns are those of `masks`.
    penalty : float, default=0.0
        Of a ridge.

    Returns
    -------
    Errors
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
    """Errors of a fit to pairs of masks, which are not written out.

    Parameters
    ----------
    centred : (ndarray of shape (n_audio_masks, n_audio), the same of the lyrics)
        Masks about their weighted means; ``2 * i`` and ``2 * i + 1`` were drawn together.
    weights : (ndarray of shape (n_audio_masks,), the same of the lyrics)
        Sum of the weights of the pairs that each mask is in.
    pairs : ndarray of shape (n_samples, 2) of int
        The audio mask and the lyric mask of each sample.
    score : ndarray of shape (n_samples, n_labels)
        Weighted residuals.
    inverse : ndarray of shape (n_components, n_components)
        Of the normal equations' left side.
    sampling : Sampling
        How the masks were drawn.
    bases : (ndarray or None, ndarray or None), default=(None, None)
        Of each side, the orthonormal columns that `centred` is given in, of shape
        (n_components, n_columns); None: it is given in the components themselves.

    Returns
    -------
    Errors
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
        # Single combinations count in both sides' variances, so once too often; less so the more of
        # all combinations there are, since along a complete grid what masks add on their own
        # cancels.
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
    """Add up the variances that both sides of a crossed design leave.

    Parameters
    ----------
    own : ndarray of shape (n_clusters, n_components)
        Squares of what each cluster of the components' own side adds to their error.
    other : ndarray of shape (n_other_clusters, n_components)
        The same of the other side.
    by_meeting : ndarray of shape (n_components,)
        What single combinations add to both.
    fractions : (float, float, float)
        The part of all masks that was drawn on the own side, and on the other; and the part of
        their combinations.
    dofs : (float, float)
        Degrees of freedom of the fit to the own side, and to the other.

    Returns
    -------
    variance, dof : ndarray of shape (n_components,)
    """
    f_own, f_other, density = fractions
    first = (1 - f_own) * own.sum(axis=0)
    second = (1 - f_other) * np.maximum(other.sum(axis=0) - by_meeting, 0.0)
    # A complete side does not count what its meetings with a sampled one leave to chance.
    second = second + f_own * (1 - f_other * density) * by_meeting
    variance = first + second
    part = np.divide(first, variance, out=np.zeros_like(variance), where=variance > 0)
    uneven = np.square(part) / np.maximum(degrees_of_freedom(own, dofs[0]), 1)
    uneven += np.square(1 - part) / np.maximum(degrees_of_freedom(other, dofs[1]), 1)
    dof = 1 / np.maximum(uneven, 1 / MOST_DOF)
    # Without freedom of its own a side has none to share.
    return variance, np.where((dofs[0] < 1) & (f_own < 1), dofs[0], np.minimum(dof, MOST_DOF))


def degrees_of_freedom(squares: np.ndarray, of_fit: float) -> np.ndarray:
    """Count the degrees of freedom of variances that are sums of squares.

    Parameters
    ----------
    squares : ndarray of shape (n_clusters, n_components)
        What each cluster adds to each variance.
    of_fit : float
        Clusters less what was fitted to them: the largest that there can be.

    Returns
    -------
    ndarray of shape (n_components,)
        At least 1, unless `of_fit` is less.
    """
    total = squares.sum(axis=0)
    n_clusters = np.count_nonzero(squares, axis=0)
    parts = np.divide(squares, total, out=np.zeros_like(squares), where=total > 0)
    uneven = np.square(parts).sum(axis=0)
    # Of normal errors the squares have 3 / n in place of 1 / n, and the variance n degrees.
    excess = uneven - 1 / np.maximum(n_clusters, 1)
    known = np.divide(2.0, excess, out=np.full_like(total, MOST_DOF), where=excess > 1e-9)
    return np.minimum(np.clip(known, 1.0, MOST_DOF), of_fit)


def sum_by_cluster(values: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Add rows up by cluster.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_components)
        The rows.
    clusters : ndarray of shape (n_samples,) of int
        The cluster of each.

    Returns
    -------
    ndarray of shape (n_clusters, n_components)
        In the order of the clusters' numbers.
    """
    _, clusters = np.unique(clusters, return_inverse=True)
    n = len(clusters)
    shape = (clusters.max(initial=-1) + 1, n)
    return scipy.sparse.csr_array((np.ones(n), (clusters, np.arange(n))), shape=shape) @ values


def cluster_squares(error: np.ndarray, side: Side, scale: np.ndarray) -> np.ndarray:
    """Square what each cluster of a side adds to the error of weights.

    Parameters
    ----------
    error : ndarray of shape (n_samples, n_components)
        What each sample adds.
    side : Side
        Which samples were drawn together, and from which strata.
    scale : ndarray of shape (n_clusters,)
        What squares are multiplied by, see :func:`residual_scale`.

    Returns
    -------
    ndarray of shape (n_clusters, n_components)
        Of clusters from strata, about the mean of each stratum.
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
    """Say by how much a fit made the squares of clusters' residuals smaller.

    Of errors of one variance, independent between clusters, the residuals ``(I - H) e`` have
    ``1 - 2 h + q`` of it, h being the cluster's leverage and q the sum of the squares of its row of
    the hat matrix H; without weights q is h. It is exact for clusters of a mask, and of a mask and
    its complement.

    Parameters
    ----------
    rows, projected : ndarray of shape (n_samples, n_components)
        Regressors, the intercept among them, and their :func:`projection`.
    weight : ndarray of shape (n_samples,)
        Weights of the samples.
    clusters : ndarray of shape (n_samples,) of int
        Which of them were drawn together.

    Returns
    -------
    ndarray of shape (n_clusters,)
        What squares are to be multiplied by, in the order of the clusters' numbers.
    """
    _, number = np.unique(clusters, return_inverse=True)
    total = np.bincount(number, weight)
    leverage = np.bincount(number, weight * np.einsum("ij,ij->i", rows, projected))
    squares = (rows.T * (weight * total[number])) @ rows
    of_rows = np.einsum("ij,jk,ik->i", projected, squares, projected, optimize=True)
    q = np.divide(
        np.bincount(number, weight * of_rows), total, out=np.zeros_like(total), where=total > 0
    )
    # A cluster that the fit all but passes through says nothing of its own error.
    return 1 / np.maximum(1 - 2 * leverage + q, 0.01)


def left_out_residuals(
    residual: np.ndarray,
    rows: np.ndarray,
    projected: np.ndarray,
    weight: np.ndarray,
    clusters: np.ndarray,
) -> np.ndarray:
    """Residuals of a linear fit that had not seen the sample's own cluster.

    Parameters
    ----------
    residual : ndarray of shape (n_samples, n_labels)
        Of the fit to all samples.
    rows, projected : ndarray of shape (n_samples, n_components)
        Regressors, and their :func:`projection`: ``rows @ (projected * weight).T`` is the hat
        matrix.
    weight : ndarray of shape (n_samples,)
        Weights of the samples.
    clusters : ndarray of shape (n_samples,) of int
        Which samples were drawn together.

    Returns
    -------
    ndarray of shape (n_samples, n_labels)
        ``(I - H)^-1 r`` in each cluster.
    """
    order = np.argsort(clusters, kind="stable")
    _, starts, sizes = np.unique(clusters[order], return_index=True, return_counts=True)
    out = residual.copy()
    rest = np.maximum(1 - weight * np.einsum("ij,ij->i", rows, projected), 0.01)
    alone = order[starts[sizes == 1]]
    out[alone] /= rest[alone, np.newaxis]
    # Of pairs, which there are many of, the inverse is written out.
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
    """Add the intercept to regressors that are about their means, and to their projection.

    Parameters
    ----------
    rows, projected : ndarray of shape (n_samples, n_components)
        The regressors, and their :func:`projection`.
    weight : ndarray of shape (n_samples,)
        Weights of the samples.

    Returns
    -------
    rows, projected : ndarray of shape (n_samples, n_components + 1)
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
    """What each cluster of a crossed design adds to a label's error, (n_clusters, n_components).

    `which` is (the audio mask of each sample, its lyric mask), `clusters` the cluster of each
    sample; the rest is as in :func:`crossed_errors`.
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
    """Sum over many clusters of the squares of :func:`_influence`, (n_components,)."""
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
