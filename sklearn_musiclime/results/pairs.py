"""Tests of the interactions of a class over groups of songs."""

from __future__ import annotations

import numpy as np
import scipy.stats

from sklearn_musiclime.results.aggregation import PairTotals


def pair_statistics(
    totals: PairTotals, label: int, min_count: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Test for each pair of components whether its mean interaction over groups of songs is 0.

    The test is described in :meth:`GlobalExplanation.interactions
    <sklearn_musiclime.GlobalExplanation.interactions>`.

    Parameters
    ----------
    totals : PairTotals
        Sums of interactions over groups.
    label : int
        Number of the class.
    min_count : int
        Smallest number of explanations of the class that contain the pair.

    Returns
    -------
    pairs : ndarray of shape (n_pairs, 2) of int
        Numbers of the components of each pair.
    columns : dict of str to ndarray of shape (n_pairs,)
        ``weight``, ``std_err``, ``count``, ``n_groups`` and ``q_value``.
    """
    own = (totals.labels == label) & (totals.counts >= min_count)
    n_groups = totals.n_groups[own]
    mean = totals.sums[own] / n_groups
    dof = np.where(n_groups > 1, n_groups - 1, np.nan)
    variance = np.maximum(totals.squares[own] / n_groups - np.square(mean), 0.0) / dof
    std_err = np.sqrt(variance)
    # A spread this small may be due to rounding alone.
    std_err[std_err < 1e-8 * np.abs(mean)] = 0.0
    t = np.divide(np.abs(mean), std_err, out=np.full(len(mean), np.inf), where=std_err > 0)
    t[mean == 0] = 0.0
    p_values = np.where(np.isnan(std_err), np.nan, 2 * scipy.stats.t.sf(t, dof))
    q_values = np.full(len(mean), np.nan)
    tested = ~np.isnan(p_values)
    if tested.any():
        q_values[tested] = scipy.stats.false_discovery_control(p_values[tested])
    return totals.pairs[own], {
        "weight": mean,
        "std_err": std_err,
        "count": totals.counts[own].astype(int),
        "n_groups": n_groups.astype(int),
        "q_value": q_values,
    }
