"""Aggregation of summaries of songs to the data of a global explanation, one song at a time."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from sklearn_musiclime.results.summaries import Component, SongSummary

MAX_WAITING = 20_000
"""Smallest number of new interactions that are collected before they are added to the sums."""


@dataclass(frozen=True)
class PairTotals:
    """Sums of interactions over groups of songs, one entry per label and pair of components.

    Attributes
    ----------
    labels : ndarray of shape (n_pairs,) of int
        Number of the label.
    pairs : ndarray of shape (n_pairs, 2) of int
        Numbers of the two components.
    counts : ndarray of shape (n_pairs,)
        Number of explanations of the label in which the pair's interaction was estimated.
    n_groups : ndarray of shape (n_pairs,)
        Number of groups of songs that these explanations belong to.
    sums, squares : ndarray of shape (n_pairs,)
        Sum over these groups of the group's mean weight of the interaction, and sum of the squares
        of these means.
    """

    labels: np.ndarray
    pairs: np.ndarray
    counts: np.ndarray
    n_groups: np.ndarray
    sums: np.ndarray
    squares: np.ndarray


@dataclass(frozen=True)
class Aggregate:
    """Aggregated summaries of all songs. An explanation is one label of one song.

    Attributes
    ----------
    labels : list
        The labels, in the order of their first occurrence.
    components : list of Component
        The components, in the order of their first occurrence.
    titles : list of str
        Title of the song of each explanation.
    track_ids : list of label
        Label of the song of each explanation in the index of X.
    groups : ndarray of shape (n_explanations,)
        Group of the song of each explanation.
    about : ndarray of shape (n_explanations, 7 or 8)
        Row of the song, number of the label, score, fidelity, and the three modality shares, or
        four with columns.
    weights : csr_array of shape (n_explanations, n_components)
        Weights. A stored entry, even a zero, means that the song contains the component.
    pairs : PairTotals
        Sums of interactions.
    n_segments : int
        Number of relative segments.
    """

    labels: list[Hashable]
    components: list[Component]
    titles: list[str]
    track_ids: list[Hashable]
    groups: np.ndarray
    about: np.ndarray
    weights: scipy.sparse.csr_array
    pairs: PairTotals
    n_segments: int


class Aggregator:
    """Adds up summaries of songs, one after the other.

    Parameters
    ----------
    groups : array-like of shape (n_songs,), or None, default=None
        Group of each song of X. None: each song is a group.
    in_order : bool, default=False
        Whether songs are added in the order of their rows. If so, the interactions of a group are
        kept in memory only until its last row was added; otherwise until the end.
    once : bool, default=False
        Whether each row is added once. If so and without groups, no interactions are kept that
        long, whatever the order.

    Raises
    ------
    ValueError
        `groups` is not one-dimensional.
    """

    def __init__(
        self,
        groups: Sequence[Hashable] | None = None,
        *,
        in_order: bool = False,
        once: bool = False,
    ):
        self._groups: np.ndarray | None = None
        if groups is not None:
            self._groups = of_row = np.asarray(groups)
            if of_row.ndim != 1:
                raise ValueError(f"groups are of shape {of_row.shape}, not (n_songs,)")
            # A group is identified by its last row, after which it is complete.
            names, number = np.unique(of_row, return_inverse=True)
            last_row = np.zeros(len(names), dtype=np.int64)
            np.maximum.at(last_row, number, np.arange(len(number)))
            self._last_row = last_row[number]
        self._in_order, self._row = in_order, 0
        self._is_alone = once and groups is None
        self._labels: dict[Hashable, int] = {}
        self._components: dict[Component, int] = {}
        self._titles: list[str] = []
        self._track_ids: list[Hashable] = []
        # Growing arrays of numbers: a list of arrays would take several times the memory.
        self._about, self._values = array("d"), array("d")
        self._columns, self._ends = array("i"), array("q", [0])
        self._pairs = _PairSums()
        self.n_segments: int | None = None
        self._n_shares: int | None = None

    def add(self, summary: SongSummary) -> None:
        """Add the summary of a song.

        Parameters
        ----------
        summary : SongSummary
            The summary.

        Raises
        ------
        ValueError
            It has another number of relative segments than the songs before; columns of X are
            explained in it and not in these, or the reverse; its row has no group; or with
            `in_order` its row is before that of the last song.
        """
        row = last_row = summary.row
        if self._groups is not None:
            if row >= len(self._groups):
                raise ValueError(f"{summary.title!r} is row {row}, of {len(self._groups)} groups")
            last_row = self._last_row[row]
        if self._in_order and row < self._row:
            raise ValueError(f"{summary.title!r} is row {row} and comes after row {self._row}")
        self._row = row
        if self.n_segments not in (None, summary.n_segments):
            raise ValueError(
                f"{summary.title!r} has {summary.n_segments} relative segments, the songs before "
                f"it {self.n_segments}; give n_segments"
            )
        self.n_segments = summary.n_segments
        n_shares = summary.shares.shape[1]
        if self._n_shares not in (None, n_shares):
            raise ValueError(
                f"{summary.title!r} and the songs before it: columns of X are explained in one of "
                "them and not in the other"
            )
        self._n_shares = n_shares
        columns = np.array(
            [self._components.setdefault(c, len(self._components)) for c in summary.components],
            dtype=np.int32,
        )
        about = zip(
            summary.labels, summary.scores, summary.fidelity, summary.shares, summary.weights,
            summary.pair_weights, strict=True,
        )  # fmt: skip
        for label, score, fidelity, shares, weights, pair_weights in about:
            number = self._labels.setdefault(label, len(self._labels))
            self._titles.append(summary.title)
            self._track_ids.append(summary.track_id)
            self._about.extend([summary.row, number, score, fidelity, *shares])
            self._columns.frombytes(columns.tobytes())
            self._values.frombytes(np.ascontiguousarray(weights, dtype=float).tobytes())
            self._ends.append(len(self._columns))
            self._pairs.add(number, columns[summary.pairs], pair_weights, last_row)
        if self._pairs.is_full():
            self._pairs.sum_up(np.inf if self._is_alone else row if self._in_order else 0)

    def result(self) -> Aggregate:
        """Return the aggregate of the songs added so far.

        Returns
        -------
        Aggregate

        Raises
        ------
        ValueError
            No song was added.
        """
        if not self._titles:
            raise ValueError("no explanations to aggregate")
        assert self.n_segments is not None  # since a song was added
        weights = scipy.sparse.csr_array(
            (np.array(self._values), np.array(self._columns), np.array(self._ends)),
            shape=(len(self._titles), len(self._components)),
        )
        about = np.array(self._about).reshape(len(self._titles), -1)
        rows = about[:, 0].astype(np.int64)
        return Aggregate(
            list(self._labels),
            list(self._components),
            self._titles,
            self._track_ids,
            rows if self._groups is None else self._groups[rows],
            about,
            weights,
            self._pairs.totals(),
            self.n_segments,
        )


class _PairSums:
    """Sums of interactions by label and pair, in memory proportional to the number of such sums.

    New entries are collected in a list. When they outnumber the sums, they are added to the sums of
    their groups, and the means of complete groups are added to the totals over groups.
    """

    COLUMN_BITS = 24

    def __init__(self):
        # By label and pair: number of explanations, number of groups, sum and sum of squares of the
        # groups' means.
        self._keys, self._totals = np.zeros(0, dtype=np.int64), np.zeros((4, 0))
        # By label, pair and incomplete group: number of explanations, sum of weights.
        self._open = np.zeros((2, 0), dtype=np.int64), np.zeros((2, 0))
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._n_waiting = 0

    def add(self, label: int, pairs: np.ndarray, weights: np.ndarray, last_row: int) -> None:
        """Add the interactions of a song; `last_row` is the last row of its group."""
        if not len(pairs):
            return
        ordered = np.sort(pairs.astype(np.int64), axis=1)
        keys = (label << 2 * self.COLUMN_BITS) | (ordered[:, 0] << self.COLUMN_BITS) | ordered[:, 1]
        self._waiting.append(
            (
                np.stack([keys, np.full_like(keys, last_row)]),
                np.stack([np.ones(len(keys)), weights]),
            )
        )
        self._n_waiting += len(keys)

    def is_full(self) -> bool:
        """Return whether the new entries outnumber the sums, so that they should be summed up."""
        return self._n_waiting > max(MAX_WAITING, len(self._keys) + self._open[0].shape[1])

    def sum_up(self, row: float) -> None:
        """Add new entries to the sums of groups, and groups that end before `row` to the totals."""
        keys = np.hstack([self._open[0], *(keys for keys, _ in self._waiting)])
        values = np.hstack([self._open[1], *(values for _, values in self._waiting)])
        self._waiting, self._n_waiting = [], 0
        keys, values = _summed(keys, values)
        is_complete = keys[1] < row
        self._open = keys[:, ~is_complete], values[:, ~is_complete]
        counts, sums = values[:, is_complete]
        means = sums / counts
        new = np.stack([counts, np.ones_like(means), means, np.square(means)])
        (self._keys,), self._totals = _summed(
            np.concatenate([self._keys, keys[0, is_complete]])[np.newaxis],
            np.hstack([self._totals, new]),
        )

    def totals(self) -> PairTotals:
        """Return the sums over all groups, which are taken to be complete."""
        self.sum_up(np.inf)
        ones = (1 << self.COLUMN_BITS) - 1
        first, second = self._keys >> self.COLUMN_BITS & ones, self._keys & ones
        return PairTotals(
            self._keys >> 2 * self.COLUMN_BITS, np.stack([first, second], axis=1), *self._totals
        )


def _summed(keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum those columns of `values` whose columns of `keys` are equal; return sorted keys, sums."""
    order = np.lexsort(keys[::-1])
    keys, values = keys[:, order], values[:, order]
    starts = np.flatnonzero(np.append(True, (np.diff(keys) != 0).any(axis=0))[: keys.shape[1]])
    return keys[:, starts], np.add.reduceat(values, starts, axis=1) if len(starts) else values
