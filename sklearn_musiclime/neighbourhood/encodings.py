"""Encodings: the outputs of a model's audio and lyrics encoders, with one row for each song.

An encoding is an array, a sparse array, a tensor, a DataFrame of pandas or polars, or a tuple, list
or dict of these, each of which has one row for each song.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.sparse

from sklearn_musiclime.neighbourhood.responses import as_array

Modality = Literal["audio", "lyrics"]
"""A modality that an encoder may read."""
MODALITIES: tuple[Modality, ...] = ("audio", "lyrics")
CONSTANTS = (type(None), str, bool, int, float)
"""Types that a dict, list or tuple may also hold: such values are the same for all songs."""


def own_encoding(encoded: Any, name: str, n_songs: int) -> Any:
    """Check and copy the output of an encoder, which may reuse its memory in the next call.

    Parameters
    ----------
    encoded : encoding
        Output of the encoder.
    name : str
        Name of the encoder in errors.
    n_songs : int
        Number of songs that were encoded.

    Returns
    -------
    encoding
        The copy. Types are kept; sparse arrays become CSR, whose rows can be picked, and tensors
        stay on their device and are detached from their gradient.

    Raises
    ------
    ValueError
        The number of rows is not `n_songs`.

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

    return map_leaves(own, encoded, n_songs=n_songs)


def pick_rows(encoded: Any, rows: np.ndarray) -> Any:
    """Pick rows of an encoding.

    Parameters
    ----------
    encoded : encoding
        An encoding that :func:`own_encoding` returned.
    rows : ndarray of shape (n_picked,), dtype int
        Positions of the rows.

    Returns
    -------
    encoding
        An encoding of the same form with n_picked rows.
    """

    def pick(leaf: Any) -> Any:
        if isinstance(leaf, pd.DataFrame):
            return leaf.iloc[rows].reset_index(drop=True)
        if _is_tensor(leaf):
            return leaf[rows.tolist()]
        return leaf[rows]

    return map_leaves(pick, encoded)


def stack_encodings(parts: Sequence[Any]) -> Any:
    """Concatenate the encodings of batches.

    Parameters
    ----------
    parts : sequence of encodings
        Encodings of the same form.

    Returns
    -------
    encoding
        An encoding of this form with the rows of all batches, in order.
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

    return parts[0] if len(parts) == 1 else map_leaves(stack, *parts)


def encoding_width(encoded: Any) -> int:
    """Count the numbers that an encoding holds for each song.

    Parameters
    ----------
    encoded : encoding
        An encoding that :func:`own_encoding` returned.

    Returns
    -------
    int
        Number of values in a row. For sparse arrays, the mean number of stored values and their
        column indices.
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
    map_leaves(found.append, encoded)
    yield from found


def map_leaves(
    function: Callable[..., Any], encoded: Any, *others: Any, n_songs: int | None = None
) -> Any:
    """Call a function with each array of an encoding and those of others of the same form.

    Parameters
    ----------
    function : callable
        Takes an array of each encoding and returns what takes its place.
    encoded : encoding
        An encoding.
    *others : encoding
        Further ones.
    n_songs : int or None, default=None
        Number of songs, for outputs of encoders, in which a list may also be an array, row by row.

    Returns
    -------
    encoding
        An encoding of the same form.

    Examples
    --------
    >>> from sklearn_musiclime.neighbourhood.encodings import map_leaves
    >>> map_leaves(len, {"mean": [0.5, 0.25], "steps": ([1, 2, 3],)}, n_songs=2)
    {'mean': 2, 'steps': (3,)}
    """
    if isinstance(encoded, CONSTANTS):
        return encoded
    if isinstance(encoded, dict):
        result = copy.copy(encoded)
        for key, value in encoded.items():
            result[key] = map_leaves(function, value, *(o[key] for o in others), n_songs=n_songs)
        return result
    is_of_arrays = isinstance(encoded, tuple)
    if isinstance(encoded, list):
        is_of_arrays = n_songs is None or _is_list_of_arrays(encoded, n_songs)
    if is_of_arrays:
        values = [
            map_leaves(function, *leaves, n_songs=n_songs)
            for leaves in zip(encoded, *others, strict=True)
        ]
        return type(encoded)(*values) if hasattr(encoded, "_fields") else type(encoded)(values)
    return function(encoded, *others)


def _is_list_of_arrays(values: list, n_songs: int) -> bool:
    """Whether a list holds arrays with one row for each song, rather than one row each."""
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
