"""From local explanations to what a global one is made of, a song at a time.

What a song leaves behind is a :class:`SongSummary`: numbers, no waveform. Components of different
songs are the same where they have the same name: audio as sources x relative segment (a song's
segments are laid on a grid of `n_segments`; the weight of one that touches several cells is shared
among them by time), lyrics as their text. Weights of one song that fall on the same component are
added up, as the surrogate adds them.
"""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse

if TYPE_CHECKING:
    from sklearn_musiclime.results.local import LocalResult

Renaming = Mapping[str, str] | Callable[[str], str] | str | None
"""New names of words or sources; see :func:`renamer`."""

DEFAULT_N_SEGMENTS = 10
MAX_WAITING = 20_000
"""Interactions that wait to be summed up, if no more than this are summed up already."""


class Component(NamedTuple):
    """A component that songs share.

    Attributes
    ----------
    name : str
        ``source@segment``, ``source@*`` if time is not told apart, or the text.
    modality : {"audio", "lyrics"}
        What it is of.
    source : str or None
        The source, of audio.
    segment : int or None
        The relative segment, of audio; None if time is not told apart.
    """

    name: str
    modality: str
    source: str | None = None
    segment: int | None = None

    @classmethod
    def audio(cls, source: str, segment: int, n_segments: int) -> Component:
        """Name the component of a source and a segment out of so many."""
        if n_segments == 1:
            return cls(f"{source}@*", "audio", source)
        return cls(f"{source}@{segment}", "audio", source, segment)


@dataclass(frozen=True)
class SongSummary:
    """What a global explanation needs of a local one.

    Attributes
    ----------
    title : str
        The song's title.
    row : int
        Its position in X.
    track_id : label
        Its label in the index of X.
    labels : list
        The labels explained.
    scores : ndarray of shape (n_labels,)
        The model's score of each.
    fidelity : ndarray of shape (n_labels,)
        The surrogate's.
    shares : ndarray of shape (n_labels, 3)
        The modality shares.
    components : list of Component
        What the song has.
    weights : ndarray of shape (n_labels, n_components)
        Their weights.
    pairs : ndarray of shape (n_pairs, 2) of int
        Positions of the components whose interaction was estimated.
    pair_weights : ndarray of shape (n_labels, n_pairs)
        The interactions.
    n_segments : int
        Relative segments that time is cut into.
    """

    title: str
    row: int
    track_id: Hashable
    labels: list[Hashable]
    scores: np.ndarray
    fidelity: np.ndarray
    shares: np.ndarray
    components: list[Component]
    weights: np.ndarray
    pairs: np.ndarray
    pair_weights: np.ndarray
    n_segments: int


def summarise(
    explanation: LocalResult,
    *,
    n_segments: int | None = None,
    words: Renaming = None,
    sources: Renaming = None,
) -> SongSummary:
    """Reduce a local explanation to what a global one needs of it.

    Parameters
    ----------
    explanation : LocalResult
        Of a song.
    n_segments : int or None, default=None
        Relative segments that time is cut into. None: as many as the song has.
    words, sources : mapping, callable, "lower" or None, default=None
        New names, see :func:`renamer`.

    Returns
    -------
    SongSummary
    """
    audio, lyrics = explanation.components.audio, explanation.components.lyrics
    if n_segments is None:
        n_segments = DEFAULT_N_SEGMENTS if audio is None else audio.n_segments
    found: dict[Component, int] = {}
    entries: list[tuple[int, int, float]] = []  # own component, shared component, part of it
    if audio is not None:
        overlap = segment_overlap(audio.borders, n_segments)
        rename = renamer(sources)
        for s, source in enumerate(audio.source_names):
            for own, cell in np.argwhere(overlap > 0).tolist():
                shared = Component.audio(rename(source), cell, n_segments)
                at = found.setdefault(shared, len(found))
                entries.append((s * audio.n_segments + own, at, overlap[own, cell]))
    if lyrics is not None:
        rename = renamer(words)
        for own, text in enumerate(lyrics.texts(), start=explanation.components.n_audio):
            shared = Component(rename(" ".join(text.split())), "lyrics")
            entries.append((own, found.setdefault(shared, len(found)), 1.0))
    parts = np.zeros((len(explanation.components), len(found)))
    for own, at, part in entries:
        parts[own, at] = part
    pairs, pair_weights = _shared_pairs(explanation, parts)
    return SongSummary(
        title=explanation.title,
        row=explanation.row,
        track_id=explanation.track_id,
        labels=list(explanation.labels),
        scores=np.array([explanation.prediction[label] for label in explanation.labels]),
        fidelity=explanation.fidelity,
        shares=explanation.shares,
        components=list(found),
        weights=explanation.weights @ parts,
        pairs=pairs,
        pair_weights=pair_weights,
        n_segments=n_segments,
    )


