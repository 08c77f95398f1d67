"""Songs: reading the audio and lyrics cells of X, and checking them.

X is what :class:`~sklearn.compose.ColumnTransformer` takes: a pandas or polars DataFrame with an
audio and a lyrics column, or an object array whose first two columns are audio and lyrics and whose
third, if there is one, holds word times. Everything downstream sees a :class:`Song`; everything
that can be wrong with a cell is found here and raised as an :class:`InvalidSongError` that names
the row.

Of polars, audio may be a column of lists, of structs (mappings), of paths or of objects. A black
box gets perturbed songs as polars too; what is handed a single column, such as a branch of a
pipeline that is scored apart, gets it as pandas has it.
"""

from __future__ import annotations

import copy
import math
import numbers
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import audioread
import librosa
import numpy as np
import pandas as pd
import soundfile

from sklearn_musiclime._runtime.fingerprint.files import file_digest
from sklearn_musiclime._runtime.polars import as_pandas, as_polars, schema

MAX_CHANNELS = 64
"""A 2-D array with more rows than this is taken for one that was transposed by mistake."""

MAX_SAMPLES = 2**30
"""A song of more samples than this is refused: 4 GiB, six hours and a half at 44.1 kHz."""
MIN_RATE, MAX_RATE = 1.0, 1e7
"""Sampling rates, in Hz, that may be meant. What is to be resampled from others takes for ever."""
MAX_OFFSET = 2**60
"""Where in a file a part may begin at most, in samples."""
BLOCK_SAMPLES = 2**24
"""Samples of a file that are decoded at a time; a header may claim any number of them."""

PCM_SCALES = {"uint8": (128.0, 128.0), "int16": (0.0, 2.0**15), "int32": (0.0, 2.0**31)}
"""What integer samples are taken off, and divided by, to lie in [-1, 1)."""


class InvalidSongError(ValueError):
    """A cell of X that can't be read as what it should be.

    Parameters
    ----------
    row : int
        Position of the song in X, from 0.
    column : str
        What the cell should have been: "audio", "lyrics" or "word_times".
    reason : str
        What is wrong with it.
    track_id : label or None, default=None
        The song's label in the index of X, where that is not its position.
    """

    def __init__(self, row: int, column: str, reason: str, track_id: Hashable = None):
        super().__init__(row, column, reason, track_id)
        self.row = row
        self.column = column
        self.reason = reason
        self.track_id = track_id

    def __str__(self) -> str:
        return f"{row_name(self.row, self.track_id)}: {self.column}: {self.reason}"


def row_name(row: int, track_id: Hashable = None) -> str:
    """Return what messages call a song.

    Parameters
    ----------
    row : int
        Its position in X.
    track_id : label or None, default=None
        Its label in the index of X.

    Returns
    -------
    str
        Its position, and its label where that is another.

    Examples
    --------
    >>> from sklearn_musiclime.songs import row_name
    >>> row_name(3, 3), row_name(3, "TRAXLZU")
    ('row 3', "row 3 ('TRAXLZU')")
    """
    is_position = track_id is None or (type(track_id) is int and track_id == row)
    return f"row {row}" if is_position else f"row {row} ({track_id!r:.60})"


