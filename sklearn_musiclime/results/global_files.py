"""Saving and loading of global explanations."""

from __future__ import annotations

from dataclasses import fields
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from sklearn_musiclime._runtime.frames import as_series
from sklearn_musiclime.results.aggregation import PairTotals
from sklearn_musiclime.results.dataframes import SHARES, SHARES_WITH_COLUMNS
from sklearn_musiclime.results.documents import (
    GLOBAL,
    VERSIONS,
    Document,
    arrays_entry,
    as_labels,
    json_path,
    write_saved,
)
from sklearn_musiclime.results.global_data import GlobalData
from sklearn_musiclime.results.importance import totals
from sklearn_musiclime.results.reading import Record, Shape
from sklearn_musiclime.results.summaries import Component
from sklearn_musiclime.songs import MAX_SAMPLES

WEIGHT_ARRAYS = ("data", "indices", "indptr")
PAIR_ARRAYS: dict[str, tuple[str, Shape]] = {
    "pair_labels": ("i", (None,)),
    "pair_pairs": ("i", (None, 2)),
    "pair_counts": ("f", (None,)),
    "pair_n_groups": ("f", (None,)),
    "pair_sums": ("f", (None,)),
    "pair_squares": ("f", (None,)),
}


def save_global(explanation: GlobalData, path: str | PathLike[str]) -> None:
    """Save a global explanation to a JSON file, and its arrays to an ``.npz`` file beside it.

    Parameters
    ----------
    explanation : GlobalData
        The explanation. Its local explanations are not saved.
    path : path-like
        The JSON file.
    """
    path = json_path(path)
    songs, weights, pairs = explanation.songs, explanation.weights, explanation.pair_totals
    arrays = {"sums": explanation.sums, "counts": explanation.counts}
    if weights is not None:
        arrays |= {name: getattr(weights, name) for name in WEIGHT_ARRAYS}
    if pairs is not None:
        arrays |= {f"pair_{f.name}": getattr(pairs, f.name) for f in fields(pairs)}
    document = {
        "format": GLOBAL,
        "version": VERSIONS[GLOBAL],
        **arrays_entry(path, arrays),
        "labels": explanation.labels,
        "components": explanation.components,
        "songs": None if songs is None else _columns(songs),
        "failures": _columns(explanation.failures),
    }
    write_saved(path, document, arrays)


def load_global(path: str | PathLike[str]) -> dict[str, Any]:
    """Load and check the files that :func:`save_global` wrote.

    Parameters
    ----------
    path : path-like
        The JSON file.

    Returns
    -------
    dict
        The fields of a :class:`~sklearn_musiclime.GlobalExplanation`.

    Raises
    ------
    FileNotFoundError
        One of the two files is missing.
    ValueError
        A file is not that of a global explanation, has a later version of the format, or is
        inconsistent; or the two files were not saved together.
    """
    document = Document(path, GLOBAL)
    labels = document.labels
    components = _load_components(document)
    shape = (len(labels), len(components))
    songs = None if document.is_null("songs") else _load_songs(document)
    expected: dict[str, tuple[str, Shape]] = {"sums": ("f", shape), "counts": ("i", shape)}
    if songs is not None:
        ends = (len(songs) + 1,)
        expected |= {"data": ("f", (None,)), "indices": ("i", (None,)), "indptr": ("i", ends)}
    of_pairs = dict(PAIR_ARRAYS)
    if document.version < 2:
        del of_pairs["pair_n_groups"]
    arrays = document.arrays(document, expected, of_pairs)
    if "pair_counts" in arrays and "pair_n_groups" not in arrays:
        arrays |= _groups_of_songs(songs, arrays["pair_counts"])
    sums, counts, weights = arrays["sums"], arrays["counts"], None
    if songs is not None:
        weights = _load_weights(document, arrays, (len(songs), len(components)))
        label_numbers = np.array([labels.index(label) for label in songs["label"]])
        found = totals(weights, label_numbers, len(labels))
        if not (np.allclose(sums, found[0]) and np.array_equal(counts, found[1])):
            raise document.error("sums", "not those of its weights")
    elif (sums < 0).any() or (counts < 0).any():
        raise document.error("sums", "below 0")
    failures = document.record("failures")
    failed_rows = failures.wholes("row", (None,)).tolist()
    return {
        "labels": labels,
        "components": components,
        "sums": sums,
        "counts": counts,
        "songs": songs,
        "weights": weights,
        "pair_totals": _load_pairs(document, arrays, *shape) if "pair_n_groups" in arrays else None,
        "failures": _frame(
            failures,
            {
                "row": failed_rows,
                "track_id": document.track_ids(failures, failed_rows),
                "title": failures.texts("title"),
                "reason": failures.texts("reason"),
            },
        ),
    }


