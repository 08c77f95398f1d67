"""Towers: encoders of audio or of texts, of several kinds, as functions to arrays of vectors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklearn_musiclime._runtime import torch as _torch
from sklearn_musiclime._runtime.memory import in_batches
from sklearn_musiclime.neighbourhood.responses import as_array
from sklearn_musiclime.songs import read_audio

Tokenizer = Callable[[list[str]], Any]
"""A function from texts to what a text tower takes: a tensor, or keyword arguments."""


def check_tower(tower: Any, name: str) -> None:
    """Check that a tower is of a kind that can be used, and fitted.

    Parameters
    ----------
    tower : transformer, torch.nn.Module or callable
        The tower.
    name : str
        The parameter that it is, for error messages.

    Raises
    ------
    TypeError
        It is none of these.
    NotFittedError
        It is a transformer that was not fitted.
    """
    if not hasattr(tower, "transform") and not callable(tower):
        raise TypeError(
            f"{name} must be a function, a torch module or a fitted transformer, got "
            f"{type(tower).__name__}"
        )
    if isinstance(tower, BaseEstimator) and hasattr(tower, "fit"):
        try:
            check_is_fitted(tower)
        except NotFittedError as error:
            raise NotFittedError(
                f"{name} is a {type(tower).__name__} that was not fitted; towers are used as they "
                "are, so fit it before"
            ) from error


def audio_vectors(tower: Any, column: Any, sampling_rate: float, batch_size: int) -> np.ndarray:
    """Encode a column of audio.

    Parameters
    ----------
    tower : transformer, torch.nn.Module or callable
        A transformer gets the column. A module gets a tensor of shape (n_songs, n_samples), of
        songs of one length. Any other function gets a list of waveforms.
    column : Series, list or object array of n_songs audio cells
        The songs.
    sampling_rate : float
        Rate, in Hz, of the waveforms that modules and functions get.
    batch_size : int
        Largest number of songs in a call of a module or function.

    Returns
    -------
    ndarray of shape (n_songs, n_dimensions), dtype float64

    Raises
    ------
    InvalidSongError
        A cell can't be read as audio; the message names its row.
    ValueError
        The tower returned something else than a finite vector for each song.
    """
    if _is_transformer(tower):
        return _as_vectors(tower.transform(column), len(column), "audio_encoder")
    cells = column.array if isinstance(column, pd.Series) else column

    def encode(rows: Sequence[int]) -> np.ndarray:
        waveforms = [read_audio(cells[row], sampling_rate, row=row) for row in rows]
        if not _is_module(tower):
            return _as_vectors(tower(waveforms), len(rows), "audio_encoder")
        return _encode_by_length(tower, waveforms)

    return np.concatenate(list(in_batches(encode, range(len(column)), batch_size)))


def text_vectors(
    tower: Any, column: Any, tokenizer: Tokenizer | None, batch_size: int
) -> np.ndarray:
    """Encode a column of texts.

    Parameters
    ----------
    tower : transformer, torch.nn.Module or callable
        A transformer gets the column, any other function a list of texts.
    column : Series, list or object array of n_texts str
        The texts.
    tokenizer : callable or None
        Converts a list of texts to what a module or function gets in their place: a mapping to
        keyword arguments, or a single value.
    batch_size : int
        Largest number of texts in a call of a module or function.

    Returns
    -------
    ndarray of shape (n_texts, n_dimensions), dtype float64

    Raises
    ------
    ValueError
        The tower returned something else than a finite vector for each text.
    """
    if _is_transformer(tower):
        return _as_vectors(tower.transform(column), len(column), "text_encoder")

    def encode(texts: list[str]) -> np.ndarray:
        inputs = texts if tokenizer is None else tokenizer(texts)
        return _as_vectors(_run(tower, inputs), len(texts), "text_encoder")

    return np.concatenate(list(in_batches(encode, list(column), batch_size)))


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors to length 1; zero vectors stay zero.

    Parameters
    ----------
    vectors : ndarray of shape (n_vectors, n_dimensions)
        The vectors.

    Returns
    -------
    ndarray of shape (n_vectors, n_dimensions)
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def _encode_by_length(tower: Any, waveforms: list[np.ndarray]) -> np.ndarray:
    """Encode songs by a module, those of the same length together."""
    import torch

    lengths = np.array([len(waveform) for waveform in waveforms])
    alike = [np.flatnonzero(lengths == length) for length in np.unique(lengths)]
    parts = []
    for rows in alike:
        songs = torch.from_numpy(np.stack([waveforms[row] for row in rows]))
        parts.append(_as_vectors(_run(tower, songs), len(rows), "audio_encoder"))
    return np.concatenate(parts)[np.argsort(np.concatenate(alike))]


def _run(tower: Any, inputs: Any) -> Any:
    """Call a tower; a module on its device, in evaluation mode and without gradients."""
    arguments = inputs if isinstance(inputs, Mapping) else {}
    values = () if isinstance(inputs, Mapping) else (inputs,)
    if not _is_module(tower):
        return tower(*values, **arguments)
    tensors = chain(tower.parameters(), tower.buffers())
    device = next((tensor.device for tensor in tensors), _torch.pick_device("cpu"))
    values = tuple(_moved(value, device) for value in values)
    arguments = {name: _moved(value, device) for name, value in arguments.items()}
    with _torch.inference(), _torch.at_work(tower, device):
        return tower(*values, **arguments)


def _moved(value: Any, device: Any) -> Any:
    return value.to(device) if hasattr(value, "to") else value


def _is_transformer(tower: Any) -> bool:
    """Whether a tower takes columns; a module may have a part that is called transform."""
    return hasattr(tower, "transform") and not _is_module(tower)


def _is_module(tower: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(tower, torch.nn.Module)


def _as_vectors(returned: Any, n: int, name: str) -> np.ndarray:
    """Check what a tower returned for n cells, as an array in double precision."""
    vectors = as_array(returned)
    if vectors.ndim != 2 or len(vectors) != n or vectors.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} returned a {type(returned).__name__} of shape {vectors.shape} and type "
            f"{vectors.dtype} for {n} cells, where an array of numbers of shape ({n}, "
            "n_dimensions) should be"
        )
    n_bad = n - np.count_nonzero(np.isfinite(vectors).all(axis=1))
    if n_bad:
        raise ValueError(f"{name} returned NaN or infinite values for {n_bad} of {n} cells")
    return vectors.astype(np.float64)