def read_audio(cell: Any, sampling_rate: float, *, row: int = 0) -> np.ndarray:
    """Read one audio cell as a mono waveform.

    Parameters
    ----------
    cell : str, Path, array-like or mapping
        A path to anything libsndfile or audioread decodes; a 1-D array of samples that already are
        at `sampling_rate`, or a 2-D one (channels, samples); a mapping with the keys "array" and
        "sampling_rate", as Hugging Face ``datasets`` gives; or one with "path" and, in seconds,
        "start" and "end": a part of a file. uint8, int16 and int32 samples are PCM and scaled to
        [-1, 1); floats are taken as they are.
    sampling_rate : float
        Rate, in Hz, of the waveform that is returned. Files and mappings are resampled to it.
    row : int, default=0
        The row that an error names.

    Returns
    -------
    ndarray of shape (n_samples,), dtype float32
        The mean of the channels.

    Raises
    ------
    InvalidSongError
        The file is missing or can't be decoded, or ends before the part begins; samples are NaN or
        infinite, there are no samples, or the cell is no audio at all.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.songs import read_audio
    >>> stereo = np.array([[0, 16384, 0], [0, 16384, 16384]], dtype=np.int16)
    >>> read_audio(stereo, 22050)
    array([0.  , 0.5 , 0.25], dtype=float32)
    """
    check_audio_cell(cell, row=row)
    if isinstance(cell, (str, PathLike)):
        samples, cell_rate = _decode_file(Path(cell), row)
    elif is_part_of_file(cell):
        samples, cell_rate = _decode_file(Path(cell["path"]), row, *part_of_file(cell))
    elif isinstance(cell, Mapping):
        samples, cell_rate = cell["array"], cell["sampling_rate"]
    else:
        samples, cell_rate = cell, sampling_rate
    waveform = _to_mono_float(samples, row)
    _check_length(len(waveform) * max(sampling_rate / cell_rate, 1.0), row)
    if cell_rate != sampling_rate:
        waveform = librosa.resample(waveform, orig_sr=cell_rate, target_sr=sampling_rate)
        _check_finite(waveform, row)  # filters overshoot
    return np.ascontiguousarray(waveform, dtype=np.float32)


def check_audio_cell(cell: Any, *, row: int = 0) -> None:
    """Raise for whatever is wrong with an audio cell that shows without decoding it.

    Parameters
    ----------
    cell : object
        The cell, see :func:`read_audio`.
    row : int, default=0
        The row that an error names.

    Raises
    ------
    InvalidSongError
        The file does not exist, the mapping lacks a key, or the cell is no audio at all.
    """
    if isinstance(cell, (str, PathLike)):
        check_file(Path(cell), row, "audio")
    elif is_part_of_file(cell):
        check_audio_cell(cell["path"], row=row)
        start, end = part_of_file(cell)
        if not (0 <= start < end):  # false for NaN and for what is no number, too
            raise InvalidSongError(
                row,
                "audio",
                f"a part from {start!r} to {end!r} s, where 0 <= start < end should be",
            )
    elif isinstance(cell, Mapping):
        missing = [key for key in ("array", "sampling_rate") if cell.get(key) is None]
        if missing:
            raise InvalidSongError(row, "audio", f"the mapping has no {' and no '.join(missing)}")
        _check_rate(cell["sampling_rate"], row)
    elif _is_missing(cell):
        raise InvalidSongError(row, "audio", f"missing ({cell!r})")
    elif isinstance(cell, (bytes, bytearray)):
        raise InvalidSongError(row, "audio", "bytes where a path, an array or a mapping should be")
    elif not (isinstance(cell, Sequence) or hasattr(cell, "__array__")) or _has_no_axes(cell):
        raise InvalidSongError(
            row, "audio", f"{cell!r:.80} where a path, an array or a mapping should be"
        )


def check_file(path: Path, row: int, column: str) -> None:
    """Raise if a cell names what is no file.

    Parameters
    ----------
    path : Path
        What it names.
    row : int
        The row that an error names.
    column : str
        The column that an error names.

    Raises
    ------
    InvalidSongError
        There is no such file, or it is a folder, a device, or none that can be looked at.
    """
    try:
        there, is_file = path.exists(), path.is_file()
    except OSError as error:  # no name that a file can have, or a folder that is closed to us
        raise InvalidSongError(row, column, f"file {str(path)!r:.200}: {error.strerror}") from error
    if not there:
        raise InvalidSongError(row, column, f"file {str(path)!r:.200} does not exist")
    if not is_file:
        raise InvalidSongError(row, column, f"{str(path)!r:.200} is not a file")


