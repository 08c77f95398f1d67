"""polars DataFrames as those of pandas, and back; and data sets of Hugging Face.

The package never imports polars or datasets to find out whether an object is one of theirs: where
nobody has imported them, no object can be.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd


def as_pandas(X: Any) -> Any:
    """Return a table of polars or Hugging Face as one of pandas, anything else as it is.

    Parameters
    ----------
    X : object
        Anything.

    Returns
    -------
    DataFrame, Series or object
        Lists and arrays of numbers are numpy arrays in it that share polars' memory, structs are
        dicts. Audio of a ``datasets.Dataset`` is not decoded: its cells are dicts with "bytes" and
        "path".
    """
    hugging_face = getattr(sys.modules.get("datasets"), "Dataset", ())
    if isinstance(X, hugging_face):
        return X.to_pandas()
    polars = sys.modules.get("polars")
    if polars is None or not isinstance(X, (polars.DataFrame, polars.Series)):
        return X
    if isinstance(X, polars.Series):
        return _column(X)
    return pd.DataFrame({column.name: _column(column) for column in X.iter_columns()})


def schema(X: Any) -> Mapping[str, Any] | None:
    """Return the names and types of the columns of a polars DataFrame.

    Parameters
    ----------
    X : object
        Anything.

    Returns
    -------
    dict of str to DataType, or None
        None for anything else.
    """
    polars = sys.modules.get("polars")
    is_polars = polars is not None and isinstance(X, polars.DataFrame)
    return dict(X.schema) if is_polars else None


def as_polars(
    dataframe: pd.DataFrame, schema: Mapping[str, Any], changed: Collection[str] = ()
) -> Any:
    """Return a DataFrame of pandas as one of polars.

    Parameters
    ----------
    dataframe : DataFrame
        What :func:`as_pandas` made of a polars DataFrame with this schema, or of some of its rows.
    schema : dict of str to DataType
        Names and types of the columns.
    changed : collection of str, default=()
        Columns that hold something else than they did: lists of float32 where that is arrays, else
        of the type that polars finds; a column of objects stays one.

    Returns
    -------
    polars.DataFrame
    """
    import polars

    columns = []
    for name, dtype in schema.items():
        cells = dataframe[name].tolist()
        if name not in changed or dtype == polars.Object:
            column = polars.Series(name, cells, dtype=dtype)
            column = column if column.dtype == dtype else column.cast(dtype)
        else:
            column = polars.Series(name, cells)
            if isinstance(cells[0], np.ndarray):  # of one length, which makes an array of them
                column = column.cast(polars.List(polars.Float32))
        columns.append(column)
    return polars.DataFrame(columns)


def _column(column: Any) -> pd.Series:
    if column.dtype.is_numeric() and column.null_count() == 0:
        return pd.Series(column.to_numpy())
    cells = np.empty(len(column), dtype=object)
    for row, cell in enumerate(_cells(column)):
        cells[row] = cell
    return pd.Series(cells)


def _cells(column: Any) -> list[Any]:
    """The cells of a polars Series."""
    import polars

    if isinstance(column.dtype, polars.Struct):
        fields = column.struct.unnest().iter_columns()
        columns = {field.name: _cells(field) for field in fields}
        rows = zip(column.is_null(), *columns.values(), strict=True)
        return [
            None if missing else dict(zip(columns, values, strict=True))
            for missing, *values in rows
        ]
    if isinstance(column.dtype, (polars.List, polars.Array)) and column.dtype.inner.is_numeric():
        return [None if cell is None else cell.to_numpy() for cell in column]
    return column.to_list()
