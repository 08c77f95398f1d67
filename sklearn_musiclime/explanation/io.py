"""Explanations as files: JSON for what is said, ``.npz`` beside it for what is heard."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse

from sklearn_musiclime._files import replacing
from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition
from sklearn_musiclime.components.lyrics import LyricComponents
from sklearn_musiclime.explanation.aggregation import Component, PairTotals
from sklearn_musiclime.surrogate.interactions import Interactions

if TYPE_CHECKING:
    from sklearn_musiclime.explanation.global_ import GlobalExplanation
    from sklearn_musiclime.explanation.local import LocalExplanation

LOCAL = "sklearn_musiclime.LocalExplanation"
GLOBAL = "sklearn_musiclime.GlobalExplanation"
VERSION = 1
INTERACTION_ARRAYS = ("pairs", "weights", "std_err", "q_values")


def save_local(explanation: LocalExplanation, path: str | PathLike[str]) -> None:
    """Write a local explanation to ``path`` (JSON) and, for its audio, ``path`` with ``.npz``.

    Parameters
    ----------
    explanation : LocalExplanation
        What is saved.
    path : path-like
        The JSON file.
    """
    path = _json_path(path)
    audio, lyrics = explanation.components.audio, explanation.components.lyrics
    arrays: dict[str, np.ndarray] = {}
    terms = explanation.interaction_terms
    document: dict[str, Any] = {
        "format": LOCAL,
        "version": VERSION,
        "title": explanation.title,
        "row": explanation.row,
        "prediction": [[label, score] for label, score in explanation.prediction.items()],
        "labels": explanation.labels,
        "components": list(explanation.components.names),
        "weights": explanation.weights.tolist(),
        "intercept": explanation.intercept.tolist(),
        "fidelity": explanation.fidelity.tolist(),
        "local_prediction": explanation.local_prediction.tolist(),
        "std_err": explanation.std_err.tolist(),
        "shares": explanation.shares.tolist(),
        "shares_std_err": explanation.shares_std_err.tolist(),
        "corner_scores": explanation.corner_scores.tolist(),
        "interactions": None
        if terms is None
        else {name: getattr(terms, name).tolist() for name in INTERACTION_ARRAYS},
        "links": explanation.links,
        "settings": dict(explanation.settings),
        "audio": None,
        "lyrics": None,
    }
    if audio is not None:
        document["audio"] = {
            "arrays": path.with_suffix(".npz").name,
            "source_names": list(audio.source_names),
            "borders": audio.borders.tolist(),
            "sampling_rate": audio.sampling_rate,
        }
        arrays = {"mix": audio.mix, "sources": audio.sources}
    if lyrics is not None:
        document["lyrics"] = {
            "text": lyrics.text,
            "units": lyrics.units,
            "names": list(lyrics.names),
            "spans": lyrics.spans,
            "span_times": lyrics.span_times,
            "mask_token": lyrics.mask_token,
        }
    _write(path, document, arrays)


def load_local(path: str | PathLike[str]) -> dict[str, Any]:
    """Read what :func:`save_local` wrote.

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
    ValueError
        The file is no explanation, or one of a later version.
    """
    path = Path(path)
    document = _read_document(path, LOCAL)
    labels = [_label(label) for label in document["labels"]]
    components = Decomposition(
        _load_audio(document["audio"], path), _load_lyrics(document["lyrics"])
    )
    weights = np.array(document["weights"], dtype=float).reshape(len(labels), -1)
    if weights.shape[1] != len(components):
        raise ValueError(
            f"{str(path)!r} has {weights.shape[1]} weights for {len(components)} components"
        )
    return {
        "title": document["title"],
        "row": document["row"],
        "prediction": {_label(label): score for label, score in document["prediction"]},
        "labels": labels,
        "components": components,
        "weights": weights,
        "settings": document["settings"],
        "std_err": np.array(document["std_err"], dtype=float).reshape(weights.shape),
        "interaction_terms": _load_interactions(document["interactions"], len(labels)),
        "links": document["links"],
        **{
            name: np.array(document[name], dtype=float)
            for name in ("intercept", "fidelity", "local_prediction")
        },
        **{
            name: np.array(document[name], dtype=float).reshape(len(labels), -1)
            for name in ("shares", "shares_std_err", "corner_scores")
        },
    }


def save_global(explanation: GlobalExplanation, path: str | PathLike[str]) -> None:
    """Write a global explanation to ``path`` (JSON) and its numbers to ``path`` with ``.npz``.

    Parameters
    ----------
    explanation : GlobalExplanation
        What is saved; local explanations that it holds are not.
    path : path-like
        The JSON file.
    """
    path = _json_path(path)
    songs, weights, pairs = explanation.songs, explanation.weights, explanation.pair_totals
    arrays = {"sums": explanation.sums, "counts": explanation.counts}
    if weights is not None:
        arrays |= {name: getattr(weights, name) for name in ("data", "indices", "indptr")}
    if pairs is not None:
        arrays |= {f"pair_{f.name}": getattr(pairs, f.name) for f in fields(pairs)}
    document = {
        "format": GLOBAL,
        "version": VERSION,
        "arrays": path.with_suffix(".npz").name,
        "labels": explanation.labels,
        "components": explanation.components,
        "songs": None if songs is None else _columns(songs),
        "failures": _columns(explanation.failures),
    }
    _write(path, document, arrays)


def load_global(path: str | PathLike[str]) -> dict[str, Any]:
    """Read what :func:`save_global` wrote.

    Parameters
    ----------
    path : path-like
        The JSON file.

    Returns
    -------
    dict
        The fields of a :class:`~sklearn_musiclime.GlobalExplanation`.

    Raises
    ------
    ValueError
        The file is no global explanation, or one of a later version.
    """
    path = Path(path)
    document = _read_document(path, GLOBAL)
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as stored:
        arrays = dict(stored)
    labels = [_label(label) for label in document["labels"]]
    components = [Component(*component) for component in document["components"]]
    shape = (len(labels), len(components))
    if arrays["sums"].shape != shape or arrays["counts"].shape != shape:
        raise ValueError(f"the arrays beside {str(path)!r} are not those of its components")
    songs = weights = pairs = None
    if document["songs"] is not None:
        songs = pd.DataFrame(document["songs"])
        songs["label"] = pd.Series([_label(v) for v in document["songs"]["label"]], dtype=object)
        weights = scipy.sparse.csr_array(
            (arrays["data"], arrays["indices"], arrays["indptr"]),
            shape=(len(songs), len(components)),
        )
    if "pair_sums" in arrays:
        pairs = PairTotals(**{f.name: arrays[f"pair_{f.name}"] for f in fields(PairTotals)})
    return {
        "labels": labels,
        "components": components,
        "sums": arrays["sums"],
        "counts": arrays["counts"],
        "songs": songs,
        "weights": weights,
        "pair_totals": pairs,
        "failures": pd.DataFrame(document["failures"]),
    }


def _columns(frame: pd.DataFrame) -> dict[str, list]:
    return {name: frame[name].tolist() for name in frame}


def _write(path: Path, document: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write the JSON file and, if there are any, the arrays beside it: both or none."""
    # Escaped to ASCII, since lyrics may hold what UTF-8 can't (lone surrogates).
    text = json.dumps(document, indent=1, default=_plain).encode("ascii")
    with replacing(*([path, path.with_suffix(".npz")] if arrays else [path])) as files:
        files[0].write(text)
        if arrays:
            np.savez(files[1], **arrays)