def is_part_of_file(cell: Any) -> bool:
    """Say whether an audio cell is a mapping that names a file and holds no samples.

    Parameters
    ----------
    cell : object
        The cell.

    Returns
    -------
    bool
    """
    if not isinstance(cell, Mapping) or cell.get("array") is not None:
        return False
    return isinstance(cell.get("path"), (str, PathLike))


def part_of_file(cell: Mapping[str, Any]) -> tuple[float, float]:
    """Return where the part of a file begins and ends.

    Parameters
    ----------
    cell : mapping
        With "start" and "end", or without, for the file's own.

    Returns
    -------
    start, end : float
        Seconds; NaN for what is no number.
    """
    start, end = cell.get("start"), cell.get("end")
    start, end = 0.0 if _is_missing(start) else start, math.inf if _is_missing(end) else end
    return _as_seconds(start), _as_seconds(end)


def _as_seconds(value: Any) -> float:
    try:
        return float(value) if isinstance(value, numbers.Real) else math.nan
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def read_lyrics(cell: Any, *, row: int = 0) -> str:
    """Read one lyrics cell.

    Parameters
    ----------
    cell : str
        The lyrics; an empty string for an instrumental.
    row : int, default=0
        The row that an error names.

    Returns
    -------
    str
        The lyrics, unchanged.

    Raises
    ------
    InvalidSongError
        The cell is no text.

    Examples
    --------
    >>> from sklearn_musiclime.songs import read_lyrics
    >>> read_lyrics(3.5, row=7)
    Traceback (most recent call last):
        ...
    sklearn_musiclime.songs.InvalidSongError: row 7: lyrics: 3.5 where text should be
    """
    if isinstance(cell, str):
        return str(cell)
    if _is_missing(cell):
        reason = f"missing ({cell!r}); give an instrumental the empty string"
    elif isinstance(cell, (bytes, bytearray)):
        reason = "bytes where text should be; decode them first"
    else:
        reason = f"{cell!r:.80} where text should be"
    raise InvalidSongError(row, "lyrics", reason)


