"""The HTML page of a song, with sound: the audio of each source is compressed and embedded."""

from __future__ import annotations

import base64
from collections.abc import Hashable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_musiclime._runtime.files import write_text
from sklearn_musiclime.components.readable import named, readable_names
from sklearn_musiclime.neighbourhood import Contrast
from sklearn_musiclime.report.html import environment
from sklearn_musiclime.report.page import numbers, own_code
from sklearn_musiclime.report.plots import envelope
from sklearn_musiclime.report.sentences import certainty, question, steps, versions
from sklearn_musiclime.report.sound import playable, vorbis

if TYPE_CHECKING:
    from sklearn_musiclime.components.decomposition import AudioComponents
    from sklearn_musiclime.components.lyrics import LyricComponents
    from sklearn_musiclime.results.local import LocalResult
    from sklearn_musiclime.results.sets import PartSet

MAX_CLASSES = 10
MAX_INTERACTIONS = 8
MAX_BY_FILL = 30
ENVELOPE_SPANS = 500

Piece = tuple[str, int | None, float | None, float | None]
"""Text, number of its component, and start and end in seconds; None where there are none."""


def write_local_page(
    explanation: LocalResult,
    path: str | PathLike[str],
    fills: Sequence[LocalResult] = (),
    sets: Sequence[PartSet] = (),
) -> Path:
    """Write a local explanation to an HTML file.

    Parameters
    ----------
    explanation : LocalExplanation
        The explanation, with its waveforms.
    path : path-like
        The HTML file.
    fills : sequence of LocalExplanation, default=()
        Explanations of the same song with other fills.
    sets : sequence of PartSet, default=()
        Sets of parts of the song.

    Returns
    -------
    Path
        The HTML file.
    """
    path = Path(path)
    write_text(path, local_page(explanation, fills, sets), errors="backslashreplace")
    return path


def local_page(
    explanation: LocalResult,
    fills: Sequence[LocalResult] = (),
    sets: Sequence[PartSet] = (),
    *,
    by_version: Sequence[dict[str, Any]] = (),
) -> str:
    """Render a local explanation as an HTML document.

    Parameters
    ----------
    explanation : LocalExplanation
        The explanation, with its waveforms.
    fills : sequence of LocalExplanation, default=()
        Explanations of the same song with other fills.
    sets : sequence of PartSet, default=()
        Sets of parts of the song.
    by_version : sequence of dict, default=()
        Tables of two versions of a model, if the explanation is of both, see
        :func:`~sklearn_musiclime.report.difference_page.version_table`.

    Returns
    -------
    str
        A self-contained HTML document.

    Raises
    ------
    ValueError
        The explanation has audio components without waveforms, those with other fills can't be
        compared with it, or a set is of another song.
    """
    components = explanation.components
    audio, lyrics, columns = components.audio, components.lyrics, components.columns
    first = components.place("columns").start
    scores = np.array(list(explanation.prediction.values()))
    return (
        environment()
        .get_template("local_page.html.jinja")
        .render(
            title=explanation.title,
            **own_code("player.js", "local_page.js"),
            has_audio=audio is not None,
            has_lyrics=lyrics is not None,
            by_fill=_by_fill(explanation, fills) if fills else [],
            sets=[_set(explanation, part_set) for part_set in sets],
            by_version=by_version,
            has_columns=columns is not None,
            in_log_odds=explanation.settings.get("link") == "logit",
            settings=[(name, str(value)) for name, value in explanation.settings.items()],
            data={
                "components": readable_names(components),
                "names": readable_names(components, counted=False),
                "n_lyrics": components.n_lyrics,
                "prediction": _prediction(explanation),
                "is_probability": bool(((scores >= 0) & (scores <= 1)).all()),
                "labels": [
                    _label(explanation, label, are_versions=bool(by_version))
                    for label in _explained(explanation)
                ],
                "audio": None if audio is None else _audio(audio),
                "lyrics": None if lyrics is None else _pieces(lyrics, components.n_audio),
                "columns": None
                if columns is None
                else list(
                    zip(columns.labels, columns.texts, range(first, len(components)), strict=True)
                ),
                "sets": [
                    {"components": part_set.positions, "heard": _heard(part_set)}
                    for part_set in sets
                ],
                "no_interactions": "None were looked for."
                if explanation.interaction_terms is None
                else "Nothing stands out.",
            },
        )
    )


def _prediction(explanation: LocalResult) -> list[tuple[str, float]]:
    """Return the labels and scores to show: the largest scores, and those of explained labels."""
    scores = sorted(explanation.prediction.items(), key=lambda item: -item[1])
    parts = ((e.label, e.other) if isinstance(e, Contrast) else (e,) for e in explanation.labels)
    explained = {part for own in parts for part in own}
    return [
        (str(label), float(score))
        for rank, (label, score) in enumerate(scores)
        if rank < MAX_CLASSES or label in explained
    ]


