"""File format of explanations: a JSON file, and an ``.npz`` file beside it for large arrays.

The arrays of ``song.json`` are in ``song.npz``. For a name that does not end in ".json", ".npz" is
appended to the whole name. The JSON file holds a digest of the arrays, so that arrays of another
explanation are detected.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_musiclime._runtime.files import replacing
from sklearn_musiclime._runtime.frames import as_series
from sklearn_musiclime.neighbourhood import Contrast
from sklearn_musiclime.results.reading import (
    Record,
    Shape,
    arrays_digest,
    read_arrays,
    read_entries,
)

LOCAL = "sklearn_musiclime.LocalExplanation"
GLOBAL = "sklearn_musiclime.GlobalExplanation"
VERSIONS = {LOCAL: 3, GLOBAL: 3}
"""Current versions of the formats. Version 1 of a local explanation has no degrees of freedom: its
intervals are those of the normal distribution. Version 1 of a global explanation sums interactions
over songs instead of groups. Versions 1 and 2 have neither labels of the index of X nor a digest of
the arrays, and ".npz" replaces any ending of the name. A label may be an object with the entries
"label" and "other", a contrast, and a local explanation may have an entry "contrasts"; before 0.2
neither was written."""


def json_path(path: str | PathLike[str]) -> Path:
    """Return the path of the JSON file; raise a ValueError for the path of the arrays."""
    path = Path(path)
    if path.suffix == ".npz":
        raise ValueError(f"{str(path)!r} names the arrays; give the JSON file")
    return path


def _arrays_path(path: Path, version: int = max(VERSIONS.values())) -> Path:
    """Return the path of the arrays that belong to a JSON file."""
    if path.suffix == ".json" or version < 3:
        return path.with_suffix(".npz")
    return path.with_name(f"{path.name}.npz")


def arrays_entry(path: Path, arrays: dict[str, np.ndarray]) -> dict[str, str]:
    """Return the entries of a JSON file for its arrays: their file name and digest."""
    return {"arrays": _arrays_path(path).name, "digest": arrays_digest(arrays)}


def write_saved(path: Path, document: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write the JSON file and, if there are any, the arrays: either both files or neither."""
    # Escaped to ASCII, since lyrics may contain lone surrogates, which UTF-8 can't encode.
    text = json.dumps(document, indent=1, default=_plain).encode("ascii")
    with replacing(*([path, _arrays_path(path)] if arrays else [path])) as files:
        files[0].write(text)
        if arrays:
            np.savez(files[1], **arrays)  # type: ignore[arg-type]  # one may be named allow_pickle


class Document(Record):
    """The JSON file of a saved explanation, with its entries and the arrays beside it.

    Parameters
    ----------
    path : path-like
        The JSON file.
    kind : {LOCAL, GLOBAL}
        Kind of explanation that it should be of.

    Attributes
    ----------
    version : int
        Version of its format.
    labels : list of label
        The explained labels.

    Raises
    ------
    FileNotFoundError
        The file does not exist.
    ValueError
        The file is not that of such an explanation, has a later version of the format, or a label
        occurs twice.
    """

    def __init__(self, path: str | PathLike[str], kind: str):
        super().__init__(read_entries(path, kind), Path(path))
        self.version = self.whole("version")
        if self.version > VERSIONS[kind]:
            raise ValueError(
                f"{str(path)!r} has version {self.version} of the format; this release reads up to "
                f"{VERSIONS[kind]}"
            )
        self.labels = unique_labels(self, self.items("labels"))

    def arrays(
        self,
        saved: Record,
        expected: dict[str, tuple[str, Shape]],
        optional: dict[str, tuple[str, Shape]] | None = None,
    ) -> dict[str, np.ndarray]:
        """Read the arrays beside the JSON file, and check their digest.

        The name of the arrays' file is derived from that of the JSON file, so that both files can
        be renamed.

        Parameters
        ----------
        saved : Record
            Object of the JSON file with the entry "digest"; it is compared from version 3 on.
        expected : dict of str to (kind, shape)
            The arrays, see :func:`~sklearn_musiclime.results.reading.read_arrays`.
        optional : dict of str to (kind, shape), or None, default=None
            Further arrays, either all or none of which the file contains.

        Returns
        -------
        dict of str to ndarray

        Raises
        ------
        FileNotFoundError
            The file of the arrays does not exist.
        ValueError
            The file contains other arrays, or was not saved together with the JSON file.
        """
        beside = _arrays_path(self.path, self.version)
        arrays = read_arrays(beside, expected, optional=optional)
        if self.version >= 3 and arrays_digest(arrays) != saved.text("digest"):
            raise ValueError(
                f"{str(self.path)!r} and {str(beside)!r} were not saved together: the arrays are "
                "those of another explanation, or were changed. Save it again under a name of its "
                "own, or copy both of its files"
            )
        return arrays

    def track_ids(self, saved: Record, rows: list[int]) -> pd.Series:
        """Read the labels of songs in the index of X; before version 3 these are their rows.

        Parameters
        ----------
        saved : Record
            Object of the JSON file with the entry "track_id".
        rows : list of int
            Rows of the songs.

        Returns
        -------
        Series
        """
        if self.version < 3:
            return pd.Series(rows)
        return as_series(as_labels(saved, saved.items("track_id"), "track_id"))


def as_labels(document: Record, values: list[Any], name: str = "labels") -> list[Hashable]:
    """Return labels as they were before saving: JSON turns tuples into lists."""
    return [_as_label(document, value, name) for value in values]


def _as_label(document: Record, value: Any, name: str) -> Hashable:
    if isinstance(value, dict):
        if list(value) != ["label", "other"] or dict in map(type, value.values()):
            raise document.error(name, "one is neither a label nor a contrast of two labels")
        first, other = (_as_label(document, part, name) for part in value.values())
        if first == other:
            raise document.error(name, "a contrast of a label with itself")
        return Contrast(first, other)
    label = tuple(value) if isinstance(value, list) else value
    for part in label if isinstance(label, tuple) else [label]:
        is_number = isinstance(part, float) and math.isfinite(part)
        if not (isinstance(part, (str, int)) or is_number):
            raise document.error(name, "one is no text, number, or list of these")
    return label


def unique_labels(document: Record, values: list[Any]) -> list[Hashable]:
    """Return labels; raise a ValueError if one occurs twice."""
    labels = as_labels(document, values)
    if len(set(labels)) != len(labels):
        raise document.error("labels", "one of them is there twice")
    return labels


def _plain(value: Any) -> Any:
    """Convert a numpy scalar or a contrast for JSON."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Contrast):
        return {"label": value.label, "other": value.other}
    raise TypeError(f"{type(value).__name__} {value!r} can't be saved as JSON")
