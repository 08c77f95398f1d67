"""Arrays and sparse matrices: by what they hold, not by how it lies in memory."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np

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
    return blake2b(values.data, digest_size=DIGEST_BYTES).digest()


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