def read_text_file(path: Path, encoding: str = "utf-8") -> str:
    """Read a file of text.

    Parameters
    ----------
    path : Path
        The file.
    encoding : {"utf-8", "utf-8-sig"}, default="utf-8"
        The second takes a mark of the byte order away.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        The file is not UTF-8 text.
    """
    try:
        return path.read_text(encoding=encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is not UTF-8 text: {error}") from error


def read_word_times(cell: Any, *, row: int = 0) -> np.ndarray | None:
    """Read one cell of word times.

    Parameters
    ----------
    cell : sequence of (start, end), or None
        Seconds at which each word begins and ends, in reading order.
    row : int, default=0
        The row that an error names.

    Returns
    -------
    ndarray of shape (n_words, 2), or None
        None where the song has no word times.

    Raises
    ------
    InvalidSongError
        The cell is not a list of pairs of finite numbers with ``start <= end``.
    """
    if _is_missing(cell) or (isinstance(cell, Sized) and not _has_no_axes(cell) and len(cell) == 0):
        return None
    times = _as_array(cell, row, "word_times")
    if times.dtype.kind not in "fiu":
        raise InvalidSongError(row, "word_times", f"not numbers, but {times.dtype}")
    times = times.astype(float)
    if times.ndim != 2 or times.shape[1] != 2:
        raise InvalidSongError(
            row, "word_times", f"shape {times.shape} where (n_words, 2) should be: (start, end)"
        )
    if not np.isfinite(times).all():
        raise InvalidSongError(row, "word_times", "NaN or infinite times")
    if (times[:, 0] > times[:, 1]).any():
        word = int(np.argmax(times[:, 0] > times[:, 1]))
        raise InvalidSongError(row, "word_times", f"word {word} ends before it starts")
    return times


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
    word_times : ndarray of shape (n_words, 2) or None
        Start and end of each word in seconds.
    path : Path or None
        Where the audio came from, if from a file.
    span : (float, float) or None
        The seconds of that file at which the song begins and ends, if it is a part of it.
    template : DataFrame or object array of one row
        The song's row of X without its audio.
    columns : dict of str to int
        Position in `template` of the columns "audio", "lyrics" and "word_times" that X has.
    audio_as_mapping : bool
        Whether X holds audio as mappings with "array" and "sampling_rate".
    polars_schema : dict of str to DataType, or None
        Names and types of the columns of X, if it is a DataFrame of polars.
    """

    row: int
    track_id: Hashable
    waveform: np.ndarray | None
    lyrics: str | None
    sampling_rate: float
    word_times: np.ndarray | None
    path: Path | None
    span: tuple[float, float] | None
    template: Any
    columns: dict[str, int]
    audio_as_mapping: bool
    polars_schema: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """What messages call it, see :func:`row_name`."""
        return row_name(self.row, self.track_id)

    def variants(self, waveforms: Sequence[np.ndarray] | None, lyrics: Sequence[str] | None) -> Any:
        """Build songs that differ from this one in audio and lyrics alone.

        Parameters
        ----------
        waveforms : sequence of ndarray, or None
            The audio of each new song, at the rate of this one. It stands in its cell as an array
            or, where X holds mappings, as a mapping with "array" and "sampling_rate".
        lyrics : sequence of str, or None
            The lyrics of each new song.

        Returns
        -------
        DataFrame or object array
            One row a new song, with the columns of X, their types, and the song's label in the
            index of X.
        """
        cells: dict[str, Sequence] = {}
        if waveforms is not None:
            cells["audio"] = waveforms
            if self.audio_as_mapping:
                rate = self.sampling_rate
                cells["audio"] = [{"array": w, "sampling_rate": rate} for w in waveforms]
        if lyrics is not None:
            cells["lyrics"] = lyrics
        n_songs = len(next(iter(cells.values())))
        if isinstance(self.template, pd.DataFrame):
            songs = self.template.iloc[[0] * n_songs]
            for at, copies in _own_copies(self.template, n_songs):
                songs.isetitem(at, pd.Series(copies, index=songs.index, dtype=object))
            for kind, values in cells.items():
                at = self.columns[kind]
                is_text = isinstance(songs.dtypes.iloc[at], pd.StringDtype)
                dtype = songs.dtypes.iloc[at] if is_text and kind == "lyrics" else object
                songs.isetitem(at, pd.Series(list(values), index=songs.index, dtype=dtype))
            if self.polars_schema is not None:
                changed = [songs.columns[self.columns[kind]] for kind in cells]
                return as_polars(songs, self.polars_schema, changed)
            return songs
        songs = np.empty((n_songs, self.template.shape[1]), dtype=object)
        songs[:] = self.template
        for at, copies in _own_copies(self.template, n_songs):
            for i, value in enumerate(copies):
                songs[i, at] = value
        for kind, values in cells.items():
            for i, value in enumerate(values):
                songs[i, self.columns[kind]] = value
        return songs


def _own_copies(one: Any, n_songs: int) -> Iterator[tuple[int, list[Any]]]:
    """Columns of a row whose cells a model may change in place, and copies for some songs."""
    is_frame = isinstance(one, pd.DataFrame)
    for at in range(one.shape[1]):
        cell = one.iat[0, at] if is_frame else one[0, at]
        if isinstance(cell, (list, dict, set, np.ndarray)):
            yield at, [copy.deepcopy(cell) for _ in range(n_songs)]


class SongTable:
    """X seen as a sequence of songs.

    Parameters
    ----------
    X : DataFrame, or object array of shape (n_songs, 2) or more
        The songs.
    audio, lyrics, word_times : str, default="audio", "lyrics", "word_times"
        Names of the columns, if `X` is a DataFrame. In an array audio is column 0, lyrics column 1
        and word times column 2.
    modalities : sequence of {"audio", "lyrics"}, default=("audio", "lyrics")
        The columns that must be there.

    Raises
    ------
    TypeError
        `X` is neither a DataFrame nor an array of objects.
    ValueError
        A column that is needed is missing, or there are no songs.
    """

    def __init__(
        self,
        X: Any,
        *,
        audio: str = "audio",
        lyrics: str = "lyrics",
        word_times: str = "word_times",
        modalities: Sequence[str] = ("audio", "lyrics"),
    ):
        self._polars_schema = schema(X)
        self._given = X
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
            kind = f"{X.dtype} array of shape {X.shape}" if hasattr(X, "shape") else type(X)
            raise TypeError(
                "X must be a pandas or polars DataFrame with an audio and a lyrics column, or a "
                f"numpy array of dtype object and shape (n_songs, 2); got {kind}"
            )
        if len(X) == 0:
            raise ValueError("X has no songs: 0 sample(s) where a minimum of 1 is required")

    def __len__(self) -> int:
        return len(self.X)

    def take(self, row: int) -> SongTable:
        """Return a table of one of the songs, which keeps its number.

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
        one._given = one.X if self._given is self.X else _rows(self._given, row)
        one.first_row = self.first_row + row
        return one

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
        own = _rows(self._given, row)
        if isinstance(own, pd.DataFrame):
            own = own.copy()
            for at, copies in _own_copies(own, 1):
                if pd.api.types.is_object_dtype(own.dtypes.iloc[at]):
                    own.isetitem(at, pd.Series(copies, index=own.index, dtype=object))
        elif isinstance(own, np.ndarray):
            for at, copies in _own_copies(own, 1):
                own[0, at] = copies[0]
        return own

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
    def _naming(self, row: int) -> Iterator[None]:
        """Add the song's label to the errors of what is in its cells."""
        try:
            yield
        except InvalidSongError as error:
            error.track_id = self.track_id(row)
            error.args = (error.row, error.column, error.reason, error.track_id)
            raise

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
        if kind not in self._where:
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

    def lyrics(self) -> Iterator[str]:
        """Yield the lyrics of every song, checked; nothing if there is no such column."""
        if "lyrics" in self._where:
            for row in range(len(self)):
                with self._naming(row):
                    lyrics = read_lyrics(self.cell(row, "lyrics"), row=self.first_row + row)
                yield lyrics

    def check(self, row: int) -> tuple[str | None, np.ndarray | None]:
        """Raise for what is wrong with a row and shows without decoding audio.

        Parameters
        ----------
        row : int
            Position of the song.

        Returns
        -------
        lyrics : str or None
            The song's lyrics; None if X has no such column.
        word_times : ndarray of shape (n_words, 2) or None
            Its word times.
        """
        at, lyrics = self.first_row + row, None
        with self._naming(row):
            if "audio" in self._where:
                check_audio_cell(self.cell(row, "audio"), row=at)
            if "lyrics" in self._where:
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
        if "audio" in self._where:
            with self._naming(row):
                waveform = read_audio(audio, sampling_rate, row=self.first_row + row)
        return Song(
            row=self.first_row + row,
            track_id=self.track_id(row),
            waveform=waveform,
            lyrics=lyrics,
            sampling_rate=sampling_rate,
            word_times=word_times,
            path=self.path(row),
            span=part_of_file(audio) if is_part_of_file(audio) else None,
            template=self.template(row),
            columns=self._where,
            audio_as_mapping=isinstance(audio, Mapping),
            polars_schema=self._polars_schema,
        )

    def path(self, row: int) -> Path | None:
        """Return the file that a row's audio came from, None if it came from none.

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
        is_position = type(track_id) is int and track_id == self.first_row + row
        return f"row {self.first_row + row}" if is_position else str(track_id)

    def content(self, row: int) -> tuple:
        """Return all that a song is, for a hash: the content of its file, not its name.

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
        if "audio" in self._where:
            with self._naming(row):
                check_audio_cell(audio, row=self.first_row + row)
        if isinstance(audio, (str, PathLike)):
            audio = file_digest(audio)
        elif is_part_of_file(audio):
            audio = (file_digest(audio["path"]), *part_of_file(audio))
        elif isinstance(audio, Mapping):
            audio = (audio["array"], audio["sampling_rate"])
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
            if "audio" in self._where:
                nothing = pd.Series([None], index=template.index, dtype=object)
                template.isetitem(self._where["audio"], nothing)
            return template
        template = self.X[[row]].astype(object)
        if "audio" in self._where:
            template[0, self._where["audio"]] = None
        return template


def _rows(X: Any, row: int) -> Any:
    """A table of one row."""
    return X.iloc[[row]] if isinstance(X, pd.DataFrame) else X[[row]]


def _plain(label: Any) -> Hashable:
    """A label of an index as text, a number or a truth value."""
    label = label.item() if isinstance(label, np.generic) else label
    is_plain = isinstance(label, (str, int)) or (isinstance(label, float) and math.isfinite(label))
    return label if is_plain else str(label)


def _is_missing(cell: Any) -> bool:
    return bool(pd.api.types.is_scalar(cell) and pd.isna(cell))


def _has_no_axes(cell: Any) -> bool:
    return getattr(cell, "ndim", 1) == 0


def _decode_file(
    path: Path, row: int, start: float = 0.0, end: float = math.inf
) -> tuple[np.ndarray, float]:
    """The mean of a file's channels, and its rate: by libsndfile, or else by audioread."""
    try:
        with soundfile.SoundFile(path) as file:
            _check_rate(file.samplerate, row)
            first, last = _sample_range(start, end, file.samplerate)
            file.seek(min(first, file.frames))
            read = partial(file.read, dtype="float32", always_2d=True)
            return _read_blocks(read, file.channels, 0, last - first, row), file.samplerate
    # TypeError: what is called .raw could be read only if we knew what is in it.
    except (soundfile.LibsndfileError, TypeError) as sndfile_error:
        try:
            with audioread.audio_open(str(path)) as stream:
                _check_rate(stream.samplerate, row)
                first, last = _sample_range(start, end, stream.samplerate)
                read = _PCMReader(stream, stream.channels).read
                waveform = _read_blocks(read, stream.channels, first, last - first, row)
                return waveform, stream.samplerate
        except InvalidSongError:
            raise
        # Decoders of several projects: each raises of a broken file what it likes.
        except Exception as error:
            raise InvalidSongError(
                row, "audio", f"file {str(path)!r:.200} can't be decoded: {sndfile_error}"
            ) from error


class _PCMReader:
    """Frames of 16-bit samples, from blocks of bytes that may end within a frame.

    Parameters
    ----------
    blocks : iterable of bytes
        Little-endian samples, channel by channel.
    n_channels : int
        Samples of a frame.
    """

    def __init__(self, blocks: Iterable[bytes], n_channels: int):
        self._blocks, self._n_channels, self._rest = iter(blocks), n_channels, b""

    def read(self, n_frames: int) -> np.ndarray:
        """Return the next frames in [-1, 1), (n_frames, n_channels); fewer, where they end."""
        parts, n_bytes = [self._rest], len(self._rest)
        while n_bytes < 2 * n_frames * self._n_channels:
            block = next(self._blocks, None)
            if block is None:
                break
            parts.append(block)
            n_bytes += len(block)
        data = b"".join(parts)
        n_samples = min(n_frames, n_bytes // (2 * self._n_channels)) * self._n_channels
        self._rest = data[2 * n_samples :]
        pcm = np.frombuffer(data, dtype="<i2", count=n_samples).reshape(-1, self._n_channels)
        return pcm.astype(np.float32) / np.float32(PCM_SCALES["int16"][1])


def _read_blocks(
    read: Callable[[int], np.ndarray], n_channels: int, first: int, n_frames: float, row: int
) -> np.ndarray:
    """The mean of the channels of frames from the first on, by a function that reads the next."""
    size = max(BLOCK_SAMPLES // n_channels, 1)
    while first > 0 and (n_skipped := len(read(min(size, first)))):
        first -= n_skipped
    blocks: list[np.ndarray] = [np.empty(0, dtype=np.float32)]
    n_read = 0
    while n_read < n_frames:
        block = read(int(min(size, n_frames - n_read)))
        if not len(block):
            break
        with np.errstate(over="ignore", invalid="ignore"):  # found when all of it is there
            blocks.append(block.mean(axis=1))
        n_read += len(block)
        _check_length(n_read, row)
    return np.concatenate(blocks)


def _check_rate(rate: Any, row: int) -> None:
    if not isinstance(rate, numbers.Real) or not MIN_RATE <= rate <= MAX_RATE:
        raise InvalidSongError(
            row,
            "audio",
            f"sampling_rate is {rate!r:.80}, no rate from {MIN_RATE:g} to {MAX_RATE:g} Hz",
        )


def _check_length(n_samples: float, row: int) -> None:
    if n_samples > MAX_SAMPLES:
        raise InvalidSongError(
            row,
            "audio",
            f"{n_samples:.3g} samples, more than the {MAX_SAMPLES} that are taken: is the sampling "
            "rate right? Cut long recordings into parts",
        )


def _sample_range(start: float, end: float, rate: float) -> tuple[int, float]:
    """The first sample of a part of a file, and the one behind its last: infinity for no end."""
    first, last = (min(seconds * rate, float(MAX_OFFSET)) for seconds in (start, end))
    return round(first), math.inf if math.isinf(end) else round(last)


def _as_array(cell: Any, row: int, column: str) -> np.ndarray:
    """What a cell holds as an array of no objects."""
    if np.ma.is_masked(cell):
        raise InvalidSongError(row, column, "some of it is masked; fill it first")
    try:
        array = np.asarray(cell)
        if array.dtype == object:
            if any(isinstance(value, (str, bytes)) for value in array.flat):
                raise TypeError("text among them")
            array = array.astype(float)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise InvalidSongError(row, column, f"not an array of numbers: {error}") from error
    return array


def _to_mono_float(cell: Any, row: int) -> np.ndarray:
    samples = _as_array(cell, row, "audio")
    if samples.ndim not in (1, 2):
        raise InvalidSongError(
            row, "audio", f"shape {samples.shape} where (samples,) or (channels, samples) should be"
        )
    if samples.ndim == 2 and samples.shape[0] > MAX_CHANNELS:
        raise InvalidSongError(
            row, "audio", f"{samples.shape[0]} channels; is it (samples, channels)? Transpose it"
        )
    if samples.size == 0:
        raise InvalidSongError(row, "audio", "empty: no samples")
    if samples.dtype.name in PCM_SCALES:
        offset, scale = PCM_SCALES[samples.dtype.name]
        samples = ((samples.astype(np.float64) - offset) / scale).astype(np.float32)
    elif samples.dtype.kind != "f":
        raise InvalidSongError(
            row, "audio", f"{samples.dtype} samples; floats, or PCM in uint8, int16 or int32, do"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is reported below
        # In single precision at least: the mean of two float16 need not be one.
        dtype = np.result_type(samples, np.float32)
        waveform = samples if samples.ndim == 1 else samples.mean(axis=0, dtype=dtype)
        waveform = waveform.astype(np.float32)
    _check_finite(waveform, row)
    return waveform


def _check_finite(waveform: np.ndarray, row: int) -> None:
    if not np.isfinite(waveform).all():
        raise InvalidSongError(row, "audio", "NaN or infinite samples")
