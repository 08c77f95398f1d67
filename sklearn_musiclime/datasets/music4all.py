"""The Music4All data set: songs with lyrics, genres, and Spotify's valence and energy."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_musiclime.datasets.tables import read_table
from sklearn_musiclime.songs import read_text_file

CUTS = (0.35, 0.65)
"""Thresholds of valence and energy: low below the first, high from the second on."""
EMOTIONS = (
    ("Angry", "Tense", "Excited"),
    ("Sad", "Neutral", "Happy"),
    ("Depressed", "Calm", "Relaxed"),
)
"""Names of the emotions: rows from high to low energy, columns from low to high valence."""
TABLES = {
    "information": ("id", "artist", "song", "album_name"),
    "genres": ("id", "genres"),
    "lang": ("id", "lang"),
    "metadata": ("id", "valence", "energy"),
}
"""The tables of the data set, with the columns that are required in each."""


def emotion(valence: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Map valence and energy to one of nine emotions, as in the MusicLIME paper.

    Both are divided into low, middle and high at 0.35 and 0.65.

    Parameters
    ----------
    valence, energy : array-like of shape (n_songs,)
        Valence and energy of each song, from 0 to 1.

    Returns
    -------
    ndarray of shape (n_songs,) of str objects
        Names of the emotions; None where valence or energy is NaN.

    Examples
    --------
    >>> from sklearn_musiclime.datasets import emotion
    >>> emotion([0.1, 0.5, 0.9], [0.9, 0.5, 0.1]).tolist()
    ['Angry', 'Neutral', 'Relaxed']
    """
    valence, energy = np.asarray(valence, dtype=float), np.asarray(energy, dtype=float)
    names = np.array(EMOTIONS, dtype=object)
    found = names[2 - np.digitize(energy, CUTS), np.digitize(valence, CUTS)]
    found[np.isnan(valence) | np.isnan(energy)] = None
    return found


def load_music4all(
    path: str | PathLike[str],
    *,
    genre_map: Mapping[str, str] | None = None,
    languages: list[str] | None = None,
) -> pd.DataFrame:
    """Load the songs of a Music4All folder.

    The audio files are not read: the table contains their paths.

    Parameters
    ----------
    path : path-like
        The folder with ``id_information.csv``, ``id_genres.csv``, ``id_lang.csv`` and
        ``id_metadata.csv`` (tab-separated), ``audios/ID.mp3`` and ``lyrics/ID.txt``. Songs that
        lack the audio or the lyrics file are skipped.
    genre_map : mapping of str to str, or None, default=None
        Maps genres to the values of the column ``genre``. A song gets the value of the first of its
        genres that is a key. None: ``genre`` is the first genre of the song.
    languages : list of str or None, default=None
        Languages of the songs to load, as in ``id_lang.csv`` ("en"). None: all.

    Returns
    -------
    DataFrame
        One row per song: ``audio`` (a path), ``lyrics``, ``id``, ``artist``, ``title``, ``album``,
        ``language``, ``genres`` (a list), ``genre`` (None for songs without a genre or without one
        in the map), ``valence``, ``energy``, ``emotion`` (one of nine, see
        :func:`~sklearn_musiclime.datasets.emotion`), and the other columns of ``id_metadata.csv``.

    Raises
    ------
    FileNotFoundError
        A table is missing, or no song has both files.
    ValueError
        A table can't be read, lacks a column, contains an id twice, or has a valence or energy that
        is not a number; or a lyrics file is not UTF-8 text.

    References
    ----------
    Santana et al., "Music4All: a new music database and its applications", IWSSIP 2020.

    Sotirou et al., "MusicLIME", arXiv 2409.10496 (the emotions).

    Examples
    --------
    >>> from sklearn_musiclime.datasets import load_music4all
    >>> songs = load_music4all("music4all", languages=["en"])  # doctest: +SKIP
    """
    path = Path(path)
    tables = []
    for name, columns in TABLES.items():
        file = path / f"id_{name}.csv"
        if not file.is_file():
            raise FileNotFoundError(f"there is no {str(file)!r}: is this a Music4All folder?")
        cells, table = read_table(file, "\t", columns)
        if name == "metadata":
            table["id"] = cells["id"]
        else:
            table = cells  # text as it stands: there are artists called "NA" and songs called "1"
        twice = table["id"][table["id"].duplicated()]
        if len(twice):
            raise ValueError(f"{str(file)!r} has the id {twice.iloc[0]!r} more than once")
        tables.append(table.set_index("id"))
    information, genres, lang, metadata = tables
    for name in ("valence", "energy"):
        if metadata[name].dtype.kind not in "fiu":
            raise ValueError(f"id_metadata.csv: column {name!r} holds what is no number")
    songs = information.rename(columns={"song": "title", "album_name": "album"})
    songs = songs.join([genres, lang, metadata]).rename(columns={"lang": "language"})
    if languages is not None:
        songs = songs[songs["language"].isin(languages)]
    audio = [path / "audios" / f"{i}.mp3" for i in songs.index]
    lyrics = [path / "lyrics" / f"{i}.txt" for i in songs.index]
    there = [a.is_file() and b.is_file() for a, b in zip(audio, lyrics, strict=True)]
    if not any(there):
        raise FileNotFoundError(
            f"no song has both a file below {str(path / 'audios')!r} and one below "
            f"{str(path / 'lyrics')!r}"
        )
    songs = songs[there].reset_index()
    songs.insert(0, "audio", [str(a) for a, is_there in zip(audio, there, strict=True) if is_there])
    songs.insert(
        1,
        "lyrics",
        [read_text_file(b) for b, is_there in zip(lyrics, there, strict=True) if is_there],
    )
    songs["genres"] = [
        [g.strip() for g in genres.split(",") if g.strip()] if isinstance(genres, str) else []
        for genres in songs["genres"]
    ]
    songs["genre"] = pd.Series(
        [_first_class(genres, genre_map) for genres in songs["genres"]], dtype=object
    )
    songs["emotion"] = emotion(songs["valence"], songs["energy"])
    return songs


def _first_class(genres: list[str], genre_map: Mapping[str, str] | None) -> str | None:
    if genre_map is None:
        return genres[0] if genres else None
    return next((genre_map[genre] for genre in genres if genre in genre_map), None)
