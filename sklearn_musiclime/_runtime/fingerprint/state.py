"""Objects by their class and state: what pickle would save of them."""

from __future__ import annotations

import copyreg
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from numpy.random import RandomState
from sklearn.base import BaseEstimator

from sklearn_musiclime._runtime.fingerprint.code import attributes
from sklearn_musiclime._runtime.fingerprint.graph import Parts, Unidentified
from sklearn_musiclime._runtime.fingerprint.installed import (
    extension_file,
    is_installed,
    version_of,
)

# Attributes of scikit-learn's that differ between equal fits: a release, which is part of a class's
# name too, an id, and a time.
PASSING = frozenset({"_sklearn_version", "_stop_words_id", "refit_time_"})
PARAMETER = "random_state"


def describe_state(value: Any) -> Parts:
    """Return the class and state of an object.

    Parameters
    ----------
    value : object
        The object.

    Returns
    -------
    Parts
        What its ``__reduce_ex__`` returns, ``__getstate__`` in it; attributes in the order of
        their names.

    Raises
    ------
    Unidentified
        It can't be pickled.
    """
    cls = type(value)
    reduced = reduce(value)
    if isinstance(reduced, str):  # a variable of a module
        module = getattr(value, "__module__", None) or cls.__module__
        told = version_of(module) if is_installed(module) else ""
        return Parts(f"{module}.{reduced} {told}", [("", cls), ("", extension_file(module))])
    make, arguments, *rest = reduced
    state, items, pairs = (*rest, None, None, None)[:3]
    children = [
        ("", cls), ("", make),
        *((f".__reduce__()[1][{i}]", argument) for i, argument in enumerate(arguments)),
        *_attributes_of(value, state),
        *((f"[{i}]", item) for i, item in enumerate(items or ())),
        *(part for key, item in pairs or () for part in (("", key), (f"[{key!r}]", item))),
    ]  # fmt: skip
    return Parts("object", children, is_owned=not is_installed(cls.__module__))


def reduce(value: Any) -> Any:
    """Return what pickle would save of an object.

    Parameters
    ----------
    value : object
        The object.

    Returns
    -------
    tuple or str
        As ``object.__reduce__``.

    Raises
    ------
    Unidentified
        It can't be pickled.
    """
    reducer = copyreg.dispatch_table.get(type(value))
    try:
        return value.__reduce_ex__(4) if reducer is None else reducer(value)
    except Exception as error:
        raise Unidentified(str(error) or repr(error)) from error


def _attributes_of(value: Any, state: Any) -> Iterator[tuple[str, Any]]:
    slots = None
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
        state, slots = state
    for part in (state, slots):
        if isinstance(part, dict):
            yield from attributes(_without_passing(value, part))
        elif part is not None:
            yield ".__getstate__()", part


def _without_passing(value: Any, state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Drop what differs from one fit to the next of the same model, and decides no prediction."""
    if not isinstance(value, BaseEstimator):
        return state
    kept = {name: part for name, part in state.items() if name not in PASSING}
    if is_installed(type(value).__module__):  # what fit drew from is used up
        drawn_from = [n for n, v in kept.items() if isinstance(v, RandomState) and n != PARAMETER]
        kept = {name: part for name, part in kept.items() if name not in drawn_from}
    found = kept.get("cv_results_")
    if isinstance(found, dict):
        times = tuple(name for name in found if str(name).endswith("_time"))
        kept["cv_results_"] = {name: part for name, part in found.items() if name not in times}
    return kept


def loaded(module: str, name: str) -> type | None:
    """Return a class of a package that need not be there.

    Parameters
    ----------
    module, name : str
        Where it is.

    Returns
    -------
    class or None
        None if nobody has imported the module; then nothing is of the class.
    """
    return getattr(sys.modules.get(module), name, None)
