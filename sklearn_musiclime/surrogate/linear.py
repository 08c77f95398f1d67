"""The surrogate: a weighted linear model of the scores in the masks.

Rows near the song count more: ``sqrt(exp(-d ** 2 / kernel_width ** 2))`` with d the cosine distance
of a mask to the one that keeps everything, which for k of p components kept is ``1 - sqrt(k / p)``.
With the same masks, scores and kernel this is LIME's surrogate to the last digits, solved once for
all labels where LIME solves it once a label.

How wide a kernel. d is 0.29 where half of the components are on, so at the default width of 0.25
such a row weighs 0.50, and one with a quarter of them on 0.14. MusicLIME's 25 weighs all alike.

References
----------
Ribeiro, Singh, Guestrin, "Why should I trust you?", KDD 2016.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge, lars_path
from sklearn.utils.validation import has_fit_parameter

from sklearn_musiclime.surrogate.errors import Units, clustered_std_err, crossed_std_err

FEATURE_SELECTION = ("none", "highest_weights", "forward_selection", "lasso_path")


@dataclass(frozen=True)
class Surrogate:
    """A fitted surrogate.

    Attributes
    ----------
    weights : ndarray of shape (n_labels, n_components)
        What a component adds to a label's score; 0 where it was not selected.
    intercept : ndarray of shape (n_labels,)
        The score with everything off.
    score : ndarray of shape (n_labels,)
        Fidelity: the weighted R^2 on the masks of the fit.
    local_prediction : ndarray of shape (n_labels,)
        The surrogate's score with everything on, to compare with the model's.
    std_err : ndarray of shape (n_labels, n_components)
        Standard errors of `weights`: by how much they vary from draw to draw of the masks.
    """

    weights: np.ndarray
    intercept: np.ndarray
    score: np.ndarray
    local_prediction: np.ndarray
    std_err: np.ndarray

    @property
    def relative_error(self) -> np.ndarray:
        """The largest standard error of each label, by its largest weight, shape (n_labels,)."""
        largest = np.abs(self.weights).max(axis=1, initial=0.0)
        worst = self.std_err.max(axis=1, initial=0.0)
        return np.divide(worst, largest, out=np.zeros_like(worst), where=largest > 0)

    def scaled(self, exponent: np.ndarray) -> Surrogate:
        """Multiply by a power of two.

        Parameters
        ----------
        exponent : ndarray of shape (n_labels,) of int
            The power of each label.

        Returns
        -------
        Surrogate
            What would have been fitted to scores that are as many times as large.
        """
        by_component = exponent[:, np.newaxis]
        return replace(
            self,
            weights=np.ldexp(self.weights, by_component),
            intercept=np.ldexp(self.intercept, exponent),
            local_prediction=np.ldexp(self.local_prediction, exponent),
            std_err=np.ldexp(self.std_err, by_component),
        )

    def spread(self, units: np.ndarray) -> Surrogate:
        """Spread the weights of linked units evenly over their components.

        Parameters
        ----------
        units : ndarray of shape (n_components,) of int
            The unit of each component.

        Returns
        -------
        Surrogate
            With a weight a component; their sums are those of the units.
        """
        size = np.bincount(units)[units]
        return replace(
            self, weights=self.weights[:, units] / size, std_err=self.std_err[:, units] / size
        )


def kernel_weights(masks: np.ndarray, kernel_width: float = 0.25) -> np.ndarray:
    """Weigh masks by their nearness to the one that keeps everything.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components), dtype bool
        The masks.
    kernel_width : float, default=0.25
        Width of the kernel, in cosine distance; ``numpy.inf`` weighs all masks alike.

    Returns
    -------
    ndarray of shape (n_samples,)
        In (0, 1]; 1 for the mask that keeps everything.

    Raises
    ------
    ValueError
        `kernel_width` is not positive, or `masks` are not two-dimensional.

    Examples
    --------
    >>> from sklearn_musiclime.surrogate import kernel_weights
    >>> kernel_weights([[1, 1, 1, 1], [1, 0, 0, 1], [0, 0, 0, 0]]).round(2)
    array([1. , 0.5, 0. ])
    """
    if not kernel_width > 0:
        raise ValueError(f"kernel_width must be positive, got {kernel_width}")
    masks = check_masks(masks)
    return _kernel(masks.sum(axis=1), masks.shape[1], kernel_width)


def check_masks(masks: np.ndarray) -> np.ndarray:
    """Raise for what can't be masks.

    Parameters
    ----------
    masks : array-like of shape (n_samples, n_components), bool
        The masks.

    Returns
    -------
    ndarray of shape (n_samples, n_components), dtype bool

    Raises
    ------
    ValueError
        There is no mask, they have another number of dimensions, or are not of 0 and 1.
    """
    given = np.asarray(masks)
    if given.ndim != 2 or not len(given) or given.dtype.kind not in "biuf":
        raise ValueError(
            f"masks must be of shape (n_samples, n_components) and of 0 and 1, got an array of "
            f"{given.dtype} of shape {given.shape}"
        )
    if given.dtype != bool and not np.isin(given, (0, 1)).all():
        raise ValueError("masks must be of 0 and 1")
    return given.astype(bool, copy=False)


def check_scores(scores: np.ndarray, n_samples: int) -> np.ndarray:
    """Raise for what can't be the scores of masks.

    Parameters
    ----------
    scores : array-like of shape (n_samples,) or (n_samples, n_labels)
        The scores.
    n_samples : int
        How many masks there are.

    Returns
    -------
    ndarray of shape (n_samples, n_labels)

    Raises
    ------
    ValueError
        They are NaN or infinite, or the shapes don't match.
    """
    scores = np.asarray(scores, dtype=float)
    scores = scores[:, np.newaxis] if scores.ndim == 1 else scores
    if scores.ndim != 2 or len(scores) != n_samples:
        raise ValueError(f"{n_samples} masks and predictions {scores.shape} don't match")
    if not np.isfinite(scores).all():
        raise ValueError("predictions are NaN or infinite")
    return scores


def check_sample_weight(sample_weight: np.ndarray | None, n_samples: int) -> np.ndarray:
    """Raise for what can't be the weights of samples.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), or None
        The weights.
    n_samples : int
        How many there must be.

    Returns
    -------
    ndarray of shape (n_samples,)
        Ones, for None.

    Raises
    ------
    ValueError
        Some are negative, NaN or infinite, or there are more or fewer.
    """
    if sample_weight is None:
        return np.ones(n_samples)
    weight = np.asarray(sample_weight, dtype=float)
    if weight.shape != (n_samples,):
        raise ValueError(f"sample_weight of shape {weight.shape} for {n_samples} masks")
    if not (np.isfinite(weight).all() and (weight >= 0).all()):
        raise ValueError("sample_weight must be finite and at least 0")
    return weight


def check_regressor(regressor: BaseEstimator | None) -> None:
    """Raise for a regressor that can't be a surrogate, as far as that shows before it is fitted.

    Parameters
    ----------
    regressor : estimator or None
        The regressor.

    Raises
    ------
    ValueError
        Its ``fit`` takes no ``sample_weight``.
    """
    if regressor is not None and not (
        hasattr(regressor, "fit") and has_fit_parameter(regressor, "sample_weight")
    ):
        raise ValueError(
            f"regressor must be an estimator whose fit takes sample_weight, got {regressor!r}"
        )


def _kernel(n_kept: np.ndarray, n_components: int, kernel_width: float) -> np.ndarray:
    distance = 1 - np.sqrt(n_kept / max(n_components, 1))
    return np.sqrt(np.exp(-((distance / kernel_width) ** 2)))


def check_selection(feature_selection: str, n_features: int | None) -> None:
    """Raise for a feature selection that can't be.

    Parameters
    ----------
    feature_selection : str
        Name of a method.
    n_features : int or None
        How many features it selects.

    Raises
    ------
    ValueError
        The method is unknown, or one that selects lacks a positive `n_features`.
    """
    if feature_selection not in FEATURE_SELECTION:
        raise ValueError(
            f"feature_selection must be one of {FEATURE_SELECTION}, got {feature_selection!r}"
        )
    if feature_selection != "none" and (n_features is None or n_features < 1):
        raise ValueError(
            f"feature_selection={feature_selection!r} needs n_features of at least 1, "
            f"got {n_features}"
        )


def fit_surrogate(
    masks: np.ndarray,
    predictions: np.ndarray,
    *,
    kernel_width: float = 0.25,
    feature_selection: str = "none",
    n_features: int | None = None,
    regressor: BaseEstimator | None = None,
    sample_weight: np.ndarray | None = None,
    units: Units | None = None,
) -> Surrogate:
    """Fit a weighted linear model of a model's scores in the masks.

    Parameters
    ----------
    masks : array-like of shape (n_samples, n_components), bool
        True where a component is kept.
    predictions : array-like of shape (n_samples,) or (n_samples, n_labels)
        The model's scores.
    kernel_width : float, default=0.25
        See :func:`kernel_weights`.
    feature_selection : {"none", "highest_weights", "forward_selection", "lasso_path"}, \
            default="none"
        How `n_features` components are chosen for each label before the fit, with LIME's meaning:
        those of the largest weights in a ridge of all; one after the other the one that raises R^2
        most; the last step of the lasso path with no more than that many.
    n_features : int or None, default=None
        How many components a label keeps, unless `feature_selection` is "none".
    regressor : estimator or None, default=None
        Any scikit-learn regressor with ``coef_``, ``intercept_`` and ``sample_weight``. None:
        ``Ridge(alpha=1.0)``.
    sample_weight : array-like of shape (n_samples,), or None, default=None
        How many samples each mask stands for, on top of the kernel. None: one.
    units : sequence of (slice, ndarray of shape (n_samples,) of int), or None, default=None
        Columns, and which samples were drawn together as far as these columns go, such as
        ``[(slice(None), np.arange(n_samples) // 2)]`` for masks and their complements. None: each
        sample was drawn on its own. Standard errors follow from it.

    Returns
    -------
    Surrogate

    Raises
    ------
    ValueError
        Shapes don't match, or a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate import fit_surrogate
    >>> masks = np.random.default_rng(0).integers(0, 2, (500, 3))
    >>> surrogate = fit_surrogate(masks, masks @ [2.0, 0.0, -1.0])
    >>> surrogate.weights.round(1) + 0.0
    array([[ 2.,  0., -1.]])
    >>> surrogate.score.round(2)
    array([1.])
    """
    check_selection(feature_selection, n_features)
    check_regressor(regressor)
    is_kept = check_masks(masks)
    predictions = check_scores(predictions, len(is_kept))
    weight = kernel_weights(is_kept, kernel_width)
    weight = weight * check_sample_weight(sample_weight, len(is_kept))
    if not weight.any():
        raise ValueError("all masks have a weight of 0")
    _check_reach(weight, kernel_width)
    masks = is_kept.astype(float)
    regressor = Ridge(alpha=1.0) if regressor is None else regressor

    n_labels, n_components = predictions.shape[1], masks.shape[1]
    if units is None:
        units = [(slice(None), np.arange(len(masks)))]
    # A ridge of several labels is one factorisation; of other regressors it is not known that a
    # label's weights don't depend on which labels it is fitted with.
    if feature_selection == "none" and isinstance(regressor, Ridge):
        coefficients, intercept = _fit(regressor, masks, predictions, weight)
        weights = coefficients.reshape(n_labels, n_components)  # of one label it may come flat
        chosen = [(np.arange(n_labels), np.arange(n_components))]
    else:
        weights, intercept, chosen = np.zeros((n_labels, n_components)), np.zeros(n_labels), []
        for label, target in enumerate(predictions.T):
            kept = _select(feature_selection, masks, target, weight, n_features)
            weights[label, kept], intercept[label] = _fit(regressor, masks[:, kept], target, weight)
            chosen.append((np.array([label]), kept))
    fitted = masks @ weights.T + intercept
    std_err = np.zeros_like(weights)
    penalty = float(regressor.alpha) if isinstance(regressor, Ridge) else 0.0
    residual = predictions - fitted
    for labels, kept in chosen:
        std_err[np.ix_(labels, kept)] = clustered_std_err(
            masks[:, kept],
            weight,
            residual[:, labels],
            [(np.isin(kept, np.arange(n_components)[columns]), ids) for columns, ids in units],
            penalty,
        )
    return Surrogate(
        weights=weights,
        intercept=intercept,
        score=weighted_r2(predictions, fitted, weight),
        local_prediction=intercept + weights.sum(axis=1),
        std_err=std_err,
    )


def fit_crossed_surrogate(
    audio_masks: np.ndarray,
    lyric_masks: np.ndarray,
    pairs: np.ndarray,
    predictions: np.ndarray,
    *,
    kernel_width: float = 0.25,
    repeats: float = 1.0,
) -> Surrogate:
    """Fit the default surrogate to pairs of masks without writing out a row a pair.

    With W (n_audio_masks x n_lyric_masks) the kernel weights of the pairs that were scored, and F
    their scores, the normal equations have the blocks A' diag(W 1) A, A' W L and L' diag(W' 1) L on
    the left, A' (W * F) 1 and L' (W * F)' 1 on the right. The result is that of
    :func:`fit_surrogate` on the written-out masks.

    Parameters
    ----------
    audio_masks : array-like of shape (n_audio_masks, n_audio_components), bool
        A.
    lyric_masks : array-like of shape (n_lyric_masks, n_lyric_components), bool
        L.
    pairs : ndarray of shape (n_samples, 2) of int
        The audio mask and the lyric mask of each score, no pair twice.
    predictions : array-like of shape (n_samples, n_labels)
        The model's scores.
    kernel_width : float, default=0.25
        See :func:`kernel_weights`.
    repeats : float, default=1.0
        How many samples each pair stands for.

    Returns
    -------
    Surrogate
        Weights of the audio components first. Masks ``2 * i`` and ``2 * i + 1`` of a half count as
        drawn together for the standard errors.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate import fit_crossed_surrogate, fit_surrogate
    >>> rng = np.random.default_rng(0)
    >>> audio, lyrics = rng.integers(0, 2, (30, 3)), rng.integers(0, 2, (20, 2))
    >>> pairs = np.argwhere(np.ones((30, 20)))
    >>> masks = np.hstack([audio[pairs[:, 0]], lyrics[pairs[:, 1]]])
    >>> scores = np.tanh(masks @ [[1.0], [0.5], [0.0], [2.0], [-1.0]])
    >>> crossed = fit_crossed_surrogate(audio, lyrics, pairs, scores)
    >>> np.allclose(crossed.weights, fit_surrogate(masks, scores).weights)
    True
    """
    A, L = np.asarray(audio_masks, dtype=float), np.asarray(lyric_masks, dtype=float)
    predictions = check_scores(predictions, len(pairs))
    i, j = pairs.T
    n_components = A.shape[1], L.shape[1]
    # Of more words than masks only the differences between masks can be told: these are their own
    # columns then, orthonormal ones, which a ridge takes as it takes the words.
    bases = tuple(_basis(masks) for masks in (A, L))
    n_kept = A.sum(axis=1)[i] + L.sum(axis=1)[j]
    weight = repeats * _kernel(n_kept, sum(n_components), kernel_width)
    _check_reach(weight, kernel_width)
    A, L = (m if b is None else m @ b for m, b in zip((A, L), bases, strict=True))
    W = scipy.sparse.csr_array((weight, (i, j)), shape=(len(A), len(L)))
    of_audio, of_lyrics = W.sum(axis=1), W.sum(axis=0)

    # Centred by the weighted means, which is what fits the intercept.
    total = weight.sum()
    mean = np.concatenate([of_audio @ A, of_lyrics @ L]) / total
    mean_score = weight @ predictions / total
    cross = A.T @ (W @ L)
    gram = np.block([[(A.T * of_audio) @ A, cross], [cross.T, (L.T * of_lyrics) @ L]])
    gram -= total * np.outer(mean, mean)
    target = weight[:, np.newaxis] * (predictions - mean_score)
    right = np.vstack([A.T @ _sums(target, i, len(A)), L.T @ _sums(target, j, len(L))])
    inverse = np.linalg.inv(gram + np.eye(len(gram)))
    weights = (inverse @ right).T

    intercept = mean_score - weights @ mean
    n_audio = A.shape[1]
    fitted = intercept + (A @ weights[:, :n_audio].T)[i] + (L @ weights[:, n_audio:].T)[j]
    score = weight[:, np.newaxis] * (predictions - fitted)
    std_err = crossed_std_err(
        (A - mean[:n_audio], L - mean[n_audio:]),
        (of_audio, of_lyrics),
        pairs,
        score,
        inverse,
        bases,
    )
    weights = np.hstack(
        [
            of_half if basis is None else of_half @ basis.T
            for of_half, basis in zip(np.split(weights, [n_audio], axis=1), bases, strict=True)
        ]
    )
    return Surrogate(
        weights=weights,
        intercept=intercept,
        score=weighted_r2(predictions, fitted, weight),
        local_prediction=intercept + weights.sum(axis=1),
        std_err=std_err,
    )


def _basis(masks: np.ndarray) -> np.ndarray | None:
    """Orthonormal columns (n_components, n_masks) that span masks; None if they are no fewer."""
    n_masks, n_components = masks.shape
    return np.linalg.qr(masks.T)[0] if n_components > n_masks else None


def _check_reach(weight: np.ndarray, kernel_width: float) -> None:
    """Warn if all perturbed songs together weigh next to nothing."""
    others = weight.sum() - weight.max()
    if len(weight) > 1 and others < 1e-4 * weight.max():
        warnings.warn(
            f"kernel_width={kernel_width} is so narrow that all perturbed songs together weigh "
            f"{others / weight.max():.1g} times what the song weighs: there is nothing to tell "
            "weights from",
            UserWarning,
            stacklevel=3,
        )


def _sums(values: np.ndarray, rows: np.ndarray, n_rows: int) -> np.ndarray:
    """Add values (n, n_labels) up by their rows, (n_rows, n_labels)."""
    return np.column_stack([np.bincount(rows, v, minlength=n_rows) for v in values.T])


def _fit(
    regressor: Any, masks: np.ndarray, target: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    if masks.shape[1] == 0:
        mean = np.average(target, axis=0, weights=weight)
        return np.zeros((*np.shape(mean), 0)), mean
    fitted = clone(regressor).fit(masks, target, sample_weight=weight)
    who = type(regressor).__name__
    if not hasattr(fitted, "coef_"):
        raise ValueError(f"{who} has no coef_ after its fit, so it can't be the surrogate")
    coefficients = np.asarray(fitted.coef_, dtype=float)
    intercept = np.asarray(getattr(fitted, "intercept_", 0.0), dtype=float)
    n_labels = 1 if target.ndim == 1 else target.shape[1]
    if coefficients.size != n_labels * masks.shape[1] or intercept.size not in (1, n_labels):
        raise ValueError(
            f"{who} has coef_ of shape {coefficients.shape} and intercept_ of shape "
            f"{intercept.shape} for {n_labels} label(s) and {masks.shape[1]} components"
        )
    if not (np.isfinite(coefficients).all() and np.isfinite(intercept).all()):
        raise ValueError(f"{who} has NaN or infinite coefficients")
    if target.ndim == 1:
        return coefficients.ravel(), intercept.ravel()[0]
    return coefficients, intercept


def weighted_r2(predictions: np.ndarray, fitted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """R^2 of each label; 1 where the scores are constant but for rounding, and so explained."""
    spread = predictions - np.average(predictions, axis=0, weights=weight)
    total, rest = weight @ np.square(spread), weight @ np.square(predictions - fitted)
    rounding = weight.sum() * np.square(1e-12 * np.abs(predictions).max(axis=0))
    varies = total > rounding
    return np.where(varies, 1 - rest / np.where(varies, total, 1.0), 1.0)


def _select(
    method: str, masks: np.ndarray, target: np.ndarray, weight: np.ndarray, n_features: int | None
) -> np.ndarray:
    """Columns that a label keeps."""
    if method == "none" or masks.shape[1] == 0:
        return np.arange(masks.shape[1])
    n_features = min(n_features, masks.shape[1])
    if method == "highest_weights":
        ridge = Ridge(alpha=0.01).fit(masks, target, sample_weight=weight)
        return np.argsort(-np.abs(ridge.coef_), kind="stable")[:n_features]
    root = np.sqrt(weight)
    X = (masks - np.average(masks, axis=0, weights=weight)) * root[:, np.newaxis]
    y = (target - np.average(target, weights=weight)) * root
    if method == "forward_selection":
        return _forward_selection(X, y, n_features)
    with warnings.catch_warnings():  # columns that say the same as others, it drops
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, _, path = lars_path(X, y, method="lasso")
    sizes = np.count_nonzero(path, axis=0)
    step = np.flatnonzero(sizes <= n_features)[-1]  # step 0 has none
    return np.flatnonzero(path[:, step])


def _forward_selection(X: np.ndarray, y: np.ndarray, n_features: int) -> np.ndarray:
    """Choose columns by the R^2 they add, one after the other.

    Columns are kept orthogonal to those chosen, so what one would add is its squared correlation
    with y: one product a step where a regression a column would do the same.
    """
    X, chosen = X.copy(), []
    scale = np.square(X).sum(axis=0)
    for _ in range(n_features):
        norms = np.square(X).sum(axis=0)
        free = norms > 1e-10 * scale  # the rest repeats what was chosen
        gains = np.full(X.shape[1], -1.0)
        gains[free] = np.square(X[:, free].T @ y) / norms[free]
        gains[chosen] = -np.inf
        best = int(np.argmax(gains))
        chosen.append(best)
        if free[best]:
            q = X[:, best] / np.sqrt(norms[best])
            X -= np.outer(q, q @ X)
    return np.array(chosen)
