"""joblib's results as a stream, also on backends that can only return all of them at once.

Tasks run under scikit-learn's configuration (:func:`sklearn.config_context`) of the thread that
asks for them, as with :mod:`sklearn.utils.parallel`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any, Self

from joblib import Parallel, effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn import config_context, get_config

from sklearn_musiclime._runtime.compilation import compile_librosa

BLOCK_TASKS = 8
"""Tasks a worker in each block that a backend without streaming gets."""


class StreamingParallel:
    """A :class:`joblib.Parallel` that yields each result as soon as it and those before are there.

    Parameters
    ----------
    n_jobs : int or None, default=None
        Tasks at a time, on the joblib backend that is active.

    Examples
    --------
    >>> from joblib import delayed
    >>> from sklearn_musiclime._runtime.parallel import StreamingParallel
    >>> list(StreamingParallel()(delayed(abs)(i) for i in (-1, -2)))
    [1, 2]
    """

    def __init__(self, n_jobs: int | None = None):
        self._block, self._is_open = None, False
        prepare_workers(n_jobs)
        try:
            self._parallel = Parallel(n_jobs=n_jobs, return_as="generator")
        except ValueError:  # ray's backend can't; its results come in blocks
            self._parallel = Parallel(n_jobs=n_jobs)
            self._block = BLOCK_TASKS * effective_n_jobs(n_jobs)
        _mend_dask(get_active_backend()[0])

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
        config = get_config()  # of this thread: one of the backend's would have its own
        tasks = ((_configured, (config, task, *args), kwargs) for task, args, kwargs in tasks)
        if self._block is None:
            yield from self._parallel(tasks)
            return
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


def prepare_workers(n_jobs: int | None) -> None:
    """Do what has to be done once before processes of joblib's do it at the same time.

    Parameters
    ----------
    n_jobs : int or None
        Tasks at a time, on the joblib backend that is active.
    """
    is_of_threads = getattr(get_active_backend()[0], "supports_sharedmem", False)
    if effective_n_jobs(n_jobs) > 1 and not is_of_threads:
        compile_librosa()


def _configured(config: dict[str, Any], task: Callable, *args: Any, **kwargs: Any) -> Any:
    with config_context(**config):
        return task(*args, **kwargs)


def _mend_dask(backend: Any) -> None:
    """Have joblib's Dask backend (of 1.6 and before) see to it that no task is lost or misplaced.

    joblib waits for a callback, which this backend calls for results alone: a task that has killed
    several workers, or that none can unpickle, would be waited for for ever. And while a single
    worker is left joblib would do in this process what has just killed the others.

    The instance is mended, as a subclass would have to be registered, for all that the process
    does, before the user's ``parallel_config(backend="dask")`` makes one.
    """
    name = "submit" if hasattr(backend, "submit") else "apply_async"  # which it was before 1.5
    if type(backend).__name__ != "DaskDistributedBackend" or name in vars(backend):
        return
    submit, effective_n_jobs = getattr(backend, name), backend.effective_n_jobs

    def submit_and_watch(func: Any, callback: Any = None) -> Any:
        future = submit(func, callback)

        def pass_on(done: Any) -> None:
            error = None if done.cancelled() else done.exception()
            if error is not None and callback is not None:
                callback(error)

        future.add_done_callback(pass_on)
        return future

    setattr(backend, name, submit_and_watch)
    backend.effective_n_jobs = lambda n_jobs: max(effective_n_jobs(n_jobs), 2)
