"""Plots of local explanations with matplotlib.

Figures are made without pyplot, so that they are freed when they are no longer used. Text of songs
is drawn literally: dollar signs never start mathematical markup.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sklearn_musiclime.components.decomposition import AudioComponents
from sklearn_musiclime.components.readable import named
from sklearn_musiclime.report.canvas import colour_map, new_figure
from sklearn_musiclime.report.colours import AGAINST, DIVERGING, FOR
from sklearn_musiclime.report.lettering import MAX_NAME, draw_text, shorten
from sklearn_musiclime.report.lyrics_grid import draw_lyrics, lyrics_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sklearn_musiclime.results.local import LocalResult

WIDTH, COLUMN_WIDTH = 10.0, 3.5
"""Width in inches of a whole figure, and of a column of a paper."""
LYRICS_COLUMNS, COLUMN_LETTERS = 100, 46
MIN_BARS = 3
ENVELOPE_SPANS = 1000
WHISKERS = {"elinewidth": 1, "ecolor": "#444444", "capsize": 2}


def plot_local(explanation: LocalResult, label: Hashable | None = None, *, n: int = 12) -> Figure:
    """Plot a local explanation.

    Parameters
    ----------
    explanation : LocalExplanation
        The explanation.
    label : label or None, default=None
        The explained label. None: the first.
    n : int, default=12
        Number of bars per modality.

    Returns
    -------
    matplotlib.figure.Figure
        Figure with panels for the audio, the largest weights, the interactions and the lyrics, as
        far as they were explained.
    """
    explanation, index = explanation.holding(label)
    label = explanation.labels[index]
    components = explanation.components
    audio, lyrics = components.audio, components.lyrics
    parts = {"audio": audio, "lyrics": lyrics, "columns": components.columns}
    sizes = {modality: len(part) for modality, part in parts.items() if part is not None}
    beside = [modality for modality in sizes if modality != "columns"]  # beside one another
    n_bars = max(1, min(n, max((sizes[modality] for modality in beside), default=0)))
    n_columns = min(n, sizes.get("columns", 0))
    n_pairs = 0
    if explanation.interaction_terms is not None:
        n_pairs = len(explanation.interactions(label).head(n))
    n_lines = 0 if lyrics is None else len(lyrics_lines(lyrics, LYRICS_COLUMNS))
    heights = {
        "lanes": 0.0 if audio is None else 0.5 + 0.6 * len(audio.source_names),
        "bars": 0.8 + 0.2 * n_bars if beside else 0.0,
        "columns": 0.8 + 0.2 * max(n_columns, MIN_BARS) if n_columns else 0.0,
        "interactions": 0.0 if not n_pairs else 0.8 + 0.2 * max(n_pairs, MIN_BARS),
        "lyrics": 0.0 if not n_lines else 0.4 + 0.19 * n_lines,
    }
    rows = [name for name, height in heights.items() if height]
    figure = new_figure(WIDTH, 0.7 + sum(heights.values()))
    grid = figure.add_gridspec(
        len(rows), max(len(beside), 1), height_ratios=[heights[name] for name in rows]
    )
    draw_text(figure.suptitle, _heading(explanation, index), fontsize=11, x=0.01, ha="left")
    for row, name in enumerate(rows):
        if name == "bars":
            for column, modality in enumerate(beside):
                ax = figure.add_subplot(grid[row, column])
                plot_top(explanation, label, n=n, modality=modality, ax=ax)
                ax.set_ylim(n_bars - 0.5, -0.5)
            continue
        ax = figure.add_subplot(grid[row, :])
        if name == "lanes":
            plot_audio(explanation, label, ax=ax)
        elif name == "interactions":
            plot_interactions(explanation, label, n=n, ax=ax)
        elif name == "columns":
            plot_top(explanation, label, n=n, modality=name, ax=ax)
        else:
            plot_lyrics(explanation, label, n_columns=LYRICS_COLUMNS, ax=ax)
    return figure


def plot_audio(
    explanation: LocalResult, label: Hashable | None = None, *, ax: Axes | None = None
) -> Axes:
    """Plot the audio: one lane per source, segments coloured by weight, waveforms over them.

    Parameters
    ----------
    explanation : LocalExplanation
        The explanation.
    label : label or None, default=None
        The explained label. None: the first.
    ax : matplotlib.axes.Axes or None, default=None
        The axes. None: axes of a new figure, as wide as a column of a paper.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        The audio was not explained.
    """
    audio = explanation.components.audio
    if audio is None:
        raise ValueError("the audio was not explained (modality='lyrics')")
    ax = column_axes(ax, 0.6 + 0.45 * len(audio.source_names))
    explanation, row = explanation.holding(label)
    weights = explanation.weights[row]
    own = weights[: explanation.components.n_audio]
    _draw_lanes(ax, audio, own, _largest(weights), f"weight{_in_log_odds(explanation)}")
    return ax


def plot_top(
    explanation: LocalResult,
    label: Hashable | None = None,
    *,
    n: int = 10,
    modality: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot the largest weights as bars, with their 95 % intervals.

    Parameters
    ----------
    explanation : LocalExplanation
        The explanation.
    label : label or None, default=None
        The explained label. None: the first.
    n : int, default=10
        Number of bars.
    modality : {"audio", "lyrics", "columns"} or None, default=None
        Modality of the components. None: all.
    ax : matplotlib.axes.Axes or None, default=None
        The axes. None: axes of a new figure, as wide as a column of a paper.

    Returns
    -------
    matplotlib.axes.Axes
    """
    top = explanation.top(n, label, modality=modality)
    components = explanation.components
    shown = named(components)
    names = [shown[name] for name in top["component"]]
    ax = column_axes(ax, 0.5 + 0.19 * max(len(top), MIN_BARS))
    explanation, row = explanation.holding(label)
    largest = _largest(explanation.weights[row])
    title = f"{modality or 'components'}: against  |  for{_in_log_odds(explanation)}"
    _draw_bars(ax, title, names, top, largest)
    ax.set_ylim(max(len(top), MIN_BARS) - 0.5, -0.5)
    return ax


