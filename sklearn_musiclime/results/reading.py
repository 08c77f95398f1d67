"""Safe reading of JSON and ``.npz`` files that may come from anyone.

Nothing in a file is executed. Memory for an array is allocated only after its header agrees with
the expected type and shape and with the size of the file. Compressed archives, which could unpack
to more than the size of the file, are rejected; :func:`numpy.savez` does not compress. Every value
of a JSON document is read with its expected type, and any mismatch raises a ValueError that names
the file and the entry.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
import zipfile
from collections.abc import Mapping, Sequence
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

MAX_DOCUMENT_BYTES = 2**30
"""Largest size of a JSON file in bytes; parsed, it may take twenty times as much memory."""
MAX_WHOLE = 2**53
"""Bound of whole numbers: smaller ones are exact in double precision."""
MAX_SHOWN = 60
"""Largest number of characters of a wrong value that an error quotes."""
MAX_REASON = 500
"""Largest number of characters of an error's reason, which may quote the file."""
NOT_AN_ARCHIVE = (
    ValueError, OSError, EOFError, OverflowError, RuntimeError, struct.error, zipfile.BadZipFile,
)  # fmt: skip
"""Errors that :mod:`zipfile` raises for files that are not valid archives."""
Shape = tuple[int | None, *tuple[int, ...]]
"""Expected shape of an array; None stands for any length."""

# What numpy.savez writes, and nothing else. The readers of numpy.lib.format evaluate the header as
# Python literals: hostile ones end in a MemoryError, TypeError, IndexError or TokenError.
_HEADER = re.compile(
    rb"\{'descr': '([<>|][fi][48])', 'fortran_order': (?:False|True), "
    rb"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\), \} *\n"
)
_MAGIC = struct.Struct("<8sH")


