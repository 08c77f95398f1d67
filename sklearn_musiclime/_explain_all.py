"""Explanations of many songs, one after the other or in parallel, with a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from joblib import effective_n_jobs

from sklearn_musiclime._explain_kept import KeptExplanations, Outcome
from sklearn_musiclime._runtime.parallel import StreamingParallel
from sklearn_musiclime._runtime.progress import tqdm
from sklearn_musiclime.songs import SongTable
from sklearn_musiclime.songs.corpus import Failure, Notes, attempt, each_song, warn_of_failures


def explain_songs(
    task: KeptExplanations,
    table: SongTable,
    rows: Sequence[int],
    failures: list[Failure],
    *,
    on_error: str,
    n_jobs: int | None,
    verbose: int,
) -> Iterator[Any]:
    """Yield the result of each song that does not fail, in the order of the rows.

    Parameters
    ----------
    task : KeptExplanations
        Explains one song.
    table : SongTable
        The songs.
    rows : sequence of int
        Positions of the songs to explain.
    failures : list of Failure
        Songs that failed before. Those that fail here are added, and the list is sorted by row.
    on_error : {"raise", "warn"}
        Whether a song that fails raises its error, or is left out and warned of at the end.
    n_jobs : int or None
        Number of songs explained in parallel; with fewer than half as many songs as workers, the
        batches of each song are scored in parallel instead.
    verbose : int
        Above 0: show a progress bar, and tell how the model is scored.

    Yields
    ------
    object
        What `task` made of the song.

    Raises
    ------
    ValueError
        All songs failed.
    """
    n_done, notes, ways = 0, Notes(at_once=["black box"]), set()
    is_alone = len(table) == 1  # then progress is that of its samples
    with tqdm(
        desc="explaining",
        disable=not verbose,
        unit=" samples" if is_alone else " songs",
        total=None if is_alone else len(rows),
    ) as progress:
        of_samples = progress if is_alone else tqdm(disable=True)
        for outcome in _outcomes(task, table, rows, n_jobs, of_samples):
            if not is_alone:
                progress.update()
            if not isinstance(outcome, Failure):
                n_done += 1
                task.cache.warn_once(outcome.trouble)
                notes.add(outcome.name, outcome.notes)
                if verbose and outcome.way not in ways:
                    ways.add(outcome.way)
                    tqdm.write(f"model: {outcome.way}", file=sys.stderr)
                yield outcome.result
            elif on_error == "raise":
                raise outcome.error
            else:
                failures.append(outcome)
    notes.warn()
    failures.sort(key=attrgetter("row"))
    warn_of_failures(failures, len(table))
    if not n_done:
        raise ValueError("no song could be explained") from failures[0].error


def _outcomes(
    task: Callable[..., Outcome],
    table: SongTable,
    rows: Sequence[int],
    n_jobs: int | None,
    progress: tqdm,
) -> Iterator[Outcome | Failure]:
    """Run a task on songs in parallel, or on one after the other with its batches in parallel."""
    n_workers = effective_n_jobs(n_jobs)
    if n_workers > 1 and 2 * len(rows) >= n_workers:
        yield from each_song(task, table, rows, n_jobs)
        return
    with StreamingParallel(n_jobs) as parallel:
        task = partial(task, parallel=parallel, progress=progress)
        for row in rows:
            yield attempt(task, table.take(row))
