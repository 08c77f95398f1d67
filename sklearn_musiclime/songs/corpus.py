"""Runs over many songs, on any joblib backend: a song that fails or a worker that dies ends none.

A song that can't be explained becomes a :class:`Failure`, and the run goes on; all failures are
warned of once, at its end. Songs of a worker that died are done again.
"""

from __future__ import annotations

import hashlib
import pickle
import time
import traceback
import warnings
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cloudpickle
import pandas as pd
from joblib import delayed, parallel_config

from sklearn_musiclime._runtime.frames import as_series
from sklearn_musiclime._runtime.memory import keep_freed_memory
from sklearn_musiclime._runtime.parallel import StreamingParallel
from sklearn_musiclime.songs import InvalidSongError, SongTable, row_name

MAX_FRUITLESS = 2
"""Deaths of workers in a row, without a song done between them, that a run survives."""
MAX_LISTED = 20
"""Most failed songs that the warning of failures names."""
FAILURE_COLUMNS = ["row", "track_id", "title", "reason"]
"""Columns of tables of songs that could not be explained."""
MAX_ROWS = 5
"""Most rows that any other warning names."""


@dataclass(frozen=True)
class Failure:
    """A song that could not be explained.

    Attributes
    ----------
    row : int
        Its position in X.
    track_id : label
        Its label in the index of X.
    title : str
        Its file name, or its row.
    error : Exception
        Why.
    """

    row: int
    track_id: Hashable
    title: str
    error: Exception

    @property
    def kind(self) -> str:
        """What failures are counted by: the column of an invalid cell, or the type of the error."""
        if isinstance(self.error, InvalidSongError):
            return self.error.column
        return type(self.error).__name__

    @property
    def reason(self) -> str:
        """The error in a line."""
        if isinstance(self.error, InvalidSongError):
            return f"{self.error.column}: {self.error.reason}"
        try:
            text = str(self.error)
        except Exception as error:  # of an error of somebody's own, when all else is done
            text = f"({type(error).__name__} while its message was made)"
        return f"{type(self.error).__name__}: {text}"


def attempt(task: Callable[[SongTable], Any], table: SongTable) -> Any:
    """Run a task on a song and return the error that it raises, if any.

    Parameters
    ----------
    task : callable
        Takes a table of one song.
    table : SongTable
        The song.

    Returns
    -------
    object or Failure
        What the task returned; a Failure that holds the error, if it raised one.
    """
    try:
        with table.naming(0):
            return task(table)
    except Exception as error:
        if not isinstance(error, InvalidSongError):  # which names the row itself
            error.add_note(f"while explaining {table.name(0)}")
        return Failure(table.first_row, table.track_id(0), table.title(0), error)


def each_song(
    task: Callable[[SongTable], Any], table: SongTable, rows: Sequence[int], n_jobs: int | None
) -> Iterator[Any]:
    """Run a task on songs in parallel; an error of one song does not end the run.

    Parameters
    ----------
    task : callable
        Takes a table of one song. joblib inside of it does one thing at a time, so that workers
        don't share processors.
    table : SongTable
        The songs.
    rows : sequence of int
        Positions of the songs to run the task on.
    n_jobs : int or None
        Songs at a time, on the joblib backend that is active.

    Yields
    ------
    object or Failure
        What the task returned, or a Failure that holds the error, in the order of the rows. Songs
        of a worker that died are done again. An interrupt waits until threads have finished the
        songs they are at.
    """
    shipped = _Shipped(task)
    n_done = n_fruitless = 0
    while n_done < len(rows):
        n_before = n_done
        attempts = (delayed(_remote_attempt)(shipped, table.take(row)) for row in rows[n_done:])
        parallel = StreamingParallel(n_jobs)
        try:
            for outcome in parallel(attempts):
                n_done += 1
                yield outcome
        except (KeyboardInterrupt, SystemExit):
            while _IN_FLIGHT:  # Python crashes if it ends while threads are in native code
                time.sleep(0.01)
            raise
        except pickle.PicklingError:
            raise
        except Exception as error:  # the backend's; the task's own are outcomes
            n_fruitless = n_fruitless + 1 if n_done == n_before else 0
            if n_fruitless > MAX_FRUITLESS:
                raise
            warnings.warn(
                f"{type(error).__name__} after {n_done} of {len(rows)} songs; the others are "
                f"done again: {str(error).partition(chr(10))[0]}",
                RuntimeWarning,
            )


