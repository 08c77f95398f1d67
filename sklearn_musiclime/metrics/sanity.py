"""The sanity check: explanations of the same model with shuffled parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_musiclime.explainer import MusicLimeExplainer
from sklearn_musiclime.explanation import LocalExplanation
from sklearn_musiclime.metrics.agreement import rank_correlation, reseeded
from sklearn_musiclime.metrics.shuffling import shuffled_copy
from sklearn_musiclime.metrics.songwise import summed_weights


def randomisation(explainer: MusicLimeExplainer, X: Any, *, random_state: int = 0) -> np.ndarray:
    """Rank correlation with the explanations of the same model with shuffled parameters.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted explainer of an estimator.
    X : DataFrame or object array
        The songs.
    random_state : int, default=0
        Seed of the shuffling, and of the masks of both explanations.

    Returns
    -------
    ndarray of shape (n_songs,)
        Spearman's correlation of the absolute weights of the two explanations, for the label that
        the original model predicts. Near 0, the explanation depends on what the model has learnt,
        as it should. Near 1, it is independent of the model's parameters. NaN for a song of fewer
        than two components.

    Raises
    ------
    ValueError
        The model has no parameters that can be shuffled, or shuffling them changes neither a
        prediction nor a weight.

    Notes
    -----
    Adebayo et al. draw the weights of a network anew, from the last layer to the first. Here, each
    array of parameters is permuted, which keeps the distribution of its values: the coefficients of
    linear and kernel models, neural networks and naive Bayes
    (:data:`~sklearn_musiclime.metrics.SHUFFLED`), the values of the leaves of trees, and the
    parameters of torch modules. In a pipeline only the last step is shuffled; in an ensemble, a
    search or a calibrated classifier, all models that it predicts with.
    """
    # The same seed for both, so that the explanations differ by the model only.
    explainer, shuffled = (reseeded(explainer, random_state) for _ in range(2))
    shuffled.model_ = shuffled_copy(explainer.model_, np.random.default_rng(random_state))
    correlations, has_changed = [], False
    for row, own in enumerate(explainer.explain(X)):
        other = shuffled.explain(X[row : row + 1], labels=own.labels[:1])[0]
        has_changed |= _answers_differ(own, other)
        correlations.append(
            rank_correlation(np.abs(summed_weights(own)), np.abs(summed_weights(other)))
        )
    if not has_changed:
        raise ValueError(
            "nothing that has an effect could be shuffled: the model scores the songs, whole and "
            "perturbed, as it did before. Explain a model fitted to shuffled classes instead"
        )
    return np.array(correlations)


def _answers_differ(first: LocalExplanation, second: LocalExplanation) -> bool:
    """Whether the predictions or the weights of two explanations differ by more than rounding.

    The masks are the same, so equal scores of all perturbed songs give equal weights.
    """
    scores = (np.array(list(e.prediction.values())) for e in (first, second))
    return any(
        (np.abs(a - b) > 1e-9 * np.abs([a, b]).max(initial=0.0)).any()
        for a, b in (scores, (first.weights[0], second.weights[0]))
    )
