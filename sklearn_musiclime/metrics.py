"""How good explanations are: true to the model, stable, concise.

Each metric takes a fitted explainer and songs and returns a number a song, for the label predicted,
on the scale that is explained (log-odds, with ``link="logit"``):

- :func:`fidelity`: how well the surrogate foretells the model on masks that it was not fitted to,
  as R^2. Low: don't trust the weights as a description. High says nothing of whether the components
  are good ones: one component that is the whole song is foretold perfectly.
- :func:`stability`: whether other seeds lead to the same explanation, beyond what chance does. Low:
  more samples. High is no truth; a bias is stable too. Components that hardly matter come in any
  order, so with `n_top` above the number that matter it is low for the best of explanations.
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
explanation a run for stability. Components that are left out together (``linked=True``) count as
one, their weight being the sum.

:data:`SCORERS` has them as scikit-learn takes them, larger being better:
``GridSearchCV(explainer, grid, scoring=SCORERS["fidelity"])``, or ``scoring=SCORERS`` with
``refit="fidelity"``.

References
----------
Petsiuk, Das, Saenko, "RISE: randomized input sampling for explanation of black-box models", 2018.

Yeh, Hsieh, Suggala, Inouye, Ravikumar, "On the (in)fidelity and sensitivity of explanations", 2019.

Adebayo et al., "Sanity checks for saliency maps", 2018.

Haunschmid, Manilow, Widmer, "audioLIME: listenable explanations using source separation", 2020.

Nogueira, Sechidis, Brown, "On the stability of feature selection algorithms", JMLR 18 (174), 2018.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import scipy.sparse
from scipy.stats import entropy, rankdata, spearmanr
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sklearn_musiclime.explainer import MusicLimeExplainer
from sklearn_musiclime.explanation import LocalExplanation
from sklearn_musiclime.neighbourhood import Neighbourhood, draw_masks
from sklearn_musiclime.surrogate import apply_link, kernel_weights
from sklearn_musiclime.surrogate.linear import weighted_r2

ROUNDING = 1e-9
"""What tells weights apart by less than this part of the largest is rounding."""

N_SAMPLES = 500
SHUFFLED = (
    "coef_",
    "coefs_",
    "dual_coef_",
    "_dual_coef_",  # these two are what libsvm reads
    "support_vectors_",
    "feature_log_prob_",
    "theta_",
    "means_",
    "centroids_",
)
"""Learnt parameters of scikit-learn's estimators that :func:`randomisation` shuffles.

