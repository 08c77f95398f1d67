"""What is known of which types: the function that tells what an object is made of."""

from __future__ import annotations

import concurrent.futures
import ctypes
import enum
import functools
import random
import subprocess
import threading
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any

import joblib
import numpy as np
import pandas as pd
import scipy.sparse
from joblib.memory import MemorizedFunc, NotMemorizedFunc
from sklearn.neighbors import BallTree, KDTree
from sklearn.utils import Bunch

from sklearn_musiclime._runtime.fingerprint import arrays, code, dataframes, networks
from sklearn_musiclime._runtime.fingerprint.graph import Parts, Unidentified
from sklearn_musiclime._runtime.fingerprint.state import describe_state, loaded

Describe = Callable[[Any], Parts]


def describe(value: Any) -> Parts:
    """Return what an object is made of.

    Parameters
    ----------
    value : object
        Anything but a plain number or text.

    Returns
    -------
    Parts

    Raises
    ------
    Unidentified
        It has no identity that holds in another process.
    """
    cls: type = type(value)
    return _known(cls)(value)


@functools.lru_cache(maxsize=256)
def _known(cls: type) -> Describe:
    if cls in _EXACT:
        return _EXACT[cls]
    return next((known for base, known in _bases() if issubclass(cls, base)), describe_state)


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    return ((f"[{i}]", item) for i, item in enumerate(value))


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        yield "", key
        yield f"[{key!r}]", item


def _container(kind: str, *, is_ordered: bool = True) -> Describe:
    return lambda value: Parts(kind, _items(value), is_ordered, is_owned=None)


def _mapping(value: Any) -> Parts:
    return Parts(f"mapping {type(value).__name__}", _pairs(value), is_owned=None)


def _partial(value: functools.partial) -> Parts:
    children = [
        (".func", value.func), *((f".args[{i}]", item) for i, item in enumerate(value.args)),
        *code.attributes(value.keywords, ".keywords['{}']"), *code.attributes(vars(value)),
    ]  # fmt: skip
    return Parts("partial", [("", type(value)), ("", len(value.args)), *children], is_owned=True)


def _method(value: types.MethodType) -> Parts:
    return Parts("method", [(".__func__", value.__func__), (".__self__", value.__self__)])


def _property(value: property) -> Parts:
    return Parts("property", [(f".{n}", getattr(value, n)) for n in ("fget", "fset", "fdel")])


def _inner(name: str) -> Describe:
    return lambda value: Parts(type(value).__name__, [(f".{name}", getattr(value, name))])


def _lru_cache(value: Any) -> Parts:
    return Parts("lru_cache", [(".__wrapped__", value.__wrapped__)])


def _enum(value: enum.Enum) -> Parts:
    return Parts("enum", [("", type(value)), ("", value.name), (".value", value.value)])


def _path(value: PurePath) -> Parts:
    return Parts("path", [("", str(value))])


def _type_alone(value: Any) -> Parts:
    return Parts(f"a {type(value).__qualname__}")


def _random(value: random.Random) -> Parts:
    if value is random._inst:
        return Parts("the generator of random")
    return describe_state(value)


def _random_state(value: np.random.RandomState) -> Parts:
    if value is np.random.mtrand._rand:
        return Parts("the generator of numpy.random")
    return describe_state(value)


def _memorized(value: Any) -> Parts:
    return Parts("memorized", [(".func", value.func), ("", value.ignore)])


def _lightgbm(value: Any) -> Parts:
    """Trees of LightGBM; a copy of them keeps less of how they were grown."""
    trees = value.model_to_string(num_iteration=-1)
    children = [("", trees), ("", max(value.best_iteration, 0)), ("", value.pandas_categorical)]
    return Parts("lightgbm", [("", type(value)), *children])


def _tree(value: Any) -> Parts:
    """Neighbours' tree of scikit-learn, but for what it counts while it is asked."""
    state = value.__getstate__()
    counters = slice(7, 11)
    return Parts("tree", [("", type(value)), *(("", s) for s in state[: counters.start]),
                          *(("", s) for s in state[counters.stop :])])  # fmt: skip


