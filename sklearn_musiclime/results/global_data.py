"""Data of a global explanation: sums of weights by class and component, and the weights."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse

from sklearn_musiclime._runtime.frames import as_index, as_series
from sklearn_musiclime.components.decomposition import MODALITIES
from sklearn_musiclime.results.aggregation import (
    Aggregate,
    Aggregator,
    PairTotals,
)
from sklearn_musiclime.results.dataframes import SHARES, SHARES_WITH_COLUMNS, object_series
from sklearn_musiclime.results.importance import totals
from sklearn_musiclime.results.intervals import Jackknife
from sklearn_musiclime.results.joining import with_columns
from sklearn_musiclime.results.local import LocalResult
from sklearn_musiclime.results.ordering import in_order, label_order
from sklearn_musiclime.results.record.reading import read_songs
from sklearn_musiclime.results.summaries import Component, Renaming, SongWeights, summarise
from sklearn_musiclime.songs.corpus import FAILURE_COLUMNS
from sklearn_musiclime.songs.run import RunReport

SOURCES = ("vocals", "drums", "bass", "other")


@dataclass(frozen=True, eq=False)
class GlobalData:
    """Data of a :class:`~sklearn_musiclime.GlobalExplanation`, which lists the fields."""

    labels: list[Hashable]
    components: list[Component]
    sums: np.ndarray
    counts: np.ndarray
    songs: pd.DataFrame | None = None
    weights: scipy.sparse.csr_array | None = None
    pair_totals: PairTotals | None = None
    failures: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=FAILURE_COLUMNS))
    explanations: Sequence[LocalResult] | None = None
    run: RunReport | None = None

    @classmethod
    def from_local(
        cls,
        explanations: Iterable[LocalResult],
        *,
        groups: Sequence[Hashable] | None = None,
        n_segments: int | None = None,
        words: Renaming = None,
        sources: Renaming = None,
    ) -> Self:
        """Aggregate local explanations.

        Parameters
        ----------
        explanations : iterable of LocalExplanation
            Local explanations, of which one at a time is in memory. Each counts for every label
            that it explains.
        groups : array-like of shape (n_songs,), or None, default=None
            Group of each song of X, looked up by the ``row`` of its explanation: for example the
            recording of a clip, or the artist. Songs of a group are not independent, so intervals
            and tests treat groups as the units. None: each song is a group.
        n_segments : int or None, default=None
            Number of relative segments, equal parts of a song's length to which its segments are
            mapped. None: the number of segments of the first song with audio components.
        words : mapping, callable, "lower" or None, default=None
            New names of words (or of other lyric units, by their text); words with the same name
            are one component. "lower": lower case, accents kept. With a mapping, words that are not
            in it keep their names.
        sources : mapping, callable, "lower" or None, default=None
            New names of sources, likewise.

        Returns
        -------
        GlobalExplanation

        Raises
        ------
        ValueError
            There are no explanations, or a song has no group.
        """
        songs = map(SongWeights.of, explanations)
        return cls._aggregated(songs, Aggregator(groups), n_segments, words, sources)

    @classmethod
    def from_parquet(
        cls,
        path: str | PathLike[str],
        *,
        groups: Sequence[Hashable] | None = None,
        n_segments: int | None = None,
        words: Renaming = None,
        sources: Renaming = None,
    ) -> Self:
        """Aggregate the explanations in a record that ``explain_global(out=)`` wrote.

        Parameters
        ----------
        path : path-like
            The record: a file, or a folder of parts; also one that is still written, of which the
            songs until now are read. See :mod:`sklearn_musiclime.results.record`.
        groups : array-like of shape (n_songs,), or None, default=None
            Group of each song, looked up by its row, see :meth:`from_local`.
        n_segments : int or None, default=None
            Number of relative segments, see :meth:`from_local`.
        words, sources : mapping, callable, "lower" or None, default=None
            New names of words and sources, see :meth:`from_local`.

        Returns
        -------
        GlobalExplanation
            What :meth:`from_local` makes of the same explanations, but for texts with lone
            surrogates, and for labels of the index of X that JSON does not know, which are texts.
            `failures` are empty.

        Raises
        ------
        FileNotFoundError
            There is no record.
        ImportError
            pyarrow is not installed.
        ValueError
            A file is not one of a record, is of a later version, or has a song twice.
        """
        aggregator = Aggregator(groups, once=True)
        return cls._aggregated(read_songs(path), aggregator, n_segments, words, sources)

    @classmethod
    def _aggregated(
        cls,
        songs: Iterable[SongWeights],
        aggregator: Aggregator,
        n_segments: int | None,
        words: Renaming,
        sources: Renaming,
    ) -> Self:
        for song in songs:
            summary = summarise(song, n_segments=n_segments, words=words, sources=sources)
            if n_segments is None and song.borders is not None:
                n_segments = summary.n_segments
            aggregator.add(summary)
        return cls.from_aggregate(aggregator.result())

    @classmethod
    def from_aggregate(cls, aggregate: Aggregate, **known: Any) -> Self:
        """Make a global explanation from an aggregate.

        Parameters
        ----------
        aggregate : Aggregate
            Aggregated summaries of songs, see :mod:`sklearn_musiclime.results.aggregation`.
        **known : object
            The fields ``failures``, ``explanations`` and ``run``.

        Returns
        -------
        GlobalExplanation
        """
        order = label_order(aggregate.labels)
        new_label = np.argsort(order)
        labels = [aggregate.labels[i] for i in order]
        row, number = aggregate.about[:, :2].astype(np.int64).T
        of_label = new_label[number]
        songs = pd.DataFrame({"title": as_series(aggregate.titles), "row": row})
        songs["track_id"] = as_series(aggregate.track_ids)
        songs["label"] = object_series([labels[i] for i in of_label])
        n_shares = aggregate.about.shape[1] - 4
        shares = SHARES if n_shares == len(SHARES) else SHARES_WITH_COLUMNS
        songs[["score", "fidelity", *shares]] = aggregate.about[:, 2:]
        songs.insert(3, "group", as_series(aggregate.groups.tolist()))
        components, new_column = in_order(aggregate.components)
        weights = with_columns(aggregate.weights, new_column, len(components))
        pairs = aggregate.pairs
        pairs = replace(
            pairs,
            labels=new_label[pairs.labels],
            pairs=np.sort(new_column[pairs.pairs], axis=1),
        )
        sums, counts = totals(weights, of_label, len(labels))
        return cls(
            labels, components, sums, counts, songs, weights,
            pairs if len(pairs.labels) else None, **known,
        )  # fmt: skip

    @classmethod
    def from_totals(
        cls,
        totals: Mapping[Hashable, Mapping[str, Sequence[float]]],
        *,
        sources: Sequence[str] = SOURCES,
    ) -> Self:
        """Make a global explanation from given sums of weights.

        It has importances, comparisons and plots. Intervals, shares, interactions, picks and groups
        need the weights of each song and raise an error.

        Parameters
        ----------
        totals : mapping of label to mapping of component to (sum, count)
            The sum of the positive parts of a component's weights over the explanations of a class,
            and the number of explanations that contain it.
        sources : sequence of str, default=("vocals", "drums", "bass", "other")
            Names of sources. A component named by a source followed by a number, such as
            ``drums3``, is the audio of that source and segment, as is any ``NAME@NUMBER``. All
            other components are lyrics.

        Returns
        -------
        GlobalExplanation

        Raises
        ------
        ValueError
            A sum is negative or not finite; a count is not an integer of at least 1; a segment of a
            source has two names; or `totals` is empty.
        """
        if not totals:
            raise ValueError("no totals to aggregate")
        labels = [list(totals)[i] for i in label_order(list(totals))]
        named = "|".join(map(re.escape, sources)) or "(?!)"  # matches nothing
        audio = re.compile(rf"({named})(\d{{1,9}})|(.+)@(\d{{1,9}})")
        names = dict.fromkeys(name for of_class in totals.values() for name in of_class)
        found = []
        for name in names:
            match = audio.fullmatch(name)
            if match is None:
                found.append(Component(name, "lyrics"))
            else:
                source, segment, named_source, named_segment = match.groups()
                found.append(
                    Component(name, "audio", source or named_source, int(segment or named_segment))
                )
        places = Counter((c.source, c.segment) for c in found if c.modality == "audio")
        for (source, segment), n_names in places.items():
            if n_names > 1:
                raise ValueError(f"segment {segment} of source {source!r} has {n_names} names")
        components, _ = in_order(found)
        column = {component.name: i for i, component in enumerate(components)}
        sums = np.zeros((len(labels), len(components)))
        counts = np.zeros((len(labels), len(components)), dtype=np.int64)
        for i, label in enumerate(labels):
            for name, (total, count) in totals[label].items():
                if not (np.isfinite(total) and total >= 0 and count >= 1 and count == int(count)):
                    raise ValueError(
                        f"{label!r}, {name!r}: sum {total!r} and count {count!r}, where a sum of "
                        "at least 0 and a whole count of at least 1 should be"
                    )
                sums[i, column[name]], counts[i, column[name]] = total, count
        return cls(labels, components, sums, counts)

    def label_index(self, label: Hashable) -> int:
        """Return the position of a label in `labels`, which is its row in `sums`.

        Parameters
        ----------
        label : label
            One of `labels`.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            There is no explanation of the label.
        """
        if label not in self.labels:
            raise ValueError(f"no explanation is of {label!r}; there are {self.labels}")
        return self.labels.index(label)

    def __repr__(self) -> str:
        n_audio, n_lyrics, n_columns = (
            sum(c.modality == modality for c in self.components) for modality in MODALITIES
        )
        beside = f" and {n_columns} columns" if n_columns else ""
        of = "totals" if self.songs is None else f"{len(self.songs)} explanations"
        return (
            f"<{type(self).__name__} of {of}: {len(self.labels)} classes, {n_audio} audio and "
            f"{n_lyrics} lyric components{beside}>"
        )

    @property
    def share_names(self) -> tuple[str, ...]:
        """Names of the modality shares: with "columns", if columns of X are explained."""
        has_columns = self.songs is not None and "columns" in self.songs
        return SHARES_WITH_COLUMNS if has_columns else SHARES

    def _index(self) -> pd.Index:
        return pd.Index([c.name for c in self.components], name="component", dtype=object)

    def _columns(self) -> pd.Index:
        return as_index(self.labels)

    def _component_dataframe(self) -> pd.DataFrame:
        frame = pd.DataFrame(
            self.components,
            columns=["component", "modality", "source", "segment"],
            dtype=object,
        )
        frame["segment"] = frame["segment"].astype("Int64")
        return frame

    def _known_songs(self, what: str) -> pd.DataFrame:
        if self.songs is None:
            raise ValueError(f"{what} need the songs; this explanation was made from totals")
        return self.songs

    def _of_label(self, songs: pd.DataFrame) -> np.ndarray:
        number = {label: i for i, label in enumerate(self.labels)}
        return np.array([number[label] for label in songs["label"]])

    def _jackknife(self, min_count: int) -> Jackknife:
        songs = self._known_songs("intervals")
        supported = self.counts >= max(min_count, 1)
        return Jackknife(self.weights, self._of_label(songs), of_group(songs), supported)


def of_group(songs: pd.DataFrame) -> np.ndarray:
    """Return the number of the group of songs of each explanation, counted from 0."""
    return np.unique(songs["group"].to_numpy(), return_inverse=True)[1]
