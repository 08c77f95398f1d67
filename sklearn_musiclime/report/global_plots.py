"""Plots of global explanations: importances of each class, and comparisons of two classes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sklearn_musiclime.components.decomposition import MODALITIES
from sklearn_musiclime.report.canvas import colour_map, new_figure
from sklearn_musiclime.report.colours import AGAINST, FOR, SEQUENTIAL
from sklearn_musiclime.report.lettering import draw_text, shorten
from sklearn_musiclime.report.plots import (
    MIN_BARS,
    WHISKERS,
    WIDTH,
    column_axes,
    name_bars,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sklearn_musiclime.results.global_tables import GlobalResult

MAX_REACH = 3
"""Largest length of a whisker, relative to that of the longest bar."""


def plot_global(
    explanation: GlobalResult,
    labels: Sequence[Hashable] | None,
    *,
    method: str,
    n: int,
    min_count: int,
) -> Figure:
    """Plot one row per class: a heat map of its audio and bars for its words and for columns.

    Parameters
    ----------
    explanation : GlobalExplanation
        The explanation.
    labels : sequence of label, or None
        The classes. None: all.
    method : str
        Definition of importance.
    n : int
        Number of words per class.
    min_count : int
        Smallest number of explanations that contain a component.

    Returns
    -------
    matplotlib.figure.Figure
        Figure in which all rows have the same colour scale and the same scale of bars.
    """
    labels = explanation.labels if labels is None else list(labels)
    maps = [explanation.audio_map(label, method, min_count=min_count) for label in labels]
    found = {c.modality for c in explanation.components}
    has_audio = "audio" in found
    tops = {
        title: explanation.tops(n, labels, method=method, modality=modality, min_count=min_count)
        for modality, title in (("lyrics", "words"), ("columns", "columns"))
        if modality in found
    }
    n_sources = max((len(m) for m in maps), default=0)
    height = max(0.8 + 0.32 * n_sources, 0.7 + 0.19 * n * bool(tops))
    figure = new_figure(WIDTH, 0.6 + height * len(labels))
    grid = figure.add_gridspec(
        len(labels),
        max(has_audio + len(tops), 1),
        width_ratios=[1.5, *[1] * len(tops)] if has_audio and tops else None,
    )
    heat = max(map(_strongest, maps)) or 1.0
    reach = max((_reach(top) for own in tops.values() for top in own), default=0.0) or 1.0
    heat_axes, tiles = [], None
    for row, label in enumerate(labels):
        if has_audio:
            ax = figure.add_subplot(grid[row, 0])
            tiles = _draw_heat(ax, maps[row], heat)
            draw_text(ax.set_title, shorten(str(label)), fontsize=10, loc="left", weight="bold")
            heat_axes.append(ax)
        for column, (title, own) in enumerate(tops.items(), start=int(has_audio)):
            ax = figure.add_subplot(grid[row, column])
            title = title if column else shorten(str(label))
            draw_text(ax.set_title, title, fontsize=9, loc="left")
            _draw_words(ax, own[row], n, reach)
    if tiles is not None:
        heat_axes[-1].set_xlabel("relative segment")
        figure.colorbar(
            tiles,
            ax=heat_axes,
            location="bottom",
            label=f"importance ({method})",
            pad=0.01,
            aspect=50,
        )
    return figure


def plot_comparison(
    explanation: GlobalResult,
    first: Hashable,
    second: Hashable,
    *,
    method: str,
    n: int,
    min_count: int,
) -> Figure:
    """Plot the differences between the importances of two classes, one panel per modality.

    Parameters
    ----------
    explanation : GlobalExplanation
        The explanation.
    first, second : label
        The classes.
    method : str
        Definition of importance.
    n : int
        Number of bars per panel.
    min_count : int
        Smallest number of explanations that contain a component.

    Returns
    -------
    matplotlib.figure.Figure
    """
    frame = explanation.compare(first, second, method=method, min_count=min_count)
    is_alone = frame["difference"].isna()
    shown = pd.concat(
        [
            part[part["modality"] == modality].head(rows)
            for modality in MODALITIES
            for part, rows in ((frame[~is_alone], n), (frame[is_alone], -(-n // 4)))
        ]
    )
    panels = dict(iter(shown.groupby("modality")))
    n_bars = max((len(part) for part in panels.values()), default=1)
    figure = new_figure(WIDTH, 1.3 + 0.22 * n_bars)
    names = shorten(str(first)), shorten(str(second))
    draw_text(
        figure.suptitle, f"{names[1]}  |  {names[0]}: difference of importance ({method})",
        fontsize=11,
    )  # fmt: skip
    for i, (modality, part) in enumerate(panels.items()):
        ax = figure.add_subplot(1, len(panels), i + 1)
        places, differences = np.arange(len(part)), part["difference"].to_numpy()
        ax.barh(
            places,
            differences,
            color=[FOR if d >= 0 else AGAINST for d in differences],
            **_whiskers(part, "difference"),
        )
        ax.axvline(0, color="#444444", linewidth=0.8)
        for place, row in enumerate(part.itertuples()):
            if np.isnan(row.difference):
                name, value = (
                    (names[0], row.first) if np.isnan(row.second) else (names[1], row.second)
                )
                text = f"only in {name}: {value:.2g}"
                draw_text(ax.text, 0, place, text, size=8, ha="center", va="center",
                           bbox={"color": "white", "pad": 0.5})  # fmt: skip
        limit = 1.08 * (_reach(part, "difference") or 1.0)
        ax.set_xlim(-limit, limit)
        ax.set_ylim(n_bars - 0.5, -0.5)
        ax.set_title(modality, fontsize=9)
        name_bars(ax, part["component"])
    return figure


def plot_class_audio(
    explanation: GlobalResult,
    label: Hashable,
    *,
    method: str = "average",
    min_count: int = 1,
    ax: Axes | None = None,
) -> Axes:
    """Plot the importance of sources x relative segments for a class as a heat map.

    Parameters
    ----------
    explanation : GlobalExplanation
        The explanation.
    label : label
        The class.
    method, min_count
        See :meth:`GlobalExplanation.importance
        <sklearn_musiclime.GlobalExplanation.importance>`.
    ax : matplotlib.axes.Axes or None, default=None
        The axes. None: axes of a new figure, as wide as a column of a paper.

    Returns
    -------
    matplotlib.axes.Axes
    """
    audio_map = explanation.audio_map(label, method, min_count=min_count)
    ax = column_axes(ax, 0.6 + 0.3 * len(audio_map))
    tiles = _draw_heat(ax, audio_map, _strongest(audio_map) or 1.0)
    ax.set_xlabel("relative segment")
    ax.figure.colorbar(tiles, ax=ax, label=method, pad=0.01, aspect=12)
    return ax


def plot_class_words(
    explanation: GlobalResult,
    label: Hashable,
    *,
    method: str = "average",
    n: int = 10,
    min_count: int = 1,
    ax: Axes | None = None,
) -> Axes:
    """Plot the most important words for a class as bars, with their 95 % intervals.

    Parameters
    ----------
    explanation : GlobalExplanation
        The explanation.
    label : label
        The class.
    method, min_count
        See :meth:`GlobalExplanation.importance
        <sklearn_musiclime.GlobalExplanation.importance>`.
    n : int, default=10
        Number of bars.
    ax : matplotlib.axes.Axes or None, default=None
        The axes. None: axes of a new figure, as wide as a column of a paper.

    Returns
    -------
    matplotlib.axes.Axes
    """
    top = explanation.top(n, label, method=method, modality="lyrics", min_count=min_count)
    n_bars = max(len(top), MIN_BARS)
    ax = column_axes(ax, 0.5 + 0.19 * n_bars)
    _draw_words(ax, top, n_bars, _reach(top) or 1.0)
    ax.set_xlabel(f"importance ({method})")
    return ax


def _draw_heat(ax: Axes, audio_map: pd.DataFrame, largest: float):
    """Draw a heat map of sources x relative segments; NaN is grey."""
    ax.set_facecolor("#dddddd")
    n_sources, n_segments = audio_map.shape
    tiles = ax.pcolormesh(
        np.arange(n_segments + 1),
        np.arange(n_sources + 1),
        np.ma.masked_invalid(audio_map.to_numpy(dtype=float)),
        cmap=colour_map(SEQUENTIAL),
        vmin=0.0,
        vmax=largest,
        edgecolors="#bbbbbb",
        linewidth=0.5,
    )
    ax.set_ylim(n_sources, 0)
    ax.set_yticks(np.arange(n_sources) + 0.5)
    draw_text(ax.set_yticklabels, [shorten(str(name)) for name in audio_map.index], fontsize=9)
    shown = np.unique(np.linspace(0, n_segments - 1, min(n_segments, 10)).astype(int))
    ax.set_xticks(shown + 0.5, [str(audio_map.columns[i]) for i in shown], fontsize=8)
    return tiles


def _draw_words(ax: Axes, top: pd.DataFrame, n: int, reach: float) -> None:
    ax.barh(np.arange(len(top)), top["importance"], color=FOR, **_whiskers(top, "importance"))
    ax.set_xlim(0, 1.05 * reach)
    ax.set_ylim(n - 0.5, -0.5)
    name_bars(ax, top["component"])


def _strongest(audio_map: pd.DataFrame) -> float:
    return float(np.nan_to_num(audio_map.to_numpy(dtype=float)).max(initial=0.0))


def _whiskers(frame: pd.DataFrame, column: str) -> dict:
    """Return the arguments of ``barh`` for the intervals of bars; none without intervals."""
    if "low" not in frame:
        return {}
    value = frame[column].to_numpy()
    # Rounding must not make whiskers point inwards.
    reach = np.maximum([value - frame["low"], frame["high"] - value], 0.0)
    return {"xerr": reach, "error_kw": WHISKERS}


def _reach(frame: pd.DataFrame, column: str = "importance") -> float:
    """Return the length of the longest bar or whisker; whiskers are cut at `MAX_REACH` bars."""
    columns = [c for c in (column, "low", "high") if c in frame]
    ends = np.abs(np.nan_to_num(frame[columns].to_numpy(dtype=float)))
    return float(min(ends.max(initial=0.0), MAX_REACH * ends[:, 0].max(initial=0.0)))
