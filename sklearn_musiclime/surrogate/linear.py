"""The surrogate: a weighted linear regression of the model's scores on the masks.

The weight of a sample is ``sqrt(exp(-d ** 2 / kernel_width ** 2))``, where d is the cosine distance
of its mask to the mask that keeps everything: ``1 - sqrt(k / p)`` where k of p components are kept.

Least squares is the default: its weights are unbiased and their intervals hold. With fewer than 1.5
clusters of masks per component, on either side, least squares would fit the noise, and a ridge is
fitted instead, with the penalty of least leave-one-cluster-out error. A ridge shrinks its weights,
a bias that standard errors do not include, so no intervals are given.
``regressor=Ridge(alpha=1.0)`` is LIME's surrogate to the last digits; it is solved once for all
labels, where LIME solves it once per label.

Kernel width. With half of the components on d is 0.29, so at the default width of 0.25 such a
sample weighs 0.50; with a quarter of them on it weighs 0.14. Among 100 components nearly all masks
keep 40 to 60, which weigh 0.36 to 0.65: the neighbourhood is then hardly local. With ``numpy.inf``
all masks weigh the same, as they do to four digits with MusicLIME's width of 25, and the weights
are Banzhaf values.

References
----------
Ribeiro, Singh, Guestrin, "Why should I trust you?", KDD 2016.

Hammer, Holzman, "Approximations of pseudo-Boolean functions; applications to game theory", ZOR 36,
1992: the weights of least squares over all masks are Banzhaf values.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse
from scipy import stats
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, Ridge, lars_path
from sklearn.utils.validation import has_fit_parameter

from sklearn_musiclime.neighbourhood.sampling import Sampling, Side
from sklearn_musiclime.surrogate.errors import (
    CONFIDENCE_LEVEL,
    clustered_errors,
    crossed_errors,
    left_out_residuals,
    margin,
    n_usable,
    projection,
    with_intercept,
)

FEATURE_SELECTION = ("none", "highest_weights", "forward_selection", "lasso_path")
ENOUGH = 1.5
"""Clusters of masks per component that least squares needs; with fewer a ridge is fitted."""
PENALTIES = np.logspace(-4, 3, 22)
"""Penalties that are tried for the ridge, relative to the mean squared norm of a column."""
LARGE = 0.3
"""Weights of at least this fraction of the largest are large: the ones that people read."""
N_FOLDS = 5
"""Folds of the cross-validation where left-out residuals have no closed form."""


@dataclass(frozen=True)
class Surrogate:
    """A fitted surrogate.

    Attributes
    ----------
    weights : ndarray of shape (n_labels, n_components)
        Weight of each component in the score of each label; 0 where it was not selected.
    intercept : ndarray of shape (n_labels,)
        The surrogate's score with all components off.
    score : ndarray of shape (n_labels,)
        Weighted R^2 on the masks of the fit, as reported by LIME.
    fidelity : ndarray of shape (n_labels,)
        Weighted R^2 estimated for all masks, drawn or not: the fraction that was not drawn is taken
        to have leave-one-cluster-out residuals. It may be negative.
    local_prediction : ndarray of shape (n_labels,)
        The surrogate's score with all components on, to be compared with the model's.
    std_err : ndarray of shape (n_labels, n_components)
        Standard errors of `weights`: how much they vary from one draw of the masks to another. NaN
        where a component was not selected.
    dof : ndarray of shape (n_labels, n_components)
        Degrees of freedom of `std_err`; below 1 where no interval is known.
    penalty : ndarray of shape (n_labels,)
        Penalty that was chosen for the ridge, the larger one of the two sides; 0 if the fit was
        least squares or another `regressor`.
    is_sufficient : bool
        Whether there were at least 1.5 clusters of masks per component on each side.
    """

    weights: np.ndarray
    intercept: np.ndarray
    score: np.ndarray
    fidelity: np.ndarray
    local_prediction: np.ndarray
    std_err: np.ndarray
    dof: np.ndarray
    penalty: np.ndarray
    is_sufficient: bool = True

    @property
    def low(self) -> np.ndarray:
        """Lower ends of the 95 % intervals of `weights`."""
        return self.bounds()[0]

    @property
    def high(self) -> np.ndarray:
        """Upper ends of the 95 % intervals of `weights`."""
        return self.bounds()[1]

    def bounds(self, interval: float = CONFIDENCE_LEVEL) -> tuple[np.ndarray, np.ndarray]:
        """Compute confidence intervals of the weights.

        Parameters
        ----------
        interval : float, default=0.95
            Probability with which an interval contains the weight that all masks would give.

        Returns
        -------
        low, high : ndarray of shape (n_labels, n_components)
            Ends of the intervals; NaN where no interval is known.
        """
        reach = margin(self.std_err, self.dof, interval)
        return self.weights - reach, self.weights + reach

    @property
    def relative_error(self) -> np.ndarray:
        """Error of each label's weights, relative to the largest weight, shape (n_labels,)."""
        # The largest standard error, or, if it is larger, the upper 95 % confidence bound of the
        # root mean square error of the large weights, by the F distribution.
        size, std_err = np.abs(self.weights), np.nan_to_num(self.std_err)
        largest = size.max(axis=1, initial=0.0)
        worst = std_err.max(axis=1, initial=0.0)
        for label, is_large in enumerate(self._is_large):
            if (std_err[label, is_large] > 0).any():
                dof = max(float(self.dof[label, is_large].min()), 1.0)
                square = np.mean(np.square(std_err[label, is_large]))
                square *= stats.f.ppf(CONFIDENCE_LEVEL, np.count_nonzero(is_large), dof)
                worst[label] = max(worst[label], np.sqrt(square))
        return np.divide(worst, largest, out=np.zeros_like(worst), where=largest > 0)

    @property
    def _is_large(self) -> np.ndarray:
        """Which weights are at least 0.3 of the label's largest, (n_labels, n_components)."""
        size = np.abs(self.weights)
        return (size >= LARGE * size.max(axis=1, keepdims=True, initial=0.0)) & (size > 0)

    def fewest_dof(self) -> float:
        """Return the fewest degrees of freedom of any large weight that has a standard error.

        Returns
        -------
        float
            Infinite where the large weights are exact.
        """
        largest = np.abs(self.weights).max(axis=1, keepdims=True, initial=0.0)
        counts = self._is_large & (self.std_err > 1e-6 * largest)
        return float(self.dof.min(initial=np.inf, where=counts))

    def scaled(self, exponent: np.ndarray) -> Surrogate:
        """Multiply the surrogate of each label by a power of two.

        Parameters
        ----------
        exponent : ndarray of shape (n_labels,) of int
            Exponent of each label.

        Returns
        -------
        Surrogate
            The surrogate of scores that are ``2 ** exponent`` times as large.
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
            Linked unit (components that are switched on and off together) of each component.

        Returns
        -------
        Surrogate
            Weights of the components; those of a unit are equal and add up to the unit's weight.
        """
        size = np.bincount(units)[units]
        return replace(
            self,
            weights=self.weights[:, units] / size,
            std_err=self.std_err[:, units] / size,
            dof=self.dof[:, units],
        )


