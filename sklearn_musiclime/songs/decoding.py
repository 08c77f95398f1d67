"""Decoding files of audio, block by block: by libsndfile, or else by audioread."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import audioread
import numpy as np
import soundfile

from sklearn_musiclime.songs.errors import InvalidSongError

MAX_SAMPLES = 2**30
"""A song of more samples than this is refused: 4 GiB, six hours and a half at 44.1 kHz."""
MIN_RATE, MAX_RATE = 1.0, 1e7
"""Lowest and highest sampling rate in Hz; resampling from others would take for ever."""
MAX_OFFSET = 2**60
"""Largest position, in samples, at which a part of a file begins; later ones become this."""
BLOCK_SAMPLES = 2**24
"""Samples of a file that are decoded at a time; a header may claim any number of them."""

PCM_SCALES = {"uint8": (128.0, 128.0), "int16": (0.0, 2.0**15), "int32": (0.0, 2.0**31)}
"""Offset and scale of integer samples x, by type: (x - offset) / scale lies in [-1, 1)."""


def decode_file(
    path: Path, row: int, start: float = 0.0, end: float = math.inf
) -> tuple[np.ndarray, float]:
    """Decode a file of audio, or a part of it.

    Parameters
    ----------
    path : Path
        The file.
    row : int
        The row that an error names.
    start, end : float, default=0.0, inf
        Seconds at which the part begins and ends.

    Returns
    -------
    waveform : ndarray of shape (n_samples,), dtype float32
        The mean of the channels.
    sampling_rate : float
        The file's sampling rate in Hz.

    Raises
    ------
    InvalidSongError
        Neither libsndfile nor audioread can decode the file, or it is too long.
    """
    try:
        with soundfile.SoundFile(path) as file:
            check_rate(file.samplerate, row)
            first, last = _sample_range(start, end, file.samplerate)
            file.seek(min(first, file.frames))
            read: Callable[[int], np.ndarray] = partial(file.read, dtype="float32", always_2d=True)
            return _read_blocks(read, file.channels, 0, last - first, row), file.samplerate
    # TypeError: what is called .raw could be read only if we knew what is in it.
    except (soundfile.LibsndfileError, TypeError) as sndfile_error:
        try:
            with audioread.audio_open(str(path)) as stream:
                check_rate(stream.samplerate, row)
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
    """16-bit samples of all channels, from blocks of bytes that may end within a sample.

    Parameters
    ----------
    blocks : iterable of bytes
        Little-endian values: of each sample one a channel.
    n_channels : int
        Number of channels.
    """

    def __init__(self, blocks: Iterable[bytes], n_channels: int):
        self._blocks, self._n_channels, self._rest = iter(blocks), n_channels, b""

    def read(self, n_samples: int) -> np.ndarray:
        """Return the next samples in [-1, 1), (n_samples, n_channels); fewer, where they end."""
        parts, n_bytes = [self._rest], len(self._rest)
        while n_bytes < 2 * n_samples * self._n_channels:
            block = next(self._blocks, None)
            if block is None:
                break
            parts.append(block)
            n_bytes += len(block)
        data = b"".join(parts)
        n_values = min(n_samples, n_bytes // (2 * self._n_channels)) * self._n_channels
        self._rest = data[2 * n_values :]
        pcm = np.frombuffer(data, dtype="<i2", count=n_values).reshape(-1, self._n_channels)
        return pcm.astype(np.float32) / np.float32(PCM_SCALES["int16"][1])


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
    n_read = 0
    while n_read < n_samples:
        block = read(int(min(size, n_samples - n_read)))
        if not len(block):
            break
        with np.errstate(over="ignore", invalid="ignore"):  # found when all of it is there
            blocks.append(block.mean(axis=1))
        n_read += len(block)
        check_length(n_read, row)
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
