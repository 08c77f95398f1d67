"""Which interactions are significant: q-values of all of their t-tests."""

from __future__ import annotations

import numpy as np
from scipy import stats

from sklearn_musiclime.surrogate.interactions.pairs import Interactions

FALSE_DISCOVERIES = 0.05
"""Largest q-value of significant interactions: the expected share of false ones among them."""


def tested_interactions(
    pairs: np.ndarray, weights: np.ndarray, std_err: np.ndarray, dof: float
) -> Interactions:
    """Interactions with the q-values of their t-tests, label by label."""
    q_values = [compute_q_values(w, s, dof) for w, s in zip(weights, std_err, strict=True)]
    return Interactions(
        pairs, weights, std_err, np.stack(q_values), np.full(weights.shape, float(dof))
    )


def compute_q_values(weights: np.ndarray, std_err: np.ndarray, dof: float) -> np.ndarray:
    """Benjamini-Hochberg q-values of t-tests; 1 for weights of 0, or without degrees of freedom."""
    if dof < 1 or not len(weights):
        return np.ones(len(weights))
    none = weights == 0
    ratio = np.divide(
        np.abs(weights), std_err, out=np.full(len(weights), np.inf), where=std_err > 0
    )
    p_values = np.where(none, 1.0, 2 * stats.t.sf(ratio, dof))
    return stats.false_discovery_control(p_values)
