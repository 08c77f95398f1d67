"""Plots of the differences between two versions of a model."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sklearn_musiclime.report.canvas import new_figure
from sklearn_musiclime.report.colours import AGAINST, FOR
from sklearn_musiclime.report.global_plots import MAX_REACH
from sklearn_musiclime.report.lettering import draw_text, shorten
from sklearn_musiclime.report.plots import MIN_BARS, WHISKERS, WIDTH, name_bars

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OLD_COLOUR, NEW_COLOUR, QUIET = "#b9b9b9", "#4a4a4a", "#d9d9d9"


def plot_differences(
    tables: Sequence[tuple[Hashable, pd.DataFrame]], *, title: str, n: int
) -> Figure:
    """Plot for each label both versions' weights, and beside them their differences.

    Parameters
    ----------
    tables : sequence of (label, DataFrame)
        Each label, and its table of components with ``old``, ``new``, ``difference``, ``low``,
        ``high`` and ``significant``.
    title : str
        Heading of the figure.
    n : int
        Number of components per label, those of the largest differences.

    Returns
    -------
    matplotlib.figure.Figure
        Differences are in colour where they are significant. Whiskers are 95 % intervals, cut at
        three times the length of the longest bar.
    """
    tops = [
        (label, frame.iloc[np.argsort(-frame["difference"].abs(), kind="stable")].head(n))
        for label, frame in tables
    ]
    heights = [0.7 + 0.24 * max(len(top), MIN_BARS) for _, top in tops]
    figure = new_figure(WIDTH, 0.5 + sum(heights))
    draw_text(figure.suptitle, shorten(title, 90), fontsize=11, x=0.01, ha="left")
    grid = figure.add_gridspec(max(len(tops), 1), 2, height_ratios=heights or None)
    for row, (label, top) in enumerate(tops):
        _draw_versions(figure.add_subplot(grid[row, 0]), label, top, with_legend=not row)
        _draw_difference(figure.add_subplot(grid[row, 1]), top)
    return figure


def _draw_versions(ax: Axes, label: Hashable, top: pd.DataFrame, *, with_legend: bool) -> None:
    places = np.arange(len(top))
    for name, offset, colour in (("old", -0.2, OLD_COLOUR), ("new", 0.2, NEW_COLOUR)):
        ax.barh(places + offset, top[name], height=0.38, color=colour, label=name)
    ax.axvline(0, color="#444444", linewidth=0.8)
    _frame(ax, top)
    draw_text(ax.set_title, shorten(str(label)), fontsize=9, loc="left", weight="bold")
    if with_legend:
        ax.legend(fontsize=8, frameon=False)


def _draw_difference(ax: Axes, top: pd.DataFrame) -> None:
    values = top["difference"].to_numpy()
    reach = np.maximum([values - top["low"], top["high"] - values], 0.0)
    colours = [
        QUIET if not significant else FOR if value > 0 else AGAINST
        for value, significant in zip(values, top["significant"], strict=True)
    ]
    ax.barh(np.arange(len(top)), values, color=colours, xerr=reach, error_kw=WHISKERS)
    ax.axvline(0, color="#444444", linewidth=0.8)
    longest = float(np.abs(values).max(initial=0.0)) or 1.0
    ends = np.abs(values) + np.nan_to_num(reach).max(axis=0, initial=0.0)
    limit = 1.05 * min(float(ends.max(initial=longest)), MAX_REACH * longest)
    ax.set_xlim(-limit, limit)
    _frame(ax, top)
    ax.set_title("new less old", fontsize=9, loc="left")


def _frame(ax: Axes, top: pd.DataFrame) -> None:
    ax.set_ylim(max(len(top), MIN_BARS) - 0.5, -0.5)
    name_bars(ax, top["component"])
