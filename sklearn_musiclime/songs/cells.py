"""Cells of X: reading and checking audio, lyrics and word times."""

from __future__ import annotations

import codecs
import math
import numbers
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence, Sized
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import librosa
import numpy as np
import pandas as pd

from sklearn_musiclime.songs.decoding import PCM_SCALES, check_length, check_rate, decode
from sklearn_musiclime.songs.errors import InvalidSongError
from sklearn_musiclime.songs.mix import Mix
from sklearn_musiclime.songs.timed_words import (
    TimedWords,
    as_seconds,
    holds_words,
    read_timed_words,
)

LYRICS_SUFFIXES = (
    *(".txt", ".lrc", ".elrc", ".srt", ".vtt", ".ttml", ".dfxp", ".json"),
    *(".ass", ".ssa", ".smi", ".sub"),
)
"""How names of lyrics files end."""
_PATH = re.compile(
    r"[A-Za-z][\w+.-]+://\S+|(?:[A-Za-z]:)?[/\\]?"
    r"(?:(?:[\w.~-]+[/\\]){2,}[\w.-]+|(?:[\w.~-]+[/\\])*[\w-]+\.[A-Za-z]\w{1,3})"
)
"""An address, a path with folders, or a name with a suffix, as the whole of the lyrics."""
_LRC_STAMP = re.compile(r"^\s*\[\d{1,3}:\d{2}(?:[.:,]\d{1,6})?\]", re.MULTILINE)
MAX_NAME = 4096
"""Longest text that is looked up as the name of a file."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

SAMPLES, RATES = ("array", "waveform"), ("sampling_rate", "sample_rate")
"""Keys of a mapping's samples and of their rate."""
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""The beginning of an address; a drive of Windows has one letter."""
MAX_CHANNELS = 64
"""Channels of a 2-D array; one with more rows was probably transposed by mistake."""


AudioForm = Literal["array", "mapping", "waveform", "pair"]
"""What an audio cell of perturbed songs looks like: see :func:`as_cell`."""


def read_audio(cell: Any, sampling_rate: float, *, row: int = 0) -> np.ndarray:
    """Read one audio cell as a mono waveform.

    Parameters
    ----------
    cell : str, Path, array-like, mapping, tuple or decoder
        One of these:

        - a path to anything that libsndfile or FFmpeg decodes;
        - a 1-D array of samples that already are at `sampling_rate`, or a 2-D one
          (channels, samples);
        - samples with their rate: a mapping with the keys "array" and "sampling_rate", as Hugging
          Face ``datasets`` gives, or "waveform" and "sample_rate", as torchaudio and pyannote have
          it; a tuple (samples, rate), as of ``librosa.load``; or an object with
          ``get_all_samples()``, as torchcodec's and ``datasets``' ``AudioDecoder``;
        - a mapping with "bytes", the content of a file, as in parquet files of Hugging Face; its
          "path" is a name then, and is not opened;
        - a mapping with "path" and, in seconds, "start" and "end": a part of a file. "bytes" may
          have them, too.

        uint8, int16 and int32 samples are PCM and scaled to [-1, 1); floats are taken as they are.
    sampling_rate : float
        Rate, in Hz, of the waveform that is returned. What has a rate is resampled to it.
    row : int, default=0
        The row that an error names.

    Returns
    -------
    ndarray of shape (n_samples,), dtype float32
        The mean of the channels.

    Raises
    ------
    InvalidSongError
        The file is missing, can't be decoded, was cut, or ends before the part begins; samples are
        NaN or infinite, there are no samples, or the cell is no audio at all.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.songs import read_audio
    >>> stereo = np.array([[0, 16384, 0], [0, 16384, 16384]], dtype=np.int16)
    >>> read_audio(stereo, 22050)
    array([0.  , 0.5 , 0.25], dtype=float32)
    """
    check_audio_cell(cell, row=row)
    source = audio_file(cell)
    rate: float | None
    if source is not None:
        name = cell.get("path") if isinstance(cell, Mapping) else None
        span = part_of_file(cell) if isinstance(cell, Mapping) else (0.0, math.inf)
        called = f" of {name!r:.200}" if name else ""
        samples, rate = decode(source, row, *span, name=called)
    else:
        samples, rate = audio_samples(cell, row=row)
    waveform = _to_mono_float(samples, row)
    cell_rate = sampling_rate if rate is None else rate
    check_length(len(waveform) * max(sampling_rate / cell_rate, 1.0), row)
    if cell_rate != sampling_rate:
        waveform = librosa.resample(waveform, orig_sr=cell_rate, target_sr=sampling_rate)
        _check_finite(waveform, row)  # filters overshoot
    return np.ascontiguousarray(waveform, dtype=np.float32)


def audio_file(cell: Any) -> Path | bytes | None:
    """Return the file that an audio cell names or holds.

    Parameters
    ----------
    cell : object
        The cell, see :func:`read_audio`.

    Returns
    -------
    Path, bytes or None
        None for samples.
    """
    if isinstance(cell, (str, PathLike)):
        return Path(cell)
    if not isinstance(cell, Mapping) or _key(cell, SAMPLES) is not None:
        return None
    if isinstance(cell.get("bytes"), (bytes, bytearray)):
        return bytes(cell["bytes"])
    return Path(cell["path"]) if isinstance(cell.get("path"), (str, PathLike)) else None


def audio_samples(cell: Any, *, row: int = 0) -> tuple[Any, float | None]:
    """Return the samples that an audio cell holds, and their rate.

    Parameters
    ----------
    cell : object
        A cell that :func:`check_audio_cell` accepts and that is not a file.
    row : int, default=0
        The row that an error names.

    Returns
    -------
    samples : array-like
        As they stand in the cell.
    sampling_rate : float or None
        In Hz; None where the cell doesn't say.

    Raises
    ------
    InvalidSongError
        A decoder failed, or says a rate that is none.
    """
    if isinstance(cell, Mapping):
        return cell[_key(cell, SAMPLES)], cell[_key(cell, RATES)]
    if _is_pair(cell):
        return cell
    if not is_decoder(cell):
        return cell, None
    try:
        decoded = cell.get_all_samples()
        samples, rate = decoded.data, decoded.sample_rate
    # Decoders of other projects: each raises of a broken file what it likes.
    except Exception as error:
        raise InvalidSongError(row, "audio", f"{type(cell).__name__}: {error}") from error
    check_rate(rate, row)
    return samples, rate


def is_decoder(cell: Any) -> bool:
    """Say whether a cell is a decoder, as torchcodec's and ``datasets``' ``AudioDecoder``.

    Parameters
    ----------
    cell : object
        The cell.

    Returns
    -------
    bool
        Whether it has ``get_all_samples()``, which returns an object with ``data`` and
        ``sample_rate``.
    """
    return hasattr(cell, "get_all_samples")


def audio_form(cell: Any) -> AudioForm:
    """Return what perturbed songs hold where a song holds this cell, see :func:`as_cell`.

    Parameters
    ----------
    cell : object
        The cell, see :func:`read_audio`.

    Returns
    -------
    {"array", "mapping", "waveform", "pair"}
    """
    if isinstance(cell, Mapping):
        return "waveform" if _key(cell, SAMPLES) == "waveform" else "mapping"
    if _is_pair(cell):
        return "pair"
    return "mapping" if is_decoder(cell) else "array"


def as_cell(waveform: np.ndarray, sampling_rate: float, form: AudioForm) -> Any:
    """Return an audio cell that holds a waveform.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,)
        The waveform.
    sampling_rate : float
        Its rate in Hz.
    form : {"array", "mapping", "waveform", "pair"}
        What the cell looks like.

    Returns
    -------
    ndarray, dict or tuple
        The waveform; ``{"array": waveform, "sampling_rate": rate}``;
        ``{"waveform": array of shape (1, n_samples), "sample_rate": rate}``; or
        ``(waveform, rate)``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.songs.cells import as_cell
    >>> as_cell(np.zeros(2), 8000, "waveform")
    {'waveform': array([[0., 0.]]), 'sample_rate': 8000}
    """
    if form == "mapping":
        return {"array": waveform, "sampling_rate": sampling_rate}
    if form == "waveform":
        return {"waveform": waveform[np.newaxis], "sample_rate": sampling_rate}
    return (waveform, sampling_rate) if form == "pair" else waveform


def check_audio_cell(cell: Any, *, row: int = 0) -> None:
    """Check an audio cell as far as that goes without decoding it.

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
    source = audio_file(cell)
    if isinstance(source, Path):
        check_file(source, row, "audio", str(cell["path"] if isinstance(cell, Mapping) else cell))
    if source is not None:
        start, end = part_of_file(cell) if isinstance(cell, Mapping) else (0.0, math.inf)
        if not (0 <= start < end):  # false for NaN and for what is no number, too
            raise InvalidSongError(
                row,
                "audio",
                f"a part from {start!r} to {end!r} s, where 0 <= start < end should be",
            )
    elif isinstance(cell, Mapping):
        wanted = {"array": SAMPLES, "sampling_rate": RATES}
        missing = [name for name, keys in wanted.items() if _key(cell, keys) is None]
        if missing:
            raise InvalidSongError(
                row,
                "audio",
                f"the mapping has no {' and no '.join(missing)}; its keys are {list(cell)!r:.80}",
            )
        check_rate(cell[_key(cell, RATES)], row)
    elif _is_pair(cell):
        check_rate(cell[1], row)
    elif _is_missing(cell):
        raise InvalidSongError(row, "audio", f"missing ({cell!r})")
    elif isinstance(cell, (bytes, bytearray)):
        raise InvalidSongError(
            row,
            "audio",
            'bytes where a path, an array or a mapping should be; give a file\'s as {"bytes": ...}',
        )
    elif is_decoder(cell):
        return
    elif not (isinstance(cell, Sequence) or hasattr(cell, "__array__")) or _has_no_axes(cell):
        raise InvalidSongError(
            row, "audio", f"{cell!r:.80} where a path, an array or a mapping should be"
        )