def kernel_weights(masks: np.ndarray, kernel_width: float = 0.25) -> np.ndarray:
    """Compute the kernel weights of masks, by their distance to the mask that keeps everything.

    The weight is ``sqrt(exp(-d ** 2 / kernel_width ** 2))`` with d the cosine distance.

    Parameters
    ----------
    masks : array-like of shape (n_samples, n_components), bool
        The masks.
    kernel_width : float, default=0.25
        Width of the kernel, in cosine distance; ``numpy.inf`` weighs all masks the same.

    Returns
    -------
    ndarray of shape (n_samples,)
        Weights from 0 to 1; 1 for the mask that keeps everything.

    Raises
    ------
    ValueError
        `kernel_width` is not positive, or `masks` is not a two-dimensional array of 0 and 1.

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
    """Check masks and convert them to a boolean array.

    Parameters
    ----------
    masks : array-like of shape (n_samples, n_components), bool
        The masks.

    Returns
    -------
    ndarray of shape (n_samples, n_components), dtype bool
        The masks.

    Raises
    ------
    ValueError
        There is no mask, the number of dimensions is not 2, or values are other than 0 and 1.
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
    """Check the scores of masks and convert them to a two-dimensional float array.

    Parameters
    ----------
    scores : array-like of shape (n_samples,) or (n_samples, n_labels)
        The scores.
    n_samples : int
        Number of masks.

    Returns
    -------
    ndarray of shape (n_samples, n_labels)
        The scores.

    Raises
    ------
    ValueError
        Scores are NaN or infinite, or their number is not `n_samples`.
    """
    scores = np.asarray(scores, dtype=float)
    scores = scores[:, np.newaxis] if scores.ndim == 1 else scores
    if scores.ndim != 2 or len(scores) != n_samples:
        raise ValueError(f"{n_samples} masks and predictions {scores.shape} don't match")
    if not np.isfinite(scores).all():
        raise ValueError("predictions are NaN or infinite")
    return scores


