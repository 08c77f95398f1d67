"""Files that are written whole or not at all: a full disk leaves what was there before."""

from __future__ import annotations

import io
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from scipy.io import wavfile


@contextmanager
def replacing(*paths: str | PathLike[str], durable: bool = False) -> Iterator[list[BinaryIO]]:
    """Open files that take the place of others once all of them are written.

    Whatever ends the writing before, an interrupt too, the earlier files stay as they were and
    nothing is left beside them. A file that is replaced keeps its mode and, as far as the system
    allows, its owner and group; a new one gets the usual mode.

    Parameters
    ----------
    *paths : path-like
        The files; they need not exist. A device or a pipe is written to as it is, and of a link the
        file that it points to is replaced.
    durable : bool, default=False
        Whether the files are on the disk, and not only with the system, before they take their
        names: a power cut then leaves the earlier file or the new one, too.

    Yields
    ------
    list of binary file
        Open for writing, in the order of the paths.

    Raises
    ------
    OSError
        A file can't be written; the error names it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_musiclime._runtime.files import replacing
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "page.html"
    ...     _ = path.write_text("whole")
    ...     try:
    ...         with replacing(path) as (file,):
    ...             _ = file.write(b"half")
    ...             raise KeyboardInterrupt
    ...     except KeyboardInterrupt:
    ...         [p.name for p in path.parent.iterdir()], path.read_text()
    (['page.html'], 'whole')
    """
    files: list[BinaryIO] = []
    moves: list[tuple[str, str]] = []
    with ExitStack() as undo:
        for path in map(os.path.realpath, paths):
            if os.path.exists(path) and not os.path.isfile(path):
                files.append(io.BufferedWriter(_Named(path, path, "wb")))
                continue
            temporary = os.path.join(os.path.dirname(path), f".{uuid.uuid4().hex}.tmp")
            undo.callback(Path(temporary).unlink, missing_ok=True)
            files.append(io.BufferedWriter(_Named(path, temporary, "xb")))
            moves.append((temporary, path))
        try:
            yield files
            for file in files:
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
                file.close()  # where a full disk may show first
        finally:
            for file in files:
                with suppress(OSError):  # the same again
                    file.close()
        for temporary, path in moves:
            os.replace(temporary, path)


class _Named(io.FileIO):
    """A file whose errors name the one that it is written for."""

    def __init__(self, path: str, temporary: str, mode: str):
        self._path = path
        try:
            super().__init__(temporary, mode, opener=self._open)
        except OSError as error:
            raise self._named(error) from error

    def _open(self, temporary: str, flags: int) -> int:
        """Open the temporary file, with the rights of the one that it will replace."""
        flags |= getattr(os, "O_CLOEXEC", 0)
        if temporary == self._path or not os.path.exists(self._path):
            return os.open(temporary, flags, 0o666)
        # Nobody else may read it before it has these rights.
        descriptor = os.open(temporary, flags, 0o600)
        try:
            _copy_rights(os.stat(self._path), descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise self._named(error) from error

    def _named(self, error: OSError) -> OSError:
        return OSError(error.errno, error.strerror, self._path)


def _copy_rights(of: os.stat_result, descriptor: int) -> None:
    """Give an open file the mode of another, and its owner and group where that is permitted."""
    if not hasattr(os, "fchown"):  # Windows, where files have the rights of their folder
        return
    mode = stat.S_IMODE(of.st_mode)
    for owner, group in ((-1, of.st_gid), (of.st_uid, -1)):
        # Only root may give files away, others to their own groups alone, and a container only to
        # those that it knows.
        with suppress(OSError):
            os.fchown(descriptor, owner, group)
    own = os.fstat(descriptor)
    if own.st_gid != of.st_gid:  # the rights of its group are not for another one
        mode = mode & ~stat.S_IRWXG | (mode & stat.S_IRWXO) << 3
    if stat.S_IMODE(own.st_mode) != mode:
        os.fchmod(descriptor, mode)


def write_text(path: str | PathLike[str], text: str, *, errors: str = "strict") -> None:
    """Write a file of UTF-8 text, whole or not at all.

    Parameters
    ----------
    path : path-like
        The file.
    text : str
        What it gets.
    errors : str, default="strict"
        What becomes of characters that UTF-8 has not, see ``str.encode``.
    """
    data = text.encode("utf-8", errors)
    with replacing(path) as (file,):
        file.write(data)


def write_waveform(
    path: str | PathLike[str], waveform: np.ndarray, rate: int, *, exact: bool = False
) -> None:
    """Write a WAV file, whole or not at all.

    Parameters
    ----------
    path : path-like
        The file.
    waveform : ndarray of shape (n_samples,)
        What it gets, in [-1, 1].
    rate : int
        Its sampling rate in Hz.
    exact : bool, default=False
        Whether samples are written as 32-bit floats, of which nothing is lost. If not, in 16 bits.
    """
    samples = waveform.astype(np.float32) if exact else np.rint(32767 * waveform).astype(np.int16)
    # By way of memory, since the file may be a pipe. libsndfile would write the time of day into
    # files of floats.
    wav = io.BytesIO()
    wavfile.write(wav, rate, samples)
    with replacing(path) as (file,):
        file.write(wav.getbuffer())