def plot_interactions(
    explanation: LocalResult,
    label: Hashable | None = None,
    *,
    n: int = 10,
    ax: Axes | None = None,
) -> Axes:
    """Plot the significant interactions as bars, with their 95 % intervals.

    Parameters
    ----------
    explanation : LocalExplanation
        The explanation.
    label : label or None, default=None
        The explained label. None: the first.
    n : int, default=10
        Number of bars.
    ax : matplotlib.axes.Axes or None, default=None
        The axes. None: axes of a new figure, as wide as a column of a paper.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        Interactions were not estimated.
    """
    pairs = explanation.interactions(label).head(n)
    ax = column_axes(ax, 0.5 + 0.19 * max(len(pairs), MIN_BARS))
    explanation, row = explanation.holding(label)
    largest = _largest(explanation.weights[row])
    shown = named(explanation.components, counted=False)
    both = zip(pairs["first"], pairs["second"], strict=True)
    names = [f"{shown[first]}  x  {shown[second]}" for first, second in both]
    _draw_bars(ax, "together, beyond what each adds", names, pairs, largest)
    ax.set_ylim(max(len(pairs), MIN_BARS) - 0.5, -0.5)  # so that a single bar is not thicker
    return ax


def plot_lyrics(
    explanation: LocalResult,
    label: Hashable | None = None,
    *,
    n_columns: int = COLUMN_LETTERS,
    ax: Axes | None = None,
) -> Axes:
    """Plot the lyrics, every word coloured by its weight.

    Parameters
    ----------
    explanation : LocalExplanation
        The explanation.
    label : label or None, default=None
        The explained label. None: the first.
    n_columns : int, default=46
        Number of characters per line.
    ax : matplotlib.axes.Axes or None, default=None
        The axes. None: axes of a new figure, as wide as a column of a paper.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        The lyrics were not explained.
    """
    lyrics = explanation.components.lyrics
    if lyrics is None:
        raise ValueError("the lyrics were not explained (modality='audio')")
    lines = lyrics_lines(lyrics, n_columns)
    ax = column_axes(ax, 0.3 + 0.19 * len(lines))
    explanation, row = explanation.holding(label)
    weights = explanation.weights[row]
    draw_lyrics(ax, lines, weights[explanation.components.place("lyrics")], _largest(weights))
    return ax


def column_axes(ax: Axes | None, height: float) -> Axes:
    """Return `ax`, or new axes of a given height in inches, as wide as a column of a paper."""
    if ax is not None:
        return ax
    return new_figure(COLUMN_WIDTH, height).add_subplot()