def _shared_pairs(explanation: LocalResult, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Interactions of a song's own components as those of the shared ones."""
    terms = explanation.interaction_terms
    n_labels = len(explanation.labels)
    if terms is None:
        return np.zeros((0, 2), dtype=int), np.zeros((n_labels, 0))
    first, second = terms.pairs.T

    def laid_out(values: np.ndarray, parts: np.ndarray) -> np.ndarray:
        own = np.zeros((len(parts), len(parts)))
        own[first, second] = values
        shared = parts.T @ own @ parts
        return np.triu(shared + shared.T, 1)  # in either order; none with itself

    contained = laid_out(np.ones(len(first)), (parts > 0).astype(float)) > 0
    pairs = np.argwhere(contained)
    weights = [laid_out(w, parts)[contained] for w in terms.weights]
    return pairs, np.array(weights).reshape(n_labels, -1)


def segment_overlap(borders: np.ndarray, n_cells: int) -> np.ndarray:
    """Lay the segments of a song on equal cells of time.

    Parameters
    ----------
    borders : ndarray of shape (n_segments + 1,) of int
        Where segments begin and end, in samples.
    n_cells : int
        Cells that the song's length is cut into.

    Returns
    -------
    ndarray of shape (n_segments, n_cells)
        The part of each segment that lies in each cell; rows add up to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.results.aggregation import segment_overlap
    >>> segment_overlap(np.array([0, 50, 100]), 4)
    array([[0.5, 0.5, 0. , 0. ],
           [0. , 0. , 0.5, 0.5]])
    """
    edges = borders * (n_cells / borders[-1])
    # A border that rounding to samples moved off a cell's is that cell's.
    whole = np.rint(edges)
    edges = np.where(np.abs(edges - whole) <= n_cells / borders[-1], whole, edges)
    cells = np.arange(n_cells)
    inside = np.minimum(edges[1:, np.newaxis], cells + 1) - np.maximum(
        edges[:-1, np.newaxis], cells
    )
    overlap = np.maximum(inside, 0.0)
    total = overlap.sum(axis=1, keepdims=True)
    if (total == 0).any():  # shorter than a sample's width of a cell: where it begins
        lost = np.flatnonzero(total == 0)
        overlap[lost, np.minimum(edges[lost].astype(int), n_cells - 1)] = 1.0
        total = overlap.sum(axis=1, keepdims=True)
    return overlap / total


def renamer(names: Renaming) -> Callable[[str], str]:
    """Return the function that a renaming stands for.

    Parameters
    ----------
    names : mapping, callable, "lower" or None
        What is not in a mapping keeps its name. "lower": lower case, accents kept (composed, so
        that an accent that was written as a character of its own is the same letter). None: all
        keep their names.

    Returns
    -------
    callable
        Takes a name and returns one.

    Raises
    ------
    ValueError
        None of these.
    """
    if names is None:
        return str
    if isinstance(names, str):
        if names != "lower":
            raise ValueError(f"names are a mapping, a function or 'lower', got {names!r}")
        return _lower
    return names if callable(names) else lambda name: names.get(name, name)


def _lower(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


@dataclass(frozen=True)
class PairTotals:
    """Sums of interactions over songs: over groups of songs, of the mean of each.

    Attributes
    ----------
    labels : ndarray of shape (n_pairs,) of int
        Number of the label.
    pairs : ndarray of shape (n_pairs, 2) of int
        Numbers of the components.
    counts : ndarray of shape (n_pairs,)
        Explanations of the label that looked at the pair.
    n_groups : ndarray of shape (n_pairs,)
        Groups of songs that these are of.
    sums, squares : ndarray of shape (n_pairs,)
        Over these groups, of the mean of the interaction's weights in a group, and of its square.
    """

    labels: np.ndarray
    pairs: np.ndarray
    counts: np.ndarray
    n_groups: np.ndarray
    sums: np.ndarray
    squares: np.ndarray


@dataclass(frozen=True)
class Aggregate:
    """What all songs left behind.

    Attributes
    ----------
    labels : list
        The labels, in the order in which they were met.
    components : list of Component
        The components, likewise.
    titles : list of str
        The song of each explanation.
    track_ids : list of label
        Its label in the index of X.
    groups : ndarray of shape (n_explanations,)
        The group of the song of each.
    about : ndarray of shape (n_explanations, 7)
        Row of the song, number of the label, score, fidelity, and the three shares.
    weights : csr_array of shape (n_explanations, n_components)
        Weights; entries that are stored, zeros too, are of components that the song has.
    pairs : PairTotals
        Interactions.
    n_segments : int
        Relative segments.
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
    """Takes summaries of songs in, one after the other.

    Parameters
    ----------
    groups : array-like of shape (n_songs,), or None, default=None
        What the songs of X belong to, by their row. None: each is its own.
    in_order : bool, default=False
        Whether songs come in the order of their rows. Then a group's interactions take memory of
        their own only until its last row has passed; otherwise until the end.

    Raises
    ------
    ValueError
        The groups are not one of each song.
    """

    def __init__(self, groups: Sequence[Hashable] | None = None, *, in_order: bool = False):
        self._groups = None if groups is None else np.asarray(groups)
        if groups is not None:
            if self._groups.ndim != 1:
                raise ValueError(f"groups are of shape {self._groups.shape}, not (n_songs,)")
            # A group is known by its last row, after which nothing of it comes.
            names, number = np.unique(self._groups, return_inverse=True)
            last_row = np.zeros(len(names), dtype=np.int64)
            np.maximum.at(last_row, number, np.arange(len(number)))
            self._last_row = last_row[number]
        self._in_order, self._row = in_order, 0
        self._labels: dict[Hashable, int] = {}
        self._components: dict[Component, int] = {}
        self._titles: list[str] = []
        self._track_ids: list[Hashable] = []
        # Arrays that grow: a list of arrays would take several times the memory.
        self._about, self._values = array("d"), array("d")
        self._columns, self._ends = array("i"), array("q", [0])
        self._pairs = _PairSums()
        self.n_segments: int | None = None

    def add(self, summary: SongSummary) -> None:
        """Take a song in.

        Parameters
        ----------
        summary : SongSummary
            The song.

        Raises
        ------
        ValueError
            Its time is cut otherwise than that of the songs before; it has no group; or songs are
            to come in order and it does not.
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
            self._pairs.sum_up(row if self._in_order else 0)

    def result(self) -> Aggregate:
        """Return what the songs taken in left behind.

        Returns
        -------
        Aggregate

        Raises
        ------
        ValueError
            There were none.
        """
        if not self._titles:
            raise ValueError("no explanations to aggregate")
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
    """Sums by label and pair that take as much memory as there are different ones.

    New entries wait in a list; when they outnumber what is summed up, they are summed up: by group,
    and those of groups that are complete over groups.
    """

    COLUMN_BITS = 24

    def __init__(self):
        # By label and pair: explanations, groups, sum and sum of squares of the groups' means.
        self._keys, self._totals = np.zeros(0, dtype=np.int64), np.zeros((4, 0))
        # By label, pair and group, where it is not complete: explanations, sum of weights.
        self._open = np.zeros((2, 0), dtype=np.int64), np.zeros((2, 0))
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._n_waiting = 0

    def add(self, label: int, pairs: np.ndarray, weights: np.ndarray, last_row: int) -> None:
        """Take in the interactions of a song whose group has its last row there."""
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
        """Say whether so many wait that they are to be summed up."""
        return self._n_waiting > max(MAX_WAITING, len(self._keys) + self._open[0].shape[1])

    def sum_up(self, row: float) -> None:
        """Sum up what waits, and what is of groups that are complete before a row."""
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
        """Return the sums over groups; all are complete now."""
        self.sum_up(np.inf)
        ones = (1 << self.COLUMN_BITS) - 1
        first, second = self._keys >> self.COLUMN_BITS & ones, self._keys & ones
        return PairTotals(
            self._keys >> 2 * self.COLUMN_BITS, np.stack([first, second], axis=1), *self._totals
        )


def _summed(keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum the columns of values up by those of keys."""
    order = np.lexsort(keys[::-1])
    keys, values = keys[:, order], values[:, order]
    starts = np.flatnonzero(np.append(True, (np.diff(keys) != 0).any(axis=0))[: keys.shape[1]])
    return keys[:, starts], np.add.reduceat(values, starts, axis=1) if len(starts) else values