Beside the values of the leaves of its trees, and what torch's modules have as parameters.
"""


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
        At most 1. ``explanation.fidelity`` estimates the same from the masks of the fit.

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
        masks, weight = _draw(explanation, n_samples, rng)
        target = score(masks)
        if explanation.settings["kernel"] == "exponential":
            weight = weight * kernel_weights(masks, explanation.settings["kernel_width"])
        fitted = explanation.intercept[0] + masks @ explanation.weights[0]
        return float(weighted_r2(target, target - fitted, weight))

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
        masks, _ = _draw(explanation, n_samples, rng)
        masks[0] = True
        target = score(masks)
        return float(np.mean(np.square(~masks @ explanation.weights[0] - (target[0] - target))))

    return _each(explainer, X, one, random_state)


def deletion_auc(explainer: MusicLimeExplainer, X: Any) -> np.ndarray:
    """Area under the score while components are taken away, the largest weight first.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted one.
    X : DataFrame or object array
        The songs.

    Returns
    -------
    ndarray of shape (n_songs,)
        Area under the score, in units of the score, over the share of components taken away, from
        0 to 1, by trapezoids between one component and the next, as Petsiuk et al. have it; lower
        is better. The score itself for a song without components.
    """
    return _each(explainer, X, lambda e, score, rng: _area(e, score, back=False))


def insertion_auc(explainer: MusicLimeExplainer, X: Any) -> np.ndarray:
    """Area under the score while components are put back, the largest weight first.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted one.
    X : DataFrame or object array
        The songs.

    Returns
    -------
    ndarray of shape (n_songs,)
        Area under the score, in units of the score, over the share of components put back, see
        :func:`deletion_auc`; higher is better.
    """
    return _each(explainer, X, lambda e, score, rng: _area(e, score, back=True))


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
    return np.array([weight_entropy(_unit_weights(e)) for e in explainer.explain(X)])


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
    largest = np.abs(weights).max(initial=0.0)
    # By the largest first, so that no sum overflows.
    return float(entropy(np.abs(weights) / largest, base=2)) + 0.0 if largest != 0 else 0.0


def stability(
    explainer: MusicLimeExplainer,
    X: Any,
    *,
    n_runs: int = 5,
    n_top: int = 10,
    measure: str = "overlap",
) -> np.ndarray:
    """Agreement of explanations that differ in their seed alone.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted one.
    X : DataFrame or object array
        The songs.
    n_runs : int, default=5
        How many seeds, 2 at least.
    n_top : int, default=10
        Size of the sets of largest weights that "overlap" compares; half of the components, where
        that is less.
    measure : {"overlap", "rank"}, default="overlap"
        What two runs have in common of their largest weights beyond chance (:func:`top_overlap`),
        or Spearman's correlation of all (:func:`rank_correlation`).

    Returns
    -------
    ndarray of shape (n_songs,)
        Mean over pairs of runs: 1 if all agree, about 0 if they have no more in common than chance
        gives. NaN for a song of fewer than two components, which can't differ in their order.

    Raises
    ------
    ValueError
        `measure` is neither of the two, `n_runs` is below 2 or `n_top` below 1.
    """
    if measure not in ("overlap", "rank"):
        raise ValueError(f"measure must be 'overlap' or 'rank', got {measure!r}")
    if n_runs < 2 or n_top < 1:
        raise ValueError(f"n_runs must be at least 2 and n_top 1, got {n_runs} and {n_top}")
    agree = partial(top_overlap, n_top=n_top) if measure == "overlap" else rank_correlation
    runs = [_reseeded(explainer, seed).explain(X) for seed in range(n_runs)]
    return np.array(
        [
            np.mean([agree(a, b) for a, b in combinations(map(_unit_weights, explanations), 2)])
            for explanations in zip(*runs, strict=True)
        ]
    )


def top_overlap(first: np.ndarray, second: np.ndarray, n_top: int = 10) -> float:
    """Overlap of the largest weights of two explanations, beyond what chance gives.

    Parameters
    ----------
    first, second : ndarray of shape (n_components,)
        Weights.
    n_top : int, default=10
        How many of the largest ``|weight|``; half of the components, where that is less, since sets
        of nearly all components hardly can differ. A weight of 0 is not among the largest. Of equal
        weights that compete for the last places none is.

    Returns
    -------
    float
        1 if the sets are the same, 0 in the mean over random ones, -1 at least. NaN for fewer than
        two components, or where a weight is NaN.

    Notes
    -----
    Of sets with k1 and k2 of p components, d of them in one set alone, this is the stability of
    Nogueira et al., ``1 - d / (2 p q (1 - q))`` where ``q = (k1 + k2) / (2 p)``. With k1 = k2 = k
    and r in common it is the index of Kuncheva, ``(r p - k^2) / (k (p - k))``.

    References
    ----------
    Kuncheva, "A stability index for feature selection", AIA 2007.

    Nogueira, Sechidis, Brown, "On the stability of feature selection algorithms", JMLR 18 (174),
    2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.metrics import top_overlap
    >>> first, second = np.array([3.0, -2.0, 0.1, 0.2]), np.array([3.0, 0.1, -2.0, 0.2])
    >>> top_overlap(first, first, n_top=2)
    1.0
    >>> top_overlap(first, second, n_top=2)  # one of two, as chance has it
    0.0
    """
    n_components = len(first)
    if n_components < 2 or np.isnan(first).any() or np.isnan(second).any():
        return np.nan
    n_top = min(n_top, n_components // 2)
    a, b = (
        (rankdata(-_levels(w), "max") <= n_top) & (w > ROUNDING * w.max())
        for w in (np.abs(first), np.abs(second))
    )
    share = (a.sum() + b.sum()) / (2 * n_components)
    return float(1 - np.mean(a != b) / (2 * share * (1 - share))) if share else 1.0


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's correlation of two explanations' weights.

    Parameters
    ----------
    first, second : ndarray of shape (n_components,)
        Weights.

    Returns
    -------
    float
        1 where both are constant, 0 where one is; NaN for fewer than two components, which have no
        order, or where a weight is NaN. Weights that differ by less than a billionth of the largest
        share a rank: what tells them apart is rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.metrics import rank_correlation
    >>> rank_correlation(np.array([0.1, 0.2, 0.9]), np.array([1.0, 2.0, 3.0]))
    1.0
    """
    if len(first) < 2 or np.isnan(first).any() or np.isnan(second).any():
        return np.nan
    levels = [_levels(weights) for weights in (first, second)]
    constant = [(level == 0).all() for level in levels]
    if any(constant):
        return float(all(constant))
    return float(spearmanr(*levels).statistic)


def _levels(values: np.ndarray) -> np.ndarray:
    """The place of each value among the different ones, rounding apart, from 0."""
    order = np.argsort(values)
    size = np.abs(values).max() or 1.0
    levels = np.empty(len(values), dtype=int)
    levels[order] = np.cumsum(np.diff(values[order] / size, prepend=-np.inf) > ROUNDING) - 1
    return levels


