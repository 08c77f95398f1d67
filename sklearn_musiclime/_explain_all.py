"""Explanations of many songs, one after the other or in parallel, with a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from operator import attrgetter
from typing import Any

from joblib import effective_n_jobs

from sklearn_musiclime._explain_kept import KeptExplanations, Outcome
from sklearn_musiclime._runtime.parallel import StreamingParallel
from sklearn_musiclime._runtime.progress import tqdm
from sklearn_musiclime.songs import SongTable
from sklearn_musiclime.songs.corpus import Failure, Notes, attempt, each_song, warn_of_failures
from sklearn_musiclime.songs.run import RECORDED, RunReport


class SongRun:
    """A run over songs: explains them, reports them, and warns at its end of what was odd.

    Parameters
    ----------
    task : KeptExplanations
        Explains one song.
    table : SongTable
        The songs.
    rows : sequence of int
        Positions of the songs that can be explained, as far as that is known without decoding them.
    failures : list of Failure
        The others. Those that fail later are added.
    on_error : {"raise", "warn"}
        Whether a song that fails raises its error, or is left out and warned of at the end.
    n_jobs : int or None
        Number of songs explained in parallel; with fewer than half as many songs as workers, the
        batches of each song are scored in parallel instead.
    verbose : int
        Above 0: show a progress bar, and tell how the model is scored, and the report at the end.

    Attributes
    ----------
    report : RunReport
        What was done up to now.
    """

    def __init__(
        self,
        task: KeptExplanations,
        table: SongTable,
        rows: Sequence[int],
        failures: list[Failure],
        *,
        on_error: str,
        n_jobs: int | None,
        verbose: int,
    ):
        self.task, self.table, self.rows, self.failures = task, table, rows, failures
        self._on_error, self._n_jobs, self._verbose = on_error, n_jobs, verbose
        self.report = RunReport(n_songs=len(table))
        for failure in failures:
            self.report.fail(failure)
        self._notes, self._ways = Notes(at_once=["black box"]), set[str]()
        self._n_done = 0

    def results(self) -> Iterator[Any]:
        """Explain all songs.

        Yields
        ------
        object
            What the task made of each song that does not fail, in the order of the rows.

        Raises
        ------
        ValueError
            All songs failed.
        """
        with self.reported():
            yield from self.explain(self.task, self.rows)

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Give the warnings of the run, and end its report, at the end of the context."""
        try:
            yield
        except BaseException:
            self.report.end("stopped")
            raise
        self.report.end("finished")
        self._notes.warn()
        self.failures.sort(key=attrgetter("row"))
        warn_of_failures(self.failures, len(self.table))
        if self._verbose:
            tqdm.write(str(self.report), file=sys.stderr)
        if not self._n_done:
            raise ValueError("no song could be explained") from self.failures[0].error

    def explain(self, task: KeptExplanations, rows: Sequence[int]) -> Iterator[Any]:
        """Explain some of the songs, within the context :meth:`reported`.

        Parameters
        ----------
        task : KeptExplanations
            Explains one song.
        rows : sequence of int
            Positions of the songs.

        Yields
        ------
        object
            What `task` made of each song that does not fail, in the order of the rows.
        """
        is_alone = len(self.table) == 1  # then progress is that of its samples
        with tqdm(
            desc="explaining",
            disable=not self._verbose,
            unit=" samples" if is_alone else " songs",
            total=None if is_alone else len(rows),
        ) as progress:
            of_samples = progress if is_alone else tqdm(disable=True)
            for outcome in _outcomes(task, self.table, rows, self._n_jobs, of_samples):
                if not is_alone:
                    progress.update()
                if not isinstance(outcome, Failure):
                    self._note(task, outcome)
                    yield outcome.result
                    continue
                self.report.fail(outcome)
                if self._on_error == "raise":
                    raise outcome.error
                self.failures.append(outcome)

    def _note(self, task: KeptExplanations, outcome: Outcome) -> None:
        self._n_done += 1
        self.report.add(outcome.came, seconds=outcome.seconds, n_calls=outcome.n_calls)
        task.cache.warn_once(outcome.trouble)
        self._notes.add(outcome.name, outcome.notes)
        if self._verbose and outcome.came != RECORDED and outcome.way not in self._ways:
            self._ways.add(outcome.way)
            tqdm.write(f"model: {outcome.way}", file=sys.stderr)


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