def check_sample_weight(sample_weight: np.ndarray | None, n_samples: int) -> np.ndarray:
    """Check the weights of samples and convert them to a float array.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), or None
        The weights. None: ones.
    n_samples : int
        Number of samples.

    Returns
    -------
    ndarray of shape (n_samples,)
        The weights.

    Raises
    ------
    ValueError
        Weights are negative, NaN or infinite, or their number is not `n_samples`.
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
    """Check that a regressor can be fitted as a surrogate.

    Whether it has ``coef_`` is known only after it is fitted, see :func:`fit_surrogate`.

    Parameters
    ----------
    regressor : estimator or None
        The regressor. None: the default, least squares.

    Raises
    ------
    ValueError
        `regressor` has no ``fit``, or one that takes no ``sample_weight``.
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
    """Check the parameters of a feature selection.

    Parameters
    ----------
    feature_selection : str
        Name of a method.
    n_features : int or None
        Number of components to select.

    Raises
    ------
    ValueError
        The method is unknown, or it is not "none" and `n_features` is None or below 1.
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
    sampling: Sampling | None = None,
) -> Surrogate:
    """Fit a weighted linear regression of a model's scores on the masks.

    Parameters
    ----------
    masks : array-like of shape (n_samples, n_components), bool
        True where a component is kept.
    predictions : array-like of shape (n_samples,) or (n_samples, n_labels)
        The model's scores.
    kernel_width : float, default=0.25
        Width of the exponential kernel, see :func:`kernel_weights`.
    feature_selection : {"none", "highest_weights", "forward_selection", "lasso_path"}, \
            default="none"
        How `n_features` components are selected for each label before the fit, as in LIME.
        "highest_weights": those with the largest weights in a ridge on all components.
        "forward_selection": one after the other, the component that raises R^2 most. "lasso_path":
        the last step of the lasso path that has at most `n_features` components.
    n_features : int or None, default=None
        Number of components that are selected for each label, unless `feature_selection` is "none".
    regressor : estimator or None, default=None
        Any scikit-learn regressor with ``coef_`` and ``intercept_``, whose ``fit`` takes
        ``sample_weight``. None: least squares, or a ridge where masks are few.
        ``Ridge(alpha=1.0)``: LIME's.
    sample_weight : array-like of shape (n_samples,), or None, default=None
        Number of samples that each mask stands for; multiplied by the kernel. None: one.
    sampling : Sampling or None, default=None
        How the masks were drawn, from which standard errors follow. Without a `regressor` the
        kernel is also multiplied by ``sampling.sample_weight``, which is 0 for masks that were not
        drawn, such as the song itself; a `regressor` is fitted to all rows, as in LIME. None: each
        mask was drawn independently.

    Returns
    -------
    Surrogate
        The fit to each label.

    Raises
    ------
    ValueError
        Shapes don't match, a parameter is out of its range, or the fitted `regressor` has no finite
        ``coef_`` and ``intercept_`` of the right shape.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate import fit_surrogate
    >>> masks = np.random.default_rng(0).integers(0, 2, (500, 3))
    >>> surrogate = fit_surrogate(masks, masks @ [2.0, 0.0, -1.0])
    >>> surrogate.weights.round(6) + 0.0
    array([[ 2.,  0., -1.]])
    >>> surrogate.score.round(2)
    array([1.])
    """
    check_selection(feature_selection, n_features)
    check_regressor(regressor)
    is_kept = check_masks(masks)
    predictions = check_scores(predictions, len(is_kept))
    sampling = Sampling.independent(len(is_kept)) if sampling is None else sampling
    weight = kernel_weights(is_kept, kernel_width)
    weight = weight * check_sample_weight(sample_weight, len(is_kept))
    if regressor is None:
        weight = weight * sampling.sample_weight
    if not weight.any():
        raise ValueError("all masks have a weight of 0")
    _check_reach(weight, kernel_width)
    masks = is_kept.astype(float)
    is_sufficient = all(
        side.is_complete
        or n_usable(weight, side.clusters) >= ENOUGH * masks[:, side.columns].shape[1]
        for side in sampling.sides
    )

    def fit(rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Fit the surrogates of all labels to some of the samples, see :func:`_fit_labels`."""
        return _fit_labels(
            masks[rows], predictions[rows], weight[rows],
            regressor=regressor, feature_selection=feature_selection, n_features=n_features,
            clusters=None if is_sufficient else sampling.sides[0].clusters[rows],
        )  # fmt: skip

    n_labels = predictions.shape[1]
    weights, intercept, penalty, is_chosen = fit(np.arange(len(masks)))
    residual = predictions - masks @ weights.T - intercept
    std_err, dof = np.full(weights.shape, np.nan), np.zeros(weights.shape)
    groups = {}
    for label in range(n_labels):
        groups.setdefault((is_chosen[label].tobytes(), penalty[label]), []).append(label)
    for (_, alpha), labels in groups.items():
        kept = np.flatnonzero(is_chosen[labels[0]])
        own = _of_columns(sampling, kept, masks.shape[1])
        errors = clustered_errors(masks[:, kept], weight, residual[:, labels], own, alpha)
        std_err[np.ix_(labels, kept)], dof[np.ix_(labels, kept)] = errors.std_err, errors.dof
    if regressor is None:
        dof = np.where(penalty[:, np.newaxis] > 0, 0.0, dof)

    is_plain = feature_selection == "none" and (
        regressor is None or type(regressor) in (LinearRegression, Ridge)
    )
    if sampling.is_complete:
        left_out = residual
    elif is_plain and len(sampling.sides) == 1:
        left_out = _left_out(masks, weight, residual, sampling.sides[0].clusters, penalty)
    else:
        left_out = _left_out_by_folds(fit, masks, predictions, sampling)
    return Surrogate(
        weights=weights,
        intercept=intercept,
        score=weighted_r2(predictions, residual, weight),
        fidelity=_fidelity(predictions, residual, left_out, weight, sampling),
        local_prediction=intercept + weights.sum(axis=1),
        std_err=std_err,
        dof=dof,
        penalty=penalty if regressor is None else np.zeros(n_labels),
        is_sufficient=is_sufficient,
    )


