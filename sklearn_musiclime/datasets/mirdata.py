"""Data sets of the package mirdata: tracks with audio and, of some, lyrics and their times."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

WORDS, LINES = ("words", "lyrics"), ("lines", "lyrics")
"""Attributes of tracks with lyrics by words, and by lines, in the order in which they are tried."""


def load_mirdata(
    dataset: Any, *, columns: Sequence[str] = (), audio: str = "audio_path"
) -> pd.DataFrame:
    """Load the tracks of a data set of mirdata.

    Audio files are not read: the table has their paths. Tracks without an audio file are left out,
    and told.

    Parameters
    ----------
    dataset : mirdata.core.Dataset
        What ``mirdata.initialize`` returns, downloaded.
    columns : sequence of str, default=()
        Attributes of the tracks that become columns, such as "genre" or "artist".
    audio : str, default="audio_path"
        Attribute with the path of the audio file, for data sets with several ("mix_path").

    Returns
    -------
    DataFrame
        A row a track, with the track's id as its index: "audio"; "lyrics", with the lines of the
        track's `lines`, else the words of its `words` or `lyrics`, empty for a track without;
        "word_times", (word, start, end) in seconds, where a track has them; and `columns`.

    Raises
    ------
    AttributeError
        Tracks have no attribute `audio` or one of `columns`.
    ValueError
        No track has an audio file, or times are not in seconds.

    Warns
    -----
    UserWarning
        Tracks without an audio file.

    References
    ----------
    Bittner et al., "mirdata: software for reproducible usage of datasets", ISMIR 2019.

    Examples
    --------
    >>> import mirdata  # doctest: +SKIP
    >>> from sklearn_musiclime.datasets import load_mirdata
    >>> songs = load_mirdata(mirdata.initialize("gtzan_genre"), columns=["genre"])  # doctest: +SKIP
    """
    rows, absent = {}, []
    for name, track in dataset.load_tracks().items():
        path = getattr(track, audio)
        if path is None or not Path(path).is_file():
            absent.append(name)
            continue
        text, times = _lyrics(track)
        own = {column: getattr(track, column) for column in columns}
        rows[name] = {"audio": str(path), "lyrics": text, "word_times": times} | own
    if not rows:
        raise ValueError(f"none of {len(absent)} tracks has its audio file; is it downloaded?")
    if absent:
        few = ", ".join(map(str, absent[:5]))
        more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
        warnings.warn(f"without an audio file, and left out: {few}{more}", stacklevel=2)
    songs = pd.DataFrame.from_dict(rows, orient="index")
    if songs["word_times"].isna().all():
        return songs.drop(columns="word_times")
    return songs


def _lyrics(track: Any) -> tuple[str, list[tuple[str, float, float]] | None]:
    """The text of a track, and its words with their times."""
    words, lines = (
        next((found for name in names if (found := getattr(track, name, None)) is not None), None)
        for names in (WORDS, LINES)
    )
    if words is None:
        return "", None
    if not hasattr(words, "intervals"):  # lines of words without times, as in vocadito
        return "\n".join(line if isinstance(line, str) else " ".join(line) for line in words), None
    if words.interval_unit != "s":
        raise ValueError(f"times of lyrics in {words.interval_unit!r} where seconds should be")
    times = [
        (word, float(start), float(end))
        for word, (start, end) in zip(words.lyrics, words.intervals, strict=True)
    ]
    if lines is not words and lines is not None and hasattr(lines, "lyrics"):
        return "\n".join(lines.lyrics), times
    return " ".join(words.lyrics), times