def randomisation(explainer: MusicLimeExplainer, X: Any, *, random_state: int = 0) -> np.ndarray:
    """Rank correlation of explanations of the model and of the model with shuffled parameters.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted one, of an estimator.
    X : DataFrame or object array
        The songs.
    random_state : int, default=0
        Seed of the shuffling, and of the masks of both explanations.

    Returns
    -------
    ndarray of shape (n_songs,)
        Of absolute weights, for the label that the model itself predicts. Near 0 the explanation
        depends on what the model has learnt, as it should; near 1 it would be the same for a model
        that has learnt nothing. NaN for a song of fewer than two components.

    Raises
    ------
    ValueError
        The model has no parameters that can be shuffled, or scores all songs and all that is left
        of them alike with shuffled ones.

    Notes
    -----
    Adebayo et al. draw the weights of a network anew, from the last layer to the first. Here the
    numbers of each array that the model predicts with change places, which leaves their size as it
    was: the coefficients of linear and kernel models, networks and naive Bayes (:data:`SHUFFLED`),
    the values of the leaves of trees, the parameters of torch's modules. That is done to the last
    step of a pipeline, what comes before staying as it is, and to all models that an ensemble, a
    search or a calibration predicts with.
    """
    # With one seed, so that they differ in the model alone.
    explainer, shuffled = (_reseeded(explainer, random_state) for _ in range(2))
    shuffled.model_ = _shuffled(explainer.model_, np.random.default_rng(random_state))
    correlations, has_changed = [], False
    for row, own in enumerate(explainer.explain(X)):
        other = shuffled.explain(X[row : row + 1], labels=own.labels[:1])[0]
        has_changed |= _answers_differ(own, other)
        correlations.append(
            rank_correlation(np.abs(_unit_weights(own)), np.abs(_unit_weights(other)))
        )
    if not has_changed:
        raise ValueError(
            "nothing that has an effect could be shuffled: the model scores the songs, whole and "
            "perturbed, as it did before. Explain a model fitted to shuffled classes instead"
        )
    return np.array(correlations)


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
            return apply_link(explainer.link, function(masks)[:, column])

        values.append(metric(explanation, score, np.random.default_rng([random_state, row])))
    return np.array(values)


