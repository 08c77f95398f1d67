"""Loading songs from a table of your own."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_musiclime._runtime.polars import as_pandas
from sklearn_musiclime.datasets.lyric_files import read_lyrics_file
from sklearn_musiclime.songs import (
    InvalidSongError,
    check_audio_cell,
    check_file,
    names_file,
    read_lyrics,
)

CODE = re.compile(r"[+-]?0\d")
"""Beginning of what is written in digits and is no number: 001 is not 1."""
QUOTED = re.compile(r'"(?:[^"]|"")*"')
"""A whole cell in quotation marks, those within it doubled."""


def load_songs(
    path: str | PathLike[str] | pd.DataFrame,
    *,
    audio: str = "audio",
    lyrics: str | None = "lyrics",
    start: str | None = None,
    end: str | None = None,
    folder: str | PathLike[str] | None = None,
    sep: str | None = None,
    encoding: str = "utf-8",
    check_audio: bool = True,
) -> pd.DataFrame:
    r"""Load a table of songs that refers to audio files and, optionally, to lyrics files.

    The audio files are not read: the result contains their paths.

    Parameters
    ----------
    path : path-like or DataFrame
        A table with a header, in UTF-8; or a table of pandas, polars or ``datasets``, for whatever
        these read: parquet, JSON lines, other encodings.
    audio : str, default="audio"
        Name of the column with the paths of the audio files. Cells of a DataFrame may also hold
        sound itself, see :func:`~sklearn_musiclime.songs.read_audio`.
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
        Folder that relative paths refer to. None: the folder of the table; of a DataFrame, the
        working directory.
    sep : str or None, default=None
        Separator of columns. None: a tab for ``.tsv`` and ``.tab`` files, else a comma. Where it is
        a tab, quotation marks may be mere text, as in Music4All's tables: they are taken so unless
        they enclose whole cells.
    encoding : str, default="utf-8"
        Encoding of lyrics files, except those that begin with the mark of a UTF.
    check_audio : bool, default=True
        Whether every audio file must be there. If not, songs whose files are missing are named as
        such when they are explained.

    Returns
    -------
    DataFrame
        First the columns ``audio`` (paths; with `start` or `end`, mappings with "path", "start" and
        "end"), ``lyrics`` and, if any song has word times, ``word_times``; then the other columns
        of the table. Columns of a file hold numbers where all cells but empty ones and "NA" are
        numbers, without zeros in front as ids have them; else text as it stands, "NA" too.

    Raises
    ------
    FileNotFoundError
        There is no such table.
    ValueError
        The file can't be read as a table, a row has more cells than the header, or a column is
        missing.
    InvalidSongError
        An audio or lyrics file is missing, a lyrics file is not text in its encoding or not what
        its suffix says, or a start or end is not a number; the message names the row.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_musiclime.datasets import load_songs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder, "songs.csv")
    ...     Path(folder, "song.mp3").touch()
    ...     _ = table.write_text("file,words,from,to\nsong.mp3,all you need,30,40\n")
    ...     songs = load_songs(table, audio="file", lyrics="words", start="from", end="to")
    >>> songs["lyrics"][0], songs["audio"][0]["start"], songs["audio"][0]["end"]
    ('all you need', 30.0, 40.0)
    """
    texts = [audio] if lyrics is None else [audio, lyrics]
    needed = [name for name in (*texts, start, end) if name is not None]
    # Texts are taken from the unparsed cells: lyrics may be "NA" or "1".
    table = as_pandas(path)
    if isinstance(table, pd.DataFrame):
        for name in needed:
            if list(table).count(name) != 1:
                n = "no" if name not in table else "more than one"
                raise ValueError(f"the table has {n} column {name!r}; it has {list(table)}")
        table = table.reset_index(drop=True)
        cells, base = table, Path()
    else:
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"there is no table at {str(path)!r}")
        if sep is None:
            sep = "\t" if path.suffix in (".tsv", ".tab") else ","
        cells, table = read_table(path, sep, needed)
        base = path.parent
    folder = Path(base if folder is None else folder).absolute()
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
        file = _audio_cell(cells[audio].iat[row], folder)
        if check_audio and file is not None:
            check_audio_cell(file, row=row)
        if start is not None or end is not None:
            file = _part(file, span[0], span[1], row)
        files.append(file)
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
        Columns of numbers, NaN where they are empty or "NA"; other columns as text, NaN for empty
        cells. What has zeros in front, as ids, is text.

    Raises
    ------
    ValueError
        The file can't be read as a table, a row has more cells than the header, or a required
        column is missing or occurs more than once.
    """
    options = {"sep": sep, "encoding": "utf-8-sig", "index_col": False}
    try:
        if sep == "\t" and not _is_quoted(path.read_text(encoding="utf-8-sig")):
            options["quoting"] = csv.QUOTE_NONE
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
    cells = rows[1:].set_axis(table.columns, axis=1).reset_index(drop=True)
    for at, name in enumerate(table.columns):
        texts = cells.iloc[:, at]
        is_number = pd.api.types.is_numeric_dtype(table.dtypes.iloc[at])
        if not is_number or table.iloc[:, at].isna().all() or texts.str.match(CODE).any():
            table[name] = texts.where(texts != "", np.nan).astype(object)
    return cells, table