def _in_log_odds(explanation: LocalResult) -> str:
    """Return the unit of the weights for a title, if it is not that of the score."""
    return " (log-odds)" if explanation.settings.get("link") == "logit" else ""


def _largest(weights: np.ndarray) -> float:
    return float(np.abs(weights).max(initial=0.0)) or 1.0


def _heading(explanation: LocalResult, index: int) -> str:
    label = explanation.labels[index]
    name = f"{shorten(explanation.title, 60)}: {shorten(str(label))}"
    surrogate, fidelity = explanation.local_prediction[index], explanation.fidelity[index]
    return (
        f"{name} {explanation.prediction[label]:.3g}   "
        f"(surrogate {surrogate:.3g}, fidelity {fidelity:.2f})"
    )


def _draw_lanes(
    ax: Axes, audio: AudioComponents, weights: np.ndarray, largest: float, unit: str
) -> None:
    """Draw one lane per source: segments coloured by weight, and waveforms, if there are any."""
    n_sources = len(audio.source_names)
    tiles = ax.pcolormesh(
        audio.times,
        np.arange(n_sources + 1),
        weights.reshape(n_sources, audio.n_segments),
        cmap=colour_map(DIVERGING),
        vmin=-largest,
        vmax=largest,
        edgecolors="#bbbbbb",
        linewidth=0.5,
    )
    sources = np.zeros((0, 1)) if audio.sources is None else audio.sources
    peak = float(np.abs(sources).max(initial=0.0)) or 1.0
    for lane, source in enumerate(sources):
        starts, low, high = envelope(source, ENVELOPE_SPANS)
        times = starts / audio.sampling_rate
        middle, half = lane + 0.5, 0.46 / peak
        ax.fill_between(
            times, middle + half * low, middle + half * high, color="#222222", alpha=0.4, lw=0
        )
    ax.set_ylim(n_sources, 0)
    ax.set_xlim(audio.times[0], audio.times[-1])
    ax.set_yticks(np.arange(n_sources) + 0.5)
    draw_text(ax.set_yticklabels, [shorten(name) for name in audio.source_names])
    ax.set_xlabel("seconds")
    ax.figure.colorbar(tiles, ax=ax, label=unit, pad=0.01, aspect=12)


def envelope(waveform: np.ndarray, n_spans: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divide a waveform into spans; return their starts in samples, their minima and maxima."""
    starts = np.unique(np.linspace(0, len(waveform), n_spans + 1, dtype=int)[:-1])
    low, high = np.minimum.reduceat(waveform, starts), np.maximum.reduceat(waveform, starts)
    return starts, low, high


def _draw_bars(
    ax: Axes, title: str, names: Sequence[str], frame: pd.DataFrame, largest: float
) -> None:
    """Draw weights as bars with 95 % intervals, the first on top, with numbers beside the bars."""
    weights, reach = frame["weight"].to_numpy(), (frame["high"] - frame["weight"]).to_numpy()
    places = np.arange(len(frame))
    ax.barh(
        places,
        weights,
        color=[FOR if w >= 0 else AGAINST for w in weights],
        xerr=reach,
        error_kw=WHISKERS,
    )
    known = np.nan_to_num(reach)  # bars without an interval have no whiskers
    limit = 1.6 * max(largest, float(np.max(np.abs(weights) + known, initial=0.0)))
    for place, weight, error in zip(places, weights, known, strict=True):
        ax.annotate(
            f"{weight:+.3g}",
            (weight + np.copysign(error, weight), place),
            xytext=(3 if weight >= 0 else -3, 0),
            textcoords="offset points",
            ha="left" if weight >= 0 else "right",
            va="center",
            fontsize=8,
        )
    ax.axvline(0, color="#444444", linewidth=0.8)
    ax.set_xlim(-limit, limit)
    name_bars(ax, names, length=2 * MAX_NAME, fontsize=9, numbers=None)
    ax.set_title(title, fontsize=9)


def name_bars(
    ax: Axes,
    names: Iterable[str],
    *,
    length: int = MAX_NAME,
    fontsize: int = 8,
    numbers: int | None = 8,
) -> None:
    """Label horizontal bars with names of at most `length` characters; set the font sizes."""
    texts = [shorten(name, length) for name in names]
    ax.set_yticks(np.arange(len(texts)))
    draw_text(ax.set_yticklabels, texts, fontsize=fontsize)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    if numbers is not None:
        ax.tick_params(axis="x", labelsize=numbers)
