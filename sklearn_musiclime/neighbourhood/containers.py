"""Containers: classes of scikit-learn that pass songs on to the estimators inside of them.

A model made of them can be split into encoders and a head, unless a subclass overrides a method
that is used in scoring.
"""

from __future__ import annotations

from typing import Any

from sklearn.calibration import CalibratedClassifierCV, _CalibratedClassifier
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.model_selection._search import BaseSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, Pipeline

CONTAINERS: dict[type, str] = {
    FrozenEstimator: "estimator",
    BaseSearchCV: "best_estimator_",
    CalibratedClassifierCV: "calibrated_classifiers_",
    _CalibratedClassifier: "estimator",
    VotingClassifier: "estimators_",
    VotingRegressor: "estimators_",
    StackingClassifier: "estimators_",
    StackingRegressor: "estimators_",
    FixedThresholdClassifier: "estimator_",
    TunedThresholdClassifierCV: "estimator_",
    OneVsRestClassifier: "estimators_",
    MultiOutputClassifier: "estimators_",
    MultiOutputRegressor: "estimators_",
    TransformedTargetRegressor: "regressor_",
    FeatureUnion: "transformer_list",
}
"""Meta-estimators that pass songs on unchanged, and the attribute with their fitted estimators."""
OWN_TO_FITTING = {
    "fit", "fit_transform", "fit_predict", "partial_fit", "get_params", "set_params", "score",
    "_parameter_constraints", "_required_parameters", "_run_search", "_doc_link_module",
    "_doc_link_template", "_repr_html_", "_repr_mimebundle_", "_abc_impl",
    "_sklearn_auto_wrap_output_keys",
}  # fmt: skip
"""Attributes that a subclass may override, since they are not used in scoring songs."""


class NotApartError(ValueError):
    """Raised for a model that can't be split into encoders and a head; the message says why."""


def kind_of(model: Any) -> type | None:
    """Return the class of :data:`CONTAINERS`, Pipeline or ColumnTransformer that a model is.

    Parameters
    ----------
    model : object
        A part of a model.

    Returns
    -------
    type or None
        None for models of other classes.

    Raises
    ------
    NotApartError
        A subclass, or the object itself, overrides an attribute that is used in scoring.
    """
    kinds = (Pipeline, ColumnTransformer, *CONTAINERS)
    kind = next((kind for kind in type(model).__mro__ if kind in kinds), None)
    if kind is None:
        return None
    # What scikit-learn's own subclasses, such as GridSearchCV, override is as intended.
    known = next(c for c in type(model).__mro__ if c.__module__.partition(".")[0] == "sklearn")
    inherited = {name for name in dir(known) if not _is_own_to_fitting(name)}
    for name in sorted(inherited):
        own = vars(model).get(name)
        if callable(own) or _static(type(model), name) is not _static(known, name):
            raise NotApartError(f"{class_name(model)} overrides {name} of {known.__name__}")
    return kind


def _static(cls: type, name: str) -> Any:
    """Attribute of a class, as it stands in the class's ``__dict__``: no descriptor is called."""
    return next((vars(c)[name] for c in cls.__mro__ if name in vars(c)), None)


def _is_own_to_fitting(name: str) -> bool:
    is_request = name.startswith("set_") and name.endswith("_request")
    is_data = name.startswith("__") and name not in ("__getattr__", "__getattribute__")
    return name in OWN_TO_FITTING or is_request or is_data


def class_name(model: Any) -> str:
    """Name of a model's class, for errors."""
    return type(model).__name__
