"""Decoding files of audio, block by block: by libsndfile, or else by FFmpeg."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from sklearn_musiclime.songs.errors import InvalidSongError
from sklearn_musiclime.songs.ffmpeg import FFmpegFile, mp3_lengths, opened
from sklearn_musiclime.songs.mix import Mix

MAX_SAMPLES = 2**30
"""A song of more samples than this is refused: 4 GiB, six hours and a half at 44.1 kHz."""
MIN_RATE, MAX_RATE = 1.0, 1e7
"""Lowest and highest sampling rate in Hz; resampling from others would take for ever."""
MAX_OFFSET = 2**60
"""Largest position, in samples, at which a part of a file begins; later ones become this."""
BLOCK_SAMPLES = 2**24
"""Samples of a file that are decoded at a time; a header may claim any number of them."""

CUT = 0.25
"""Seconds that a file may lack of what its header says; encoders' padding is less."""
MPEG = "MP3"
"""What soundfile calls MPEG audio, whose length libsndfile does not count."""
CUT_CHUNK = re.compile(r"(?:data|SSND|Data Size|riff|Riff size) *: (\d+) \(should be (\d+)\)")
"""What libsndfile's log says of a file that ends before its samples do."""
OGG_HEADER_BYTES = 27
"""Bytes of the header of a page of an Ogg file, the last of which counts the segments."""
OGG_STREAM = slice(14, 18)
"""Where a page's header has the serial number of its stream."""
OGG_PAGE_BYTES = OGG_HEADER_BYTES + 255 + 255 * 255
"""Most bytes of a page: each of its segments has a length of one byte."""
UNFINISHED = 2**31 - 2**16
"""Bytes of samples that a header claims, from here on, where its writer didn't know the number."""

PCM_SCALES = {"uint8": (128.0, 128.0), "int16": (0.0, 2.0**15), "int32": (0.0, 2.0**31)}
"""Offset and scale of integer samples x, by type: (x - offset) / scale lies in [-1, 1)."""


def decode(
    source: Path | bytes, row: int, start: float = 0.0, end: float = math.inf, name: str = ""
) -> tuple[np.ndarray, float]:
    """Decode a file of audio, or a part of it.

    libsndfile decodes what it can. Of an mp3 it trusts the header, or guesses from the first frame
    how long it is, and reads no further: where a count of the frames says otherwise, FFmpeg decodes
    it.

    Parameters
    ----------
    source : Path or bytes
        The file, or its content.
    row : int
        The row that an error names.
    start, end : float, default=0.0, inf
        Seconds at which the part begins and ends.
    name : str, default=""
        What errors call it, if it is bytes.

    Returns
    -------
    waveform : ndarray of shape (n_samples,), dtype float32
        The mean of the channels.
    sampling_rate : float
        The file's sampling rate in Hz.

    Raises
    ------
    InvalidSongError
        Neither libsndfile nor FFmpeg can decode the file, it is too long, or it was cut: it lacks
        a quarter of a second, or more, of the part that its header says is there.
    """
    try:
        waveform, rate, claimed = _by_libsndfile(source, row, start, end)
        if not _lacks(len(waveform) / rate, start, end, claimed):
            return waveform, rate
        cause: object = f"{len(waveform) / rate:.2f} s can be read"
    except InvalidSongError:
        raise
    # TypeError: what is called .raw could be read only if we knew what is in it. ValueError: what
    # libsndfile takes for an mp3 has no frames that FFmpeg could count.
    except (soundfile.LibsndfileError, TypeError, ValueError) as error:
        cause, claimed = error, 0.0
    who = f"file {str(source)!r:.200}" if isinstance(source, Path) else f"the bytes{name}"
    try:
        waveform, rate, claimed_too = _by_ffmpeg(source, row, start, end)
    except InvalidSongError:
        raise
    # PyAV raises of a broken file what FFmpeg says of it, and of odd ones what it likes.
    except Exception as error:
        raise InvalidSongError(
            row,
            "audio",
            f"{who} can't be decoded, neither by libsndfile "
            f"({getattr(cause, 'error_string', cause)}) nor by FFmpeg ({error})",
        ) from error
    claimed = max(claimed, claimed_too)
    if len(waveform) and _lacks(len(waveform) / rate, start, end, claimed):
        there = start + len(waveform) / rate
        is_known = math.isfinite(claimed)
        should = f"it should last {claimed:.2f} s" if is_known else "its last page is not whole"
        raise InvalidSongError(
            row,
            "audio",
            f"{who} was cut or is damaged: {should}, and {there:.2f} s can "
            'be read. Get it again, or take what is there: {"path": ..., "start": 0, '
            f'"end": {math.floor(there * 100) / 100:g}}}',
        )
    return waveform, rate


