"""Sources: what sounds together in the mix, taken apart.

A separator is an estimator with one method, ``separate(waveform, sampling_rate)``, that returns the
names of the sources and an array (n_sources, n_samples). If it also takes ``path``, it is told the
file the song came from; if ``span``, the seconds of that file at which the song begins and ends.
:func:`separate_sources` calls it and sees to it that the sources add up to the mix, so a separator
need not be perfect to be used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import bottleneck
import librosa
import numpy as np
import scipy.ndimage
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator

from sklearn_musiclime.cache import ResultCache, file_digest, fingerprint
from sklearn_musiclime.components._protocol import call_with_known, takes
from sklearn_musiclime.songs import read_audio

RESIDUAL = "residual"
BLOCK_FRAMES = 512
"""Frames that HPSS filters at a time: few enough for the processor's caches."""
INAUDIBLE_DB = -60.0
"""A rest of the mix that no source holds is a source of its own above this level, re the mix."""

Sources = tuple[Sequence[str], np.ndarray]


class Separator(Protocol):
    """What the explainer asks of a separator.

    ``source_names``, a property, is needed by ``MusicLimeExplainer.transform`` alone: it names the
    columns before a song has been heard.
    """

    def separate(self, waveform: np.ndarray, sampling_rate: float) -> Sources:
        """Take a waveform of shape (n_samples,) apart into named sources (n_sources, n_samples)."""


