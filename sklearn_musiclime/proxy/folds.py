"""A regressor of the user's own as the proxy, with cross-validated predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, cross_val_predict

N_FOLDS = 10
"""Folds of clusters: with few folds, predictions are worse than those of the fit to all songs."""


def fit_in_folds(
    regressor: Any, features: np.ndarray, targets: np.ndarray, clusters: np.ndarray, new: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a regressor to the targets of some songs and predict those of others.

    Parameters
    ----------
    regressor : estimator
        Any regressor; it is cloned for each label.
    features : ndarray of shape (n_songs, n_features)
        Features of the songs of the fit.
    targets : ndarray of shape (n_songs, n_labels)
        Their targets.
    clusters : ndarray of shape (n_songs,) of int
        Cluster of each song; there are at least ten.
    new : ndarray of shape (n_new, n_features)
        Features of other songs.

    Returns
    -------
    left_out : ndarray of shape (n_songs, n_labels)
        Predictions for the songs of the fit, each by a fit without a tenth of the clusters, its own
        among them.
    predicted : ndarray of shape (n_new, n_labels)
        Predictions for the other songs by the fit to all.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_musiclime.proxy.folds import fit_in_folds
    >>> x = np.linspace(-1, 1, 40)[:, np.newaxis]
    >>> left_out, predicted = fit_in_folds(LinearRegression(), x, 2 * x, np.arange(40), x[:1])
    >>> predicted.round(2)
    array([[-2.]])
    """
    folds = list(GroupKFold(N_FOLDS).split(features, groups=clusters))
    left_out, predicted = np.empty_like(targets), np.empty((len(new), targets.shape[1]))
    for label, target in enumerate(targets.T):
        left_out[:, label] = cross_val_predict(regressor, features, target, cv=folds)
        predicted[:, label] = clone(regressor).fit(features, target).predict(new)
    return left_out, predicted
