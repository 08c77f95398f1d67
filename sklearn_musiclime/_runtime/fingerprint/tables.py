"""Arrays and tables: by what they hold, not by how it lies in memory."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

from sklearn_musiclime._runtime.fingerprint.graph import DIGEST_BYTES, Parts, Unidentified


def describe_array(array: np.ndarray) -> Parts:
    """Return what an array holds.

    Parameters
    ----------
    array : ndarray
        The array.

    Returns
    -------
    Parts
        Shape, type and values; by element, if they are objects.
    """
    children: list[tuple[str, Any]] = [("", array.dtype)]
    cls = type(array)
    if cls not in (np.ndarray, np.memmap):
        children.append(("", cls))
    if isinstance(array, np.ma.MaskedArray):
        children += [(".mask", np.ma.getmaskarray(array)), (".fill_value", array.fill_value)]
    plain = np.asarray(array)
    if plain.dtype.names is not None:  # there may be anything between the fields
        children += [(f"[{name!r}]", plain[name]) for name in plain.dtype.names]
    elif plain.dtype.kind in "OT":
        children += [(f".flat[{i}]", value) for i, value in enumerate(plain.ravel().tolist())]
    else:
        children.append(("", bytes_digest(np.ascontiguousarray(plain).reshape(-1).view(np.uint8))))
    return Parts(f"array {array.shape}", children)


def bytes_digest(values: np.ndarray) -> bytes:
    """Hash an array's memory where it lies.

    Parameters
    ----------
    values : ndarray of shape (n_bytes,), dtype uint8
        The memory.

    Returns
    -------
    bytes
    """
    return blake2b(memoryview(values), digest_size=DIGEST_BYTES).digest()


def describe_scalar(scalar: np.generic) -> Parts:
    """Return what a number of numpy's is.

    Parameters
    ----------
    scalar : numpy scalar
        The number.

    Returns
    -------
    Parts
    """
    return Parts("numpy scalar", [("", np.asarray(scalar))])


def describe_dtype(dtype: np.dtype) -> Parts:
    """Return what a type of an array's elements is.

    Parameters
    ----------
    dtype : dtype
        The type.

    Returns
    -------
    Parts
    """
    if dtype.names is not None:
        return Parts("dtype", [part for n in dtype.names for part in (("", n), ("", dtype[n]))])
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return Parts(f"dtype of {shape}", [("", base)])
    return Parts(f"dtype {dtype.str}")


def describe_frame(frame: pd.DataFrame) -> Parts:
    """Return what a table of pandas holds.

    Parameters
    ----------
    frame : DataFrame
        The table.

    Returns
    -------
    Parts
        Index, names of the columns, and columns, however they are joined in blocks.
    """
    columns = ((f".iloc[:, {i}]", frame.iloc[:, i].array) for i in range(frame.shape[1]))
    return Parts(
        "frame",
        [("", type(frame)), (".index", frame.index), (".columns", frame.columns),
         (".attrs", frame.attrs), *columns],
    )  # fmt: skip


def describe_series(series: pd.Series | pd.Index) -> Parts:
    """Return what a column or an index of pandas holds.

    Parameters
    ----------
    series : Series or Index
        The column.

    Returns
    -------
    Parts
    """
    children: list[tuple[str, Any]] = [("", type(series)), (".array", series.array)]
    if isinstance(series, pd.Series):
        children += [(".name", series.name), (".index", series.index), (".attrs", series.attrs)]
    else:
        children.append((".names", list(series.names)))
    return Parts("series", children)


def describe_extension_array(array: Any) -> Parts:
    """Return what the array of a column of pandas holds.

    Parameters
    ----------
    array : pandas.api.extensions.ExtensionArray
        The array.

    Returns
    -------
    Parts
    """
    if isinstance(array, pd.arrays.NumpyExtensionArray):
        return Parts("values", [("", array.to_numpy())])
    if isinstance(array, pd.Categorical):
        return Parts(
            f"categories {array.ordered}",
            [("", np.asarray(array.codes)), (".categories", array.categories)],
        )
    values = array.to_numpy(dtype=object)
    return Parts(f"values {array.dtype!r}", [("", values)])


def describe_polars(table: Any) -> Parts:
    """Return what a table or column of polars holds.

    Parameters
    ----------
    table : polars.DataFrame or polars.Series
        It.

    Returns
    -------
    Parts
    """
    columns = [table] if hasattr(table, "name") else table.get_columns()
    children = [
        part for column in columns
        for part in (("", column.name), ("", repr(column.dtype)), ("", column.to_list()))
    ]  # fmt: skip
    return Parts("polars", [("", type(table)), *children])


def describe_sparse(matrix: Any) -> Parts:
    """Return what a sparse matrix of scipy's holds.

    Parameters
    ----------
    matrix : sparse array or matrix
        The matrix.

    Returns
    -------
    Parts
        The values that it stores, and where; not what it remembers of their order.
    """
    return Parts(
        f"sparse {matrix.shape} {matrix.dtype.str}",
        [("", type(matrix)), *_stored(matrix)],
    )


def _stored(matrix: Any) -> Iterator[tuple[str, Any]]:
    if matrix.format == "dok":
        yield "", sorted(matrix.items())
        return
    names = {
        "csr": ("data", "indices", "indptr"), "csc": ("data", "indices", "indptr"),
        "bsr": ("data", "indices", "indptr"), "coo": ("data", "coords"),
        "dia": ("data", "offsets"), "lil": ("data", "rows"),
    }.get(matrix.format)  # fmt: skip
    if names is None:
        raise Unidentified(f"the format {matrix.format!r} is not known")
    for name in names:
        yield f".{name}", getattr(matrix, name)
