"""Clusters of samples: their effective number, and sums and squares over them.

References
----------
Kish, "Survey Sampling", Wiley, 1965.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse

from sklearn_musiclime.neighbourhood.sampling import Side


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
    >>> from sklearn_musiclime.surrogate.clusters import n_usable
    >>> n_usable(np.array([1.0, 1.0, 1.0, 1.0, 0.0]), np.array([0, 0, 1, 1, 2]))
    2.0
    """
    total = np.bincount(clusters, weight)
    square = np.square(total).sum()
    return float(np.square(total.sum()) / square) if square > 0 else 0.0


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
        Factors of the squares, see
        :func:`~sklearn_musiclime.surrogate.hat_matrix.residual_scale`.

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
