"""Tables of a global explanation: importances, shares, interactions and comparisons of classes.

Longer than most modules, since half of it documents the public methods of one class.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
import pandas as pd

from sklearn_musiclime._runtime.frames import as_index
from sklearn_musiclime.results.dataframes import (
    check_modality_filter,
    object_series,
    pair_dataframe,
)
from sklearn_musiclime.results.global_data import GlobalData, of_group
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
        """Return the importance of each component for each class.

        Parameters
        ----------
        method : {"average", "lime", "homogeneity"}, default="average"
            "average": mean of the positive parts of the component's weights. "lime": square root
            of their sum. "homogeneity": that root, reduced the more evenly it is spread over the
            classes. See :mod:`sklearn_musiclime.results.importance`.
        min_count : int, default=1
            Smallest number of explanations of a class that must contain a component; components in
            fewer have no importance for the class. A word of a single song tells about that song
            rather than about the class.

        Returns
        -------
        DataFrame of shape (n_components, n_labels)
            Importances, with index ``component``. NaN for components that fewer than `min_count`
            explanations of the class contain.
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
        """Return confidence intervals of the importances, over samples of songs.

        They are jackknife intervals: one group of songs after the other is left out, see
        :mod:`sklearn_musiclime.results.intervals`. Since each song has its own random masks, the
        intervals include the variance due to masks.

        Parameters
        ----------
        method, min_count
            See :meth:`importance`.
        confidence_level : float, default=0.95
            Between 0 and 1.

        Returns
        -------
        low, high : DataFrame of shape (n_components, n_labels)
            Lower and upper bounds of :meth:`importance`. NaN also where the effective number of
            groups that contribute to an importance is 2 or less.

        Raises
        ------
        ValueError
            The explanation was made from totals, or the level is not between 0 and 1.
        """
        bounds = self._jackknife(min_count).intervals(method, confidence_level)
        low, high = (
            pd.DataFrame(bound.T, index=self._index(), columns=self._columns()) for bound in bounds
        )
        return low, high

    def to_frame(self) -> pd.DataFrame:
        """Return a table of all components of all classes, with all importances.

        Returns
        -------
        DataFrame
            One row for each class and component in its songs, with columns ``label``,
            ``component``, ``modality``, ``source``, ``segment``, ``count`` (of explanations that
            contain the component), ``average``, ``lime``, ``homogeneity`` and, unless the
            explanation was made from totals, ``low`` and ``high``, the bounds of the 95 % interval
            of ``average``.
        """
        values = {method: self.importance(method).to_numpy().T for method in METHODS}
        if self.weights is not None:
            values |= dict(
                zip(("low", "high"), (b.to_numpy().T for b in self.interval()), strict=True)
            )
        frames = []
        for index, label in enumerate(self.labels):
            frame = self._component_dataframe()
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
        """Return a table of the most important components for a class.

        Parameters
        ----------
        n : int, default=10
            Largest number of components.
        label : label or None, default=None
            The class. None: the first.
        method : {"average", "lime", "homogeneity"}, default="average"
            See :meth:`importance`.
        modality : {"audio", "lyrics", "columns"} or None, default=None
            Modality of the components. None: all.
        min_count : int, default=1
            See :meth:`importance`.

        Returns
        -------
        DataFrame
            One row per component, in descending order of importance, with columns ``component``,
            ``modality``, ``source``, ``segment``, ``importance``, ``count`` (of explanations that
            contain the component) and, unless the explanation was made from totals, ``low`` and
            ``high``, the bounds of the 95 % interval.
        """
        label = self.labels[0] if label is None else label
        return self.tops(n, [label], method=method, modality=modality, min_count=min_count)[0]

    def tops(
        self,
        n: int = 10,
        labels: Sequence[Hashable] | None = None,
        *,
        method: str = "average",
        modality: str | None = None,
        min_count: int = 1,
    ) -> list[pd.DataFrame]:
        """Return tables of the most important components for several classes.

        The tables are those of :meth:`top`, but the intervals are computed only once.

        Parameters
        ----------
        n : int, default=10
            Largest number of components per class.
        labels : sequence of label, or None, default=None
            The classes. None: all.
        method, modality, min_count
            See :meth:`top`.

        Returns
        -------
        list of DataFrame
            One table per class, as :meth:`top` returns it.
        """
        indices = [self.label_index(label) for label in (self.labels if labels is None else labels)]
        check_modality_filter(modality)
        values = self.importance(method, min_count=min_count)
        bounds = {}
        if self.weights is not None:
            intervals = self.interval(method, min_count=min_count)
            bounds = dict(zip(("low", "high"), intervals, strict=True))
        found = []
        for index in indices:
            frame = self._component_dataframe()
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
        """Return the importances of audio components for a class, sources x relative segments.

        Parameters
        ----------
        label : label
            The class.
        method, min_count
            See :meth:`importance`.

        Returns
        -------
        DataFrame of shape (n_sources, n_segments)
            One row per source, one column per relative segment. Empty if the audio was not
            explained.
        """
        values = self.importance(method, min_count=min_count).iloc[:, self.label_index(label)]
        frame = self._component_dataframe().assign(value=values.to_numpy())
        frame = frame[frame["modality"] == "audio"]
        frame["segment"] = frame["segment"].fillna(0).astype(int)
        found = frame.pivot(index="source", columns="segment", values="value")
        return found.reindex(as_index(list(dict.fromkeys(frame["source"])), name="source"))

    def modality_share(self) -> pd.DataFrame:
        """Return the mean modality shares of each class.

        A song's shares are the parts of its score's variance over masks that are due to the audio,
        to the lyrics, to columns if any are explained, and to their interaction, see
        :meth:`LocalExplanation.modality_share <sklearn_musiclime.LocalExplanation.modality_share>`.

        Returns
        -------
        DataFrame of shape (n_labels, 10 or 13)
            One row per class, with the number of its explanations, ``n_explanations``, and the
            means over them of the shares ``audio``, ``lyrics``, ``columns`` if any are explained,
            and ``interaction``, which add up to 1. The bounds of their 95 % intervals are
            ``audio_low``, ``audio_high`` and so on. NaN if components of a song were linked;
            intervals are NaN also where too few groups of songs contribute, see :meth:`interval`.

        Raises
        ------
        ValueError
            The explanation was made from totals.
        """
        songs = self._known_songs("modality shares")
        label_numbers, group_numbers, rows = self._of_label(songs), of_group(songs), []
        for index in range(len(self.labels)):
            own = label_numbers == index
            shares = songs.loc[own, list(self.share_names)].to_numpy()
            low, high = share_intervals(shares, group_numbers[own])
            row: dict[str, float] = {"n_explanations": int(own.sum())}
            for name, *values in zip(self.share_names, shares.mean(axis=0), low, high, strict=True):
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
        """Return a table of the significant interactions over the songs of a class.

        The interaction of a pair of components is averaged within each group of songs (column
        ``group`` of `songs`), and these means are averaged over the groups that contain the pair;
        every group has the same weight, whatever its number of songs. Student's t-test over the
        groups' means tests whether the average is 0. For normal means it keeps its level however
        the groups differ in size and variance (Ibragimov and Müller). The false-discovery rate is
        controlled over the tested pairs (Benjamini and Hochberg). The power is low with few groups:
        of 20 pairs, 5 of which have means 1.4 standard deviations (of a group's mean) from 0, these
        5 are found at a rate of 5 % in 5 % of cases with 4 groups, 32 % with 6, 85 % with 10 and
        100 % with 20.

        Parameters
        ----------
        label : label or None, default=None
            The class. None: the first.
        min_count : int, default=2
            Smallest number of explanations of the class that contain a pair.
        fdr : float or None, default=0.05
            False-discovery rate: the expected share of false interactions among the rows. None:
            all pairs.

        Returns
        -------
        DataFrame
            Columns ``first``, ``second``, ``modalities``, ``weight`` (the average), ``std_err``,
            ``count`` (of explanations), ``n_groups`` and ``q_value``, in descending order of
            ``|weight|``. A pair in only one group has no standard error and is not tested; it is
            listed only with ``fdr=None``.

        Raises
        ------
        ValueError
            There are no interactions: they were not estimated, components were joined to groups, or
            the explanation was loaded from a file of version 1 without groups of songs.

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
        return pair_dataframe(
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
        """Return a table of the differences between the importances for two classes.

        Parameters
        ----------
        first, second : label
            The classes.
        method, min_count
            See :meth:`importance`.

        Returns
        -------
        DataFrame
            One row per component, with columns ``component``, ``modality``, ``source``,
            ``segment``, ``first`` and ``second`` (the importances), ``difference`` (first minus
            second) and, unless the explanation was made from totals, ``low`` and ``high``, the
            bounds of the difference's 95 % interval. Rows are in descending order of
            ``|difference|``. Components with an importance for only one of the two classes come
            last, in descending order of it: the other importance, ``difference``, ``low`` and
            ``high`` are NaN. The interval is NaN also where one of the importances has no interval.
        """
        indices = [self.label_index(first), self.label_index(second)]
        values = self.importance(method, min_count=min_count).iloc[:, indices]
        frame = self._component_dataframe()
        frame["first"], frame["second"] = values.to_numpy().T
        frame["difference"] = frame["first"] - frame["second"]
        if self.weights is not None:
            frame["low"], frame["high"] = self._jackknife(min_count).differences(method, *indices)
        size = frame["difference"].fillna(frame["first"]).fillna(frame["second"]).abs()
        order = np.lexsort([-size, frame["difference"].isna()])
        return frame.iloc[order[: int(size.notna().sum())]].reset_index(drop=True)

    def pick(self, n: int = 5, *, n_top: int = 10) -> pd.DataFrame:
        """Choose a few songs that together represent the model, by LIME's submodular pick.

        The songs are chosen so that their `n_top` components together cover as much as possible of
        what is important over all songs, see
        :func:`~sklearn_musiclime.results.picking.submodular_pick`.

        Parameters
        ----------
        n : int, default=5
            Number of explanations; fewer are chosen if fewer cover all important components.
        n_top : int, default=10
            Number of components, those of the largest ``|weight|``, that each song covers.

        Returns
        -------
        DataFrame
            Rows of `songs`, in the order of the choice; the index is their position in `songs`.

        Raises
        ------
        ValueError
            The explanation was made from totals.

        References
        ----------
        Ribeiro, Singh, Guestrin, "'Why should I trust you?'", KDD 2016, algorithm 2.
        """
        songs = self._known_songs("picks")
        kept = largest_by_label(self.weights, self._of_label(songs), len(self.labels), n_top)
        return songs.iloc[submodular_pick(kept, n)]

    def group(
        self,
        *,
        words: Renaming = None,
        sources: Renaming = None,
        n_segments: int | None = None,
    ) -> Self:
        """Join components to groups: words of similar meaning, similar sources, longer segments.

        The weight of a group in a song is the sum of the weights of its components. All methods
        work with groups, but for :meth:`interactions`: to have these, pass the groups to
        :meth:`from_local` or ``explain_global``.

        Parameters
        ----------
        words, sources : mapping, callable, "lower" or None, default=None
            Name of the group of each word and of each source. Names that are not in a mapping are
            kept. :func:`~sklearn_musiclime.explanation.group_words` groups words by meaning.
        n_segments : int or None, default=None
            Number of relative segments, a divisor of the present number. 1: whole sources. None:
            the present number.

        Returns
        -------
        GlobalExplanation
            Explanation whose components are the groups.

        Raises
        ------
        ValueError
            The explanation was made from totals, or `n_segments` does not divide the present
            number of segments.
        """
        songs = self._known_songs("groups")
        components, new_column = join_components(
            self.components, words=words, sources=sources, n_segments=n_segments
        )
        weights = with_columns(self.weights, new_column, len(components))
        sums, counts = totals(weights, self._of_label(songs), len(self.labels))
        return replace(
            self, components=components, sums=sums, counts=counts, weights=weights, pair_totals=None
        )
