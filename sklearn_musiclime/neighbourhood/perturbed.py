"""Perturbed songs: what a mask sounds like and reads like.

A neighbourhood is thousands of songs; none is composed before it is asked for. The audio of many
masks is a :class:`PerturbedAudio`, a pandas extension array: a Series of it is a real column, which
any transformer of audio cells can take. A featurizer that knows more may use its structure, the
sources and the masks.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray, ExtensionDtype

from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition
from sklearn_musiclime.components.lyrics import LyricComponents
from sklearn_musiclime.songs import Song

BLOCK_TEXTS = 256
"""Perturbed lyrics that are written at a time."""


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
    waveform = np.empty(audio.mix.shape, dtype=audio.mix.dtype)  # not a memory map, as in a worker
    for segment, (start, stop) in enumerate(pairwise(audio.borders)):
        on, block = kept[:, segment], waveform[start:stop]
        if on.all():
            block[:] = audio.mix[start:stop]
            continue
        # One source after the other: the sum has the same bits however songs are batched.
        first, *others = np.flatnonzero(on) if on.any() else [None]
        block[:] = 0 if first is None else audio.sources[first, start:stop]
        for source in others:
            block += audio.sources[source, start:stop]
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
    kept = np.asarray(mask, dtype=bool).tolist()  # a list is read faster, one by one
    return "".join(
        on if component is None or kept[component] else off for component, on, off in lyrics.chunks
    )


@dataclass(frozen=True, eq=False)
class AudioNeighbourhood:
    """The sources of a song and all masks that they will be heard through.

    Attributes
    ----------
    audio : AudioComponents
        Sources and segments.
    masks : ndarray of shape (n_masks, n_components), dtype bool
        The components that are kept.
    as_mapping : bool, default=False
        Whether a cell is a mapping with "array" and "sampling_rate", as the songs of X are, or the
        waveform.
    composed : list of int
        The masks whose cells were asked for so far: none, by a featurizer that knows better.
    """

    audio: AudioComponents
    masks: np.ndarray
    as_mapping: bool = False
    composed: list[int] = field(default_factory=list, init=False)

    def cell(self, row: int) -> Any:
        """Compose a perturbed song's cell.

        Parameters
        ----------
        row : int
            Which mask.

        Returns
        -------
        ndarray of shape (n_samples,), dtype float32, or dict
            The waveform, or what `as_mapping` makes of it.
        """
        self.composed.append(row)
        waveform = compose_audio(self.audio, self.masks[row])
        if self.as_mapping:
            return {"array": waveform, "sampling_rate": self.audio.sampling_rate}
        return waveform


class AudioDtype(ExtensionDtype):
    """Type of a column of perturbed audio."""

    name = "perturbed_audio"
    type = object
    na_value = None

    @classmethod
    def construct_array_type(cls) -> builtins.type[PerturbedAudio]:
        """Return the array of this type."""
        return PerturbedAudio


class PerturbedAudio(ExtensionArray):
    """A column of perturbed waveforms, each composed when it is asked for.

    Parameters
    ----------
    neighbourhood : AudioNeighbourhood
        The song and its masks.
    rows : ndarray of int, or None, default=None
        Which masks this column has; slices of a column share its neighbourhood. None: all.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_musiclime.components import AudioComponents
    >>> from sklearn_musiclime.neighbourhood import AudioNeighbourhood, PerturbedAudio
    >>> mix = np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32)
    >>> audio = AudioComponents(mix, ("mix",), mix[np.newaxis], np.array([0, 2, 4]), 4.0)
    >>> column = pd.Series(PerturbedAudio(AudioNeighbourhood(audio, np.eye(2, dtype=bool))))
    >>> column[1]
    array([0. , 0. , 0.3, 0.4], dtype=float32)
    """

    def __init__(self, neighbourhood: AudioNeighbourhood, rows: np.ndarray | None = None):
        self.neighbourhood = neighbourhood
        self.rows = np.arange(len(neighbourhood.masks)) if rows is None else rows

    @property
    def masks(self) -> np.ndarray:
        """The masks of this column, (len(self), n_components)."""
        return self.neighbourhood.masks[self.rows]

    @property
    def dtype(self) -> AudioDtype:
        """The type of the column."""
        return AudioDtype()

    @property
    def nbytes(self) -> int:
        """What the column itself takes: the row numbers."""
        return self.rows.nbytes

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, item: Any) -> Any:
        item = pd.api.indexers.check_array_indexer(self, item)
        if isinstance(item, (int, np.integer)):
            return self.neighbourhood.cell(self.rows[item])
        return type(self)(self.neighbourhood, self.rows[item])

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        cells = np.empty(len(self), dtype=object)
        for i, cell in enumerate(self):
            cells[i] = cell
        return cells

    def __eq__(self, other: object) -> Any:
        same = isinstance(other, PerturbedAudio) and self.neighbourhood is other.neighbourhood
        return np.equal(self.rows, other.rows) if same else np.zeros(len(self), dtype=bool)

    def isna(self) -> np.ndarray:
        """No cell is missing."""
        return np.zeros(len(self), dtype=bool)

    def take(
        self, indices: Sequence[int], *, allow_fill: bool = False, fill_value: Any = None
    ) -> Self:
        """Pick cells.

        Parameters
        ----------
        indices : sequence of int
            Positions of the cells.
        allow_fill : bool, default=False
            Whether negative positions mean missing cells, as pandas has it. There are none.
        fill_value : None, default=None
            Ignored.

        Returns
        -------
        PerturbedAudio
            A column of the same neighbourhood.

        Raises
        ------
        ValueError
            A cell would be missing.
        """
        indices = np.asarray(indices, dtype=np.intp)
        if allow_fill and (indices < 0).any():
            raise ValueError("perturbed audio has no missing values to fill in")
        return type(self)(self.neighbourhood, self.rows.take(indices))

    def copy(self) -> Self:
        """Return the column: it can't be changed."""
        return type(self)(self.neighbourhood, self.rows)

    @classmethod
    def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> Self:
        raise TypeError("perturbed audio is made of masks, not of waveforms")

    @classmethod
    def _concat_same_type(cls, to_concat: Sequence[PerturbedAudio]) -> PerturbedAudio:
        neighbourhood = to_concat[0].neighbourhood
        if any(part.neighbourhood is not neighbourhood for part in to_concat):
            raise ValueError("columns of different neighbourhoods can't be joined")
        return cls(neighbourhood, np.concatenate([part.rows for part in to_concat]))