def _is_quoted(text: str) -> bool:
    """Say whether quotation marks in a table of tabs enclose cells; else they are text."""
    if '"' not in text:
        return False
    lines = [line.split("\t") for line in text.splitlines() if line]
    marked = [cell for line in lines for cell in line if '"' in cell]
    if all(QUOTED.fullmatch(cell) for cell in marked):
        return True
    n_cells = {len(line) for line in lines}
    if len(n_cells) == 1 and n_cells != {1}:
        return False
    try:  # cells of several lines
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True))
    except csv.Error:
        return False
    return len({len(row) for row in rows if row}) == 1


def _audio_cell(cell: Any, folder: Path) -> Any:
    """Return an audio cell, a path in it as one from the root; None where it is empty."""
    if isinstance(cell, (str, PathLike)):
        return str(folder / cell) if str(cell) else None
    if isinstance(cell, Mapping) and cell.get("bytes") is None:
        path = cell.get("path")
        if isinstance(path, (str, PathLike)) and cell.get("array") is None:
            return dict(cell) | {"path": str(folder / path)}
    return None if pd.api.types.is_scalar(cell) and pd.isna(cell) else cell


def _part(cell: Any, start: float, end: float, row: int) -> dict[str, Any]:
    """Return an audio cell as a part of its file."""
    if cell is None or isinstance(cell, str):
        cell = {"path": cell}
    if not isinstance(cell, Mapping) or cell.get("array") is not None:
        raise InvalidSongError(row, "audio", "start and end are of files, and it holds samples")
    return dict(cell) | {"start": start, "end": end}


def _seconds(value: Any, default: float, row: int) -> float:
    if pd.isna(value):
        return default
    try:
        return float(value)
    except ValueError as error:
        raise InvalidSongError(row, "audio", f"{value!r} is no number of seconds") from error


def _read_lyrics(
    cell: Any, folder: Path, row: int, start: float, end: float, *, encoding: str
) -> tuple[str, list[tuple] | None]:
    """Return the text of a lyrics cell, read from its file if it names one, and its word times."""
    if pd.api.types.is_scalar(cell) and pd.isna(cell):
        return "", None
    cell = str(cell) if isinstance(cell, PathLike) else cell
    if not isinstance(cell, str) or not names_file(cell, folder):
        cell = read_lyrics(cell, row=row)
        return cell, None
    file = folder / cell.strip()
    check_file(file, row, "lyrics")
    try:
        lyrics = read_lyrics_file(file, start=start, end=end, encoding=encoding)
    except (OSError, ValueError) as error:
        raise InvalidSongError(row, "lyrics", f"file {error}") from error
    return lyrics.text, lyrics.cell()
