"""Calling separators and segmenters with the optional arguments that they accept."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from sklearn_musiclime._runtime import torch as _torch


def call_with_known(
    method: Callable[..., Any], waveform: Any, sampling_rate: float, **known: Any
) -> Any:
    """Call ``method(waveform, sampling_rate)`` with those keywords of `known` that it accepts.

    A separator or segmenter needs the two positional parameters only. To be given more of the song
    (``path``, ``span``, ``lyrics``, ``word_times``), it declares a parameter of that name.

    Parameters
    ----------
    method : callable
        The ``separate`` method of a separator or the ``segment`` method of a segmenter.
    waveform : ndarray of shape (n_samples,)
        The audio.
    sampling_rate : float
        Its rate in Hz.
    **known : object
        Further properties of the song, by name.

    Returns
    -------
    object
        The return value of the method.

    Warns
    -----
    UserWarning
        The method runs a torch module that is in training mode.
    """
    wanted = {name: value for name, value in known.items() if takes(method, name)}
    owner = type(getattr(method, "__self__", method)).__name__
    with _torch.training_noticed(f"the {owner}"):
        return method(waveform, sampling_rate, **wanted)


def takes(method: Callable[..., Any], keyword: str) -> bool:
    """Return whether a method accepts a keyword argument.

    Parameters
    ----------
    method : callable
        The method.
    keyword : str
        The name of the argument.

    Returns
    -------
    bool
        True if the method has a parameter of that name, or ``**kwargs``.
    """
    parameters = inspect.signature(method).parameters
    return keyword in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
