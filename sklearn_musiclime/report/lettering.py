"""Text in figures, drawn literally: dollar signs never start mathematical markup."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from sklearn_musiclime.report.canvas import installed

MAX_NAME = 24
"""Largest number of characters of a name."""
# matplotlib's own font, then fonts for scripts that it lacks, which are used if installed.
SANS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans", "Hiragino Sans", "Yu Gothic")
MONO = ("DejaVu Sans Mono", *SANS[1:])


def shorten(text: str, length: int = MAX_NAME) -> str:
    """Return a text as one line of at most `length` characters."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"


def draw_text(
    draw: Callable[..., Any], *args: Any, fonts: Sequence[str] = SANS, **properties: Any
) -> None:
    """Call a matplotlib function that draws text, so that its strings are drawn literally."""
    printable = [
        [_printable(t) for t in arg] if isinstance(arg, list)
        else _printable(arg) if isinstance(arg, str)
        else arg
        for arg in args
    ]  # fmt: skip
    draw(*printable, parse_math=False, family=installed(tuple(fonts)), **properties)


def _printable(text: str) -> str:
    """Replace characters without a glyph: control characters and lone surrogates."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
