"""What a global explanation needs of each song.

What a song leaves behind is a :class:`SongSummary`: numbers, no waveform. Components of different
songs are the same where they have the same name: audio as sources x relative segment (a song's
segments are laid on a grid of `n_segments`; the weight of one that touches several cells is shared
among them by time), lyrics as their text. Weights of one song that fall on the same component are
added up, as the surrogate adds them.
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
    >>> from sklearn_musiclime.results.summaries import segment_overlap
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