class _Shipped:
    """A task as bytes: pickled once for all songs, and unpickled once in each worker.

    It is unpickled within the attempt at a song, so that an error there is caught as one of it.

    Parameters
    ----------
    task : callable
        The task, with the model and all else that it holds. One that can't be pickled is taken as
        it is, which threads don't mind.
    """

    def __init__(self, task: Callable[[SongTable], Any]):
        self._task = None
        try:
            self._data = cloudpickle.dumps(task)
        except (pickle.PicklingError, TypeError, AttributeError):
            self._task, self._data = task, b""
        self._digest = hashlib.blake2b(self._data).digest()

    def __sizeof__(self) -> int:
        return len(self._data)  # what tells Dask to send it to each worker once

    def __call__(self, table: SongTable) -> Any:
        task = self._task or _UNPACKED.get(self._digest)
        if task is None:
            task = cloudpickle.loads(self._data)
            _UNPACKED.clear()  # those of other runs
            _UNPACKED[self._digest] = task
        return task(table)


_UNPACKED: dict[bytes, Callable[[SongTable], Any]] = {}


_IN_FLIGHT: set[object] = set()
"""Songs that are at work in this process."""


def _remote_attempt(shipped: _Shipped, table: SongTable) -> Any:
    keep_freed_memory()
    song = object()
    _IN_FLIGHT.add(song)
    try:
        with parallel_config(backend="sequential"):
            outcome = attempt(shipped, table)
    finally:
        _IN_FLIGHT.discard(song)
    if isinstance(outcome, Failure):
        outcome = replace(outcome, error=_portable(outcome.error))
    return outcome


def _portable(error: Exception) -> Exception:
    """An error that can be pickled, with its traceback, which pickling would drop, as a note."""
    where = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever its constructor makes of its own arguments
        error = RuntimeError(f"{type(error).__name__}: {error}")
    if not isinstance(error, InvalidSongError):
        error.add_note(where)
    return error


def failure_frame(failures: Sequence[Failure]) -> pd.DataFrame:
    """List songs that could not be explained.

    Parameters
    ----------
    failures : sequence of Failure
        The songs.

    Returns
    -------
    DataFrame
        Columns ``row``, ``track_id``, ``title`` and ``reason``.
    """
    return pd.DataFrame(
        {name: as_series([getattr(f, name) for f in failures]) for name in FAILURE_COLUMNS}
    )


def warn_of_failures(failures: Sequence[Failure], n_songs: int) -> None:
    """Warn once of all songs that could not be explained.

    Parameters
    ----------
    failures : sequence of Failure
        The songs; without any there is no warning.
    n_songs : int
        Of how many.
    """
    if not failures:
        return
    lines = [
        f"{row_name(f.row, f.track_id)} ({f.title}): {f.reason}" for f in failures[:MAX_LISTED]
    ]
    if len(failures) > MAX_LISTED:
        lines.append(f"and {len(failures) - MAX_LISTED} more")
    warnings.warn(
        f"{len(failures)} of {n_songs} songs could not be explained:\n  " + "\n  ".join(lines)
    )


class Notes:
    """Collects warnings of the songs of a run, and gives each once, with the songs it holds for.

    Parameters
    ----------
    at_once : collection of str, default=()
        Topics that are warned of at the first song that they hold for, because they tell what the
        run will cost. The others are warned of at the end.

    Examples
    --------
    >>> import warnings
    >>> from sklearn_musiclime.songs.corpus import Notes
    >>> notes = Notes()
    >>> for row in range(9):
    ...     notes.add(f"row {row}", {"silence": "all is silent"})
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     notes.warn()
    >>> print(caught[0].message)
    row 0, row 1, row 2, row 3, row 4 and 4 more: all is silent
    """

    def __init__(self, at_once: Collection[str] = ()):
        self._at_once = at_once
        self._songs: dict[str, list[str]] = {}
        self._messages: dict[str, str] = {}

    def add(self, name: str, messages: Mapping[str, str]) -> None:
        """Add the warnings of a song.

        Parameters
        ----------
        name : str
            What messages call it.
        messages : dict of str to str
            The messages, by topic. Of each topic, the first song's message is given.
        """
        for topic, message in messages.items():
            if topic not in self._messages and topic in self._at_once:
                warnings.warn(f"{name}: {message}", UserWarning)
            self._messages.setdefault(topic, message)
            self._songs.setdefault(topic, []).append(name)

    def warn(self) -> None:
        """Give the warnings that were not given at once, with the songs that each holds for."""
        for topic, names in self._songs.items():
            if topic in self._at_once:
                continue
            more = f" and {len(names) - MAX_ROWS} more" if len(names) > MAX_ROWS else ""
            shown = ", ".join(names[:MAX_ROWS]) + more
            warnings.warn(f"{shown}: {self._messages[topic]}", UserWarning)
