"""HTML summaries of explanations, and the template engine, which escapes all text of users."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_musiclime.components.decomposition import MODALITIES
from sklearn_musiclime.components.readable import named, segment_times
from sklearn_musiclime.report.colours import weight_colours
from sklearn_musiclime.report.plots import envelope
from sklearn_musiclime.report.sentences import certainty, question

if TYPE_CHECKING:
    from jinja2 import Environment

    from sklearn_musiclime.components.decomposition import AudioComponents
    from sklearn_musiclime.components.lyrics import LyricComponents
    from sklearn_musiclime.results.global_tables import GlobalResult
    from sklearn_musiclime.results.local import LocalResult

OUTLINE_SPANS = 250
MAX_TICKS = 12
LINE_BREAK = re.compile(r"\r\n|[\n\r\u2028\u2029]")


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
    shown = named(components)
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
            question="".join(text for text, _ in question(explanation, explanation.labels[0])),
            certainty=certainty(float(explanation.fidelity[0]))[1:],
            lanes=None if components.audio is None else _lanes(explanation, components.audio),
            pairs=[] if explanation.interaction_terms is None else _pairs(explanation, n // 2),
            lines=[] if lyrics is None else _lines(lyrics, weight_colours(lyric_weights, largest)),
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


def _pairs(explanation: LocalResult, n: int) -> list[tuple[str, float, float]]:
    """Return names, weight and reach of the strongest interactions."""
    shown = named(explanation.components, counted=False)
    return [
        (f"{shown[pair.first]} × {shown[pair.second]}", pair.weight, pair.high - pair.weight)
        for pair in explanation.interactions().head(n).itertuples()
    ]


def _lanes(explanation: LocalResult, audio: AudioComponents) -> dict[str, Any]:
    """Return what the drawing of the sources needs: places in per mille of the song's length."""
    weights = explanation.audio_map().to_numpy()
    largest = float(np.abs(explanation.weights[0]).max(initial=0.0))
    ends = 1000 * (audio.times - audio.times[0]) / (audio.times[-1] - audio.times[0])
    times = segment_times(audio)
    lanes = []
    for row, source in enumerate(audio.source_names):
        colours = weight_colours(weights[row], largest)
        cells = [
            (start, end - start, colour, f"{source}, {time}: {weight:+.3g}")
            for start, end, colour, time, weight in zip(
                ends, ends[1:], colours, times, weights[row], strict=False
            )
        ]
        wave = "" if audio.sources is None else _outline(audio.sources[row], audio.sources)
        lanes.append({"source": source, "cells": cells, "wave": wave})
    starts = [time.partition("–")[0] for time in times]
    step = 1 + len(starts) // MAX_TICKS
    return {"rows": lanes, "ticks": list(zip(ends[:-1:step], starts[::step], strict=True))}


def _outline(waveform: np.ndarray, sources: np.ndarray) -> str:
    """Return the points of a waveform's outline, 1000 wide and 40 high."""
    peak = float(np.abs(sources).max(initial=0.0)) or 1.0
    _, low, high = envelope(waveform / peak, OUTLINE_SPANS)
    at = np.linspace(0, 1000, len(low))
    edge = np.concatenate([high, low[::-1]])
    return " ".join(
        f"{x:.0f},{20 - 19 * y:.1f}" for x, y in zip([*at, *at[::-1]], edge, strict=True)
    )


def _lines(lyrics: LyricComponents, colours: list[str]) -> list[list[tuple[str, str | None]]]:
    """Return lines of pieces of (text, colour); the colour is None outside components."""
    lines: list[list[tuple[str, str | None]]] = [[]]
    for text, component, _ in lyrics.pieces():
        colour = None if component is None else colours[component]
        for number, part in enumerate(LINE_BREAK.split(text)):
            if number:
                lines.append([])
            if part:
                lines[-1].append((part, colour))
    return lines


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
