"""The ridge that is fitted where masks are too few for least squares."""

from __future__ import annotations

import numpy as np

from sklearn_musiclime.surrogate.hat_matrix import left_out_residuals, with_intercept

ENOUGH = 1.5
"""Clusters of masks per component that least squares needs; with fewer a ridge is fitted."""
PENALTIES = np.logspace(-4, 3, 22)
"""Penalties that are tried for the ridge, relative to the mean squared norm of a column."""


def left_out_penalty(
    rows: np.ndarray, weight: np.ndarray, target: np.ndarray, clusters: np.ndarray
) -> float:
    """Choose the penalty of the ridge with the least leave-one-cluster-out squared error.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_components)
        Masks less their weighted mean.
    weight : ndarray of shape (n_samples,)
        Weights of the samples.
    target : ndarray of shape (n_samples,)
        Scores of one label less their weighted mean.
    clusters : ndarray of shape (n_samples,)
        Cluster of each sample.

    Returns
    -------
    float
        The penalty; 1 where no component varies.
    """
    seen = weight > 0
    rows, weight, target, clusters = rows[seen], weight[seen], target[seen], clusters[seen]
    root = np.sqrt(weight)[:, np.newaxis]
    U, values, _ = np.linalg.svd(rows * root, full_matrices=False)
    U = U / root
    squares = np.square(values)
    scale = squares.sum() / max(rows.shape[1], 1)
    if scale == 0:
        return 1.0
    errors = []
    for alpha in PENALTIES * scale:
        kept = U * (squares / (squares + alpha))
        residual = target - kept @ (U.T @ (weight * target))
        hat = with_intercept(U, kept, weight)
        left_out = left_out_residuals(residual[:, np.newaxis], *hat, weight, clusters)[:, 0]
        errors.append(weight @ np.square(left_out))
    return float(PENALTIES[int(np.argmin(errors))] * scale)
