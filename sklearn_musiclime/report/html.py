"""HTML summaries of explanations, and the template engine, which escapes all text of users."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from sklearn_musiclime.components.decomposition import MODALITIES
from sklearn_musiclime.report.colours import weight_colours

if TYPE_CHECKING:
    from jinja2 import Environment

    from sklearn_musiclime.components.lyrics import LyricComponents
    from sklearn_musiclime.results.global_tables import GlobalResult
    from sklearn_musiclime.results.local import LocalResult


def local_summary(explanation: LocalResult, n: int = 8) -> str:
    """Summarise a local explanation for a notebook.

    Parameters
    ----------
    explanation : LocalExplanation
        The explanation; its first label is shown.
    n : int, default=8
        Number of components per modality.

    Returns
    -------
    str
        An HTML fragment without script: the prediction, the largest weights, and the lyrics with
        words coloured by weight.
    """
    weights = explanation.weights[0]
    largest = float(np.abs(weights).max(initial=0.0))
    components = explanation.components
    lyrics = components.lyrics
    parts = {"audio": components.audio, "lyrics": lyrics, "columns": components.columns}
    shown = dict(zip(components.names, components.shown, strict=True))
    tables = {
        modality: [
            (
                shown[row.component],
                row.weight,
                row.high - row.weight,
                colour,
            )
            for row, colour in zip(
                top.itertuples(), weight_colours(top["weight"], largest), strict=True
            )
        ]
        for modality, part in parts.items()
        if part is not None
        for top in [explanation.top(n, modality=modality)]
    }
    lyric_weights = weights[components.place("lyrics")]
    return (
        environment()
        .get_template("local_summary.html.jinja")
        .render(
            explanation=explanation,
            tables=tables,
            lanes=_lanes(explanation, largest),
            pairs=[]
            if explanation.interaction_terms is None
            else list(explanation.interactions().head(n // 2).itertuples()),
            lyrics=[]
            if lyrics is None
            else _coloured(lyrics, weight_colours(lyric_weights, largest)),
        )
    )


def global_summary(explanation: GlobalResult, n: int = 6) -> str:
    """Summarise a global explanation for a notebook.

    Parameters
    ----------
    explanation : GlobalExplanation
        The explanation.
    n : int, default=6
        Number of components per class and modality.

    Returns
    -------
    str
        An HTML fragment without script: the components of the highest "average" importance for
        each class.
    """
    values = explanation.importance()
    has_columns = any(c.modality == "columns" for c in explanation.components)
    modalities = MODALITIES if has_columns else MODALITIES[:2]
    rows = []
    for column, label in enumerate(explanation.labels):
        tops = []
        for modality in modalities:
            known = values.iloc[:, column][[c.modality == modality for c in explanation.components]]
            top = known.dropna().sort_values(ascending=False, kind="stable").head(n)
            colours = weight_colours(top.to_numpy(), float(top.max()) if len(top) else 0.0)
            tops.append(list(zip(top.index, top, colours, strict=True)))
        rows.append((label, tops))
    return (
        environment()
        .get_template("global_summary.html.jinja")
        .render(about=repr(explanation).strip("<>"), rows=rows, modalities=modalities)
    )


def _lanes(explanation: LocalResult, largest: float) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return (source, cells) for each source; a cell is the (text, colour) of a segment."""
    audio_map = explanation.audio_map()
    return [
        (
            source,
            [
                (f"{source}@{segment} {weight:+.3g}", colour)
                for segment, (weight, colour) in enumerate(
                    zip(row, weight_colours(row, largest), strict=True)
                )
            ],
        )
        for source, row in zip(audio_map.index, audio_map.to_numpy(), strict=True)
    ]


def _coloured(lyrics: LyricComponents, colours: list[str]) -> list[tuple[str, str | None]]:
    """Return the lyrics in pieces of (text, colour); the colour is None outside components."""
    return [
        (text, None if component is None else colours[component])
        for text, component, _ in lyrics.pieces()
    ]


@cache
def environment() -> Environment:
    """Return the template environment, which escapes all inserted values.

    Jinja is imported when this function is called first.
    """
    from jinja2 import Environment, PackageLoader

    found = Environment(
        loader=PackageLoader("sklearn_musiclime.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["reach"] = lambda value: "–" if np.isnan(value) else f"{value:.2g}"
    return found
