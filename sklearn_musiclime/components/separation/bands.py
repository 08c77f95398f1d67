"""Frequency bands as sources, of the mix or of the sources of another separator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if

from sklearn_musiclime.components.separation.sources import Separator, Sources, separate_sources

PERIODS = 6.6
"""Periods of an edge's frequency that its filter reaches to either side.

The transition from pass to stop band is then a quarter of that frequency wide.
"""


class BandSeparator(BaseEstimator):
    """Frequency bands, which add up to the waveform.

    Each edge is a lowpass of linear phase and finite length, and a band is the difference of two,
    so that the bands are not delayed against each other and nothing is heard in a band further
    from its time than a few periods of its lower edge. An edge at or above half the sampling rate
    leaves nothing to the bands above it.

    Parameters
    ----------
    edges : sequence of float, default=(250.0, 1000.0, 4000.0)
        Frequencies in Hz between which bands lie, increasing. There is one band more than edges:
        the first from 0 Hz, the last up to half the sampling rate.

    References
    ----------
    Mishra, Sturm, Dixon, "Local interpretable model-agnostic explanations for music content
    analysis", ISMIR 2017 (bands as components of SoundLIME).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime import BandSeparator
    >>> time = np.arange(22050) / 22050
    >>> tone = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    >>> names, sources = BandSeparator(edges=(300, 600)).separate(tone, 22050)
    >>> names
    ('0-300 Hz', '300-600 Hz', 'above 600 Hz')
    >>> names[np.std(sources, axis=1).argmax()]
    '300-600 Hz'
    """

    def __init__(self, edges: Sequence[float] = (250.0, 1000.0, 4000.0)):
        self.edges = edges

    @property
    def source_names(self) -> tuple[str, ...]:
        """Names of the bands, from low to high."""
        edges = self._checked_edges()
        inner = [f"{low:g}-{high:g} Hz" for low, high in zip([0, *edges], edges, strict=False)]
        return (*inner, f"above {edges[-1]:g} Hz")

    def separate(self, waveform: np.ndarray, sampling_rate: float) -> Sources:
        """Separate a waveform into bands.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,)
            The audio.
        sampling_rate : float
            Its sampling rate in Hz.

        Returns
        -------
        names : tuple of str
            Names of the bands, such as "250-1000 Hz".
        sources : ndarray of shape (n_edges + 1, n_samples), dtype float32
            The bands, from low to high.

        Raises
        ------
        ValueError
            `edges` are not positive numbers that increase.
        """
        song = np.asarray(waveform, dtype=np.float64)
        below = [_lowpass(song, edge, sampling_rate) for edge in self._checked_edges()]
        bands = np.diff([np.zeros_like(song), *below, song], axis=0)
        return self.source_names, bands.astype(np.float32)

    def _checked_edges(self) -> list[float]:
        edges = np.asarray(self.edges, dtype=float)
        if edges.ndim != 1 or not len(edges) or not np.isfinite(edges).all():
            raise ValueError(f"edges must be a sequence of frequencies in Hz, got {self.edges!r}")
        if edges[0] <= 0 or (np.diff(edges) <= 0).any():
            raise ValueError(f"edges must be positive and increase, got {self.edges!r}")
        return edges.tolist()


def _lowpass(song: np.ndarray, edge: float, sampling_rate: float) -> np.ndarray:
    """What of a waveform lies below a frequency, by a filter of linear phase."""
    if edge >= sampling_rate / 2 or not len(song):
        return song
    reach = int(np.ceil(PERIODS * sampling_rate / edge))
    kept = min(reach, len(song))  # what reaches further meets no sample
    lag = np.arange(-kept, kept + 1)
    # The ideal lowpass, a sinc, under a Hann window.
    rate = 2 * edge / sampling_rate
    kernel = rate * np.sinc(rate * lag) * np.cos(np.pi / 2 * lag / (reach + 1)) ** 2
    return scipy.signal.oaconvolve(song, kernel)[kept : kept + len(song)]


class ChainSeparator(BaseEstimator):
    """The sources of one separator, each taken apart by another: bands of stems.

    Parameters
    ----------
    first, second : estimator with ``separate``
        The separators. `second` gets the waveform of each source of `first`, without the song's
        file.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime import BandSeparator, ChainSeparator, HPSSSeparator
    >>> separator = ChainSeparator(HPSSSeparator(), BandSeparator(edges=(1000,)))
    >>> separator.source_names
    ('harmonic 0-1000 Hz', 'harmonic above 1000 Hz', 'percussive 0-1000 Hz', \
'percussive above 1000 Hz')
    """

    def __init__(self, first: Separator, second: Separator):
        self.first = first
        self.second = second

    @property
    def source_names(self) -> tuple[str, ...]:
        """Names of `second`'s sources after those of `first`'s."""
        first: Any = self.first
        second: Any = self.second
        return tuple(f"{a} {b}" for a in first.source_names for b in second.source_names)

    @available_if(lambda self: hasattr(self.first, "stem_paths"))
    def stem_paths(self, path: str | PathLike[str]) -> Mapping[str, Path]:
        """Return the files that `first` reads, where it reads stems.

        Parameters
        ----------
        path : path-like
            The file of the song.

        Returns
        -------
        dict of str to Path
        """
        stems: Any = self.first
        return stems.stem_paths(path)

    def separate(
        self,
        waveform: np.ndarray,
        sampling_rate: float,
        path: Path | None = None,
        span: tuple[float, float] | None = None,
    ) -> Sources:
        """Separate a waveform into the sources of its sources.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,)
            The audio.
        sampling_rate : float
            Its sampling rate in Hz.
        path : Path or None, default=None
            File of the song, for `first`.
        span : (float, float) or None, default=None
            Start and end in seconds, if the song is a part of that file.

        Returns
        -------
        names : tuple of str
            Names such as "vocals 0-250 Hz".
        sources : ndarray of shape (n_sources, n_samples), dtype float32
            Their waveforms.
        """
        names, sources = separate_sources(self.first, waveform, sampling_rate, path=path, span=span)
        found = [separate_sources(self.second, source, sampling_rate) for source in sources]
        both = [
            f"{name} {part}"
            for name, (parts, _) in zip(names, found, strict=True)
            for part in parts
        ]
        return tuple(both), np.concatenate([parts for _, parts in found])
