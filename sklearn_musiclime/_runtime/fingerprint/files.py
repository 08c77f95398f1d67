"""Files that a model reads: told by their content."""

from __future__ import annotations

import hashlib
import os
from os import PathLike
from pathlib import Path

CHUNK_BYTES = 2**20
LONGEST_PATH = 4096


def file_digest(path: str | PathLike[str]) -> str:
    """Hash the content of a file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    str

    Raises
    ------
    OSError
        The file can't be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    with Path(path).open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def names_file(path: str | PathLike[str]) -> bool:
    """Say whether a text is the name of a file that is there.

    Parameters
    ----------
    path : path-like
        A ``Path``, or a text; that is a name only if it is absolute or has a separator or suffix.

    Returns
    -------
    bool
    """
    text = os.fspath(path)
    if isinstance(path, str):
        if not 0 < len(text) < LONGEST_PATH or "\n" in text or "\0" in text:
            return False
        is_path = os.sep in text or "/" in text or os.path.splitext(text)[1]
        if not is_path:
            return False
    return os.path.isfile(text)
