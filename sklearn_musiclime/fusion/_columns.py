"""What a model reads of X."""

from __future__ import annotations

from typing import Any

from sklearn_musiclime.songs import SongTable, check_audio_cell, read_lyrics

MODALITIES = {"both": ("audio", "lyrics"), "audio": ("audio",), "lyrics": ("lyrics",)}
"""The columns that a model reads, by its parameter ``modality``."""
_CHECKS = {"audio": check_audio_cell, "lyrics": read_lyrics}


def check_modality(modality: str) -> tuple[str, ...]:
    """Return the columns that a model reads.

    Parameters
    ----------
    modality : {"both", "audio", "lyrics"}
        Its parameter.

    Returns
    -------
    tuple of str
        "audio", "lyrics" or both.

    Raises
    ------
    ValueError
        It is something else.
    """
    if modality not in MODALITIES:
        raise ValueError(f"modality must be one of {tuple(MODALITIES)}, got {modality!r}")
    return MODALITIES[modality]


def read_columns(X: Any, modality: str, *, audio: str, lyrics: str) -> dict[str, Any]:
    """Take the columns that a model reads out of X, their cells checked.

    Parameters
    ----------
    X : DataFrame or object array of shape (n_songs, 2) or more
        The songs.
    modality : {"both", "audio", "lyrics"}
        What the model reads; other columns need not be there.
    audio, lyrics : str
        Names of the columns, if `X` is a DataFrame.

    Returns
    -------
    dict of str to Series or object array of shape (n_songs,)
        By "audio" and "lyrics".

    Raises
    ------
    InvalidSongError
        A cell is no audio or no text; the message names its row.
    TypeError, ValueError
        `X` is no table of songs, or lacks a column.
    """
    halves = check_modality(modality)
    table = SongTable(X, audio=audio, lyrics=lyrics, modalities=halves)
    for half in halves:
        for row in range(len(table)):
            _CHECKS[half](table.cell(row, half), row=row)
    return {half: table.column(half) for half in halves}
