"""Local explanations that are made of weights, without a model."""

import numpy as np

from sklearn_musiclime import LocalExplanation
from sklearn_musiclime.components import split_lyrics
from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition
from sklearn_musiclime.surrogate.interactions import Interactions


def local(
    row, weights, lyrics="", *, label="pop", sources=("vocals",), borders=(0, 50, 100), pairs=None
):
    """An explanation of known weights: a dict from names of components to numbers, 0 by default."""
    components = Decomposition(
        AudioComponents(None, tuple(sources), None, np.array(borders), 100.0), split_lyrics(lyrics)
    )
    names = list(components.names)
    values = np.array([[weights.get(name, 0.0) for name in names]])
    assert set(weights) <= set(names)
    terms = None
    if pairs is not None:
        at = np.array([[names.index(a), names.index(b)] for a, b in pairs]).reshape(-1, 2)
        w = np.array([list(pairs.values())])
        terms = Interactions(at, w, np.ones_like(w), np.zeros_like(w))
    return LocalExplanation(
        title=f"row {row}", row=row, prediction={label: 0.7}, labels=[label], components=components,
        weights=values, intercept=np.zeros(1), fidelity=np.ones(1), local_prediction=np.ones(1),
        std_err=np.zeros_like(values), shares=np.array([[0.6, 0.3, 0.1]]),
        shares_std_err=np.zeros((1, 3)), corner_scores=np.zeros((1, 4)), interaction_terms=terms,
    )  # fmt: skip
