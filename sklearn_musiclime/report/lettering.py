"""Text in figures: what a user wrote, as it stands and never as mathematical markup."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from sklearn_musiclime.report.canvas import installed

MAX_NAME = 24
"""Characters of a name."""
# matplotlib's own font, then such as have the scripts that it lacks, where they are installed.
SANS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans", "Hiragino Sans", "Yu Gothic")
MONO = ("DejaVu Sans Mono", *SANS[1:])


def shorten(text: str, length: int = MAX_NAME) -> str:
    """Return a text in one line of at most so many characters."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"


def draw_text(
    draw: Callable[..., Any], *args: Any, fonts: Sequence[str] = SANS, **properties: Any
) -> None:
    """Call a matplotlib function that writes, with text that is nothing but text."""
    args = [
        [_printable(t) for t in arg] if isinstance(arg, list)
        else _printable(arg) if isinstance(arg, str)
        else arg
        for arg in args
    ]  # fmt: skip
    draw(*args, parse_math=False, family=installed(tuple(fonts)), **properties)


def _printable(text: str) -> str:
    """A text without what has no glyph: control characters and lone surrogates."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
