"""Sound files by FFmpeg, as PyAV brings it: what libsndfile can't decode, and the count of an mp3.

FFmpeg sees open files alone and no paths, and may open nothing else: a playlist that names other
files, or addresses, is no song.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from sklearn_musiclime.songs.mix import Mix

if TYPE_CHECKING:
    import av

ESTIMATING = ("mp3", "aac", "ac3", "eac3", "dts", "amr", "loas")
"""Formats without a header that says how long they last; FFmpeg guesses from the first bits."""
HEAD_BYTES = 4096
"""Bytes, after an mp3's tag, in which its first frame and so its header must be."""
ID3_BYTES = 10
"""Length of the header of an ID3 tag."""
FRAME_COUNT = re.compile(rb"(?:Xing|Info)\0\0\0[\x01\x03\x05\x07\x09\x0b\x0d\x0f](.{4})", re.DOTALL)
"""Header of an mp3 that says how many frames follow."""


def opened(source: Path | bytes) -> BinaryIO:
    """Return a file, or the bytes of one, open for reading.

    Parameters
    ----------
    source : Path or bytes
        The file or its content.

    Returns
    -------
    file object
    """
    return source.open("rb") if isinstance(source, Path) else io.BytesIO(source)


def mp3_lengths(source: Path | bytes) -> tuple[float, float]:
    """Return how long an mp3 lasts, counted frame by frame, which decodes nothing.

    Parameters
    ----------
    source : Path or bytes
        The file or its content.

    Returns
    -------
    counted : float
        Seconds of the frames that are there.
    claimed : float
        Seconds of the frames that the file's header says it has; `counted` if it has no header.

    Raises
    ------
    ValueError
        FFmpeg finds no sound in it.
    """
    import av

    n_frames, counted = 0, 0.0
    try:
        with FFmpegFile(source) as file:
            for packet in file.packets():
                if packet.size and packet.duration and packet.time_base:
                    n_frames += 1
                    counted += float(packet.duration * packet.time_base)
    except av.error.FFmpegError as error:
        raise ValueError(f"FFmpeg finds no frames: {error}") from error
    with opened(source) as head:
        tag = head.read(ID3_BYTES)
        if tag[:3] == b"ID3" and len(tag) == ID3_BYTES:
            head.seek(ID3_BYTES + sum(byte << 7 * (3 - i) for i, byte in enumerate(tag[6:])))
        else:
            head.seek(0)
        header = FRAME_COUNT.search(head.read(HEAD_BYTES))
    if header is None or not n_frames:
        return counted, counted
    return counted, int.from_bytes(header[1], "big") * counted / n_frames


