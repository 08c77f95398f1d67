"""The explainer as its tests make it, with a model that is a function."""

import numpy as np
import pandas as pd

from sklearn_musiclime import MusicLimeExplainer


def loudness_and_love(X):
    """A black box with two outputs."""
    X = X[["audio", "lyrics"]].to_numpy() if isinstance(X, pd.DataFrame) else X
    loud = np.array([float(np.square(y[: (len(y) + 1) // 2]).mean()) for y in X[:, 0]])
    love = np.array([float("love" in text.split()) for text in X[:, 1]])
    return np.column_stack([10 * loud + love, -love])


def explainer(model=loudness_and_love, **parameters):
    defaults = {"separator": None, "n_samples": 60, "random_state": 0}
    return MusicLimeExplainer(model, **(defaults | parameters))
