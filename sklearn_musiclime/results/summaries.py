"""Summaries of songs: the contribution of each song to a global explanation.

A :class:`SongSummary` holds the weights and interactions of a song, without waveforms. Components
of different songs are the same if they have the same name. The name of an audio component is its
source and relative segment: the song's length is divided into `n_segments` equal cells, and the
weight of a segment that overlaps several cells is divided among them in proportion to time. The
name of a lyric component is its text, that of a column of X is the column's. Weights of a song that
belong to the same component are added up, as in the additive surrogate.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sklearn_musiclime.results.local import LocalResult

Renaming = Mapping[str, str] | Callable[[str], str] | str | None
"""New names of words or sources; see :func:`renamer`."""

DEFAULT_N_SEGMENTS = 10
"""Relative segments where nothing fixes their number."""


class Component(NamedTuple):
    """A component of a global explanation, which several songs may contain.

    Attributes
    ----------
    name : str
        ``source@segment``, ``source@*`` if there is only one relative segment, the text, or
        ``column[name]``.
    modality : {"audio", "lyrics", "columns"}
        Modality of the component.
    source : str or None
        Source of an audio component.
    segment : int or None
        Relative segment of an audio component; None if there is only one.
    """

    name: str
    modality: str
    source: str | None = None
    segment: int | None = None

    @classmethod
    def audio(cls, source: str, segment: int, n_segments: int) -> Component:
        """Return the component of a source and one of `n_segments` relative segments."""
        if n_segments == 1:
            return cls(f"{source}@*", "audio", source)
        return cls(f"{source}@{segment}", "audio", source, segment)


@dataclass(frozen=True)
class SongSummary:
    """The contribution of one song to a global explanation.

    Attributes
    ----------
    title : str
        Title of the song.
    row : int
        Position of the song in X.
    track_id : label
        Label of the song in the index of X.
    labels : list
        The explained labels.
    scores : ndarray of shape (n_labels,)
        The model's scores of these labels.
    fidelity : ndarray of shape (n_labels,)
        Fidelity of the surrogate.
    shares : ndarray of shape (n_labels, 3), or (n_labels, 4) with columns
        Modality shares.
    components : list of Component
        The components of the song.
    weights : ndarray of shape (n_labels, n_components)
        Weights of the components.
    pairs : ndarray of shape (n_pairs, 2) of int
        Positions of the two components of each estimated interaction.
    pair_weights : ndarray of shape (n_labels, n_pairs)
        The interactions.
    n_segments : int
        Number of relative segments.
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
    """Summarise a local explanation for a global one.

    Parameters
    ----------
    explanation : LocalResult
        The local explanation.
    n_segments : int or None, default=None
        Number of relative segments. None: the song's number of segments, or 10 if its audio was not
        explained.
    words, sources : mapping, callable, "lower" or None, default=None
        New names of words and of sources, see :func:`renamer`.

    Returns
    -------
    SongSummary
    """
    components = explanation.components
    audio, lyrics, columns = components.audio, components.lyrics, components.columns
    if n_segments is None:
        n_segments = DEFAULT_N_SEGMENTS if audio is None else audio.n_segments
    found: dict[Component, int] = {}
    entries: list[tuple[int, int, float]] = []  # own component, shared component, fraction
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
        for own, text in enumerate(lyrics.texts(), start=components.n_audio):
            shared = Component(rename(" ".join(text.split())), "lyrics")
            entries.append((own, found.setdefault(shared, len(found)), 1.0))
    if columns is not None:
        start = components.place("columns").start
        for own, name in enumerate(columns.names, start):
            shared = Component(name, "columns")
            entries.append((own, found.setdefault(shared, len(found)), 1.0))
    parts = np.zeros((len(components), len(found)))
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
    """Return the pairs of shared components and their interactions; `parts` maps own to shared."""
    terms = explanation.interaction_terms
    n_labels = len(explanation.labels)
    if terms is None:
        return np.zeros((0, 2), dtype=int), np.zeros((n_labels, 0))
    first, second = terms.pairs.T

    def laid_out(values: np.ndarray, parts: np.ndarray) -> np.ndarray:
        own = np.zeros((len(parts), len(parts)))
        own[first, second] = values
        shared = parts.T @ own @ parts
        return np.triu(shared + shared.T, 1)  # pairs in either order, without the diagonal

    contained = laid_out(np.ones(len(first)), (parts > 0).astype(float)) > 0
    pairs = np.argwhere(contained)
    weights = [laid_out(w, parts)[contained] for w in terms.weights]
    return pairs, np.array(weights).reshape(n_labels, -1)


def segment_overlap(borders: np.ndarray, n_cells: int) -> np.ndarray:
    """Compute how much of each segment of a song lies in each of `n_cells` equal cells of time.

    Parameters
    ----------
    borders : ndarray of shape (n_segments + 1,) of int
        Boundaries of the segments, in samples.
    n_cells : int
        Number of cells that the song's length is divided into.

    Returns
    -------
    ndarray of shape (n_segments, n_cells)
        Fraction of each segment in each cell; rows add up to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.results.summaries import segment_overlap
    >>> segment_overlap(np.array([0, 50, 100]), 4)
    array([[0.5, 0.5, 0. , 0. ],
           [0. , 0. , 0.5, 0.5]])
    """
    edges = borders * (n_cells / borders[-1])
    # A boundary within one sample of a cell's edge, due to rounding to samples, is moved to it.
    whole = np.rint(edges)
    edges = np.where(np.abs(edges - whole) <= n_cells / borders[-1], whole, edges)
    cells = np.arange(n_cells)
    inside = np.minimum(edges[1:, np.newaxis], cells + 1) - np.maximum(
        edges[:-1, np.newaxis], cells
    )
    overlap = np.maximum(inside, 0.0)
    total = overlap.sum(axis=1, keepdims=True)
    if (total == 0).any():  # no length is left after rounding: the cell in which it begins
        lost = np.flatnonzero(total == 0)
        overlap[lost, np.minimum(edges[lost].astype(int), n_cells - 1)] = 1.0
        total = overlap.sum(axis=1, keepdims=True)
    return overlap / total


def renamer(names: Renaming) -> Callable[[str], str]:
    """Return a renaming as a function of names.

    Parameters
    ----------
    names : mapping, callable, "lower" or None
        New names by old ones. Names that are not in a mapping are kept. "lower": lower case,
        accents kept, in Unicode's composed form (NFC). None: all names are kept.

    Returns
    -------
    callable
        Takes a name and returns the new one.

    Raises
    ------
    ValueError
        `names` is a string other than "lower".
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
