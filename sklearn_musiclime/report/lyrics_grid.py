"""Lyrics on a grid of columns of equal width, in which each component has the colour of its weight.

matplotlib wraps a text of one colour only, so the lines are made here.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from sklearn_musiclime.components.lyrics import LyricComponents
from sklearn_musiclime.report.colours import weight_colours
from sklearn_musiclime.report.lettering import MONO, draw_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FONT_POINTS = 8.5
COLUMN_POINTS = 0.602 * FONT_POINTS  # advance width of DejaVu Sans Mono
MAX_LINES = 40

Piece = tuple[int, str, int | None]
"""First column, text, and number of its component; None outside of any."""


def draw_lyrics(ax: Axes, lines: list[list[Piece]], weights: np.ndarray, largest: float) -> None:
    """Draw lyrics, with components coloured by weight.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The axes, which get one row per line.
    lines : list of list of Piece
        The lines.
    weights : ndarray of shape (n_components,)
        Weights of the components.
    largest : float
        Absolute weight of the deepest colour.
    """
    colours = weight_colours(weights, largest)
    ax.set_ylim(len(lines), 0)
    ax.axis("off")
    for row, pieces in enumerate(lines):
        for column, text, component in pieces:
            patch = None
            if component is not None:
                patch = {"facecolor": colours[component], "edgecolor": "none", "pad": 1.0}
            draw_text(
                ax.annotate,
                text,
                (0, row + 0.5),
                (column * COLUMN_POINTS, 0),
                textcoords="offset points",
                va="center",
                fontsize=FONT_POINTS,
                bbox=patch,
                font=MONO,
            )


def lyrics_lines(lyrics: LyricComponents, n_columns: int) -> list[list[Piece]]:
    """Divide lyrics into lines.

    Parameters
    ----------
    lyrics : LyricComponents
        The lyrics.
    n_columns : int
        Number of columns. Longer lines are wrapped, and words of more than half of it are cut.

    Returns
    -------
    list of list of Piece
        The lines, at most `MAX_LINES`; the last one tells how many more there are.
    """
    owner = lyrics.owners()
    lines: list[list[Piece]] = []
    at = 0
    for line in lyrics.text.splitlines(keepends=True):
        first = len(lines)
        lines.append([])
        column = 0
        for token in re.finditer(rf"\S{{1,{n_columns // 2}}}", line):
            if column and column + _columns(token.group()) > n_columns:
                lines.append([])
                column = 0
            for component, group in groupby(range(*token.span()), key=lambda i: owner[at + i]):
                run = list(group)
                text = line[run[0] : run[-1] + 1]
                lines[-1].append((column, text, None if component < 0 else int(component)))
                column += _columns(text)
            column += line[token.end() : token.end() + 1].isspace()
        at += len(line)
        if _runs_leftwards(line):
            lines[first:] = [_mirrored(pieces, n_columns) for pieces in lines[first:]]
    if len(lines) > MAX_LINES:
        n_left = len(lines) - MAX_LINES + 1
        lines = [*lines[: MAX_LINES - 1], [(0, f"… {n_left} more lines", None)]]
    return lines


def _runs_leftwards(line: str) -> bool:
    """Whether the first letter of a line is of a script that is written from right to left."""
    directions = (unicodedata.bidirectional(c) for c in line)
    return next((d for d in directions if d in ("L", "R", "AL")), "L") != "L"


def _mirrored(pieces: list[Piece], n_columns: int) -> list[Piece]:
    """Return the pieces of a line in the columns that they have from the right."""
    return [
        (n_columns - column - _columns(text), text, component) for column, text, component in pieces
    ]


def _columns(text: str) -> int:
    """Return the number of columns that a text takes in a monospaced grid."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
