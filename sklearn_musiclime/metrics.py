"""Metrics of the quality of explanations: fidelity, stability and complexity.

Each metric takes a fitted explainer and songs, and returns one number per song. It refers to the
predicted label and to the scale that is explained (log-odds with ``link="logit"``):

- :func:`fidelity`: R^2 of the surrogate on masks that it was not fitted to. If it is low, the
  weights do not describe the model. If it is high, the components may still be uninformative: a
  surrogate with the whole song as its only component is perfect.
- :func:`stability`: agreement of explanations with different seeds, corrected for chance. If it is
  low, draw more samples. If it is high, the explanation may still be biased, as a bias is the same
  for all seeds. Components of negligible weight have a random order, so with `n_top` above the
  number of relevant components, stability is low even for the best of explanations.
- :func:`deletion_auc`, :func:`insertion_auc`: how fast the score falls (rises) as components are
  removed (added) in the order of their weights (Petsiuk, Das, Saenko 2018). They evaluate the
  *order* of the components rather than the sizes of the weights. Their values are comparable
  between explanations of the same model only.
- :func:`infidelity`: mean squared difference between the sum of the weights of the components that
  are left out and the drop of the score (Yeh et al. 2019). All masks count equally, however near to
  the song they are.
- :func:`complexity`: entropy of the weights, as in audioLIME: over how many components they are
  spread. A low value means that the explanation is easy to read, and nothing about its fidelity.
- :func:`randomisation`: similarity to the explanation of the same model with shuffled parameters
  (Adebayo et al. 2018), which should be low. A sanity check that is made once per model.

They compare an explanation with the model; whether the *model* is right is another question. They
need more model evaluations than the explanation itself: `n_samples` per song for fidelity and
infidelity, one per component for deletion and insertion, a whole explanation per run for stability.
Linked components (``linked=True``) count as one component, whose weight is their sum.

:data:`SCORERS` contains them as scikit-learn scorers, for which larger is better:
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
from sklearn_musiclime.surrogate.fidelity import weighted_r2

ROUNDING = 1e-9
"""Weights that differ by less than this fraction of the largest count as equal."""

N_SAMPLES = 500
SHUFFLED = (
    "coef_",
    "coefs_",
    "dual_coef_",
    "_dual_coef_",  # libsvm predicts with this and the next
    "support_vectors_",
    "feature_log_prob_",
    "theta_",
    "means_",
    "centroids_",
)
"""Attributes of scikit-learn's estimators that :func:`randomisation` shuffles.

The values of the leaves of trees and the parameters of torch modules are shuffled as well.
"""


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
        masks, _ = _draw(explanation, n_samples, rng)
        masks[0] = True
        target = score(masks)
        return float(np.mean(np.square(~masks @ explanation.weights[0] - (target[0] - target))))

    return _each(explainer, X, one, random_state)


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
    return _each(explainer, X, lambda e, score, rng: _area(e, score, back=False))


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
    return _each(explainer, X, lambda e, score, rng: _area(e, score, back=True))


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
    return np.array([weight_entropy(_unit_weights(e)) for e in explainer.explain(X)])


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


def stability(
    explainer: MusicLimeExplainer,
    X: Any,
    *,
    n_runs: int = 5,
    n_top: int = 10,
    measure: str = "overlap",
) -> np.ndarray:
    """Agreement of explanations that differ in their random seed only.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        A fitted explainer.
    X : DataFrame or object array
        The songs.
    n_runs : int, default=5
        Number of explanations with different seeds, at least 2.
    n_top : int, default=10
        Number of largest weights that "overlap" compares, but at most half of the components.
    measure : {"overlap", "rank"}, default="overlap"
        Agreement of two explanations. "overlap": chance-corrected overlap of their largest weights
        (:func:`top_overlap`). "rank": Spearman's correlation of all weights
        (:func:`rank_correlation`).

    Returns
    -------
    ndarray of shape (n_songs,)
        Mean over pairs of runs: 1 if all runs agree, about 0 if they agree as much as by chance.
        NaN for a song of fewer than two components.

    Raises
    ------
    ValueError
        `measure` is unknown, `n_runs` is below 2 or `n_top` below 1.
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
    """Chance-corrected overlap of the sets of largest weights of two explanations.

    Parameters
    ----------
    first, second : ndarray of shape (n_components,)
        Weights.
    n_top : int, default=10
        Size of the sets of largest ``|weight|``, but at most half of the components, since sets of
        nearly all components always overlap. Weights of 0 are left out of the sets. So are equal
        weights that compete for the last places, if there are more of them than places.

    Returns
    -------
    float
        From -1 to 1: 1 if the sets are equal, 0 in expectation for random sets. NaN for fewer than
        two components, or if a weight is NaN.

    Notes
    -----
    For sets of k1 and of k2 out of p components, with d components in exactly one of them, this is
    the stability of Nogueira et al., ``1 - d / (2 p q (1 - q))`` with ``q = (k1 + k2) / (2 p)``.
    For k1 = k2 = k and r common components it is the index of Kuncheva,
    ``(r p - k^2) / (k (p - k))``.

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
        Correlation of the ranks; 1 if both are constant, 0 if one is. NaN for fewer than two
        components, or if a weight is NaN. Weights that differ by less than a billionth of the
        largest share a rank, as the difference may be rounding.

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
    """Rank of each value from 0, where values that differ by rounding only share a rank."""
    order = np.argsort(values)
    size = np.abs(values).max() or 1.0
    levels = np.empty(len(values), dtype=int)
    levels[order] = np.cumsum(np.diff(values[order] / size, prepend=-np.inf) > ROUNDING) - 1
    return levels


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
    linear and kernel models, neural networks and naive Bayes (:data:`SHUFFLED`), the values of the
    leaves of trees, and the parameters of torch modules. In a pipeline only the last step is
    shuffled; in an ensemble, a search or a calibrated classifier, all models that it predicts with.
    """
    # The same seed for both, so that the explanations differ by the model only.
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
    """Compute a metric for each song from its explanation and a score function of masks.

    The score is that of the first label, after the link.
    """
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
    """Draw independent masks, with linked components equal, and their sample weights."""
    links = explanation.links
    n_units = len(explanation.components) if links is None else max(links, default=-1) + 1
    kernel = explanation.settings["kernel"]
    masks = draw_masks("independent", n_units, n_samples, rng, kernel=kernel)
    weight = np.ones(len(masks))
    if kernel == "shapley":  # sizes are not drawn in proportion to the kernel: weights correct it
        drawn = Neighbourhood.joint("independent", masks, n_units, kernel=kernel)
        weight = drawn.sampling.sample_weight
    return masks if links is None else masks[:, links], weight


