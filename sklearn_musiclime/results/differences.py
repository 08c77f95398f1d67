"""Tables of what differs between two versions of a model, for a song and over many songs.

**For a song** the difference of a component's weights is estimated from the difference of both
versions' scores of the same masks. What the masks do to both versions alike is thus neither in it
nor in its error, which is why it is known better than from two explanations. Each is tested by
Student's t with the degrees of freedom of its error.

**Over songs** the difference is averaged within each group of songs, and these means are averaged
over the groups that have the component, each with the same weight. Student's t-test over the
groups' means tests whether their mean is 0 (Ibragimov and Müller). The masks of each song are its
own, so that their variance is in that of the means.

In both tables the false-discovery rate is controlled over the components of a label (Benjamini and
Hochberg).

References
----------
Ibragimov, Müller, "t-statistic based correlation and heterogeneity robust inference", Journal of
Business & Economic Statistics 28, 2010.

Benjamini, Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical
Society B 57, 1995.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
import scipy.stats

from sklearn_musiclime.neighbourhood import NEW, OLD, difference_of, of_version
from sklearn_musiclime.results.dataframes import largest_first
from sklearn_musiclime.results.fills import ROUNDING
from sklearn_musiclime.results.global_data import of_group
from sklearn_musiclime.results.global_tables import GlobalResult
from sklearn_musiclime.results.local import LocalResult
from sklearn_musiclime.surrogate import margin
from sklearn_musiclime.surrogate.confidence import CONFIDENCE_LEVEL


def local_differences(
    both: LocalResult, label: Hashable, *, fdr: float, interval: float = CONFIDENCE_LEVEL
) -> pd.DataFrame:
    """Compare the weights that two versions give the components of a song.

    Parameters
    ----------
    both : LocalResult
        Explanation of both versions, as one model.
    label : label
        A label that both have.
    fdr : float
        Largest q-value of differences that are significant.
    interval : float, default=0.95
        Confidence level of the intervals.

    Returns
    -------
    DataFrame
        See :meth:`LocalDifference.to_frame <sklearn_musiclime.LocalDifference.to_frame>`.
    """
    pair = difference_of(label)
    frame = both.to_frame(pair, interval=interval)
    row = both.label_index(pair)
    old, new = (both.weights[both.label_index(of_version(v, label))] for v in (OLD, NEW))
    std_err = both.std_err[row]
    least = ROUNDING * float(np.abs([old, new]).max(initial=0.0))
    frame = frame.rename(columns={"weight": "difference"})
    frame.insert(frame.columns.get_loc("difference"), "old", old)
    frame.insert(frame.columns.get_loc("difference"), "new", new)
    p_values = t_test(both.weights[row], std_err, both.dof[row], least)
    return _tested(frame, p_values, fdr)


def global_differences(
    both: GlobalResult, label: Hashable, *, fdr: float, min_groups: int
) -> pd.DataFrame:
    """Compare the mean weights that two versions give components, over groups of songs.

    Parameters
    ----------
    both : GlobalResult
        Explanation of both versions, as one model.
    label : label
        A class that both have.
    fdr : float
        Largest q-value of differences that are significant.
    min_groups : int
        Smallest number of groups with the component, at least 2.

    Returns
    -------
    DataFrame
        See :meth:`GlobalDifference.to_frame <sklearn_musiclime.GlobalDifference.to_frame>`.
    """
    frame = both._component_dataframe()
    means = {
        name: group_means(both, column)
        for name, column in (
            ("old", of_version(OLD, label)),
            ("new", of_version(NEW, label)),
            ("difference", difference_of(label)),
        )
    }
    n_components = len(frame)
    for name, (column, values, _) in means.items():
        n_groups = np.bincount(column, minlength=n_components)
        total = np.bincount(column, weights=values, minlength=n_components)
        frame[name] = np.divide(
            total, n_groups, out=np.full(n_components, np.nan), where=n_groups > 0
        )
    column, values, counts = means["difference"]
    frame["n_groups"] = n_groups
    frame["count"] = np.bincount(column, weights=counts, minlength=n_components).astype(int)
    squares = np.bincount(
        column,
        weights=np.square(values - frame["difference"].to_numpy()[column]),
        minlength=n_components,
    )
    dof = np.maximum(n_groups - 1, 0)
    std_err = np.full(n_components, np.nan)
    known = dof > 0
    std_err[known] = np.sqrt(squares[known] / dof[known] / n_groups[known])
    weights = frame[["old", "new"]].to_numpy(dtype=float)
    least = ROUNDING * float(np.nanmax(np.abs(weights), initial=0.0))
    std_err[std_err <= least] = 0.0
    difference = frame["difference"].to_numpy()
    reach = margin(std_err, dof)
    frame["std_err"] = std_err
    frame["low"], frame["high"] = difference - reach, difference + reach
    is_enough = n_groups >= max(min_groups, 2)
    p_values = np.where(is_enough, t_test(difference, std_err, dof, least), np.nan)
    frame = _tested(frame, p_values, fdr)
    return largest_first(frame[is_enough], "difference")


def group_means(both: GlobalResult, label: Hashable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average the weights of each component over each group of songs that has it.

    Parameters
    ----------
    both : GlobalResult
        A global explanation.
    label : label
        The class.

    Returns
    -------
    component : ndarray of shape (n_means,) of int
        Position of the component of each mean.
    mean : ndarray of shape (n_means,)
        The means.
    count : ndarray of shape (n_means,) of int
        Number of explanations that each is a mean of.
    """
    songs = both._known_songs("differences")
    rows = np.flatnonzero(both._of_label(songs) == both.label_index(label))
    assert both.weights is not None  # since the songs are known
    weights = both.weights[rows].tocoo()
    n_components = weights.shape[1]
    keys = of_group(songs)[rows][weights.row].astype(np.int64) * n_components + weights.col
    found, place, count = np.unique(keys, return_inverse=True, return_counts=True)
    total = np.bincount(place, weights=weights.data, minlength=len(found))
    return found % n_components, total / np.maximum(count, 1), count


