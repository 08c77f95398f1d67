"""Copies of models whose learnt parameters are shuffled."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.pipeline import Pipeline

SHUFFLED = (
    "coef_",
    "coefs_",
    "dual_coef_",
    "_dual_coef_",  # libsvm predicts with this and the next
    "support_vectors_",
    "feature_log_prob_",
    "theta_",
    "means_",
    "centroids_",
)
"""Attributes of scikit-learn's estimators that are shuffled.

The values of the leaves of trees and the parameters of torch modules are shuffled as well.
"""


def shuffled_copy(model: Any, rng: np.random.Generator) -> Any:
    """Return a copy of a model with permuted parameters; ValueError if none can be permuted."""
    model = deepcopy(model)
    if not any([_shuffle(part, rng) for part in _predicting(model)]):
        raise ValueError(
            f"{type(model).__name__} has no learnt parameters that could be shuffled, or they are "
            f"all alike; known are {SHUFFLED}, trees and torch's modules. Explain a model fitted "
            "to shuffled classes instead"
        )
    return model


def _predicting(model: Any) -> Iterator[Any]:
    """Yield the objects that a model predicts with: itself, nested models, trees, torch modules."""
    pending, seen = [model], set()
    while pending:
        part = pending.pop()
        if id(part) in seen or isinstance(part, type):
            continue
        seen.add(id(part))
        if isinstance(part, Pipeline):
            pending.append(part.steps[-1][1])
        elif isinstance(part, dict):
            pending += part.values()
        elif isinstance(part, (list, tuple)):
            pending += part
        elif isinstance(part, np.ndarray) and part.dtype == object:
            pending += part.flat
        elif _is_module(part):
            yield part
        elif any(hasattr(part, m) for m in ("predict", "predict_proba", "decision_function")):
            yield part
            pending += getattr(part, "__dict__", {}).values()


def _is_module(part: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(part, torch.nn.Module)


def _shuffle(part: Any, rng: np.random.Generator) -> bool:
    """Shuffle the parameters of one object in place, and return whether any has changed."""
    if _is_module(part):
        changed = [_shuffle_tensor(tensor, rng) for tensor in part.parameters()]
    elif hasattr(part, "children_left"):  # scikit-learn's tree, where leaves have child -1
        changed = [_shuffle_rows(part.value, part.children_left == -1, rng)]
    elif hasattr(part, "nodes"):  # a tree of histogram gradient boosting
        part.nodes = part.nodes.copy()
        changed = [_shuffle_rows(part.nodes["value"], part.nodes["is_leaf"] == 1, rng)]
    else:
        changed = []
        for name in SHUFFLED:
            # From __dict__, since properties are derived from other attributes.
            value = getattr(part, "__dict__", {}).get(name)
            arrays = value if isinstance(value, list) else [] if value is None else [value]
            others = [_permuted(array, rng) for array in arrays]
            changed += [other is not array for other, array in zip(others, arrays, strict=True)]
            if arrays:
                setattr(part, name, others if isinstance(value, list) else others[0])
    return any(changed)


def _shuffle_tensor(tensor: Any, rng: np.random.Generator) -> bool:
    values = tensor.data.flatten()
    if not (values != values[:1]).any():
        return False
    tensor.data = values[rng.permutation(len(values))].reshape(tensor.shape)
    return True


def _shuffle_rows(values: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> bool:
    before = values[rows]
    values[rows] = rng.permutation(before)
    return not np.array_equal(values[rows], before)


def _permuted(array: Any, rng: np.random.Generator) -> Any:
    """Return a permuted copy of a dense or sparse array, or the array if all values are equal."""
    is_sparse = scipy.sparse.issparse(array)
    size = int(np.prod(np.shape(array)))
    known = array.data if is_sparse else np.ravel(array)
    if not (known != (known[:1] if len(known) == size else 0)).any():
        return array
    while True:  # until the permutation changes the array: of two numbers, every second does not
        if is_sparse:  # without a dense copy, which might have a column for every word
            places = np.unravel_index(rng.choice(size, len(known), replace=False), array.shape)
            places = tuple(at.astype(np.int32) for at in places)  # the only index type of libsvm
            permuted = type(array)(scipy.sparse.coo_array((known, places), array.shape))
            is_other = (permuted != array).nnz > 0
        else:
            permuted = rng.permutation(known).reshape(np.shape(array))
            is_other = not np.array_equal(permuted, array)
        if is_other:
            return permuted
