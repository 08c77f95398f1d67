"""The surrogate: a weighted linear regression of the model's scores on the masks.

Samples are weighted by a kernel (:mod:`~sklearn_musiclime.surrogate.kernel`), so that masks near
the whole song count more.

Least squares is the default: its weights are unbiased and their intervals hold. With fewer than 1.5
clusters of masks per component, on either side, least squares would fit the noise, and a ridge is
fitted instead, with the penalty of least leave-one-cluster-out error. A ridge shrinks its weights,
a bias that standard errors do not include, so no intervals are given.
``regressor=Ridge(alpha=1.0)`` is LIME's surrogate to the last digits; it is solved once for all
labels, where LIME solves it once per label.

References
----------
Ribeiro, Singh, Guestrin, "Why should I trust you?", KDD 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LinearRegression, Ridge

from sklearn_musiclime.neighbourhood.sampling import Sampling
from sklearn_musiclime.surrogate.checks import (
    check_masks,
    check_regressor,
    check_sample_weight,
    check_scores,
)
from sklearn_musiclime.surrogate.clusters import n_usable
from sklearn_musiclime.surrogate.errors import clustered_errors
from sklearn_musiclime.surrogate.estimate import Surrogate
from sklearn_musiclime.surrogate.fidelity import estimate_fidelity, weighted_r2
from sklearn_musiclime.surrogate.hat_matrix import left_out_residuals, projection, with_intercept
from sklearn_musiclime.surrogate.kernel import check_reach, kernel_weights
from sklearn_musiclime.surrogate.ridge import ENOUGH, left_out_penalty
from sklearn_musiclime.surrogate.selection import check_selection, select_components

N_FOLDS = 5
"""Folds of the cross-validation where left-out residuals have no closed form."""


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
    check_reach(weight, kernel_width)
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
    groups: dict[tuple[bytes, float], list[int]] = {}
    for label in range(n_labels):
        groups.setdefault((is_chosen[label].tobytes(), penalty[label]), []).append(label)
    for (_, alpha), members in groups.items():
        labels = np.array(members)
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
        fidelity=estimate_fidelity(predictions, residual, left_out, weight, sampling),
        local_prediction=intercept + weights.sum(axis=1),
        std_err=std_err,
        dof=dof,
        penalty=penalty if regressor is None else np.zeros(n_labels),
        is_sufficient=is_sufficient,
        weight=weight,
        left_out=left_out,
    )


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
        kept = select_components(feature_selection, masks, target, weight, n_features)
        columns, is_chosen[label, kept] = masks[:, kept], True
        if regressor is None and clusters is not None and len(kept):
            centred = columns - np.average(columns, axis=0, weights=weight)
            about = target - np.average(target, weights=weight)
            penalty[label] = left_out_penalty(centred, weight, about, clusters)
        weights[label, kept], intercept[label] = _fit(
            regressor, columns, target, weight, penalty[label]
        )
    return weights, intercept, penalty, is_chosen


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