def _unit_weights(explanation: LocalExplanation) -> np.ndarray:
    """Weights of the first label, summed over each group of linked components."""
    weights, links = explanation.weights[0], explanation.links
    return weights if links is None else np.bincount(links, weights)


def _answers_differ(first: LocalExplanation, second: LocalExplanation) -> bool:
    """Whether the predictions or the weights of two explanations differ by more than rounding.

    The masks are the same, so equal scores of all perturbed songs give equal weights.
    """
    scores = (np.array(list(e.prediction.values())) for e in (first, second))
    return any(
        (np.abs(a - b) > 1e-9 * np.abs([a, b]).max(initial=0.0)).any()
        for a, b in (scores, (first.weights[0], second.weights[0]))
    )


def _area(explanation: LocalExplanation, score: Callable, *, back: bool) -> float:
    """Area under the deletion (insertion) curve over the fraction of components."""
    links = explanation.links
    by_unit = score if links is None else lambda masks: score(masks[:, links])
    curve = deletion_curve(_unit_weights(explanation), by_unit, back=back)
    if len(curve) == 1:
        return float(curve[0])
    return float(np.mean(curve[:-1] / 2 + curve[1:] / 2))


def _reseeded(explainer: MusicLimeExplainer, seed: int) -> MusicLimeExplainer:
    """Return a fitted copy of an explainer with another seed, which shares the model."""
    copy = clone(explainer).set_params(random_state=seed)
    for name in ("model_", "classes_", "vocabulary_", "sampling_rate_", "n_features_in_"):
        if hasattr(explainer, name):
            setattr(copy, name, getattr(explainer, name))
    return copy


def _shuffled(model: Any, rng: np.random.Generator) -> Any:
    """Return a copy of a model with permuted parameters; ValueError if none can be permuted."""
    model = deepcopy(model)
    if not any([_shuffle(part, rng) for part in _predicting(model)]):
        raise ValueError(
            f"{type(model).__name__} has no learnt parameters that could be shuffled, or they are "
            f"all alike; known are {SHUFFLED}, trees and torch's modules. Explain a model fitted "
            "to shuffled classes instead"
        )
    return model


def _predicting(model: Any) -> Iterator[Any]:
    """Yield the objects that a model predicts with: itself, nested models, trees, torch modules."""
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
    """Shuffle the parameters of one object in place, and return whether any has changed."""
    if _is_module(part):
        changed = [_shuffle_tensor(tensor, rng) for tensor in part.parameters()]
    elif hasattr(part, "children_left"):  # scikit-learn's tree, where leaves have child -1
        changed = [_shuffle_rows(part.value, part.children_left == -1, rng)]
    elif hasattr(part, "nodes"):  # a tree of histogram gradient boosting
        part.nodes = part.nodes.copy()
        changed = [_shuffle_rows(part.nodes["value"], part.nodes["is_leaf"] == 1, rng)]
    else:
        changed = []
        for name in SHUFFLED:
            # From __dict__, since properties are derived from other attributes.
            value = getattr(part, "__dict__", {}).get(name)
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
    """Return a permuted copy of a dense or sparse array, or the array if all values are equal."""
    is_sparse = scipy.sparse.issparse(array)
    size = int(np.prod(np.shape(array)))
    known = array.data if is_sparse else np.ravel(array)
    if not (known != (known[:1] if len(known) == size else 0)).any():
        return array
    while True:  # until the permutation changes the array: of two numbers, every second does not
        if is_sparse:  # without a dense copy, which might have a column for every word
            places = np.unravel_index(rng.choice(size, len(known), replace=False), array.shape)
            places = tuple(np.int32(at) for at in places)  # the only index type of libsvm
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
"""Scorers ``(explainer, X, y=None) -> float`` by name, for which larger is better.

A score is the mean of the metric over the songs, without those where it is NaN, negated for metrics
that are better when smaller.
"""
