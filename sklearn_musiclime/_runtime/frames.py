"""Columns of data frames that hold any text.

Where pyarrow is installed, text columns of pandas 3 are Arrow's, which refuse lone surrogates. What
users wrote may have them (a file name that is no UTF-8, lyrics cut in the middle of a character),
so that columns of such texts are of Python objects here, with and without pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd


def as_series(values: Iterable[Any]) -> pd.Series:
    r"""Return values as a series: numbers by their type, all else as objects.

    Parameters
    ----------
    values : iterable of object
        The values; a tuple is one value.

    Returns
    -------
    Series

    Examples
    --------
    >>> from sklearn_musiclime._runtime.frames import as_series
    >>> as_series([1, 2]).dtype, as_series(["a", "\udc80"]).dtype
    (dtype('int64'), dtype('O'))
    """
    values = list(values)
    if values and all(isinstance(value, int | float | np.number) for value in values):
        return pd.Series(values)
    series = pd.Series([None] * len(values), dtype=object)
    for i, value in enumerate(values):
        series[i] = value
    return series


def as_index(values: Sequence[Any], name: str | None = None) -> pd.Index:
    """Return values as an index, of which the same holds.

    Parameters
    ----------
    values : sequence of object
        The values; a tuple is one value.
    name : str or None, default=None
        Name of the index.

    Returns
    -------
    Index
    """
    dtype = object if any(isinstance(value, str) for value in values) else None
    return pd.Index(values, dtype=dtype, name=name, tupleize_cols=False)
