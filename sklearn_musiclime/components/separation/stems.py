"""Sources that exist as files beside the song (stems)."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import librosa
import numpy as np
from sklearn.base import BaseEstimator

from sklearn_musiclime.components.separation.sources import RESIDUAL, Sources
from sklearn_musiclime.songs import InvalidSongError, read_audio


class StemSeparator(BaseEstimator):
    """Read the sources of a song from stem files.

    For songs that a separator such as Demucs has been run on already, or whose multitrack recording
    is available.

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
        stems = []
        for source, stem_path in self.stem_paths(path).items():
            if not stem_path.is_file():
                raise ValueError(f"there is no {source!r} stem at {str(stem_path)!r}")
            cell: Path | dict[str, object] = stem_path
            if span is not None:
                cell = {"path": stem_path, "start": span[0], "end": span[1]}
            try:
                stem = read_audio(cell, sampling_rate)
            except InvalidSongError as error:  # its row is meaningless: stems are not rows of X
                raise ValueError(f"the {source!r} stem: {error.reason}") from error
            # Encoders pad, so lengths may differ slightly; a larger difference is another song.
            if abs(len(stem) - len(waveform)) > 0.1 * sampling_rate:
                raise ValueError(
                    f"stem {str(stem_path)!r} lasts {len(stem) / sampling_rate:.2f} s, "
                    f"the song {len(waveform) / sampling_rate:.2f} s"
                )
            stems.append(librosa.util.fix_length(stem, size=len(waveform)))
        return tuple(self.sources), np.stack(stems)
