"""Joining of components to groups: groups of words, of sources, and longer segments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse

from sklearn_musiclime.results.ordering import in_order
from sklearn_musiclime.results.summaries import Component, Renaming, renamer


def join_components(
    components: Sequence[Component],
    *,
    words: Renaming,
    sources: Renaming,
    n_segments: int | None,
) -> tuple[list[Component], np.ndarray]:
    """Find the group of each component.

    Parameters
    ----------
    components : sequence of Component
        The components.
    words, sources : mapping, callable, "lower" or None
        Name of the group of each word and of each source, see
        :func:`~sklearn_musiclime.results.summaries.renamer`.
    n_segments : int or None
        Number of relative segments of the groups. None: that of the components.

    Returns
    -------
    groups : list of Component
        The groups, sorted as by :func:`~sklearn_musiclime.results.ordering.in_order`.
    columns : ndarray of shape (n_components,) of int
        Position in `groups` of the group of each component.

    Raises
    ------
    ValueError
        `n_segments` does not divide the number of segments of the components.
    """
    segments = [c.segment for c in components if c.segment is not None]
    n_now = max(segments, default=0) + 1
    if n_segments is None:
        n_segments = n_now
    if n_segments < 1 or n_now % n_segments:
        raise ValueError(f"{n_now} segments can't be joined to {n_segments}")
    rename_word, rename_source = renamer(words), renamer(sources)
    groups: dict[Component, int] = {}
    columns = np.empty(len(components), dtype=np.int64)
    for column, component in enumerate(components):
        if component.modality == "columns":
            group = component
        elif component.source is None:
            group = Component(rename_word(component.name), "lyrics")
        else:
            segment = (component.segment or 0) * n_segments // n_now
            group = Component.audio(rename_source(component.source), segment, n_segments)
        columns[column] = groups.setdefault(group, len(groups))
    ordered, place = in_order(list(groups))
    return ordered, place[columns]


def with_columns(
    weights: scipy.sparse.csr_array, new_column: np.ndarray, n_columns: int
) -> scipy.sparse.csr_array:
    """Return weights with renumbered columns; equal numbers are added up, zeros stay stored."""
    moved = scipy.sparse.csr_array(
        (weights.data.copy(), new_column[weights.indices].astype(np.int32), weights.indptr.copy()),
        shape=(weights.shape[0], n_columns),
    )
    moved.sum_duplicates()
    return moved
