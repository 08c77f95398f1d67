"""Frame-wise spectral features, pooled over time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Self
from weakref import WeakKeyDictionary

import librosa
import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in

from sklearn_musiclime._runtime.parallel import prepare_workers
from sklearn_musiclime.featurizers.audio.cross_spectra import (
    log_mel_of_cases,
    mel_basis,
    n_cross_spectra,
)
from sklearn_musiclime.featurizers.audio.table import (
    BLOCK_FRAMES,
    Group,
    composed_cases,
    drawn_cases,
    frame_groups,
    is_worthwhile,
    n_centred_frames,
    pool_frames,
)
from sklearn_musiclime.featurizers.columns import audio_cells, perturbed_audio, remember_audio
from sklearn_musiclime.neighbourhood.perturbed import AudioNeighbourhood
from sklearn_musiclime.songs import read_audio

N_CHROMA = 12
CONTRAST_BANDS = 6
CONTRAST_FMIN = 200.0
CONTRAST_QUANTILE = 0.02


@dataclass(frozen=True)
class _MelFrames:
    """Log-mel power of frames, (..., n_mels, n_frames), from which some features follow."""

    log_mel: np.ndarray
    n_mfcc: int


class _Frames:
    """Frames of waveforms as samples, magnitudes and log-mel power, from which features follow."""

    def __init__(self, waveforms: np.ndarray, magnitude: np.ndarray, settings: SpectralStatistics):
        self.waveforms = waveforms  # (n, n_padded)
        self.magnitude = magnitude  # (n_bins, n * n_frames)
        self.rate = settings.sampling_rate
        self.n_mels: int = settings.n_mels
        self.n_mfcc: int = settings.n_mfcc
        self.framing: dict[str, Any] = {
            "frame_length": settings.n_fft,
            "hop_length": settings.hop_length,
            "center": False,
        }

    @cached_property
    def log_mel(self) -> np.ndarray:
        """Mel power in dB re 1, (n_mels, n_frames)."""
        basis = mel_basis(self.rate, self.framing["frame_length"], self.n_mels)
        return librosa.power_to_db(basis @ np.square(self.magnitude), top_db=None)

    @property
    def spectrum(self) -> dict[str, Any]:
        """Keyword arguments for librosa's features of a magnitude spectrogram."""
        return {"S": self.magnitude, "sr": self.rate, "n_fft": self.framing["frame_length"]}

    def chroma(self) -> np.ndarray:
        power = self.spectrum | {"S": np.square(self.magnitude)}
        return librosa.feature.chroma_stft(**power, tuning=0.0, n_chroma=N_CHROMA)

    def contrast(self) -> np.ndarray:
        """Spectral contrast as librosa defines it, without clipping at 80 dB below the peak.

        ``librosa.feature.spectral_contrast`` clips peaks and valleys at 80 dB below the loudest
        frame of the clip, so that each frame would depend on all others.
        """
        frequencies = librosa.fft_frequencies(sr=self.rate, n_fft=self.framing["frame_length"])
        edges = np.concatenate([[0], CONTRAST_FMIN * 2.0 ** np.arange(CONTRAST_BANDS + 1)])
        contrast = []
        for band, (low, high) in enumerate(pairwise(edges)):
            inside = np.flatnonzero((frequencies >= low) & (frequencies <= high))
            first = inside[0] - (band > 0)
            stop = len(frequencies) if band == CONTRAST_BANDS else inside[-1]
            n_bins = stop - first + (band < CONTRAST_BANDS)
            n_extreme = max(int(np.rint(CONTRAST_QUANTILE * n_bins)), 1)
            ordered = np.sort(self.magnitude[first:stop], axis=0)
            valley, peak = ordered[:n_extreme].mean(axis=0), ordered[-n_extreme:].mean(axis=0)
            contrast.append(
                librosa.power_to_db(peak, top_db=None) - librosa.power_to_db(valley, top_db=None)
            )
        return np.stack(contrast)


