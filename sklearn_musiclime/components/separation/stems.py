"""Sources that were made before, and lie beside the song."""

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
    """Stems that lie beside the song as files.

    For songs that a separator such as Demucs has been run on already, or whose multitrack is known.

    Parameters
    ----------
    pattern : str, default="{parent}/{stem}/{source}.wav"
        Where the stems of a song are. ``{parent}`` is the song's folder, ``{stem}`` its file name
        without the ending, ``{source}`` a source's name: the default finds ``mix/song.mp3``'s
        vocals at ``mix/song/vocals.wav``. Demucs writes
        ``"separated/htdemucs/{stem}/{source}.wav"``.
    sources : sequence of str, default=("vocals", "drums", "bass", "other")
        The sources, all of which must be there.

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
        """The sources and the rest of the mix that they may leave."""
        return (*self.sources, RESIDUAL)

    def stem_paths(self, path: str | PathLike[str]) -> dict[str, Path]:
        """Return where the stem of each source lies.

        Parameters
        ----------
        path : path-like
            The song's file.

        Returns
        -------
        dict of str to Path

        Raises
        ------
        ValueError
            `pattern` has braces of its own.
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
            Its rate in Hz; stems are resampled to it.
        path : path-like or None, default=None
            The mix's file. Without one there are no stems.
        span : (float, float) or None, default=None
            Start and end in seconds, if the mix is a part of its file; the stems' same part is
            read.

        Returns
        -------
        names : tuple of str
            The sources.
        sources : ndarray of shape (n_sources, n_samples), dtype float32
            Their waveforms.

        Raises
        ------
        ValueError
            There are no sources, the song came from no file, a stem is missing or undecodable, or
            its length differs from the mix's by more than a tenth of a second.
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
            cell = stem_path
            if span is not None:
                cell = {"path": stem_path, "start": span[0], "end": span[1]}
            try:
                stem = read_audio(cell, sampling_rate)
            except InvalidSongError as error:  # its row is none of X
                raise ValueError(f"the {source!r} stem: {error.reason}") from error
            # Encoders pad: a few samples more or less are the same stem, more are another song.
            if abs(len(stem) - len(waveform)) > 0.1 * sampling_rate:
                raise ValueError(
                    f"stem {str(stem_path)!r} lasts {len(stem) / sampling_rate:.2f} s, "
                    f"the song {len(waveform) / sampling_rate:.2f} s"
                )
            stems.append(librosa.util.fix_length(stem, size=len(waveform)))
        return tuple(self.sources), np.stack(stems)
