"""HTML pages of the differences between two versions of a model."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from sklearn_musiclime._runtime.files import write_text
from sklearn_musiclime.components.readable import named
from sklearn_musiclime.neighbourhood import NEW, OLD, difference_of, of_version, version_and_label
from sklearn_musiclime.report.html import environment
from sklearn_musiclime.report.local_page import local_page
from sklearn_musiclime.report.page import failed_songs, numbers, own_code

if TYPE_CHECKING:
    import pandas as pd

    from sklearn_musiclime.results.global_tables import GlobalResult
    from sklearn_musiclime.results.local import LocalResult

MAX_ROWS = 30
"""Largest number of components of a table, unless more are significant."""
MAX_SIGNIFICANT = 200
MAX_BARS = 12


@dataclass(frozen=True)
class _Named:
    """A label of a version, shown as `text`."""

    label: Hashable
    text: str

    def __str__(self) -> str:
        return self.text


def write_local_difference_page(
    both: LocalResult, tables: Sequence[tuple[Hashable, pd.DataFrame]], path: str | PathLike[str]
) -> Path:
    """Write what differs between two versions for a song to an HTML file.

    Parameters
    ----------
    both : LocalExplanation
        Explanation of both versions as one model, with its waveforms.
    tables : sequence of (label, DataFrame)
        Each label that is compared, and its table of both versions' weights.
    path : path-like
        The HTML file.

    Returns
    -------
    Path
        The HTML file.
    """
    path, columns = Path(path), list[Hashable]()
    names: list[Hashable] = []
    for label, _ in tables:
        columns += [difference_of(label), of_version(NEW, label), of_version(OLD, label)]
        names += [_Named(label, f"{label}: {what}") for what in ("new − old", NEW, OLD)]
    scores: dict[Hashable, float] = {
        _Named(label, f"{label}: {version}"): score
        for name, score in both.prediction.items()
        for version, label in [version_and_label(name)]
    }
    own = {name: both.prediction[column] for name, column in zip(names, columns, strict=True)}
    shown = replace(
        both.of_rows([both.label_index(column) for column in columns]),
        labels=names,
        prediction=scores | own,
    )
    text = local_page(
        shown, by_version=[version_table(*table, named(both.components)) for table in tables]
    )
    write_text(path, text, errors="backslashreplace")
    return path


def write_global_difference_page(
    both: GlobalResult,
    tables: Sequence[tuple[Hashable, pd.DataFrame]],
    path: str | PathLike[str],
    *,
    title: str,
    songs: Sequence[tuple[str, Hashable, float, Path]],
) -> Path:
    """Write what differs between two versions over many songs to an HTML file.

    Parameters
    ----------
    both : GlobalExplanation
        Explanation of both versions as one model.
    tables : sequence of (label, DataFrame)
        Each class that is compared, and its table of both versions' mean weights.
    path : path-like
        The HTML file.
    title : str
        Heading of the page.
    songs : sequence of (title, label, difference, page)
        Songs with pages of their own in the same folder.

    Returns
    -------
    Path
        The HTML file.
    """
    path = Path(path)
    n_songs = dict.fromkeys((label for label, _ in tables), 0)
    known = both._known_songs("differences")
    for label in n_songs:
        n_songs[label] = sum(own == difference_of(label) for own in known["label"])
    text = (
        environment()
        .get_template("difference_page.html.jinja")
        .render(
            title=title,
            **own_code("difference_page.js"),
            about=f"{known['row'].nunique()} songs, {len(tables)} classes.",
            tables=[
                version_table(label, frame)
                | {
                    "label": str(label),
                    "n": n_songs[label],
                    "n_components": len(frame),
                    "n_significant": int(frame["significant"].sum()),
                }
                for label, frame in tables
            ],
            songs=[
                {
                    "title": title,
                    "label": str(label),
                    "score": f"{difference:+.3g}",
                    "page": quote(os.fsencode(page.name), safe=""),
                }
                for title, label, difference, page in songs
            ],
            failures=failed_songs(both.failures),
            data=[_bars(frame) for _, frame in tables],
        )
    )
    write_text(path, text, errors="backslashreplace")
    return path


def version_table(
    label: Hashable, frame: pd.DataFrame, names: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the texts of a table of both versions' weights.

    Parameters
    ----------
    label : label
        What was compared.
    frame : DataFrame
        Table of the components, with ``old``, ``new``, ``difference`` and its test.
    names : mapping of str to str, or None, default=None
        What the components are called. None: their names.

    Returns
    -------
    dict
        ``caption``, ``has_groups``, and ``rows``: the significant differences, and others up to 30
        rows; the largest first.
    """
    frame = frame.iloc[np.argsort(-frame["difference"].abs().to_numpy(), kind="stable")]
    first = frame[frame["significant"]].head(MAX_SIGNIFICANT)
    others = frame[~frame["significant"]].head(max(MAX_ROWS - len(first), 0))
    has_groups = "n_groups" in frame
    rows = [
        {
            "component": row.component if names is None else names[row.component],
            "old": f"{row.old:+.3g}",
            "new": f"{row.new:+.3g}",
            "difference": f"{row.difference:+.3g}",
            "interval": "–" if np.isnan(row.low) else f"{row.low:+.3g} to {row.high:+.3g}",
            "q": "–" if np.isnan(row.q_value) else f"{row.q_value:.2g}",
            "significant": bool(row.significant),
            "n_groups": row.n_groups if has_groups else None,
        }
        for part in (first, others)
        for row in part.itertuples()
    ]
    return {"caption": str(label), "has_groups": has_groups, "rows": rows}


def _bars(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The largest differences, the significant ones first."""
    order = np.lexsort([-frame["difference"].abs().to_numpy(), ~frame["significant"].to_numpy()])
    top = frame.iloc[order].head(MAX_BARS)
    return [
        {"name": row.component, "difference": row.difference, "low": low, "high": high,
         "text": f"{row.old:+.2g} → {row.new:+.2g}"}
        for row, low, high in zip(
            top.itertuples(), numbers(top["low"]), numbers(top["high"]), strict=True
        )
    ]  # fmt: skip
