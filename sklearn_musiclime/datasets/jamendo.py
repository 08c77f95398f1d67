"""The JamendoLyrics data set: songs with lyrics and word times."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_musiclime.components.lyrics import word_times_cell
from sklearn_musiclime.datasets.tables import read_table
from sklearn_musiclime.songs import read_audio, read_text_file


def load_jamendo_lyrics(
    path: str | PathLike[str],
    *,
    window: float | None = 15.0,
    min_words: int = 8,
    sampling_rate: int = 22050,
) -> pd.DataFrame:
    """Load the songs of a JamendoLyrics folder, cut into windows.

    Parameters
    ----------
    path : path-like
        Folder with ``JamendoLyrics.csv``, ``mp3/``, ``lyrics/`` and ``annotations/words/``. Songs
        of the table without an mp3 file are skipped.
    window : float or None, default=15.0
        Length of a window in seconds. Windows are adjacent, from the beginning of the song; a
        remainder at its end is dropped. None: whole songs.
    min_words : int, default=8
        Smallest number of sung words in a window; windows with fewer are dropped.
    sampling_rate : int, default=22050
        Sampling rate in Hz of the returned audio.

    Returns
    -------
    DataFrame
        One row per window: ``audio`` (a mapping with "array", "sampling_rate" and, for whole songs,
        "path"), ``lyrics`` (the words that begin in the window, with their line breaks),
        ``word_times`` (start and end of each word in seconds from the beginning of the window,
        after the word itself where pairs alone could be misunderstood),
        ``genre``, ``language``, ``song`` (artist and title) and ``start`` (seconds from the
        beginning of the song).

    Raises
    ------
    FileNotFoundError
        The folder has no ``JamendoLyrics.csv``, or no song has an mp3 file and a window of
        `min_words`.
    ValueError
        `window` is shorter than a sample or infinite, a table can't be read, or a song has another
        number of word times than of words.

    References
    ----------
    Durand, Stoller, Ewert, "Contrastive learning-based audio to lyrics alignment for multiple
    languages", ICASSP 2023.

    Examples
    --------
    >>> from sklearn_musiclime.datasets import load_jamendo_lyrics
    >>> songs = load_jamendo_lyrics("jamendolyrics")  # doctest: +SKIP
    """
    path = Path(path)
    if window is not None and not 1 <= window * sampling_rate < np.inf:
        raise ValueError(f"window must be finite and no shorter than a sample, got {window}")
    table = path / "JamendoLyrics.csv"
    if not table.is_file():
        raise FileNotFoundError(f"there is no {str(table)!r}: is this a JamendoLyrics folder?")
    songs, _ = read_table(table, ",", ("Filepath", "Genre", "Language", "Artist", "Title"))
    rows = []
    for number, song in enumerate(songs.itertuples()):
        mp3 = path / "mp3" / song.Filepath
        if mp3.is_file():
            waveform = read_audio(mp3, sampling_rate, row=number)
            lines, times = _read_words(path, mp3.stem)
            about = {
                "genre": song.Genre,
                "language": song.Language,
                "song": f"{song.Artist} - {song.Title}",
            }
            for start, audio, lyrics, word_times in _windows(
                waveform, lines, times, window, sampling_rate
            ):
                if len(word_times) < min_words:
                    continue
                cell = {"array": audio, "sampling_rate": sampling_rate}
                if window is None:
                    cell["path"] = str(mp3)
                rows.append(
                    {"audio": cell, "lyrics": lyrics, "word_times": word_times}
                    | about
                    | {"start": start}
                )
    if not rows:
        raise FileNotFoundError(
            f"no song of {str(table)!r} has an mp3 file below {str(path / 'mp3')!r} and a window "
            f"of at least {min_words} words"
        )
    return pd.DataFrame(rows)


def _read_words(path: Path, name: str) -> tuple[list[tuple[str, int]], np.ndarray]:
    """Return (word, number of line breaks before it) of each word of a song, and their times."""
    text = read_text_file(path / "lyrics" / f"{name}.txt")
    words, breaks = [], 0
    for line in text.splitlines():
        for word in line.split():
            words.append((word, breaks))
            breaks = 0
        breaks += 1
    columns = ["word_start", "word_end"]
    _, annotation = read_table(path / "annotations" / "words" / f"{name}.csv", ",", columns)
    times = annotation[columns].to_numpy(dtype=float)
    if not np.isfinite(times).all():
        raise ValueError(f"{name}: a word time is missing or infinite")
    if len(times) != len(words):
        raise ValueError(f"{name}: {len(words)} words but {len(times)} word times")
    return words, times


def _windows(
    waveform: np.ndarray,
    words: list[tuple[str, int]],
    times: np.ndarray,
    window: float | None,
    sampling_rate: int,
):
    """Yield start, audio, lyrics and word times of each window of a song."""
    length = len(waveform) if window is None else round(window * sampling_rate)
    for first in range(0, len(waveform) - length + 1, max(length, 1)):
        start, stop = first / sampling_rate, (first + length) / sampling_rate
        inside = np.flatnonzero((times[:, 0] >= start) & (times[:, 0] < stop))
        lyrics = ""
        for i in inside:
            word, breaks = words[i]
            # One blank line separates sections; further ones are dropped.
            lyrics += ("\n" * min(breaks, 2) or " ") * bool(lyrics) + word
        sung = [(float(a - start), float(min(b, stop) - start)) for a, b in times[inside]]
        own = [words[i][0] for i in inside]
        word_times = word_times_cell(lyrics, list(zip(own, sung, strict=True)))
        yield start, waveform[first : first + length], lyrics, word_times
