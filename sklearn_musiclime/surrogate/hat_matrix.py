"""The hat matrix of a weighted fit, and what follows from it: residuals left out, or rescaled."""

from __future__ import annotations

import numpy as np
import scipy.linalg


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


def leverage_scale(leverage: np.ndarray) -> np.ndarray:
    """Factors of the squared residuals of unweighted least squares (HC2)."""
    return 1 / np.maximum(1 - leverage, 0.01)
