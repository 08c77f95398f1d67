"""How good explanations are: true to the model, stable, concise.

Each metric takes a fitted explainer and songs and returns a number a song, for the label predicted:

- :func:`fidelity`: how well the surrogate foretells the model on masks that it was not fitted to,
  as R^2. Low: don't trust the weights as a description. High says nothing of whether the components
  are good ones: one component that is the whole song is foretold perfectly.
- :func:`stability`: whether other seeds lead to the same explanation. Low: more samples. High is no
  truth; a bias is stable too. Components without weight come in any order, so with `n_top` above
  the number that matter it is low for the best of explanations.
- :func:`deletion_auc`, :func:`insertion_auc`: how fast the score falls (rises) as the components
  are taken away (put back) in the order of their weights (Petsiuk, Das, Saenko 2018). Whether the
  *order* is right, whatever the size of weights; compare explanations of one model, not models.
- :func:`infidelity`: how far the weights of what is left out are from what leaving it out does (Yeh
  et al. 2019), near and far alike, in squared units of the score.
- :func:`complexity`: over how many components the weights are spread (entropy, as audioLIME). Low
  is easy to read, and not more true.
- :func:`randomisation`: whether a model with shuffled parameters gets another explanation (Adebayo
  et al. 2018). It should. A check to do once a model; passing it proves little.

None of them says whether the *model* is right. They need more calls of it than the explanation
does: `n_samples` a song for fidelity and infidelity, one a component for deletion and insertion, an
explanation a run for stability.

:data:`SCORERS` has them as scikit-learn takes them, larger being better:
``GridSearchCV(explainer, grid, scoring=SCORERS["fidelity"])``, or ``scoring=SCORERS`` with
``refit="fidelity"``.

References
----------
Petsiuk, Das, Saenko, "RISE: randomized input sampling for explanation of black-box models", 2018.

Yeh, Hsieh, Suggala, Inouye, Ravikumar, "On the (in)fidelity and sensitivity of explanations", 2019.

Adebayo et al., "Sanity checks for saliency maps", 2018.

Haunschmid, Manilow, Widmer, "audioLIME: listenable explanations using source separation", 2020.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sklearn_musiclime.explainer import MusicLimeExplainer
from sklearn_musiclime.explanation import LocalExplanation
from sklearn_musiclime.neighbourhood import draw_masks
from sklearn_musiclime.surrogate import kernel_weights
from sklearn_musiclime.surrogate.linear import weighted_r2

N_SAMPLES = 500
SHUFFLED = ("coef_", "coefs_", "feature_log_prob_", "theta_", "dual_coef_")
"""Learnt parameters of scikit-learn's estimators that :func:`randomisation` shuffles."""


def fidelity(
    explainer: MusicLimeExplainer, X: Any, *, n_samples: int = N_SAMPLES, random_state: int = 0
) -> np.ndarray:
    """Weighted R^2 of the surrogate on fresh masks.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted one.
    X : DataFrame or object array
        The songs.
    n_samples : int, default=500
        Masks a song.
    random_state : int, default=0
        Seed of these masks.

    Returns
    -------
    ndarray of shape (n_songs,)
        At most 1. ``explanation.fidelity`` is the same on the masks of the fit, and higher.

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
        masks = _draw(explanation, n_samples, rng)
        target = score(masks)
        weight = np.ones(len(masks))
        if explanation.settings["kernel"] == "exponential":
            weight = kernel_weights(masks, explanation.settings["kernel_width"])
        fitted = explanation.intercept[0] + masks @ explanation.weights[0]
        return float(weighted_r2(target, fitted, weight))

    return _each(explainer, X, one, random_state)


def infidelity(
    explainer: MusicLimeExplainer, X: Any, *, n_samples: int = N_SAMPLES, random_state: int = 0
) -> np.ndarray:
    """Mean square of: weights of what is left out, less what leaving it out takes off the score.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted one.
    X : DataFrame or object array
        The songs.
    n_samples : int, default=500
        Masks a song.
    random_state : int, default=0
        Seed of these masks.

    Returns
    -------
    ndarray of shape (n_songs,)
        In squared units of the score; 0 is perfect.
    """

    def one(explanation: LocalExplanation, score: Callable, rng: np.random.Generator) -> float:
        masks = _draw(explanation, n_samples, rng)
        masks[0] = True
        target = score(masks)
        return float(np.mean(np.square(~masks @ explanation.weights[0] - (target[0] - target))))

    return _each(explainer, X, one, random_state)


def deletion_auc(explainer: MusicLimeExplainer, X: Any) -> np.ndarray:
    """Mean score while components are taken away, the largest weight first.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted one.
    X : DataFrame or object array
        The songs.

    Returns
    -------
    ndarray of shape (n_songs,)
        Area under the score over the share of components taken away; lower is better.
    """
    return _each(explainer, X, lambda e, score, rng: deletion_curve(e.weights[0], score).mean())


def insertion_auc(explainer: MusicLimeExplainer, X: Any) -> np.ndarray:
    """Mean score while components are put back, the largest weight first.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted one.
    X : DataFrame or object array
        The songs.

    Returns
    -------
    ndarray of shape (n_songs,)
        Area under the score over the share of components put back; higher is better.
    """
    return _each(
        explainer, X, lambda e, score, rng: deletion_curve(e.weights[0], score, back=True).mean()
    )


def deletion_curve(
    weights: np.ndarray, score: Callable[[np.ndarray], np.ndarray], *, back: bool = False
) -> np.ndarray:
    """Scores while components are taken away, the largest weight first.

    Parameters
    ----------
    weights : ndarray of shape (n_components,)
        Whatever ranks the components.
    score : callable
        Takes masks (n_masks, n_components), returns scores (n_masks,).
    back : bool, default=False
        Put them back into silence instead.

    Returns
    -------
    ndarray of shape (n_components + 1,)
        The score after 0, 1, ... components.

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
    """Entropy of the shares that components have in the sum of absolute weights.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted one.
    X : DataFrame or object array
        The songs.

    Returns
    -------
    ndarray of shape (n_songs,)
        In bits: 0 if one component has it all, log2(n_components) if all have as much.
    """
    return np.array([weight_entropy(e.weights[0]) for e in explainer.explain(X)])