class Record:
    """A JSON object whose entries are read with their expected types.

    All methods that read an entry raise a ValueError if it is missing or has another type.

    Parameters
    ----------
    entries : dict
        The object.
    path : Path
        The file, for error messages.
    within : str, default=""
        Name of the object within the file, followed by a dot, for error messages.
    """

    def __init__(self, entries: dict[str, Any], path: Path, within: str = ""):
        self._entries, self.path, self._within = entries, path, within

    def error(self, name: str, reason: str) -> ValueError:
        """Return a ValueError that names the file, an entry, and the reason."""
        place = f"{self._within}{name}"
        return ValueError(f"{str(self.path)!r}: {place:.{MAX_SHOWN}}: {reason:.{MAX_REASON}}")

    def value(self, name: str) -> Any:
        """Return an entry of any type."""
        if name not in self._entries:
            raise self.error(name, "missing")
        return self._entries[name]

    def is_null(self, name: str) -> bool:
        """Return whether an entry is null."""
        return self.value(name) is None

    def _typed(self, name: str, kind: type, what: str) -> Any:
        value = self.value(name)
        if type(value) is not kind:
            raise self.error(name, f"{_shown(value)} where {what} should be")
        return value

    def record(self, name: str) -> Record:
        """Return an entry that is an object."""
        entries = self._typed(name, dict, "an object")
        return Record(entries, self.path, f"{self._within}{name}.")

    def names(self) -> list[str]:
        """Return the names of the entries."""
        return list(self._entries)

    def text(self, name: str) -> str:
        """Return an entry that is a string."""
        return self._typed(name, str, "text")

    def items(self, name: str) -> list[Any]:
        """Return an entry that is a list, with items of any type."""
        return self._typed(name, list, "a list")

    def texts(self, name: str) -> list[str]:
        """Return an entry that is a list of strings."""
        values = self.items(name)
        for value in values:
            if type(value) is not str:
                raise self.error(name, f"{_shown(value)} where text should be")
        return values

    def whole(self, name: str, below: int = MAX_WHOLE) -> int:
        """Return an entry that is a whole number, at least 0 and less than `below`."""
        return self._whole(name, self.value(name), below)

    def _whole(self, name: str, value: Any, below: int) -> int:
        if type(value) is not int or not 0 <= value < below:
            raise self.error(
                name, f"{_shown(value)} where a whole number from 0 to below {below} should be"
            )
        return value

    def number(self, name: str) -> float:
        """Return an entry that is a finite number."""
        return self._number(name, self.value(name), False)

    def _number(self, name: str, value: Any, nan: bool) -> float:
        if type(value) is int and abs(value) < MAX_WHOLE:
            return value
        if type(value) is float and (math.isfinite(value) or (nan and math.isnan(value))):
            return value
        raise self.error(name, f"{_shown(value)} where a finite number should be")

    def numbers(
        self, name: str, shape: Shape, *, nan: bool = False, of: list[Any] | None = None
    ) -> np.ndarray:
        """Return an entry, or the list `of`, as an array of finite numbers, or NaN if `nan`."""
        flat, known = self._flat(name, self.items(name) if of is None else of, shape)
        values = [self._number(name, value, nan) for value in flat]
        return np.array(values, dtype=float).reshape(known)

    def wholes(
        self, name: str, shape: Shape, below: int = MAX_WHOLE, *, of: list[Any] | None = None
    ) -> np.ndarray:
        """Return an entry, or the list `of`, as an array of whole numbers from 0 to < `below`."""
        flat, known = self._flat(name, self.items(name) if of is None else of, shape)
        values = [self._whole(name, value, below) for value in flat]
        return np.array(values, dtype=np.int64).reshape(known)

    def _flat(
        self, name: str, values: list[Any], shape: Shape
    ) -> tuple[list[Any], tuple[int, ...]]:
        """Return the values of nested lists, and their shape with all lengths known."""
        if shape[0] not in (None, len(values)):
            raise self.error(name, f"{len(values)} entries where {shape[0]} should be")
        known = (len(values), *shape[1:])
        for length in shape[1:]:
            if not all(type(row) is list and len(row) == length for row in values):
                raise self.error(name, f"not of shape {_written(known)}")
            values = list(chain.from_iterable(values))
        return values, known


