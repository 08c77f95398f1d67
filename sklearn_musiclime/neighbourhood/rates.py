"""Sampling rates: detection of the rate at which a model expects its audio."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from numbers import Real
from typing import Any, cast

from sklearn.model_selection._search import BaseSearchCV

DEFAULT_SAMPLING_RATE = 22050
"""Rate, in Hz, for models that state none: librosa's default."""
RATE_NAMES = ("sampling_rate", "required_sampling_rate")
MAX_DEPTH = 12
"""Largest depth of nested objects that are searched for a rate."""
FITTED_OF = {
    "estimator": ("best_estimator_", "estimator_", "estimators_", "calibrated_classifiers_"),
    "estimators": ("estimators_",),
    "transformers": ("transformers_",),
    "base_estimator": ("estimator_", "estimators_"),
    "regressor": ("regressor_",),
    "classifier": ("classifier_",),
}
"""Parameters of meta-estimators, and the attributes that hold the fitted clones of their values."""


def find_sampling_rate(model: Any, wanted: float | None = None) -> float:
    """Find the sampling rate at which a model expects its audio.

    Parameters
    ----------
    model : estimator or callable
        The model. It and its parts state their rate by a parameter or an attribute
        ``sampling_rate`` or ``required_sampling_rate``. Parts are the steps, members and other
        parameters of an estimator (their fitted clones, if there are any), the object of a bound
        method, and the function of a ``functools.partial``. Rates that are found among the
        variables of a function or the attributes of other objects are used only where no such part
        states one, since that code may resample its audio.
    wanted : float or None, default=None
        The rate that the user requests, in Hz.

    Returns
    -------
    float
        The rate in Hz; 22050 if none is stated.

    Raises
    ------
    ValueError
        Different rates are stated or requested.

    Examples
    --------
    >>> from sklearn_musiclime import SpectralStatistics
    >>> from sklearn_musiclime.neighbourhood import find_sampling_rate
    >>> find_sampling_rate(SpectralStatistics(sampling_rate=16000))
    16000
    """
    asked: set[float] = set()
    hinted: set[float] = set()
    for rate, is_certain in _rates(model, True, 0, set()):
        (asked if is_certain else hinted).add(rate)
    if wanted is not None:
        asked.add(wanted)
    if len(asked) > 1:
        raise ValueError(
            f"sampling rates differ: {sorted(asked)}. The model would hear perturbed songs at "
            "another speed; give its steps and the explainer the same sampling_rate"
        )
    rates = asked or hinted
    return rates.pop() if len(rates) == 1 else DEFAULT_SAMPLING_RATE


def _rates(
    value: Any, is_certain: bool, depth: int, seen: set[int]
) -> Iterator[tuple[float, bool]]:
    """Rates that an object and its parts state, each with whether it is sure to be the model's."""
    if id(value) in seen or depth > MAX_DEPTH or isinstance(value, type):
        return
    seen.add(id(value))
    for name in RATE_NAMES:
        rate = _own(value, name)
        if isinstance(rate, Real) and not isinstance(rate, bool):
            yield cast(float, rate), is_certain  # type checkers know no Real as a float
    for part, is_open in _parts(value):
        yield from _rates(part, is_certain and is_open, depth + 1, seen)


def _own(value: Any, name: str) -> Any:
    """Value of an attribute; None if it is missing or raises an error."""
    try:
        return getattr(value, name, None)
    except Exception:  # a property that can't be computed yet
        return None


def _parts(value: Any) -> Iterator[tuple[Any, bool]]:
    """Parts of an object, each with whether it is sure to get the object's audio unchanged."""
    if isinstance(value, partial):
        yield value.func, True
        for argument in (*value.args, *value.keywords.values()):
            yield from _held(argument, False)
    elif isinstance(value, types.MethodType):
        yield value.__self__, True
    elif isinstance(value, types.FunctionType):
        yield from _read_by(value)
    elif hasattr(value, "get_params"):
        yield from _parts_of_estimator(value)
    elif hasattr(value, "__dict__") and not isinstance(value, types.ModuleType):
        for member in list(vars(value).values()):
            yield from _held(member, False)


def _parts_of_estimator(estimator: Any) -> Iterator[tuple[Any, bool]]:
    """Parts of an estimator: its parameters, or their fitted clones where there are any."""
    if isinstance(estimator, BaseSearchCV):
        # An unfitted search may end up with any of the rates in its grid.
        yield from _held(getattr(estimator, "best_estimator_", None), True)
        return
    for name, parameter in estimator.get_params(deep=False).items():
        fitted = [_own(estimator, attribute) for attribute in FITTED_OF.get(name, ())]
        fitted = [part for part in fitted if part is not None]
        for part in fitted or [parameter]:
            for held, _ in _held(part, True):
                # An object other than an estimator may get resampled audio, unless it has a
                # required_sampling_rate.
                yield held, hasattr(held, "get_params") or hasattr(held, "required_sampling_rate")


def _held(value: Any, is_open: bool, depth: int = 0) -> Iterator[tuple[Any, bool]]:
    """An object itself, or the members of a list (such as that of steps), tuple or mapping."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        if depth < 3:
            for member in value:
                yield from _held(member, is_open, depth + 1)
    elif callable(value) or hasattr(value, "__dict__"):
        yield value, is_open


def _read_by(function: types.FunctionType) -> Iterator[tuple[Any, bool]]:
    """Objects in the closure of a function and global objects that its code refers to."""
    cells: Iterable[Any] = function.__closure__ or ()
    for cell in cells:
        try:
            yield from _held(cell.cell_contents, False)
        except ValueError:  # a variable that has no value yet
            continue
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield from _held(function.__globals__[name], False)
