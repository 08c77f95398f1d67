"""Interactions with a proxy: those of its predictions, corrected by the model's own scores.

As for weights, the interactions of the predictions are added to those of what the predictions leave
of the scores. What is left is small, and so are the standard errors: a black box shows interactions
at a few hundred calls. Their significance is tested as without a proxy.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from sklearn_musiclime.proxy.predictions import Predictions
from sklearn_musiclime.surrogate import Surrogate, fit_interactions
from sklearn_musiclime.surrogate.interactions import AllPairs, Interactions
from sklearn_musiclime.surrogate.interactions.all_pairs import folded


def interactions_with_proxy(
    predictions: Predictions, surrogate: Surrogate, *, which: str
) -> Interactions:
    """Estimate the interactions of a song's components with a proxy.

    Parameters
    ----------
    predictions : Predictions
        The scores, and what proxies predict.
    surrogate : Surrogate
        The surrogate that was fitted to these scores.
    which : {"cross", "all"}
        "cross": pairs of components of different modalities. "all": all pairs of components.

    Returns
    -------
    Interactions
        Of labels whose standard errors are smaller without a proxy, those without: a few pairs that
        are significant may be all there is.
    """
    scored, free = predictions.scored, predictions.free
    masks = scored.masks[scored.n_known :]

    def variance(left: np.ndarray) -> np.ndarray:
        response = folded(masks, left[scored.n_known :], scored.design)[1]
        return np.square(response).mean(axis=0)

    fit = partial(fit_interactions, scored, which=which, kernel="exponential", grid=None)
    plain = fit(predictions.scores, surrogate)
    expected, of_free = predictions.best(variance)
    known = AllPairs.fit(free.masks[free.n_known :], of_free[free.n_known :], design=free.design)
    found = fit(predictions.scores - expected, surrogate, known=known)
    is_better = np.square(found.std_err).sum(axis=1) < np.square(plain.std_err).sum(axis=1)
    chosen = {
        name: np.where(is_better[:, np.newaxis], getattr(found, name), getattr(plain, name))
        for name in ("weights", "std_err", "q_values", "dof")
    }
    return replace(found, **chosen)
