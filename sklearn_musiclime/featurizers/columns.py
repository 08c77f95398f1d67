"""Conversion of the input of featurizers, one column of X, to a list of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from sklearn_musiclime._runtime.polars import as_pandas, schema
from sklearn_musiclime.neighbourhood.audio_column import PerturbedAudio
from sklearn_musiclime.songs import PCM_SCALES, read_lyrics


def perturbed_audio(X: Any) -> PerturbedAudio | None:
    """Return the :class:`PerturbedAudio` behind a column, if the column is one.

    Parameters
    ----------
    X : audio column
        The column.

    Returns
    -------
    PerturbedAudio or None
        None for any other column, and for perturbed audio whose cells have been changed.
    """
    if isinstance(X, pd.DataFrame) and X.shape[1] == 1:
        X = X.iloc[:, 0]
    array = X.array if isinstance(X, pd.Series) else X
    return array if isinstance(array, PerturbedAudio) and array.is_perturbed else None


def audio_cells(X: Any) -> tuple[Sequence[Any], int]:
    """Return the cells of an audio column.

    Parameters
    ----------
    X : audio column of n_songs cells
        A Series, list or object array of audio cells, a DataFrame with one column, or a 2-D float
        array in which each row is a waveform.

    Returns
    -------
    cells : sequence
        Audio cells, see :func:`~sklearn_musiclime.songs.read_audio`.
    n_features : int
        Number of columns for ``n_features_in_``: the samples of a 2-D array, else 1.

    Raises
    ------
    TypeError, ValueError
        `X` has several columns that are not numeric.
    """
    X = as_pandas(X)
    if isinstance(X, pd.DataFrame):
        if X.shape[1] == 1:
            return X.iloc[:, 0].tolist(), 1
        X = X.to_numpy()
    if isinstance(X, pd.Series):
        return X.tolist(), 1
    if isinstance(X, np.ndarray) and X.dtype.kind in "OUT" and X.ndim <= 2 and X.size == len(X):
        return X.ravel().tolist(), 1
    if isinstance(X, np.ndarray) or not isinstance(X, Sequence):
        if isinstance(X, np.ndarray) and X.dtype == object:
            X = _numbers(X)
        waveforms = check_array(X, dtype="numeric")
        if waveforms.dtype.kind in "iu" and waveforms.dtype.name not in PCM_SCALES:
            # Integers of a type that is not PCM audio are samples as they are, not to be scaled.
            waveforms = waveforms.astype(np.float64)
        return list(waveforms), waveforms.shape[1]
    return X, 1


def remember_columns(estimator: BaseEstimator, X: Any, n_features: int) -> None:
    """Set ``n_features_in_`` of an estimator and, from a DataFrame, ``feature_names_in_``.

    Parameters
    ----------
    estimator : estimator
        The estimator, which is changed.
    X : column of n_songs cells
        The input of ``fit``.
    n_features : int
        Number of columns, used where `X` has no names.
    """
    has_names = isinstance(X, pd.DataFrame) or schema(X) is not None
    validate_data(estimator, X if has_names else np.empty((1, n_features)), skip_check_array=True)


def remember_audio(estimator: BaseEstimator, X: Any) -> None:
    """Set ``n_features_in_`` and ``feature_names_in_`` of an estimator of audio.

    Parameters
    ----------
    estimator : estimator
        The estimator, which is changed.
    X : audio column
        The input of ``fit``.
    """
    remember_columns(estimator, X, 1 if perturbed_audio(X) is not None else audio_cells(X)[1])


def lyrics_cells(X: Any) -> list[str]:
    """Check a column of lyrics and return its cells.

    Parameters
    ----------
    X : lyrics column of n_songs cells
        A Series, list or array of str, or a DataFrame or array with one column.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        There is more than one column, or the column is a single text.
    InvalidSongError
        A cell is not a text; the message names its row.
    """
    if isinstance(X, str):
        raise ValueError("a text where a column of texts should be; put it in a list")
    X = as_pandas(X)
    if isinstance(X, pd.DataFrame | np.ndarray):
        if X.ndim > 2 or (X.ndim == 2 and X.shape[1] != 1):
            raise ValueError(f"lyrics of shape {X.shape}, where one column should be")
        X = np.asarray(X, dtype=object).ravel()
    return [read_lyrics(cell, row=row, perturbed=True) for row, cell in enumerate(X)]


def _numbers(X: np.ndarray) -> np.ndarray:
    """Convert an object array to float64."""
    try:
        return X.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{error}. An array of shape {X.shape} holds waveforms, a row each; songs of other "
            "kinds are one column"
        ) from error
