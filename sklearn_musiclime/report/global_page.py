"""The HTML page of a model over many songs."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from itertools import combinations
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from sklearn_musiclime._runtime.files import write_text
from sklearn_musiclime.report.html import environment
from sklearn_musiclime.report.local_page import MAX_INTERACTIONS, write_local_page
from sklearn_musiclime.report.page import failed_songs, numbers, own_code, song_page
from sklearn_musiclime.results.importance import METHODS
from sklearn_musiclime.surrogate import margin
from sklearn_musiclime.surrogate.confidence import CONFIDENCE_LEVEL

if TYPE_CHECKING:
    import pandas as pd

    from sklearn_musiclime.results.global_tables import GlobalResult

MAX_WORDS = 40
MAX_APART = 16
MAX_COMPARED = 10
"""Number of classes, those of the most songs, whose differences are shown with intervals."""


def write_global_page(
    explanation: GlobalResult,
    path: str | PathLike[str],
    *,
    title: str,
    n_songs: int,
    min_count: int,
) -> Path:
    """Write a global explanation to an HTML file, and pages of picked songs beside it.

    Parameters
    ----------
    explanation : GlobalExplanation
        The explanation. Pages are written for those picked songs whose local explanations it
        contains.
    path : path-like
        The HTML file.
    title : str
        Heading of the page.
    n_songs : int
        Largest number of picked songs.
    min_count : int
        Smallest number of explanations that contain a component.

    Returns
    -------
    Path
        The HTML file.
    """
    path = Path(path)
    songs = []
    if explanation.songs is not None:
        by_row = {e.row: e for e in explanation.explanations or []}
        for song in explanation.pick(n_songs).itertuples():
            link = None
            if song.row in by_row:
                page = song_page(path, song.row)
                write_local_page(by_row[song.row], page)
                link = quote(os.fsencode(page.name), safe="")
            songs.append(
                {
                    "title": song.title,
                    "label": str(song.label),
                    "score": f"{song.score:.3g}",
                    "page": link,
                }
            )
    text = global_page(explanation, title=title, songs=songs, min_count=min_count)
    write_text(path, text, errors="backslashreplace")
    return path


def global_page(
    explanation: GlobalResult,
    *,
    title: str,
    songs: list[dict[str, Any]],
    min_count: int,
) -> str:
    """Render a global explanation as an HTML document.

    Parameters
    ----------
    explanation : GlobalExplanation
        The explanation.
    title : str
        Heading of the page.
    songs : list of dict
        Picked songs: ``title``, ``label``, ``score`` and ``page`` (a relative URL, or None) of
        each.
    min_count : int
        Smallest number of explanations that contain a component.

    Returns
    -------
    str
        A self-contained HTML document.
    """
    values = {m: explanation.importance(m, min_count=min_count).to_numpy().T for m in METHODS}
    bounds, shares = np.full((2, *explanation.counts.shape), np.nan), None
    if explanation.songs is not None:
        bounds = np.stack(
            [bound.to_numpy().T for bound in explanation.interval(min_count=min_count)]
        )
        shares = explanation.modality_share()
    shown = _columns_shown(explanation, values)
    place = {column: number for number, column in enumerate(shown)}
    n_songs_of = [0] * len(explanation.labels) if shares is None else shares["n_explanations"]
    most = np.argsort(-np.asarray(n_songs_of), kind="stable")[:MAX_COMPARED]
    classes = [
        {
            "name": str(label),
            "n": None if shares is None else int(shares["n_explanations"].iloc[index]),
            "interactions": _interactions(explanation, label),
            "shares": None
            if shares is None
            else _shares(shares.iloc[index], explanation.share_names),
            "importance": {m: numbers(v[index, shown]) for m, v in values.items()},
            "low": numbers(bounds[0, index, shown]),
            "high": numbers(bounds[1, index, shown]),
        }
        for index, label in enumerate(explanation.labels)
    ]
    components = [explanation.components[column] for column in shown]
    n_songs = "" if explanation.songs is None else f"{len(explanation.songs)} explanations, "
    return (
        environment()
        .get_template("global_page.html.jinja")
        .render(
            title=title,
            **own_code("global_page.js"),
            about=f"{n_songs}{len(explanation.labels)} classes.",
            n_classes=len(classes),
            songs=songs,
            has_audio=any(c.modality == "audio" for c in components),
            failures=failed_songs(explanation.failures),
            data={
                "classes": classes,
                "songs": songs,
                "apart": {}
                if explanation.songs is None
                else {
                    f"{min(pair)} {max(pair)}": {
                        method: _apart(explanation, pair, method, min_count, place)
                        for method in METHODS
                    }
                    for pair in combinations(sorted(most.tolist()), 2)
                },
                "components": [
                    {
                        "name": c.name,
                        "modality": c.modality,
                        "source": c.source,
                        "segment": c.segment or 0,
                    }
                    for c in components
                ],
            },
        )
    )


def _interactions(
    explanation: GlobalResult, label: Hashable
) -> list[tuple[str, float, float | None]] | None:
    """Return name, weight and reach of significant interactions; None if none were estimated."""
    if explanation.pair_totals is None:
        return None
    found = explanation.interactions(label).head(MAX_INTERACTIONS)
    reach = margin(found["std_err"].to_numpy(), found["n_groups"].to_numpy() - 1, CONFIDENCE_LEVEL)
    names = found["first"] + " × " + found["second"]
    return list(zip(names, found["weight"].tolist(), numbers(reach), strict=True))


def _apart(
    explanation: GlobalResult,
    pair: tuple[int, int],
    method: str,
    min_count: int,
    place: dict[int, int],
) -> list[tuple[Any, ...]]:
    """Return number, difference and bounds of the components that tell two classes apart most."""
    first, second = (explanation.labels[index] for index in pair)
    found = explanation.compare(first, second, method=method, min_count=min_count)
    at = {
        c.name: place[column] for column, c in enumerate(explanation.components) if column in place
    }
    rows = [
        (at[row.component], float(row.difference), *numbers(np.array([row.low, row.high])))
        for row in found.itertuples()
        if row.component in at and not np.isnan(row.difference) and row.difference != 0
    ]
    return rows[:MAX_APART]


def _columns_shown(explanation: GlobalResult, values: dict[str, np.ndarray]) -> list[int]:
    """Return the columns of all components but words, and of top words of any class and method."""
    is_word = np.array([c.modality == "lyrics" for c in explanation.components], dtype=bool)
    shown = set(np.flatnonzero(~is_word).tolist())
    for of_method in values.values():
        for of_class in of_method:
            words = np.flatnonzero(is_word & ~np.isnan(of_class))
            shown |= set(words[np.argsort(-of_class[words], kind="stable")[:MAX_WORDS]].tolist())
    return sorted(shown)


def _shares(row: pd.Series, names: Sequence[str]) -> dict[str, float] | None:
    shares = {name: float(row[name]) for name in names}
    return None if np.isnan(list(shares.values())).any() else shares
