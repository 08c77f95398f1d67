"""X seen as a sequence of songs, each of which is read when it is asked for."""

from __future__ import annotations

import copy
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_musiclime._runtime.fingerprint.files import file_digest
from sklearn_musiclime._runtime.polars import as_pandas, as_polars, schema
from sklearn_musiclime.songs.cells import (
    audio_file,
    audio_form,
    audio_samples,
    check_audio_cell,
    is_decoder,
    part_of_file,
    read_audio,
    read_lyrics,
    read_word_times,
)
from sklearn_musiclime.songs.errors import InvalidSongError, is_position, row_name
from sklearn_musiclime.songs.song import Song, own_copies, set_column
from sklearn_musiclime.songs.timed_words import TimedWords


class SongTable:
    """X seen as a sequence of songs.

    Parameters
    ----------
    X : DataFrame, datasets.Dataset, or object array of shape (n_songs, 2) or more
        The songs.
    audio, lyrics, word_times : str, default="audio", "lyrics", "word_times"
        Names of the columns, if `X` is a DataFrame. In an array audio is column 0, lyrics column 1
        and word times column 2.
    modalities : sequence of {"audio", "lyrics"}, default=("audio", "lyrics")
        The columns that must be there.
    beside : sequence of label, default=()
        Further columns that must be there, by name; by position, if `X` is an array.

    Raises
    ------
    TypeError
        `X` is neither a DataFrame, a Dataset nor an array of objects.
    ValueError
        A column that is needed is missing, there twice, or given twice, or there are no songs.
    """

    def __init__(
        self,
        X: Any,
        *,
        audio: str = "audio",
        lyrics: str = "lyrics",
        word_times: str = "word_times",
        modalities: Sequence[str] = ("audio", "lyrics"),
        beside: Sequence[Hashable] = (),
    ):
        self._polars_schema = schema(X)
        X = as_pandas(X)
        self.X = X
        self.first_row = 0
        named = {"audio": audio, "lyrics": lyrics, "word_times": word_times}
        if isinstance(X, pd.DataFrame):
            self._where = {kind: X.columns.get_loc(n) for kind, n in named.items() if n in X}
            ambiguous = [named[k] for k, at in self._where.items() if not isinstance(at, int)]
            if ambiguous:
                raise ValueError(f"X has more than one column named {ambiguous[0]!r}")
            missing = [named[m] for m in modalities if m not in self._where]
            if missing:
                raise ValueError(f"X has no column {missing[0]!r}; its columns are {list(X)}")
        elif isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "OUT":
            self._where = {k: at for at, k in enumerate(named) if at < X.shape[1]}
            missing = [m for m in modalities if m not in self._where]
            if missing:
                raise ValueError(f"X has {X.shape[1]} column(s); column 0 is audio, 1 is lyrics")
        else:
            is_array = hasattr(X, "shape") and hasattr(X, "dtype")
            kind = f"{X.dtype} array of shape {X.shape}" if is_array else type(X)
            split = f"; take one of its splits: {list(X)!r:.80}" if isinstance(X, Mapping) else ""
            raise TypeError(
                "X must be a pandas or polars DataFrame or a datasets.Dataset with an audio and a "
                "lyrics column, or a numpy array of dtype object and shape (n_songs, 2); got "
                f"{kind}{split}"
            )
        if len(X) == 0:
            raise ValueError("X has no songs: 0 sample(s) where a minimum of 1 is required")
        self._beside: dict[Hashable, int] = {}
        for label in beside:
            if label in self._beside:
                raise ValueError(f"columns has {label!r} twice")
            self._beside[label] = self._find_beside(label)

    def _find_beside(self, label: Hashable) -> int:
        """Position of a further column, which has to be there."""
        X = self.X
        if isinstance(X, pd.DataFrame):
            if label not in X:
                raise ValueError(f"X has no column {label!r}; its columns are {list(X)}")
            at = X.columns.get_loc(label)
            if not isinstance(at, int):
                raise ValueError(f"X has more than one column named {label!r}")
        elif isinstance(label, (int, np.integer)) and 0 <= label < X.shape[1]:
            at = int(label)
        else:
            raise ValueError(
                f"X has no column {label!r}; it is an array of {X.shape[1]} columns, which are "
                "given by position"
            )
        for kind, taken in self._where.items():
            if taken == at:
                raise ValueError(f"columns has {label!r}, which is the {kind} column of X")
        return at

    def background(self, n_songs: int) -> pd.DataFrame:
        """Return the values of some songs in the further columns.

        Parameters
        ----------
        n_songs : int
            Number of songs, drawn by a fixed seed; all, if there are fewer.

        Returns
        -------
        DataFrame
            A row a song, in the order of X.
        """
        rows = np.sort(np.random.default_rng(0).permutation(len(self))[:n_songs])
        places = list(self._beside.values())
        if isinstance(self.X, pd.DataFrame):
            return self.X.iloc[rows, places].reset_index(drop=True)
        return pd.DataFrame(self.X[rows][:, places], columns=list(self._beside), dtype=object)

    def __len__(self) -> int:
        return len(self.X)

    def take(self, row: int) -> SongTable:
        """Return a table of one of the songs, which keeps its row number in X.

        Parameters
        ----------
        row : int
            Position of the song.

        Returns
        -------
        SongTable
            Audio that was a decoder is a mapping with "array" and "sampling_rate" in it.
        """
        one = self.alone(row)
        if is_decoder(audio := one.cell(0, "audio")):
            one._decode(audio)
        return one

    def alone(self, row: int) -> SongTable:
        """Return a table of one of the songs with its cells as they are: nothing is decoded.

        Parameters
        ----------
        row : int
            Position of the song.

        Returns
        -------
        SongTable
        """
        one = copy.copy(self)
        one.X = _rows(self.X, row)
        one.first_row = self.first_row + row
        return one

    def _decode(self, decoder: Any) -> None:
        """Replace the one song's decoder by its samples: no decoder reaches another process."""
        try:
            samples, rate = audio_samples(decoder)
        except InvalidSongError:  # raised again where the song is read
            return
        cell = {"array": np.asarray(samples), "sampling_rate": rate}
        self.X = self.X.copy()
        set_column(self.X, self._where["audio"], [cell])

    def given(self, row: int) -> Any:
        """Return a row of X as it was given, in the container of X.

        Parameters
        ----------
        row : int
            Position of the song.

        Returns
        -------
        DataFrame or object array of one row
            Arrays, lists and mappings in it are copies, which a model may change.
        """
        own = _rows(self.X, row)
        if isinstance(own, np.ndarray):
            for at, copies in own_copies(own, 1):
                set_column(own, at, copies)
            return own
        own = own.copy()
        for at, copies in own_copies(own, 1):
            if pd.api.types.is_object_dtype(own.dtypes.iloc[at]):
                set_column(own, at, copies)
        return own if self._polars_schema is None else as_polars(own, self._polars_schema)

    def track_id(self, row: int) -> Hashable:
        """Return a song's label in the index of X, as a plain value that a file can hold.

        Parameters
        ----------
        row : int
            Position of the song.

        Returns
        -------
        str, int, float, bool or tuple of these
            The position, where X has no index.
        """
        if self._polars_schema is not None or not isinstance(self.X, pd.DataFrame):
            return self.first_row + row
        label = self.X.index[row]
        if isinstance(label, tuple):
            return tuple(_plain(part) for part in label)
        return _plain(label)

    def name(self, row: int) -> str:
        """Return what messages call a song, see :func:`row_name`.

        Parameters
        ----------
        row : int
            Position of the song.

        Returns
        -------
        str
        """
        return row_name(self.first_row + row, self.track_id(row))

    @contextmanager
    def naming(self, row: int) -> Iterator[None]:
        """Add a song's label to the errors of what is in its cells.

        Parameters
        ----------
        row : int
            Position of the song.

        Raises
        ------
        InvalidSongError
            One was raised inside; it names the label, too.
        """
        try:
            yield
        except InvalidSongError as error:
            error.track_id = self.track_id(row)
            error.args = (error.row, error.column, error.reason, error.track_id)
            raise

    def has(self, kind: str) -> bool:
        """Say whether X has the column "audio", "lyrics" or "word_times".

        Parameters
        ----------
        kind : {"audio", "lyrics", "word_times"}
            Which column.

        Returns
        -------
        bool
        """
        return kind in self._where

    def cell(self, row: int, kind: str) -> Any:
        """Return the cell of a row in the column "audio", "lyrics" or "word_times"; None if none.

        Parameters
        ----------
        row : int
            Position of the song.
        kind : {"audio", "lyrics", "word_times"}
            Which column.

        Returns
        -------
        object
        """
        if not self.has(kind):
            return None
        at = self._where[kind]
        return self.X.iat[row, at] if isinstance(self.X, pd.DataFrame) else self.X[row, at]

    def column(self, kind: str) -> Any:
        """Return the column "audio", "lyrics" or "word_times".

        Parameters
        ----------
        kind : str
            Which column, one that X has.

        Returns
        -------
        Series, or object array of shape (n_songs,)
        """
        at = self._where[kind]
        return self.X.iloc[:, at] if isinstance(self.X, pd.DataFrame) else self.X[:, at]

    def with_columns(self, columns: Mapping[str, Sequence]) -> Any:
        """Return a copy of X, in its container, with other cells in some of the columns.

        Parameters
        ----------
        columns : mapping of str to sequence of length n_songs
            The cells, by "audio", "lyrics" and "word_times", of columns that X has.

        Returns
        -------
        DataFrame or object array
            A ``datasets.Dataset`` becomes a DataFrame of pandas.
        """
        X = self.X.copy()
        for kind, cells in columns.items():
            set_column(X, self._where[kind], cells, is_text=kind == "lyrics")
        return X if self._polars_schema is None else as_polars(X, self._polars_schema)

    def lyrics(self) -> Iterator[str]:
        """Yield the checked lyrics of every song; nothing if X has no lyrics column."""
        if self.has("lyrics"):
            for row in range(len(self)):
                with self.naming(row):
                    lyrics = read_lyrics(self.cell(row, "lyrics"), row=self.first_row + row)
                yield lyrics

    def check(self, row: int) -> tuple[str | None, np.ndarray | TimedWords | None]:
        """Check a row as far as that goes without decoding audio.

        Parameters
        ----------
        row : int
            Position of the song.

        Returns
        -------
        lyrics : str or None
            The song's lyrics; None if X has no such column.
        word_times : ndarray of shape (n_words, 2), TimedWords or None
            Its word times.
        """
        at, lyrics = self.first_row + row, None
        with self.naming(row):
            if self.has("audio"):
                check_audio_cell(self.cell(row, "audio"), row=at)
            if self.has("lyrics"):
                lyrics = read_lyrics(self.cell(row, "lyrics"), row=at)
            return lyrics, read_word_times(self.cell(row, "word_times"), row=at)

    def read(self, row: int, sampling_rate: float) -> Song:
        """Read and check one song.

        Parameters
        ----------
        row : int
            Position of the song.
        sampling_rate : float
            Rate of the waveform in Hz.

        Returns
        -------
        Song
        """
        lyrics, word_times = self.check(row)
        audio, waveform = self.cell(row, "audio"), None
        if self.has("audio"):
            with self.naming(row):
                waveform = read_audio(audio, sampling_rate, row=self.first_row + row)
        is_part = isinstance(audio, Mapping) and audio_file(audio) is not None
        return Song(
            row=self.first_row + row,
            track_id=self.track_id(row),
            waveform=waveform,
            lyrics=lyrics,
            sampling_rate=sampling_rate,
            word_times=word_times,
            path=self.path(row),
            span=part_of_file(audio) if is_part else None,
            template=self.template(row),
            columns=self._where,
            audio_form=audio_form(audio),
            polars_schema=self._polars_schema,
            beside=self._beside,
        )

    def path(self, row: int) -> Path | None:
        """Return the file that a row's audio came from, or None.

        Parameters
        ----------
        row : int
            Position of the song.

        Returns
        -------
        Path or None
        """
        audio = self.cell(row, "audio")
        source = audio.get("path") if isinstance(audio, Mapping) else audio
        return Path(source) if isinstance(source, (str, PathLike)) else None

    def title(self, row: int) -> str:
        """Return what a song is called: the name of its file, else its label or its row.

        Parameters
        ----------
        row : int
            Position of the song.

        Returns
        -------
        str
        """
        path, track_id = self.path(row), self.track_id(row)
        if path is not None:
            return path.name
        name = row_name(self.first_row + row)
        return name if is_position(track_id, self.first_row + row) else str(track_id)

    def content(self, row: int) -> tuple:
        """Return the content of a song, to hash: all its cells, the audio file by its digest.

        Parameters
        ----------
        row : int
            Position of the song.

        Returns
        -------
        tuple

        Raises
        ------
        InvalidSongError
            The file is no longer there.
        """
        audio = self.cell(row, "audio")
        if self.has("audio"):
            with self.naming(row):
                check_audio_cell(audio, row=self.first_row + row)
                source = audio_file(audio)
                if source is None:
                    audio = audio_samples(audio, row=self.first_row + row)
                else:
                    span = part_of_file(audio) if isinstance(audio, Mapping) else ()
                    audio = (file_digest(source) if isinstance(source, Path) else source, *span)
        template = self.template(row)
        if isinstance(template, pd.DataFrame):
            cells = [template.iat[0, at] for at in range(template.shape[1])]
            types = [str(dtype) for dtype in template.dtypes]
            return audio, self.track_id(row), list(template), types, cells
        return audio, template[0].tolist()

    def template(self, row: int) -> Any:
        """Return a row of X without its audio.

        Parameters
        ----------
        row : int
            Position of the song.

        Returns
        -------
        DataFrame or object array of one row
        """
        if isinstance(self.X, pd.DataFrame):
            template = self.X.iloc[[row]]
            if self.has("audio"):
                nothing = pd.Series([None], index=template.index, dtype=object)
                template.isetitem(self._where["audio"], nothing)
            return template
        template = self.X[[row]].astype(object)
        if self.has("audio"):
            template[0, self._where["audio"]] = None
        return template


def _rows(X: Any, row: int) -> Any:
    """A table of one row."""
    return X.iloc[[row]] if isinstance(X, pd.DataFrame) else X[[row]]


def _plain(label: Any) -> Hashable:
    """A label of an index as a str, an int, a float or a bool."""
    label = label.item() if isinstance(label, np.generic) else label
    is_plain = isinstance(label, (str, int)) or (isinstance(label, float) and math.isfinite(label))
    return label if is_plain else str(label)
