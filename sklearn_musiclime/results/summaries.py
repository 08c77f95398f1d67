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
from functools import lru_cache
from typing import Any, NamedTuple

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
    std_err : ndarray of shape (n_labels, n_components)
        Standard errors of the weights, as if those of a song's own components were independent.
    n_masks : (int, int)
        Audio and lyric masks that were scored in the crossed design; else the number of perturbed
        songs, and 0.
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
    std_err: np.ndarray
    n_masks: tuple[int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class SongWeights:
    """What a summary of a song is made of: its explanation, or what a record holds of it.

    Attributes
    ----------
    title, row, track_id, labels, scores, fidelity, shares, n_masks
        As those of :class:`SongSummary`.
    source_names : tuple of str
        Sources of its audio.
    borders : ndarray of shape (n_segments + 1,), or None
        Boundaries of the segments in samples. None: the audio was not explained.
    texts : list of str
        Texts of its lyric components.
    columns : tuple of str
        Names of its components that are columns of X.
    weights : ndarray of shape (n_labels, n_components)
        Weights of its components: sources x segments, texts, columns.
    std_err : ndarray of shape (n_labels, n_components)
        Their standard errors.
    pairs : ndarray of shape (n_pairs, 2) of int, or None
        Components of each interaction. None: they were not estimated.
    pair_weights : ndarray of shape (n_labels, n_pairs)
        The interactions.
    """

    title: str
    row: int
    track_id: Hashable
    labels: list[Hashable]
    scores: np.ndarray
    fidelity: np.ndarray
    shares: np.ndarray
    source_names: tuple[str, ...]
    borders: np.ndarray | None
    texts: list[str]
    columns: tuple[str, ...]
    weights: np.ndarray
    std_err: np.ndarray
    n_masks: tuple[int, int]
    pairs: np.ndarray | None
    pair_weights: np.ndarray

    @classmethod
    def of(cls, explanation: LocalResult) -> SongWeights:
        """Return those of an explanation."""
        parts, terms = explanation.components, explanation.interaction_terms
        n_labels = len(explanation.labels)
        return cls(
            title=explanation.title,
            row=explanation.row,
            track_id=explanation.track_id,
            labels=list(explanation.labels),
            scores=np.array([explanation.prediction[label] for label in explanation.labels]),
            fidelity=explanation.fidelity,
            shares=explanation.shares,
            source_names=() if parts.audio is None else parts.audio.source_names,
            borders=None if parts.audio is None else parts.audio.borders,
            texts=[] if parts.lyrics is None else parts.lyrics.texts(),
            columns=() if parts.columns is None else parts.columns.names,
            weights=explanation.weights,
            std_err=explanation.std_err,
            n_masks=n_masks(explanation.settings),
            pairs=None if terms is None else terms.pairs,
            pair_weights=np.zeros((n_labels, 0)) if terms is None else terms.weights,
        )


def summarise(
    song: LocalResult | SongWeights,
    *,
    n_segments: int | None = None,
    words: Renaming = None,
    sources: Renaming = None,
) -> SongSummary:
    """Summarise a local explanation for a global one.

    Parameters
    ----------
    song : LocalResult or SongWeights
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
    if isinstance(song, LocalResult):
        song = SongWeights.of(song)
    n_own = 0 if song.borders is None else len(song.borders) - 1
    if n_segments is None:
        n_segments = DEFAULT_N_SEGMENTS if song.borders is None else n_own
    found: dict[Component, int] = {}
    entries: list[tuple[int, int, float]] = []  # own component, shared component, fraction
    if song.borders is not None:
        overlaps = _overlaps(song.borders.astype(np.int64).tobytes(), n_segments)
        rename = renamer(sources)
        for s, source in enumerate(song.source_names):
            for own, cell, part in overlaps:
                shared = Component.audio(rename(source), cell, n_segments)
                at = found.setdefault(shared, len(found))
                entries.append((s * n_own + own, at, part))
    rename = renamer(words)
    for own, text in enumerate(song.texts, start=len(song.source_names) * n_own):
        shared = Component(rename(" ".join(text.split())), "lyrics")
        entries.append((own, found.setdefault(shared, len(found)), 1.0))
    n_components = song.weights.shape[1]
    for own, name in enumerate(song.columns, start=n_components - len(song.columns)):
        shared = Component(name, "columns")
        entries.append((own, found.setdefault(shared, len(found)), 1.0))
    parts = np.zeros((n_components, len(found)))
    if entries:
        owns, places, fractions = zip(*entries, strict=True)
        parts[owns, places] = fractions
    pairs, pair_weights = _shared_pairs(song, parts)
    return SongSummary(
        title=song.title,
        row=song.row,
        track_id=song.track_id,
        labels=song.labels,
        scores=song.scores,
        fidelity=song.fidelity,
        shares=song.shares,
        components=list(found),
        weights=song.weights @ parts,
        pairs=pairs,
        pair_weights=pair_weights,
        n_segments=n_segments,
        std_err=np.sqrt(
            np.square(np.where(np.isfinite(song.std_err), song.std_err, 0.0)) @ np.square(parts)
        ),
        n_masks=song.n_masks,
    )


def n_masks(settings: Mapping[str, Any]) -> tuple[int, int]:
    """Return what a song cost: audio and lyric masks in the crossed design, else samples and 0.

    Parameters
    ----------
    settings : mapping of str to object
        Settings of the explanation.

    Returns
    -------
    (int, int)
        Their sum is the number of calls of the model, whichever halves or songs it was called with.
    """
    if settings.get("design") == "crossed":
        return int(settings["n_audio_masks"]), int(settings["n_lyric_masks"])
    return int(settings.get("n_samples", 0)), 0


def _shared_pairs(song: SongWeights, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of shared components and their interactions; `parts` maps own to shared."""
    n_labels = len(song.labels)
    if song.pairs is None:
        return np.zeros((0, 2), dtype=int), np.zeros((n_labels, 0))
    first, second = song.pairs.T

    def laid_out(values: np.ndarray, parts: np.ndarray) -> np.ndarray:
        own = np.zeros((len(parts), len(parts)))
        own[first, second] = values
        shared = parts.T @ own @ parts
        return np.triu(shared + shared.T, 1)  # pairs in either order, without the diagonal

    contained = laid_out(np.ones(len(first)), (parts > 0).astype(float)) > 0
    pairs = np.argwhere(contained)
    weights = [laid_out(w, parts)[contained] for w in song.pair_weights]
    return pairs, np.array(weights).reshape(n_labels, -1)


@lru_cache(maxsize=1024)
def _overlaps(borders: bytes, n_cells: int) -> list[tuple[int, int, float]]:
    """Segments and cells that overlap, with the fraction; many songs have the same boundaries."""
    overlap = segment_overlap(np.frombuffer(borders, dtype=np.int64), n_cells)
    at = np.nonzero(overlap)
    return list(zip(at[0].tolist(), at[1].tolist(), overlap[at].tolist(), strict=True))


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
