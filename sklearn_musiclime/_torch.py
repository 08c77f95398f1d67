"""Running torch models, which most of the package does without.

Nothing here imports torch before it is asked to. Three things make trouble where models meet
joblib, and are settled here once: threads that all call one model (tokenizers can't be shared, and
n models of m threads each take turns on the processors), processes that are forked while torch's
threads wait (the child waits for them for ever), and devices without memory
(:mod:`sklearn_musiclime.batches`).
"""

from __future__ import annotations

import hashlib
import importlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
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
        digest.update(memory_of(tensor))
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
