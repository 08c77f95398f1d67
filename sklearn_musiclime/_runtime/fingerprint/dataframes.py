"""Data frames of pandas and polars: by what they hold, however it is joined in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_musiclime._runtime.fingerprint.graph import Parts


def describe_dataframe(dataframe: pd.DataFrame) -> Parts:
    """Return what a data frame of pandas holds.

    Parameters
    ----------
    dataframe : DataFrame
        The data frame.

    Returns
    -------
    Parts
        Index, names of the columns, and columns, however they are joined in blocks.
    """
    columns = ((f".iloc[:, {i}]", dataframe.iloc[:, i].array) for i in range(dataframe.shape[1]))
    return Parts(
        "frame",
        [("", type(dataframe)), (".index", dataframe.index), (".columns", dataframe.columns),
         (".attrs", dataframe.attrs), *columns],
    )  # fmt: skip


def describe_series(series: pd.Series | pd.Index) -> Parts:
    """Return what a column or an index of pandas holds.

    Parameters
    ----------
    series : Series or Index
        The column.

    Returns
    -------
    Parts
    """
    children: list[tuple[str, Any]] = [("", type(series)), (".array", series.array)]
    if isinstance(series, pd.Series):
        children += [(".name", series.name), (".index", series.index), (".attrs", series.attrs)]
    else:
        children.append((".names", list(series.names)))
    return Parts("series", children)


def describe_extension_array(array: Any) -> Parts:
    """Return what the array of a column of pandas holds.

    Parameters
    ----------
    array : pandas.api.extensions.ExtensionArray
        The array.

    Returns
    -------
    Parts
    """
    if isinstance(array, pd.arrays.NumpyExtensionArray):
        return Parts("values", [("", array.to_numpy())])
    if isinstance(array, pd.Categorical):
        return Parts(
            f"categories {array.ordered}",
            [("", np.asarray(array.codes)), (".categories", array.categories)],
        )
    values = array.to_numpy(dtype=object)
    return Parts(f"values {array.dtype!r}", [("", values)])


def describe_polars(data: Any) -> Parts:
    """Return what a data frame or column of polars holds.

    Parameters
    ----------
    data : polars.DataFrame or polars.Series
        The data frame or column.

    Returns
    -------
    Parts
    """
    columns = [data] if hasattr(data, "name") else data.get_columns()
    children = [
        part for column in columns
        for part in (("", column.name), ("", repr(column.dtype)), ("", column.to_list()))
    ]  # fmt: skip
    return Parts("polars", [("", type(data)), *children])
