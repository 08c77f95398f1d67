"""Cross-validation folds that keep groups, such as the clips of a song, together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, check_cv


def split(
    cv: Any, y: np.ndarray, groups: Sequence[Hashable] | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split songs into folds, as a list, so that several models can be given the same folds.

    Parameters
    ----------
    cv : int, splitter, iterable of splits, or None
        The folds, as in scikit-learn. None: 5. A number of folds is stratified by class, and keeps
        `groups` together.
    y : ndarray of shape (n_songs,)
        Class of each song.
    groups : array-like of shape (n_songs,), or None
        Group of each song, such as the song that a clip is from.

    Returns
    -------
    list of (ndarray, ndarray)
        Training rows and test rows of each fold.
    """
    if groups is not None and (cv is None or isinstance(cv, Integral)):
        cv = StratifiedGroupKFold(cv or 5)
    return list(check_cv(cv, y, classifier=True).split(np.zeros((len(y), 1)), y, groups))
