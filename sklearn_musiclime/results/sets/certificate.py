"""How many fresh masks a claim needs, and what can be claimed of what they show."""

from __future__ import annotations

from math import ceil, log

import numpy as np
import scipy.stats


def n_masks_needed(precision: float, chance: float) -> int:
    """Return the number of masks that tell a probability to within a precision.

    Parameters
    ----------
    precision : float
        Largest error of the probability, e.
    chance : float
        Chance d that the error is larger.

    Returns
    -------
    int
        ``ln(2 / d) / (2 e**2)``, rounded up (Hoeffding's inequality).

    Examples
    --------
    >>> from sklearn_musiclime.results.sets import n_masks_needed
    >>> n_masks_needed(0.1, 0.05)
    185
    """
    return ceil(log(2 / chance) / (2 * precision**2))


def lower_bound(n_kept: int, n_masks: int, chance: float) -> float:
    """Return a probability that is exceeded but for a given chance (Clopper and Pearson).

    Parameters
    ----------
    n_kept : int
        Number of masks with which the label was kept.
    n_masks : int
        Number of masks.
    chance : float
        Chance that the true probability is below the bound.

    Returns
    -------
    float

    Examples
    --------
    >>> from sklearn_musiclime.results.sets import lower_bound
    >>> round(lower_bound(185, 185, 0.05), 3)  # 0.05 ** (1 / 185)
    0.984
    """
    if n_kept == 0:
        return 0.0
    return float(scipy.stats.beta.ppf(chance, n_kept, n_masks - n_kept + 1))


def n_kept_needed(target: float, n_masks: int, chance: float) -> int:
    """Return the least number of masks that keep the label for the bound to reach a target.

    Parameters
    ----------
    target : float
        The target.
    n_masks : int
        Number of masks.
    chance : float
        Chance that the true probability is below the bound.

    Returns
    -------
    int
        More than `n_masks` if so few masks can't show it.
    """
    numbers = np.arange(1, n_masks + 1)
    bounds = scipy.stats.beta.ppf(chance, numbers, n_masks - numbers + 1)
    return 1 + int(np.searchsorted(bounds, target))
