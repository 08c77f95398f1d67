"""The order in which a global explanation lists its labels and components."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from sklearn_musiclime.results.summaries import Component


def label_order(labels: list[Hashable]) -> list[int]:
    """Return the order that sorts labels; those of different kinds by how they are written."""
    try:
        return sorted(range(len(labels)), key=labels.__getitem__)
    except TypeError:
        return sorted(range(len(labels)), key=lambda i: (str(type(labels[i])), str(labels[i])))


def in_order(components: list[Component]) -> tuple[list[Component], np.ndarray]:
    """Sort components, and tell the new place of each.

    Audio comes first, by source (as first met) and segment, then lyrics by their text.

    Parameters
    ----------
    components : list of Component
        In any order.

    Returns
    -------
    ordered : list of Component
        The components, sorted.
    place : ndarray of shape (n_components,) of int
        Where each of `components` is in `ordered`.
    """
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
