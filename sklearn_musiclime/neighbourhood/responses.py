"""What models return: conversion to arrays of scores, names of the columns, and checks."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from sklearn_musiclime.neighbourhood.labels import listed


@dataclass(frozen=True, eq=False)
class Answer:
    """A model's scores of songs, and the names that it gives their columns.

    Attributes
    ----------
    scores : ndarray of shape (n_songs, n_labels), dtype float64
        The scores.
    names : list or None
        Column names of the DataFrame that the model returned. None: it returned an array, or it has
        classes, which the columns are in the order of.
    """

    scores: np.ndarray
    names: list[Hashable] | None


def as_array(response: Any) -> np.ndarray:
    """Copy the output of a model, which may reuse its memory in the next call, to an array.

    Parameters
    ----------
    response : array-like, sparse array, DataFrame or tensor
        Output of the model. A tensor may be on any device and require a gradient.

    Returns
    -------
    ndarray
        The copy.

    Raises
    ------
    ValueError
        The output can't be converted, such as a ragged list, or has masked values.
    """
    if scipy.sparse.issparse(response):
        return response.toarray()
    if hasattr(response, "detach"):
        response = response.detach().cpu()
        # numpy has no bfloat16.
        response = (response.double() if response.is_floating_point() else response).numpy()
    if np.ma.is_masked(response):
        raise ValueError("the model returned masked values where scores should be")
    try:
        return np.array(response)
    except ValueError as error:
        raise ValueError(f"the model returned no array: {error}") from error


def check_n_labels(scores: np.ndarray, n_labels: int) -> None:
    """Check that a model scores the same number of labels in each call.

    Parameters
    ----------
    scores : ndarray of shape (n_songs, n_labels)
        Scores of this call.
    n_labels : int
        Number of labels in an earlier call.

    Raises
    ------
    ValueError
        The numbers differ.
    """
    if scores.shape[1] != n_labels:
        raise ValueError(
            f"the model scored {n_labels} label(s) in one call and {scores.shape[1]} in another"
        )


def is_same_answer(scores: np.ndarray, others: np.ndarray, among: np.ndarray) -> bool:
    """Compare two scorings of one song, up to a tolerance for the model's rounding.

    Parameters
    ----------
    scores, others : ndarray of shape (n_labels,)
        Scores of the song.
    among : ndarray of shape (n_songs, n_labels)
        Scores of the song and its perturbed songs, whose range sets the tolerance.

    Returns
    -------
    bool
        Whether the scores of each label differ by at most a thousandth of its range in `among` plus
        32 machine epsilons of single precision times its largest absolute score.
    """
    halves = among / 2  # halves don't overflow
    size = np.abs(halves).max(axis=0, initial=1e-12)
    allowed = 1e-3 * np.ptp(halves, axis=0) + 32 * np.finfo(np.float32).eps * size
    return bool((np.abs(scores / 2 - others / 2) <= allowed).all())


def as_scores(response: Any) -> np.ndarray:
    """Numbers that a model returned, in double precision; ValueError for other values."""
    array = as_array(response)
    if array.dtype == object and all(isinstance(value, Real) for value in array.flat):
        try:
            return array.astype(np.float64)
        except OverflowError as error:
            raise ValueError(f"the model returned numbers that are too large: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"the model returned {array.dtype} values where numbers should be")
    with np.errstate(over="ignore"):  # values beyond double precision become infinite
        return array.astype(np.float64, copy=False)


def n_dim(value: Any) -> int | None:
    """Number of dimensions of an array-like; None for ragged lists."""
    if hasattr(value, "ndim"):
        return value.ndim
    try:
        return np.ndim(value)
    except ValueError:  # ragged
        return None


def column_names(response: Any, n_columns: int) -> list[Hashable] | None:
    """Column names of a returned DataFrame; None for arrays, default names and duplicates."""
    columns = getattr(response, "columns", None)
    if columns is None or isinstance(columns, pd.RangeIndex) or len(columns) != n_columns:
        return None
    names = listed(columns, [])
    return names if len(set(names)) == len(names) else None