def _by_libsndfile(
    source: Path | bytes, row: int, start: float, end: float
) -> tuple[np.ndarray, float, float]:
    """Decode by libsndfile; also return how long the file should be, in seconds."""
    with soundfile.SoundFile(source if isinstance(source, Path) else opened(source)) as file:
        rate, log = file.samplerate, file.extra_info
        check_rate(rate, row)
        claimed = file.frames / rate
        if file.format == MPEG:
            counted, claimed = mp3_lengths(source)
            if abs(counted - file.frames / rate) > CUT:
                return np.empty(0, dtype=np.float32), rate, max(counted, claimed)
        elif file.format == "OGG":
            is_whole, is_one = _ogg_end(source)
            if not is_whole:
                claimed = math.inf
            elif not is_one:
                raise ValueError("it reads the first of several streams")
        elif file.frames >= MAX_OFFSET:  # a stream that was never finished
            claimed = 0.0
        elif (sizes := CUT_CHUNK.search(log)) and int(sizes[1]) < UNFINISHED:
            claimed *= int(sizes[1]) / max(int(sizes[2]), 1)
        first, last = _sample_range(start, end, rate)
        file.seek(min(first, file.frames))
        read: Callable[[int], np.ndarray] = partial(file.read, dtype="float32", always_2d=True)
        return _read_blocks(read, file.channels, 0, last - first, row), rate, claimed


def _ogg_end(source: Path | bytes) -> tuple[bool, bool]:
    """Say of an Ogg file, which does not say how long it lasts, how it ends.

    Parameters
    ----------
    source : Path or bytes
        The file or its content.

    Returns
    -------
    is_whole : bool
        Whether it does not end within a page.
    is_one : bool
        Whether its last page is of the same stream as its first: files that are joined, as of a
        radio's recordings, have one stream after the other, of which libsndfile reads one.

    References
    ----------
    Pfeiffer, "The Ogg encapsulation format version 0", RFC 3533, 2003.
    """
    with opened(source) as file:
        first = file.read(OGG_HEADER_BYTES)
        n_bytes = file.seek(0, 2)
        file.seek(max(n_bytes - OGG_PAGE_BYTES, 0))
        tail = file.read()
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    n_segments = page[OGG_HEADER_BYTES - 1] if len(page) >= OGG_HEADER_BYTES else 0
    segments = page[OGG_HEADER_BYTES : OGG_HEADER_BYTES + n_segments]
    is_whole = OGG_HEADER_BYTES + n_segments + sum(segments) <= len(page)
    return is_whole, page[OGG_STREAM] == first[OGG_STREAM]


def _by_ffmpeg(
    source: Path | bytes, row: int, start: float, end: float
) -> tuple[np.ndarray, float, float]:
    """Decode by FFmpeg; also return how long the file should be, in seconds, 0 if unknown."""
    with FFmpegFile(source) as file:
        rate = file.samplerate
        check_rate(rate, row)
        first, last = _sample_range(start, end, rate)
        waveform = _read_blocks(file.read, 1, first, last - first, row)
        file.mix.warn(row)
        return waveform, rate, file.duration or 0.0


def _lacks(n_seconds: float, start: float, end: float, claimed: float) -> bool:
    """Say whether a part that was read is shorter than the file's header says."""
    return n_seconds < min(end, claimed) - start - CUT


def _read_blocks(
    read: Callable[[int], np.ndarray], n_channels: int, first: int, n_samples: float, row: int
) -> np.ndarray:
    """The mean of the channels of the samples from `first` to `first + n_samples`.

    `read` takes a number of samples and returns the next ones, (n, n_channels), fewer at the end.
    """
    size = max(BLOCK_SAMPLES // n_channels, 1)
    while first > 0 and (n_skipped := len(read(min(size, first)))):
        first -= n_skipped
    blocks: list[np.ndarray] = [np.empty(0, dtype=np.float32)]
    n_read, mix = 0, Mix()
    while n_read < n_samples:
        block = read(int(min(size, n_samples - n_read)))
        if not len(block):
            break
        with np.errstate(over="ignore", invalid="ignore"):  # found when all of it is there
            blocks.append(block.mean(axis=1))
            mix.add(block.T, blocks[-1])
        n_read += len(block)
        check_length(n_read, row)
    mix.warn(row)
    return np.concatenate(blocks)


def check_rate(rate: Any, row: int) -> None:
    """Check that a sampling rate is a number from `MIN_RATE` to `MAX_RATE`.

    Parameters
    ----------
    rate : object
        The rate in Hz.
    row : int
        The row that an error names.

    Raises
    ------
    InvalidSongError
        It is something else.
    """
    # typeshed's Real can't be compared with a float.
    if not isinstance(rate, numbers.Real) or not MIN_RATE <= rate <= MAX_RATE:  # type: ignore[operator]
        raise InvalidSongError(
            row,
            "audio",
            f"sampling_rate is {rate!r:.80}, no rate from {MIN_RATE:g} to {MAX_RATE:g} Hz",
        )


def check_length(n_samples: float, row: int) -> None:
    """Check that a song has no more than `MAX_SAMPLES` samples.

    Parameters
    ----------
    n_samples : float
        Samples of the song.
    row : int
        The row that an error names.

    Raises
    ------
    InvalidSongError
        It has more.
    """
    if n_samples > MAX_SAMPLES:
        raise InvalidSongError(
            row,
            "audio",
            f"{n_samples:.3g} samples, more than the {MAX_SAMPLES} that are taken: is the sampling "
            "rate right? Cut long recordings into parts",
        )


def _sample_range(start: float, end: float, rate: float) -> tuple[int, float]:
    """The range of samples between two times in seconds; its end is infinite where theirs is."""
    first, last = (min(seconds * rate, float(MAX_OFFSET)) for seconds in (start, end))
    return round(first), math.inf if math.isinf(end) else round(last)
