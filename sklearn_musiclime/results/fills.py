"""Comparison of a song's explanations with several fills: what stands whatever the fill."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from sklearn_musiclime.results.local import LocalResult

ROUNDING = 1e-9
"""Part of the largest weight up to which a weight is rounding."""
FINDINGS = ("stands", "depends", "none")
"""What may be said of a component: the same with every fill, with some, with none."""


def compare_fills(
    explanations: Sequence[LocalResult], label: Hashable, interval: float
) -> pd.DataFrame:
    """Tabulate the weights of a song's components with several fills.

    Parameters
    ----------
    explanations : sequence of LocalExplanation
        Explanations of the same song, each with another fill.
    label : label
        A label that all of them explain.
    interval : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        See :meth:`LocalExplanation.compare_fills
        <sklearn_musiclime.LocalExplanation.compare_fills>`.

    Raises
    ------
    ValueError
        There are fewer than two, two have the same fill, or they are not of the same components.
    """
    fills = [explanation.settings.get("fill", "silence") for explanation in explanations]
    if len(set(fills)) < len(fills) or len(fills) < 2:
        raise ValueError(f"there must be two explanations or more, of unlike fills; got {fills}")
    names = explanations[0].components.names
    for explanation, fill in zip(explanations, fills, strict=True):
        if explanation.components.names != names:
            raise ValueError(
                f"{explanation.title!r} with {fill} has other components than "
                f"{explanations[0].title!r} with {fills[0]}: they must be of the same song, "
                "separator, segmenter and lyric_units"
            )
    frames = [e.to_frame(label, interval=interval) for e in explanations]
    is_found = np.array([_is_found(frame) for frame in frames])
    signs = np.sign([frame["weight"] for frame in frames])
    stands = is_found.all(axis=0) & (signs == signs[0]).all(axis=0)
    described = ["component", "modality", "source", "segment", "start", "end", "text"]
    table = frames[0][described].copy()
    for fill, frame in zip(fills, frames, strict=True):
        table[fill] = frame["weight"]
    choices = [stands, is_found.any(axis=0)]
    table["finding"] = np.select(choices, FINDINGS[:2], default=FINDINGS[2])
    # What stands comes first, each by its weight where it is nearest to 0.
    rank = table["finding"].map(FINDINGS.index)
    least = -table[fills].abs().min(axis=1)
    return table.iloc[np.lexsort([least, rank])].reset_index(drop=True)


def _is_found(frame: pd.DataFrame) -> pd.Series:
    """Whether weights are told from 0 by their intervals, and are more than rounding."""
    size = frame["weight"].abs()
    is_told = (frame["low"] > 0) | (frame["high"] < 0)
    return is_told & (size > ROUNDING * size.max())
