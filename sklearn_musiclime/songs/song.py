"""A song as the rest of the package sees it."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_musiclime._runtime.polars import as_polars
from sklearn_musiclime.songs.cells import AudioForm, as_cell
from sklearn_musiclime.songs.errors import row_name
from sklearn_musiclime.songs.timed_words import TimedWords

LATE = 0.1
"""Seconds by which a word may end after the audio; times are rounded."""


@dataclass(frozen=True)
class Song:
    """A song as the rest of the package sees it.

    Attributes
    ----------
    row : int
        Position in X.
    track_id : label
        Label in the index of X; the position where X has none.
    waveform : ndarray of shape (n_samples,), dtype float32, or None
        Mono audio at the explainer's sampling rate; None if X has no audio column.
    lyrics : str or None
        None if X has no lyrics column.
    sampling_rate : float
        Samples a second of the waveform.
    word_times : ndarray of shape (n_words, 2), TimedWords or None
        Start and end of each word in seconds.
    path : Path or None
        Where the audio came from, if from a file.
    span : (float, float) or None
        The seconds of that file at which the song begins and ends, if it is a part of it.
    template : DataFrame or object array of one row
        The song's row of X without its audio.
    columns : dict of str to int
        Position in `template` of the columns "audio", "lyrics" and "word_times" that X has.
    audio_form : {"array", "mapping", "waveform", "pair"}
        What the song's audio cell looks like, see :func:`as_cell`.
    polars_schema : dict of str to DataType, or None
        Names and types of the columns of X, if it is a DataFrame of polars.
    beside : dict of label to int
        Position in `template` of further columns that are explained.
    """

    row: int
    track_id: Hashable
    waveform: np.ndarray | None
    lyrics: str | None
    sampling_rate: float
    word_times: np.ndarray | TimedWords | None
    path: Path | None
    span: tuple[float, float] | None
    template: Any
    columns: dict[str, int]
    audio_form: AudioForm
    polars_schema: Mapping[str, Any] | None = None
    beside: Mapping[Hashable, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What messages call it, see :func:`row_name`."""
        return row_name(self.row, self.track_id)

    def doubts(self) -> dict[str, str]:
        """Return what is odd about the song although it can be explained.

        Returns
        -------
        dict of str to str
            Messages by kind: "late words" for word times that end after the audio.
        """
        if self.waveform is None or self.word_times is None:
            return {}
        seconds = len(self.waveform) / self.sampling_rate
        ends = np.asarray(self.word_times)[:, 1]  # NaN for a word without times
        n_late = int((ends > seconds + LATE).sum())
        if not n_late:
            return {}
        message = (
            f"{n_late} of {len(ends)} words end after the audio, which lasts "
            f"{seconds:.2f} s, the last one at {np.nanmax(ends):.2f} s: are the times "
            "in seconds, of this recording, and from its beginning?"
        )
        return {"late words": message}

    def variants(
        self,
        waveforms: Sequence[np.ndarray] | None,
        lyrics: Sequence[str] | None,
        beside: Mapping[int, pd.Series] | None = None,
    ) -> Any:
        """Build songs that differ from this one in audio, lyrics and some columns alone.

        Parameters
        ----------
        waveforms : sequence of ndarray, or None
            The audio of each new song, at the rate of this one. It stands in its cell in the form
            that it has in X; where X holds other mappings or decoders, as a mapping with "array"
            and "sampling_rate".
        lyrics : sequence of str, or None
            The lyrics of each new song.
        beside : mapping of int to Series, or None, default=None
            The cells of each new song in further columns, by their positions in X.

        Returns
        -------
        DataFrame or object array
            One row a new song, with the columns of X, their types, and the song's label in the
            index of X.
        """
        cells: dict[str, Sequence] = {}
        if waveforms is not None:
            cells["audio"] = [as_cell(w, self.sampling_rate, self.audio_form) for w in waveforms]
        if lyrics is not None:
            cells["lyrics"] = lyrics
        beside = {} if beside is None else beside
        n_songs = len(next(iter([*cells.values(), *beside.values()])))
        if isinstance(self.template, pd.DataFrame):
            songs = self.template.iloc[[0] * n_songs]
            for at, copies in own_copies(self.template, n_songs):
                set_column(songs, at, copies)
            for kind, values in cells.items():
                set_column(songs, self.columns[kind], values, is_text=kind == "lyrics")
            for at, values in beside.items():
                songs.isetitem(at, values.set_axis(songs.index))
            if self.polars_schema is not None:
                changed = [songs.columns[self.columns[kind]] for kind in cells]
                return as_polars(songs, self.polars_schema, changed)
            return songs
        songs = np.empty((n_songs, self.template.shape[1]), dtype=object)
        songs[:] = self.template
        for at, copies in own_copies(self.template, n_songs):
            set_column(songs, at, copies)
        for kind, values in cells.items():
            set_column(songs, self.columns[kind], values)
        for at, values in beside.items():
            set_column(songs, at, values.tolist())
        return songs


def set_column(
    songs: pd.DataFrame | np.ndarray, at: int, cells: Sequence, *, is_text: bool = False
) -> None:
    """Replace a column of songs, in place.

    Parameters
    ----------
    songs : DataFrame or object array of shape (n_songs, n_columns)
        The songs.
    at : int
        Position of the column.
    cells : sequence of length n_songs
        What stands in it then, whatever that is.
    is_text : bool, default=False
        Whether these are texts, so that a column of a DataFrame that has a type of text keeps it;
        else it becomes one of objects.
    """
    if isinstance(songs, pd.DataFrame):
        own = songs.dtypes.iloc[at]
        dtype = own if is_text and isinstance(own, pd.StringDtype) else object
        songs.isetitem(at, pd.Series(list(cells), index=songs.index, dtype=dtype))
        return
    for row, cell in enumerate(cells):  # at once, cells that are lists would become a table
        songs[row, at] = cell


def own_copies(one: Any, n_songs: int) -> Iterator[tuple[int, list[Any]]]:
    """Copy the cells that a model could change in place, so that each song has its own.

    Parameters
    ----------
    one : DataFrame or object array of one row
        A row of X.
    n_songs : int
        Copies of each cell.

    Yields
    ------
    at : int
        Position of a column that holds a list, mapping, set or array.
    copies : list
        Copies of its cell, one a song.
    """
    is_frame = isinstance(one, pd.DataFrame)
    for at in range(one.shape[1]):
        cell = one.iat[0, at] if is_frame else one[0, at]
        if isinstance(cell, (list, dict, set, np.ndarray)):
            yield at, _deep_copies(cell, n_songs)


def _deep_copies(cell: Any, n_songs: int) -> list[Any]:
    """Copies that share nothing that can be changed. Lists of word times take a quick way."""
    if type(cell) is list:
        if all(map(_is_immutable, cell)):
            return [cell.copy() for _ in range(n_songs)]
        if all(_holds_immutables(entry) for entry in cell):
            return [[entry.copy() for entry in cell] for _ in range(n_songs)]
    return [copy.deepcopy(cell) for _ in range(n_songs)]


def _is_immutable(value: Any) -> bool:
    """Whether a value is a number, a text, None or a tuple of such."""
    if type(value) is tuple:
        return all(map(_is_immutable, value))
    # Not any scalar of numpy: those of structured arrays can be changed.
    return value is None or isinstance(value, (str, bytes, int, float, np.number, np.bool_))


def _holds_immutables(entry: Any) -> bool:
    """Whether an entry is a list or mapping that a shallow copy copies whole."""
    if type(entry) is dict:
        return all(map(_is_immutable, entry.values()))
    return type(entry) is list and all(map(_is_immutable, entry))
