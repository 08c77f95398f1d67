"""Standard errors of the weights, from how the masks were drawn.

Masks are drawn at random, and in units: a mask alone, or with its complement
("paired"), or, in the crossed design, a mask of one half with all the masks of the other half that
it meets. Units are independent of each other, so the variance of a weight is the sum of the squares
of what each unit adds to its error: the cluster-robust sandwich, with residuals divided by the root
of one minus the unit's leverage (HC2; MacKinnon and White 1985, Bell and McCaffrey 2002). In the
crossed design a weight varies with the masks of its own half and, as far as modalities interact,
with those of the other half: their variances are added, less what the single combinations add to
both (two-way clusters; Cameron, Gelbach, Miller 2011).

References
----------
MacKinnon, White, "Some heteroskedasticity-consistent covariance matrix estimators with improved
finite sample properties", Journal of Econometrics 29, 1985.

Bell, McCaffrey, "Bias reduction in standard errors for linear regression with multi-stage samples",
Survey Methodology 28, 2002.

Cameron, Gelbach, Miller, "Robust inference with multiway clustering", JBES 29, 2011.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse

Units = Sequence[tuple[slice, np.ndarray]]
"""Columns of the masks, and for each sample the number of the unit that drew them with it."""
BLOCK_UNITS = 8192
"""Units whose parts of the error are held at a time."""


def clustered_std_err(
    masks: np.ndarray,
    weight: np.ndarray,
    residual: np.ndarray,
    units: Sequence[tuple[np.ndarray, np.ndarray]],
    penalty: float,
) -> np.ndarray:
    """Standard errors of least squares with a ridge penalty.

    Parameters
    ----------
    masks : ndarray of shape (n_samples, n_components)
        The regressors.
    weight : ndarray of shape (n_samples,)
        Weights of the samples.
    residual : ndarray of shape (n_samples, n_labels)
        What the fit leaves.
    units : sequence of (columns, ndarray of shape (n_samples,) of int)
        Columns, and which samples were drawn together as far as these go.
    penalty : float
        Of the ridge.

    Returns
    -------
    ndarray of shape (n_labels, n_components)
    """
    centred = masks - np.average(masks, axis=0, weights=weight)
    X = np.column_stack([centred, np.ones(len(masks))])  # the intercept takes leverage as well
    gram = (X.T * weight) @ X + np.diag([penalty] * masks.shape[1] + [0.0])
    inverse = np.linalg.pinv(gram, hermitian=True)
    score = weight[:, np.newaxis] * residual
    variance = np.zeros((residual.shape[1], masks.shape[1]))
    for number, (columns, own) in enumerate(units):
        variance[:, columns] = sandwich(X, weight, score, own, inverse)[:, :-1][:, columns]
        for other in (ids for n, (_, ids) in enumerate(units) if n != number):
            both = own * (other.max() + 1) + other
            more = sandwich(X, None, score, other, inverse)
            more -= sandwich(X, None, score, both, inverse)
            variance[:, columns] += np.maximum(more[:, :-1][:, columns], 0.0)
    return np.sqrt(variance)


def crossed_std_err(
    centred: tuple[np.ndarray, np.ndarray],
    weights: tuple[np.ndarray, np.ndarray],
    pairs: np.ndarray,
    score: np.ndarray,
    inverse: np.ndarray,
) -> np.ndarray:
    """Standard errors of a fit to pairs of masks.

    Parameters
    ----------
    centred : (ndarray of shape (n_audio_masks, n_audio), the same of the lyrics)
        Masks about their weighted means; ``2 * i`` and ``2 * i + 1`` were drawn together.
    weights : (ndarray of shape (n_audio_masks,), the same of the lyrics)
        Sum of the weights of the pairs that each mask is in.
    pairs : ndarray of shape (n_samples, 2) of int
        The audio mask and the lyric mask of each sample.
    score : ndarray of shape (n_samples, n_labels)
        Weighted residuals.
    inverse : ndarray of shape (n_components, n_components)
        Of the normal equations' left side.

    Returns
    -------
    ndarray of shape (n_labels, n_components)
    """
    which = tuple(pairs.T)
    n_audio = centred[0].shape[1]
    halves = (slice(0, n_audio), slice(n_audio, None))
    scales = []
    for c, w, columns in zip(centred, weights, halves, strict=True):
        X = np.column_stack([c, np.ones(len(c))])  # the intercept takes leverage as well
        projected = np.column_stack([c @ inverse[columns, columns], X[:, -1] / w.sum()])
        scales.append(_unit_scale(X, projected, w, np.arange(len(w)) // 2))
    # Single combinations count in both halves' variances, so once too often; less so the more of
    # all combinations there are, since along a complete grid what masks add on their own cancels.
    twice = 1 - len(pairs) / max(np.prod([np.count_nonzero(w) for w in weights]), 1)
    meeting = which[0] // 2 * len(centred[1]) + which[1] // 2
    variance = np.empty((score.shape[1], len(inverse)))
    for label, values in enumerate(score.T):
        added = [
            np.square(_influence(centred, which, values, mask // 2, inverse)) for mask in which
        ]
        by_meeting = twice * _squares_by_unit(centred, which, values, meeting, inverse)
        for half, columns in enumerate(halves):
            own, other = added[half][:, columns], added[1 - half][:, columns]
            more = np.maximum(other.sum(axis=0) - by_meeting[columns], 0.0)
            variance[label, columns] = scales[half][: len(own)] @ own + more
    return np.sqrt(variance)


def sandwich(
    centred: np.ndarray,
    weight: np.ndarray | None,
    score: np.ndarray,
    units: np.ndarray,
    inverse: np.ndarray,
) -> np.ndarray:
    """The variance of weights, from what each unit adds to the error.

    Parameters
    ----------
    centred : ndarray of shape (n, n_components)
        The regressors.
    weight : ndarray of shape (n,), or None
        Their weights, for the leverage. None leaves it out of account.
    score : ndarray of shape (n, n_labels)
        Their weighted residuals.
    units : ndarray of shape (n,) of int
        Which of them were drawn together.
    inverse : ndarray of shape (n_components, n_components)
        Of the normal equations' left side.

    Returns
    -------
    ndarray of shape (n_labels, n_components)
    """
    _, units = np.unique(units, return_inverse=True)
    n = len(units)
    together = scipy.sparse.csr_array((np.ones(n), (units, np.arange(n))))  # (n_units, n)
    projected = centred @ inverse
    scale = np.ones(1 + units.max())
    if weight is not None:
        scale = _unit_scale(centred, projected, weight, units)
    return np.stack(
        [scale @ np.square(together @ (projected * label[:, np.newaxis])) for label in score.T]
    )


def leverage_scale(leverage: np.ndarray) -> np.ndarray:
    """What squared residuals are multiplied by, for the leverage they had on the fit (HC2).

    Parameters
    ----------
    leverage : ndarray of shape (n_units,)
        Diagonal of the hat matrix, added up over each unit.

    Returns
    -------
    ndarray of shape (n_units,)
    """
    # A unit that the fit all but passes through says nothing of its own error.
    return 1 / np.maximum(1 - leverage, 0.01)


def _unit_scale(
    centred: np.ndarray, projected: np.ndarray, weight: np.ndarray, units: np.ndarray
) -> np.ndarray:
    """:func:`leverage_scale` of units, from masks and their products with the inverse."""
    return leverage_scale(np.bincount(units, weight * np.einsum("ij,ij->i", projected, centred)))


def _influence(
    centred: tuple[np.ndarray, np.ndarray],
    which: tuple[np.ndarray, np.ndarray],
    score: np.ndarray,
    units: np.ndarray,
    inverse: np.ndarray,
) -> np.ndarray:
    """What each unit of a crossed design adds to a label's error, (n_units, n_components).

    `which` is (the audio mask of each sample, its lyric mask), `units` the unit of each sample; the
    rest is as in :func:`crossed_std_err`.
    """
    n_units = units.max() + 1
    parts = [
        scipy.sparse.csr_array((score, (units, rows)), shape=(n_units, len(masks))) @ masks
        for masks, rows in zip(centred, which, strict=True)
    ]
    return np.hstack(parts) @ inverse


def _squares_by_unit(
    centred: tuple[np.ndarray, np.ndarray],
    which: tuple[np.ndarray, np.ndarray],
    score: np.ndarray,
    units: np.ndarray,
    inverse: np.ndarray,
) -> np.ndarray:
    """Sum over many units of the squares of :func:`_influence`, (n_components,)."""
    order = np.argsort(units, kind="stable")
    numbers = np.cumsum(np.diff(units[order], prepend=units[order[:1]]) != 0)
    total = np.zeros(len(inverse))
    for first in range(0, numbers[-1] + 1, BLOCK_UNITS):  # a row a unit at a time, not of all
        low, high = np.searchsorted(numbers, [first, first + BLOCK_UNITS])
        rows = order[low:high]
        influence = _influence(
            centred,
            (which[0][rows], which[1][rows]),
            score[rows],
            numbers[low:high] - first,
            inverse,
        )
        total += np.square(influence).sum(axis=0)
    return total
