"""Folds that keep the clips of a song together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, check_cv


def split(
    cv: Any, y: np.ndarray, groups: Sequence[Hashable] | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split songs into folds, the same for all that is compared or joined on them.

    Parameters
    ----------
    cv : int, splitter, iterable of splits, or None
        As scikit-learn takes it. A number of folds is stratified, and with `groups` splits none.
    y : ndarray of shape (n_songs,)
        Classes.
    groups : array-like of shape (n_songs,), or None
        What belongs together, such as the clips of a song.

    Returns
    -------
    list of (ndarray, ndarray)
        The rows to train on and to test on, a pair a fold.
    """
    if groups is not None and (cv is None or isinstance(cv, Integral)):
        cv = StratifiedGroupKFold(cv or 5)
    return list(check_cv(cv, y, classifier=True).split(np.zeros((len(y), 1)), y, groups))
