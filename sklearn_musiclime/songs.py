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
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import audioread
import librosa
import numpy as np
import pandas as pd
import soundfile

from sklearn_musiclime._polars import as_pandas, as_polars, schema
from sklearn_musiclime.identity.files import file_digest

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
    """

    def __init__(self, row: int, column: str, reason: str):
        super().__init__(row, column, reason)
        self.row = row
        self.column = column
        self.reason = reason

    def __str__(self) -> str:
        return f"row {self.row}: {self.column}: {self.reason}"


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
        rate = cell["sampling_rate"]
        if not isinstance(rate, numbers.Real) or not MIN_RATE <= rate <= MAX_RATE:
            raise InvalidSongError(
                row,
                "audio",
                f"sampling_rate is {rate!r:.80}, no rate from {MIN_RATE:g} to {MAX_RATE:g} Hz",
            )
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
            One row a new song, with the columns of X.
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
            songs = self.template.iloc[[0] * n_songs].reset_index(drop=True)
            for at, copies in self._own_copies(n_songs, cells):
                songs.isetitem(at, pd.Series(copies, dtype=object))
            for kind, values in cells.items():
                name = songs.columns[self.columns[kind]]
                is_text = isinstance(songs[name].dtype, pd.StringDtype)
                dtype = songs[name].dtype if is_text and kind == "lyrics" else object
                songs[name] = pd.Series(list(values), dtype=dtype)
            if self.polars_schema is not None:
                changed = [songs.columns[self.columns[kind]] for kind in cells]
                return as_polars(songs, self.polars_schema, changed)
            return songs
        songs = np.empty((n_songs, self.template.shape[1]), dtype=object)
        songs[:] = self.template
        for at, copies in self._own_copies(n_songs, cells):
            for i, value in enumerate(copies):
                songs[i, at] = value
        for kind, values in cells.items():
            for i, value in enumerate(values):
                songs[i, self.columns[kind]] = value
        return songs

    def _own_copies(self, n_songs: int, changed: Iterable[str]) -> Iterator[tuple[int, list[Any]]]:
        """Columns whose cells a model may change in place, and a copy of the cell for each song."""
        replaced = [self.columns[kind] for kind in changed]
        is_frame = isinstance(self.template, pd.DataFrame)
        for at in set(range(self.template.shape[1])).difference(replaced):
            cell = self.template.iat[0, at] if is_frame else self.template[0, at]
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
        is_frame = isinstance(self.X, pd.DataFrame)
        one.X = self.X.iloc[[row]] if is_frame else self.X[[row]]
        one.first_row = self.first_row + row
        return one

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
                yield read_lyrics(self.cell(row, "lyrics"), row=self.first_row + row)

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
        name = self.first_row + row
        if "audio" in self._where:
            check_audio_cell(self.cell(row, "audio"), row=name)
        lyrics = None
        if "lyrics" in self._where:
            lyrics = read_lyrics(self.cell(row, "lyrics"), row=name)
        return lyrics, read_word_times(self.cell(row, "word_times"), row=name)

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
            waveform = read_audio(audio, sampling_rate, row=self.first_row + row)
        return Song(
            row=self.first_row + row,
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
        """Return what a song is called: the name of its file, or its row.

        Parameters
        ----------
        row : int
            Position of the song.

        Returns
        -------
        str
        """
        path = self.path(row)
        return f"row {self.first_row + row}" if path is None else path.name

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
            check_audio_cell(audio, row=self.first_row + row)
        if isinstance(audio, (str, PathLike)):
            audio = file_digest(audio)
        elif is_part_of_file(audio):
            audio = (file_digest(audio["path"]), *part_of_file(audio))
        elif isinstance(audio, Mapping):
            audio = (audio["array"], audio["sampling_rate"])
        template = self.template(row)
        if isinstance(template, pd.DataFrame):
            return audio, list(template), template.iloc[0].tolist()
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
            template = self.X.iloc[[row]].reset_index(drop=True)
            if "audio" in self._where:
                template[template.columns[self._where["audio"]]] = None
            return template
        template = self.X[[row]].astype(object)
        if "audio" in self._where:
            template[0, self._where["audio"]] = None
        return template


def _is_missing(cell: Any) -> bool:
    return bool(pd.api.types.is_scalar(cell) and pd.isna(cell))


def _has_no_axes(cell: Any) -> bool:
    return getattr(cell, "ndim", 1) == 0


def _decode_file(
    path: Path, row: int, start: float = 0.0, end: float = math.inf
) -> tuple[np.ndarray, float]:
    """Decode a file to samples, or (channels, samples), and its rate.

    By libsndfile, or else by audioread.
    """
    try:
        with soundfile.SoundFile(path) as file:
            first, last = _sample_range(start, end, file.samplerate)
            file.seek(min(first, file.frames))
            n_frames = math.inf if last is None else last - first
            return _read_blocks(file, n_frames, row), file.samplerate
    # TypeError: what is called .raw could be read only if we knew what is in it.
    except (soundfile.LibsndfileError, TypeError) as sndfile_error:
        try:
            with audioread.audio_open(str(path)) as stream:
                pcm = np.frombuffer(b"".join(stream), dtype="<i2").reshape(-1, stream.channels).T
                first, last = _sample_range(start, end, stream.samplerate)
                return pcm[:, first:last], stream.samplerate
        # Decoders of several projects: each raises of a broken file what it likes.
        except Exception as error:
            raise InvalidSongError(
                row, "audio", f"file {str(path)!r:.200} can't be decoded: {sndfile_error}"
            ) from error


def _read_blocks(file: soundfile.SoundFile, n_frames: float, row: int) -> np.ndarray:
    """The mean of the channels from where a file stands, as far as it goes."""
    size = max(BLOCK_SAMPLES // file.channels, 1)
    blocks: list[np.ndarray] = [np.empty(0, dtype=np.float32)]
    n_read = 0
    while n_read < n_frames:
        block = file.read(int(min(size, n_frames - n_read)), dtype="float32", always_2d=True)
        if not len(block):
            break
        with np.errstate(over="ignore", invalid="ignore"):  # found when all of it is there
            blocks.append(block.mean(axis=1))
        n_read += len(block)
        _check_length(n_read, row)
    return np.concatenate(blocks)


def _check_length(n_samples: float, row: int) -> None:
    if n_samples > MAX_SAMPLES:
        raise InvalidSongError(
            row,
            "audio",
            f"{n_samples:.3g} samples, more than the {MAX_SAMPLES} that are taken: is the sampling "
            "rate right? Cut long recordings into parts",
        )


def _sample_range(start: float, end: float, rate: float) -> tuple[int, int | None]:
    """The first sample of a part of a file and the one behind its last; None: the file's end."""
    first, last = (min(seconds * rate, float(MAX_OFFSET)) for seconds in (start, end))
    return round(first), None if math.isinf(end) else round(last)


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
