"""Feature selection: which components a surrogate has weights for, by LIME's methods."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge, lars_path

FEATURE_SELECTION = ("none", "highest_weights", "forward_selection", "lasso_path")


def check_selection(feature_selection: str, n_features: int | None) -> None:
    """Check the parameters of a feature selection.

    Parameters
    ----------
    feature_selection : str
        Name of a method.
    n_features : int or None
        Number of components to select.

    Raises
    ------
    ValueError
        The method is unknown, or it is not "none" and `n_features` is None or below 1.
    """
    if feature_selection not in FEATURE_SELECTION:
        raise ValueError(
            f"feature_selection must be one of {FEATURE_SELECTION}, got {feature_selection!r}"
        )
    if feature_selection != "none" and (n_features is None or n_features < 1):
        raise ValueError(
            f"feature_selection={feature_selection!r} needs n_features of at least 1, "
            f"got {n_features}"
        )


def select_components(
    method: str, masks: np.ndarray, target: np.ndarray, weight: np.ndarray, n_features: int | None
) -> np.ndarray:
    """Positions of the components that a feature selection chooses for a label."""
    if method == "none" or masks.shape[1] == 0:
        return np.arange(masks.shape[1])
    n_features = min(n_features, masks.shape[1])
    if method == "highest_weights":
        ridge = Ridge(alpha=0.01).fit(masks, target, sample_weight=weight)
        return np.argsort(-np.abs(ridge.coef_), kind="stable")[:n_features]
    root = np.sqrt(weight)
    X = (masks - np.average(masks, axis=0, weights=weight)) * root[:, np.newaxis]
    y = (target - np.average(target, weights=weight)) * root
    if method == "forward_selection":
        return _forward_selection(X, y, n_features)
    with warnings.catch_warnings():  # the path drops collinear columns, with a warning
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, _, path = lars_path(X, y, method="lasso")
    sizes = np.count_nonzero(path, axis=0)
    step = np.flatnonzero(sizes <= n_features)[-1]  # step 0 has no component
    return np.flatnonzero(path[:, step])


def _forward_selection(X: np.ndarray, y: np.ndarray, n_features: int) -> np.ndarray:
    """Choose columns one after the other, each time the one that raises R^2 most.

    All columns are kept orthogonal to the chosen ones, so the gain of a column is its squared
    correlation with y: one matrix product a step, in place of a regression for each column.
    """
    X, scale = X.copy(), np.square(X).sum(axis=0)
    chosen: list[int] = []
    for _ in range(n_features):
        norms = np.square(X).sum(axis=0)
        free = norms > 1e-10 * scale  # others are collinear with chosen ones
        gains = np.full(X.shape[1], -1.0)
        gains[free] = np.square(X[:, free].T @ y) / norms[free]
        gains[chosen] = -np.inf
        best = int(np.argmax(gains))
        chosen.append(best)
        if free[best]:
            q = X[:, best] / np.sqrt(norms[best])
            X -= np.outer(q, q @ X)
    return np.array(chosen)
