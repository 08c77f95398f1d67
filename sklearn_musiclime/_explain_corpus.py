"""A global explanation from a run over songs: with a record of it, or only as precise as needed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from sklearn_musiclime._explain_all import SongRun
from sklearn_musiclime._explain_kept import KeptExplanations
from sklearn_musiclime.explanation import GlobalExplanation, LocalExplanation
from sklearn_musiclime.results.aggregation import Aggregator
from sklearn_musiclime.results.precision import (
    GROWTH,
    PILOT_SONGS,
    measure_precision,
    plan_masks,
)
from sklearn_musiclime.results.record.reading import read_songs
from sklearn_musiclime.results.record.rows import RecordKey, json_of
from sklearn_musiclime.results.record.writing import RecordWriter
from sklearn_musiclime.results.summaries import SongSummary
from sklearn_musiclime.songs.corpus import failure_frame

WithMasks = Callable[[KeptExplanations, "int | tuple[int, int]"], KeptExplanations]
"""Returns a task with another number of masks."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """When a run over songs may stop, and how it chooses the masks of a song.

    Attributes
    ----------
    precision : float
        Largest standard error of an importance, relative to the largest of its class.
    song_cost : float
        What a song costs before its first mask, in masks.
    seed : int
        Seed of the order in which songs are taken.
    with_masks : callable
        Returns a task with another number of masks.
    """

    precision: float
    song_cost: float
    seed: int
    with_masks: WithMasks


@dataclass(frozen=True, kw_only=True, eq=False)
class Corpus:
    """Explains the songs of a run and aggregates them.

    Attributes
    ----------
    run : SongRun
        The run.
    summarise : callable
        Returns the summary of an explanation, or of a song of a record.
    groups : array-like of shape (n_songs,), or None
        Group of each song.
    target : Target or None
        When it may stop. None: when all songs are explained.
    """

    run: SongRun
    summarise: Callable[[Any], SongSummary]
    groups: Sequence[Hashable] | None
    target: Target | None

    def explain(self, *, keep: bool) -> GlobalExplanation:
        """Explain songs and aggregate their explanations, which `keep` keeps as well."""
        kept: list[LocalExplanation] = []
        aggregator = Aggregator(self.groups, in_order=self.target is None)

        def explained(task: KeptExplanations, rows: Sequence[int]) -> Iterator[SongSummary]:
            reduce = partial(_reduced, summarise=self.summarise, keep=keep)
            for summary, explanation in self.run.explain(replace(task, finish=reduce), rows):
                if keep:
                    kept.append(explanation)
                yield summary

        with self.run.reported():
            for summary in self._summaries(explained):
                aggregator.add(summary)
        return self._result(aggregator, explanations=kept if keep else None)

    def record(self, writer: RecordWriter) -> GlobalExplanation:
        """Explain the songs that a record lacks, write them to it, and aggregate what it holds."""
        table, task = self.run.table, self.run.task
        rows_of = {json_of(table.track_id(row)): row for row in range(len(table))}
        if len(rows_of) < len(table):
            raise ValueError(
                "out= tells songs apart by the index of X, in which labels occur twice; use "
                "X.reset_index(drop=True)"
            )
        used: dict[str, int] = {}

        def explained(task: KeptExplanations, rows: Sequence[int]) -> Iterator[SongSummary]:
            for song in self.run.explain(task, rows):
                if song is not None:
                    writer.add(song)
            failed = {failure.row for failure in self.run.failures}
            new = {json_of(table.track_id(row)): row for row in rows if row not in failed}
            used.update(new)
            if self.target is not None:
                writer.flush()
                yield from map(self.summarise, read_songs(writer.place.path, new))

        with self.run.reported(), writer:
            self.run.report.path = writer.place.report
            key = RecordKey(writer.known, writer.settings_digest)
            for _ in self._summaries(explained, replace(task, record=key)):
                pass
        aggregator = Aggregator(self.groups, once=True)
        for song in read_songs(writer.place.path, used):
            aggregator.add(self.summarise(song))
        return self._result(aggregator)

    def _result(self, aggregator: Aggregator, **known: Any) -> GlobalExplanation:
        return GlobalExplanation.from_aggregate(
            aggregator.result(),
            failures=failure_frame(self.run.failures),
            run=self.run.report,
            **known,
        )

    def _summaries(
        self,
        explained: Callable[[KeptExplanations, Sequence[int]], Iterator[SongSummary]],
        task: KeptExplanations | None = None,
    ) -> Iterator[SongSummary]:
        """Yield the summaries of all songs, or of as many as `target` needs."""
        run, target = self.run, self.target
        task = task or run.task
        if target is None:
            yield from explained(task, run.rows)
            return
        order = np.random.default_rng(target.seed).permutation(run.rows).tolist()
        pilot: list[SongSummary] = []
        seen = Aggregator(self.groups)
        size, done, plan, error = PILOT_SONGS, 0, None, np.inf
        while done < len(order):
            rows = sorted(order[done : done + size])
            done += len(rows)
            for summary in explained(task, rows):
                seen.add(replace(summary, pairs=summary.pairs[:0], pair_weights=_none(summary)))
                if plan is None:
                    pilot.append(summary)
                yield summary
            if not pilot:
                continue  # all of them failed
            if plan is None:
                plan = plan_masks(pilot, target.precision, target.song_cost)
                task = target.with_masks(task, plan.n_samples)
            error = measure_precision(seen.result()).relative_error
            if error <= target.precision:
                break
            size = int(np.ceil(GROWTH * done))
        if plan is None:
            return  # the run says that no song could be explained
        full = int(np.mean([sum(song.n_masks) for song in pilot]) * len(order))
        run.report.notes["precision"] = {
            "aimed_at": target.precision,
            "reached": round(float(error), 6),
            "n_samples": plan.n_samples,
            "n_songs": done,
            "of_songs": len(order),
            "calls_without": full,
        }
        run.report.n_songs -= len(order) - done


def _none(summary: SongSummary) -> np.ndarray:
    return np.zeros((len(summary.labels), 0))


def _reduced(
    explanation: LocalExplanation, summarise: Callable[[Any], SongSummary], keep: bool
) -> tuple[SongSummary, LocalExplanation | None]:
    return summarise(explanation), explanation if keep else None
