"""The memory of arrays in worker processes."""

from __future__ import annotations

import ctypes
import platform
import sys
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 2**25
"""32 MiB, the highest threshold that glibc takes."""


@cache
def keep_freed_memory() -> None:
    """Have this process reuse the memory of arrays.

    By default glibc gives the memory of every large array back to the system, in a fresh process
    and even more so where ``MALLOC_TRIM_THRESHOLD_`` is set, as Dask does for its workers; up to
    half of the time then goes into getting it back page by page. Other systems and C libraries
    are left alone.
    """
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, 2 * KEPT_BYTES)