def weight_entropy(weights: np.ndarray) -> float:
    """Entropy of weights, see :func:`complexity`.

    Parameters
    ----------
    weights : ndarray of shape (n_components,)
        The weights.

    Returns
    -------
    float
        In bits; 0 where all weights are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.metrics import weight_entropy
    >>> weight_entropy(np.array([1.0, -1.0, 0.0]))
    1.0
    """
    share = np.abs(weights)[weights != 0]
    share = share / share.sum() if len(share) else share
    return float(-(share * np.log2(share)).sum()) + 0.0


def stability(
    explainer: MusicLimeExplainer,
    X: Any,
    *,
    n_runs: int = 5,
    n_top: int = 10,
    measure: str = "jaccard",
) -> np.ndarray:
    """Agreement of explanations that differ in their seed alone.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted one.
    X : DataFrame or object array
        The songs.
    n_runs : int, default=5
        How many seeds.
    n_top : int, default=10
        Size of the sets of largest weights that are compared.
    measure : {"jaccard", "rank"}, default="jaccard"
        Overlap of the `n_top` largest weights (intersection over union), or Spearman's correlation
        of all.

    Returns
    -------
    ndarray of shape (n_songs,)
        Mean over pairs of runs; 1 is perfect.

    Raises
    ------
    ValueError
        `measure` is neither of the two.
    """
    if measure not in ("jaccard", "rank"):
        raise ValueError(f"measure must be 'jaccard' or 'rank', got {measure!r}")
    agree = top_overlap if measure == "jaccard" else rank_correlation
    runs = [_reseeded(explainer, seed).explain(X) for seed in range(n_runs)]
    return np.array(
        [
            np.mean(
                [agree(a.weights[0], b.weights[0], n_top) for a, b in combinations(explanations, 2)]
            )
            for explanations in zip(*runs, strict=True)
        ]
    )


def top_overlap(first: np.ndarray, second: np.ndarray, n_top: int = 10) -> float:
    """Jaccard index of the largest weights of two explanations.

    Parameters
    ----------
    first, second : ndarray of shape (n_components,)
        Weights.
    n_top : int, default=10
        How many of the largest ``|weight|``.

    Returns
    -------
    float
        From 0, none in common, to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.metrics import top_overlap
    >>> top_overlap(np.array([3.0, -2.0, 0.1]), np.array([3.0, 0.1, -2.0]), n_top=2)
    0.3333333333333333
    """
    a, b = (set(np.argsort(-np.abs(w), kind="stable")[:n_top].tolist()) for w in (first, second))
    return len(a & b) / len(a | b) if a | b else 1.0