FEATURES: dict[str, Callable[[Any], np.ndarray]] = {
    "mel": lambda frames: frames.log_mel,
    "mfcc": lambda frames: librosa.feature.mfcc(S=frames.log_mel, n_mfcc=frames.n_mfcc),
    "chroma": lambda frames: frames.chroma(),
    "contrast": lambda frames: frames.contrast(),
    "centroid": lambda frames: librosa.feature.spectral_centroid(**frames.spectrum),
    "bandwidth": lambda frames: librosa.feature.spectral_bandwidth(**frames.spectrum),
    "rolloff": lambda frames: librosa.feature.spectral_rolloff(**frames.spectrum),
    "flatness": lambda frames: librosa.feature.spectral_flatness(S=frames.magnitude),
    "rms": lambda frames: librosa.feature.rms(
        y=frames.waveforms.astype(np.float64), **frames.framing
    ).reshape(1, -1),
    "zero_crossing_rate": lambda frames: librosa.feature.zero_crossing_rate(
        frames.waveforms, **frames.framing
    ).reshape(1, -1),
}
OF_MEL_POWER = ("mel", "mfcc")
"""Features that can be computed from :class:`_MelFrames`."""
STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda values: values.mean(axis=1),
    "std": lambda values: values.std(axis=1),
    "min": lambda values: values.min(axis=1),
    "max": lambda values: values.max(axis=1),
}


