"""Writing of a record while songs finish, so that a run may be killed at any moment.

Songs are collected for some seconds and written as a part: its interactions first, then its
weights, each to a file that gets its name once it is whole and on the disk. The second renaming is
what counts: interactions without weights are those of a run that was killed between the two, and
are removed by the next one. Thus each song is in the record wholly and once, or not at all. A
record that is one file is joined from its parts at the end of the run, and the parts are removed
when it is there; parts whose songs are in the file already were left by a run that was killed at
that point.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any, Self

from sklearn_musiclime._runtime.files import replacing
from sklearn_musiclime.results.record.columns import (
    INTERACTIONS,
    N_RUNNING,
    WEIGHTS,
    Column,
    pyarrow,
    read_about,
    schema,
)
from sklearn_musiclime.results.record.place import SUFFIX, Place
from sklearn_musiclime.results.record.rows import SongRows

PART_SONGS = 500
"""Most songs of a part."""
PART_SECONDS = 15.0
"""Seconds after which songs that wait are written: what a run that is killed may lose."""
GROUP_ROWS = 100_000
"""Rows of a row group of a joined file, which readers hold at a time."""
MAX_DIFFERENCES = 5
"""Most settings that an error lists."""


class RecordWriter:
    """Writes the rows of songs as they finish; a context, which no other process can be in.

    Parameters
    ----------
    path : path-like
        The record, see :class:`~sklearn_musiclime.results.record.place.Place`.
    settings_digest : str
        Hash of what explanations are made with. A record has one.
    settings : mapping of str to str
        What the hash is made of, by name, for error messages and readers.

    Attributes
    ----------
    place : Place
        Where it lies.
    settings_digest : str
        As given.
    known : dict of str to str
        Digests of the songs in the record, by their labels in JSON.

    Raises
    ------
    ImportError
        pyarrow is not installed.
    OSError
        The folder can't be written to, or another run writes this record.
    ValueError
        The record was made with other settings, or is none.
    """

    def __init__(
        self, path: str | PathLike[str], *, settings_digest: str, settings: Mapping[str, str]
    ):
        pyarrow()
        self.place = Place.of(path)
        self.settings_digest = settings_digest
        self._settings = dict(settings)
        self._about: dict[str, Any] = {
            "settings_digest": settings_digest,
            "settings": self._settings,
        }
        self._waiting: list[SongRows] = []
        self._since = 0.0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.place.folder.mkdir(parents=True, exist_ok=True)
        self._stack.enter_context(_alone(self.place.folder / "_lock", self.place.path))
        try:
            for path in self.place.weights():
                self._check(path)
            self._remove_halves()
            self.known = recorded_songs(self.place)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: Any, *error: object) -> None:
        try:
            self.flush()
            if kind is None and self.place.is_file:
                self._join()
        finally:
            self._stack.close()
            if kind is None and self.place.is_file:
                shutil.rmtree(self.place.folder, ignore_errors=True)

    def add(self, rows: SongRows) -> None:
        """Add the rows of a song; they are on the disk some seconds later."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(rows)
        is_due = time.monotonic() - self._since > PART_SECONDS
        if is_due or len(self._waiting) >= PART_SONGS:
            self.flush()

    def _check(self, path: Path) -> None:
        """Raise a ValueError if a file is of other settings."""
        about = read_about(pyarrow("pyarrow.parquet").read_schema(path), WEIGHTS, path)
        if about.get("settings_digest") == self._about["settings_digest"]:
            return
        then, now = about.get("settings", {}), self._settings
        others = [
            f"{name} was {then.get(name, 'unknown')}, is {value}"
            for name, value in now.items()
            if then.get(name) != value
        ]
        what = "; ".join(others[:MAX_DIFFERENCES]) or "what the model or a setting is made of"
        raise ValueError(
            f"out={str(self.place.path)!r} is the record of a run with other settings, and a "
            f"record has one: {what}. Give another name, or move the record away"
        )

    def _remove_halves(self) -> None:
        for folder in (self.place.folder, self.place.pair_folder):
            for path in folder.glob(".*.tmp"):
                path.unlink()
        whole = {path.name for path in self.place.folder.glob(f"part-*{SUFFIX}")}
        for path in self.place.pair_folder.glob(f"part-*{SUFFIX}"):
            if path.name not in whole:
                path.unlink()

    def flush(self) -> None:
        """Write the songs that wait."""
        if not self._waiting:
            return
        tables = [rows.weights for rows in self._waiting]
        pairs = [rows.interactions for rows in self._waiting]
        # Numbered by time: parts are read in the order in which they were written.
        name = f"part-{time.time_ns():020d}{SUFFIX}"
        known = [table for table in pairs if table is not None and len(table)]
        if known:
            self.place.pair_folder.mkdir(exist_ok=True)
            self._write(self.place.pair_folder / name, INTERACTIONS, known)
        self._write(self.place.folder / name, WEIGHTS, tables)
        self._waiting = []

    def _write(self, path: Path, columns: tuple[Column, ...], tables: Any) -> None:
        """Write tables, each group of them as a row group, so that a song is in one of them."""
        pq, of_file = pyarrow("pyarrow.parquet"), schema(columns, self._about)
        repeating = [c.name for c in columns if c.name not in N_RUNNING]
        with (
            replacing(path, durable=True) as (file,),
            pq.ParquetWriter(file, of_file, compression="zstd", use_dictionary=repeating) as writer,
        ):
            for group in _groups(tables):
                table = group.replace_schema_metadata(of_file.metadata)
                writer.write_table(table, row_group_size=max(len(table), 1))

    def _join(self) -> None:
        """Join the parts to one file of weights and one of interactions."""
        for file, files, columns in (
            (self.place.pair_file, self.place.interactions(), INTERACTIONS),
            (self.place.path, self.place.weights(), WEIGHTS),
        ):
            if files and files != [file]:
                self._write(file, columns, _tables(file, files))


