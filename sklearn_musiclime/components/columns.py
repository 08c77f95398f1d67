"""Columns of X beside audio and lyrics as components: an artist, a year, a tempo.

A column that is left out has the value of another song, one of the *background*: songs that the
explainer was fitted to. All columns that a mask leaves out have the values of the same song, so
that what belongs together, such as artist and genre, stays together. Each mask, or mask with its
complement, has a song that is drawn for it, so that weights are those of the scores averaged over
the background. What the scores vary with that song no linear model of the masks foretells, so that
fidelity is lower for it; standard errors include it.

Examples
--------
>>> import pandas as pd
>>> from sklearn_musiclime import MusicLimeExplainer
>>> songs = pd.DataFrame({"lyrics": ["love", "rain"] * 5, "year": range(1960, 2060, 10)})
>>> def scores(X):  # which are higher for love, and for what is new
...     return [("love" in words) + (year - 1960) / 200 for words, year in X.to_numpy()]
>>> explainer = MusicLimeExplainer(scores, modality="lyrics", columns=["year"], random_state=0)
>>> explanation = explainer.fit(songs).explain(songs[8:9])[0]
>>> explanation.top()[["component", "modality", "text", "weight"]].round(1)
      component modality  text  weight
0          love   lyrics  love     1.0
1  column[year]  columns  2040     0.2
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

MAX_BACKGROUND = 64
"""Largest number of songs of the background; of more songs as many are drawn by chance."""


@dataclass(frozen=True, eq=False)
class ColumnComponents:
    """Columns of X, each of which has the song's value or that of a song of the background.

    Attributes
    ----------
    labels : tuple of str
        Names of the columns in X; their positions, if X is an array.
    texts : tuple of str
        The song's values as text.
    places : tuple of int
        Positions of the columns in X.
    values : tuple of Series, or None
        For each column the song's value, then those of the background, in the type that the column
        has in X. None after :meth:`without_values`, and in explanations that were loaded.
    """

    labels: tuple[str, ...]
    texts: tuple[str, ...]
    places: tuple[int, ...] = ()
    values: tuple[pd.Series, ...] | None = None

    @classmethod
    def of(
        cls, template: Any, places: Mapping[Any, int], background: pd.DataFrame
    ) -> ColumnComponents:
        """Make the components of a song.

        Parameters
        ----------
        template : DataFrame or object array of one row
            The song's row of X.
        places : mapping of label to int
            Position in it of each column.
        background : DataFrame of shape (n_songs, n_columns)
            Values of the songs of the background.

        Returns
        -------
        ColumnComponents

        Examples
        --------
        >>> import pandas as pd
        >>> from sklearn_musiclime.components.columns import ColumnComponents
        >>> background = pd.DataFrame({"year": [1969, 1994]})
        >>> song = pd.DataFrame({"lyrics": ["la la"], "year": [2024]})
        >>> columns = ColumnComponents.of(song, {"year": 1}, background)
        >>> columns.names, columns.shown, columns.n_fills
        (('column[year]',), ('year = 2024',), 2)
        """
        values = []
        for label, at in places.items():
            if isinstance(template, pd.DataFrame):
                own = template.iloc[:, at]
            else:
                own = pd.Series([None], dtype=object)
                own.iat[0] = template[0, at]
            values.append(_together(own, background[label]))
        return cls(
            tuple(str(label) for label in places),
            tuple(str(column.iat[0]) for column in values),
            tuple(places.values()),
            tuple(values),
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components: ``column[year]``, so that none is that of a word."""
        return tuple(f"column[{label}]" for label in self.labels)

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns with the song's values, as plots and pages show them: ``year = 1994``."""
        return tuple(
            f"{label} = {text}" for label, text in zip(self.labels, self.texts, strict=True)
        )

    @property
    def n_fills(self) -> int:
        """Number of songs of the background."""
        assert self.values is not None
        return len(self.values[0]) - 1

    def without_values(self) -> ColumnComponents:
        """Return a copy that has names and texts alone."""
        return ColumnComponents(self.labels, self.texts)

    def compose(self, masks: np.ndarray, fills: np.ndarray) -> dict[int, pd.Series]:
        """Compose the columns of masks.

        Parameters
        ----------
        masks : ndarray of shape (n_masks, n_columns), dtype bool
            True where a column has the song's value.
        fills : ndarray of shape (n_masks,) of int
            Number of the song of the background whose values the other columns have.

        Returns
        -------
        dict of int to Series
            The cells of each column, by its position in X. Those that a model could change in place
            are copies.
        """
        assert self.values is not None
        composed = {}
        for at, kept, values in zip(self.places, masks.T, self.values, strict=True):
            cells = values.take(np.where(kept, 0, 1 + fills))
            if cells.dtype == object:
                cells = cells.map(copy.deepcopy)
            composed[at] = cells
        return composed


def _together(own: pd.Series, others: pd.Series) -> pd.Series:
    """Values in the type of the first ones if that holds them all, else in one that does."""
    both = pd.concat([own, others], ignore_index=True)
    is_category = isinstance(own.dtype, pd.CategoricalDtype)
    if both.dtype == own.dtype or (
        is_category and not both.dropna().isin(own.cat.categories).all()
    ):
        return both
    try:
        cast = both.astype(own.dtype)
    except (TypeError, ValueError):
        return both
    return cast if cast.astype(object).equals(both.astype(object)) else both
