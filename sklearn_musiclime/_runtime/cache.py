"""Results that outlive the process: kept in a :class:`joblib.Memory` by what they were made from.

Two kinds of results are kept: the sources of a song, by its audio and the separator; and its
finished explanation, by the song's content and everything that decides the result. What is read
back is checked against a digest that was written with it, so an entry that a crash or a full disk
cut short is made anew, not believed.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

import joblib
from sklearn.utils.validation import check_memory

from sklearn_musiclime._runtime.files import replacing
from sklearn_musiclime._runtime.fingerprint import fingerprint

FORMAT = 2
"""Part of every key: raised when results of older releases are no longer what this one makes."""


class ResultCache:
    """Keeps results, if there is a place for them.

    A result that can't be kept, since the disk is full or may not be written, is none the less
    returned; :attr:`trouble` tells why.

    Parameters
    ----------
    memory : str, joblib.Memory or None
        The folder. None keeps nothing.

    Attributes
    ----------
    is_kept : bool
        Whether there is a folder.
    trouble : str or None
        Why the last result that could not be kept was not.

    Raises
    ------
    OSError
        The folder can't be made.
    ValueError
        The joblib.Memory keeps results elsewhere.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_musiclime._runtime.cache import ResultCache
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = ResultCache(folder)
    ...     first = cache.fetch("sum", "one and two", lambda: 1 + 2)
    ...     again = cache.fetch("sum", "one and two", lambda: 1 / 0)  # not called
    >>> first, again
    (3, 3)
    """

    def __init__(self, memory: str | joblib.Memory | None):
        if isinstance(memory, str | PathLike):
            memory = str(Path(memory).absolute())  # a worker may stand in another folder
        try:
            place = check_memory(memory)
        except OSError as error:
            raise OSError(
                error.errno, f"memory={memory!r} can't be made a folder: {error.strerror}"
            ) from error
        self.is_kept = getattr(place, "location", None) is not None
        self.trouble: str | None = None
        self._has_warned = False
        if self.is_kept:
            if getattr(place, "backend", None) != "local":
                raise ValueError(f"memory must keep results in a folder, and {memory!r} does not")
            # Laid out as joblib does, so that Memory.clear and Memory.reduce_size know the entries.
            self._folder = Path(place.store_backend.location).absolute() / "sklearn_musiclime"
            self._compress = place.compress

    def fetch(self, kind: str, key: str, compute: Callable[[], Any]) -> Any:
        """Return what was kept, or compute and keep it.

        Parameters
        ----------
        kind : str
            What it is.
        key : str
            All that it depends on, see :func:`~sklearn_musiclime._runtime.fingerprint.fingerprint`.
        compute : callable
            Makes it.

        Returns
        -------
        object
        """
        kept = self.find(kind, key)
        return self.keep(kind, key, compute()) if kept is None else kept

    def find(self, kind: str, key: str) -> Any:
        """Return what was kept.

        Parameters
        ----------
        kind : str
            What it is.
        key : str
            All that it depends on.

        Returns
        -------
        object or None
            None if nothing was kept, or nothing that is whole.
        """
        if not self.is_kept:
            return None
        with suppress(OSError):  # nothing there, or nothing that can be read: it is made anew
            digest, data = _split(self._path(kind, key).read_bytes())
            if hashlib.blake2b(data).digest() == digest:
                return joblib.load(io.BytesIO(data))
        return None

    def keep(self, kind: str, key: str, result: Any) -> Any:
        """Keep a result, if there is a place for it.

        Parameters
        ----------
        kind : str
            What it is.
        key : str
            All that it depends on.
        result : object
            The result.

        Returns
        -------
        object
            The result.
        """
        if not self.is_kept:
            return result
        path, data = self._path(kind, key), io.BytesIO()
        joblib.dump(result, data, compress=self._compress)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as (file,):
                file.write(hashlib.blake2b(data.getbuffer()).digest())
                file.write(data.getbuffer())
        except OSError as error:
            self.trouble = f"{self._folder}: {error.strerror or error}"
        return result

    def _path(self, kind: str, key: str) -> Path:
        return self._folder / kind / fingerprint(FORMAT, kind, key) / "output.pkl"

    def warn_once(self, trouble: str | None) -> None:
        """Warn of what keeps results from being kept, the first time that there is something.

        Parameters
        ----------
        trouble : str or None
            The :attr:`trouble` of this cache, or of a copy of it that a worker has.
        """
        if trouble is None or self._has_warned:
            return
        self._has_warned = True
        warnings.warn(
            f"memory can't keep all results, in {trouble}. The run goes on; what is not kept is "
            "made anew by the next one",
            RuntimeWarning,
        )


def _split(entry: bytes) -> tuple[bytes, memoryview]:
    """The digest of an entry, and what it should be the digest of."""
    n_bytes = hashlib.blake2b().digest_size
    return entry[:n_bytes], memoryview(entry)[n_bytes:]
