"""Explanations drawn with matplotlib.

Figures are made without pyplot, so nothing piles up over a corpus. Text of songs is never read as
mathematical markup, dollars or not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sklearn_musiclime.components.decomposition import AudioComponents
from sklearn_musiclime.components.lyrics import LyricComponents
from sklearn_musiclime.report.colours import AGAINST, DIVERGING, FOR, weight_colours

if TYPE_CHECKING:
    from sklearn_musiclime.explanation.local import LocalExplanation

WIDTH = 10.0
LYRICS_COLUMNS = 100
LYRICS_POINTS = 8.5
COLUMN_POINTS = 0.602 * LYRICS_POINTS  # the advance of DejaVu Sans Mono
MAX_LYRICS_LINES = 40
MAX_NAME = 24
# matplotlib's own font, then such as have the scripts that it lacks, where they are installed.
SANS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans", "Hiragino Sans", "Yu Gothic")
MONO = ("DejaVu Sans Mono", *SANS[1:])

Piece = tuple[int, str, int | None]


def plot_local(
    explanation: LocalExplanation, label: Hashable | None = None, *, n: int = 12
) -> Figure:
    """Draw a local explanation.

    Parameters
    ----------
    explanation : LocalExplanation
        What is drawn.
    label : label or None, default=None
        The label. None: the first.
    n : int, default=12
        Bars a modality.

    Returns
    -------
    matplotlib.figure.Figure
        The lanes of the sources, the bars, the lyrics: as much of it as was explained.
    """
    index = explanation.label_index(label)
    label = explanation.labels[index]
    weights = explanation.weights[index]
    audio, lyrics = explanation.components.audio, explanation.components.lyrics
    n_audio = explanation.components.n_audio
    largest = float(np.abs(weights).max(initial=0.0)) or 1.0

    lines = [] if lyrics is None else _lyrics_lines(lyrics)
    tops = {
        modality: explanation.top(n, label, modality=modality)
        for modality, part in (("audio", audio), ("lyrics", lyrics))
        if part is not None
    }
    n_bars = max(1, *(len(top) for top in tops.values()))
    pairs = pd.DataFrame()
    if explanation.interaction_terms is not None:
        pairs = explanation.interactions(label).head(n)
    heights = {
        "lanes": 0.0 if audio is None else 0.5 + 0.6 * len(audio.source_names),
        "bars": 0.8 + 0.2 * n_bars,
        "interactions": 0.0 if pairs.empty else 0.8 + 0.2 * max(len(pairs), 3),
        "lyrics": 0.0 if not lines else 0.4 + 0.19 * len(lines),
    }
    rows = [name for name, height in heights.items() if height]
    figure = Figure(figsize=(WIDTH, 0.7 + sum(heights.values())), layout="constrained")
    grid = figure.add_gridspec(len(rows), len(tops), height_ratios=[heights[name] for name in rows])
    write_text(figure.suptitle, _heading(explanation, index), fontsize=11, x=0.01, ha="left")
    for row, name in enumerate(rows):
        if name == "lanes":
            _draw_lanes(figure.add_subplot(grid[row, :]), audio, weights[:n_audio], largest)
        elif name == "bars":
            for column, (modality, top) in enumerate(tops.items()):
                names = top["component"] if modality == "audio" else top["text"]
                ax = figure.add_subplot(grid[row, column])
                _draw_bars(ax, f"{modality}: against  |  for", names, top, largest)
                ax.set_ylim(n_bars - 0.5, -0.5)
        elif name == "interactions":
            names = pairs["first"] + "  x  " + pairs["second"]
            ax = figure.add_subplot(grid[row, :])
            _draw_bars(ax, "together, beyond what each adds", names, pairs, largest)
            ax.set_ylim(max(len(pairs), 3) - 0.5, -0.5)  # a lone bar is no thicker
        else:
            _draw_lyrics(figure.add_subplot(grid[row, :]), lines, weights[n_audio:], largest)
    return figure


def _heading(explanation: LocalExplanation, index: int) -> str:
    label = explanation.labels[index]
    name = f"{shorten(explanation.title, 60)}: {shorten(str(label))}"
    surrogate, fidelity = explanation.local_prediction[index], explanation.fidelity[index]
    return (
        f"{name} {explanation.prediction[label]:.3g}   "
        f"(surrogate {surrogate:.3g}, fidelity {fidelity:.2f})"
    )


def _draw_lanes(ax: Axes, audio: AudioComponents, weights: np.ndarray, largest: float) -> None:
    """A lane a source: segments coloured by weight, the source's waveform over them."""
    n_sources = len(audio.source_names)
    tiles = ax.pcolormesh(
        audio.times,
        np.arange(n_sources + 1),
        weights.reshape(n_sources, audio.n_segments),
        cmap=DIVERGING,
        vmin=-largest,
        vmax=largest,
        edgecolors="#bbbbbb",
        linewidth=0.5,
    )
    peak = float(np.abs(audio.sources).max()) or 1.0
    for lane, source in enumerate(audio.sources):
        times, low, high = _envelope(source, audio.sampling_rate)
        middle, half = lane + 0.5, 0.46 / peak
        ax.fill_between(
            times, middle + half * low, middle + half * high, color="#222222", alpha=0.4, lw=0
        )
    ax.set_ylim(n_sources, 0)
    ax.set_xlim(audio.times[0], audio.times[-1])
    ax.set_yticks(np.arange(n_sources) + 0.5)
    write_text(ax.set_yticklabels, [shorten(name) for name in audio.source_names])
    ax.set_xlabel("seconds")
    ax.figure.colorbar(tiles, ax=ax, label="weight", pad=0.01, aspect=12)


