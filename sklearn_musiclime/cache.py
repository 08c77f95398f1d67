"""Results that outlive the process: kept in a :class:`joblib.Memory` by what they were made from.

Two kinds of results are kept: the sources of a song, by its audio and the separator; and its
finished explanation, by the song's content and everything that decides the result. What is read
back is checked against a digest that was written with it, so an entry that a crash or a full disk
cut short is made anew, not believed.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
import sysconfig
import types
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from numbers import Number
from os import PathLike
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from joblib.hashing import NumpyHasher
from sklearn.utils.validation import check_memory

from sklearn_musiclime._files import replacing
from sklearn_musiclime._torch import tensor_bytes, weights_digest

FORMAT = 1
"""Part of every key: raised when results of older releases are no longer what this one makes."""
CHUNK_BYTES = 2**20


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
    >>> from sklearn_musiclime.cache import ResultCache
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
            memory = check_memory(memory)
        except OSError as error:
            raise OSError(
                error.errno, f"memory={memory!r} can't be made a folder: {error.strerror}"
            ) from error
        self.is_kept = getattr(memory, "location", None) is not None
        self.trouble: str | None = None
        self._has_warned = False
        if self.is_kept:
            if getattr(memory, "backend", None) != "local":
                raise ValueError(f"memory must keep results in a folder, and {memory!r} does not")
            # Laid out as joblib does, so that Memory.clear and Memory.reduce_size know the entries.
            self._folder = Path(memory.store_backend.location).absolute() / "sklearn_musiclime"
            self._compress = memory.compress

    def fetch(self, kind: str, key: str, compute: Callable[[], Any]) -> Any:
        """Return what was kept, or compute and keep it.

        Parameters
        ----------
        kind : str
            What it is.
        key : str
            All that it depends on, see :func:`fingerprint`.
        compute : callable
            Makes it.

        Returns
        -------
        object
        """
        if not self.is_kept:
            return compute()
        path = self._folder / kind / fingerprint(FORMAT, kind, key) / "output.pkl"
        with suppress(OSError):  # nothing there, or nothing that can be read: it is made anew
            digest, data = _split(path.read_bytes())
            if hashlib.blake2b(data).digest() == digest:
                return joblib.load(io.BytesIO(data))
        result = compute()
        data = io.BytesIO()
        joblib.dump(result, data, compress=self._compress)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as (file,):
                file.write(hashlib.blake2b(data.getbuffer()).digest())
                file.write(data.getbuffer())
        except OSError as error:
            self.trouble = f"{self._folder}: {error.strerror or error}"
        return result

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


def fingerprint(*values: Any) -> str:
    """Hash values of any kind: equal in every process for what is equal.

    Estimators, arrays and networks are told apart by their content. A function is told apart by its
    code, its defaults, and the variables that it reads from around it; of the code that it calls
    only what stands in its own module. A class is told apart by the code of its methods, unless it
    is of an installed package; then by its name.

    Parameters
    ----------
    *values : object
        What is hashed.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        A value can't be hashed.

    Examples
    --------
    >>> from sklearn_musiclime.cache import fingerprint
    >>> def plus(n):
    ...     return lambda x: x + n
    >>> fingerprint(plus(1)) == fingerprint(plus(1)), fingerprint(plus(1)) == fingerprint(plus(2))
    (True, False)
    """
    try:
        return _Hasher("md5").hash(values)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise ValueError(
            f"memory= keeps results by the content of what made them, and this can't be hashed: "
            f"{error.args[0] if error.args else error}. Make the model an estimator whose "
            "attributes can be pickled, or do without memory"
        ) from error


class _Hasher(NumpyHasher):
    """joblib's hash, but for functions, which it would tell apart by their names alone."""

    def __init__(self, hash_name: str):
        super().__init__(hash_name)
        self._seen: set[types.FunctionType | type] = set()

    def save(self, obj: Any) -> None:
        if isinstance(obj, types.FunctionType):
            obj = self._description(obj)
        elif isinstance(obj, type):
            if obj not in self._seen and _is_edited_here(obj.__module__):
                self._seen.add(obj)
                obj = (obj.__module__, obj.__qualname__, _methods(obj))
        elif _is_a(obj, "torch.nn", "Module"):
            # What a network caches, and how its tensors lie in memory, is no part of it.
            settings = [_settings(module) for module in obj.modules()]
            kinds = list(dict.fromkeys(map(type, obj.modules())))
            obj = (type(obj).__qualname__, repr(obj), settings, kinds, weights_digest(obj))
        elif _is_a(obj, "torch", "Tensor"):
            obj = (str(obj.dtype), tuple(obj.shape), tensor_bytes(obj))
        elif _is_a(obj, "transformers", "PreTrainedTokenizerBase"):  # remembers its last call
            obj = (type(obj).__qualname__, sorted(obj.get_vocab().items()), obj.special_tokens_map)
        super().save(obj)

    def _description(self, function: types.FunctionType) -> tuple:
        name = (function.__module__, function.__qualname__)
        if function in self._seen:
            return name
        self._seen.add(function)
        code = function.__code__
        around = {
            other: value
            for other, value in function.__globals__.items()
            if other in _names(code) and _is_own(value, function.__module__)
        }
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        defaults = (function.__defaults__, function.__kwdefaults__)
        return (name, _instructions(code), defaults, cells, sorted(around.items()))


def _is_a(value: Any, module: str, name: str) -> bool:
    """Whether a value is of a class of a module that nobody else need have loaded."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(value, kind)


def _settings(module: Any) -> list[tuple[str, Any]]:
    """What a network was made with, as far as numbers, words and tensors say it."""
    return sorted(
        (name, value)
        for name, value in vars(module).items()
        if name[0] != "_" and name != "training" and _is_setting(value)
    )


def _is_setting(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_setting, value))
    return isinstance(value, (Number, str)) or _is_a(value, "torch", "Tensor")


def _is_own(value: Any, module: str) -> bool:
    """Whether a function's result may change with a global that is neither code nor of others."""
    if isinstance(value, (types.FunctionType, type)):
        return isinstance(value, types.FunctionType) and value.__module__ == module
    return not isinstance(value, (types.ModuleType, types.BuiltinFunctionType, np.ufunc))


@cache
def _is_edited_here(module: str) -> bool:
    """Whether a module is a user's own, or a notebook, and no installed package's."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return module == "__main__"
    installed = {
        sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")
    }
    return not any(Path(file).is_relative_to(folder) for folder in installed)


def _methods(kind: type) -> list[tuple[str, tuple]]:
    """What the methods of a class do, those that it inherits from users' classes too."""
    found = {}
    for base in reversed(kind.__mro__):
        if _is_edited_here(base.__module__):
            for name, value in vars(base).items():
                function = getattr(value, "fget", None) or getattr(value, "__func__", value)
                if isinstance(function, types.FunctionType):
                    found[name] = _instructions(function.__code__)
    return sorted(found.items())


def _names(code: types.CodeType) -> set[str]:
    """The names that code, and code inside it, looks up."""
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _instructions(code: types.CodeType) -> tuple:
    """What code does, wherever it stands in whatever file."""
    constants = [_instructions(c) if isinstance(c, types.CodeType) else c for c in code.co_consts]
    return (code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars)


def file_digest(path: str | PathLike[str]) -> str:
    """Hash the content of a file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    str
    """
    digest = hashlib.blake2b(digest_size=16)
    with Path(path).open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