class HPSSSeparator(BaseEstimator):
    """Harmonic and percussive sources, by median filtering of the spectrogram.

    Needs no weights and no training. What sustains (voice, chords, bass) goes into "harmonic", what
    strikes (drums, plucked onsets, consonants) into "percussive".

    Parameters
    ----------
    kernel_size : int or (int, int), default=31
        Length of the median filters, in frames and in frequency bins.
    power : float, default=2.0
        Exponent of the soft masks.
    margin : float or (float, float), default=1.0
        How much stronger than the other a source must be. Above 1 a "residual" is left over.
    n_fft : int, default=2048
        Samples of a window.
    hop_length : int, default=512
        Samples from one window to the next.
    n_jobs : int or None, default=None
        Threads that filter, see :term:`n_jobs`. The sources are the same for every number.

    References
    ----------
    Fitzgerald, "Harmonic/percussive separation using median filtering", DAFx 2010.
    Driedger, Müller, Disch, "Extending harmonic-percussive separation of audio", ISMIR 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime import HPSSSeparator
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050).astype(np.float32)
    >>> names, sources = HPSSSeparator().separate(tone, 22050)
    >>> names
    ('harmonic', 'percussive')
    >>> bool(np.std(sources[0]) > 10 * np.std(sources[1]))
    True
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int] = 31,
        power: float = 2.0,
        margin: float | tuple[float, float] = 1.0,
        n_fft: int = 2048,
        hop_length: int = 512,
        n_jobs: int | None = None,
    ):
        self.kernel_size = kernel_size
        self.power = power
        self.margin = margin
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.n_jobs = n_jobs

    @property
    def source_names(self) -> tuple[str, ...]:
        """The two sources; with a margin also what neither holds."""
        names = ("harmonic", "percussive")
        return names if self._is_split else (*names, RESIDUAL)

    def separate(self, waveform: np.ndarray, sampling_rate: float) -> Sources:
        """Take a waveform apart.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,)
            The audio.
        sampling_rate : float
            Its rate in Hz.

        Returns
        -------
        names : tuple of str
            "harmonic" and "percussive".
        sources : ndarray of shape (2, n_samples), dtype float32
            Their waveforms.
        """
        n_samples = len(waveform)
        padded = librosa.util.fix_length(waveform, size=max(n_samples, self.n_fft))
        spectrum = librosa.stft(padded, n_fft=self.n_fft, hop_length=self.hop_length)
        # Without a margin the masks add up to 1: what is not harmonic is percussive, and its
        # spectrum and mask need not be computed.
        spectra = [spectrum] if self._is_split else [spectrum, spectrum.copy()]
        context = int(np.broadcast_to(self.kernel_size, 2)[0]) // 2
        magnitude = np.pad(np.abs(spectrum), [(0, 0), (context, context)], mode="symmetric")

        def filter_block(first: int) -> None:
            masks = self._soft_masks(magnitude[:, first : first + BLOCK_FRAMES + 2 * context])
            for source, mask in zip(spectra, masks, strict=False):
                source[:, first : first + BLOCK_FRAMES] *= mask[
                    :, context : mask.shape[1] - context
                ]

        Parallel(n_jobs=self.n_jobs, require="sharedmem")(
            delayed(filter_block)(first) for first in range(0, spectrum.shape[1], BLOCK_FRAMES)
        )
        sources = [
            librosa.istft(source, n_fft=self.n_fft, hop_length=self.hop_length, length=len(padded))
            for source in spectra
        ]
        if self._is_split:
            sources.append(padded - sources[0])
        return ("harmonic", "percussive"), np.stack(sources)[:, :n_samples]

    @property
    def _is_split(self) -> bool:
        return bool(np.all(np.equal(self.margin, 1.0)))

    def _soft_masks(self, magnitude: np.ndarray) -> Iterator[np.ndarray]:
        """The masks of :func:`librosa.decompose.hpss` for a spectrogram (n_bins, n_frames).

        librosa's time goes into two median filters; bottleneck's running median gives the same
        values many times faster.
        """
        time_length, frequency_length = np.broadcast_to(self.kernel_size, 2)
        time_margin, frequency_margin = np.broadcast_to(self.margin, 2)
        harmonic = _running_median(magnitude, time_length, axis=1)
        percussive = _running_median(magnitude, frequency_length, axis=0)
        options = {"power": self.power, "split_zeros": self._is_split}
        yield librosa.util.softmask(harmonic, percussive * time_margin, **options)
        yield librosa.util.softmask(percussive, harmonic * frequency_margin, **options)


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
        """
        path = Path(path)
        return {
            source: Path(
                self.pattern.format(parent=path.parent.as_posix(), stem=path.stem, source=source)
            )
            for source in self.sources
        }

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
        path : path-like
            The mix's file.
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
            The song came from no file, a stem is missing or undecodable, or its length differs
            from the mix's by more than a tenth of a second.
        """
        if path is None:
            raise ValueError(
                "StemSeparator needs songs that come from files; this one has no path "
                "(give a path, or a mapping with 'array', 'sampling_rate' and 'path')"
            )
        stems = []
        for source, stem_path in self.stem_paths(path).items():
            if not stem_path.is_file():
                raise ValueError(f"there is no {source!r} stem at {str(stem_path)!r}")
            cell = stem_path
            if span is not None:
                cell = {"path": stem_path, "start": span[0], "end": span[1]}
            stem = read_audio(cell, sampling_rate)
            # Encoders pad: a few samples more or less are the same stem, more are another song.
            if abs(len(stem) - len(waveform)) > 0.1 * sampling_rate:
                raise ValueError(
                    f"stem {str(stem_path)!r} lasts {len(stem) / sampling_rate:.2f} s, "
                    f"the song {len(waveform) / sampling_rate:.2f} s"
                )
            stems.append(librosa.util.fix_length(stem, size=len(waveform)))
        return tuple(self.sources), np.stack(stems)


def separate_sources(
    separator: Separator | None,
    waveform: np.ndarray,
    sampling_rate: float,
    *,
    path: Path | None = None,
    span: tuple[float, float] | None = None,
) -> tuple[tuple[str, ...], np.ndarray]:
    """Take a song apart so that the parts add up to it.

    What the separator loses becomes the source "residual". A rest below -60 dB of the mix can't be
    heard and goes to the loudest source instead, so the sum is exact all the same.

    Parameters
    ----------
    separator : estimator with ``separate``, or None
        None: the whole mix is one source, "mix".
    waveform : ndarray of shape (n_samples,)
        The mix.
    sampling_rate : float
        Its rate in Hz.
    path : Path or None, default=None
        The file it came from.
    span : (float, float) or None, default=None
        Start and end in seconds, if it is a part of that file.

    Returns
    -------
    names : tuple of str
        Names of the sources.
    sources : ndarray of shape (n_sources, n_samples), dtype float32
        Their waveforms; they sum to `waveform`.

    Raises
    ------
    ValueError
        The separator returned the wrong shape, names that are not unique, or NaN.
    """
    if separator is None:
        return ("mix",), waveform[np.newaxis]
    names, sources = call_with_known(
        separator.separate, waveform, sampling_rate, path=path, span=span
    )
    names, sources = _check_sources(separator, tuple(names), sources, len(waveform))
    residual = waveform - sources.sum(axis=0, dtype=np.float64)
    level = 10 ** (INAUDIBLE_DB / 20) * np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    if np.sqrt(np.mean(np.square(residual))) <= level:
        holder = int(np.argmax(np.square(sources, dtype=np.float64).sum(axis=1)))
    elif RESIDUAL in names:
        holder = names.index(RESIDUAL)
    else:
        names, sources = (*names, RESIDUAL), np.vstack([sources, np.zeros_like(waveform)])
        holder = len(names) - 1
    sources[holder] = sources[holder] + residual
    return names, sources


def recall_sources(
    separator: Separator,
    waveform: np.ndarray,
    sampling_rate: float,
    *,
    path: Path | None = None,
    span: tuple[float, float] | None = None,
    cache: ResultCache,
    key: str,
) -> tuple[tuple[str, ...], np.ndarray]:
    """Take a song apart as :func:`separate_sources`, unless that was done before.

    Parameters
    ----------
    separator, waveform, sampling_rate, path, span
        As there.
    cache : ResultCache
        Where sources are kept.
    key : str
        The separator's hash.

    Returns
    -------
    names : tuple of str
        Names of the sources.
    sources : ndarray of shape (n_sources, n_samples), dtype float32
        Their waveforms; they sum to `waveform`.
    """
    compute = partial(separate_sources, separator, waveform, sampling_rate, path=path, span=span)
    song = fingerprint(key, waveform, sampling_rate, read_beside(separator, path), span)
    return cache.fetch("sources", song, compute)


def read_beside(separator: Separator | None, path: Path | None) -> Any:
    """Say what a separator may read of a song beside its waveform, for a hash.

    Parameters
    ----------
    separator : estimator with ``separate``, or None
        The separator.
    path : Path or None
        The song's file.

    Returns
    -------
    object
        The content of its stems, if it has ``stem_paths``; the path itself, if it takes that; else
        None.
    """
    if path is None or separator is None:
        return None
    if hasattr(separator, "stem_paths"):
        stems = separator.stem_paths(path)
        return {name: file_digest(p) for name, p in stems.items() if p.is_file()}
    return str(path) if takes(separator.separate, "path") else None


def _running_median(values: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Centred running median of a 2-D array, reflected at its ends, as scipy's median_filter."""
    if length % 2 == 0:  # scipy takes the upper of the two middle values, bottleneck their mean
        size = (length, 1) if axis == 0 else (1, length)
        return scipy.ndimage.median_filter(values, size=size, mode="reflect")
    around = [(0, 0), (0, 0)]
    around[axis] = (length // 2, length // 2)
    medians = bottleneck.move_median(np.pad(values, around, mode="symmetric"), length, axis=axis)
    return medians[length - 1 :] if axis == 0 else medians[:, length - 1 :]


def _check_sources(
    separator: Any, names: tuple[str, ...], sources: Any, n_samples: int
) -> tuple[tuple[str, ...], np.ndarray]:
    who = type(separator).__name__
    sources = np.array(sources, dtype=np.float32)  # a copy: the residual is added in place
    if sources.shape != (len(names), n_samples) or not names:
        raise ValueError(
            f"{who} returned {len(names)} names and sources of shape {sources.shape}; "
            f"expected ({len(names)}, {n_samples})"
        )
    if len(set(names)) != len(names):
        raise ValueError(f"{who} returned names that are not unique: {list(names)}")
    if not np.isfinite(sources).all():
        raise ValueError(f"{who} returned NaN or infinite samples")
    return names, sources
