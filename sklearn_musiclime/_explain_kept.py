"""Cache of explanations: a song that was explained before is not explained again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sklearn_musiclime._explain_one import SongExplainer
from sklearn_musiclime._runtime.cache import ResultCache
from sklearn_musiclime._runtime.fingerprint import fingerprint
from sklearn_musiclime._runtime.parallel import StreamingParallel
from sklearn_musiclime._runtime.progress import tqdm
from sklearn_musiclime._version import __version__
from sklearn_musiclime.components.separation import read_beside
from sklearn_musiclime.explanation import LocalExplanation
from sklearn_musiclime.results.record.rows import RecordKey, json_of, song_rows
from sklearn_musiclime.results.summaries import n_masks
from sklearn_musiclime.songs import SongTable
from sklearn_musiclime.songs.run import CACHED, NEW, RECORDED

NOT_DECISIVE = (
    "model", "memory", "memory_keeps", "n_jobs", "verbose", "batch_size", "random_state",
    "sampling_rate", "audio_column", "lyrics_column", "word_times_column",
)  # fmt: skip
"""Parameters left out of the cache key: they change no result, or are hashed in another form."""


class Outcome(NamedTuple):
    """Result of a worker for one explained song.

    Attributes
    ----------
    result : object
        The explanation, or the value of `finish` for it.
    trouble : str or None
        Why the worker's cache could not store results. None: it could.
    name : str
        Name of the song in messages.
    way : str
        How the model was scored: "factored", or "black box" with the reason.
    notes : dict of str to str
        Warnings by topic, to be issued once for all songs.
    came : {"new", "cached", "recorded"}
        Where the explanation came from.
    seconds : float
        Seconds that it took.
    n_calls : int
        Calls of the model that it took, when it was made.
    """

    result: Any
    trouble: str | None
    name: str
    way: str
    notes: dict[str, str]
    came: str = NEW
    seconds: float = 0.0
    n_calls: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptExplanations:
    """The task of a worker: returns the explanation of a song, from the cache or newly made.

    Attributes
    ----------
    explainer : SongExplainer
        Explains songs that are not in the cache.
    cache : ResultCache
        Cache of explanations.
    key : str or None
        Hash of everything but the song that an explanation depends on. None: nothing is cached.
    version : str, int or None
        Parameter `cache_version` of the explainer, which stands for objects that can't be hashed.
    provenance : dict
        Entries added to the settings of new explanations: release and digest of the model.
    finish : callable or None
        Function applied to each explanation. None: the explanation itself is returned.
    needs_waveforms : bool
        Whether the components of explanations need their waveforms.
    record : RecordKey or None
        What a record holds: songs in it are not explained, and the result of the others are their
        rows, instead of the value of `finish`. None: there is no record.
    """

    explainer: SongExplainer
    cache: ResultCache
    key: str | None
    version: str | int | None
    provenance: dict[str, Any] = field(default_factory=dict)
    finish: Callable[[LocalExplanation], Any] | None = None
    needs_waveforms: bool = True
    record: RecordKey | None = None

    def __call__(
        self,
        table: SongTable,
        *,
        parallel: StreamingParallel | None = None,
        progress: tqdm | None = None,
    ) -> Outcome:
        """Return the explanation of the one song of a table, from the cache or newly made.

        Parameters
        ----------
        table : SongTable
            Table of the one song.
        parallel : StreamingParallel or None, default=None
            Runs the batches of a black box. None: one after the other.
        progress : tqdm or None, default=None
            Progress bar, updated by the number of scored samples. None: no progress bar.

        Returns
        -------
        Outcome
            Without a result if the song is recorded.

        Raises
        ------
        ValueError
            The song is not what it was when it was recorded.
        """
        begin = time.monotonic()
        parallel = parallel or StreamingParallel(1)
        progress = tqdm(disable=True) if progress is None else progress
        is_needed = self.key is not None or self.record is not None
        digest = identify(is_needed, self.version, song=table.content(0))
        beside = read_beside(self.explainer.separator, table.path(0)) if is_needed else None
        content = digest if beside is None else fingerprint(digest, beside, version=self.version)
        if self.record is not None and self._is_recorded(table, content):
            return Outcome(None, None, table.name(0), "recorded", {}, RECORDED)
        key, kept, came = None, None, NEW
        notes: dict[str, str] = {}
        if self.key is not None:
            key = fingerprint(self.key, digest, beside, version=self.version)
            kept = self.cache.find("explanation", key)
        if kept is not None:
            explanation, came = self._as_of(kept, table), CACHED
        else:
            explanation, notes = self.explainer.explain(table, parallel, progress)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            about = self.provenance | {"song_digest": digest, "time": now}
            explanation = replace(explanation, settings=dict(explanation.settings) | about)
            if key is not None:
                bare = explanation.components.without_waveforms()
                self.cache.keep("explanation", key, replace(explanation, components=bare))
        if self.record is not None:
            digest = self.record.settings_digest
            result: Any = song_rows(explanation, song_digest=content, settings_digest=digest)
        else:
            result = explanation if self.finish is None else self.finish(explanation)
        settings = explanation.settings
        seconds = time.monotonic() - begin
        return Outcome(
            result, self.cache.trouble, table.name(0), settings["model"], notes, came, seconds,
            sum(n_masks(settings)),
        )  # fmt: skip

    def _is_recorded(self, table: SongTable, digest: str | None) -> bool:
        assert self.record is not None
        track_id = table.track_id(0)
        known = self.record.songs.get(json_of(track_id))
        if known not in (None, digest):
            raise ValueError(
                f"the song {track_id!r} of X is another one than the song {track_id!r} of the "
                "record; give X an index that tells songs apart, or out= another name"
            )
        return known is not None

    def _as_of(self, kept: LocalExplanation, table: SongTable) -> LocalExplanation:
        """Return a cached explanation with the title, row and waveforms of a song of this X."""
        components = kept.components
        if self.needs_waveforms:
            components = self.explainer.read(table)[1].without_fills()
        return replace(
            kept, title=table.title(0), row=table.first_row, track_id=table.track_id(0),
            components=components,
        )  # fmt: skip


def identify(is_needed: bool, version: str | int | None, **named: Any) -> str | None:
    """Hash a model or a song.

    Parameters
    ----------
    is_needed : bool
        Whether an object that can't be hashed is an error.
    version : str, int or None
        Parameter `cache_version` of the explainer, which stands for objects that can't be hashed.
    **named : object
        The model or the song, by its name in error messages.

    Returns
    -------
    str or None
        The hash. None if the object can't be hashed and need not be.

    Raises
    ------
    ValueError
        The object can't be hashed, and `is_needed`.
    """
    try:
        return fingerprint(version=version, **named)
    except ValueError:
        if is_needed:
            raise
        return None


def result_key(
    parameters: Mapping[str, Any],
    model_digest: str | None,
    labels: Any,
    seed: int | None,
    sampling_rate: float,
    background: Any = None,
) -> str:
    """Hash everything but the song that an explanation depends on.

    Parameters
    ----------
    parameters : mapping of str to object
        Parameters of the explainer.
    model_digest : str or None
        Hash of the fitted model.
    labels : object
        The labels to explain, as they were given.
    seed : int or None
        Seed of the masks. None: any.
    sampling_rate : float
        Rate, in Hz, at which songs are perturbed.
    background : DataFrame or None, default=None
        Values of other songs in the columns that are explained.

    Returns
    -------
    str
        The hash, which also depends on the release of this package.
    """
    decisive = {name: value for name, value in parameters.items() if name not in NOT_DECISIVE}
    return fingerprint(
        __version__, model_digest, labels, seed, sampling_rate, background,
        version=parameters["cache_version"], **decisive,
    )  # fmt: skip
