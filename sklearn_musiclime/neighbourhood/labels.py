"""Labels: the selection of the model outputs that are explained, and contrasts of two of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

MAX_SHOWN = 30
"""Largest number of labels that an error message lists."""
ROUNDING = 16 * np.finfo(np.float64).eps
"""Relative difference of two scores that is taken for none."""


@dataclass(frozen=True, order=True)
class Contrast:
    """A label that stands for one label rather than another: why Pop and not Hip-Hop.

    Its score is that of `label` minus that of `other`, both on the scale that is explained: with
    ``link="logit"`` the difference of their log-odds. It is a label like others: in ``labels=`` of
    :meth:`MusicLimeExplainer.explain <sklearn_musiclime.MusicLimeExplainer.explain>`, in tables,
    plots and pages. Both scores are those of the same masks, so that what moves both alike is in
    neither the weights of a contrast nor their errors.

    Attributes
    ----------
    label : label
        The label that is asked about.
    other : label
        The label that it is compared with.

    Raises
    ------
    ValueError
        Both are the same.
    TypeError
        One of them is a contrast.

    Examples
    --------
    >>> from sklearn_musiclime import Contrast
    >>> print(Contrast("Pop", "Hip-Hop"))
    Pop rather than Hip-Hop
    """

    label: Any
    other: Any

    def __post_init__(self) -> None:
        for name in ("label", "other"):
            value = getattr(self, name)
            if isinstance(value, Contrast):
                raise TypeError(f"a contrast is of two labels, and {value!r} is a contrast")
            if isinstance(value, np.generic):
                object.__setattr__(self, name, value.item())
        if self.label == self.other:
            raise ValueError(f"a contrast needs two labels, got {self.label!r} twice")

    def __str__(self) -> str:
        return f"{self.label} rather than {self.other}"


Column = int | Contrast
"""A column of the scores, or the contrast of two columns by their numbers."""


def explained_columns(scores: np.ndarray, columns: Sequence[Column]) -> np.ndarray:
    """Pick columns of scores, and subtract those of contrasts.

    Parameters
    ----------
    scores : ndarray of shape (..., n_columns)
        The scores.
    columns : sequence of int or Contrast
        The columns.

    Returns
    -------
    ndarray of shape (..., n_explained)
        Differences that may be due to rounding alone are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime import Contrast
    >>> from sklearn_musiclime.neighbourhood.labels import explained_columns
    >>> explained_columns(np.array([[0.75, 0.25]]), [1, Contrast(0, 1)])
    array([[0.25, 0.5 ]])
    """
    firsts = [c.label if isinstance(c, Contrast) else c for c in columns]
    picked = scores[..., firsts]
    for at, column in enumerate(columns):
        if isinstance(column, Contrast):
            first, other = picked[..., at], scores[..., column.other]
            difference = first - other
            is_none = np.abs(difference) <= ROUNDING * np.maximum(np.abs(first), np.abs(other))
            picked[..., at] = np.where(is_none, 0.0, difference)
    return picked


def columns_read(columns: Iterable[Column]) -> list[int]:
    """List the columns of the scores that are explained, those of contrasts one by one.

    Parameters
    ----------
    columns : iterable of int or Contrast
        The columns.

    Returns
    -------
    list of int
        Each once, in the order of their first occurrence.
    """
    parts = ((c.label, c.other) if isinstance(c, Contrast) else (c,) for c in columns)
    return list(dict.fromkeys(part for own in parts for part in own))


def label_of(column: Column, known: Any) -> Any:
    """Return what stands for a column, and for a contrast of two columns the contrast of these.

    Parameters
    ----------
    column : int or Contrast
        The column.
    known : sequence or mapping
        What stands for each column, such as its label.

    Returns
    -------
    label
    """
    if isinstance(column, Contrast):
        return Contrast(known[column.label], known[column.other])
    return known[column]


def select_labels(
    labels: Any,
    known: Sequence[Hashable],
    default: Callable[[], Sequence[Column]],
    scores: np.ndarray,
    outputs: Sequence[int] | None = None,
) -> list[Column]:
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
    list of int or Contrast
        Columns in the requested order; those of a set in sorted order of the labels, those of a
        number of labels from the highest score down. A :class:`Contrast` of labels becomes one of
        their columns.

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
        return [*outputs]
    if is_number_of_labels(labels):
        if not 1 <= labels <= len(outputs):
            raise ValueError(
                f"labels={labels} is a number of labels, and the model has {len(outputs)}; "
                f"labels=[{labels}] is the label {labels}"
            )
        ranked = sorted(outputs, key=lambda column: -scores[column])
        return [*ranked[: int(labels)]]
    wanted = listed(labels, known)
    check_labels(wanted, known)
    return [
        Contrast(known.index(label.label), known.index(label.other))
        if isinstance(label, Contrast) and label not in known
        else known.index(label)
        for label in wanted
    ]


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
    unknown = [
        part
        for label in wanted
        if label not in known
        for part in ((label.label, label.other) if isinstance(label, Contrast) else (label,))
        if part not in known
    ]
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
