"""Submodular pick: a choice of songs that together cover the important components."""

from __future__ import annotations

import numpy as np
import scipy.sparse


def submodular_pick(weights: np.ndarray | scipy.sparse.csr_array, n: int) -> list[int]:
    """Choose rows that together cover the important columns.

    The importance of a column is ``sqrt(abs(weights).sum(axis=0))``, and the coverage of a choice
    is the sum of the importances of the columns in which a chosen row is not 0. Rows are chosen
    greedily, each time the one that adds most to the coverage. The result has at least 1 - 1/e of
    the largest possible coverage (Ribeiro et al. 2016).

    Parameters
    ----------
    weights : array or csr_array of shape (n_rows, n_columns)
        Weights.
    n : int
        Number of rows to choose; fewer are chosen if fewer cover all columns.

    Returns
    -------
    list of int
        The chosen rows, in the order of the choice.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.results.picking import submodular_pick
    >>> submodular_pick(np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]), 3)
    [0, 2]
    """
    magnitude = abs(scipy.sparse.csr_array(weights, dtype=float))
    gain = np.sqrt(magnitude.sum(axis=0))
    has = (magnitude > 0).astype(float)
    chosen: list[int] = []
    for _ in range(min(n, has.shape[0])):
        added = has @ gain
        best = int(np.argmax(added))
        if added[best] <= 0:
            break
        chosen.append(best)
        gain[has.indices[has.indptr[best] : has.indptr[best + 1]]] = 0.0
    return chosen


def largest_by_label(
    weights: scipy.sparse.csr_array, of_label: np.ndarray, n_labels: int, n_top: int
) -> scipy.sparse.csr_array:
    """Return the largest absolute weights of each explanation, with separate columns per label.

    Parameters
    ----------
    weights : csr_array of shape (n_explanations, n_components)
        The weights.
    of_label : ndarray of shape (n_explanations,) of int
        Number of the label of each explanation.
    n_labels : int
        Number of labels.
    n_top : int
        Number of components kept of each explanation; more if the last are of equal magnitude.

    Returns
    -------
    csr_array of shape (n_explanations, n_labels * n_components)
        Absolute weights, others set to 0. A component has one column per label, since it may be
        important for one class only.
    """
    magnitude = abs(weights)
    columns, data = magnitude.indices.astype(np.int64), magnitude.data.copy()
    for row in range(magnitude.shape[0]):
        own = slice(magnitude.indptr[row], magnitude.indptr[row + 1])
        columns[own] += of_label[row] * magnitude.shape[1]
        if magnitude.indptr[row + 1] - magnitude.indptr[row] > n_top:
            cut = np.partition(data[own], -n_top)[-n_top]
            data[own] = np.where(data[own] >= cut, data[own], 0.0)
    shape = (magnitude.shape[0], magnitude.shape[1] * n_labels)
    return scipy.sparse.csr_array((data, columns, magnitude.indptr), shape=shape)
