"""joblib's results one after the other, on backends too that only return them all at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any, Self

from joblib import Parallel, effective_n_jobs

BLOCK_TASKS = 8
"""Tasks a worker that such a backend gets at a time."""


class StreamingParallel:
    """A :class:`joblib.Parallel` that yields.

    Parameters
    ----------
    n_jobs : int or None, default=None
        Tasks at a time, on the joblib backend that is active.

    Examples
    --------
    >>> from joblib import delayed
    >>> from sklearn_musiclime.streaming import StreamingParallel
    >>> list(StreamingParallel()(delayed(abs)(i) for i in (-1, -2)))
    [1, 2]
    """

    def __init__(self, n_jobs: int | None = None):
        self._block, self._is_open = None, False
        try:
            self._parallel = Parallel(n_jobs=n_jobs, return_as="generator")
        except ValueError:  # ray's backend can't; its results come in blocks
            self._parallel = Parallel(n_jobs=n_jobs)
            self._block = BLOCK_TASKS * effective_n_jobs(n_jobs)

    def __call__(self, tasks: Iterable[Any]) -> Iterator[Any]:
        """Yield the results of tasks, in their order.

        Parameters
        ----------
        tasks : iterable
            Made with :func:`joblib.delayed`.

        Yields
        ------
        object
        """
        if self._block is None:
            yield from self._parallel(tasks)
            return
        tasks = iter(tasks)
        # Such a backend would start its workers anew for every block.
        with nullcontext() if self._is_open else self:
            while block := list(islice(tasks, self._block)):
                yield from self._parallel(block)

    def __enter__(self) -> Self:
        """Keep the workers until the end of the context."""
        self._parallel.__enter__()
        self._is_open = True
        return self

    def __exit__(self, *error: object) -> None:
        self._is_open = False
        self._parallel.__exit__(*error)
