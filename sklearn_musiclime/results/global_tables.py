"""Tables of what counts over many songs, class by class.

Longer than most modules, since half of it documents the public methods of one class.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
import pandas as pd

from sklearn_musiclime.results.frames import SHARES, check_modality, object_series, pair_frame
from sklearn_musiclime.results.global_data import GlobalData
from sklearn_musiclime.results.importance import METHODS, importance, totals
from sklearn_musiclime.results.intervals import share_intervals
from sklearn_musiclime.results.joining import join_components, with_columns
from sklearn_musiclime.results.pairs import pair_statistics
from sklearn_musiclime.results.picking import largest_by_label, submodular_pick
from sklearn_musiclime.results.summaries import Renaming
from sklearn_musiclime.surrogate.interactions import FALSE_DISCOVERIES


class GlobalResult(GlobalData):
    """Data and tables of a :class:`~sklearn_musiclime.GlobalExplanation`."""

    def importance(self, method: str = "average", *, min_count: int = 1) -> pd.DataFrame:
        """Say how much each component counts for each class.

        Parameters
        ----------
        method : {"average", "lime", "homogeneity"}, default="average"
            The mean of the positive parts of its weights; the root of their sum; or that root, the
            less of it the more evenly the component speaks for all classes. See
            :mod:`sklearn_musiclime.results.importance`.
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
        :mod:`sklearn_musiclime.results.intervals`. Since masks are drawn anew for every song,
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
            frame.insert(0, "label", object_series([label] * len(frame)))
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
        pairs, columns = pair_statistics(self.pair_totals, index, min_count)
        return pair_frame(
            [c.name for c in self.components],
            [c.modality for c in self.components],
            pairs,
            fdr,
            **columns,
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
        kept = largest_by_label(self.weights, self._of_label(), len(self.labels), n_top)
        return songs.iloc[submodular_pick(kept, n)]

    def group(
        self,
        *,
        words: Renaming = None,
        sources: Renaming = None,
        n_segments: int | None = None,
    ) -> Self:
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
        components, new_column = join_components(
            self.components, words=words, sources=sources, n_segments=n_segments
        )
        weights = with_columns(self.weights, new_column, len(components))
        sums, counts = totals(weights, self._of_label(), len(self.labels))
        return replace(
            self, components=components, sums=sums, counts=counts, weights=weights, pair_totals=None
        )
