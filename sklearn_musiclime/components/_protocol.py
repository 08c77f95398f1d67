"""How separators and segmenters are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from sklearn_musiclime._runtime import torch as _torch


def call_with_known(
    method: Callable[..., Any], waveform: Any, sampling_rate: float, **known: Any
) -> Any:
    """Call ``method(waveform, sampling_rate)`` with those of the `known` keywords that it takes.

    A separator or segmenter of two arguments is complete; one that asks for more of the song
    (``path``, ``lyrics``, ``word_times``) gets it by naming it.

    Parameters
    ----------
    method : callable
        A bound ``separate`` or ``segment``.
    waveform : ndarray of shape (n_samples,)
        The audio.
    sampling_rate : float
        Its rate in Hz.
    **known : object
        What else is known of the song.

    Returns
    -------
    object
        What the method returns.

    Warns
    -----
    UserWarning
        It runs a torch module in training mode.
    """
    wanted = {name: value for name, value in known.items() if takes(method, name)}
    owner = type(getattr(method, "__self__", method)).__name__
    with _torch.training_noticed(f"the {owner}"):
        return method(waveform, sampling_rate, **wanted)


def takes(method: Callable[..., Any], keyword: str) -> bool:
    """Say whether a method takes a keyword.

    Parameters
    ----------
    method : callable
        The method.
    keyword : str
        The name of a parameter.

    Returns
    -------
    bool
    """
    parameters = inspect.signature(method).parameters
    return keyword in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
