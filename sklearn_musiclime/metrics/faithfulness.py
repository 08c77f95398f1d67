"""How well explanations describe the model's scores, and how complex they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import entropy

from sklearn_musiclime.explainer import MusicLimeExplainer
from sklearn_musiclime.explanation import LocalExplanation
from sklearn_musiclime.metrics.songwise import draw_new_masks, score_each, summed_weights
from sklearn_musiclime.surrogate import kernel_weights
from sklearn_musiclime.surrogate.fidelity import weighted_r2

N_SAMPLES = 500


def fidelity(
    explainer: MusicLimeExplainer, X: Any, *, n_samples: int = N_SAMPLES, random_state: int = 0
) -> np.ndarray:
    """Weighted R^2 of the surrogate on new, independently drawn masks.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted explainer.
    X : DataFrame or object array
        The songs.
    n_samples : int, default=500
        Number of masks per song.
    random_state : int, default=0
        Seed of these masks.

    Returns
    -------
    ndarray of shape (n_songs,)
        At most 1. ``explanation.fidelity`` is an estimate of it from the masks of the fit.

    Examples
    --------
    >>> from sklearn_musiclime import MusicLimeExplainer
    >>> from sklearn_musiclime.datasets import make_songs
    >>> from sklearn_musiclime.metrics import fidelity
    >>> songs, _, _, rule = make_songs(1, duration=2.0, random_state=0)
    >>> explainer = MusicLimeExplainer(rule.decision_function, separator=None, modality="lyrics")
    >>> fidelity(explainer.set_params(random_state=0).fit(songs), songs).round(2)
    array([1.])
    """

    def one(explanation: LocalExplanation, score: Callable, rng: np.random.Generator) -> float:
        masks, weight = draw_new_masks(explanation, n_samples, rng)
        target = score(masks)
        if explanation.settings["kernel"] == "exponential":
            weight = weight * kernel_weights(masks, explanation.settings["kernel_width"])
        fitted = explanation.intercept[0] + masks @ explanation.weights[0]
        return float(weighted_r2(target, target - fitted, weight))

    return score_each(explainer, X, one, random_state)


def infidelity(
    explainer: MusicLimeExplainer, X: Any, *, n_samples: int = N_SAMPLES, random_state: int = 0
) -> np.ndarray:
    """Mean squared difference of the summed weights of left-out components and the score's drop.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted explainer.
    X : DataFrame or object array
        The songs.
    n_samples : int, default=500
        Number of masks per song.
    random_state : int, default=0
        Seed of these masks.

    Returns
    -------
    ndarray of shape (n_songs,)
        In squared units of the score; 0 is perfect.
    """

    def one(explanation: LocalExplanation, score: Callable, rng: np.random.Generator) -> float:
        masks, _ = draw_new_masks(explanation, n_samples, rng)
        masks[0] = True
        target = score(masks)
        return float(np.mean(np.square(~masks @ explanation.weights[0] - (target[0] - target))))

    return score_each(explainer, X, one, random_state)


def deletion_auc(explainer: MusicLimeExplainer, X: Any) -> np.ndarray:
    """Area under the curve of the score while components are removed, the largest weight first.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted explainer.
    X : DataFrame or object array
        The songs.

    Returns
    -------
    ndarray of shape (n_songs,)
        Area under the score as a function of the fraction of removed components, from 0 to 1, by
        the trapezoidal rule, as in Petsiuk et al. In units of the score; lower is better. For a
        song without components, the score itself.
    """
    return score_each(explainer, X, lambda e, score, rng: _area(e, score, back=False))


def insertion_auc(explainer: MusicLimeExplainer, X: Any) -> np.ndarray:
    """Area under the curve of the score while components are added, the largest weight first.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted explainer.
    X : DataFrame or object array
        The songs.

    Returns
    -------
    ndarray of shape (n_songs,)
        Area under the score as a function of the fraction of added components, starting without
        any, computed as in :func:`deletion_auc`. In units of the score; higher is better.
    """
    return score_each(explainer, X, lambda e, score, rng: _area(e, score, back=True))


def deletion_curve(
    weights: np.ndarray, score: Callable[[np.ndarray], np.ndarray], *, back: bool = False
) -> np.ndarray:
    """Scores while components are removed, the largest weight first.

    Parameters
    ----------
    weights : ndarray of shape (n_components,)
        Weights, or other numbers that rank the components.
    score : callable
        Maps masks (n_masks, n_components) to scores (n_masks,).
    back : bool, default=False
        Whether components are added to an empty song instead of removed from the whole one.

    Returns
    -------
    ndarray of shape (n_components + 1,)
        The score after 0, 1, ... components were removed (added).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.metrics import deletion_curve
    >>> weights = np.array([0.2, 0.5, -0.1])
    >>> deletion_curve(weights, lambda masks: masks @ weights).round(1) + 0.0
    array([ 0.6,  0.1, -0.1,  0. ])
    """
    rank = np.empty(len(weights), dtype=int)
    rank[np.argsort(-weights, kind="stable")] = np.arange(len(weights))
    gone = rank < np.arange(len(weights) + 1)[:, np.newaxis]
    return score(gone if back else ~gone)


def complexity(explainer: MusicLimeExplainer, X: Any) -> np.ndarray:
    """Entropy of the absolute weights, normalised to sum to 1.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted explainer.
    X : DataFrame or object array
        The songs.

    Returns
    -------
    ndarray of shape (n_songs,)
        In bits: from 0, if a single weight is nonzero, to log2(n_components), if all weights have
        the same size.
    """
    return np.array([weight_entropy(summed_weights(e)) for e in explainer.explain(X)])


def weight_entropy(weights: np.ndarray) -> float:
    """Entropy of the absolute weights of one explanation, normalised to sum to 1.

    Parameters
    ----------
    weights : ndarray of shape (n_components,)
        The weights.

    Returns
    -------
    float
        In bits; 0 if all weights are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.metrics import weight_entropy
    >>> weight_entropy(np.array([1.0, -1.0, 0.0]))
    1.0
    """
    largest = np.abs(weights).max(initial=0.0)
    # Divided by the largest first, so that the sum can't overflow.
    return float(entropy(np.abs(weights) / largest, base=2)) + 0.0 if largest != 0 else 0.0


def _area(explanation: LocalExplanation, score: Callable, *, back: bool) -> float:
    """Area under the deletion (insertion) curve over the fraction of components."""
    links = explanation.links
    of_links = score if links is None else lambda masks: score(masks[:, links])
    curve = deletion_curve(summed_weights(explanation), of_links, back=back)
    if len(curve) == 1:
        return float(curve[0])
    return float(np.mean(curve[:-1] / 2 + curve[1:] / 2))
