"""Checks of what a surrogate is fitted to, and of the regressor that is fitted."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import has_fit_parameter


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

    Whether it has ``coef_`` is known only after it is fitted, see
    :func:`~sklearn_musiclime.surrogate.fit_surrogate`.

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
