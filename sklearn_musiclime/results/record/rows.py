"""The rows of a record that one explanation makes."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_musiclime.results.dataframes import SHARES, SHARES_WITH_COLUMNS
from sklearn_musiclime.results.local import LocalResult
from sklearn_musiclime.results.record.columns import INTERACTIONS, WEIGHTS, Column, pyarrow, schema
from sklearn_musiclime.results.summaries import n_masks


@dataclass(frozen=True, eq=False)
class SongRows:
    """Rows of a song in both tables of a record.

    Attributes
    ----------
    weights : pyarrow.Table
        Rows of `WEIGHTS`.
    interactions : pyarrow.Table or None
        Rows of `INTERACTIONS`. None: they were not estimated.
    """

    weights: Any
    interactions: Any


@dataclass(frozen=True)
class RecordKey:
    """What workers know of a record that is written.

    Attributes
    ----------
    songs : mapping of str to str
        Digests of the songs in it, by their labels in JSON.
    settings_digest : str
        Hash of what its explanations are made with.
    """

    songs: Mapping[str, str]
    settings_digest: str


def song_rows(
    explanation: LocalResult, *, song_digest: str | None, settings_digest: str | None
) -> SongRows:
    """Return the rows that an explanation makes.

    Parameters
    ----------
    explanation : LocalExplanation
        The explanation.
    song_digest : str or None
        Hash of the song.
    settings_digest : str or None
        Hash of what the explanation was made with.

    Returns
    -------
    SongRows
    """
    weights, pairs = [], []
    settings, audio = explanation.settings, explanation.components.audio
    of_all = {
        "track_id": text_of(explanation.track_id),
        "track_json": json_of(explanation.track_id),
        "row": explanation.row,
        "title": explanation.title,
        "sampling_rate": None if audio is None else audio.sampling_rate,
        "design": settings.get("design"),
        **dict(zip(("n_masks", "n_lyric_masks"), n_masks(settings), strict=True)),
        "seed": settings.get("seed"),
        "time": settings.get("time"),
        "version": settings.get("version"),
        "song_digest": song_digest,
        "model_digest": settings.get("model_digest"),
        "settings_digest": settings_digest,
    }
    names = SHARES if explanation.components.columns is None else SHARES_WITH_COLUMNS
    for index, label in enumerate(explanation.labels):
        of_label = of_all | {
            "label": text_of(label),
            "label_json": json_of(label),
            "score": explanation.prediction[label],
            "fidelity": explanation.fidelity[index],
            "intercept": explanation.intercept[index],
            "penalty": explanation.penalty[index],
            **{f"share_{n}": s for n, s in zip(names, explanation.shares[index], strict=True)},
        }
        weights.append(_weight_rows(explanation, label, of_label))
        if explanation.interaction_terms is not None:
            pairs.append(_pair_rows(explanation, index, of_label))
    join = pyarrow().concat_tables
    return SongRows(join(weights), join(pairs) if pairs else None)


def _weight_rows(explanation: LocalResult, label: Hashable, of_label: dict[str, Any]) -> Any:
    frame = explanation.to_frame(label)
    values = {name: frame[name].tolist() for name in frame if name != "penalty"}
    values["component_index"] = list(range(len(frame)))
    values["dof"] = explanation.dof[explanation.label_index(label)]
    return _table(WEIGHTS, values, of_label, max(len(frame), 1))


def _pair_rows(explanation: LocalResult, index: int, of_label: dict[str, Any]) -> Any:
    terms = explanation.interaction_terms
    assert terms is not None
    name = np.array(explanation.components.names, dtype=object)
    values = {
        "first_index": terms.pairs[:, 0],
        "second_index": terms.pairs[:, 1],
        "first": name[terms.pairs[:, 0]].tolist(),
        "second": name[terms.pairs[:, 1]].tolist(),
        "weight": terms.weights[index],
        "std_err": terms.std_err[index],
        "q_value": terms.q_values[index],
    }
    return _table(INTERACTIONS, values, of_label, len(terms.pairs))


def _table(
    columns: tuple[Column, ...], values: dict[str, Any], repeated: dict[str, Any], n_rows: int
) -> Any:
    """Make a table: of `values` that are there, else of one that is `repeated`, else of nulls."""
    pa = pyarrow()
    of_type = schema(columns)
    arrays = []
    for field in of_type:
        # A song without components still has a row, of nulls.
        if field.name in values and len(values[field.name]):
            array = _array(values[field.name], field.type)
        else:
            one = _array([repeated.get(field.name)], field.type)[0]
            array = pa.repeat(one, n_rows)
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=of_type)


def _array(values: Any, kind: Any) -> Any:
    """An Arrow array in which what is missing or NaN is null."""
    pa = pyarrow()
    if kind == pa.string():
        values = [encodable(value) if isinstance(value, str) else None for value in values]
        return pa.array(values, kind)
    if isinstance(values, np.ndarray):
        return pa.array(values, kind, from_pandas=True)
    missing = [value is None or value != value for value in map(_number, values)]
    known = [None if no else value for no, value in zip(missing, values, strict=True)]
    return pa.array(known, kind, from_pandas=True)


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float | np.number) else None


def text_of(value: Hashable) -> str:
    """Return a label as text, without what UTF-8 can't hold."""
    return encodable(str(value))


def json_of(value: Hashable) -> str:
    """Return a label in JSON; what JSON does not know is text."""
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def encodable(text: str) -> str:
    r"""Replace lone surrogates, which UTF-8 can't encode, by U+FFFD.

    Parameters
    ----------
    text : str
        A text.

    Returns
    -------
    str

    Examples
    --------
    >>> from sklearn_musiclime.results.record.rows import encodable
    >>> encodable("a\udc80b") == "a\ufffdb"
    True
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
