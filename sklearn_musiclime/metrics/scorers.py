"""The metrics as scikit-learn scorers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from sklearn_musiclime.explainer import MusicLimeExplainer
from sklearn_musiclime.metrics.agreement import stability
from sklearn_musiclime.metrics.faithfulness import (
    complexity,
    deletion_auc,
    fidelity,
    infidelity,
    insertion_auc,
)


def _mean(
    explainer: MusicLimeExplainer, X: Any, y: Any = None, *, of: Callable, sign: int
) -> float:
    values = of(explainer, X)
    values = values[~np.isnan(values)]
    return sign * float(values.mean()) if len(values) else np.nan


SCORERS: dict[str, Callable[..., float]] = {
    "fidelity": partial(_mean, of=fidelity, sign=1),
    "stability": partial(_mean, of=stability, sign=1),
    "deletion": partial(_mean, of=deletion_auc, sign=-1),
    "insertion": partial(_mean, of=insertion_auc, sign=1),
    "infidelity": partial(_mean, of=infidelity, sign=-1),
    "complexity": partial(_mean, of=complexity, sign=-1),
}
"""Scorers ``(explainer, X, y=None) -> float`` by name, for which larger is better.

A score is the mean of the metric over the songs, without those where it is NaN, negated for metrics
that are better when smaller.
"""