def t_test(
    values: np.ndarray, std_err: np.ndarray, dof: np.ndarray, least: float = 0.0
) -> np.ndarray:
    """Test by Student's t whether values are 0.

    Parameters
    ----------
    values, std_err, dof : ndarray of shape (n_values,)
        Values, their standard errors and the degrees of freedom of these.
    least : float, default=0.0
        Size up to which a value is taken for 0.

    Returns
    -------
    ndarray of shape (n_values,)
        Two-sided p-values: 1 for values of 0, 0 for others without error, and NaN where the error
        is not known.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.results.differences import t_test
    >>> t_test(np.array([2.0, 0.0, 2.0]), np.array([1.0, 1.0, 0.0]), np.full(3, 1e6)).round(3)
    array([0.046, 1.   , 0.   ])
    """
    ratio = np.divide(np.abs(values), std_err, out=np.full(len(values), np.inf), where=std_err > 0)
    p_values = 2 * scipy.stats.t.sf(ratio, np.maximum(dof, 1))
    unknown = np.isnan(std_err) | ((dof < 1) & (std_err > 0))
    return np.where(unknown, np.nan, np.where(np.abs(values) <= least, 1.0, p_values))


def _tested(frame: pd.DataFrame, p_values: np.ndarray, fdr: float) -> pd.DataFrame:
    """The table with ``p_value``, ``q_value`` and ``significant``."""
    if not 0 < fdr < 1:
        raise ValueError(f"fdr must be between 0 and 1, got {fdr!r}")
    q_values, known = np.full(len(p_values), np.nan), ~np.isnan(p_values)
    if known.any():
        q_values[known] = scipy.stats.false_discovery_control(p_values[known])
    return frame.assign(p_value=p_values, q_value=q_values, significant=q_values <= fdr)
