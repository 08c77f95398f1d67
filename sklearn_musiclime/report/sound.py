"""Waveforms resampled to a common sampling rate, and compressed for pages."""

from __future__ import annotations

import io

import librosa
import numpy as np
import soundfile

MIN_RATE, MAX_RATE = 8000, 48_000
"""Lowest and highest sampling rate, in Hz, of sound in reports: browsers and players support the
rates between them, and libsndfile's encoder crashes far above them."""


def playable(waveform: np.ndarray, sampling_rate: float) -> tuple[np.ndarray, int]:
    """Resample a waveform unless its sampling rate is an integer from 8 to 48 kHz.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,)
        The waveform.
    sampling_rate : float
        Sampling rate of the waveform, in Hz.

    Returns
    -------
    waveform : ndarray of shape (n_resampled,)
        The resampled waveform, or `waveform` itself if its rate is an integer from 8 to 48 kHz.
    sampling_rate : int
        The nearest such rate, in Hz.

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
    # Padded so that at least one sample is left after resampling.
    short = max(int(np.ceil(sampling_rate / rate)) - len(waveform), 0)
    waveform = np.pad(waveform, (0, short))
    return librosa.resample(waveform, orig_sr=sampling_rate, target_sr=rate), rate


def vorbis(waveform: np.ndarray, sampling_rate: int) -> bytes:
    """Compress a waveform with Ogg Vorbis.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,)
        The waveform.
    sampling_rate : int
        Sampling rate of the waveform in Hz, from 8 to 48 kHz.

    Returns
    -------
    bytes
        Content of an Ogg file.
    """
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", sampling_rate, 1, format="OGG", subtype="VORBIS") as ogg:
        # Written in blocks of a second, since libsndfile overflows its stack on long ones.
        for start in range(0, len(waveform), sampling_rate):
            ogg.write(waveform[start : start + sampling_rate])
    return file.getvalue()
