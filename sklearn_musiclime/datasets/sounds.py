"""The sources of synthetic songs: how they sound, and how they are heard in a mix."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal

SOURCES = ("drums", "bass", "chords", "voice")
N_SPANS = 10
"""Equal spans of a song in which each source plays or rests: the explainer's default segments."""
LEVEL = 0.1
"""Root mean square of a source in a span in which it plays."""

# Frequency bands of the sources in Hz. They are disjoint, so that a source is audible in the mix.
BANDS = {"bass": (55, 250), "chords": (260, 520), "voice": (1100, 3500), "drums": (5000, 9000)}
_CHORD_ROOTS = (0, 5, 7, 9)


def play_source(
    source: str,
    plays: np.ndarray,
    n_samples: int,
    sampling_rate: int,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Synthesize a source over a whole song.

    Parameters
    ----------
    source : str
        One of `SOURCES`.
    plays : ndarray of shape (N_SPANS,), dtype bool
        Spans in which the source plays; in the others it is silent.
    n_samples : int
        Length of the song.
    sampling_rate : int
        Sampling rate in Hz.
    rng : RandomState
        Draws the tempo, the key and the notes.

    Returns
    -------
    ndarray of shape (n_samples,), dtype float32
    """
    time = np.arange(n_samples) / sampling_rate
    beat = rng.uniform(0.4, 0.6)
    key = 2 ** (rng.randint(12) / 12)
    since_beat = time % (beat / 2)
    if source == "drums":
        raw = rng.standard_normal(n_samples) * np.exp(-since_beat / 0.03)
    else:
        bar = (time // (4 * beat)).astype(int) % len(_CHORD_ROOTS)
        root = np.array(_CHORD_ROOTS)[bar]
        if source == "bass":
            raw = _tone(65.4 * key * 2 ** (root % 7 / 12), time, 3) * np.exp(-since_beat / 0.3)
        elif source == "chords":
            tones = [_tone(130.8 * key * 2 ** ((root + i) / 12), time, 4) for i in (0, 4, 7)]
            raw = np.sum(tones, axis=0)
        else:
            note = rng.choice([0, 2, 4, 7, 9], size=int(time[-1] / beat) + 1)
            pitch = 262 * key * 2 ** (note[(time / beat).astype(int)] / 12)
            vibrato = 1 + 0.01 * np.sin(2 * np.pi * 5.5 * time)
            syllable = 0.2 + np.sin(np.pi * (time % beat) / beat)
            raw = _tone(pitch * vibrato, time, 12) * syllable
    low, high = BANDS[source]
    spectrum, frequency = np.fft.rfft(raw), np.fft.rfftfreq(n_samples, 1 / sampling_rate)
    raw = np.fft.irfft(spectrum * ((frequency >= low) & (frequency <= high)), n_samples)
    # All tenths in which a source plays have the same level, so that loudness says nothing else.
    borders = np.rint(np.arange(N_SPANS + 1) * n_samples / N_SPANS).astype(int)
    for on, start, stop in zip(plays, borders[:-1], borders[1:], strict=True):
        fade = scipy.signal.windows.tukey(stop - start, alpha=0.04)
        rms = np.sqrt(np.mean(np.square(raw[start:stop] * fade)))
        raw[start:stop] *= fade * on * LEVEL / (rms or 1.0)
    return raw.astype(np.float32)


def band_power(waveform: np.ndarray, source: str, sampling_rate: int) -> float:
    """Return the mean power of a waveform in the frequency band of a source.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,)
        The waveform. A Hann window suppresses clicks at its ends.
    source : str
        One of `SOURCES`.
    sampling_rate : int
        Sampling rate in Hz.

    Returns
    -------
    float
    """
    window = scipy.signal.get_window("hann", len(waveform))
    power = np.abs(np.fft.rfft(waveform * window)) ** 2
    frequency = np.fft.rfftfreq(len(waveform), 1 / sampling_rate)
    low, high = BANDS[source]
    inside = (frequency >= low) & (frequency <= high)
    return float(2 * power[inside].sum() / (len(waveform) * np.square(window).sum()))


def _tone(frequency: Any, time: np.ndarray, n_harmonics: int) -> np.ndarray:
    """A harmonic tone of constant or varying frequency in Hz; harmonic k has amplitude 1 / k."""
    turns = np.cumsum(frequency * np.diff(time, prepend=0.0))
    first = np.exp(2j * np.pi * (turns % 1)).astype(np.complex64)
    harmonic, tone = np.ones_like(first), np.zeros(len(time))
    for k in range(1, n_harmonics + 1):
        harmonic *= first
        tone += harmonic.imag / k
    return tone