def _read_document(path: Path, kind: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != kind:
        raise ValueError(f"{str(path)!r} is not a saved {kind.rpartition('.')[2]}")
    if document["version"] > VERSION:
        raise ValueError(
            f"{str(path)!r} has version {document['version']} of the format; this release reads "
            f"up to {VERSION}"
        )
    return document


def _load_interactions(saved: dict[str, Any] | None, n_labels: int) -> Interactions | None:
    if saved is None:
        return None
    pairs, *values = (saved[name] for name in INTERACTION_ARRAYS)
    return Interactions(
        np.array(pairs, dtype=int).reshape(-1, 2),
        *(np.array(value, dtype=float).reshape(n_labels, -1) for value in values),
    )


def _load_audio(saved: dict[str, Any] | None, path: Path) -> AudioComponents | None:
    if saved is None:
        return None
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as arrays:
        mix, sources = arrays["mix"], arrays["sources"]
    borders = np.array(saved["borders"], dtype=np.int64)
    names = tuple(saved["source_names"])
    if mix.shape != (borders[-1],) or sources.shape != (len(names), len(mix)):
        raise ValueError(f"the arrays beside {str(path)!r} are not those of its audio")
    return AudioComponents(mix, names, sources, borders, saved["sampling_rate"])


def _load_lyrics(saved: dict[str, Any] | None) -> LyricComponents | None:
    if saved is None:
        return None
    return LyricComponents(
        text=saved["text"],
        units=saved["units"],
        names=tuple(saved["names"]),
        spans=tuple(tuple((start, end) for start, end in spans) for spans in saved["spans"]),
        span_times=tuple(
            tuple(None if t is None else tuple(t) for t in times) for times in saved["span_times"]
        ),
        mask_token=saved["mask_token"],
    )


def _json_path(path: str | PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix == ".npz":
        raise ValueError(f"{str(path)!r} names the arrays; give the JSON file")
    return path


def _label(value: Any) -> Hashable:
    """A label as it was before JSON made a list of a tuple."""
    return tuple(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """What JSON can hold of a numpy scalar."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} {value!r} can't be saved as JSON")
