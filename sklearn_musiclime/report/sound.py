"""Sound that everyone can play: at a usual sampling rate, compressed for pages."""

from __future__ import annotations

import io

import librosa
import numpy as np
import soundfile

MIN_RATE, MAX_RATE = 8000, 48_000
"""Sampling rates, in Hz, that every browser and player takes. Far above them libsndfile's encoder
ends the process."""


def playable(waveform: np.ndarray, sampling_rate: float) -> tuple[np.ndarray, int]:
    """Resample a waveform if its sampling rate is an unusual one.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,)
        The waveform.
    sampling_rate : float
        Its rate in Hz.

    Returns
    -------
    waveform : ndarray of shape (n_resampled,)
        The same sound; the very array, where the rate is a whole number from 8 to 48 kHz.
    sampling_rate : int
        The rate, of these, that is next to its own.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.report.sound import playable
    >>> waveform, rate = playable(np.zeros(96_000, dtype=np.float32), 96_000)
    >>> waveform.shape, rate
    ((48000,), 48000)
    """
    rate = int(np.clip(round(sampling_rate), MIN_RATE, MAX_RATE))
    if rate == sampling_rate:
        return waveform, rate
    # At least one sample has to be left.
    short = max(int(np.ceil(sampling_rate / rate)) - len(waveform), 0)
    waveform = np.pad(waveform, (0, short))
    return librosa.resample(waveform, orig_sr=sampling_rate, target_sr=rate), rate


def vorbis(waveform: np.ndarray, sampling_rate: int) -> bytes:
    """Compress a waveform.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,)
        The waveform.
    sampling_rate : int
        Its rate in Hz, from 8 to 48 kHz.

    Returns
    -------
    bytes
        An OGG file.
    """
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", sampling_rate, 1, format="OGG", subtype="VORBIS") as ogg:
        # libsndfile overflows its stack on long ones.
        for start in range(0, len(waveform), sampling_rate):
            ogg.write(waveform[start : start + sampling_rate])
    return file.getvalue()
