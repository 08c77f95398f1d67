"""Labels: the selection of the model outputs that are explained."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np

MAX_SHOWN = 30
"""Largest number of labels that an error message lists."""


def select_labels(
    labels: Any,
    known: Sequence[Hashable],
    default: Callable[[], Sequence[int]],
    scores: np.ndarray,
    outputs: Sequence[int] | None = None,
) -> list[int]:
    """Find the columns of the scores that belong to the requested labels.

    Parameters
    ----------
    labels : label, 1-D array-like or set of labels, int, "all" or None
        The requested labels. An int is a number of labels, those with the highest scores. "all":
        all of `outputs`. None: the default columns.
    known : sequence
        Labels of all columns.
    default : callable
        Returns the default columns.
    scores : ndarray of shape (n_labels,)
        Scores of the unperturbed song.
    outputs : sequence of int, or None, default=None
        Columns that "all" stands for, and from which a number of labels is chosen. None: all.

    Returns
    -------
    list of int
        Columns in the requested order; those of a set in sorted order of the labels, those of a
        number of labels from the highest score down.

    Raises
    ------
    ValueError
        A label is unknown, none is requested, or more than there are.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.neighbourhood import select_labels
    >>> scores = np.array([0.5, 0.2, 0.3])
    >>> select_labels(["rock"], ["folk", "pop", "rock"], list, scores)
    [2]
    >>> select_labels(2, ["folk", "pop", "rock"], list, scores)
    [0, 2]
    """
    outputs = range(len(known)) if outputs is None else outputs
    if labels is None:
        return list(default())
    if _is_all(labels, known):
        return list(outputs)
    if is_number_of_labels(labels):
        if not 1 <= labels <= len(outputs):
            raise ValueError(
                f"labels={labels} is a number of labels, and the model has {len(outputs)}; "
                f"labels=[{labels}] is the label {labels}"
            )
        ranked = sorted(outputs, key=lambda column: -scores[column])
        return ranked[: int(labels)]
    wanted = listed(labels, known)
    check_labels(wanted, known)
    return [known.index(label) for label in wanted]


def check_labels(labels: Any, known: Sequence[Hashable]) -> None:
    """Check that a model has the requested labels.

    Parameters
    ----------
    labels : label, 1-D array-like or set of labels, int, "all" or None
        The requested labels, see :func:`select_labels`.
    known : sequence
        Labels of all columns.

    Raises
    ------
    ValueError
        A label is unknown, or none is requested.
    """
    if labels is None or _is_all(labels, known) or is_number_of_labels(labels):
        return
    wanted = listed(labels, known)
    if not wanted:
        raise ValueError("labels is empty; None explains the predicted one")
    unknown = [label for label in wanted if label not in known]
    if unknown:
        shown = ", ".join(map(repr, known[:MAX_SHOWN]))
        more = f" and {len(known) - MAX_SHOWN} more" if len(known) > MAX_SHOWN else ""
        raise ValueError(
            f"the model has no label {unknown[0]!r}; {_nearest(unknown[0], known)}its labels are "
            f"[{shown}]{more}"
        )


def is_number_of_labels(labels: Any) -> bool:
    """Return whether `labels` is an int, that is, a number of labels."""
    return isinstance(labels, Integral) and not isinstance(labels, (bool, np.bool_))


def listed(labels: Any, known: Sequence[Hashable]) -> list[Hashable]:
    """Convert requested labels to a list of plain Python values.

    Parameters
    ----------
    labels : label, or 1-D array-like or set of labels
        The requested labels. A tuple counts as several labels if all of its members are in `known`
        and it is not itself, else as one label.
    known : sequence
        Labels of all columns.

    Returns
    -------
    list
        The labels; those of a set in sorted order.

    Raises
    ------
    ValueError
        The array has more than one dimension.
    """
    if isinstance(labels, (set, frozenset)):
        try:
            labels = sorted(labels)
        except TypeError:  # of several types
            labels = sorted(labels, key=repr)
    elif isinstance(labels, tuple):
        is_label = labels in known or any(part not in known for part in labels)
        labels = [labels] if is_label and labels else list(labels)
    elif isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
        labels = [labels]
    elif len(shape := getattr(labels, "shape", (0,))) != 1:
        raise ValueError(f"labels must be a list, got an array of shape {tuple(shape)}")
    return [label.item() if isinstance(label, np.generic) else label for label in labels]


def _is_all(labels: Any, known: Sequence[Hashable]) -> bool:
    return isinstance(labels, str) and labels == "all" and "all" not in known


def _nearest(label: Hashable, known: Sequence[Hashable]) -> str:
    """Question that suggests the known label of the closest spelling; empty if none is close."""
    named = {str(name).casefold(): name for name in known}
    near = difflib.get_close_matches(str(label).casefold(), named, n=1)
    return f"did you mean {named[near[0]]!r}? " if near else ""
