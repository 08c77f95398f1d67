"""Text in figures, drawn literally: dollar signs never start mathematical markup."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from sklearn_musiclime.report.fonts import fonts_for, warn_of_missing

MAX_NAME = 24
"""Largest number of characters of a name."""
SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"
"""matplotlib's own fonts."""


def shorten(text: str, length: int = MAX_NAME) -> str:
    """Return a text as one line of at most `length` characters."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"


def draw_text(draw: Callable[..., Any], *args: Any, font: str = SANS, **properties: Any) -> None:
    """Call a matplotlib function that draws text, so that its strings are drawn literally."""
    printable = _converted(args, _printable)
    text = "".join("".join(arg) for arg in printable if isinstance(arg, list | str))
    families, missing = fonts_for(text, font)
    warn_of_missing(missing)
    boxes = str.maketrans(dict.fromkeys(missing, "\ufffd"))
    draw(
        *_converted(printable, lambda t: t.translate(boxes)),
        parse_math=False, family=families, **properties,
    )  # fmt: skip


def _converted(args: Sequence[Any], convert: Callable[[str], str]) -> list[Any]:
    """Convert the strings of arguments, and those of lists."""
    return [
        [convert(text) for text in arg] if isinstance(arg, list)
        else convert(arg) if isinstance(arg, str)
        else arg
        for arg in args
    ]  # fmt: skip


def _printable(text: str) -> str:
    """Replace characters without a glyph: control characters and lone surrogates."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
