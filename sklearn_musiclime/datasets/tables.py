"""Loading songs from a table of your own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_musiclime.datasets.lyric_files import read_lyrics_file
from sklearn_musiclime.songs import InvalidSongError, check_file, names_file


def load_songs(
    path: str | PathLike[str],
    *,
    audio: str = "audio",
    lyrics: str | None = "lyrics",
    start: str | None = None,
    end: str | None = None,
    folder: str | PathLike[str] | None = None,
    sep: str | None = None,
    encoding: str = "utf-8",
) -> pd.DataFrame:
    r"""Load a table of songs that refers to audio files and, optionally, to lyrics files.

    The audio files are not read: the result contains their paths.

    Parameters
    ----------
    path : path-like
        A table with a header, in UTF-8.
    audio : str, default="audio"
        Name of the column with the paths of the audio files.
    lyrics : str or None, default="lyrics"
        Name of the column with the lyrics. A cell is the path of a lyrics file, which is read as
        :func:`~sklearn_musiclime.datasets.read_lyrics_file` says, if it names an existing file or
        ends as such files do (``.txt``, ``.lrc``, ``.srt``, ``.json`` and others); else it is the
        text itself. None: all songs get empty lyrics.
    start, end : str or None, default=None
        Names of the columns with the start and the end, in seconds, of a song that is a part of its
        file, as in AudioSet. An empty cell means the start or the end of the file. Lyrics of files
        with times are cut to the same part; other lyrics are kept whole.
    folder : path-like or None, default=None
        Folder that relative paths refer to. None: the folder of the table.
    sep : str or None, default=None
        Separator of columns. None: a tab for ``.tsv`` and ``.tab`` files, else a comma.
    encoding : str, default="utf-8"
        Encoding of lyrics files, except those that begin with the mark of a UTF.

    Returns
    -------
    DataFrame
        First the columns ``audio`` (paths; with `start` or `end`, mappings with "path", "start" and
        "end"), ``lyrics`` and, if any song has word times, ``word_times``; then the other columns
        of the table.

    Raises
    ------
    FileNotFoundError
        There is no such table.
    ValueError
        The file can't be read as a table, a row has more cells than the header, or a column is
        missing.
    InvalidSongError
        A lyrics file is missing, not text in its encoding, or not what its suffix says, or a start
        or end is not a number; the message names the row.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_musiclime.datasets import load_songs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder, "songs.csv")
    ...     _ = table.write_text("file,words,from,to\nsong.mp3,all you need,30,40\n")
    ...     songs = load_songs(table, audio="file", lyrics="words", start="from", end="to")
    >>> songs["lyrics"][0], songs["audio"][0]["start"], songs["audio"][0]["end"]
    ('all you need', 30.0, 40.0)
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no table at {str(path)!r}")
    if sep is None:
        sep = "\t" if path.suffix in (".tsv", ".tab") else ","
    texts = [audio] if lyrics is None else [audio, lyrics]
    needed = [name for name in (*texts, start, end) if name is not None]
    # Texts are taken from the unparsed cells: lyrics may be "NA" or "1".
    cells, table = read_table(path, sep, needed)
    folder = Path(path.parent if folder is None else folder).absolute()
    files, texts_read, times = [], [], []
    for row in range(len(table)):
        span = [
            default if name is None else _seconds(table[name].iat[row], default, row)
            for name, default in ((start, 0.0), (end, math.inf))
        ]
        text, word_times = "", None
        if lyrics is not None:
            text, word_times = _read_lyrics(
                cells[lyrics].iat[row], folder, row, *span, encoding=encoding
            )
        file = str(folder / cells[audio].iat[row]) if cells[audio].iat[row] else None
        is_part = start is not None or end is not None
        files.append({"path": file, "start": span[0], "end": span[1]} if is_part else file)
        texts_read.append(text)
        times.append(word_times)
    songs = {"audio": files, "lyrics": texts_read}
    if any(t is not None for t in times):
        songs["word_times"] = times
    songs = {name: pd.Series(values, dtype=object) for name, values in songs.items()}
    rest = table.drop(columns=[name for name in (*texts, *songs) if name in table])
    return pd.concat([pd.DataFrame(songs), rest], axis=1)


def read_table(path: Path, sep: str, columns: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read a table with a header, as texts and as parsed values.

    A row with fewer cells than the header is filled with empty cells.

    Parameters
    ----------
    path : Path
        The table, in UTF-8.
    sep : str
        Separator of columns.
    columns : sequence of str
        Names of the required columns.

    Returns
    -------
    cells : DataFrame of str
        The text of each cell.
    table : DataFrame
        The cells as pandas parses them: numbers, and NaN for empty cells.

    Raises
    ------
    ValueError
        The file can't be read as a table, a row has more cells than the header, or a required
        column is missing or occurs more than once.
    """
    options = {"sep": sep, "encoding": "utf-8-sig", "index_col": False}
    try:
        # The header is read as a row: with a header, pandas takes surplus cells for an index.
        rows = pd.read_csv(path, header=None, dtype=str, keep_default_na=False, **options)
        table = pd.read_csv(path, **options)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{str(path)!r} can't be read as a table: {error}") from error
    names = rows.iloc[0].tolist()
    for name in columns:
        if names.count(name) != 1:
            n = "no" if name not in names else "more than one"
            raise ValueError(f"{str(path)!r} has {n} column {name!r}; it has {names}")
    return rows[1:].set_axis(table.columns, axis=1).reset_index(drop=True), table


def _seconds(value: Any, default: float, row: int) -> float:
    if pd.isna(value):
        return default
    try:
        return float(value)
    except ValueError as error:
        raise InvalidSongError(row, "audio", f"{value!r} is no number of seconds") from error


def _read_lyrics(
    cell: str, folder: Path, row: int, start: float, end: float, *, encoding: str
) -> tuple[str, list[tuple] | None]:
    """Return the text of a lyrics cell, read from its file if it names one, and its word times."""
    if not names_file(cell, folder):
        return cell, None
    file = folder / cell.strip()
    check_file(file, row, "lyrics")
    try:
        lyrics = read_lyrics_file(file, start=start, end=end, encoding=encoding)
    except (OSError, ValueError) as error:
        raise InvalidSongError(row, "lyrics", f"file {error}") from error
    return lyrics.text, lyrics.cell()
