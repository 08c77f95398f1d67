"""Sources that exist as files beside the song (stems)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import librosa
import numpy as np
from sklearn.base import BaseEstimator

from sklearn_musiclime.components.separation.lag import delayed, find_lag
from sklearn_musiclime.components.separation.sources import RESIDUAL, Sources
from sklearn_musiclime.songs import InvalidSongError, read_audio


class StemSeparator(BaseEstimator):
    """Read the sources of a song from stem files.

    For songs that a separator such as Demucs has been run on already, or whose multitrack recording
    is available. Stems in mp3 may come late by what the encoder pads, 1,105 samples of those of
    Demucs: the lag is found by correlation, up to a tenth of a second, and they are moved back,
    with a warning. Stems that are no parts of the song at all are warned of.

    Parameters
    ----------
    pattern : str, default="{parent}/{stem}/{source}.wav"
        Path of a stem file. ``{parent}`` is the folder of the song, ``{stem}`` its file name
        without the extension, ``{source}`` the name of the source: with the default, the vocals of
        ``mix/song.mp3`` are ``mix/song/vocals.wav``. Demucs writes
        ``"separated/htdemucs/{stem}/{source}.wav"``.
    sources : sequence of str, default=("vocals", "drums", "bass", "other")
        Names of the sources. Every song needs a file for each of them.

    Examples
    --------
    >>> from sklearn_musiclime import StemSeparator
    >>> StemSeparator(sources=("vocals", "other")).stem_paths("songs/one.mp3")["vocals"].as_posix()
    'songs/one/vocals.wav'
    """

    def __init__(
        self,
        pattern: str = "{parent}/{stem}/{source}.wav",
        sources: Sequence[str] = ("vocals", "drums", "bass", "other"),
    ):
        self.pattern = pattern
        self.sources = sources

    @property
    def source_names(self) -> tuple[str, ...]:
        """Names of the sources, with "residual" for what they may lack of the mix."""
        return (*self.sources, RESIDUAL)

    def stem_paths(self, path: str | PathLike[str]) -> dict[str, Path]:
        """Return the path of each source's stem file, whether it exists or not.

        Parameters
        ----------
        path : path-like
            File of the song.

        Returns
        -------
        dict of str to Path
            Paths by source.

        Raises
        ------
        ValueError
            `pattern` has other fields than ``{parent}``, ``{stem}`` and ``{source}``.
        """
        path = Path(path)
        known = {"parent": path.parent.as_posix(), "stem": path.stem}
        try:
            return {
                source: Path(self.pattern.format(**known, source=source)) for source in self.sources
            }
        except (LookupError, ValueError, AttributeError, TypeError) as error:
            raise ValueError(
                f"pattern={self.pattern!r} holds other braces than {{parent}}, {{stem}} and "
                f"{{source}}: {error!r}"
            ) from error

    def separate(
        self,
        waveform: np.ndarray,
        sampling_rate: float,
        path: str | PathLike[str] | None = None,
        span: tuple[float, float] | None = None,
    ) -> Sources:
        """Read the stems of a song.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,)
            The mix.
        sampling_rate : float
            Its sampling rate in Hz; stems are resampled to it.
        path : path-like or None, default=None
            File of the song, from which the paths of the stems follow. None is an error.
        span : (float, float) or None, default=None
            Start and end in seconds, if the song is a part of its file; the same part of the stems
            is read.

        Returns
        -------
        names : tuple of str
            Names of the sources.
        sources : ndarray of shape (n_sources, n_samples), dtype float32
            Waveforms of the sources, of the length of the mix.

        Raises
        ------
        ValueError
            `sources` is empty, the song has no path, a stem is missing or can't be decoded, or its
            length differs from that of the mix by more than 0.1 s.
        """
        if path is None:
            raise ValueError(
                "StemSeparator needs songs that come from files; this one has no path "
                "(give a path, or a mapping with 'array', 'sampling_rate' and 'path')"
            )
        if not self.sources:
            raise ValueError("StemSeparator needs at least one source")
        begin, end = (0.0, math.inf) if span is None else span
        stems = self._read(path, waveform, sampling_rate, begin, end)
        total = stems.sum(axis=0, dtype=np.float64).astype(np.float32)
        lag, is_alike = find_lag(total, waveform, sampling_rate)
        if not is_alike:
            warnings.warn(
                f"the stems of {str(path)!r:.200} are no parts of the song: without them there is "
                "more of it, not less. Are they of this recording, and as loud?",
                UserWarning,
            )
        elif lag:
            stems = self._read(path, waveform, sampling_rate, begin + lag, end + lag)
            warnings.warn(
                f"stems come {abs(1000 * lag):.1f} ms {'later' if lag > 0 else 'earlier'} than "
                "their song, as those of encoders that pad, and were moved back",
                UserWarning,
            )
        return tuple(self.sources), stems

    def _read(
        self,
        path: str | PathLike[str],
        waveform: np.ndarray,
        sampling_rate: float,
        begin: float,
        end: float,
    ) -> np.ndarray:
        """Read the stems from `begin` to `end`, in seconds; before their beginning is silence."""
        stems = []
        n_before = max(-begin * sampling_rate, 0.0)
        for source, stem_path in self.stem_paths(path).items():
            if not stem_path.is_file():
                raise ValueError(f"there is no {source!r} stem at {str(stem_path)!r}")
            cell = {"path": stem_path, "start": max(begin, 0.0), "end": end}
            try:
                stem = read_audio(cell, sampling_rate)
            except InvalidSongError as error:  # its row is meaningless: stems are not rows of X
                raise ValueError(f"the {source!r} stem: {error.reason}") from error
            if n_before:
                stem = delayed(stem, n_before)
            # Encoders pad, so lengths may differ slightly; a larger difference is another song.
            if abs(len(stem) - len(waveform)) > 0.1 * sampling_rate:
                raise ValueError(
                    f"stem {str(stem_path)!r} lasts {len(stem) / sampling_rate:.2f} s, "
                    f"the song {len(waveform) / sampling_rate:.2f} s"
                )
            stems.append(librosa.util.fix_length(stem, size=len(waveform)))
        return np.stack(stems)
