"""Running torch models, which most of the package does without.

Nothing here imports torch before it is asked to. Three things make trouble where models meet
joblib, and are settled here once: threads that all call one model (tokenizers can't be shared, and
n models of m threads each take turns on the processors), processes that are forked while torch's
threads wait (the child waits for them for ever), and devices without memory
(:mod:`sklearn_musiclime._runtime.memory`).
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch

_LOCK = threading.RLock()


def load(module: str, who: str, *, extra: str = "deep") -> Any:
    """Import a module that an extra of the package brings.

    Parameters
    ----------
    module : str
        Its name, such as "torch".
    who : str
        The class that needs it.
    extra : str, default="deep"
        The extra.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        It is not installed; the message says how to install it.
    """
    try:
        loaded = importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{who} needs {module.partition('.')[0]}: pip install sklearn-musiclime[{extra}] "
            f"({error})"
        ) from error
    _outlive_forks()
    return loaded


def pick_device(device: str | None) -> torch.device:
    """Find the device that models run on.

    Parameters
    ----------
    device : str or None
        A device as torch names it. None: a GPU ("cuda", "mps") if there is one, else "cpu".

    Returns
    -------
    torch.device
    """
    import torch

    if device is None:
        device = "cpu"
        if torch.cuda.is_available():
            device = "cuda"
        elif torch.backends.mps.is_available():
            device = "mps"
    return torch.device(device)


@contextmanager
def exclusive() -> Iterator[None]:
    """Have torch to oneself: one thread of the process at a time.

    Each forward pass uses all of torch's threads anyway, and neither loading a model nor its
    tokenizer may be done by two at once.
    """
    with _LOCK:
        yield


@contextmanager
def inference() -> Iterator[None]:
    """Have torch to oneself, without gradients."""
    import torch

    with exclusive(), torch.inference_mode():
        yield


@contextmanager
def at_work(model: Any, device: torch.device, *, stays: bool = False) -> Iterator[None]:
    """Put a module on a device and into evaluation mode, and restore both afterwards.

    Parameters
    ----------
    model : torch.nn.Module or callable
        The module; anything else is left alone.
    device : torch.device
        The device.
    stays : bool, default=False
        Whether it stays on the device, for models that are called over and over.
    """
    import torch

    if not isinstance(model, torch.nn.Module):
        yield
        return
    modes = [(module, module.training) for module in model.modules()]
    tensors = chain(model.parameters(), model.buffers())
    home = next((tensor.device for tensor in tensors), device)
    try:
        # Weights that are moved in inference mode could not be trained afterwards.
        with torch.inference_mode(False):
            model.to(device)
        model.eval()
        yield
    finally:
        with torch.inference_mode(False):
            model.to(device if stays else home)
        for module, mode in modes:
            module.training = mode


@contextmanager
def training_noticed(what: str) -> Iterator[None]:
    """Warn if a network runs meanwhile that is in training mode, where its answers vary.

    Parameters
    ----------
    what : str
        What runs it, for the message: "the model", "the separator".

    Warns
    -----
    UserWarning
        A layer that does something else in training than afterwards (dropout, batch normalisation)
        belongs to a module that was called in training mode. A network that its owner puts into
        evaluation mode for the call is none.

    Examples
    --------
    >>> import torch
    >>> from sklearn_musiclime._runtime import torch as _torch
    >>> network = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Dropout())
    >>> with _torch.training_noticed("the model"):
    ...     _ = network.eval()(torch.ones(1, 4))
    """
    if sys.modules.get("torch") is None:  # nothing has loaded a network
        yield
        return
    import torch

    found: list[tuple[str, str]] = []

    def notice(module: torch.nn.Module, _: tuple) -> None:
        # Of what is being compiled, the module around it has been seen before.
        if torch.compiler.is_compiling() or found or not module.training:
            return
        layer = next(filter(_varies_in_training, module.modules()), None)
        if layer is not None:
            found.append((type(module).__name__, type(layer).__name__))

    handle = torch.nn.modules.module.register_module_forward_pre_hook(notice)
    try:
        yield
    finally:
        handle.remove()
        # Where the call fails, too: batch normalisation can't be trained by a single song.
        for network, layer in found:
            warnings.warn(
                f"{what} runs a {network} in training mode, where its {layer} makes answers vary: "
                "call .eval() on it, or its training mode is what gets explained",
                UserWarning,
                stacklevel=3,  # behind contextlib
            )


def _varies_in_training(layer: torch.nn.Module) -> bool:
    """Whether a layer is in training mode and does something else there than afterwards."""
    import torch

    if not layer.training:
        return False
    if isinstance(layer, torch.nn.modules.batchnorm._NormBase):
        return layer.track_running_stats
    if isinstance(layer, torch.nn.modules.dropout._DropoutNd):
        return layer.p > 0
    if isinstance(layer, (torch.nn.RNNBase, torch.nn.MultiheadAttention)):
        return layer.dropout > 0
    return isinstance(layer, torch.nn.RReLU)


def weights_digest(model: torch.nn.Module) -> str:
    """Hash a model's weights: equal in every process, on every device.

    Parameters
    ----------
    model : torch.nn.Module
        The model.

    Returns
    -------
    str
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(memory_of(tensor).data)
    return digest.hexdigest()


def memory_of(tensor: torch.Tensor) -> np.ndarray:
    """Return the memory of what a tensor holds, of whatever type, on whatever device.

    Parameters
    ----------
    tensor : torch.Tensor
        The tensor.

    Returns
    -------
    ndarray of shape (n_bytes,), dtype uint8
        No copy, where the values lie one after the other in the processor's memory.
    """
    import torch

    flat = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy()


@cache
def _outlive_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    """Make a child do without its parent's threads, which it does not have."""
    global _LOCK
    import torch

    _LOCK = threading.RLock()
    torch.set_num_threads(1)
