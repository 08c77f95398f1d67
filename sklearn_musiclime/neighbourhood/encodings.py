"""Encodings: what the branches of a model make of audio or lyrics, a row a song.

Arrays, sparse ones, tensors, DataFrames of pandas or polars, and tuples, lists and dicts of such,
of which each has a row a song.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from sklearn_musiclime.neighbourhood.models import as_array

CONSTANTS = (type(None), str, bool, int, float)
"""What a dict or tuple of encodings may hold besides: the same for all songs."""


def own_encoding(encoded: Any, name: str, n_songs: int) -> Any:
    """Copy what a branch returned: it may use its memory again for the next call.

    Parameters
    ----------
    encoded : encoding
        Numbers and texts keep their types; a tensor stays one, on its device, without its gradient.
    name : str
        What an error calls it.
    n_songs : int
        How many rows there have to be.

    Returns
    -------
    encoding
        Sparse arrays in a format whose rows can be picked.

    Raises
    ------
    ValueError
        It has another number of rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.neighbourhood.encodings import own_encoding
    >>> own_encoding({"mean": np.zeros((2, 1)), "pooling": "mean"}, "audio", 2)
    {'mean': array([[0.],
           [0.]]), 'pooling': 'mean'}
    """

    def own(leaf: Any) -> Any:
        if scipy.sparse.issparse(leaf):
            leaf = leaf.copy().tocsr()
        elif _is_tensor(leaf):
            leaf = leaf.detach().clone()
        elif isinstance(leaf, pd.DataFrame):
            leaf = leaf.reset_index(drop=True).copy()
        elif not _is_polars(leaf):
            leaf = as_array(leaf)
        if not leaf.shape or leaf.shape[0] != n_songs:
            raise ValueError(
                f"{name}: encoded as an array of shape {tuple(leaf.shape)}, not of {n_songs} rows"
            )
        return leaf

    return _map_leaves(own, encoded, n_songs=n_songs)


def pick_rows(encoded: Any, rows: np.ndarray) -> Any:
    """Pick songs' rows of an encoding.

    Parameters
    ----------
    encoded : encoding
        What :func:`own_encoding` returned.
    rows : ndarray of shape (n_picked,), dtype int
        Which rows.

    Returns
    -------
    encoding
        Of the same types, of n_picked rows.
    """

    def pick(leaf: Any) -> Any:
        if isinstance(leaf, pd.DataFrame):
            return leaf.iloc[rows].reset_index(drop=True)
        if _is_tensor(leaf):
            return leaf[rows.tolist()]
        return leaf[rows]

    return _map_leaves(pick, encoded)


def stack_encodings(parts: Sequence[Any]) -> Any:
    """Put the encodings of batches together.

    Parameters
    ----------
    parts : sequence of encodings
        All of one form.

    Returns
    -------
    encoding
        With the rows of all, one batch after the other.
    """

    def stack(leaf: Any, *others: Any) -> Any:
        leaves = [leaf, *others]
        if scipy.sparse.issparse(leaf):
            return scipy.sparse.vstack(leaves, format="csr")
        if _is_tensor(leaf):
            return sys.modules["torch"].cat(leaves)
        if isinstance(leaf, pd.DataFrame):
            return pd.concat(leaves, ignore_index=True)
        if _is_polars(leaf):
            return sys.modules["polars"].concat(leaves)
        return np.concatenate(leaves)

    return parts[0] if len(parts) == 1 else _map_leaves(stack, *parts)


def encoding_width(encoded: Any) -> int:
    """Count the numbers that an encoding has a song.

    Parameters
    ----------
    encoded : encoding
        What :func:`own_encoding` returned.

    Returns
    -------
    int
        Of sparse arrays those that are stored, each with its place.
    """
    width = 0
    for leaf in _leaves(encoded):
        if scipy.sparse.issparse(leaf):
            width += int(np.ceil(2 * leaf.nnz / max(leaf.shape[0], 1)))
        else:
            width += int(np.prod(leaf.shape[1:]))
    return width


def _leaves(encoded: Any) -> Iterator[Any]:
    """The arrays of an encoding."""
    found: list[Any] = []
    _map_leaves(found.append, encoded)
    yield from found


def _map_leaves(
    function: Callable[..., Any], encoded: Any, *others: Any, n_songs: int | None = None
) -> Any:
    """Call a function with each array of an encoding, and of others of the same form.

    With `n_songs` a list may still be one of rows, which is an array.
    """
    if isinstance(encoded, CONSTANTS):
        return encoded
    if isinstance(encoded, dict):
        result = copy.copy(encoded)
        for key, value in encoded.items():
            result[key] = _map_leaves(function, value, *(o[key] for o in others), n_songs=n_songs)
        return result
    is_of_arrays = isinstance(encoded, tuple)
    if isinstance(encoded, list):
        is_of_arrays = n_songs is None or _is_list_of_arrays(encoded, n_songs)
    if is_of_arrays:
        values = [
            _map_leaves(function, *leaves, n_songs=n_songs)
            for leaves in zip(encoded, *others, strict=True)
        ]
        return type(encoded)(*values) if hasattr(encoded, "_fields") else type(encoded)(values)
    return function(encoded, *others)


def _is_list_of_arrays(values: list, n_songs: int) -> bool:
    """Whether a list holds arrays of a row a song each, not one song's numbers each."""
    shapes = [getattr(value, "shape", ()) for value in values]
    if not shapes or any(not shape or shape[0] != n_songs for shape in shapes):
        return any(isinstance(value, (dict, tuple)) for value in values)
    return len(values) != n_songs or any(len(shape) > 1 for shape in shapes)


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _is_polars(value: Any) -> bool:
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(value, (polars.DataFrame, polars.Series))
