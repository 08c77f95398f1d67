"""Order of the labels and components of a global explanation."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_musiclime.components.decomposition import MODALITIES
from sklearn_musiclime.results.summaries import Component


def label_order(labels: list[Any]) -> list[int]:
    """Return the positions of labels in sorted order, by type and text if they don't compare."""
    try:
        return sorted(range(len(labels)), key=labels.__getitem__)
    except TypeError:
        return sorted(range(len(labels)), key=lambda i: (str(type(labels[i])), str(labels[i])))


def in_order(components: list[Component]) -> tuple[list[Component], np.ndarray]:
    """Sort components: audio by source and segment, then lyrics by text, then columns by name.

    Sources are in the order of their first occurrence.

    Parameters
    ----------
    components : list of Component
        The components, in any order.

    Returns
    -------
    ordered : list of Component
        The sorted components.
    place : ndarray of shape (n_components,) of int
        Position in `ordered` of each of `components`.
    """
    sources = {s: i for i, s in enumerate(dict.fromkeys(c.source for c in components))}
    order = sorted(
        range(len(components)),
        key=lambda i: (
            MODALITIES.index(components[i].modality),
            sources[components[i].source],
            -1 if components[i].segment is None else components[i].segment,
            components[i].name,
        ),
    )
    return [components[i] for i in order], np.argsort(order)
