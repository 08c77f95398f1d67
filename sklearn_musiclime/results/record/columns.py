"""The columns of a record, each with its type and meaning, as documentation and as a schema."""

from __future__ import annotations

import importlib
import json
from typing import Any, NamedTuple

FORMAT = "sklearn_musiclime.Record"
VERSION = 1
META = b"sklearn_musiclime"
"""Key of a file's metadata: the format, its version, and what the explanations were made with."""


class Column(NamedTuple):
    """A column of a record.

    Attributes
    ----------
    name : str
        Its name.
    type : str
        Its Arrow type.
    meaning : str
        What it holds.
    """

    name: str
    type: str
    meaning: str


SONG = (
    Column("track_id", "string", "Label of the song in the index of X, as text."),
    Column("track_json", "string", "The same in JSON, which tells the number 1 from the text '1'."),
    Column("row", "int64", "Position of the song in X when it was explained."),
    Column("label", "string", "The explained label, as text."),
    Column("label_json", "string", "The same in JSON; a tuple is a list."),
)
"""Columns of both tables: which song, which label."""
WEIGHTS = (
    *SONG,
    Column("title", "string", "File name of the song, or its row."),
    Column("component_index", "int32", "Number of the component in its song. Null: it has none."),
    Column("component", "string", "Name of the component: vocals@3, a word, column[year]."),
    Column("modality", "string", "audio, lyrics or columns."),
    Column("source", "string", "Source of an audio component."),
    Column("segment", "int32", "Segment of an audio component, from 0."),
    Column("start", "double", "Seconds at which it begins; of lyrics, if that is known."),
    Column("end", "double", "Seconds at which it ends."),
    Column("text", "string", "The words of a lyric component; the value of a column."),
    Column("weight", "double", "How much the component adds to the score of the label."),
    Column("std_err", "double", "Standard error of the weight, due to the random masks."),
    Column("dof", "double", "Degrees of freedom of the standard error."),
    Column("low", "double", "Lower bound of the weight's 95 % interval."),
    Column("high", "double", "Upper bound of the weight's 95 % interval."),
    Column("unit", "int32", "Number of the linked unit, whose weight is shared by its components."),
    Column("score", "double", "The model's score of the label for the song."),
    Column("fidelity", "double", "R^2 of the surrogate, on masks that it was not fitted to."),
    Column("intercept", "double", "The surrogate's score with all components off."),
    Column("penalty", "double", "Penalty that shrinks the weights; 0: least squares."),
    Column("share_audio", "double", "Share of the score's variance that is due to the audio."),
    Column("share_lyrics", "double", "The same of the lyrics."),
    Column("share_columns", "double", "The same of columns. Null: none are explained."),
    Column("share_interaction", "double", "The same of modalities together."),
    Column("sampling_rate", "double", "Hz at which the audio was split. Null: it was not."),
    Column("design", "string", "How the masks were drawn: paired, crossed, ..."),
    Column("n_masks", "int64", "Masks that were scored; in the crossed design those of audio."),
    Column("n_lyric_masks", "int64", "Masks of lyrics in the crossed design, else 0."),
    Column("seed", "int64", "Seed of the masks."),
    Column("time", "string", "When the explanation was made, in UTC (ISO 8601)."),
    Column("version", "string", "Release of sklearn_musiclime."),
    Column("song_digest", "string", "Hash of the song: its audio, lyrics and other columns."),
    Column("model_digest", "string", "Hash of the model. Null: it can't be hashed."),
    Column("settings_digest", "string", "Hash of model, parameters and release; one a record."),
)  # fmt: skip
"""The table of weights: a row a song, label and component."""
INTERACTIONS = (
    *SONG,
    Column("first_index", "int32", "Number of the first component in its song."),
    Column("second_index", "int32", "Number of the second component."),
    Column("first", "string", "Name of the first component."),
    Column("second", "string", "Name of the second component."),
    Column("weight", "double", "Effect of both together beyond the sum of their own."),
    Column("std_err", "float", "Standard error of the weight."),
    Column("q_value", "float", "Smallest false-discovery rate, in its song, at which it is found."),
)
"""The table of interactions: a row a song, label and pair of components."""
N_RUNNING = ("row", "component_index", "start", "end", "weight", "std_err", "low", "high")
"""Columns whose values hardly repeat, for which a dictionary would be a waste."""


def pyarrow(module: str = "pyarrow") -> Any:
    """Import pyarrow, or a module of it.

    Parameters
    ----------
    module : str, default="pyarrow"
        The module.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        It is not installed; the message says how to.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"a record is written and read with pyarrow ({error}): "
            "pip install 'sklearn-musiclime[parquet]'"
        ) from error


def describe(columns: tuple[Column, ...]) -> str:
    """Return the columns of a table as a list of Markdown."""
    return "\n".join(f"- ``{c.name}`` ({c.type}): {c.meaning}" for c in columns)


def schema(columns: tuple[Column, ...], about: dict[str, Any] | None = None) -> Any:
    """Return the Arrow schema of a table, with the meaning of each column in its metadata.

    Parameters
    ----------
    columns : tuple of Column
        `WEIGHTS` or `INTERACTIONS`.
    about : dict, or None, default=None
        Metadata of the file, see :func:`read_about`.

    Returns
    -------
    pyarrow.Schema
    """
    pa = pyarrow()
    types = {"string": pa.string(), "double": pa.float64(), "float": pa.float32()}
    types |= {"int32": pa.int32(), "int64": pa.int64()}
    fields = [pa.field(c.name, types[c.type], metadata={"meaning": c.meaning}) for c in columns]
    known = {"format": FORMAT, "version": VERSION}
    return pa.schema(fields, {META: json.dumps(known | (about or {})).encode()})


def read_about(found: Any, columns: tuple[Column, ...], path: Any) -> dict[str, Any]:
    """Check the schema of a file and return its metadata.

    Parameters
    ----------
    found : pyarrow.Schema
        The schema.
    columns : tuple of Column
        The columns that it should have; others may stand beside them.
    path : path-like
        The file, for error messages.

    Returns
    -------
    dict
        ``format``, ``version``, ``settings_digest`` and ``settings``: what the explanations were
        made with, by name.

    Raises
    ------
    ValueError
        The file is not one of a record, or of a later version.
    """
    try:
        about = json.loads((found.metadata or {}).get(META, b"null"))
    except ValueError:
        about = None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ValueError(f"{str(path)!r} is no file of a record that explain_global(out=) wrote")
    if not isinstance(about.get("version"), int) or about["version"] > VERSION:
        raise ValueError(
            f"{str(path)!r} has version {about.get('version')} of the format; this release reads "
            f"up to {VERSION}"
        )
    for field in schema(columns):
        at = found.get_field_index(field.name)
        if at < 0 or found.field(at).type != field.type:
            raise ValueError(f"{str(path)!r}: {field.name}: no column of type {field.type}")
    return about