def _envelope(waveform: np.ndarray, sampling_rate: float) -> tuple[np.ndarray, ...]:
    """Times, minima and maxima of a waveform in at most 1,000 spans."""
    starts = np.unique(np.linspace(0, len(waveform), 1001, dtype=int)[:-1])
    low, high = np.minimum.reduceat(waveform, starts), np.maximum.reduceat(waveform, starts)
    return starts / sampling_rate, low, high


def _draw_bars(ax: Axes, title: str, names: pd.Series, frame: pd.DataFrame, largest: float) -> None:
    """Weights with their 95 % intervals, the largest on top; numbers instead of an axis."""
    weights, reach = frame["weight"].to_numpy(), 1.96 * frame["std_err"].to_numpy()
    places = np.arange(len(frame))
    ax.barh(
        places,
        weights,
        color=[FOR if w >= 0 else AGAINST for w in weights],
        xerr=reach,
        error_kw={"elinewidth": 1, "ecolor": "#444444", "capsize": 2},
    )
    limit = 1.6 * max(largest, float(np.max(np.abs(weights) + reach, initial=0.0)))
    for place, weight, error in zip(places, weights, reach, strict=True):
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
    ax.set_yticks(places)
    write_text(ax.set_yticklabels, [shorten(name, 2 * MAX_NAME) for name in names], fontsize=9)
    ax.set_title(title, fontsize=9)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)


def _draw_lyrics(ax: Axes, lines: list[list[Piece]], weights: np.ndarray, largest: float) -> None:
    """The lyrics in a monospaced grid, the units coloured by weight."""
    colours = weight_colours(weights, largest)
    ax.set_ylim(len(lines), 0)
    ax.axis("off")
    for row, pieces in enumerate(lines):
        for column, text, component in pieces:
            patch = None
            if component is not None:
                patch = {"facecolor": colours[component], "edgecolor": "none", "pad": 1.0}
            write_text(
                ax.annotate,
                text,
                (0, row + 0.5),
                (column * COLUMN_POINTS, 0),
                textcoords="offset points",
                va="center",
                fontsize=LYRICS_POINTS,
                bbox=patch,
                fonts=MONO,
            )


def _lyrics_lines(lyrics: LyricComponents) -> list[list[Piece]]:
    """Lay lyrics out in lines of (column, text, component or None)."""
    owner = lyrics.owners()
    lines: list[list[Piece]] = []
    at = 0
    for line in lyrics.text.splitlines(keepends=True):
        lines.append([])
        column = 0
        for token in re.finditer(rf"\S{{1,{LYRICS_COLUMNS // 2}}}", line):
            if column and column + _columns(token.group()) > LYRICS_COLUMNS:
                lines.append([])
                column = 0
            for component, run in groupby(range(*token.span()), key=lambda i: owner[at + i]):
                run = list(run)
                text = line[run[0] : run[-1] + 1]
                lines[-1].append((column, text, None if component < 0 else int(component)))
                column += _columns(text)
            column += line[token.end() : token.end() + 1].isspace()
        at += len(line)
    if len(lines) > MAX_LYRICS_LINES:
        n_left = len(lines) - MAX_LYRICS_LINES + 1
        lines = [*lines[: MAX_LYRICS_LINES - 1], [(0, f"… {n_left} more lines", None)]]
    return lines


def _columns(text: str) -> int:
    """How many columns of a monospaced grid a text takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shorten(text: str, length: int = MAX_NAME) -> str:
    """Return a text in one line of at most so many characters."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"


def write_text(
    draw: Callable[..., Any], *args: Any, fonts: Sequence[str] = SANS, **properties: Any
) -> None:
    """Call a matplotlib function that writes, with text that is nothing but text."""
    args = [
        [_printable(t) for t in arg] if isinstance(arg, list)
        else _printable(arg) if isinstance(arg, str)
        else arg
        for arg in args
    ]  # fmt: skip
    draw(*args, parse_math=False, family=_installed(tuple(fonts)), **properties)


def _printable(text: str) -> str:
    """A text without what has no glyph: control characters and lone surrogates."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)


@cache
def _installed(fonts: tuple[str, ...]) -> list[str]:
    known = set(font_manager.get_font_names())
    return [font for font in fonts if font in known]