def recorded_songs(place: Place) -> dict[str, str]:
    """Return the digests of the songs in a record by their labels in JSON.

    Parameters
    ----------
    place : Place
        The record.

    Returns
    -------
    dict of str to str
    """
    pq, names = pyarrow("pyarrow.parquet"), ["track_json", "song_digest"]
    known: dict[str, str] = {}
    for path in place.weights():
        with pq.ParquetFile(path, read_dictionary=names) as file:
            for group in range(file.num_row_groups):
                found = file.read_row_group(group, names).group_by(names).aggregate([])
                known |= zip(*(found[name].to_pylist() for name in names), strict=True)
    return known


def _groups(tables: Any) -> Iterator[Any]:
    """Concatenate tables to ones of about `GROUP_ROWS` rows."""
    pa, group = pyarrow(), []
    for table in tables:
        group.append(table)
        if sum(map(len, group)) >= GROUP_ROWS:
            yield pa.concat_tables(group)
            group = []
    if group:
        yield pa.concat_tables(group)


def _tables(file: Path, files: list[Path]) -> Iterator[Any]:
    """Yield the tables of a file and of those parts whose songs are not in it already."""
    pq, held = pyarrow("pyarrow.parquet"), set()
    for path in files:
        with pq.ParquetFile(path) as found:
            for group in range(found.num_row_groups):
                table = found.read_row_group(group)
                if path == file:
                    held.update(table["track_json"].unique().to_pylist())
                elif table["track_json"][0].as_py() in held:
                    continue
                yield table


class _alone:
    """A context that one process is in at a time, by a lock that ends with the process."""

    def __init__(self, lock: Path, path: Path):
        self._lock, self._path = lock, path

    def __enter__(self) -> None:
        self._file = self._lock.open("ab")
        try:
            import fcntl
        except ImportError:  # Windows: whoever starts two runs at once has a record of both
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise OSError(error.errno, "another run writes this record", str(self._path)) from error

    def __exit__(self, *error: object) -> None:
        self._file.close()
