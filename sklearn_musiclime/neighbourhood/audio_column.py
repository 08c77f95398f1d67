"""The audio of perturbed songs as a column of pandas.

The audio of a neighbourhood's masks is a :class:`PerturbedAudio`, a pandas extension array that
composes a waveform when its cell is read. A Series of it is an ordinary column for any transformer
of audio cells; a featurizer that knows the class may compute its features from the sources and the
masks instead.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.lib.mixins import NDArrayOperatorsMixin
from pandas.api.extensions import ExtensionArray, ExtensionDtype

from sklearn_musiclime.components.decomposition import AudioComponents
from sklearn_musiclime.neighbourhood.perturbed import AudioNeighbourhood


class AudioDtype(ExtensionDtype):
    """Data type of a column of perturbed audio. It compares equal to ``object``."""

    name = "object"
    kind = "O"
    type = np.object_
    na_value = np.nan
    base = "U"  # makes pandas allow the accessor ``str``, as it does for columns of objects

    @classmethod
    def construct_array_type(cls) -> builtins.type[PerturbedAudio]:
        """Return the array class of this data type."""
        return PerturbedAudio

    @classmethod
    def construct_from_string(cls, string: str) -> None:
        """Refuse all names, so that "object" keeps its meaning in pandas.

        Parameters
        ----------
        string : str
            Name of a data type.

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
    """A column of perturbed audio, each cell of which is composed when it is read.

    A Series of it behaves like a Series of objects. Slices stay lazy and share the neighbourhood,
    and cells may be assigned; other operations compose all cells and return an array of objects.

    Parameters
    ----------
    neighbourhood : AudioNeighbourhood
        Audio components and masks.
    rows : ndarray of int, or None, default=None
        Position of each cell's mask in the neighbourhood; -1 for a cell that was assigned. None:
        all masks, in order.
    assigned : ndarray of object of shape (len(rows),), or None, default=None
        Values of the assigned cells, at their positions. None: no cell was assigned.

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

    __array_priority__ = 1000  # numpy arrays leave arithmetic with a column to this class

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
        """Whether all cells are perturbed audio of the neighbourhood: none was assigned."""
        return bool((self.rows >= 0).all())

    @property
    def masks(self) -> np.ndarray:
        """Masks of the cells, (len(self), n_components); valid if no cell was assigned."""
        return self.neighbourhood.masks[self.rows]

    @property
    def dtype(self) -> AudioDtype:
        """Data type of the column."""
        return AudioDtype()

    @property
    def nbytes(self) -> int:
        """Number of bytes of the column itself: its mask positions."""
        return self.rows.nbytes

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, tuple):  # new axes, as in numpy
            return self._objects()[item]
        item = pd.api.indexers.check_array_indexer(self, item)
        if isinstance(item, (int, np.integer)):
            if self.rows[item] < 0:
                return self._assigned_cell(item)
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
            return NotImplemented  # pandas unwraps its arrays and calls again
        arrays = [x._objects() if isinstance(x, PerturbedAudio) else x for x in inputs]
        return getattr(ufunc, method)(*arrays, **kwargs)

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, PerturbedAudio) or self.neighbourhood is not other.neighbourhood:
            return np.zeros(len(self), dtype=bool)
        return np.equal(self.rows, other.rows) & (self.rows >= 0)

    def __getattr__(self, name: str) -> Any:
        # The accessor ``str`` calls these methods, which pandas has for arrays of objects only.
        if name.startswith("_str_"):
            return getattr(pd.Series(self._objects(), dtype=object).array, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def isna(self) -> np.ndarray:
        """Return which cells are missing. Only assigned cells can be.

        Returns
        -------
        ndarray of shape (len(self),), dtype bool
            True where a cell is missing.
        """
        missing = np.zeros(len(self), dtype=bool)
        for place in np.flatnonzero(self.rows < 0):
            cell = self._assigned_cell(place)
            missing[place] = pd.api.types.is_scalar(cell) and pd.isna(cell)
        return missing

    def take(
        self, indices: Sequence[int], *, allow_fill: bool = False, fill_value: Any = None
    ) -> Self:
        """Take cells by their positions, without composing them.

        Parameters
        ----------
        indices : sequence of int
            Positions of the cells.
        allow_fill : bool, default=False
            Whether -1 stands for a missing cell, as in pandas; else negative positions count from
            the end.
        fill_value : object, default=None
            Value of missing cells. None: NaN.

        Returns
        -------
        PerturbedAudio
            A column of the same neighbourhood.

        Raises
        ------
        ValueError
            A position is below -1 and `allow_fill` is True.
        IndexError
            A position is beyond the end.
        """
        places = np.asarray(indices, dtype=np.intp)
        if not allow_fill:
            assigned = None if self.assigned is None else self.assigned.take(places)
            return type(self)(self.neighbourhood, self.rows.take(places), assigned)
        if (places < -1).any():
            raise ValueError("positions of cells must be at least -1, which is a missing one")
        missing = places < 0
        if not missing.any():
            return self.take(indices)
        assigned = np.full(len(places), np.nan if fill_value is None else None, dtype=object)
        rows = np.full(len(places), -1)
        if fill_value is not None:
            for place in np.flatnonzero(missing):
                assigned[place] = fill_value
        if len(self):
            rows[~missing] = self.rows[places[~missing]]
            if self.assigned is not None:
                assigned[~missing] = self.assigned[places[~missing]]
        return type(self)(self.neighbourhood, rows, assigned)

    def copy(self) -> Self:
        """Copy the column. The neighbourhood is shared."""
        assigned = None if self.assigned is None else self.assigned.copy()
        return type(self)(self.neighbourhood, self.rows.copy(), assigned)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """Convert the column to another data type, for which all cells are composed.

        Parameters
        ----------
        dtype : dtype
            The data type. :class:`AudioDtype` keeps the column as it is.
        copy : bool, default=True
            Whether a conversion to :class:`AudioDtype` returns a copy.

        Returns
        -------
        ndarray or ExtensionArray
            The converted cells.
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
            The cells.
        """
        return list(self)

    def reshape(self, *shape: Any, order: Literal["A", "C", "F"] = "C") -> np.ndarray:
        """Compose all cells and return them in an array of another shape.

        Parameters
        ----------
        *shape : int
            The shape, see :meth:`numpy.ndarray.reshape`.
        order : {"A", "C", "F"}, default="C"
            Order of the cells, see :meth:`numpy.ndarray.reshape`.

        Returns
        -------
        ndarray of object
            The cells.
        """
        return self._objects().reshape(*shape, order=order)

    def flatten(self, order: str = "C") -> np.ndarray:
        """Compose all cells and return them in a one-dimensional array.

        Parameters
        ----------
        order : str, default="C"
            Without effect, for compatibility with numpy.

        Returns
        -------
        ndarray of object
            The cells.
        """
        return self._objects()

    def _assigned_cell(self, place: int | np.integer) -> Any:
        assert self.assigned is not None  # there are assigned cells where a row is negative
        return self.assigned[place]

    def _objects(self) -> np.ndarray:
        """All cells, composed, as an array of objects."""
        cells = np.empty(len(self), dtype=object)
        for i, cell in enumerate(self):
            cells[i] = cell
        return cells

    def _explode(self) -> tuple[np.ndarray, np.ndarray]:
        """Elements of all cells and number of elements of each, for ``Series.explode``."""
        exploded = pd.Series(self._objects(), dtype=object).explode()
        counts = np.bincount(exploded.index, minlength=len(self)).astype(np.uint64)
        return exploded.to_numpy(), counts

    def _cast_pointwise_result(self, values: Any) -> np.ndarray:
        """Results of a function of each cell, with the data type that fits them."""
        if isinstance(values, np.ndarray) and values.dtype != object:
            return values
        return pd.Series(list(values), dtype=object).infer_objects().to_numpy()

    @classmethod
    def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> Self:
        cells = np.empty(len(scalars), dtype=object)
        # pandas converts a list of a single waveform to a 2-D array of numbers.
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
"""The empty neighbourhood of a column whose cells were all assigned."""