def rank_correlation(first: np.ndarray, second: np.ndarray, n_top: int | None = None) -> float:
    """Spearman's correlation of two explanations' weights.

    Parameters
    ----------
    first, second : ndarray of shape (n_components,)
        Weights.
    n_top : None
        Ignored.

    Returns
    -------
    float
        1 where both are constant, 0 where one is.
    """
    constant = [np.ptp(w) == 0 if len(w) else True for w in (first, second)]
    if any(constant):
        return float(all(constant))
    return float(spearmanr(first, second).statistic)


def randomisation(explainer: MusicLimeExplainer, X: Any, *, random_state: int = 0) -> np.ndarray:
    """Rank correlation of explanations of the model and of the model with shuffled parameters.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted one, of an estimator.
    X : DataFrame or object array
        The songs.
    random_state : int, default=0
        Seed of the shuffling.

    Returns
    -------
    ndarray of shape (n_songs,)
        Of absolute weights, for the label that the model itself predicts. Near 0 the explanation
        depends on what the model has learnt, as it should; near 1 it would be the same for a model
        that has learnt nothing.

    Raises
    ------
    ValueError
        The model has no parameters that can be shuffled.
    """
    shuffled = _reseeded(explainer, None)
    shuffled.model_ = _shuffled(explainer.model_, np.random.default_rng(random_state))
    return np.array(
        [
            rank_correlation(
                np.abs(explanation.weights[0]),
                np.abs(
                    shuffled.explain(X[row : row + 1], labels=explanation.labels[:1])[0].weights[0]
                ),
            )
            for row, explanation in enumerate(explainer.explain(X))
        ]
    )


def _each(
    explainer: MusicLimeExplainer,
    X: Any,
    metric: Callable[[LocalExplanation, Callable, np.random.Generator], float],
    random_state: int = 0,
) -> np.ndarray:
    """A metric of every song, given its explanation and the score of its first label by mask."""
    values = []
    for row, function in enumerate(explainer.mask_functions(X)):
        explanation = explainer.explain(X[row : row + 1])[0]
        column = function.column(explanation.labels[0])

        def score(masks: np.ndarray, function=function, column=column) -> np.ndarray:
            return function(masks)[:, column]

        values.append(metric(explanation, score, np.random.default_rng([random_state, row])))
    return np.array(values)


def _draw(explanation: LocalExplanation, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Independent masks of the kind that the explanation is about."""
    links = explanation.links
    n_units = len(explanation.components) if links is None else max(links, default=-1) + 1
    kernel = explanation.settings["kernel"]
    masks = draw_masks("independent", n_units, n_samples, rng, kernel=kernel)
    return masks if links is None else masks[:, links]


def _reseeded(explainer: MusicLimeExplainer, seed: int | None) -> MusicLimeExplainer:
    """A fitted copy that shares the model; with another seed, if one is given."""
    copy = clone(explainer)
    if seed is not None:
        copy.set_params(random_state=seed)
    for name in ("model_", "classes_", "vocabulary_", "sampling_rate_", "n_features_in_"):
        if hasattr(explainer, name):
            setattr(copy, name, getattr(explainer, name))
    return copy


def _shuffled(model: Any, rng: np.random.Generator) -> Any:
    model = deepcopy(model)
    final = model
    while isinstance(final, (FrozenEstimator, Pipeline)):
        final = final.estimator if isinstance(final, FrozenEstimator) else final.steps[-1][1]
    arrays = []
    for name in SHUFFLED:
        value = getattr(final, name, [])
        arrays += value if isinstance(value, list) else [value]
    for array in arrays:
        array.flat[:] = rng.permutation(array.ravel())
    if not arrays:
        raise ValueError(
            f"{type(final).__name__} has none of {SHUFFLED}, which could be shuffled; explain a "
            "model fitted to shuffled classes instead"
        )
    return final if final is model else model


def _mean(
    explainer: MusicLimeExplainer, X: Any, y: Any = None, *, of: Callable, sign: int
) -> float:
    return sign * float(of(explainer, X).mean())


SCORERS: dict[str, Callable[..., float]] = {
    "fidelity": partial(_mean, of=fidelity, sign=1),
    "stability": partial(_mean, of=stability, sign=1),
    "deletion": partial(_mean, of=deletion_auc, sign=-1),
    "insertion": partial(_mean, of=insertion_auc, sign=1),
    "infidelity": partial(_mean, of=infidelity, sign=-1),
    "complexity": partial(_mean, of=complexity, sign=-1),
}
"""Scorers (explainer, X, y=None) -> mean over songs, negated where less of the metric is better."""
