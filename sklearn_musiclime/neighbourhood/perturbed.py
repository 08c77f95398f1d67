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
from numpy.lib.mixins import NDArrayOperatorsMixin
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
    """Type of a column of perturbed audio: it equals ``object``, the type of columns of audio."""

    name = "object"
    kind = "O"
    type = np.object_
    na_value = np.nan
    base = "U"  # by this pandas lets the accessor ``str`` look at the cells, as of any objects

    @classmethod
    def construct_array_type(cls) -> builtins.type[PerturbedAudio]:
        """Return the array of this type."""
        return PerturbedAudio

    @classmethod
    def construct_from_string(cls, string: str) -> None:
        """Refuse all names, so that "object" stays what it is in pandas.

        Parameters
        ----------
        string : str
            A name.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(f"no {cls.__name__} is made from {string!r}")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AudioDtype):
            return True
        return not isinstance(other, ExtensionDtype) and other in (object, "object", "O", _OBJECT)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(_OBJECT)


_OBJECT = np.dtype(object)


class PerturbedAudio(NDArrayOperatorsMixin, ExtensionArray):
    """A column of perturbed waveforms, each composed when it is asked for.

    A Series of it does what a Series of objects does. A cell may be assigned, as in a copy of a
    DataFrame; what else is done with the column composes it, and gives an array of objects.

    Parameters
    ----------
    neighbourhood : AudioNeighbourhood
        The song and its masks.
    rows : ndarray of int, or None, default=None
        Which masks this column has; slices of a column share its neighbourhood. None: all. -1: a
        cell that was assigned.
    assigned : ndarray of object of len(rows), or None, default=None
        The cells that were assigned, at their places. None: there are none.

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
    >>> column.dtype == object
    True
    """

    __array_priority__ = 1000  # what else is added to it is added cell by cell

    def __init__(
        self,
        neighbourhood: AudioNeighbourhood,
        rows: np.ndarray | None = None,
        assigned: np.ndarray | None = None,
    ):
        self.neighbourhood = neighbourhood
        self.rows = np.arange(len(neighbourhood.masks)) if rows is None else rows
        self.assigned = assigned

    @property
    def is_perturbed(self) -> bool:
        """Whether each cell is of the neighbourhood, and none was assigned."""
        return bool((self.rows >= 0).all())

    @property
    def masks(self) -> np.ndarray:
        """The masks of this column, (len(self), n_components), if no cell was assigned."""
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
        if isinstance(item, tuple):  # more axes, as of an array
            return self._objects()[item]
        item = pd.api.indexers.check_array_indexer(self, item)
        if isinstance(item, (int, np.integer)):
            if self.rows[item] < 0:
                return self.assigned[item]
            return self.neighbourhood.cell(self.rows[item])
        assigned = None if self.assigned is None else self.assigned[item]
        return type(self)(self.neighbourhood, self.rows[item], assigned)

    def __setitem__(self, item: Any, value: Any) -> None:
        item = pd.api.indexers.check_array_indexer(self, item)
        if self.assigned is None:
            self.assigned = np.empty(len(self), dtype=object)
        if isinstance(value, (pd.Series, pd.Index)):
            value = value.array
        if isinstance(value, PerturbedAudio):
            value = value._objects()
        self.assigned[item] = value
        self.rows = self.rows.copy()
        self.rows[item] = -1

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        cells = self._objects()
        return cells if dtype in (None, object) else cells.astype(dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(other, (pd.Series, pd.Index, pd.DataFrame)) for other in inputs):
            return NotImplemented  # they take their arrays out, and call again
        arrays = [x._objects() if isinstance(x, PerturbedAudio) else x for x in inputs]
        return getattr(ufunc, method)(*arrays, **kwargs)

    def __eq__(self, other: object) -> Any:
        same = isinstance(other, PerturbedAudio) and self.neighbourhood is other.neighbourhood
        if not same:
            return np.zeros(len(self), dtype=bool)
        return np.equal(self.rows, other.rows) & (self.rows >= 0)

    def __getattr__(self, name: str) -> Any:
        # Of pandas' arrays those of objects alone have them: what the accessor ``str`` calls.
        if name.startswith("_str_"):
            return getattr(pd.Series(self._objects(), dtype=object).array, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def isna(self) -> np.ndarray:
        """Say which cells are missing: none but what was assigned as such.

        Returns
        -------
        ndarray of shape (len(self),), dtype bool
        """
        missing = np.zeros(len(self), dtype=bool)
        for place in np.flatnonzero(self.rows < 0):
            cell = self.assigned[place]
            missing[place] = pd.api.types.is_scalar(cell) and pd.isna(cell)
        return missing

    def take(
        self, indices: Sequence[int], *, allow_fill: bool = False, fill_value: Any = None
    ) -> Self:
        """Pick cells.

        Parameters
        ----------
        indices : sequence of int
            Positions of the cells.
        allow_fill : bool, default=False
            Whether -1 means a missing cell, as pandas has it.
        fill_value : object, default=None
            The missing cells. None: NaN.

        Returns
        -------
        PerturbedAudio
            A column of the same neighbourhood.

        Raises
        ------
        ValueError
            A position is below -1, where cells may be missing.
        IndexError
            A position is beyond the end.
        """
        indices = np.asarray(indices, dtype=np.intp)
        if not allow_fill:
            assigned = None if self.assigned is None else self.assigned.take(indices)
            return type(self)(self.neighbourhood, self.rows.take(indices), assigned)
        if (indices < -1).any():
            raise ValueError("positions of cells must be at least -1, which is a missing one")
        missing = indices < 0
        if not missing.any():
            return self.take(indices)
        assigned = np.full(len(indices), np.nan if fill_value is None else None, dtype=object)
        rows = np.full(len(indices), -1)
        if fill_value is not None:
            for place in np.flatnonzero(missing):
                assigned[place] = fill_value
        if len(self):
            rows[~missing] = self.rows[indices[~missing]]
            if self.assigned is not None:
                assigned[~missing] = self.assigned[indices[~missing]]
        return type(self)(self.neighbourhood, rows, assigned)

    def copy(self) -> Self:
        """Copy the column, but for what cells are composed of."""
        assigned = None if self.assigned is None else self.assigned.copy()
        return type(self)(self.neighbourhood, self.rows.copy(), assigned)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """Convert the cells.

        Parameters
        ----------
        dtype : dtype
            What to. ``object`` composes them.
        copy : bool, default=True
            Whether the same type gives a copy.

        Returns
        -------
        ndarray or ExtensionArray
        """
        if isinstance(dtype, AudioDtype):
            return self.copy() if copy else self
        cells = self._objects()
        return cells if dtype in (object, "object") else pd.Series(cells).astype(dtype).array

    def tolist(self) -> list[Any]:
        """Compose all cells.

        Returns
        -------
        list
        """
        return list(self)

    def reshape(self, *shape: Any, order: str = "C") -> np.ndarray:
        """Compose all cells, in an array of another shape.

        Parameters
        ----------
        *shape : int
            As numpy takes it.
        order : str, default="C"
            As numpy takes it.

        Returns
        -------
        ndarray of object
        """
        return self._objects().reshape(*shape, order=order)

    def flatten(self, order: str = "C") -> np.ndarray:
        """Compose all cells.

        Parameters
        ----------
        order : str, default="C"
            As numpy takes it.

        Returns
        -------
        ndarray of object
        """
        return self._objects()

    def _objects(self) -> np.ndarray:
        """All cells, composed."""
        cells = np.empty(len(self), dtype=object)
        for i, cell in enumerate(self):
            cells[i] = cell
        return cells

    def _explode(self) -> tuple[np.ndarray, np.ndarray]:
        exploded = pd.Series(self._objects(), dtype=object).explode()
        counts = np.bincount(exploded.index, minlength=len(self)).astype(np.uint64)
        return exploded.to_numpy(), counts

    def _cast_pointwise_result(self, values: Any) -> np.ndarray:
        """What a function made of the cells: numbers are no objects."""
        if isinstance(values, np.ndarray) and values.dtype != object:
            return values
        return pd.Series(list(values), dtype=object).infer_objects().to_numpy()

    @classmethod
    def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> Self:
        cells = np.empty(len(scalars), dtype=object)
        # pandas makes a row of a single waveform a table of numbers.
        is_table = isinstance(scalars, np.ndarray) and scalars.ndim > 1
        for i, cell in enumerate(scalars):
            cells[i] = cell.astype(np.float32) if is_table else cell
        return cls(_NOTHING, np.full(len(cells), -1), cells)

    @classmethod
    def _concat_same_type(cls, to_concat: Sequence[PerturbedAudio]) -> PerturbedAudio:
        to_concat = [
            part if isinstance(part, PerturbedAudio) else cls._from_sequence(part)
            for part in to_concat
        ]
        with_masks = [part for part in to_concat if (part.rows >= 0).any()]
        neighbourhood = (with_masks or to_concat)[0].neighbourhood
        if any(part.neighbourhood is not neighbourhood for part in with_masks):
            return cls._from_sequence([cell for part in to_concat for cell in part])
        rows = np.concatenate([part.rows for part in to_concat])
        assigned = None
        if any(part.assigned is not None for part in to_concat):
            none = [np.empty(len(part), dtype=object) for part in to_concat]
            assigned = np.concatenate(
                [
                    empty if part.assigned is None else part.assigned
                    for part, empty in zip(to_concat, none, strict=True)
                ]
            )
        return cls(neighbourhood, rows, assigned)


_NOTHING = AudioNeighbourhood(
    AudioComponents(
        np.zeros(1, dtype=np.float32), (), np.zeros((0, 1), dtype=np.float32), np.array([0, 1]), 1.0
    ),
    np.zeros((0, 0), dtype=bool),
)
"""The neighbourhood of a column all of whose cells were assigned."""


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