def _key(cell: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The first of some keys that a mapping has, and not as None."""
    return next((name for name in names if cell.get(name) is not None), None)


def _is_pair(cell: Any) -> bool:
    """Whether a cell is (samples, rate), which no list of samples or of channels can be."""
    if not isinstance(cell, (tuple, list)) or len(cell) != 2 or isinstance(cell[0], (str, bytes)):
        return False
    has_samples = isinstance(cell[0], Sequence) or getattr(cell[0], "ndim", 0) > 0
    return has_samples and isinstance(cell[1], numbers.Real)


def check_file(path: Path, row: int, column: str, given: str | None = None) -> None:
    """Check that a cell names a file.

    Parameters
    ----------
    path : Path
        The path that the cell names.
    row : int
        The row that an error names.
    column : str
        The column that an error names.
    given : str or None, default=None
        The path as it stands in the cell; None: `path`.

    Raises
    ------
    InvalidSongError
        The path does not exist, can't be accessed, or is a folder or a device.
    """
    try:
        there, is_file = path.exists(), path.is_file()
    except OSError as error:  # an impossible name, or a folder without permission
        raise InvalidSongError(row, column, f"file {str(path)!r:.200}: {error.strerror}") from error
    if not there:
        cure = _cure(path, str(path) if given is None else given)
        raise InvalidSongError(row, column, f"file {str(path)!r:.200} does not exist{cure}")
    if not is_file:
        raise InvalidSongError(row, column, f"{str(path)!r:.200} is not a file")


def _cure(path: Path, given: str) -> str:
    """What would make the name of a file that does not exist one that does."""
    if URL.match(given):
        return ": it is an address; download the file and give its path"
    if given.startswith("~"):
        return ": '~' is not expanded; give os.path.expanduser(path)"
    for form in ("NFC", "NFD"):
        if (other := unicodedata.normalize(form, str(path))) != str(path) and os.path.exists(other):
            return (
                f", but one whose name looks the same does, with accents as Unicode's {form} "
                f"writes them; give unicodedata.normalize({form!r}, path)"
            )
    stripped = path.name.strip()
    if given != given.strip() and stripped and path.with_name(stripped).exists():
        return ", but one without the spaces around its name does"
    return "" if path.is_absolute() else f"; it is relative to {os.getcwd()!r:.200}"


def part_of_file(cell: Any) -> tuple[float, float]:
    """Return where the part of a file begins and ends.

    Parameters
    ----------
    cell : mapping
        With "start" and "end" in seconds; without them the part is the whole file.

    Returns
    -------
    start, end : float
        Seconds, infinity for the end of the file; NaN for a value that is not a number.
    """
    start, end = cell.get("start"), cell.get("end")
    start, end = 0.0 if _is_missing(start) else start, math.inf if _is_missing(end) else end
    return as_seconds(start), as_seconds(end)


def read_lyrics(cell: Any, *, row: int = 0, perturbed: bool = False) -> str:
    """Read one lyrics cell.

    Parameters
    ----------
    cell : str
        The lyrics; an empty string for an instrumental.
    row : int, default=0
        The row that an error names.
    perturbed : bool, default=False
        Whether what is left of lyrics may stand here, such as a single word, which is then no name
        of a file.

    Returns
    -------
    str
        The lyrics, unchanged.

    Raises
    ------
    InvalidSongError
        The cell is not text, or the name of a lyrics file, see :func:`names_file`: a model that is
        handed it would take the name for the lyrics.

    Examples
    --------
    >>> from sklearn_musiclime.songs import read_lyrics
    >>> read_lyrics(3.5, row=7)
    Traceback (most recent call last):
        ...
    sklearn_musiclime.songs.errors.InvalidSongError: row 7: lyrics: 3.5 where text should be
    """
    if isinstance(cell, str) and (perturbed or not names_file(cell)):
        return str(cell)
    if _is_missing(cell):
        reason = f"missing ({cell!r}); give an instrumental the empty string"
    elif isinstance(cell, (bytes, bytearray)):
        reason = "bytes where text should be; decode them first"
    elif isinstance(cell, (str, PathLike)):
        reason = (
            f"{str(cell)!r:.200} is the name of a file, not lyrics; datasets.load_songs and "
            "datasets.read_lyrics_file read it"
        )
    else:
        reason = f"{cell!r:.80} where text should be"
    raise InvalidSongError(row, "lyrics", reason)


def lyrics_doubts(lyrics: str) -> dict[str, str]:
    """Return what is odd about lyrics although they can be explained.

    Parameters
    ----------
    lyrics : str
        The lyrics.

    Returns
    -------
    dict of str to str
        Messages by kind: "path" for lyrics that look like a path or an address, "stamps" for the
        times of an LRC file.

    Examples
    --------
    >>> from sklearn_musiclime.songs import lyrics_doubts
    >>> print(lyrics_doubts("lyrics/001.docx")["path"])
    the lyrics 'lyrics/001.docx' look like a path or an address; give the text that is there
    """
    doubts = {}
    text = lyrics.strip()
    if len(text) < MAX_NAME and _PATH.fullmatch(text):
        doubts["path"] = (
            f"the lyrics {text!r:.80} look like a path or an address; give the text that is there"
        )
    stamp = _LRC_STAMP.search(lyrics)
    if stamp is not None:
        doubts["stamps"] = (
            f"the lyrics have times of an LRC file, such as {stamp.group().strip()}, which are "
            "taken for words; datasets.read_lrc reads them"
        )
    return doubts


def names_file(text: str, folder: str | PathLike[str] = "") -> bool:
    """Say whether a text is the name of a lyrics file rather than lyrics.

    Parameters
    ----------
    text : str
        The content of a cell.
    folder : path-like, default=""
        Folder that relative paths refer to.

    Returns
    -------
    bool
        Whether it is a line that ends in one of :data:`LYRICS_SUFFIXES`, or names an existing file.
    """
    name = text.strip()
    if not name or len(name.splitlines()) > 1 or "\0" in name:
        return False
    if name.lower().endswith(LYRICS_SUFFIXES):
        return True
    try:
        return len(name) < MAX_NAME and os.path.isfile(os.path.join(folder, name))
    except ValueError:  # half a surrogate pair, which no name has
        return False


def read_text_file(path: Path, encoding: str = "utf-8") -> str:
    r"""Read a file of text.

    Parameters
    ----------
    path : Path
        The file.
    encoding : str, default="utf-8"
        Its encoding, unless it begins with the mark of a UTF, which is heeded and taken away.

    Returns
    -------
    str
        The text, with line breaks as ``\n``.

    Raises
    ------
    ValueError
        The encoding is not known, or the file is not text in it.
    """
    content = path.read_bytes()
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), encoding)
    shown = marked.upper() if marked.lower().startswith("utf") else marked
    try:
        text = content.decode(marked)
    except LookupError as error:
        raise ValueError(f"there is no encoding {encoding!r}") from error
    except UnicodeError as error:
        raise ValueError(
            f"{str(path)!r} is not {shown} text: {error}. Its encoding can be given (encoding=)"
        ) from error
    if "\0" in text:
        raise ValueError(f"{str(path)!r} is not {shown} text but perhaps UTF-16 (encoding=)")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_word_times(cell: Any, *, row: int = 0) -> np.ndarray | TimedWords | None:
    """Read one cell of word times.

    Parameters
    ----------
    cell : sequence of (start, end), (word, start, end) or mappings, or None
        Seconds at which each word begins and ends, in reading order. Mappings have "word", "start"
        and "end", as WhisperX writes them. Words that are named are found in the lyrics by their
        text, and may go without times (None, NaN, or no such keys).
    row : int, default=0
        The row that an error names.

    Returns
    -------
    ndarray of shape (n_words, 2), TimedWords, or None
        TimedWords where the cell names its words, None where the song has no word times.

    Raises
    ------
    InvalidSongError
        The cell holds other things, or numbers that are not finite or not ``start <= end``.

    Examples
    --------
    >>> from sklearn_musiclime.songs import read_word_times
    >>> read_word_times([{"word": "la", "start": 0.5, "end": 1.0}, {"word": "24"}])
    TimedWords(words=('la', '24'), times=array([[0.5, 1. ],
           [nan, nan]]))
    """
    if _is_missing(cell) or (isinstance(cell, Sized) and not _has_no_axes(cell) and len(cell) == 0):
        return None
    if holds_words(cell):
        return read_timed_words(cell, row)
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


def _is_missing(cell: Any) -> bool:
    return bool(pd.api.types.is_scalar(cell) and pd.isna(cell))


def _has_no_axes(cell: Any) -> bool:
    return getattr(cell, "ndim", 1) == 0


def _as_array(cell: Any, row: int, column: str) -> np.ndarray:
    """The cell as an array of numbers or of another plain type, not of objects."""
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
        if samples.ndim == 2:
            mix = Mix()
            mix.add(samples, waveform)
            mix.warn(row)
    _check_finite(waveform, row)
    return waveform


def _check_finite(waveform: np.ndarray, row: int) -> None:
    if not np.isfinite(waveform).all():
        raise InvalidSongError(row, "audio", "NaN or infinite samples")
