"""Explanations as files: JSON for what is said, ``.npz`` beside it for what is heard.

The arrays of ``song.json`` are in ``song.npz``, those of a name with any other ending, or none, in
a file of the whole name with ``.npz`` behind it. The JSON file holds their digest, so that the
arrays of another explanation are not taken for its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable
from dataclasses import fields
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse

from sklearn_musiclime._files import replacing
from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition
from sklearn_musiclime.components.lyrics import LYRIC_UNITS, LyricComponents
from sklearn_musiclime.results.aggregation import Component, PairTotals
from sklearn_musiclime.results.frames import SHARES
from sklearn_musiclime.results.importance import totals
from sklearn_musiclime.results.reading import (
    Record,
    Shape,
    arrays_digest,
    read_arrays,
    read_document,
)
from sklearn_musiclime.songs import MAX_SAMPLES
from sklearn_musiclime.surrogate.errors import MOST_DOF
from sklearn_musiclime.surrogate.interactions import Interactions

if TYPE_CHECKING:
    from sklearn_musiclime.results.global_data import GlobalData
    from sklearn_musiclime.results.local import LocalResult

LOCAL = "sklearn_musiclime.LocalExplanation"
GLOBAL = "sklearn_musiclime.GlobalExplanation"
VERSIONS = {LOCAL: 3, GLOBAL: 3}
"""Of the formats. A local explanation of version 1 has no degrees of freedom: its intervals are
those of the normal distribution. A global one has interactions by song, not by group. Up to
version 2 there are no labels of the index of X and no digest of the arrays, and ``.npz`` takes the
place of any ending."""
INTERACTION_VALUES = ("weights", "std_err", "q_values", "dof")
WEIGHT_ARRAYS = ("data", "indices", "indptr")
PAIR_ARRAYS: dict[str, tuple[str, Shape]] = {
    "pair_labels": ("i", (None,)),
    "pair_pairs": ("i", (None, 2)),
    "pair_counts": ("f", (None,)),
    "pair_n_groups": ("f", (None,)),
    "pair_sums": ("f", (None,)),
    "pair_squares": ("f", (None,)),
}


def save_local(explanation: LocalResult, path: str | PathLike[str]) -> None:
    """Write a local explanation to ``path`` (JSON) and its waveforms beside it as ``.npz``.

    Parameters
    ----------
    explanation : LocalResult
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
        "version": VERSIONS[LOCAL],
        "title": explanation.title,
        "row": explanation.row,
        "track_id": explanation.track_id,
        "prediction": [[label, score] for label, score in explanation.prediction.items()],
        "labels": explanation.labels,
        "components": list(explanation.components.names),
        "weights": explanation.weights.tolist(),
        "intercept": explanation.intercept.tolist(),
        "fidelity": explanation.fidelity.tolist(),
        "local_prediction": explanation.local_prediction.tolist(),
        "std_err": explanation.std_err.tolist(),
        "dof": explanation.dof.tolist(),
        "penalty": explanation.penalty.tolist(),
        "shares": explanation.shares.tolist(),
        "shares_std_err": explanation.shares_std_err.tolist(),
        "shares_dof": explanation.shares_dof.tolist(),
        "corner_scores": explanation.corner_scores.tolist(),
        "interactions": None
        if terms is None
        else {name: getattr(terms, name).tolist() for name in ("pairs", *INTERACTION_VALUES)},
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
        if audio.mix is not None:
            arrays = {"mix": audio.mix, "sources": audio.sources}
            document["audio"] |= _named(path, arrays)
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
    FileNotFoundError
        One of the two files is missing.
    ValueError
        A file is none of an explanation, or of a later version; what it says does not fit
        together; or the two files were not saved together.
    """
    path = Path(path)
    document = _read(path, LOCAL)
    labels = _unique_labels(document, document.items("labels"))
    if not labels:
        raise document.error("labels", "there are none")
    prediction = _prediction(document)
    unknown = [label for label in labels if label not in prediction]
    if unknown:
        raise document.error("prediction", f"none of the label {unknown[0]!r}")
    components = Decomposition(
        None
        if document.is_null("audio")
        else _load_audio(document.record("audio"), path, document.whole("version")),
        None if document.is_null("lyrics") else _load_lyrics(document.record("lyrics")),
    )
    # Lengths first: the names of sources x segments may be many more than the file has letters.
    names = document.texts("components")
    if len(names) != len(components) or tuple(names) != components.names:
        raise document.error("components", "not those of its audio and lyrics")
    n_labels, shape = len(labels), (len(labels), len(components))
    n_corners = 4 if any(document.items("corner_scores")) else 0
    is_linked = not document.is_null("links")
    return {
        "title": document.text("title"),
        "row": document.whole("row"),
        "track_id": None
        if document.whole("version") < 3
        else _as_labels(document, [document.value("track_id")], "track_id")[0],
        "prediction": prediction,
        "labels": labels,
        "components": components,
        "weights": document.numbers("weights", shape),
        "std_err": document.numbers("std_err", shape, nan=True),
        "dof": _dof(document, "dof", shape),
        "penalty": np.zeros(n_labels)
        if document.whole("version") < 2
        else document.numbers("penalty", (n_labels,)),
        "intercept": document.numbers("intercept", (n_labels,)),
        "fidelity": document.numbers("fidelity", (n_labels,)),
        "local_prediction": document.numbers("local_prediction", (n_labels,)),
        "shares": document.numbers("shares", (n_labels, 3), nan=True),
        "shares_std_err": document.numbers("shares_std_err", (n_labels, 3), nan=True),
        "shares_dof": _dof(document, "shares_dof", (n_labels,)),
        "corner_scores": document.numbers("corner_scores", (n_labels, n_corners)),
        "interaction_terms": None
        if document.is_null("interactions")
        else _load_interactions(document, *shape),
        "links": document.wholes("links", shape[1:], shape[1]).tolist() if is_linked else None,
        "settings": _load_settings(document.record("settings")),
    }


def save_global(explanation: GlobalData, path: str | PathLike[str]) -> None:
    """Write a global explanation to ``path`` (JSON) and its numbers beside it as ``.npz``.

    Parameters
    ----------
    explanation : GlobalData
        What is saved; local explanations that it holds are not.
    path : path-like
        The JSON file.
    """
    path = _json_path(path)
    songs, weights, pairs = explanation.songs, explanation.weights, explanation.pair_totals
    arrays = {"sums": explanation.sums, "counts": explanation.counts}
    if weights is not None:
        arrays |= {name: getattr(weights, name) for name in WEIGHT_ARRAYS}
    if pairs is not None:
        arrays |= {f"pair_{f.name}": getattr(pairs, f.name) for f in fields(pairs)}
    document = {
        "format": GLOBAL,
        "version": VERSIONS[GLOBAL],
        **_named(path, arrays),
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
    FileNotFoundError
        One of the two files is missing.
    ValueError
        A file is none of a global explanation, or of a later version; what it says does not fit
        together; or the two files were not saved together.
    """
    path = Path(path)
    document = _read(path, GLOBAL)
    labels = _unique_labels(document, document.items("labels"))
    components = _load_components(document)
    shape = (len(labels), len(components))
    songs = None if document.is_null("songs") else _load_songs(document, labels)
    expected: dict[str, tuple[str, Shape]] = {"sums": ("f", shape), "counts": ("i", shape)}
    if songs is not None:
        ends = (len(songs) + 1,)
        expected |= {"data": ("f", (None,)), "indices": ("i", (None,)), "indptr": ("i", ends)}
    of_pairs = dict(PAIR_ARRAYS)
    if document.whole("version") < 2:
        del of_pairs["pair_n_groups"]
    arrays = _load_arrays(path, document.whole("version"), document, expected, of_pairs)
    if "pair_counts" in arrays and "pair_n_groups" not in arrays:
        arrays |= _groups_of_songs(songs, arrays["pair_counts"])
    sums, counts, weights = arrays["sums"], arrays["counts"], None
    if songs is not None:
        weights = _load_weights(document, arrays, (len(songs), len(components)))
        found = totals(weights, [labels.index(label) for label in songs["label"]], len(labels))
        if not (np.allclose(sums, found[0]) and np.array_equal(counts, found[1])):
            raise document.error("sums", "not those of its weights")
    elif (sums < 0).any() or (counts < 0).any():
        raise document.error("sums", "below 0")
    failures = document.record("failures")
    failed_rows = failures.wholes("row", (None,)).tolist()
    return {
        "labels": labels,
        "components": components,
        "sums": sums,
        "counts": counts,
        "songs": songs,
        "weights": weights,
        "pair_totals": _load_pairs(document, arrays, *shape) if "pair_n_groups" in arrays else None,
        "failures": _frame(
            failures,
            {
                "row": failed_rows,
                "track_id": _load_track_ids(document, failures, failed_rows),
                "title": failures.texts("title"),
                "reason": failures.texts("reason"),
            },
        ),
    }


