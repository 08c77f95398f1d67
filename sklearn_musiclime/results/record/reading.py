"""Reading of a record, song by song."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_musiclime.results.dataframes import SHARES, SHARES_WITH_COLUMNS
from sklearn_musiclime.results.record.columns import (
    INTERACTIONS,
    WEIGHTS,
    Column,
    pyarrow,
    read_about,
)
from sklearn_musiclime.results.record.place import Place
from sklearn_musiclime.results.summaries import SongWeights

NUMBERS = (
    "row", "component_index", "start", "end", "weight", "std_err", "score", "fidelity",
    "sampling_rate", "n_masks", "n_lyric_masks",
    "share_audio", "share_lyrics", "share_columns", "share_interaction",
)  # fmt: skip
TEXTS = ("track_json", "label_json", "title", "component", "modality", "source", "text")
Pairs = dict[str, tuple[np.ndarray, np.ndarray]]
"""Components of the pairs of a label, by the label in JSON, and their interactions."""


def read_songs(
    path: str | PathLike[str], rows: Mapping[str, int] | None = None
) -> Iterator[SongWeights]:
    """Yield the songs of a record.

    Parameters
    ----------
    path : path-like
        The record: a file, or a folder of parts. Of a file that is not there yet, the parts.
    rows : mapping of str to int, or None, default=None
        The songs to yield, by their labels in JSON, and the rows that they get. None: all, with the
        rows that are recorded.

    Yields
    ------
    SongWeights

    Raises
    ------
    FileNotFoundError
        There is no record.
    ImportError
        pyarrow is not installed.
    ValueError
        A file is not one of a record, or a song is there twice.
    """
    place = Place.of(path)
    files = place.weights()
    if not files:
        raise FileNotFoundError(f"there is no record at {str(path)!r}")
    seen: set[str] = set()
    for file in files:
        pairs_of = _pair_reader(place.pairs_of(file))
        for table in _row_groups(file, WEIGHTS, (*NUMBERS, *TEXTS)):
            values = _Values(table)
            held = {values.track(begin) for begin, _ in values.songs}
            if file != place.path and len(held & seen) == len(held):
                continue  # a part of a run that was killed when it had joined its parts
            pairs = pairs_of(held)
            for begin, end in values.songs:
                track = values.track(begin)
                if track in seen:
                    raise ValueError(f"{str(file)!r}: the song {track} is in the record twice")
                seen.add(track)
                if rows is None or track in rows:
                    row = None if rows is None else rows[track]
                    yield values.song(begin, end, row, None if pairs is None else pairs[track])


def _row_groups(file: Path, columns: tuple[Column, ...], names: tuple[str, ...]) -> Iterator[Any]:
    """Yield the row groups of a file, texts as dictionaries, after checking its schema."""
    pq = pyarrow("pyarrow.parquet")
    texts = [c.name for c in columns if c.type == "string" and c.name in names]
    try:
        read_about(pq.read_schema(file), columns, file)
        with pq.ParquetFile(file, read_dictionary=texts) as found:
            for group in range(found.num_row_groups):
                yield found.read_row_group(group, list(names)).combine_chunks()
    except pyarrow("pyarrow.lib").ArrowInvalid as error:
        raise ValueError(f"{str(file)!r} can't be read: {error}") from error


def _numbers(column: Any) -> np.ndarray:
    """A column as floats, NaN where it is null."""
    return np.asarray(column.cast("float64").to_numpy(zero_copy_only=False), dtype=float)


def _codes(column: Any) -> tuple[np.ndarray, list[Any]]:
    """A dictionary column as numbers of its values, -1 where it is null, and the values."""
    array = column.combine_chunks()
    codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes, array.dictionary.to_pylist()


class _Values:
    """The columns of a row group of the table of weights, and where its songs begin."""

    def __init__(self, table: Any):
        self._numbers = {name: _numbers(table[name]) for name in NUMBERS}
        self._codes = {name: _codes(table[name]) for name in TEXTS}
        track, label = self._codes["track_json"][0], self._codes["label_json"][0]
        is_new = np.append(True, np.diff(track) != 0)[: len(track)]
        self._is_label = is_new | np.append(True, np.diff(label) != 0)[: len(track)]
        starts = np.flatnonzero(is_new)
        self.songs = list(zip(starts.tolist(), [*starts[1:].tolist(), len(track)], strict=True))

    def _text(self, name: str, at: int) -> str:
        codes, values = self._codes[name]
        return values[codes[at]]

    def track(self, at: int) -> str:
        """The label in JSON of the song in a row."""
        return self._text("track_json", at)

    def song(self, begin: int, end: int, row: int | None, pairs: Pairs | None) -> SongWeights:
        """The song in a range of rows."""
        firsts = (begin + np.flatnonzero(self._is_label[begin:end])).tolist()
        size = firsts[1] - begin if len(firsts) > 1 else end - begin
        own = slice(begin, begin + size)
        numbers = self._numbers
        if np.isnan(numbers["component_index"][begin]):  # a song without components
            size, own = 0, slice(begin, begin)
        labels = [self._text("label_json", at) for at in firsts]
        weights, std_err = (
            np.stack([numbers[name][at : at + size] for at in firsts])
            for name in ("weight", "std_err")
        )
        codes, names = self._codes["modality"]
        modality = codes[own]
        of = {name: np.flatnonzero(modality == code) for code, name in enumerate(names)}
        empty = np.zeros(0, dtype=int)
        audio, lyrics, columns = (begin + of.get(n, empty) for n in ("audio", "lyrics", "columns"))
        sources, borders = self._audio(audio)
        shares = SHARES_WITH_COLUMNS if len(columns) else SHARES
        return SongWeights(
            title=self._text("title", begin),
            row=int(numbers["row"][begin]) if row is None else row,
            track_id=_label(self.track(begin)),
            labels=[_label(label) for label in labels],
            scores=numbers["score"][firsts],
            fidelity=numbers["fidelity"][firsts],
            shares=np.stack([numbers[f"share_{name}"][firsts] for name in shares], axis=1),
            source_names=sources,
            borders=borders,
            texts=[self._text("text", at) for at in lyrics.tolist()],
            columns=tuple(self._text("component", at) for at in columns.tolist()),
            weights=weights,
            std_err=std_err,
            n_masks=(int(numbers["n_masks"][begin]), int(numbers["n_lyric_masks"][begin])),
            pairs=None if pairs is None else pairs[labels[0]][0],
            pair_weights=np.zeros((len(labels), 0))
            if pairs is None
            else np.stack([pairs[label][1] for label in labels]),
        )

    def _audio(self, rows: np.ndarray) -> tuple[tuple[str, ...], np.ndarray | None]:
        """The sources of a song and the boundaries of its segments in samples."""
        if not len(rows):
            return (), None
        codes, names = self._codes["source"]
        of_source = codes[rows]
        n_segments = int(np.append(of_source[1:] != of_source[:-1], True).argmax()) + 1
        sources = tuple(names[code] for code in of_source[::n_segments])
        first = rows[:n_segments]
        seconds = np.append(self._numbers["start"][first], self._numbers["end"][first[-1]])
        rate = self._numbers["sampling_rate"][first[0]]
        return sources, np.rint(seconds * rate).astype(np.int64)


def _label(text: str) -> Hashable:
    value = json.loads(text)
    return tuple(value) if isinstance(value, list) else value


def _pair_reader(file: Path) -> Callable[[set[str]], dict[str, Pairs] | None]:
    """Return a function from songs to their interactions, or to None if there is no file of them.

    The songs are in the order of the file of weights, so little more than those that are asked for
    is in memory.
    """
    if not file.is_file():
        return lambda songs: None
    names = ("track_json", "label_json", "first_index", "second_index", "weight")
    tables = _row_groups(file, INTERACTIONS, names)
    ahead: dict[str, Pairs] = {}
    none = np.zeros((0, 2), dtype=int), np.zeros(0)

    def pairs_of(songs: set[str]) -> dict[str, Pairs] | None:
        while ahead.keys() <= songs:  # one that comes later shows that all of these are there
            table = next(tables, None)
            if table is None:
                break
            _collect(table, ahead)
        return {song: defaultdict(lambda: none, ahead.pop(song, {})) for song in songs}

    return pairs_of


def _collect(table: Any, into: dict[str, Pairs]) -> None:
    """Add the interactions of a row group, song by song and label by label."""
    (track, tracks), (label, labels) = _codes(table["track_json"]), _codes(table["label_json"])
    pairs = np.stack([_numbers(table[n]) for n in ("first_index", "second_index")], axis=1)
    pairs, weights = pairs.astype(np.int64), _numbers(table["weight"])
    new = (np.diff(track) != 0) | (np.diff(label) != 0)
    bounds = [0, *(np.flatnonzero(new) + 1).tolist(), len(track)]
    for begin, end in pairwise(bounds):
        if begin < end:
            song = into.setdefault(tracks[track[begin]], {})
            song.setdefault(labels[label[begin]], (pairs[begin:end], weights[begin:end]))
