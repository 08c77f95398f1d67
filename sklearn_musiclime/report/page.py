"""What the HTML pages share: single files that open from disk.

Text of users, such as lyrics, titles and class names, never becomes markup or script. The template
engine escapes it, the page's script inserts it as text, and a Content-Security-Policy allows only
this script, identified by its hash, and forbids the page to load anything.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sklearn_musiclime.songs import row_name

if TYPE_CHECKING:
    import pandas as pd


def song_page(path: Path, row: int) -> Path:
    """Return the path of a song's page, beside the page of many songs at `path`."""
    # Only the ending of an HTML file is removed, so that pages of "run.1" and "run.2" differ.
    name = path.stem if path.suffix in (".html", ".htm") else path.name
    return path.with_name(f"{name}-song-{row}.html")


def failed_songs(failures: pd.DataFrame) -> list[dict[str, str]]:
    """Return row, title and reason of the songs that could not be explained, as pages show them."""
    return [
        {"row": row_name(row, track_id), "title": title, "reason": reason}
        for row, track_id, title, reason in failures.itertuples(index=False)
    ]


def numbers(values: np.ndarray) -> list[float | None]:
    """Return a list of numbers for JSON, with None for NaN."""
    return [None if np.isnan(value) else float(value) for value in values]


def _text(name: str) -> str:
    return files("sklearn_musiclime.report").joinpath("templates", name).read_text(encoding="utf-8")


def own_code(*scripts: str) -> dict[str, str]:
    """Return the style and script of a page, with their hashes for its Content-Security-Policy."""
    script = "".join(_text(name) for name in ("page.js", *scripts))
    code = {"style": _text("page.css"), "script": script}
    return code | {f"{kind}_hash": _hash(text) for kind, text in code.items()}


def _hash(text: str) -> str:
    """Return the hash by which a Content-Security-Policy identifies a script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