def fit_crossed_surrogate(
    audio_masks: np.ndarray,
    lyric_masks: np.ndarray,
    pairs: np.ndarray,
    predictions: np.ndarray,
    *,
    kernel_width: float = 0.25,
    sampling: Sampling | None = None,
) -> Surrogate:
    """Fit the default surrogate to a crossed design, without a written-out row for each pair.

    With W (n_audio_masks x n_lyric_masks) the kernel weights of the pairs that were scored, and F
    their scores, the normal equations have the blocks A' diag(W 1) A, A' W L and L' diag(W' 1) L on
    the left, A' (W * F) 1 and L' (W * F)' 1 on the right. The result is that of
    :func:`fit_surrogate` on the written-out masks.

    Parameters
    ----------
    audio_masks : array-like of shape (n_audio_masks, n_audio_components), bool
        Masks of the audio, A: True where a component is kept.
    lyric_masks : array-like of shape (n_lyric_masks, n_lyric_components), bool
        Masks of the lyrics, L.
    pairs : ndarray of shape (n_samples, 2) of int
        The audio mask and the lyric mask of each score, each pair once.
    predictions : array-like of shape (n_samples,) or (n_samples, n_labels)
        The model's scores.
    kernel_width : float, default=0.25
        Width of the exponential kernel, see :func:`kernel_weights`.
    sampling : Sampling or None, default=None
        How the masks were drawn. None: masks ``2 * i`` and ``2 * i + 1`` of a side are a cluster,
        and clusters were drawn with replacement.

    Returns
    -------
    Surrogate
        Weights of the audio components first.

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
    if sampling is None:
        halves = slice(None, n_components[0]), slice(n_components[0], None)
        sides = tuple(Side(c, rows // 2) for c, rows in zip(halves, (i, j), strict=True))
        sampling = Sampling(sides, np.ones(len(pairs)), len(pairs) / (len(A) * len(L)))
    n_kept = A.sum(axis=1)[i] + L.sum(axis=1)[j]
    weight = sampling.sample_weight * _kernel(n_kept, sum(n_components), kernel_width)
    _check_reach(weight, kernel_width)
    # With more components than masks, the weights lie in the span of the masks: the fit is in an
    # orthonormal basis of that span, which changes neither least squares of least norm nor a ridge.
    bases = tuple(_basis(masks) for masks in (A, L))
    A, L = (m if b is None else m @ b for m, b in zip((A, L), bases, strict=True))
    W = scipy.sparse.csr_array((weight, (i, j)), shape=(len(A), len(L)))
    of_audio, of_lyrics = W.sum(axis=1), W.sum(axis=0)

    # Centring by the weighted means takes the place of fitting the intercept.
    total = weight.sum()
    mean = np.concatenate([of_audio @ A, of_lyrics @ L]) / total
    mean_score = weight @ predictions / total
    cross = A.T @ (W @ L)
    gram = np.block([[(A.T * of_audio) @ A, cross], [cross.T, (L.T * of_lyrics) @ L]])
    gram -= total * np.outer(mean, mean)
    target = weight[:, np.newaxis] * (predictions - mean_score)
    sums = _sums(target, i, len(A)), _sums(target, j, len(L))
    right = np.vstack([A.T @ sums[0], L.T @ sums[1]])

    n_audio = A.shape[1]
    centred = A - mean[:n_audio], L - mean[n_audio:]
    halves = slice(None, n_audio), slice(n_audio, None)
    of_masks = of_audio, of_lyrics
    n_labels = predictions.shape[1]
    penalties = np.zeros((n_labels, len(gram)))
    is_sufficient = True
    for side, half, rows, w, y, p in zip(
        sampling.sides, halves, centred, of_masks, sums, n_components, strict=True
    ):
        clusters = np.arange(len(rows)) // 2
        if not side.is_complete and n_usable(w, clusters) < ENOUGH * p:
            is_sufficient = False
            means = np.divide(y, w[:, np.newaxis], out=np.zeros_like(y), where=w[:, np.newaxis] > 0)
            penalties[:, half] = [
                [_left_out_penalty(rows, w, label, clusters)] for label in means.T
            ]
    groups = {}
    for label, of_label in enumerate(penalties):
        groups.setdefault(of_label.tobytes(), []).append(label)

    weights = np.empty((n_labels, sum(n_components)))
    std_err, dof = np.empty((2, *weights.shape))
    intercept, residual = np.empty(n_labels), np.empty_like(predictions)
    left_out = np.empty_like(predictions)
    for labels in groups.values():
        inverse = np.linalg.pinv(gram + np.diag(penalties[labels[0]]), hermitian=True)
        found = (inverse @ right[:, labels]).T
        intercept[labels] = mean_score[labels] - found @ mean
        fitted = (A @ found[:, :n_audio].T)[i] + (L @ found[:, n_audio:].T)[j] + intercept[labels]
        rest = predictions[:, labels] - fitted
        score = weight[:, np.newaxis] * rest
        errors = crossed_errors(centred, of_masks, pairs, score, inverse, sampling, bases)
        std_err[labels], dof[labels] = errors.std_err, errors.dof
        residual[:, labels] = rest
        # Residuals of fits without the sample's cluster: the increases on both sides are added.
        left_out[:, labels] = rest + sum(
            _taken_by_cluster(rows, w, inverse[half, half], _sums(score, at, len(rows)))[at]
            for rows, w, half, at in zip(centred, of_masks, halves, (i, j), strict=True)
        )
        weights[labels] = np.hstack(
            [
                of_half if basis is None else of_half @ basis.T
                for of_half, basis in zip(np.split(found, [n_audio], axis=1), bases, strict=True)
            ]
        )
    is_shrunk = np.hstack(
        [
            np.repeat(penalties[:, half].max(axis=1, initial=0.0)[:, np.newaxis] > 0, p, axis=1)
            for half, p in zip(halves, n_components, strict=True)
        ]
    )
    return Surrogate(
        weights=weights,
        intercept=intercept,
        score=weighted_r2(predictions, residual, weight),
        fidelity=_fidelity(predictions, residual, left_out, weight, sampling),
        local_prediction=intercept + weights.sum(axis=1),
        std_err=std_err,
        dof=np.where(is_shrunk, 0.0, dof),
        penalty=penalties.max(axis=1, initial=0.0),
        is_sufficient=is_sufficient,
    )


def _basis(masks: np.ndarray) -> np.ndarray | None:
    """Orthonormal basis of the masks' span, (n_components, n_masks); None if masks suffice."""
    n_masks, n_components = masks.shape
    return np.linalg.qr(masks.T)[0] if n_components > n_masks else None


