"""Helpers for the pandas data frames of local and global explanations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sklearn_musiclime._runtime.frames import as_series
from sklearn_musiclime.components.decomposition import MODALITIES

SHARES = ("audio", "lyrics", "interaction")
"""Names of the modality shares, parts of the score's variance."""
SHARES_WITH_COLUMNS = ("audio", "lyrics", "columns", "interaction")
"""The same if columns are explained."""


def check_modality_filter(modality: str | None) -> None:
    """Raise a ValueError unless `modality` is the name of one or None, which keeps all rows."""
    if modality not in (*MODALITIES, None):
        raise ValueError(f"modality must be 'audio', 'lyrics' or 'columns', got {modality!r}")


def largest_first(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Sort rows in descending order of a column's absolute values, and reset the index."""
    order = np.argsort(-frame[column].abs().to_numpy(), kind="stable")
    return frame.iloc[order].reset_index(drop=True)


def pair_dataframe(
    names: Sequence[str],
    modalities: Sequence[str],
    pairs: np.ndarray,
    fdr: float | None,
    **columns: np.ndarray,
) -> pd.DataFrame:
    """Return a table of interactions, one pair of components per row.

    Parameters
    ----------
    names, modalities : sequence of str
        Names and modalities of all components.
    pairs : ndarray of shape (n_pairs, 2) of int
        Positions of the two components of each pair.
    fdr : float or None
        Largest ``q_value`` of the pairs that are listed. None: all pairs.
    **columns : ndarray of shape (n_pairs,)
        ``weight``, ``q_value`` and further columns.

    Returns
    -------
    DataFrame
        Columns ``first``, ``second``, ``modalities`` and `columns`, in descending order of
        ``|weight|``.
    """
    name, modality = np.array(names, dtype=object), np.array(modalities, dtype=object)
    frame = pd.DataFrame(
        {
            "first": as_series(name[pairs[:, 0]]),
            "second": as_series(name[pairs[:, 1]]),
            "modalities": [" x ".join(pair) for pair in modality[pairs]],
            **columns,
        }
    )
    if fdr is not None:
        frame = frame[frame["q_value"] <= fdr]
    return largest_first(frame, "weight")


def object_series(values: list[Any]) -> pd.Series:
    """Return a series of objects, one per value; a tuple stays one value."""
    return as_series(values).astype(object)