def _explained(explanation: LocalResult) -> list[Hashable]:
    """Return the labels to choose from: those that were explained, and contrasts of them."""
    contrasts = explanation.contrasts
    return [*explanation.labels, *([] if contrasts is None else contrasts.labels)]


def _label(explanation: LocalResult, label: Hashable, *, are_versions: bool) -> dict[str, Any]:
    explanation, index = explanation.holding(label)
    pairs: list[tuple[int, int, float, float | None]] = []
    if explanation.interaction_terms is not None:
        at = {name: i for i, name in enumerate(explanation.components.names)}
        found = explanation.interactions(label).head(MAX_INTERACTIONS)
        reach = numbers(found["high"] - found["weight"])
        pairs = [
            (at[p.first], at[p.second], p.weight, error)
            for p, error in zip(found.itertuples(), reach, strict=True)
        ]
    frame = explanation.to_frame(label)
    parts = (label.label, label.other) if isinstance(label, Contrast) else (label,)
    return {
        "name": str(label),
        "of": [str(part) for part in parts],
        "question": versions(explanation, label) if are_versions else question(explanation, label),
        "sure": certainty(float(explanation.fidelity[index])),
        "steps": steps(explanation, label),
        "shares": _label_shares(explanation, label),
        "weights": explanation.weights[index].tolist(),
        "reach": numbers(frame["high"] - frame["weight"]),
        "interactions": pairs,
    }


def _label_shares(explanation: LocalResult, label: Hashable) -> list[tuple[str, float]] | None:
    """Return the modality shares, or None where there are none; what is not one's is "together"."""
    shares = explanation.modality_share(label)["share"].rename({"interaction": "together"})
    return None if shares.isna().any() else list(shares.items())


def _by_fill(explanation: LocalResult, fills: Sequence[LocalResult]) -> list[dict[str, Any]]:
    """Return for each label the fills, and rows of a component, its weights and the finding."""
    tables, shown = [], named(explanation.components)
    for label in explanation.labels:
        table = explanation.compare_fills(*fills, label=label)
        found = table[table["finding"] != "none"].head(MAX_BY_FILL)
        names = found.columns[found.columns.get_loc("text") + 1 : -1].tolist()
        rows = [
            (shown[component], [f"{weight:+.3g}" for weight in weights], finding)
            for component, weights, finding in zip(
                found["component"], found[names].to_numpy(), found["finding"], strict=True
            )
        ]
        tables.append({"label": str(label), "fills": names, "rows": rows})
    return tables


def _set(explanation: LocalResult, part_set: PartSet) -> dict[str, Any]:
    if part_set.explanation.components.names != explanation.components.names:
        raise ValueError(
            f"a set of parts of {part_set.explanation.title!r} is none of {explanation.title!r}, "
            "which has other components"
        )
    finding, evidence = part_set.describe()
    return {
        "finding": finding,
        "parts": part_set.shown,
        "evidence": evidence,
        "play": None
        if _heard(part_set) is None
        else {"sufficient": "these alone", "counterfactual": "the song without"}[part_set.kind],
    }


def _heard(part_set: PartSet) -> list[list[bool]] | None:
    """What is heard of each source in each segment; None where there is nothing to play."""
    audio, heard = part_set.explanation.components.audio, part_set.heard()
    if audio is None or min(part_set.positions, default=len(heard)) >= len(heard):
        return None  # sets of words alone change nothing that is heard
    return heard.reshape(len(audio.source_names), audio.n_segments).tolist()


def _audio(audio: AudioComponents) -> dict[str, Any]:
    if audio.sources is None:
        raise ValueError("this explanation has no waveforms, so nothing can be heard of it")
    peak = float(np.abs(audio.sources).max(initial=0.0)) or 1.0
    played = [playable(source, audio.sampling_rate) for source in audio.sources]
    return {
        "rate": played[0][1],
        "borders": audio.times.tolist(),
        "sources": [
            {
                "name": name,
                "ogg": base64.b64encode(vorbis(*sound)).decode("ascii"),
                **_envelope(source / peak),
            }
            for name, source, sound in zip(audio.source_names, audio.sources, played, strict=True)
        ],
    }


def _envelope(waveform: np.ndarray) -> dict[str, list[int]]:
    """Return minima and maxima of spans of a waveform in per cent of full scale."""
    _, low, high = envelope(waveform, ENVELOPE_SPANS)
    percent = {"low": 100 * low, "high": 100 * high}
    return {name: np.rint(values).astype(int).tolist() for name, values in percent.items()}


def _pieces(lyrics: LyricComponents, first: int) -> list[Piece]:
    """Return the lyrics in pieces; `first` is the number of their first component."""
    return [
        (text, None if component is None else first + component, *(times or (None, None)))
        for text, component, times in lyrics.pieces()
    ]
