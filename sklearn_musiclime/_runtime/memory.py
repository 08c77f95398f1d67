"""Memory: batches that are halved when it runs out, and reuse of freed arrays by workers."""

from __future__ import annotations

import ctypes
import gc
import platform
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Protocol

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
"""Texts in the RuntimeErrors of torch's allocators."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt``, as malloc.h numbers them."""
KEPT_BYTES = 2**25
"""32 MiB, the highest threshold that glibc takes."""


class Sliceable(Protocol):
    """Anything with a length and slices."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> Any: ...


def in_batches(encode: Callable[[Any], Any], items: Sliceable, batch_size: int) -> Iterator:
    """Encode items batch by batch; a batch that is too large for memory is halved.

    Parameters
    ----------
    encode : callable
        Takes a slice of `items`.
    items : list, ndarray or other sequence
        Anything with a length and slices.
    batch_size : int
        Items in a batch; halved whenever a batch was too large.

    Yields
    ------
    object
        What `encode` returns for each batch, in order.

    Raises
    ------
    MemoryError, RuntimeError
        A single item is too large for memory.

    Examples
    --------
    >>> from sklearn_musiclime._runtime.memory import in_batches
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
    """Say whether an error means that memory ran out, the processor's or a device's.

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


@cache
def keep_freed_memory() -> None:
    """Have this process keep the memory of freed arrays for the next ones.

    By default glibc gives the memory of every large array back to the system, in a fresh process
    and even more so where ``MALLOC_TRIM_THRESHOLD_`` is set, as Dask does for its workers. Getting
    it back page by page then takes 30 % of the time to score the perturbed songs of a 15 s clip by
    a model of spectral statistics, and 60 % where the variable is set. Other systems and C
    libraries are left alone.
    """
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, 2 * KEPT_BYTES)
