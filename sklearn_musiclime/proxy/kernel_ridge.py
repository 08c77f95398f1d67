"""Kernel ridge regression with exact leave-one-cluster-out predictions.

The kernel of two songs x and x', of d standardised features each, is::

    exp(-g * |x - x'|^2 / d) + x . x' / (10 d)

A small g makes it nearly linear in the features, with a little curvature; a larger one follows a
model that bends. Bandwidth g and penalty are those of the least leave-one-cluster-out error, label
by label. With the matrix I - H of the residuals (H the hat matrix, mean included), residuals r of
the fit to all songs, and C the songs of a cluster, the residuals of a fit without the cluster are
``(I - H)_CC^-1 r_C``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BANDWIDTHS = (0.03, 0.1, 0.3)
"""Values of g that are tried."""
PENALTIES = np.logspace(-6, 1, 22)
"""Penalties that are tried, relative to the trace of the centred kernel matrix."""
BLOCK_ROWS = 4096
"""Songs that are predicted at a time."""


def fit_kernel_ridge(
    features: np.ndarray, targets: np.ndarray, clusters: np.ndarray, new: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a kernel ridge to the targets of some songs and predict those of others.

    Parameters
    ----------
    features : ndarray of shape (n_songs, n_features)
        Features of the songs of the fit.
    targets : ndarray of shape (n_songs, n_labels)
        Their targets.
    clusters : ndarray of shape (n_songs,) of int
        Cluster of each song: a song alone, or two.
    new : ndarray of shape (n_new, n_features)
        Features of other songs.

    Returns
    -------
    left_out : ndarray of shape (n_songs, n_labels)
        Predictions for the songs of the fit, each by a fit without its cluster.
    predicted : ndarray of shape (n_new, n_labels)
        Predictions for the other songs by the fit to all.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.proxy.kernel_ridge import fit_kernel_ridge
    >>> x = np.linspace(-1, 1, 40)[:, np.newaxis]
    >>> left_out, predicted = fit_kernel_ridge(x, np.square(x), np.arange(40), np.array([[0.5]]))
    >>> predicted.round(2)
    array([[0.25]])
    """
    mean, spread = features.mean(axis=0), features.std(axis=0)
    varies = spread > 1e-9 * np.maximum(np.abs(mean), 1e-300)
    scale = np.where(varies, spread, np.inf)
    own, new = (features - mean) / scale, (new - mean) / scale
    centre, about = targets.mean(axis=0), targets - targets.mean(axis=0)
    n_labels = targets.shape[1]
    least = np.full(n_labels, np.inf)
    residual, which = about.copy(), np.zeros(n_labels, dtype=int)
    coefficients = np.zeros((len(own), n_labels))
    for number, bandwidth in enumerate(BANDWIDTHS):
        kernel = _kernel(own, own, bandwidth)
        for fitted, left_out in _ridges(_centred(kernel, kernel), about, clusters):
            error = np.square(left_out).sum(axis=0)
            better = error < least
            least[better], which[better] = error[better], number
            residual[:, better], coefficients[:, better] = left_out[:, better], fitted[:, better]
    predicted = np.empty((len(new), n_labels))
    for number in np.unique(which):
        labels, bandwidth = which == number, BANDWIDTHS[number]
        kernel = _kernel(own, own, bandwidth)
        for first in range(0, len(new), BLOCK_ROWS):
            some = slice(first, first + BLOCK_ROWS)
            rows = _centred(_kernel(new[some], own, bandwidth), kernel)
            predicted[some, labels] = rows @ coefficients[:, labels]
    return targets - residual, predicted + centre


def _kernel(rows: np.ndarray, columns: np.ndarray, bandwidth: float) -> np.ndarray:
    product = rows @ columns.T
    squares = (np.square(x).sum(axis=1) for x in (rows, columns))
    distance = np.maximum(np.add.outer(*squares) - 2 * product, 0.0)
    n_features = max(rows.shape[1], 1)
    return np.exp(-bandwidth * distance / n_features) + product / (10 * n_features)


def _centred(rows: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Rows of a kernel matrix in the coordinates whose origin is the mean song of the fit."""
    return rows - rows.mean(axis=1, keepdims=True) - kernel.mean(axis=0) + kernel.mean()


def _ridges(
    kernel: np.ndarray, about: np.ndarray, clusters: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield coefficients and left-out residuals, each (n_songs, n_labels), for each penalty."""
    n = len(kernel)
    values, vectors = np.linalg.eigh(kernel)
    values = np.maximum(values, 0.0)
    rotated = vectors.T @ about
    order = np.argsort(clusters, kind="stable")
    _, starts, sizes = np.unique(clusters[order], return_index=True, return_counts=True)
    alone = order[starts[sizes == 1]]
    first, second = (order[starts[sizes == 2] + k] for k in (0, 1))
    squares, products = np.square(vectors), vectors[first] * vectors[second]
    scale = values.sum() or 1.0  # of songs that are all alike
    for penalty in PENALTIES * scale:
        shrunk = penalty / (values + penalty)
        residual = vectors @ (shrunk[:, np.newaxis] * rotated)
        # The mean song has eigenvalue 0 in the centred kernel, and no penalty in the fit.
        own, met = squares @ shrunk - 1 / n, products @ shrunk - 1 / n
        left_out = np.empty_like(residual)
        left_out[alone] = residual[alone] / own[alone, np.newaxis]
        determinant = (own[first] * own[second] - np.square(met))[:, np.newaxis]
        for one, other in ((first, second), (second, first)):
            taken = met[:, np.newaxis] * residual[other]
            left_out[one] = (own[other, np.newaxis] * residual[one] - taken) / determinant
        yield residual / penalty, left_out
