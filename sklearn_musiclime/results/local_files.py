"""Saving and loading of local explanations."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import chain, islice
from os import PathLike
from typing import Any

import numpy as np

from sklearn_musiclime.components.columns import ColumnComponents
from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition
from sklearn_musiclime.components.lyrics import LYRIC_UNITS, LyricComponents
from sklearn_musiclime.neighbourhood import Contrast
from sklearn_musiclime.results.documents import (
    LOCAL,
    VERSIONS,
    Document,
    arrays_entry,
    as_labels,
    json_path,
    unique_labels,
    write_saved,
)
from sklearn_musiclime.results.local import BY_LABEL, Contrasts, LocalResult
from sklearn_musiclime.results.reading import Record, Shape
from sklearn_musiclime.songs import MAX_SAMPLES
from sklearn_musiclime.surrogate.confidence import MOST_DOF
from sklearn_musiclime.surrogate.interactions import Interactions

INTERACTION_VALUES = ("weights", "std_err", "q_values", "dof")


def save_local(explanation: LocalResult, path: str | PathLike[str]) -> None:
    """Save a local explanation to a JSON file, and its waveforms to an ``.npz`` file beside it.

    Parameters
    ----------
    explanation : LocalResult
        The explanation.
    path : path-like
        The JSON file.
    """
    path = json_path(path)
    components = explanation.components
    audio, lyrics, columns = components.audio, components.lyrics, components.columns
    arrays: dict[str, np.ndarray] = {}
    document: dict[str, Any] = {
        "format": LOCAL,
        "version": VERSIONS[LOCAL],
        "title": explanation.title,
        "row": explanation.row,
        "track_id": explanation.track_id,
        "prediction": [[label, score] for label, score in explanation.prediction.items()],
        "labels": explanation.labels,
        "components": list(components.names),
        **_saved_by_label(explanation),
        "links": explanation.links,
        "settings": dict(explanation.settings),
        "audio": None,
        "lyrics": None,
    }
    if audio is not None:
        document["audio"] = {
            "arrays": None,
            "source_names": list(audio.source_names),
            "borders": audio.borders.tolist(),
            "sampling_rate": audio.sampling_rate,
        }
        if audio.mix is not None and audio.sources is not None:
            arrays = {"mix": audio.mix, "sources": audio.sources}
            document["audio"] |= arrays_entry(path, arrays)
    if lyrics is not None:
        document["lyrics"] = {
            "text": lyrics.text,
            "units": lyrics.units,
            "names": list(lyrics.names),
            "spans": lyrics.spans,
            "span_times": lyrics.span_times,
            "mask_token": lyrics.mask_token,
        }
    if columns is not None:
        document["columns"] = {"labels": list(columns.labels), "texts": list(columns.texts)}
    contrasts = explanation.contrasts
    if contrasts is not None:
        document["contrasts"] = {"labels": contrasts.labels, **_saved_by_label(contrasts)}
    write_saved(path, document, arrays)


def _saved_by_label(explanation: LocalResult | Contrasts) -> dict[str, Any]:
    """Entries with one row for each label."""
    terms = explanation.interaction_terms
    return {name: getattr(explanation, name).tolist() for name in BY_LABEL} | {
        "interactions": None
        if terms is None
        else {name: getattr(terms, name).tolist() for name in ("pairs", *INTERACTION_VALUES)}
    }


def load_local(path: str | PathLike[str]) -> dict[str, Any]:
    """Load and check the files that :func:`save_local` wrote.

    Parameters
    ----------
    path : path-like
        The JSON file.

    Returns
    -------
    dict
        The fields of a :class:`~sklearn_musiclime.LocalExplanation`.

    Raises
    ------
    FileNotFoundError
        One of the two files is missing.
    ValueError
        A file is not that of a local explanation, has a later version of the format, or is
        inconsistent; or the two files were not saved together.
    """
    document = Document(path, LOCAL)
    labels = document.labels
    if not labels:
        raise document.error("labels", "there are none")
    prediction = _prediction(document)
    contrasts = document.record("contrasts") if "contrasts" in document.names() else None
    of_pairs = [] if contrasts is None else unique_labels(contrasts, contrasts.items("labels"))
    for pair in of_pairs:
        if not (isinstance(pair, Contrast) and pair.label in labels and pair.other in labels):
            raise document.error("contrasts", f"{pair!r} is not of two of the labels")
    for label in labels:
        for part in (label.label, label.other) if isinstance(label, Contrast) else (label,):
            if part not in prediction:
                raise document.error("prediction", f"none of the label {part!r}")
    components = Decomposition(
        None if document.is_null("audio") else _load_audio(document),
        None if document.is_null("lyrics") else _load_lyrics(document.record("lyrics")),
        _load_columns(document.record("columns")) if "columns" in document.names() else None,
    )
    # Lengths are compared before names are made: a short file may declare very many sources x
    # segments.
    names = document.texts("components")
    if len(names) != len(components) or tuple(names) != components.names:
        raise document.error("components", "not those of its audio and lyrics")
    is_linked = not document.is_null("links")
    known: dict[str, Any] = {
        "title": document.text("title"),
        "row": document.whole("row"),
        "track_id": None
        if document.version < 3
        else as_labels(document, [document.value("track_id")], "track_id")[0],
        "prediction": prediction,
        "components": components,
        "links": document.wholes("links", (len(names),), len(names)).tolist()
        if is_linked
        else None,
        "settings": _load_settings(document.record("settings")),
    }
    own = _load_by_label(document, document.version, components, labels)
    of_two = None
    if contrasts is not None:
        found = _load_by_label(contrasts, document.version, components, of_pairs)
        of_two = Contrasts(of_pairs, **found)
    return known | own | {"labels": labels, "contrasts": of_two}


def _load_by_label(
    saved: Record, version: int, components: Decomposition, labels: list[Hashable]
) -> dict[str, Any]:
    """Read the entries with one row for each label."""
    n_labels, shape = len(labels), (len(labels), len(components))
    shares_shape = (n_labels, 3 if components.columns is None else 4)
    n_corners = 4 if any(saved.items("corner_scores")) else 0
    return {
        "weights": saved.numbers("weights", shape),
        "std_err": saved.numbers("std_err", shape, nan=True),
        "dof": _dof(saved, version, "dof", shape),
        "penalty": np.zeros(n_labels) if version < 2 else saved.numbers("penalty", (n_labels,)),
        "intercept": saved.numbers("intercept", (n_labels,)),
        "fidelity": saved.numbers("fidelity", (n_labels,)),
        "local_prediction": saved.numbers("local_prediction", (n_labels,)),
        "shares": saved.numbers("shares", shares_shape, nan=True),
        "shares_std_err": saved.numbers("shares_std_err", shares_shape, nan=True),
        "shares_dof": _dof(saved, version, "shares_dof", (n_labels,)),
        "corner_scores": saved.numbers("corner_scores", (n_labels, n_corners)),
        "interaction_terms": None
        if saved.is_null("interactions")
        else _load_interactions(saved, version, *shape),
    }


def _prediction(document: Record) -> dict[Hashable, float]:
    pairs = document.items("prediction")
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise document.error("prediction", "not a list of labels and scores")
    labels = unique_labels(document, [label for label, _ in pairs])
    scores = document.numbers("prediction", (None,), of=[score for _, score in pairs])
    return dict(zip(labels, scores.tolist(), strict=True))


def _load_settings(saved: Record) -> dict[str, Any]:
    settings = {name: saved.value(name) for name in saved.names()}
    for name, value in settings.items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, (list, dict)):
                raise saved.error(name, "neither text, a number, true, false, null nor a list")
    return settings


def _dof(
    document: Record, version: int, name: str, shape: tuple[int, *tuple[int, ...]]
) -> np.ndarray:
    """Read degrees of freedom; files of version 1 have none and get the largest number in use."""
    if version < 2:
        return np.full(shape, MOST_DOF)
    return document.numbers(name, shape)


def _load_interactions(
    document: Record, version: int, n_labels: int, n_components: int
) -> Interactions:
    saved = document.record("interactions")
    pairs = saved.wholes("pairs", (None, 2), n_components)
    shape = (n_labels, len(pairs))
    has_dof = version >= 2
    values = {n: saved.numbers(n, shape) for n in INTERACTION_VALUES if has_dof or n != "dof"}
    return Interactions(pairs, **({"dof": np.full(shape, MOST_DOF)} | values))


def _load_audio(document: Document) -> AudioComponents:
    saved = document.record("audio")
    names = tuple(saved.texts("source_names"))
    if not names or len(set(names)) != len(names):
        raise saved.error("source_names", "none, or one of them twice")
    borders = saved.wholes("borders", (None,), MAX_SAMPLES + 1)
    if len(borders) < 2 or borders[0] != 0 or (np.diff(borders) <= 0).any():
        raise saved.error("borders", "they do not increase from 0")
    rate = saved.number("sampling_rate")
    if rate <= 0:
        raise saved.error("sampling_rate", f"{rate} is no rate")
    mix = sources = None
    if not saved.is_null("arrays"):
        n_samples = int(borders[-1])
        expected: dict[str, tuple[str, Shape]] = {
            "mix": ("f4", (n_samples,)),
            "sources": ("f4", (len(names), n_samples)),
        }
        arrays = document.arrays(saved, expected)
        mix, sources = arrays["mix"], arrays["sources"]
    return AudioComponents(mix, names, sources, borders, rate)


def _load_lyrics(saved: Record) -> LyricComponents:
    text, units, names = saved.text("text"), saved.text("units"), tuple(saved.texts("names"))
    if units not in LYRIC_UNITS:
        raise saved.error("units", f"none of {LYRIC_UNITS}")
    places, times = (_lists(saved, name, len(names)) for name in ("spans", "span_times"))
    lengths = [len(own) for own in places]
    if 0 in lengths or lengths != [len(own) for own in times]:
        raise saved.error("span_times", "not one for each place of each component")
    spans = saved.wholes("spans", (None, 2), len(text) + 1, of=list(chain(*places)))
    starts, ends = spans[np.argsort(spans[:, 0])].T
    if (starts >= ends).any() or (starts[1:] < ends[:-1]).any():
        raise saved.error("spans", "they are empty or overlap")
    known = [time for time in chain(*times) if time is not None]
    seconds = saved.numbers("span_times", (None, 2), of=known)
    if (seconds[:, 0] > seconds[:, 1]).any():
        raise saved.error("span_times", "one ends before it starts")
    found, at = (iter(list(map(tuple, array.tolist()))) for array in (seconds, spans))
    return LyricComponents(
        text=text,
        units=units,
        names=names,
        spans=tuple(tuple(islice(at, length)) for length in lengths),
        span_times=tuple(tuple(None if t is None else next(found) for t in own) for own in times),
        mask_token=None if saved.is_null("mask_token") else saved.text("mask_token"),
    )


def _load_columns(saved: Record) -> ColumnComponents:
    labels, texts = saved.texts("labels"), saved.texts("texts")
    if not labels or len(set(labels)) != len(labels) or len(texts) != len(labels):
        raise saved.error("labels", "none, one of them twice, or not one for each text")
    return ColumnComponents(tuple(labels), tuple(texts))


def _lists(saved: Record, name: str, length: int) -> list[list[Any]]:
    values = saved.items(name)
    if len(values) != length or not all(isinstance(value, list) for value in values):
        raise saved.error(name, f"not {length} lists")
    return values
