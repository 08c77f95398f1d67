"""Batches: as large as asked for, or as memory allows."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
"""What the RuntimeErrors of torch's allocators say."""


def in_batches(encode: Callable[[Any], Any], items: Sequence[Any], batch_size: int) -> Iterator:
    """Encode items batch by batch; a batch that memory does not hold is halved.

    Parameters
    ----------
    encode : callable
        Takes a slice of `items`.
    items : sequence
        Anything with a length and slices.
    batch_size : int
        Items of a batch. After a batch was too large, half as many.

    Yields
    ------
    object
        What `encode` returns for each batch, in order.

    Raises
    ------
    MemoryError, RuntimeError
        Memory does not hold a single item.

    Examples
    --------
    >>> from sklearn_musiclime.batches import in_batches
    >>> list(in_batches(sum, [1, 2, 3, 4, 5], 2))
    [3, 7, 5]
    """
    n_done = 0
    while n_done < len(items):
        batch = items[n_done : n_done + batch_size]
        try:
            encoded = encode(batch)
        except (RuntimeError, MemoryError) as error:
            if len(batch) == 1 or not is_out_of_memory(error):
                raise
            encoded = None
        if encoded is None:  # out of the handler, which would keep alive what filled the memory
            batch_size = len(batch) // 2
            _free_memory()
            warnings.warn(
                f"out of memory with a batch of {len(batch)}; going on with {batch_size}",
                RuntimeWarning,
            )
            continue
        n_done += len(batch)
        yield encoded


def is_out_of_memory(error: Exception) -> bool:
    """Say whether an error means that memory was short, the processor's or a device's.

    Parameters
    ----------
    error : Exception
        The error.

    Returns
    -------
    bool
    """
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in OUT_OF_MEMORY)


def _free_memory() -> None:
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
