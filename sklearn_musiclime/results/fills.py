"""Comparison of a song's explanations with several fills: what stands whatever the fill."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

ROUNDING = 1e-9
"""Part of the largest weight up to which a weight is rounding."""
FINDINGS = ("stands", "depends", "none")
"""What may be said of a component: the same with every fill, with some, with none."""


def tabulate_fills(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Tabulate the weights of a song's components with several fills.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        Tables of the same components, as of :meth:`LocalExplanation.to_frame
        <sklearn_musiclime.LocalExplanation.to_frame>`, by the fill.

    Returns
    -------
    DataFrame
        See :meth:`LocalExplanation.compare_fills
        <sklearn_musiclime.LocalExplanation.compare_fills>`.
    """
    is_found = np.array([_is_found(frame) for frame in frames.values()])
    signs = np.sign([frame["weight"] for frame in frames.values()])
    stands = is_found.all(axis=0) & (signs == signs[0]).all(axis=0)
    described = ["component", "modality", "source", "segment", "start", "end", "text"]
    table = next(iter(frames.values()))[described].copy()
    for fill, frame in frames.items():
        table[fill] = frame["weight"]
    choices = [stands, is_found.any(axis=0)]
    table["finding"] = np.select(choices, FINDINGS[:2], default=FINDINGS[2])
    # What stands comes first, each by its weight where it is nearest to 0.
    rank = table["finding"].map(FINDINGS.index)
    least = -table[list(frames)].abs().min(axis=1)
    return table.iloc[np.lexsort([least, rank])].reset_index(drop=True)


def _is_found(frame: pd.DataFrame) -> pd.Series:
    """Whether weights are told from 0 by their intervals, and are more than rounding."""
    size = frame["weight"].abs()
    is_told = (frame["low"] > 0) | (frame["high"] < 0)
    return is_told & (size > ROUNDING * size.max())