def _draw(
    explanation: LocalExplanation, n_samples: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Independent masks of the kind that the explanation is about, and what each stands for."""
    links = explanation.links
    n_units = len(explanation.components) if links is None else max(links, default=-1) + 1
    kernel = explanation.settings["kernel"]
    masks = draw_masks("independent", n_units, n_samples, rng, kernel=kernel)
    weight = np.ones(len(masks))
    if kernel == "shapley":  # drawn by size, not as often as they weigh
        drawn = Neighbourhood.joint("independent", masks, n_units, kernel=kernel)
        weight = drawn.sampling.sample_weight
    return masks if links is None else masks[:, links], weight


def _unit_weights(explanation: LocalExplanation) -> np.ndarray:
    """The weights of the first label; of linked components the sum, by unit."""
    weights, links = explanation.weights[0], explanation.links
    return weights if links is None else np.bincount(links, weights)


def _answers_differ(first: LocalExplanation, second: LocalExplanation) -> bool:
    """Whether two models score a song or its perturbed ones otherwise, rounding apart.

    Of models that answer alike the weights are alike too, the masks being the same.
    """
    scores = (np.array(list(e.prediction.values())) for e in (first, second))
    return any(
        (np.abs(a - b) > 1e-9 * np.abs([a, b]).max(initial=0.0)).any()
        for a, b in (scores, (first.weights[0], second.weights[0]))
    )


def _area(explanation: LocalExplanation, score: Callable, *, back: bool) -> float:
    """Area under a curve of deletion (insertion) over the share of components."""
    links = explanation.links
    by_unit = score if links is None else lambda masks: score(masks[:, links])
    curve = deletion_curve(_unit_weights(explanation), by_unit, back=back)
    if len(curve) == 1:
        return float(curve[0])
    return float(np.mean(curve[:-1] / 2 + curve[1:] / 2))


def _reseeded(explainer: MusicLimeExplainer, seed: int) -> MusicLimeExplainer:
    """A fitted copy that shares the model, with another seed."""
    copy = clone(explainer).set_params(random_state=seed)
    for name in ("model_", "classes_", "vocabulary_", "sampling_rate_", "n_features_in_"):
        if hasattr(explainer, name):
            setattr(copy, name, getattr(explainer, name))
    return copy


def _shuffled(model: Any, rng: np.random.Generator) -> Any:
    """A copy of a model with the numbers of its learnt parameters in other places."""
    model = deepcopy(model)
    if not any([_shuffle(part, rng) for part in _predicting(model)]):
        raise ValueError(
            f"{type(model).__name__} has no learnt parameters that could be shuffled, or they are "
            f"all alike; known are {SHUFFLED}, trees and torch's modules. Explain a model fitted "
            "to shuffled classes instead"
        )
    return model


def _predicting(model: Any) -> Iterator[Any]:
    """What a model predicts with: itself, the models in it, trees and torch's modules."""
    pending, seen = [model], set()
    while pending:
        part = pending.pop()
        if id(part) in seen or isinstance(part, type):
            continue
        seen.add(id(part))
        if isinstance(part, Pipeline):
            pending.append(part.steps[-1][1])
        elif isinstance(part, dict):
            pending += part.values()
        elif isinstance(part, (list, tuple)):
            pending += part
        elif isinstance(part, np.ndarray) and part.dtype == object:
            pending += part.flat
        elif _is_module(part):
            yield part
        elif any(hasattr(part, m) for m in ("predict", "predict_proba", "decision_function")):
            yield part
            pending += getattr(part, "__dict__", {}).values()


def _is_module(part: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(part, torch.nn.Module)


def _shuffle(part: Any, rng: np.random.Generator) -> bool:
    """Shuffle what one part of a model has learnt; say whether anything is in another place."""
    if _is_module(part):
        changed = [_shuffle_tensor(tensor, rng) for tensor in part.parameters()]
    elif hasattr(part, "children_left"):  # scikit-learn's tree; node -1 is none
        changed = [_shuffle_rows(part.value, part.children_left == -1, rng)]
    elif hasattr(part, "nodes"):  # a tree of histograms
        part.nodes = part.nodes.copy()
        changed = [_shuffle_rows(part.nodes["value"], part.nodes["is_leaf"] == 1, rng)]
    else:
        changed = []
        for name in SHUFFLED:
            value = getattr(part, "__dict__", {}).get(name)  # a property follows from another
            arrays = value if isinstance(value, list) else [] if value is None else [value]
            others = [_permuted(array, rng) for array in arrays]
            changed += [other is not array for other, array in zip(others, arrays, strict=True)]
            if arrays:
                setattr(part, name, others if isinstance(value, list) else others[0])
    return any(changed)


def _shuffle_tensor(tensor: Any, rng: np.random.Generator) -> bool:
    values = tensor.data.flatten()
    if not (values != values[:1]).any():
        return False
    tensor.data = values[rng.permutation(len(values))].reshape(tensor.shape)
    return True


def _shuffle_rows(values: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> bool:
    before = values[rows]
    values[rows] = rng.permutation(before)
    return not np.array_equal(values[rows], before)


def _permuted(array: Any, rng: np.random.Generator) -> Any:
    """An array, sparse or not, with its numbers in other places; itself if they are all alike."""
    is_sparse = scipy.sparse.issparse(array)
    size = int(np.prod(np.shape(array)))
    known = array.data if is_sparse else np.ravel(array)
    if not (known != (known[:1] if len(known) == size else 0)).any():
        return array
    while True:  # of two numbers every other permutation is none
        if is_sparse:  # without a dense one, which might be as large as all lyrics' words
            places = np.unravel_index(rng.choice(size, len(known), replace=False), array.shape)
            places = tuple(np.int32(at) for at in places)  # libsvm takes no other numbers
            permuted = type(array)(scipy.sparse.coo_array((known, places), array.shape))
            is_other = (permuted != array).nnz > 0
        else:
            permuted = rng.permutation(known).reshape(np.shape(array))
            is_other = not np.array_equal(permuted, array)
        if is_other:
            return permuted


def _mean(
    explainer: MusicLimeExplainer, X: Any, y: Any = None, *, of: Callable, sign: int
) -> float:
    values = of(explainer, X)
    values = values[~np.isnan(values)]
    return sign * float(values.mean()) if len(values) else np.nan


SCORERS: dict[str, Callable[..., float]] = {
    "fidelity": partial(_mean, of=fidelity, sign=1),
    "stability": partial(_mean, of=stability, sign=1),
    "deletion": partial(_mean, of=deletion_auc, sign=-1),
    "insertion": partial(_mean, of=insertion_auc, sign=1),
    "infidelity": partial(_mean, of=infidelity, sign=-1),
    "complexity": partial(_mean, of=complexity, sign=-1),
}
"""Scorers (explainer, X, y=None) -> mean over songs, negated where less of the metric is better.

Songs of which a metric says nothing (NaN) are left out of its mean."""