class PerturbedLyrics(Sequence):
    """A sequence of perturbed lyrics, each written when it is asked for.

    Parameters
    ----------
    lyrics : LyricComponents
        Lyrics and their units.
    masks : ndarray of shape (n_masks, n_components), dtype bool
        The components that are kept.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.components.lyrics import split_lyrics
    >>> from sklearn_musiclime.neighbourhood import PerturbedLyrics
    >>> list(PerturbedLyrics(split_lyrics("la lo"), np.eye(2, dtype=bool)))
    ['la ', 'lo']
    """

    def __init__(self, lyrics: LyricComponents, masks: np.ndarray):
        self.lyrics = lyrics
        self.masks = masks

    def __len__(self) -> int:
        return len(self.masks)

    def __getitem__(self, item: Any) -> str | PerturbedLyrics:
        if isinstance(item, (int, np.integer)):
            return compose_lyrics(self.lyrics, self.masks[item])
        return type(self)(self.lyrics, self.masks[item])

    def __iter__(self) -> Iterator[str]:
        # What compose_lyrics does, for a block of masks at a time; a last column, always on, stands
        # for the text between components.
        components, on, off = zip(*self.lyrics.chunks, strict=True)
        which = [-1 if component is None else component for component in components]
        on, off = np.array(on, dtype=object), np.array(off, dtype=object)
        for first in range(0, len(self), BLOCK_TEXTS):
            kept = self.masks[first : first + BLOCK_TEXTS]
            kept = np.column_stack([kept, np.ones(len(kept), dtype=bool)])[:, which]
            yield from map("".join, np.where(kept, on, off).tolist())


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
        waveforms = [song.waveform.copy() for _ in masks]  # a model may change what it is given
    if components.lyrics is not None:
        lyrics = list(PerturbedLyrics(components.lyrics, masks[:, components.n_audio :]))
    elif song.lyrics is not None:
        lyrics = [song.lyrics] * len(masks)
    return song.variants(waveforms, lyrics)