def _taken_by_cluster(
    rows: np.ndarray, weight: np.ndarray, inverse: np.ndarray, score: np.ndarray
) -> np.ndarray:
    """Increase of the mean residual of each mask if its cluster is left out, (n_masks, n_labels).

    `rows` are the centred masks, of which ``2 * i`` and ``2 * i + 1`` are a cluster, `weight` the
    total weights of the masks, `inverse` the inverse normal matrix, `score` the sums of the
    weighted residuals of each mask.
    """
    there = weight[:, np.newaxis] > 0
    residual = np.divide(score, weight[:, np.newaxis], out=np.zeros_like(score), where=there)
    hat = with_intercept(rows, rows @ inverse, weight)
    return left_out_residuals(residual, *hat, weight, np.arange(len(rows)) // 2) - residual


def _fit_labels(
    masks: np.ndarray,
    predictions: np.ndarray,
    weight: np.ndarray,
    *,
    regressor: BaseEstimator | None,
    feature_selection: str,
    n_features: int | None,
    clusters: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weights, intercepts, penalties and selected components of all labels.

    `clusters` (cluster of each sample) is given where masks are too few for least squares: then a
    ridge is fitted, with the penalty of least leave-one-cluster-out error.
    """
    n_labels, n_components = predictions.shape[1], masks.shape[1]
    alpha = regressor.alpha if isinstance(regressor, Ridge) else 0.0
    penalty = np.full(n_labels, alpha) if np.ndim(alpha) == 0 else np.zeros(n_labels)
    # Ridge and least squares fit all labels with a single factorisation. Other regressors are
    # fitted label by label: in a joint fit a label's weights might depend on the other labels.
    is_one_fit = isinstance(regressor, Ridge) or (regressor is None and clusters is None)
    if feature_selection == "none" and is_one_fit:
        coefficients, intercept = _fit(regressor, masks, predictions, weight)
        weights = coefficients.reshape(n_labels, n_components)  # flat for a single label
        return weights, intercept, penalty, np.ones_like(weights, dtype=bool)
    weights, intercept = np.zeros((n_labels, n_components)), np.zeros(n_labels)
    is_chosen = np.zeros_like(weights, dtype=bool)
    for label, target in enumerate(predictions.T):
        kept = _select(feature_selection, masks, target, weight, n_features)
        columns, is_chosen[label, kept] = masks[:, kept], True
        if regressor is None and clusters is not None and len(kept):
            centred = columns - np.average(columns, axis=0, weights=weight)
            about = target - np.average(target, weights=weight)
            penalty[label] = _left_out_penalty(centred, weight, about, clusters)
        weights[label, kept], intercept[label] = _fit(
            regressor, columns, target, weight, penalty[label]
        )
    return weights, intercept, penalty, is_chosen


def _left_out_penalty(
    rows: np.ndarray, weight: np.ndarray, target: np.ndarray, clusters: np.ndarray
) -> float:
    """Penalty of the ridge with the least leave-one-cluster-out squared error.

    `rows` and `target` are less their weighted means.
    """
    seen = weight > 0
    rows, weight, target, clusters = rows[seen], weight[seen], target[seen], clusters[seen]
    root = np.sqrt(weight)[:, np.newaxis]
    U, values, _ = np.linalg.svd(rows * root, full_matrices=False)
    U = U / root
    squares = np.square(values)
    scale = squares.sum() / max(rows.shape[1], 1)
    if scale == 0:
        return 1.0
    errors = []
    for alpha in PENALTIES * scale:
        kept = U * (squares / (squares + alpha))
        residual = target - kept @ (U.T @ (weight * target))
        hat = with_intercept(U, kept, weight)
        left_out = left_out_residuals(residual[:, np.newaxis], *hat, weight, clusters)[:, 0]
        errors.append(weight @ np.square(left_out))
    return float(PENALTIES[int(np.argmin(errors))] * scale)


def _of_columns(sampling: Sampling, kept: np.ndarray, n_components: int) -> Sampling:
    """Sampling of the masks restricted to the columns `kept`."""
    sides, first = [], 0
    for side in sampling.sides:
        n_own = int(np.isin(kept, np.arange(n_components)[side.columns]).sum())
        sides.append(replace(side, columns=slice(first, first + n_own)))
        first += n_own
    return replace(sampling, sides=tuple(sides))


def _left_out(
    masks: np.ndarray,
    weight: np.ndarray,
    residual: np.ndarray,
    clusters: np.ndarray,
    penalty: np.ndarray,
) -> np.ndarray:
    """Leave-one-cluster-out residuals of ridges or least squares, (n_samples, n_labels)."""
    centred = masks - np.average(masks, axis=0, weights=weight)
    out = np.empty_like(residual)
    for alpha in np.unique(penalty):
        hat = with_intercept(centred, projection(centred, weight, alpha), weight)
        labels = penalty == alpha
        out[:, labels] = left_out_residuals(residual[:, labels], *hat, weight, clusters)
    return out


def _left_out_by_folds(
    fit: Callable[[np.ndarray], tuple[np.ndarray, ...]],
    masks: np.ndarray,
    predictions: np.ndarray,
    sampling: Sampling,
) -> np.ndarray:
    """Cross-validated residuals, (n_samples, n_labels).

    The clusters of each side are divided into folds; a sample's residual is from the fit to the
    samples that share no fold with it, on any side.
    """
    n_folds = N_FOLDS if len(sampling.sides) == 1 else N_FOLDS - 2
    folds = [np.unique(side.clusters, return_inverse=True)[1] % n_folds for side in sampling.sides]
    number = sum(fold * n_folds**k for k, fold in enumerate(folds))
    out = np.zeros_like(predictions)
    for n in np.unique(number):
        own = np.flatnonzero(number == n)
        others = np.ones(len(masks), dtype=bool)
        for fold in folds:
            others &= fold != fold[own[0]]
        rows = np.flatnonzero(others)
        if not len(rows) or not sampling.sample_weight[rows].any():
            out[own] = predictions[own] - predictions.mean(axis=0)
            continue
        weights, intercept, *_ = fit(rows)
        out[own] = predictions[own] - masks[own] @ weights.T - intercept
    return out


def _fidelity(
    predictions: np.ndarray,
    residual: np.ndarray,
    left_out: np.ndarray,
    weight: np.ndarray,
    sampling: Sampling,
) -> np.ndarray:
    """R^2 estimated for all masks, (n_labels,).

    The drawn fraction of them has the residuals of the fit; the others are expected to have the
    left-out residuals.
    """
    drawn = sampling.density * np.prod([side.fraction for side in sampling.sides])
    size = np.sqrt(drawn * np.square(residual) + (1 - drawn) * np.square(left_out))
    return weighted_r2(predictions, size, weight)


def _check_reach(weight: np.ndarray, kernel_width: float) -> None:
    """Warn if the kernel is so narrow that perturbed songs have nearly no weight."""
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
    """Sums of values (n, n_labels) by their row numbers, (n_rows, n_labels)."""
    return np.column_stack([np.bincount(rows, v, minlength=n_rows) for v in values.T])


def _fit(
    regressor: Any,
    masks: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    penalty: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and intercept of a regressor, or of a ridge with this penalty for None."""
    if masks.shape[1] == 0:
        mean = np.average(target, axis=0, weights=weight)
        return np.zeros((*np.shape(mean), 0)), mean
    if regressor is None:
        mean, mean_score = (np.average(x, axis=0, weights=weight) for x in (masks, target))
        projected = projection(masks - mean, weight, penalty)
        about = (target - mean_score).T * weight
        coefficients = about @ projected
        return coefficients, mean_score - coefficients @ mean
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


def weighted_r2(predictions: np.ndarray, residual: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Compute the weighted R^2 of each label.

    Parameters
    ----------
    predictions : ndarray of shape (n_samples, n_labels)
        The model's scores.
    residual : ndarray of shape (n_samples, n_labels)
        Scores less those of the surrogate.
    weight : ndarray of shape (n_samples,)
        Weights of the samples.

    Returns
    -------
    ndarray of shape (n_labels,)
        1 where the scores are constant up to rounding.
    """
    spread = predictions - np.average(predictions, axis=0, weights=weight)
    total, rest = weight @ np.square(spread), weight @ np.square(residual)
    varies = total > weight.sum() * np.square(rounding(predictions))
    return np.where(varies, 1 - rest / np.where(varies, total, 1.0), 1.0)


def rounding(scores: np.ndarray) -> np.ndarray:
    """Bound the rounding error of scores.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_labels)
        The scores.

    Returns
    -------
    ndarray of shape (n_labels,)
        Eight machine epsilons times the largest absolute score: of single precision where all
        scores of the label are exactly representable in it, else of double.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate.linear import rounding
    >>> bool(rounding(np.array([[1.0], [1.0 - 1e-7]]))[0] < 1e-14)
    True
    """
    scores = np.asarray(scores, dtype=float)
    with np.errstate(over="ignore"):
        is_single = (scores == scores.astype(np.float32)).all(axis=0)
    unit = np.where(is_single, np.finfo(np.float32).eps, np.finfo(np.float64).eps)
    return 8 * unit * np.abs(scores).max(axis=0, initial=0.0)


def negligible(scores: np.ndarray) -> np.ndarray:
    """Compute the size below which effects on scores are taken for rounding errors of the model.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_labels)
        The scores.

    Returns
    -------
    ndarray of shape (n_labels,)
        A ten millionth of the range of the scores, plus their :func:`rounding`.
    """
    if not len(scores):
        return np.zeros(scores.shape[1])
    return 1e-7 * np.ptp(scores, axis=0) + rounding(scores)


def _select(
    method: str, masks: np.ndarray, target: np.ndarray, weight: np.ndarray, n_features: int | None
) -> np.ndarray:
    """Positions of the components that a feature selection chooses for a label."""
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
    with warnings.catch_warnings():  # the path drops collinear columns, with a warning
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, _, path = lars_path(X, y, method="lasso")
    sizes = np.count_nonzero(path, axis=0)
    step = np.flatnonzero(sizes <= n_features)[-1]  # step 0 has no component
    return np.flatnonzero(path[:, step])


def _forward_selection(X: np.ndarray, y: np.ndarray, n_features: int) -> np.ndarray:
    """Choose columns one after the other, each time the one that raises R^2 most.

    All columns are kept orthogonal to the chosen ones, so the gain of a column is its squared
    correlation with y: one matrix product a step, in place of a regression for each column.
    """
    X, chosen = X.copy(), []
    scale = np.square(X).sum(axis=0)
    for _ in range(n_features):
        norms = np.square(X).sum(axis=0)
        free = norms > 1e-10 * scale  # others are collinear with chosen ones
        gains = np.full(X.shape[1], -1.0)
        gains[free] = np.square(X[:, free].T @ y) / norms[free]
        gains[chosen] = -np.inf
        best = int(np.argmax(gains))
        chosen.append(best)
        if free[best]:
            q = X[:, best] / np.sqrt(norms[best])
            X -= np.outer(q, q @ X)
    return np.array(chosen)
