"""How well a surrogate's scores agree with the model's, and the rounding errors of scores."""

from __future__ import annotations

import numpy as np

from sklearn_musiclime.neighbourhood.sampling import Sampling


def estimate_fidelity(
    predictions: np.ndarray,
    residual: np.ndarray,
    left_out: np.ndarray,
    weight: np.ndarray,
    sampling: Sampling,
) -> np.ndarray:
    """Estimate R^2 over all masks, drawn or not.

    The drawn fraction of them has the residuals of the fit; the others are expected to have the
    left-out residuals.

    Parameters
    ----------
    predictions : ndarray of shape (n_samples, n_labels)
        The model's scores.
    residual : ndarray of shape (n_samples, n_labels)
        Scores less those of the surrogate.
    left_out : ndarray of shape (n_samples, n_labels)
        Scores less those of a surrogate that was fitted without the sample's cluster.
    weight : ndarray of shape (n_samples,)
        Weights of the samples.
    sampling : Sampling
        How the masks were drawn.

    Returns
    -------
    ndarray of shape (n_labels,)
        At most 1.
    """
    drawn = sampling.density * np.prod([side.fraction for side in sampling.sides])
    size = np.sqrt(drawn * np.square(residual) + (1 - drawn) * np.square(left_out))
    return weighted_r2(predictions, size, weight)


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
    >>> from sklearn_musiclime.surrogate.fidelity import rounding
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
