"""Shapley's interaction index, from the scores of all masks."""

from __future__ import annotations

import numpy as np
from scipy.special import comb

from sklearn_musiclime.surrogate.fidelity import negligible
from sklearn_musiclime.surrogate.interactions.pairs import (
    Interactions,
    exact_interactions,
    without_rounding,
)


def shapley_interactions(
    masks: np.ndarray, predictions: np.ndarray, pairs: np.ndarray
) -> Interactions:
    """Compute Shapley interaction indices from the scores of all masks.

    The index of two components is the average of ``f(both) - f(one) - f(other) + f(neither)`` over
    the masks of the other components, with the same total weight for each number of components
    kept.

    Parameters
    ----------
    masks : ndarray of shape (2 ** n_components, n_components), dtype bool
        All masks, in any order.
    predictions : ndarray of shape (2 ** n_components, n_labels)
        The model's scores.
    pairs : ndarray of shape (n_pairs, 2) of int
        Positions of the components of each pair.

    Returns
    -------
    Interactions
        Exact: standard errors are 0, q-values are 0 for indices other than 0, else 1.
    """
    p = masks.shape[1]
    coded = 2.0 * masks - 1.0
    kept = masks.sum(axis=1)
    weights = np.empty((predictions.shape[1], len(pairs)))
    for column, (k, m) in enumerate(pairs):
        n_others = kept - masks[:, k] - masks[:, m]
        chance = 1 / ((p - 1) * comb(p - 2, n_others))
        weights[:, column] = (chance * coded[:, k] * coded[:, m]) @ predictions
    return exact_interactions(
        pairs, without_rounding(weights, negligible(predictions)[:, np.newaxis])
    )
