"""Perturbed songs: the audio and lyrics of masks, composed on demand.

A neighbourhood has thousands of perturbed songs, more than fit in memory, so that each is composed
when it is read. :mod:`~sklearn_musiclime.neighbourhood.audio_column` has the column of their audio.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition
from sklearn_musiclime.components.lyrics import LyricComponents
from sklearn_musiclime.songs import Song, as_cell
from sklearn_musiclime.songs.cells import AudioForm

BLOCK_TEXTS = 256
"""Number of perturbed lyrics that are composed at a time."""


def compose_audio(audio: AudioComponents, mask: np.ndarray, fill: int = 0) -> np.ndarray:
    """Compose the waveform of a mask over the audio components.

    Parameters
    ----------
    audio : AudioComponents
        Sources and segments.
    mask : ndarray of shape (n_sources * n_segments,), dtype bool
        True where a component is kept; source by source.
    fill : int, default=0
        Number of the fill of those that are not, if the components have fills.

    Returns
    -------
    ndarray of shape (n_samples,), dtype float32
        In each segment, the sum of the sources that are kept, and of the fills of the others: the
        mix itself where all are kept, silence where none is and there are no fills.
    """
    kept = np.asarray(mask, dtype=bool).reshape(len(audio.source_names), audio.n_segments)
    mix, sources = audio.mix, audio.sources
    assert mix is not None, "components without waveforms"
    assert sources is not None  # as `mix`
    waveform = np.empty(mix.shape, dtype=mix.dtype)  # `mix` may be a memory map
    for segment, (start, stop) in enumerate(pairwise(audio.borders)):
        on, block = kept[:, segment], waveform[start:stop]
        if on.all():
            block[:] = mix[start:stop]
            continue
        # Added in a fixed order, so that sums are equal to the bit for any batch size.
        first, *others = np.flatnonzero(on) if on.any() else [None]
        block[:] = 0 if first is None else sources[first, start:stop]
        for source in others:
            block += sources[source, start:stop]
        if audio.fills is not None:
            for source in np.flatnonzero(~on):
                block += audio.fills[fill, source, start:stop]
    return waveform


def compose_lyrics(lyrics: LyricComponents, mask: np.ndarray, fill: int = 0) -> str:
    """Compose the lyrics of a mask over the lyric components.

    Parameters
    ----------
    lyrics : LyricComponents
        The lyrics, split into components.
    mask : ndarray of shape (n_components,), dtype bool
        True where a component is kept.
    fill : int, default=0
        Number of the fill of those that are not, if the components have fills.

    Returns
    -------
    str
        The lyrics without the other components, or with their fills or a mask token in their place;
        equal to the original text if all are kept.

    Examples
    --------
    >>> from sklearn_musiclime.components.lyrics import split_lyrics
    >>> from sklearn_musiclime.neighbourhood import compose_lyrics
    >>> lyrics = split_lyrics("Fly me, fly me to the moon", mask_token="_")
    >>> compose_lyrics(lyrics, [True, False, True, True, True, False])
    'Fly _, fly _ to the _'
    """
    kept = np.asarray(mask, dtype=bool).tolist()  # faster to index than an array
    offs = lyrics.fill_chunks[fill % len(lyrics.fill_chunks)]
    return "".join(
        on if component is None or kept[component] else off
        for (component, on, _), off in zip(lyrics.chunks, offs, strict=True)
    )


@dataclass(frozen=True, eq=False)
class AudioNeighbourhood:
    """The audio components of a song and the masks of its perturbed songs.

    Attributes
    ----------
    audio : AudioComponents
        Sources and segments.
    masks : ndarray of shape (n_masks, n_components), dtype bool
        True where a component is kept.
    form : {"array", "mapping", "waveform", "pair"}, default="array"
        What audio cells look like, see :func:`as_cell`.
    fills : ndarray of shape (n_masks,) of int, or None, default=None
        Number of the fill of each mask. None: the first.
    composed : list of int
        Positions of the masks whose waveforms have been composed so far. It stays empty if a
        featurizer computes its features from sources and masks.
    """

    audio: AudioComponents
    masks: np.ndarray
    form: AudioForm = "array"
    fills: np.ndarray | None = None
    composed: list[int] = field(default_factory=list, init=False)

    def cell(self, row: int) -> Any:
        """Compose the audio cell of a perturbed song.

        Parameters
        ----------
        row : int
            Position of the mask.

        Returns
        -------
        ndarray of shape (n_samples,), dtype float32, dict or tuple
            The waveform, or what holds it.
        """
        self.composed.append(row)
        fill = 0 if self.fills is None else int(self.fills[row])
        waveform = compose_audio(self.audio, self.masks[row], fill)
        return as_cell(waveform, self.audio.sampling_rate, self.form)

    def by_fill(self) -> Iterator[tuple[np.ndarray, AudioNeighbourhood]]:
        """Yield the masks of each fill, as a neighbourhood with this fill alone.

        Yields
        ------
        rows : ndarray of int
            Positions of the masks.
        neighbourhood : AudioNeighbourhood
            Their perturbed songs.
        """
        fills = np.zeros(len(self.masks), dtype=int) if self.fills is None else self.fills
        for fill in np.unique(fills):
            rows = np.flatnonzero(fills == fill)
            audio = self.audio.with_fill(int(fill))
            yield rows, AudioNeighbourhood(audio, self.masks[rows], self.form)


class PerturbedLyrics(Sequence):
    """A sequence of perturbed lyrics, each composed when it is read.

    Parameters
    ----------
    lyrics : LyricComponents
        The lyrics, split into components.
    masks : ndarray of shape (n_masks, n_components), dtype bool
        True where a component is kept.
    fills : ndarray of shape (n_masks,) of int, or None, default=None
        Number of the fill of each mask. None: the first.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.components.lyrics import split_lyrics
    >>> from sklearn_musiclime.neighbourhood import PerturbedLyrics
    >>> list(PerturbedLyrics(split_lyrics("la lo"), np.eye(2, dtype=bool)))
    ['la ', 'lo']
    """

    def __init__(self, lyrics: LyricComponents, masks: np.ndarray, fills: np.ndarray | None = None):
        self.lyrics = lyrics
        self.masks = masks
        self.fills = np.zeros(len(masks), dtype=int) if fills is None else fills

    def __len__(self) -> int:
        return len(self.masks)

    def __getitem__(self, item: Any) -> str | PerturbedLyrics:
        if isinstance(item, (int, np.integer)):
            return compose_lyrics(self.lyrics, self.masks[item], self.fills[item])
        return type(self)(self.lyrics, self.masks[item], self.fills[item])

    def __iter__(self) -> Iterator[str]:
        # As compose_lyrics, for a block of masks at a time. A further column of masks, always on,
        # is for the text between components.
        components, texts, _ = zip(*self.lyrics.chunks, strict=True)
        which = [-1 if component is None else component for component in components]
        on, off = np.array(texts, dtype=object), np.array(self.lyrics.fill_chunks, dtype=object)
        for first in range(0, len(self), BLOCK_TEXTS):
            kept = self.masks[first : first + BLOCK_TEXTS]
            kept = np.column_stack([kept, np.ones(len(kept), dtype=bool)])[:, which]
            fills = self.fills[first : first + BLOCK_TEXTS] % len(off)
            yield from map("".join, np.where(kept, on, off[fills]).tolist())


def perturbed_songs(
    song: Song, components: Decomposition, masks: np.ndarray, fills: np.ndarray | None = None
) -> Any:
    """Compose the perturbed songs of masks, in the container of X.

    Parameters
    ----------
    song : Song
        The song.
    components : Decomposition
        Components of the song.
    masks : ndarray of shape (n_masks, n_components), dtype bool
        True where a component is kept.
    fills : ndarray of shape (n_masks, n_modalities) of int, or None, default=None
        Number of the fill of the audio, of the lyrics and of columns of each mask. None: the first.

    Returns
    -------
    DataFrame or object array with n_masks rows
        The songs. A modality without components, and all other columns, are those of `song`.
    """
    waveforms = lyrics = columns = None
    if fills is None:
        fills = np.zeros((len(masks), len(components.n_fills)), dtype=int)
    if components.audio is not None:
        audio_masks = masks[:, : components.n_audio]
        waveforms = [
            compose_audio(components.audio, mask, fill)
            for mask, fill in zip(audio_masks, fills[:, 0], strict=True)
        ]
    elif song.waveform is not None:
        waveforms = [song.waveform.copy() for _ in masks]  # a model may change its input
    if components.lyrics is not None:
        lyric_masks = masks[:, components.place("lyrics")]
        lyrics = list(PerturbedLyrics(components.lyrics, lyric_masks, fills[:, 1]))
    elif song.lyrics is not None:
        lyrics = [song.lyrics] * len(masks)
    if components.columns is not None:
        columns = components.columns.compose(masks[:, components.place("columns")], fills[:, 2])
    return song.variants(waveforms, lyrics, columns)


def by_length(lyric_masks: np.ndarray) -> np.ndarray:
    """Sort masks by the number of lyric components that they keep.

    With texts of similar length in a batch, a text encoder pads less.

    Parameters
    ----------
    lyric_masks : ndarray of shape (n_masks, n_components), dtype bool
        True where a component is kept.

    Returns
    -------
    ndarray of shape (n_masks,) of int
        Positions of the masks, long texts first, so that memory runs out in the first batch if in
        any.
    """
    return np.argsort(-lyric_masks.sum(axis=1), kind="stable")
