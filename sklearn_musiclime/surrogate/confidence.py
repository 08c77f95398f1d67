"""Margins of confidence intervals, and the degrees of freedom of their Student's t.

References
----------
Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics
Bulletin 2, 1946.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

CONFIDENCE_LEVEL = 0.95
"""Default confidence level of intervals."""
MOST_DOF = 1e6
"""Largest number of degrees of freedom, also that of exact values: Student's t is normal there."""


def margin(
    std_err: np.ndarray, dof: np.ndarray | float, confidence_level: float = CONFIDENCE_LEVEL
) -> np.ndarray:
    """Compute the half-width of confidence intervals, by Student's t.

    Parameters
    ----------
    std_err : ndarray
        Standard errors.
    dof : ndarray or float
        Their degrees of freedom.
    confidence_level : float, default=0.95
        Probability with which an interval contains the true value.

    Returns
    -------
    ndarray
        Half-widths: 0 where the standard error is 0; else NaN where there is less than one degree
        of freedom, since no interval is known there.

    Raises
    ------
    ValueError
        `confidence_level` is not between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.surrogate import margin
    >>> margin(np.array([0.1, 0.1, 0.1, 0.0]), np.array([np.inf, 9, 0, 0])).round(3)
    array([0.196, 0.226,   nan, 0.   ])
    """
    if not 0 < confidence_level < 1:
        raise ValueError(f"an interval's level must be between 0 and 1, got {confidence_level!r}")
    std_err = np.asarray(std_err, dtype=float)
    dof = np.broadcast_to(dof, std_err.shape)
    known = dof >= 1
    quantile = stats.t.ppf((1 + confidence_level) / 2, np.where(known, dof, 1.0))
    return np.where(std_err == 0, 0.0, np.where(known, quantile, np.nan) * std_err)


def degrees_of_freedom(squares: np.ndarray, of_fit: float) -> np.ndarray:
    """Estimate the degrees of freedom of variances that are sums of squares (Satterthwaite 1946).

    Parameters
    ----------
    squares : ndarray of shape (n_clusters, n_components)
        Squared contribution of each cluster to each variance.
    of_fit : float
        Number of clusters less number of coefficients, the upper bound.

    Returns
    -------
    ndarray of shape (n_components,)
        Between 1 and `of_fit`; `of_fit` where that is below 1.
    """
    total = squares.sum(axis=0)
    n_clusters = np.count_nonzero(squares, axis=0)
    parts = np.divide(squares, total, out=np.zeros_like(squares), where=total > 0)
    uneven = np.square(parts).sum(axis=0)
    # For n independent normal errors `uneven` is 3 / n on average, so 2 / excess is n. For n equal
    # squares it is 1 / n.
    excess = uneven - 1 / np.maximum(n_clusters, 1)
    known = np.divide(2.0, excess, out=np.full_like(total, MOST_DOF), where=excess > 1e-9)
    return np.minimum(np.clip(known, 1.0, MOST_DOF), of_fit)