class FFmpegFile:
    """A sound file that FFmpeg decodes, as the mean of its channels; of a film, the first sound.

    Parameters
    ----------
    source : Path or bytes
        The file or its content.

    Attributes
    ----------
    duration : float or None
        Seconds that its header says it lasts; None where it says nothing.
    mix : Mix
        Whether the channels cancel, as far as they were read.
    samplerate : int
        Sampling rate in Hz of the first samples. Samples at another rate, as in mp3 files that
        were joined, are resampled to it.

    Raises
    ------
    av.FFmpegError, ValueError
        FFmpeg can't open it, or finds no sound in it.
    """

    def __init__(self, source: Path | bytes):
        import av  # a fifth of a second, which most files need not

        self._broken = av.error.InvalidDataError
        self._file = opened(source)
        try:
            self._container = av.open(self._file, mode="r", options={"protocol_whitelist": "none"})
        except BaseException:
            self._file.close()
            raise
        streams = self._container.streams
        if not streams.audio:
            self.close()
            raise ValueError("there is no sound in it")
        self._stream = streams.audio[0]
        self._blocks: Iterator[np.ndarray] | None = None
        self._rest = np.empty(0, dtype=np.float32)
        self.duration = self._duration()
        self.mix = Mix()

    def __enter__(self) -> FFmpegFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()
        self._file.close()

    def packets(self) -> Iterator[av.Packet]:
        """Yield the encoded packets, the last of them empty."""
        yield from self._container.demux(self._stream)

    @property
    def samplerate(self) -> int:
        """Sampling rate in Hz."""
        self._begin()
        return self._rate

    def read(self, n_samples: int) -> np.ndarray:
        """Return the next samples.

        Parameters
        ----------
        n_samples : int
            How many.

        Returns
        -------
        ndarray of shape (n_samples, 1), dtype float32
            Fewer, where they end.
        """
        parts, n_read = [self._rest], len(self._rest)
        for block in self._begin():
            parts.append(block)
            n_read += len(block)
            if n_read >= n_samples:
                break
        samples = np.concatenate(parts)
        self._rest = samples[n_samples:].copy()
        return samples[:n_samples, np.newaxis]

    def _duration(self) -> float | None:
        if set(self._container.format.name.split(",")) & set(ESTIMATING):
            return None
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        if self._container.duration and len(self._container.streams) == 1:
            return self._container.duration / 1e6
        return None

    def _begin(self) -> Iterator[np.ndarray]:
        if self._blocks is None:
            frames = self._frames()
            first = next(frames, None)
            self._rate = self._stream.rate if first is None else first.sample_rate
            self._blocks = self._at_one_rate(first, frames)
            if self.duration is not None and "mp4" in self._container.format.name.split(","):
                self._blocks = _without_padding(self._blocks, round(self.duration * self._rate))
        return self._blocks

    def _frames(self) -> Iterator[av.AudioFrame]:
        """The decoded frames; packets that are no sound, such as tags within, are passed over."""
        for packet in self.packets():
            try:
                yield from self._stream.codec_context.decode(packet)
            except self._broken:
                continue

    def _at_one_rate(
        self, first: av.AudioFrame | None, others: Iterator[av.AudioFrame]
    ) -> Iterator[np.ndarray]:
        import av

        resampler, rate = None, self._rate
        frame = first
        while frame is not None:
            if resampler is not None and frame.sample_rate != rate:
                yield from _samples_of(resampler.resample(None))
                resampler = None
            rate, channels = frame.sample_rate, _channels(frame)
            with np.errstate(over="ignore", invalid="ignore"):  # found when all of it is there
                block = channels.mean(axis=0, dtype=np.float64).astype(np.float32)
                self.mix.add(channels, block)
            if rate == self._rate:
                yield block
            else:
                resampler = resampler or av.AudioResampler("fltp", "mono", self._rate)
                mono = av.AudioFrame.from_ndarray(block[np.newaxis], format="fltp", layout="mono")
                mono.sample_rate = rate
                yield from _samples_of(resampler.resample(mono))
            frame = next(others, None)
        if resampler is not None:
            yield from _samples_of(resampler.resample(None))


def _without_padding(blocks: Iterator[np.ndarray], n_samples: int) -> Iterator[np.ndarray]:
    """The blocks, the last of them up to `n_samples`: an encoder fills it up with silence."""
    n_before, held = 0, None
    for block in blocks:
        if held is not None:
            yield held
            n_before += len(held)
        held = block
    if held is not None:
        n_left = n_samples - n_before
        yield held[:n_left] if 0 < n_left < len(held) else held


def _samples_of(frames: list[av.AudioFrame]) -> Iterator[np.ndarray]:
    for frame in frames:
        yield frame.to_ndarray()[0]


def _channels(frame: av.AudioFrame) -> np.ndarray:
    """A frame's channels, (n_channels, n_samples); integers are scaled to [-1, 1)."""
    samples: np.ndarray[Any, Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, len(frame.layout.channels)).T
    if samples.dtype.kind == "f":
        return samples
    offset = 128.0 if samples.dtype == np.uint8 else 0.0
    return (samples - offset) / 2.0 ** (8 * samples.dtype.itemsize - 1)
