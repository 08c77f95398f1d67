"""Waveforms of some audio components of a song."""

from __future__ import annotations

import numpy as np

from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition

FADE_SECONDS = 0.005
"""Length of the fades at the ends of a sonified component, which prevent clicks."""


def audible(components: Decomposition) -> AudioComponents:
    """Return the audio of a song's components, with waveforms.

    Parameters
    ----------
    components : Decomposition
        The components.

    Returns
    -------
    AudioComponents

    Raises
    ------
    ValueError
        The audio was not explained, or has no waveforms.
    """
    audio = components.audio
    if audio is None:
        raise ValueError("the audio was not explained (modality='lyrics')")
    if audio.mix is None or audio.sources is None:
        raise ValueError("this explanation has no waveforms, so nothing can be heard of it")
    return audio


def mix_of(audio: AudioComponents, kept: np.ndarray) -> np.ndarray:
    """Return the sum of some components, each at its time, faded in and out over 5 ms.

    Parameters
    ----------
    audio : AudioComponents
        The components, with waveforms.
    kept : ndarray of shape (n_sources, n_segments), dtype bool
        Those that are heard.

    Returns
    -------
    ndarray of shape (n_samples,), dtype float32
        As long as the song; silence if there are none.
    """
    assert audio.mix is not None
    assert audio.sources is not None
    waveform = np.zeros_like(audio.mix)
    for source, on in zip(audio.sources, kept, strict=True):
        if on.any():
            waveform += _gain(on, audio.borders, FADE_SECONDS * audio.sampling_rate) * source
    return waveform


def _gain(on: np.ndarray, borders: np.ndarray, fade: float) -> np.ndarray:
    """Return a source's gain over time, shape (n_samples,): 1 in segments that are on, with ramps.

    `fade` is the longest length of a ramp, in samples. A ramp takes at most half of its segment.
    """
    gain = np.repeat(on.astype(np.float32), np.diff(borders))
    flips = np.flatnonzero(np.diff(on.astype(int)))
    for flip in flips:
        border, rises = borders[flip + 1], on[flip + 1]
        segment = flip + 1 if rises else flip
        length = int(min(fade, (borders[segment + 1] - borders[segment]) / 2))
        ramp = np.linspace(0, 1, length, endpoint=False, dtype=np.float32)
        if rises:
            gain[border : border + length] *= ramp
        else:
            gain[border - length : border] *= ramp[::-1]
    return gain
