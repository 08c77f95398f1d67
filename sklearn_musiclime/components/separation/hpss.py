"""Harmonic-percussive source separation (HPSS) by median filtering."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import bottleneck
import librosa
import numpy as np
import scipy.ndimage
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator

from sklearn_musiclime.components.separation.sources import RESIDUAL, Sources

BLOCK_FRAMES = 512
"""Frames that are filtered at a time: few enough for the processor's caches."""
STRETCH_FRAMES = 2**13
"""Frames whose spectra are in memory at a time: three minutes at 22050 Hz, about 300 MB."""


class HPSSSeparator(BaseEstimator):
    """Harmonic and percussive sources, by median filtering of the spectrogram.

    Sustained sounds (voice, chords, bass) go into the source "harmonic", transients (drums, plucked
    onsets, consonants) into "percussive". No model weights are needed.

    Parameters
    ----------
    kernel_size : int or (int, int), default=31
        Lengths of the median filters: of the harmonic one in frames, of the percussive one in
        frequency bins. One number is used for both.
    power : float, default=2.0
        Exponent of the soft masks.
    margin : float or (float, float), default=1.0
        Separation margins of the harmonic and the percussive soft mask: the factor by which the
        competing filtered spectrogram is multiplied in each. One number is used for both. Above 1,
        the sources lack a part of the mix, which becomes a source "residual".
    n_fft : int, default=2048
        Length of an STFT window in samples.
    hop_length : int, default=512
        Samples between the beginnings of successive windows.
    n_jobs : int or None, default=None
        Number of threads, see :term:`n_jobs`. It does not change the sources.

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
        """Names of the sources; with a `margin` above 1 they include "residual"."""
        names = ("harmonic", "percussive")
        return names if self._is_split else (*names, RESIDUAL)

    def separate(self, waveform: np.ndarray, sampling_rate: float) -> Sources:
        """Separate a waveform into a harmonic and a percussive source.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,)
            The audio.
        sampling_rate : float
            Its sampling rate in Hz.

        Returns
        -------
        names : tuple of str
            "harmonic" and "percussive".
        sources : ndarray of shape (2, n_samples), dtype float32
            Waveforms of the sources.
        """
        n_samples, hop = len(waveform), self.hop_length
        song = librosa.util.fix_length(waveform, size=max(n_samples, self.n_fft))
        padded = np.pad(song, self.n_fft // 2)
        n_frames = 1 + (len(padded) - self.n_fft) // hop
        n_earlier = -(-self.n_fft // hop) - 1  # number of earlier frames that overlap a frame
        # With a margin of 1 the two soft masks sum to 1, so the percussive source is the waveform
        # minus the harmonic one, and only the harmonic spectrum is computed.
        sources = np.zeros((1 if self._is_split else 2, len(padded)), dtype=np.float32)
        for first in range(0, n_frames, STRETCH_FRAMES):
            begin, end = max(first - n_earlier, 0), min(first + STRETCH_FRAMES, n_frames)
            for source, spectrum in zip(sources, self._spectra(padded, begin, end), strict=True):
                heard = librosa.istft(spectrum, n_fft=self.n_fft, hop_length=hop, center=False)
                source[first * hop : begin * hop + len(heard)] = heard[(first - begin) * hop :]
        sources = sources[:, self.n_fft // 2 :][:, :n_samples]
        if self._is_split:
            sources = np.stack([sources[0], waveform - sources[0]])
        return ("harmonic", "percussive"), sources

    def _spectra(self, padded: np.ndarray, begin: int, end: int) -> list[np.ndarray]:
        """Spectra of the sources in frames `begin` to `end`, (n_bins, end - begin) each."""
        n_frames = 1 + (len(padded) - self.n_fft) // self.hop_length
        context = int(np.broadcast_to(self.kernel_size, 2)[0]) // 2
        low, high = max(begin - context, 0), min(end + context, n_frames)
        stretch = padded[low * self.hop_length : (high - 1) * self.hop_length + self.n_fft]
        spectrum = librosa.stft(stretch, n_fft=self.n_fft, hop_length=self.hop_length, center=False)
        # Context frames that the song lacks at its ends.
        missing = (context - (begin - low), context - (high - end))
        magnitude = np.pad(np.abs(spectrum), [(0, 0), missing], mode="symmetric")
        spectrum = spectrum[:, begin - low : end - low]
        spectra = [spectrum] if self._is_split else [spectrum, spectrum.copy()]

        def filter_block(first: int) -> None:
            masks = self._soft_masks(magnitude[:, first : first + BLOCK_FRAMES + 2 * context])
            for source, mask in zip(spectra, masks, strict=False):
                source[:, first : first + BLOCK_FRAMES] *= mask[
                    :, context : mask.shape[1] - context
                ]

        Parallel(n_jobs=self.n_jobs, require="sharedmem")(
            delayed(filter_block)(first) for first in range(0, end - begin, BLOCK_FRAMES)
        )
        return spectra

    @property
    def _is_split(self) -> bool:
        return bool(np.all(np.equal(self.margin, 1.0)))

    def _soft_masks(self, magnitude: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the soft masks of :func:`librosa.decompose.hpss` for magnitudes (n_bins, n_frames).

        librosa spends its time in two median filters; bottleneck's running median computes the same
        values many times faster.
        """
        time_length, frequency_length = np.broadcast_to(self.kernel_size, 2)
        time_margin, frequency_margin = np.broadcast_to(self.margin, 2)
        harmonic = _running_median(magnitude, time_length, axis=1)
        percussive = _running_median(magnitude, frequency_length, axis=0)
        soft_mask = partial(librosa.util.softmask, power=self.power, split_zeros=self._is_split)
        yield soft_mask(harmonic, percussive * time_margin)
        yield soft_mask(percussive, harmonic * frequency_margin)


def _running_median(values: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Centred running median of a 2-D array, equal to scipy's median_filter with mode "reflect"."""
    # Of an even number of values, scipy takes the upper middle one, bottleneck the mean of both.
    if length % 2 == 0:
        size = (length, 1) if axis == 0 else (1, length)
        return scipy.ndimage.median_filter(values, size=size, mode="reflect")
    around = [(0, 0), (0, 0)]
    around[axis] = (length // 2, length // 2)
    medians = bottleneck.move_median(np.pad(values, around, mode="symmetric"), length, axis=axis)
    return medians[length - 1 :] if axis == 0 else medians[:, length - 1 :]