def _columns(frame: pd.DataFrame) -> dict[str, list]:
    return {name: frame[name].tolist() for name in frame}


def _write(path: Path, document: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write the JSON file and, if there are any, the arrays beside it: both or none."""
    # Escaped to ASCII, since lyrics may hold what UTF-8 can't (lone surrogates).
    text = json.dumps(document, indent=1, default=_plain).encode("ascii")
    with replacing(*([path, _arrays_path(path)] if arrays else [path])) as files:
        files[0].write(text)
        if arrays:
            np.savez(files[1], **arrays)


def _named(path: Path, arrays: dict[str, np.ndarray]) -> dict[str, str]:
    """What a JSON file says of the arrays beside it."""
    return {"arrays": _arrays_path(path).name, "digest": arrays_digest(arrays)}


def _arrays_path(path: Path, version: int = max(VERSIONS.values())) -> Path:
    """The file of the arrays of a JSON file."""
    if path.suffix == ".json" or version < 3:
        return path.with_suffix(".npz")
    return path.with_name(f"{path.name}.npz")


def _load_arrays(
    path: Path,
    version: int,
    saved: Record,
    expected: dict[str, tuple[str, Shape]],
    optional: dict[str, tuple[str, Shape]] | None = None,
) -> dict[str, np.ndarray]:
    """The arrays beside a JSON file, whatever file it names; `saved` holds their digest."""
    beside = _arrays_path(path, version)
    arrays = read_arrays(beside, expected, optional=optional)
    if version >= 3 and arrays_digest(arrays) != saved.text("digest"):
        raise ValueError(
            f"{str(path)!r} and {str(beside)!r} were not saved together: the arrays are those of "
            "another explanation, or were changed. Save it again under a name of its own, or copy "
            "both of its files"
        )
    return arrays


def _read(path: Path, kind: str) -> Record:
    document = read_document(path, kind)
    version = document.whole("version")
    if version > VERSIONS[kind]:
        raise ValueError(
            f"{str(path)!r} has version {version} of the format; this release reads up to "
            f"{VERSIONS[kind]}"
        )
    return document


def _as_labels(document: Record, values: list[Any], name: str = "labels") -> list[Hashable]:
    """Labels as they were before JSON made lists of tuples."""
    labels = [tuple(value) if isinstance(value, list) else value for value in values]
    for label in labels:
        for part in label if isinstance(label, tuple) else [label]:
            is_number = isinstance(part, float) and math.isfinite(part)
            if not (isinstance(part, (str, int)) or is_number):
                raise document.error(name, "one is no text, number, or list of these")
    return labels


def _load_track_ids(document: Record, saved: Record, rows: list[int]) -> pd.Series:
    """The labels of songs in the index of X: their rows, in files of a version that had none."""
    if document.whole("version") < 3:
        return pd.Series(rows)
    return pd.Series(_as_labels(saved, saved.items("track_id"), "track_id"))


def _unique_labels(document: Record, values: list[Any]) -> list[Hashable]:
    labels = _as_labels(document, values)
    if len(set(labels)) != len(labels):
        raise document.error("labels", "one of them is there twice")
    return labels


def _prediction(document: Record) -> dict[Hashable, float]:
    pairs = document.items("prediction")
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise document.error("prediction", "not a list of labels and scores")
    labels = _unique_labels(document, [label for label, _ in pairs])
    scores = document.numbers("prediction", (None,), of=[score for _, score in pairs])
    return dict(zip(labels, scores.tolist(), strict=True))


def _load_settings(saved: Record) -> dict[str, Any]:
    settings = {name: saved.value(name) for name in saved.names()}
    for name, value in settings.items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, (list, dict)):
                raise saved.error(name, "neither text, a number, true, false, null nor a list")
    return settings


def _dof(document: Record, name: str, shape: Shape) -> np.ndarray:
    """Degrees of freedom; as many as there can be in files of a version that had none."""
    if document.whole("version") < 2:
        return np.full(shape, MOST_DOF)
    return document.numbers(name, shape)


def _load_interactions(document: Record, n_labels: int, n_components: int) -> Interactions:
    saved = document.record("interactions")
    pairs = saved.wholes("pairs", (None, 2), n_components)
    shape = (n_labels, len(pairs))
    has_dof = document.whole("version") >= 2
    values = {n: saved.numbers(n, shape) for n in INTERACTION_VALUES if has_dof or n != "dof"}
    return Interactions(pairs, **({"dof": np.full(shape, MOST_DOF)} | values))


def _load_audio(saved: Record, path: Path, version: int) -> AudioComponents:
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
        arrays = _load_arrays(path, version, saved, expected)
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


def _lists(saved: Record, name: str, length: int) -> list[list[Any]]:
    values = saved.items(name)
    if len(values) != length or not all(isinstance(value, list) for value in values):
        raise saved.error(name, f"not {length} lists")
    return values


def _load_components(document: Record) -> list[Component]:
    components, grid = [], set()
    for values in document.items("components"):
        if not isinstance(values, list) or len(values) != len(Component._fields):
            raise document.error("components", "one of them has more or less than four entries")
        name, modality, source, segment = values
        is_audio = modality == "audio" and isinstance(source, str)
        is_segment = segment is None or (type(segment) is int and 0 <= segment < MAX_SAMPLES)
        if not isinstance(name, str) or not (
            (is_audio and is_segment) or (modality, source, segment) == ("lyrics", None, None)
        ):
            raise document.error("components", f"{values!r:.80} is none")
        components.append(Component(*values))
        grid.add((source, segment) if is_audio else name)
    if len(grid) != len(components):
        raise document.error("components", "one of them is there twice")
    return components


def _load_songs(document: Record, labels: list[Hashable]) -> pd.DataFrame:
    saved = document.record("songs")
    titles = saved.texts("title")
    shape = (len(titles),)
    of_songs = _as_labels(saved, saved.items("label"))
    unknown = set(of_songs).difference(labels)
    if unknown:
        raise saved.error("label", f"{unknown.pop()!r:.80} is none of the labels")
    groups = saved.items("group")
    if not (
        all(isinstance(group, str) for group in groups)
        or all(isinstance(group, (int, float)) for group in groups)
    ):
        raise saved.error("group", "neither texts nor numbers")
    rows = saved.wholes("row", shape)
    columns = {
        "title": titles,
        "row": rows,
        "track_id": _load_track_ids(document, saved, rows.tolist()),
        "group": groups,
        "label": pd.Series(of_songs, dtype=object),
        **{name: saved.numbers(name, shape) for name in ("score", "fidelity")},
        **{name: saved.numbers(name, shape, nan=True) for name in SHARES},
    }
    return _frame(saved, columns)


def _frame(saved: Record, columns: dict[str, Any]) -> pd.DataFrame:
    if sorted({*saved.names(), "track_id"}) != sorted(columns):
        raise saved.error("columns", f"{saved.names()} where {list(columns)} should be")
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise saved.error("columns", f"they are of different lengths: {sorted(lengths)}")
    return pd.DataFrame(columns)


def _load_weights(
    document: Record, arrays: dict[str, np.ndarray], shape: tuple[int, int]
) -> scipy.sparse.csr_array:
    """Weights of songs, whose indices are those of songs and components, each at most once."""
    data, indices, ends = (arrays[name] for name in WEIGHT_ARRAYS)
    lengths = np.diff(ends)
    if len(data) != len(indices) or ends[0] != 0 or ends[-1] != len(data) or (lengths < 0).any():
        raise document.error("weights", "they are not those of its songs")
    if ((indices < 0) | (indices >= shape[1])).any():
        raise document.error("weights", "they are not those of its components")
    cells = np.repeat(np.arange(shape[0]), lengths) * shape[1] + indices
    if len(np.unique(cells)) != len(cells):
        raise document.error("weights", "a song has two of one component")
    return scipy.sparse.csr_array((data, indices, ends), shape=shape)


def _groups_of_songs(songs: pd.DataFrame | None, counts: np.ndarray) -> dict[str, np.ndarray]:
    """What version 1 knows of groups: their numbers, if every explanation of a label is one's."""
    if songs is None or songs.duplicated(["group", "label"]).any():
        return {}
    return {"pair_n_groups": counts}


def _load_pairs(
    document: Record, arrays: dict[str, np.ndarray], n_labels: int, n_components: int
) -> PairTotals:
    pairs = PairTotals(**{f.name: arrays[f"pair_{f.name}"] for f in fields(PairTotals)})
    if len({len(getattr(pairs, f.name)) for f in fields(pairs)}) != 1:
        raise document.error("pairs", "their arrays are of different lengths")
    for values, below in ((pairs.labels, n_labels), (pairs.pairs, n_components)):
        if ((values < 0) | (values >= below)).any():
            raise document.error("pairs", "they are not those of its labels and components")
    if (pairs.n_groups < 1).any() or (pairs.counts < pairs.n_groups).any():
        raise document.error("pairs", "some of them are in no song, or in less than in groups")
    return pairs


def _json_path(path: str | PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix == ".npz":
        raise ValueError(f"{str(path)!r} names the arrays; give the JSON file")
    return path


def _plain(value: Any) -> Any:
    """What JSON can hold of a numpy scalar."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} {value!r} can't be saved as JSON")
