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
from functools import partial

import numpy as np
import scipy.sparse

Units = Sequence[tuple[slice, np.ndarray]]
"""Columns of the masks, and for each sample the number of the unit that drew them with it."""
BLOCK_BYTES = 2**26
"""Parts of the error, a row a unit, that are held at a time: 64 MiB."""


def projection(rows: np.ndarray, weight: np.ndarray, penalty: float = 0.0) -> np.ndarray:
    """Project on the columns: ``rows @ pinv(rows' W rows + penalty)``.

    Takes the smaller of the two systems of equations, since lyrics may have many more words than
    there are samples.

    Parameters
    ----------
    rows : ndarray of shape (n, n_components)
        The regressors.
    weight : ndarray of shape (n,)
        Their weights. What is returned for a row of weight 0 is not to be used.
    penalty : float, default=0.0
        Of a ridge.

    Returns
    -------
    ndarray of shape (n, n_components)
    """
    n, n_components = rows.shape
    if n_components <= n:
        gram = (rows.T * weight) @ rows
        return rows @ np.linalg.pinv(gram + penalty * np.eye(n_components), hermitian=True)
    root = np.sqrt(weight)[:, np.newaxis]
    weighted = rows * root
    kernel = weighted @ weighted.T
    projected = np.linalg.pinv(kernel + penalty * np.eye(n), hermitian=True) @ weighted
    return np.divide(projected, root, out=np.zeros_like(projected), where=root > 0)


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
    projected = projection(centred, weight, penalty)
    scale = partial(unit_scale, centred, projected, weight, intercept=True)
    score = weight[:, np.newaxis] * residual
    variance = np.zeros((residual.shape[1], masks.shape[1]))
    for number, (columns, own) in enumerate(units):
        variance[:, columns] = sandwich(projected, score, own, scale(own))[:, columns]
        for other in (ids for n, (_, ids) in enumerate(units) if n != number):
            both = own * (other.max(initial=0) + 1) + other
            more = sandwich(projected, score, other) - sandwich(projected, score, both)
            variance[:, columns] += np.maximum(more[:, columns], 0.0)
    return np.sqrt(variance)


def crossed_std_err(
    centred: tuple[np.ndarray, np.ndarray],
    weights: tuple[np.ndarray, np.ndarray],
    pairs: np.ndarray,
    score: np.ndarray,
    inverse: np.ndarray,
    bases: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
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
    bases : (ndarray or None, ndarray or None), default=(None, None)
        Of each half, the orthonormal columns that `centred` is given in, of shape
        (n_components, n_columns); None: it is given in the components themselves.

    Returns
    -------
    ndarray of shape (n_labels, n_components)
    """
    which = tuple(pairs.T)
    n_columns = centred[0].shape[1]
    parts = (slice(0, n_columns), slice(n_columns, None))
    scales = [
        unit_scale(c, c @ inverse[part, part], w, np.arange(len(w)) // 2, intercept=True)
        for c, w, part in zip(centred, weights, parts, strict=True)
    ]
    if any(basis is not None for basis in bases):
        inverse = np.hstack(
            [
                inverse[:, part] if basis is None else inverse[:, part] @ basis.T
                for part, basis in zip(parts, bases, strict=True)
            ]
        )
        n_columns = n_columns if bases[0] is None else len(bases[0])
    halves = (slice(0, n_columns), slice(n_columns, None))
    # Single combinations count in both halves' variances, so once too often; less so the more of
    # all combinations there are, since along a complete grid what masks add on their own cancels.
    twice = 1 - len(pairs) / max(np.prod([np.count_nonzero(w) for w in weights]), 1)
    meeting = which[0] // 2 * len(centred[1]) + which[1] // 2
    variance = np.empty((score.shape[1], inverse.shape[1]))
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
    projected: np.ndarray, score: np.ndarray, units: np.ndarray, scale: np.ndarray | None = None
) -> np.ndarray:
    """The variance of weights, from what each unit adds to the error.

    Parameters
    ----------
    projected : ndarray of shape (n, n_components)
        See :func:`projection`.
    score : ndarray of shape (n, n_labels)
        Weighted residuals.
    units : ndarray of shape (n,) of int
        Which samples were drawn together.
    scale : ndarray of shape (n_units,), or None, default=None
        What each unit's square is multiplied by, see :func:`unit_scale`. None: 1.

    Returns
    -------
    ndarray of shape (n_labels, n_components)
    """
    _, units = np.unique(units, return_inverse=True)
    n, n_units = len(units), units.max(initial=-1) + 1
    together = scipy.sparse.csr_array((np.ones(n), (units, np.arange(n))), shape=(n_units, n))
    scale = np.ones(n_units) if scale is None else scale
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


def unit_scale(
    rows: np.ndarray,
    projected: np.ndarray,
    weight: np.ndarray,
    units: np.ndarray,
    *,
    intercept: bool = False,
) -> np.ndarray:
    """Find what each unit's squared residuals are multiplied by, see :func:`leverage_scale`.

    Parameters
    ----------
    rows, projected : ndarray of shape (n, n_components)
        Regressors, and their :func:`projection`.
    weight : ndarray of shape (n,)
        Their weights.
    units : ndarray of shape (n,) of int
        Which of them were drawn together.
    intercept : bool, default=False
        Whether an intercept was fitted too, `rows` being centred; it takes leverage as well.

    Returns
    -------
    ndarray of shape (n_units,)
        In the order of the units' numbers.
    """
    _, units = np.unique(units, return_inverse=True)
    leverage = np.einsum("ij,ij->i", projected, rows)
    if intercept:
        leverage = leverage + 1 / weight.sum()
    return leverage_scale(np.bincount(units, weight * leverage))


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
    n_units = units.max(initial=-1) + 1
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
    total = np.zeros(inverse.shape[1])
    n_units = max(BLOCK_BYTES // (8 * max(len(total), 1)), 1)
    for first in range(0, numbers[-1] + 1, n_units):
        low, high = np.searchsorted(numbers, [first, first + n_units])
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
