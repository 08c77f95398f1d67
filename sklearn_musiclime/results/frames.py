"""Tables that local and global explanations share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

SHARES = ("audio", "lyrics", "interaction")
"""The parts of what moves a score, as tables of shares name them."""


def check_modality(modality: str) -> None:
    """Raise a ValueError for what is neither of the two modalities."""
    if modality not in ("audio", "lyrics"):
        raise ValueError(f"modality must be 'audio' or 'lyrics', got {modality!r}")


def largest_first(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Sort rows by the absolute values of a column, the largest first, and number them anew."""
    order = np.argsort(-frame[column].abs().to_numpy(), kind="stable")
    return frame.iloc[order].reset_index(drop=True)


def pair_frame(
    names: Sequence[str],
    modalities: Sequence[str],
    pairs: np.ndarray,
    fdr: float | None,
    **columns: np.ndarray,
) -> pd.DataFrame:
    """List interactions.

    Parameters
    ----------
    names, modalities : sequence of str
        Of all components.
    pairs : ndarray of shape (n_pairs, 2) of int
        Positions of the two components of each.
    fdr : float or None
        Those whose ``q_value`` is no larger. None: all.
    **columns : ndarray of shape (n_pairs,)
        ``weight``, ``std_err``, ``q_value`` and what else is known.

    Returns
    -------
    DataFrame
        Columns ``first``, ``second``, ``modalities`` and `columns`; the largest ``|weight|`` first.
    """
    names, modalities = np.array(names, dtype=object), np.array(modalities, dtype=object)
    frame = pd.DataFrame(
        {
            "first": names[pairs[:, 0]],
            "second": names[pairs[:, 1]],
            "modalities": [" x ".join(pair) for pair in modalities[pairs]],
            **columns,
        }
    )
    if fdr is not None:
        frame = frame[frame["q_value"] <= fdr]
    return largest_first(frame, "weight")


def object_series(values: list[Any]) -> pd.Series:
    """Return a series of objects, one a value: a tuple is one label."""
    series = pd.Series([None] * len(values), dtype=object)
    for i, value in enumerate(values):
        series[i] = value
    return series
