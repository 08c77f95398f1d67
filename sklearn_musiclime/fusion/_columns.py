"""The columns of X that a model of one or both modalities reads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sklearn_musiclime.songs import SongTable, check_audio_cell, read_lyrics

_MODALITIES = {"both": ("audio", "lyrics"), "audio": ("audio",), "lyrics": ("lyrics",)}
"""Columns that a model reads, by the value of its parameter `modality`."""
_CHECKS: dict[str, Callable[..., Any]] = {
    "audio": check_audio_cell,
    "lyrics": partial(read_lyrics, perturbed=True),
}


def modalities_of(modality: str) -> tuple[str, ...]:
    """Return the modalities that a model reads.

    Parameters
    ----------
    modality : {"both", "audio", "lyrics"}
        The parameter of the model.

    Returns
    -------
    tuple of str
        ("audio",), ("lyrics",) or ("audio", "lyrics").

    Raises
    ------
    ValueError
        The value is unknown.
    """
    if modality not in _MODALITIES:
        raise ValueError(f"modality must be one of {tuple(_MODALITIES)}, got {modality!r}")
    return _MODALITIES[modality]


def read_columns(X: Any, modality: str, *, audio: str, lyrics: str) -> dict[str, Any]:
    """Return the columns of X that a model reads, and check their cells.

    Parameters
    ----------
    X : DataFrame or object array of shape (n_songs, 2) or more
        The songs.
    modality : {"both", "audio", "lyrics"}
        The modalities that the model reads; the column of the other one may be missing.
    audio, lyrics : str
        Names of the columns, if `X` is a DataFrame.

    Returns
    -------
    dict of str to Series or object array of shape (n_songs,)
        The columns, by "audio" and "lyrics".

    Raises
    ------
    InvalidSongError
        A cell is not valid audio or not a text; the message names its row.
    TypeError, ValueError
        `X` is not a table of songs, or lacks a column.
    """
    read = modalities_of(modality)
    table = SongTable(X, audio=audio, lyrics=lyrics, modalities=read)
    for name in read:
        for row in range(len(table)):
            _CHECKS[name](table.cell(row, name), row=row)
    return {name: table.column(name) for name in read}