def read_entries(path: str | PathLike[str], kind: str) -> dict[str, Any]:
    """Read a JSON object with a given entry "format".

    Parameters
    ----------
    path : path-like
        The file.
    kind : str
        Expected format: the qualified name of a class, such as ``LOCAL`` and ``GLOBAL`` in
        :mod:`~sklearn_musiclime.results.documents`.

    Returns
    -------
    dict
        Its entries, of which only "format" was checked.

    Raises
    ------
    FileNotFoundError
        The file does not exist.
    ValueError
        The file is not a regular file, is too large, is not JSON, contains an object with a
        duplicate entry, or has another format.
    """
    path = Path(path)
    size = _size(path)
    if size > MAX_DOCUMENT_BYTES:
        raise ValueError(f"{str(path)!r} is too large for an explanation: {size} bytes")
    try:
        document = json.loads(path.read_bytes(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != kind:
        raise ValueError(f"{str(path)!r} is not a saved {kind.rpartition('.')[2]}")
    return document


def read_arrays(
    path: str | PathLike[str],
    expected: Mapping[str, tuple[str, Shape]],
    *,
    optional: Mapping[str, tuple[str, Shape]] | None = None,
) -> dict[str, np.ndarray]:
    """Read arrays that :func:`numpy.savez` wrote, and check their names, types and shapes.

    Parameters
    ----------
    path : path-like
        The ``.npz`` file.
    expected : mapping of str to (kind, shape)
        Kind and shape of each array that the file must contain. Kinds are "f4" for floats of
        single precision, "f" for floats of single or double precision, and "i" for integers.
    optional : mapping of str to (kind, shape), or None, default=None
        Further arrays, either all or none of which the file contains.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    FileNotFoundError
        The file does not exist.
    ValueError
        The file is not such an archive, or contains other arrays, NaN or infinite values.
    """
    path = Path(path)
    size = _size(path)
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                stored = {name.removesuffix(".npy") for name in archive.namelist()}
                if optional is not None and stored & set(optional):
                    expected = {**expected, **optional}
                members = _members(archive, list(expected), size)
                for name, member in members.items():
                    _check_header(archive, member, *expected[name])
                arrays = {name: _read_member(archive, m) for name, m in members.items()}
        except NOT_AN_ARCHIVE as error:
            raise ValueError(
                f"{str(path)!r} holds other arrays than it should: {error!s:.{MAX_REASON}}"
            ) from error
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{str(path)!r}: {name}: NaN or infinite")
    return arrays


def arrays_digest(arrays: Mapping[str, np.ndarray]) -> str:
    """Hash arrays: their names, types, shapes and values.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        The arrays, in any order.

    Returns
    -------
    str
        Digest of 128 bits, in hexadecimal digits.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.results.reading import arrays_digest
    >>> arrays_digest({"mix": np.zeros(3)}) == arrays_digest({"mix": np.zeros((3, 1))})
    False
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _members(
    archive: zipfile.ZipFile, names: Sequence[str], size: int
) -> dict[str, zipfile.ZipInfo]:
    """Return the members of an archive by array name; raise a ValueError for any other member."""
    found = archive.infolist()
    if sorted(member.filename for member in found) != sorted(f"{name}.npy" for name in names):
        listed = ", ".join(member.filename for member in found[:10])
        raise ValueError(f"{listed or 'nothing'} where {', '.join(names)} should be")
    for member in found:
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            raise ValueError(f"{member.filename} is compressed or encrypted")
    if sum(member.file_size for member in found) > size:
        raise ValueError("more declared than the file holds")
    return {member.filename.removesuffix(".npy"): member for member in found}


def _check_header(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, kind: str, shape: Shape
) -> None:
    """Raise a ValueError unless type, shape and size of an array are as expected."""
    with archive.open(member) as stream:
        start = stream.read(_MAGIC.size)
        magic, length = _MAGIC.unpack(start)
        match = _HEADER.fullmatch(stream.read(length))
    if magic != b"\x93NUMPY\x01\x00" or match is None:
        raise ValueError(f"{member.filename} is no array of numbers")
    dtype = np.dtype(match.group(1).decode("ascii"))
    declared = tuple(int(n) for n in match.group(2).replace(b",", b" ").split())
    if not dtype.str[1:].startswith(kind) or len(declared) != len(shape) or any(
        wanted not in (None, found) for wanted, found in zip(shape, declared, strict=True)
    ):  # fmt: skip
        wanted = "integers" if kind == "i" else "floats"
        raise ValueError(
            f"{member.filename} is {dtype} of shape {declared} where {wanted} of shape "
            f"{_written(shape)} should be"
        )
    if math.prod(declared) * dtype.itemsize != member.file_size - _MAGIC.size - length:
        raise ValueError(
            f"{member.filename} declares shape {declared}, and its {member.file_size} bytes hold "
            "more or less than that"
        )


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _size(path: Path) -> int:
    """Return the size of a file in bytes; raise an error unless it is a regular file."""
    if not path.exists():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    if not path.is_file():
        raise ValueError(f"{str(path)!r} is no regular file")
    return path.stat().st_size


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for name, value in pairs:
        if name in entries:
            raise ValueError(f"the entry {_shown(name)} is there twice")
        entries[name] = value
    return entries


def _written(shape: Shape) -> str:
    return "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"


def _shown(value: Any) -> str:
    """Describe a value in at most about `MAX_SHOWN` characters, for error messages."""
    if isinstance(value, (dict, list)):
        return f"a {'list' if isinstance(value, list) else 'JSON object'} of {len(value)}"
    text = repr(value[:MAX_SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."