class SpectralStatistics(TransformerMixin, BaseEstimator):
    """Frame-wise spectral features, pooled over time.

    The features of a frame depend on the samples of that frame alone: decibels are relative to 1
    instead of the loudest frame, there is no clipping relative to the peak of the clip, and the
    tuning is fixed to A4 = 440 Hz instead of being estimated. So leaving out a part of a song
    changes only the frames that overlap this part.

    Parameters
    ----------
    features : sequence of str, default=("mel", "mfcc")
        Features, in the order of the columns: "mel" (log-mel power in dB), "mfcc", "chroma",
        "contrast" (spectral contrast in dB), "centroid", "bandwidth", "rolloff" (Hz), "flatness",
        "rms", "zero_crossing_rate". Each is librosa's feature of that name.
    statistics : sequence of str, default=("mean", "std")
        Statistics over the frames: "mean", "std", "min", "max".
    sampling_rate : int, default=22050
        Sampling rate in Hz, to which audio is resampled. Plain arrays must have this rate already.
    n_fft : int, default=2048
        Length of a frame in samples.
    hop_length : int, default=512
        Samples between the beginnings of successive frames.
    n_mels : int, default=64
        Number of mel bands.
    n_mfcc : int, default=20
        Number of MFCC.
    n_jobs : int or None, default=None
        Number of songs that are read and measured in parallel, see :term:`n_jobs`.

    Attributes
    ----------
    is_cheap : bool
        True: thousands of perturbed songs take about a second, so that an explainer may take as
        many (:mod:`sklearn_musiclime.neighbourhood.amounts`).
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str objects
        Names of the columns, if X was a DataFrame.

    See Also
    --------
    librosa.feature : Definitions of the features.

    Notes
    -----
    Frames are centred as in librosa, with silence as padding at both ends of the song, so a song of
    a single sample has one frame.

    The perturbed songs of an explanation are passed as one column of
    :class:`~sklearn_musiclime.neighbourhood.PerturbedAudio`. Their features are computed from a
    table of frames, without composing the songs: see
    :mod:`sklearn_musiclime.featurizers.audio.table`. "mel" and "mfcc", unless with other features,
    are computed from spectra of the sources instead of those of their sums, which is many times
    faster with four sources or more and differs from composed songs by less than 1e-6 relative: see
    :mod:`sklearn_musiclime.featurizers.audio.cross_spectra`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime import SpectralStatistics
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(22050) / 22050)
    >>> silence = np.zeros(22050)
    >>> statistics = SpectralStatistics(features=("centroid", "rolloff"), statistics=("mean",))
    >>> statistics.fit_transform([tone, silence]).round()
    array([[1016., 1026.],
           [   0.,    0.]])
    >>> statistics.get_feature_names_out()
    array(['centroid_mean', 'rolloff_mean'], dtype=object)
    """

    is_cheap = True

    def __init__(
        self,
        features: Sequence[str] = ("mel", "mfcc"),
        statistics: Sequence[str] = ("mean", "std"),
        *,
        sampling_rate: float = 22050,
        n_fft: int = 2048,
        hop_length: int = 512,
        n_mels: int = 64,
        n_mfcc: int = 20,
        n_jobs: int | None = None,
    ):
        self.features = features
        self.statistics = statistics
        self.sampling_rate = sampling_rate
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.n_mels = n_mels
        self.n_mfcc = n_mfcc
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters; there is nothing to learn.

        Parameters
        ----------
        X : audio column of n_songs cells
            A Series, list or object array of audio cells (see
            :func:`~sklearn_musiclime.songs.read_audio`), a DataFrame with one column, or a 2-D
            float array in which each row is a waveform. No audio is decoded.
        y : None
            Ignored.

        Returns
        -------
        SpectralStatistics
            The estimator itself.

        Raises
        ------
        ValueError
            A feature or statistic is unknown, one of the two lists is empty, or a feature can't be
            computed with this sampling rate or number of mel bands.
        """
        for name, values, known in (
            ("features", self.features, FEATURES),
            ("statistics", self.statistics, STATISTICS),
        ):
            unknown = [value for value in values if value not in known]
            if isinstance(values, str) or unknown or not len(values):
                raise ValueError(f"{name} must be a sequence of {tuple(known)}, got {values!r}")
        if self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc={self.n_mfcc} is more than n_mels={self.n_mels}")
        top_band = CONTRAST_FMIN * 2 ** (CONTRAST_BANDS - 1)
        if "contrast" in self.features and self.sampling_rate <= 2 * top_band:
            raise ValueError(
                f"'contrast' needs a sampling_rate over {2 * top_band:.0f} Hz for its highest "
                f"band, got {self.sampling_rate}"
            )
        remember_audio(self, X)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Compute the pooled features of songs.

        Parameters
        ----------
        X : audio column of n_songs cells
            See :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_songs, n_features), dtype float64
            The pooled features, see :meth:`get_feature_names_out`.

        Raises
        ------
        InvalidSongError
            A cell can't be read as audio.
        """
        perturbed = perturbed_audio(X)
        if perturbed is not None:
            pooled = self._pooled_masks(perturbed.neighbourhood)
            if pooled is not None:
                return np.hstack([pooled[name][perturbed.rows] for name in self.statistics])
        cells, _ = audio_cells(X)
        prepare_workers(self.n_jobs)
        rows = Parallel(n_jobs=self.n_jobs)(
            delayed(self._pooled)(cell, row) for row, cell in enumerate(cells)
        )
        return np.stack(rows)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns of :meth:`transform`.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of X. They are checked against the fit, and otherwise ignored.

        Returns
        -------
        ndarray of str objects
            Names such as ``mel12_mean`` and ``rms_std``.
        """
        _check_feature_names_in(self, input_features, generate_names=False)
        widths = {
            "mel": self.n_mels,
            "mfcc": self.n_mfcc,
            "chroma": N_CHROMA,
            "contrast": CONTRAST_BANDS + 1,
        }
        dimensions = [
            f"{feature}{i}" if feature in widths else feature
            for feature in self.features
            for i in range(widths.get(feature, 1))
        ]
        return np.array(
            [f"{dimension}_{s}" for s in self.statistics for dimension in dimensions], dtype=object
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags

    def _pooled(self, cell: Any, row: int) -> np.ndarray:
        waveform = read_audio(cell, self.sampling_rate, row=row)
        # Padded here, since librosa warns of songs that are shorter than a window.
        padded = np.pad(waveform, self.n_fft // 2)
        n_frames = n_centred_frames(len(waveform), self.n_fft, self.hop_length)
        blocks = []
        for first in range(0, n_frames, BLOCK_FRAMES):
            last = min(first + BLOCK_FRAMES, n_frames) - 1
            block = padded[first * self.hop_length : last * self.hop_length + self.n_fft]
            blocks.append(self._frame_features(block[np.newaxis])[0])
        values = np.hstack(blocks)
        return np.concatenate([STATISTICS[name](values) for name in self.statistics])

    def _frame_features(self, waveforms: np.ndarray) -> np.ndarray:
        """Features (n, n_dimensions, n_frames) of the frames of padded waveforms (n, n_padded)."""
        spectra = librosa.stft(
            waveforms, n_fft=self.n_fft, hop_length=self.hop_length, center=False
        )
        # In float64, where the order in which a BLAS adds hardly changes the sums.
        magnitude = np.abs(spectra.transpose(1, 0, 2)).astype(np.float64)
        frames = _Frames(waveforms, magnitude.reshape(len(magnitude), -1), self)
        values = np.vstack([FEATURES[name](frames) for name in self.features])
        return values.reshape(len(values), len(waveforms), -1).transpose(1, 0, 2)

    def _pooled_masks(self, neighbourhood: AudioNeighbourhood) -> dict[str, np.ndarray] | None:
        """Pooled features of all masks by statistic, which all slices of a column share.

        None where the songs are to be composed.
        """
        if neighbourhood.audio.sampling_rate != self.sampling_rate:
            raise ValueError(
                f"perturbed audio at {neighbourhood.audio.sampling_rate} Hz where "
                f"{self.sampling_rate} Hz is needed"
            )
        known = _POOLED.setdefault(neighbourhood, {})
        framing = (self.n_fft, self.hop_length, self.n_mels, self.n_mfcc)
        key = (tuple(self.features), tuple(self.statistics), *framing)
        if key not in known:
            known[key] = self._pool_masks(neighbourhood)
        return known[key]

    def _pool_masks(self, neighbourhood: AudioNeighbourhood) -> dict[str, np.ndarray] | None:
        parts = []
        for rows, part in neighbourhood.by_fill():
            pooled = self._pool_fill(part)
            if pooled is None:
                return None
            parts.append((rows, pooled))
        order = np.argsort(np.concatenate([rows for rows, _ in parts]))
        return {
            name: np.concatenate([pooled[name] for _, pooled in parts])[order]
            for name in self.statistics
        }

    def _pool_fill(self, neighbourhood: AudioNeighbourhood) -> dict[str, np.ndarray] | None:
        audio = neighbourhood.audio
        framing = {"n_fft": self.n_fft, "hop_length": self.hop_length}
        groups = frame_groups(audio, **framing)
        cases, which = drawn_cases(neighbourhood, groups)
        composed = composed_cases(audio, self._frame_features, **framing)

        def of_mel_power(group: Group, cases: np.ndarray) -> Iterator[np.ndarray]:
            if n_cross_spectra(group, audio.n_waveforms) > len(cases):
                yield from composed(group, cases)
                return
            basis = mel_basis(self.sampling_rate, self.n_fft, self.n_mels)
            for log_mel in log_mel_of_cases(audio, group, cases, basis, **framing):
                frames = _MelFrames(log_mel.transpose(0, 2, 1), self.n_mfcc)
                values = [FEATURES[name](frames).transpose(0, 2, 1) for name in self.features]
                yield np.concatenate(values, axis=2)

        if set(self.features) <= set(OF_MEL_POWER):
            return pool_frames(groups, cases, which, of_mel_power, self.statistics)
        if is_worthwhile(groups, cases, len(neighbourhood.masks)):
            return pool_frames(groups, cases, which, composed, self.statistics)
        return None


_POOLED: WeakKeyDictionary[AudioNeighbourhood, dict] = WeakKeyDictionary()
