"""Songs that together show what a model goes by."""

from __future__ import annotations

import numpy as np
import scipy.sparse


def submodular_pick(weights: np.ndarray | scipy.sparse.csr_array, n: int) -> list[int]:
    """Choose rows that together cover the columns that count.

    Greedily, each time the row that adds most to the coverage: the sum, over the columns in which a
    chosen row is not 0, of ``sqrt(abs(weights).sum(axis=0))``. That is at least 1 - 1/e of what the
    best choice covers (Ribeiro et al. 2016).

    Parameters
    ----------
    weights : array or csr_array of shape (n_rows, n_columns)
        Weights; a column is covered by rows in which it is not 0.
    n : int
        How many rows; fewer if fewer cover all that there is.

    Returns
    -------
    list of int
        The rows in the order in which they were chosen.

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
    """Keep the largest magnitudes of each explanation, in columns of the label that it explains.

    Parameters
    ----------
    weights : csr_array of shape (n_explanations, n_components)
        The weights.
    of_label : ndarray of shape (n_explanations,) of int
        The label of each explanation.
    n_labels : int
        Labels that there are.
    n_top : int
        Components of an explanation that are kept, and those of equal magnitude.

    Returns
    -------
    csr_array of shape (n_explanations, n_labels * n_components)
        A component has a column a label, since it may count for one class alone.
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