def _refuse(value: Any) -> Parts:
    raise Unidentified("it is a handle of this process")


_EXACT: dict[type, Describe] = {
    list: _container("list"),
    tuple: _container("tuple"),
    set: _container("set", is_ordered=False),
    frozenset: _container("frozenset", is_ordered=False),
    dict: _mapping,
    OrderedDict: _mapping,
    Bunch: _mapping,  # of its attributes pickle keeps none
    types.MappingProxyType: _mapping,
    slice: lambda s: Parts("slice", [("", s.start), ("", s.stop), ("", s.step)]),
    range: lambda r: Parts("range", [("", r.start), ("", r.stop), ("", r.step)]),
    functools.partial: _partial,
    types.FunctionType: code.describe_function,
    types.BuiltinFunctionType: code.describe_builtin,
    types.MethodType: _method,
    types.MethodWrapperType: lambda m: Parts(f"slot {m.__name__}", [(".__self__", m.__self__)]),
    types.CodeType: code.describe_code,
    types.CellType: code.describe_cell,
    types.ModuleType: code.describe_module,
    code.Use: code.describe_use,
    property: _property,
    staticmethod: _inner("__func__"),
    classmethod: _inner("__func__"),
    functools.cached_property: _inner("func"),
    functools._lru_cache_wrapper: _lru_cache,
    types.MethodDescriptorType: code.describe_slot,
    types.WrapperDescriptorType: code.describe_slot,
    types.ClassMethodDescriptorType: code.describe_slot,
    types.GetSetDescriptorType: code.describe_slot,
    types.MemberDescriptorType: code.describe_slot,
    # They decide when something is done, not what.
    type(threading.Lock()): _type_alone,
    type(threading.RLock()): _type_alone,
}

_BASES: tuple[tuple[type | tuple[type, ...], Describe], ...] = (
    (type, code.describe_class),
    (enum.Enum, _enum),
    (np.ndarray, arrays.describe_array),
    (np.generic, arrays.describe_scalar),
    (np.dtype, arrays.describe_dtype),
    (np.random.RandomState, _random_state),
    (random.Random, _random),
    (pd.DataFrame, dataframes.describe_dataframe),
    ((pd.Series, pd.Index), dataframes.describe_series),
    (pd.api.extensions.ExtensionArray, dataframes.describe_extension_array),
    (scipy.sparse.sparray, arrays.describe_sparse),
    (scipy.sparse.spmatrix, arrays.describe_sparse),
    (PurePath, _path),
    (types.ModuleType, code.describe_module),
    ((KDTree, BallTree), _tree),
    (joblib.Memory, _type_alone),  # where it keeps results makes no difference
    ((MemorizedFunc, NotMemorizedFunc), _memorized),
    (
        (subprocess.Popen, threading.Thread, threading.local, ctypes.CDLL,
         concurrent.futures.Executor),
        _refuse,
    ),
)  # fmt: skip

_OPTIONAL: tuple[tuple[str, str, Describe], ...] = (
    ("polars", "DataFrame", dataframes.describe_polars),
    ("polars", "Series", dataframes.describe_polars),
    ("torch._dynamo.eval_frame", "OptimizedModule", networks.describe_compiled),
    ("torch.jit", "ScriptModule", networks.describe_script),
    ("torch.nn", "Module", networks.describe_module),
    ("torch", "Tensor", networks.describe_tensor),
    (
        "transformers.tokenization_utils_base",
        "PreTrainedTokenizerBase",
        networks.describe_tokenizer,
    ),
    ("tokenizers", "Tokenizer", networks.describe_backend),
    ("lightgbm", "Booster", _lightgbm),
    ("numba.core.dispatcher", "Dispatcher", code.describe_wrapped),
)


def _bases() -> Iterator[tuple[Any, Describe]]:
    yield from _BASES
    for module, name, known in _OPTIONAL:
        base = loaded(module, name)
        if base is not None:
            yield base, known
