"""What metrics of single songs share: explanations, score functions, new masks, weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sklearn_musiclime.explainer import MusicLimeExplainer
from sklearn_musiclime.explanation import LocalExplanation
from sklearn_musiclime.neighbourhood import Neighbourhood, draw_masks
from sklearn_musiclime.surrogate import apply_link


def score_each(
    explainer: MusicLimeExplainer,
    X: Any,
    metric: Callable[[LocalExplanation, Callable, np.random.Generator], float],
    random_state: int = 0,
) -> np.ndarray:
    """Compute a metric for each song from its explanation and a score function of masks.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted explainer.
    X : DataFrame or object array
        The songs.
    metric : callable
        Takes an explanation, its score function and a random generator, and returns a number. The
        score is that of the first label, after the link.
    random_state : int, default=0
        Seed of the generators.

    Returns
    -------
    ndarray of shape (n_songs,)
        The metric of each song.
    """
    values = []
    for row, function in enumerate(explainer.mask_functions(X)):
        explanation = explainer.explain(X[row : row + 1])[0]
        column = function.column(explanation.labels[0])

        def score(masks: np.ndarray, function=function, column=column) -> np.ndarray:
            return apply_link(explainer.link, function(masks)[:, column])

        values.append(metric(explanation, score, np.random.default_rng([random_state, row])))
    return np.array(values)


def draw_new_masks(
    explanation: LocalExplanation, n_samples: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw independent masks, with linked components equal, and their sample weights."""
    links = explanation.links
    n_links = len(explanation.components) if links is None else max(links, default=-1) + 1
    kernel = explanation.settings["kernel"]
    masks = draw_masks("independent", n_links, n_samples, rng, kernel=kernel)
    weight = np.ones(len(masks))
    if kernel == "shapley":  # sizes are not drawn in proportion to the kernel: weights correct it
        drawn = Neighbourhood.joint("independent", masks, n_links, kernel=kernel)
        weight = drawn.sampling.sample_weight
    return masks if links is None else masks[:, links], weight


def summed_weights(explanation: LocalExplanation) -> np.ndarray:
    """Weights of the first label, summed over each group of linked components."""
    weights, links = explanation.weights[0], explanation.links
    return weights if links is None else np.bincount(links, weights)
