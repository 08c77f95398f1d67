"""Perturbed songs: what a mask sounds like and reads like."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition
from sklearn_musiclime.components.lyrics import LyricComponents
from sklearn_musiclime.songs import Song


def compose_audio(audio: AudioComponents, mask: np.ndarray) -> np.ndarray:
    """Compose the waveform in which only some components sound.

    Parameters
    ----------
    audio : AudioComponents
        Sources and segments.
    mask : ndarray of shape (n_sources * n_segments,), dtype bool
        The components that are kept.

    Returns
    -------
    ndarray of shape (n_samples,), dtype float32
        Segment by segment the sum of the sources that are on; the mix itself where all are.
    """
    kept = np.asarray(mask, dtype=bool).reshape(len(audio.source_names), audio.n_segments)
    waveform = np.zeros_like(audio.mix)
    for segment, (start, stop) in enumerate(pairwise(audio.borders)):
        on = kept[:, segment]
        if on.all():
            waveform[start:stop] = audio.mix[start:stop]
            continue
        # One source after the other: the sum has the same bits however songs are batched.
        for source in np.flatnonzero(on):
            waveform[start:stop] += audio.sources[source, start:stop]
    return waveform


def compose_lyrics(lyrics: LyricComponents, mask: np.ndarray) -> str:
    """Write the lyrics in which only some components are left.

    Parameters
    ----------
    lyrics : LyricComponents
        Lyrics and their units.
    mask : ndarray of shape (n_components,), dtype bool
        The components that are kept.

    Returns
    -------
    str
        The lyrics; those that were given, if all are kept.

    Examples
    --------
    >>> from sklearn_musiclime.components.lyrics import split_lyrics
    >>> from sklearn_musiclime.neighbourhood import compose_lyrics
    >>> lyrics = split_lyrics("Fly me, fly me to the moon", mask_token="_")
    >>> compose_lyrics(lyrics, [True, False, True, True, True, False])
    'Fly _, fly _ to the _'
    """
    return "".join(
        on if component is None or mask[component] else off for component, on, off in lyrics.chunks
    )


def perturbed_songs(song: Song, components: Decomposition, masks: np.ndarray) -> Any:
    """Compose the songs of some masks, in the container of X.

    Parameters
    ----------
    song : Song
        The song.
    components : Decomposition
        Its components.
    masks : ndarray of shape (n_masks, n_components), dtype bool
        The components that are kept.

    Returns
    -------
    DataFrame or object array with n_masks rows
        What is not explained stands in them as in `song`.
    """
    waveforms = lyrics = None
    if components.audio is not None:
        audio_masks = masks[:, : components.n_audio]
        waveforms = [compose_audio(components.audio, mask) for mask in audio_masks]
    elif song.waveform is not None:
        waveforms = [song.waveform] * len(masks)
    if components.lyrics is not None:
        lyric_masks = masks[:, components.n_audio :]
        lyrics = [compose_lyrics(components.lyrics, mask) for mask in lyric_masks]
    elif song.lyrics is not None:
        lyrics = [song.lyrics] * len(masks)
    return song.variants(waveforms, lyrics)