def _columns(frame: pd.DataFrame) -> dict[str, list]:
    return {name: frame[name].tolist() for name in frame}


def _load_components(document: Record) -> list[Component]:
    components, grid = [], set()
    for values in document.items("components"):
        if not isinstance(values, list) or len(values) != len(Component._fields):
            raise document.error("components", "one of them has more or less than four entries")
        name, modality, source, segment = values
        is_audio = modality == "audio" and isinstance(source, str)
        is_segment = segment is None or (type(segment) is int and 0 <= segment < MAX_SAMPLES)
        if not isinstance(name, str) or not (
            (is_audio and is_segment)
            or (modality in ("lyrics", "columns") and source is None and segment is None)
        ):
            raise document.error("components", f"{values!r:.80} is none")
        components.append(Component(*values))
        grid.add((source, segment) if is_audio else (modality, name))
    if len(grid) != len(components):
        raise document.error("components", "one of them is there twice")
    return components


def _load_songs(document: Document) -> pd.DataFrame:
    saved = document.record("songs")
    titles = saved.texts("title")
    shape = (len(titles),)
    of_songs = as_labels(saved, saved.items("label"))
    unknown = set(of_songs).difference(document.labels)
    if unknown:
        raise saved.error("label", f"{unknown.pop()!r:.80} is none of the labels")
    groups = saved.items("group")
    if not (
        all(isinstance(group, str) for group in groups)
        or all(isinstance(group, (int, float)) for group in groups)
    ):
        raise saved.error("group", "neither texts nor numbers")
    rows = saved.wholes("row", shape)
    shares = SHARES_WITH_COLUMNS if "columns" in saved.names() else SHARES
    columns = {
        "title": titles,
        "row": rows,
        "track_id": document.track_ids(saved, rows.tolist()),
        "group": groups,
        "label": pd.Series(of_songs, dtype=object),
        **{name: saved.numbers(name, shape) for name in ("score", "fidelity")},
        **{name: saved.numbers(name, shape, nan=True) for name in shares},
    }
    return _frame(saved, columns)


def _frame(saved: Record, columns: dict[str, Any]) -> pd.DataFrame:
    if sorted({*saved.names(), "track_id"}) != sorted(columns):
        raise saved.error("columns", f"{saved.names()} where {list(columns)} should be")
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise saved.error("columns", f"they are of different lengths: {sorted(lengths)}")
    texts = {name: as_series(v) for name, v in columns.items() if isinstance(v, list)}
    return pd.DataFrame(columns | texts)


def _load_weights(
    document: Record, arrays: dict[str, np.ndarray], shape: tuple[int, int]
) -> scipy.sparse.csr_array:
    """Build the matrix of weights; check its indices, each of which may occur once per row."""
    data, indices, ends = (arrays[name] for name in WEIGHT_ARRAYS)
    lengths = np.diff(ends)
    if len(data) != len(indices) or ends[0] != 0 or ends[-1] != len(data) or (lengths < 0).any():
        raise document.error("weights", "they are not those of its songs")
    if ((indices < 0) | (indices >= shape[1])).any():
        raise document.error("weights", "they are not those of its components")
    cells = np.repeat(np.arange(shape[0]), lengths) * shape[1] + indices
    if len(np.unique(cells)) != len(cells):
        raise document.error("weights", "a song has two of one component")
    return scipy.sparse.csr_array((data, indices, ends), shape=shape)


def _groups_of_songs(songs: pd.DataFrame | None, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return the numbers of groups for a file of version 1, if each song is a group of its own."""
    if songs is None or songs.duplicated(["group", "label"]).any():
        return {}
    return {"pair_n_groups": counts}


def _load_pairs(
    document: Record, arrays: dict[str, np.ndarray], n_labels: int, n_components: int
) -> PairTotals:
    pairs = PairTotals(**{f.name: arrays[f"pair_{f.name}"] for f in fields(PairTotals)})
    if len({len(getattr(pairs, f.name)) for f in fields(pairs)}) != 1:
        raise document.error("pairs", "their arrays are of different lengths")
    for values, below in ((pairs.labels, n_labels), (pairs.pairs, n_components)):
        if ((values < 0) | (values >= below)).any():
            raise document.error("pairs", "they are not those of its labels and components")
    if (pairs.n_groups < 1).any() or (pairs.counts < pairs.n_groups).any():
        raise document.error("pairs", "some of them are in no song, or in less than in groups")
    return pairs
