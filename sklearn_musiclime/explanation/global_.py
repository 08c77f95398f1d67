"""What a model goes by over many songs, class by class."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import scipy.sparse
import scipy.stats

from sklearn_musiclime._runtime.files import write_text
from sklearn_musiclime.explanation import io
from sklearn_musiclime.explanation.aggregation import (
    Aggregate,
    Aggregator,
    Component,
    PairTotals,
    Renaming,
    renamer,
    summarise,
)
from sklearn_musiclime.explanation.frames import check_modality, pair_frame
from sklearn_musiclime.explanation.importance import (
    METHODS,
    Jackknife,
    importance,
    share_intervals,
    submodular_pick,
    totals,
)
from sklearn_musiclime.explanation.local import LocalExplanation
from sklearn_musiclime.report.global_plots import plot_comparison, plot_global
from sklearn_musiclime.report.html import global_summary
from sklearn_musiclime.report.page import global_page
from sklearn_musiclime.songs.corpus import FAILURE_COLUMNS
from sklearn_musiclime.surrogate.interactions import FALSE_DISCOVERIES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARES = ("audio", "lyrics", "interaction")
SOURCES = ("vocals", "drums", "bass", "other")


@dataclass(frozen=True, eq=False)
class GlobalExplanation:
    """What a model goes by over many songs, class by class.

    Made by :meth:`MusicLimeExplainer.explain_global
    <sklearn_musiclime.MusicLimeExplainer.explain_global>`, :meth:`from_local` or
    :meth:`from_totals`.

    Attributes
    ----------
    labels : list
        The classes, sorted; numbers of outputs for regressors.
    components : list of Component
        Name, modality, source and relative segment of each: audio first, by source and segment,
        then lyrics by their text.
    sums : ndarray of shape (n_labels, n_components)
        Sums of the positive parts of weights over the explanations of each class.
    counts : ndarray of shape (n_labels, n_components)
        Explanations of the class that contain the component.
    songs : DataFrame or None
        A row an explanation: ``title``, ``row`` in X, ``track_id`` (label in its index),
        ``group`` (of songs that belong together: the row, if no groups were given), ``label``,
        ``score`` of the model, ``fidelity``, and the modality shares ``audio``, ``lyrics``,
        ``interaction``. None if made from totals.
    weights : csr_array of shape (n_explanations, n_components), or None
        The weights behind the sums; what is stored is contained, zeros too.
    pair_totals : PairTotals or None
        Sums of interactions.
    failures : DataFrame
        Songs that could not be explained: ``row``, ``track_id``, ``title``, ``reason``.
    explanations : list of LocalExplanation or None
        The local explanations, if they were asked for.

    See Also
    --------
    sklearn_musiclime.explanation.importance : What importances are.
    sklearn_musiclime.explanation.aggregation : What songs share.

    References
    ----------
    Sotirou et al., "MusicLIME", arXiv 2409.10496.
    van der Linden, Haned, Kanoulas, "Global aggregations of local explanations for black box
    models", 2019.

    Examples
    --------
    >>> from sklearn_musiclime import GlobalExplanation
    >>> totals = {
    ...     "rock": {"drums0": (4.0, 2), "love": (1.0, 4)},
    ...     "folk": {"drums0": (1.0, 2), "love": (1.0, 1)},
    ... }
    >>> explanation = GlobalExplanation.from_totals(totals)
    >>> explanation.importance()
               folk  rock
    component
    drums0      0.5  2.00
    love        1.0  0.25
    >>> explanation.importance("homogeneity")  # love speaks for both alike
               folk  rock
    component
    drums0      1.0   2.0
    love        0.0   0.0
    """

    labels: list[Hashable]
    components: list[Component]
    sums: np.ndarray
    counts: np.ndarray
    songs: pd.DataFrame | None = None
    weights: scipy.sparse.csr_array | None = None
    pair_totals: PairTotals | None = None
    failures: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=FAILURE_COLUMNS))
    explanations: list[LocalExplanation] | None = None

    @classmethod
    def from_local(
        cls,
        explanations: Iterable[LocalExplanation],
        *,
        groups: Sequence[Hashable] | None = None,
        n_segments: int | None = None,
        words: Renaming = None,
        sources: Renaming = None,
    ) -> GlobalExplanation:
        """Aggregate local explanations.

        Parameters
        ----------
        explanations : iterable of LocalExplanation
            Taken one at a time, none of them is held. Each counts for every label that it explains.
        groups : array-like of shape (n_songs,), or None, default=None
            Of the songs of X, by their ``row``: the recording that a clip was cut from, say, or its
            artist. Songs of a group are alike, so intervals and tests go by groups. None: each song
            is one.
        n_segments : int or None, default=None
            Relative segments that time is cut into, whatever segments each song has. None: as many
            as the first song has.
        words : mapping, callable, "lower" or None, default=None
            What words (or other lyric units, by their text) are called; those of one name are one
            component. "lower": lower case, accents kept. A mapping keeps what it does not name.
        sources : mapping, callable, "lower" or None, default=None
            The same of sources.

        Returns
        -------
        GlobalExplanation

        Raises
        ------
        ValueError
            There are no explanations, or a song has no group.
        """
        aggregator = Aggregator(groups)
        for explanation in explanations:
            summary = summarise(explanation, n_segments=n_segments, words=words, sources=sources)
            if n_segments is None and explanation.components.audio is not None:
                n_segments = summary.n_segments
            aggregator.add(summary)
        return cls.from_aggregate(aggregator.result())

    @classmethod
    def from_aggregate(cls, aggregate: Aggregate, **known: Any) -> GlobalExplanation:
        """Make a global explanation of what songs left behind.

        Parameters
        ----------
        aggregate : Aggregate
            See :mod:`sklearn_musiclime.explanation.aggregation`.
        **known : object
            ``failures`` and ``explanations``.

        Returns
        -------
        GlobalExplanation
        """
        label_order = _label_order(aggregate.labels)
        new_label = np.argsort(label_order)
        labels = [aggregate.labels[i] for i in label_order]
        row, number = aggregate.about[:, :2].astype(np.int64).T
        of_label = new_label[number]
        songs = pd.DataFrame({"title": aggregate.titles, "row": row})
        songs["track_id"] = pd.Series(aggregate.track_ids)
        songs["label"] = _object_series([labels[i] for i in of_label])
        songs[["score", "fidelity", *SHARES]] = aggregate.about[:, 2:]
        songs.insert(3, "group", aggregate.groups)
        components, new_column = _in_order(aggregate.components)
        weights = _with_columns(aggregate.weights, new_column, len(components))
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
    ) -> GlobalExplanation:
        """Make a global explanation of sums that are known already.

        Importances, comparisons and plots are all there is of it: what takes the songs apart
        (intervals, shares, interactions, picks, groups) needs more than sums.

        Parameters
        ----------
        totals : mapping of label to mapping of component to (sum, count)
            The sum of the positive parts of a component's weights over the explanations of a class,
            and the number of explanations that contain it.
        sources : sequence of str, default=("vocals", "drums", "bass", "other")
            ``SOURCE`` followed by a number is the audio of that source and segment, as is any
            ``NAME@NUMBER``; everything else is lyrics.

        Returns
        -------
        GlobalExplanation

        Raises
        ------
        ValueError
            A sum is negative or NaN, or a count is no whole number of at least 1; a segment of a
            source has two names; or there are no totals.
        """
        if not totals:
            raise ValueError("no totals to aggregate")
        labels = [list(totals)[i] for i in _label_order(list(totals))]
        named = "|".join(map(re.escape, sources)) or "(?!)"  # which nothing matches
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
        components, _ = _in_order(found)
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
        """Return the row of `sums` that is of a label.

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
            No explanation is of the label.
        """
        if label not in self.labels:
            raise ValueError(f"no explanation is of {label!r}; there are {self.labels}")
        return self.labels.index(label)

    def importance(self, method: str = "average", *, min_count: int = 1) -> pd.DataFrame:
        """Say how much each component counts for each class.

        Parameters
        ----------
        method : {"average", "lime", "homogeneity"}, default="average"
            The mean of the positive parts of its weights; the root of their sum; or that root, the
            less of it the more evenly the component speaks for all classes. See
            :mod:`sklearn_musiclime.explanation.importance`.
        min_count : int, default=1
            What is contained in fewer explanations of a class does not count for it: a word of one
            song tells of the song, not of the class.

        Returns
        -------
        DataFrame of shape (n_components, n_labels)
            Index ``component``. NaN where a component does not count for a class.
        """
        supported = self.counts >= max(min_count, 1)
        values = importance(self.sums * supported, self.counts * supported, method)
        return pd.DataFrame(values.T, index=self._index(), columns=self._columns())

    def interval(
        self,
        method: str = "average",
        *,
        min_count: int = 1,
        confidence_level: float = 0.95,
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Say how far importances would vary with other songs of the kind.

        By leaving songs out, a group at a time, see
        :mod:`sklearn_musiclime.explanation.importance`. Since masks are drawn anew for every song,
        their chance is in the intervals too.

        Parameters
        ----------
        method, min_count
            As for :meth:`importance`.
        confidence_level : float, default=0.95
            Between 0 and 1.

        Returns
        -------
        low, high : DataFrame of shape (n_components, n_labels)
            As :meth:`importance`. NaN also where too few groups of songs add to an importance for
            anything to be known of others: two or less, in effect.

        Raises
        ------
        ValueError
            The songs are not known, or the level is not between 0 and 1.
        """
        bounds = self._jackknife(min_count).intervals(method, confidence_level)
        low, high = (
            pd.DataFrame(bound.T, index=self._index(), columns=self._columns()) for bound in bounds
        )
        return low, high

    def to_frame(self) -> pd.DataFrame:
        """List all components of all classes, with all importances.

        Returns
        -------
        DataFrame
            One row a class and component that it has: ``label``, ``component``, ``modality``,
            ``source``, ``segment``, ``average``, ``lime``, ``homogeneity``, ``count`` and, if the
            songs are known, the 95 % interval of ``average`` from ``low`` to ``high``.
        """
        values = {method: self.importance(method).to_numpy().T for method in METHODS}
        if self.weights is not None:
            values |= dict(
                zip(("low", "high"), (b.to_numpy().T for b in self.interval()), strict=True)
            )
        frames = []
        for index, label in enumerate(self.labels):
            frame = self._component_frame()
            frame.insert(0, "label", _object_series([label] * len(frame)))
            frame["count"] = self.counts[index]
            for name, of_class in values.items():
                frame[name] = of_class[index]
            frames.append(frame[frame["count"] > 0])
        return pd.concat(frames, ignore_index=True)

    def top(
        self,
        n: int = 10,
        label: Hashable | None = None,
        *,
        method: str = "average",
        modality: str | None = None,
        min_count: int = 1,
    ) -> pd.DataFrame:
        """List the components that count most for a class.

        Parameters
        ----------
        n : int, default=10
            How many at most.
        label : label or None, default=None
            The class. None: the first.
        method : {"average", "lime", "homogeneity"}, default="average"
            See :meth:`importance`.
        modality : {"audio", "lyrics"} or None, default=None
            Components of one modality. None: of both.
        min_count : int, default=1
            See :meth:`importance`.

        Returns
        -------
        DataFrame
            Columns ``component``, ``modality``, ``source``, ``segment``, ``importance``, ``count``
            (of explanations that contain it) and, if the songs are known, the 95 % interval from
            ``low`` to ``high``.
        """
        label = self.labels[0] if label is None else label
        options = {"method": method, "modality": modality, "min_count": min_count}
        return self.tops(n, [label], **options)[0]

    def tops(
        self,
        n: int = 10,
        labels: Sequence[Hashable] | None = None,
        *,
        method: str = "average",
        modality: str | None = None,
        min_count: int = 1,
    ) -> list[pd.DataFrame]:
        """List the components that count most for each class, with their intervals at one go.

        Parameters
        ----------
        n : int, default=10
            How many a class, at most.
        labels : sequence of label, or None, default=None
            The classes. None: all.
        method, modality, min_count
            See :meth:`top`.

        Returns
        -------
        list of DataFrame
            What :meth:`top` returns, one a class.
        """
        indices = [self.label_index(label) for label in (self.labels if labels is None else labels)]
        if modality is not None:
            check_modality(modality)
        values = self.importance(method, min_count=min_count)
        bounds = {}
        if self.weights is not None:
            intervals = self.interval(method, min_count=min_count)
            bounds = dict(zip(("low", "high"), intervals, strict=True))
        found = []
        for index in indices:
            frame = self._component_frame()
            frame["importance"] = values.iloc[:, index].to_numpy()
            frame["count"] = self.counts[index]
            for name, bound in bounds.items():
                frame[name] = bound.iloc[:, index].array
            if modality is not None:
                frame = frame[frame["modality"] == modality]
            frame = frame[frame["importance"].notna()]
            ranked = frame.sort_values("importance", ascending=False, kind="stable")
            found.append(ranked[:n].reset_index(drop=True))
        return found

    def audio_map(
        self, label: Hashable, method: str = "average", *, min_count: int = 1
    ) -> pd.DataFrame:
        """Lay the importances of a class's audio out in time.

        Parameters
        ----------
        label : label
            The class.
        method, min_count
            See :meth:`importance`.

        Returns
        -------
        DataFrame of shape (n_sources, n_segments)
            A row a source, a column a relative segment; empty if the audio was not explained.
        """
        values = self.importance(method, min_count=min_count).iloc[:, self.label_index(label)]
        frame = self._component_frame().assign(value=values.to_numpy())
        frame = frame[frame["modality"] == "audio"]
        frame["segment"] = frame["segment"].fillna(0).astype(int)
        found = frame.pivot(index="source", columns="segment", values="value")
        return found.reindex(list(dict.fromkeys(frame["source"])))

    def modality_share(self) -> pd.DataFrame:
        """Say how much of what moves each class's score is the audio, the lyrics, or both together.

        Returns
        -------
        DataFrame of shape (n_labels, 10)
            The mean over the explanations of a class of ``audio``, ``lyrics`` and ``interaction``
            (they add up to 1), each with its 95 % interval (``audio_low``, ``audio_high`` and so
            on), and ``n_explanations``. NaN where components were linked; intervals also as in
            :meth:`interval`.

        Raises
        ------
        ValueError
            The songs are not known.
        """
        songs, of_label = self._known_songs("modality shares"), self._of_label()
        of_group, rows = self._of_group(), []
        for index in range(len(self.labels)):
            own = of_label == index
            shares = songs.loc[own, list(SHARES)].to_numpy()
            low, high = share_intervals(shares, of_group[own])
            row = {"n_explanations": int(own.sum())}
            for name, *values in zip(SHARES, shares.mean(axis=0), low, high, strict=True):
                row |= dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
            rows.append(row)
        return pd.DataFrame(rows, index=self._columns())

    def interactions(
        self,
        label: Hashable | None = None,
        *,
        min_count: int = 2,
        fdr: float | None = FALSE_DISCOVERIES,
    ) -> pd.DataFrame:
        """List the pairs of components that do something together over the songs of a class.

        The mean of their interaction in each group of songs (see ``group`` of `songs`), and over
        the groups that contain both the mean of these means, tested against 0 by how they vary
        from group to group: Student's t, which for normal means errs no more often than it says
        however unlike in size and spread groups are, with Benjamini and Hochberg's
        false-discovery rate over the pairs that were tested. Groups count alike, whatever their
        number of songs. Few groups tell little: of 20 pairs, of which 5 have means 1.4 standard
        deviations (of a group's mean) from 0, these are found at 5 % in 5 % of cases with 4 groups,
        32 % with 6, 85 % with 10 and 100 % with 20.

        Parameters
        ----------
        label : label or None, default=None
            The class. None: the first.
        min_count : int, default=2
            Explanations that contain a pair, at least.
        fdr : float or None, default=0.05
            The share of the rows that may be none. None: all pairs.

        Returns
        -------
        DataFrame
            Columns ``first``, ``second``, ``modalities``, ``weight`` (the mean), ``std_err``,
            ``count`` (of explanations), ``n_groups``, ``q_value``; the largest ``|weight|`` first.
            What only one group contains has no standard error, is not tested, and is listed with
            ``fdr=None`` alone.

        Raises
        ------
        ValueError
            No interactions were estimated.

        References
        ----------
        Ibragimov, Müller, "t-statistic based correlation and heterogeneity robust inference",
        Journal of Business & Economic Statistics 28, 2010.

        Benjamini, Hochberg, "Controlling the false discovery rate", Journal of the Royal
        Statistical Society B 57, 1995.
        """
        if self.pair_totals is None:
            raise ValueError(
                "no interactions are known: they were not estimated, components were joined to "
                "groups, or an earlier release saved them without the groups of songs"
            )
        index = 0 if label is None else self.label_index(label)
        pairs = self.pair_totals
        own = (pairs.labels == index) & (pairs.counts >= min_count)
        at, n_groups = pairs.pairs[own], pairs.n_groups[own]
        mean = pairs.sums[own] / n_groups
        dof = np.where(n_groups > 1, n_groups - 1, np.nan)
        variance = np.maximum(pairs.squares[own] / n_groups - np.square(mean), 0.0) / dof
        std_err = np.sqrt(variance)
        # A spread that rounding may have made is none.
        std_err[std_err < 1e-8 * np.abs(mean)] = 0.0
        t = np.divide(np.abs(mean), std_err, out=np.full(len(mean), np.inf), where=std_err > 0)
        t[mean == 0] = 0.0
        p_values = np.where(np.isnan(std_err), np.nan, 2 * scipy.stats.t.sf(t, dof))
        q_values = np.full(len(mean), np.nan)
        tested = ~np.isnan(p_values)
        if tested.any():
            q_values[tested] = scipy.stats.false_discovery_control(p_values[tested])
        return pair_frame(
            [c.name for c in self.components],
            [c.modality for c in self.components],
            at,
            fdr,
            weight=mean,
            std_err=std_err,
            count=pairs.counts[own].astype(int),
            n_groups=n_groups.astype(int),
            q_value=q_values,
        )

    def compare(
        self,
        first: Hashable,
        second: Hashable,
        *,
        method: str = "average",
        min_count: int = 1,
    ) -> pd.DataFrame:
        """List what tells two classes apart.

        Parameters
        ----------
        first, second : label
            The classes.
        method, min_count
            See :meth:`importance`.

        Returns
        -------
        DataFrame
            Columns ``component``, ``modality``, ``source``, ``segment``, ``first`` and ``second``
            (the importances), ``difference`` (first less second) and, if the songs are known, its
            95 % interval from ``low`` to ``high``; the largest ``|difference|`` first. What counts
            for one of the two classes alone comes last, by the importance that it has there: what
            it would be for the other is not known, so that importance, ``difference``, ``low`` and
            ``high`` are NaN. The interval is NaN also where one of the importances has none.
        """
        indices = [self.label_index(first), self.label_index(second)]
        values = self.importance(method, min_count=min_count).iloc[:, indices]
        frame = self._component_frame()
        frame["first"], frame["second"] = values.to_numpy().T
        frame["difference"] = frame["first"] - frame["second"]
        if self.weights is not None:
            frame["low"], frame["high"] = self._jackknife(min_count).differences(method, *indices)
        size = frame["difference"].fillna(frame["first"]).fillna(frame["second"]).abs()
        order = np.lexsort([-size, frame["difference"].isna()])
        return frame.iloc[order[: int(size.notna().sum())]].reset_index(drop=True)

    def pick(self, n: int = 5, *, n_top: int = 10) -> pd.DataFrame:
        """Choose songs that together show what the model goes by.

        Submodular pick: the songs whose `n_top` components cover most of what counts over all
        songs.

        Parameters
        ----------
        n : int, default=5
            How many explanations; fewer if fewer cover all that there is.
        n_top : int, default=10
            Components of a song, those of the largest ``|weight|``, that it stands for.

        Returns
        -------
        DataFrame
            Rows of `songs`, in the order in which they were chosen; the index is their place in
            `songs`.

        Raises
        ------
        ValueError
            The songs are not known.

        References
        ----------
        Ribeiro, Singh, Guestrin, "'Why should I trust you?'", KDD 2016, algorithm 2.
        """
        songs = self._known_songs("picks")
        magnitude = abs(self.weights)
        # The column of each explanation and label: a component may count for one class alone.
        of_label = self._of_label()
        columns, data = magnitude.indices.astype(np.int64), magnitude.data.copy()
        for row in range(magnitude.shape[0]):
            own = slice(magnitude.indptr[row], magnitude.indptr[row + 1])
            columns[own] += of_label[row] * magnitude.shape[1]
            if magnitude.indptr[row + 1] - magnitude.indptr[row] > n_top:
                cut = np.partition(data[own], -n_top)[-n_top]
                data[own] = np.where(data[own] >= cut, data[own], 0.0)
        shape = (magnitude.shape[0], magnitude.shape[1] * len(self.labels))
        kept = scipy.sparse.csr_array((data, columns, magnitude.indptr), shape=shape)
        return songs.iloc[submodular_pick(kept, n)]

    def group(
        self,
        *,
        words: Renaming = None,
        sources: Renaming = None,
        n_segments: int | None = None,
    ) -> GlobalExplanation:
        """Join components to groups: words of one meaning, sources of one kind, stretches of time.

        The weight of a group in a song is the sum of its components' weights there, and everything
        that can be asked of components can be asked of groups, but for interactions: name the
        groups in :meth:`from_local` or ``explain_global`` for those.

        Parameters
        ----------
        words, sources : mapping, callable, "lower" or None, default=None
            The group of each word, and of each source. What a mapping does not name stays alone.
            :func:`~sklearn_musiclime.explanation.group_words` makes groups of one meaning.
        n_segments : int or None, default=None
            Relative segments, which must be a divisor of those that there are; 1: sources as
            wholes. None: as they are.

        Returns
        -------
        GlobalExplanation

        Raises
        ------
        ValueError
            The songs are not known, or segments can't be joined to so many.
        """
        self._known_songs("groups")
        segments = [c.segment for c in self.components if c.segment is not None]
        n_now = max(segments, default=0) + 1
        if n_segments is None:
            n_segments = n_now
        if n_segments < 1 or n_now % n_segments:
            raise ValueError(f"{n_now} segments can't be joined to {n_segments}")
        rename_word, rename_source = renamer(words), renamer(sources)
        groups: dict[Component, int] = {}
        new_column = np.empty(len(self.components), dtype=np.int64)
        for column, component in enumerate(self.components):
            if component.modality == "lyrics":
                group = Component(rename_word(component.name), "lyrics")
            else:
                segment = (component.segment or 0) * n_segments // n_now
                group = Component.audio(rename_source(component.source), segment, n_segments)
            new_column[column] = groups.setdefault(group, len(groups))
        components, order = _in_order(list(groups))
        weights = _with_columns(self.weights, order[new_column], len(components))
        sums, counts = totals(weights, self._of_label(), len(self.labels))
        return replace(
            self, components=components, sums=sums, counts=counts, weights=weights, pair_totals=None
        )

    def plot(
        self,
        labels: Sequence[Hashable] | None = None,
        *,
        method: str = "average",
        n: int = 10,
        min_count: int = 1,
    ) -> Figure:
        """Draw what each class is recognised by.

        A row a class: the importance of sources x relative segments as a heat map, and the words of
        the largest importance as bars, with their 95 % intervals if the songs are known.

        Parameters
        ----------
        labels : sequence of label, or None, default=None
            The classes. None: all.
        method, min_count
            See :meth:`importance`.
        n : int, default=10
            Words a class.

        Returns
        -------
        matplotlib.figure.Figure
            Not known to pyplot: save it with ``figure.savefig(path)``.
        """
        return plot_global(self, labels, method=method, n=n, min_count=min_count)

    def plot_comparison(
        self,
        first: Hashable,
        second: Hashable,
        *,
        method: str = "average",
        n: int = 12,
        min_count: int = 1,
    ) -> Figure:
        """Draw what tells two classes apart, see :meth:`compare`.

        Parameters
        ----------
        first, second : label
            The classes.
        method, min_count
            See :meth:`importance`.
        n : int, default=12
            Components a modality; and below them, without bars, a quarter as many of those that
            count for one of the two classes alone.

        Returns
        -------
        matplotlib.figure.Figure
            Bars to the right speak for the first class, bars to the left for the second. Whiskers
            are cut at three times the length of the longest bar.
        """
        return plot_comparison(self, first, second, method=method, n=n, min_count=min_count)

    def to_html(
        self,
        path: str | PathLike[str],
        *,
        title: str = "What the model goes by",
        n_songs: int = 5,
        min_count: int = 1,
    ) -> Path:
        """Write the explanation as a page.

        A heat map and words of each class, two classes side by side, and the songs of :meth:`pick`:
        if the local explanations were kept, with a page each, which is written beside.

        Parameters
        ----------
        path : path-like
            The HTML file.
        title : str, default="What the model goes by"
            Its heading.
        n_songs : int, default=5
            Songs that are picked, at most.
        min_count : int, default=1
            See :meth:`importance`.

        Returns
        -------
        Path
            The file.
        """
        path = Path(path)
        # The ending of a page alone: "run.1" and "run.2" have pages of their own.
        name = path.stem if path.suffix in (".html", ".htm") else path.name
        songs = []
        if self.songs is not None:
            by_row = {e.row: e for e in self.explanations or []}
            for song in self.pick(n_songs).itertuples():
                link = None
                if song.row in by_row:
                    page = f"{name}-song-{song.row}.html"
                    by_row[song.row].to_html(path.with_name(page))
                    link = quote(os.fsencode(page), safe="")
                songs.append(
                    {"title": song.title, "label": song.label, "score": song.score, "page": link}
                )
        text = global_page(self, title=title, songs=songs, methods=METHODS, min_count=min_count)
        write_text(path, text, errors="backslashreplace")
        return path

    def save(self, path: str | PathLike[str]) -> None:
        """Write the explanation: JSON, and its numbers beside it as ``.npz``.

        Local explanations that it holds are not written; save them one by one.

        Parameters
        ----------
        path : path-like
            The JSON file. The arrays of "song.json" are in "song.npz", those of a name that ends
            otherwise in a file of that name with ".npz" behind it: "run.1", "run.1.npz".

        See Also
        --------
        load : Read it back.
        """
        io.save_global(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> GlobalExplanation:
        """Read an explanation back.

        Parameters
        ----------
        path : path-like
            The JSON file that :meth:`save` wrote.

        Returns
        -------
        GlobalExplanation

        Raises
        ------
        FileNotFoundError
            One of the two files is missing.
        ValueError
            A file is none of a global explanation, or of a later version; what it says does not
            fit together; or the two were not saved together.
        """
        return cls(**io.load_global(path))

    def _repr_html_(self) -> str:
        return global_summary(self)

    def __repr__(self) -> str:
        n_audio = sum(c.modality == "audio" for c in self.components)
        of = "totals" if self.songs is None else f"{len(self.songs)} explanations"
        return (
            f"<GlobalExplanation of {of}: {len(self.labels)} classes, {n_audio} audio and "
            f"{len(self.components) - n_audio} lyric components>"
        )

    def _index(self) -> pd.Index:
        return pd.Index([c.name for c in self.components], name="component", dtype=object)

    def _columns(self) -> pd.Index:
        return pd.Index(self.labels, tupleize_cols=False)

    def _component_frame(self) -> pd.DataFrame:
        frame = pd.DataFrame(
            self.components, columns=["component", "modality", "source", "segment"]
        )
        frame["segment"] = frame["segment"].astype("Int64")
        return frame

    def _known_songs(self, what: str) -> pd.DataFrame:
        if self.songs is None:
            raise ValueError(f"{what} need the songs; this explanation was made from totals")
        return self.songs

    def _of_label(self) -> np.ndarray:
        number = {label: i for i, label in enumerate(self.labels)}
        return np.array([number[label] for label in self.songs["label"]])

    def _of_group(self) -> np.ndarray:
        return np.unique(self.songs["group"].to_numpy(), return_inverse=True)[1]

    def _jackknife(self, min_count: int) -> Jackknife:
        self._known_songs("intervals")
        supported = self.counts >= max(min_count, 1)
        return Jackknife(self.weights, self._of_label(), self._of_group(), supported)


def _label_order(labels: list[Hashable]) -> list[int]:
    """Labels sorted; by how they are written where they are of different kinds."""
    try:
        return sorted(range(len(labels)), key=labels.__getitem__)
    except TypeError:
        return sorted(range(len(labels)), key=lambda i: (str(type(labels[i])), str(labels[i])))


def _in_order(components: list[Component]) -> tuple[list[Component], np.ndarray]:
    """Audio by source (as first met) and segment, then lyrics by text; and each one's new place."""
    sources = {s: i for i, s in enumerate(dict.fromkeys(c.source for c in components))}
    order = sorted(
        range(len(components)),
        key=lambda i: (
            components[i].modality,
            sources[components[i].source],
            -1 if components[i].segment is None else components[i].segment,
            components[i].name,
        ),
    )
    return [components[i] for i in order], np.argsort(order)


def _with_columns(
    weights: scipy.sparse.csr_array, new_column: np.ndarray, n_columns: int
) -> scipy.sparse.csr_array:
    """Move columns, adding up what falls on one; zeros that are stored stay stored."""
    moved = scipy.sparse.csr_array(
        (weights.data.copy(), new_column[weights.indices].astype(np.int32), weights.indptr.copy()),
        shape=(weights.shape[0], n_columns),
    )
    moved.sum_duplicates()
    return moved


def _object_series(values: list[Any]) -> pd.Series:
    series = pd.Series([None] * len(values), dtype=object)
    for i, value in enumerate(values):  # a tuple is one label
        series[i] = value
    return series
