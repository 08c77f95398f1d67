"""By how much stems come later than the song that they were taken from."""

from __future__ import annotations

import numpy as np
from scipy import fft

LONGEST = 0.1
"""Longest lag in seconds that is looked for; those of encoders are a few hundredths."""
ALIKE = 0.5
"""Part of the stems' energy that the song must hold for the stems to be of it."""
STEPS = 16
"""Steps of a sample in which the correlation is looked at."""


def find_lag(stems: np.ndarray, mix: np.ndarray, sampling_rate: float) -> tuple[float, bool]:
    """Find by how much stems come later than their mix, by correlation.

    Where stems are parts of the mix, and other parts are unlike them, their correlation is at most
    their energy, and reaches that at the lag.

    Parameters
    ----------
    stems : ndarray of shape (n_samples,)
        The sum of the stems.
    mix : ndarray of shape (n_samples,)
        The song.
    sampling_rate : float
        Rate of both in Hz.

    Returns
    -------
    lag : float
        Seconds, negative where stems come early; 0 where no lag makes them parts of the mix.
    is_alike : bool
        Whether, moved by the lag, they are parts of the mix: subtracting them leaves less than all
        of it. True for silent stems.
    """
    most = min(int(LONGEST * sampling_rate), len(mix) - 1)
    energy = float(np.square(stems, dtype=np.float64).sum())
    if energy == 0.0:
        return 0.0, True
    size = fft.next_fast_len(len(mix) + most, real=True)
    spectrum = fft.rfft(stems, size) * np.conj(fft.rfft(mix, size))
    correlation = fft.irfft(spectrum, size)
    around = np.concatenate([correlation[size - most :], correlation[: most + 1]])
    lag = int(np.argmax(around)) - most
    if around[lag + most] < ALIKE * energy:
        return 0.0, False
    if lag == 0:
        return 0.0, True
    # Between samples, by the samples beside the peak: the stems' own rate may be a higher one.
    fine = lag + np.arange(-STEPS, STEPS + 1) / STEPS
    turns = 2 * np.pi * np.arange(len(spectrum)) / size
    values = [np.vdot(np.exp(-1j * turns * at), spectrum).real for at in fine]
    top = min(max(int(np.argmax(values)), 1), len(fine) - 2)
    before, peak, after = values[top - 1 : top + 2]
    beside = (before - after) / (before - 2 * peak + after) / 2  # the vertex of a parabola
    return float(fine[top] + beside / STEPS) / sampling_rate, True


def delayed(waveform: np.ndarray, n_samples: float) -> np.ndarray:
    """Return a waveform that begins later, by samples and parts of one; silence comes first.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples_before,)
        The waveform.
    n_samples : float
        By how many samples, 0 or more.

    Returns
    -------
    ndarray of shape (n_samples_before + ceil(n_samples),), dtype float32

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.components.separation.lag import delayed
    >>> delayed(np.ones(2, dtype=np.float32), 1.0)
    array([0., 1., 1.], dtype=float32)
    """
    whole = int(np.ceil(n_samples))
    padded = np.concatenate([np.zeros(whole, dtype=np.float32), waveform])
    if whole == n_samples:
        return padded
    size = fft.next_fast_len(len(padded), real=True)
    turns = 2 * np.pi * np.arange(size // 2 + 1) / size
    spectrum = fft.rfft(padded, size) * np.exp(1j * turns * (whole - n_samples))
    return fft.irfft(spectrum, size)[: len(padded)].astype(np.float32)
