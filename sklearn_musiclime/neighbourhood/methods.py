"""The methods of estimators that score songs, and the estimator that a model ends in."""

from __future__ import annotations

from typing import Any

RESPONSE_METHODS = ("predict_proba", "decision_function", "predict")
WRAPPED = ("best_estimator_", "estimator_", "estimator")
"""Attributes in which meta-estimators keep their inner estimator; the fitted ones first."""
MAX_WRAPPERS = 20
"""Largest number of nested meta-estimators that are unwrapped."""


def last_estimator(model: Any) -> Any:
    """Innermost estimator of pipelines (the last step) and of meta-estimators."""
    for _ in range(MAX_WRAPPERS):
        steps = getattr(model, "steps", None)
        if isinstance(steps, list) and steps:
            model = steps[-1][1]
            continue
        inner = [getattr(model, name, None) for name in WRAPPED]
        inner = [part for part in inner if part is not None]
        if not inner:
            break
        model = inner[0]
    return model
