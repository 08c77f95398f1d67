"""The identity of what a result was made with: one hash for equal models, in every process.

A model, and whatever hangs on it, is walked and hashed by content: numbers, arrays and weights by
value, objects by their class and state, the user's own functions and classes by their code and by
what that code reads, those of installed packages by name and version. A model that was saved and
loaded, or fitted again the same way in another process, has the same hash.
"""

from __future__ import annotations

from typing import Any

from sklearn_musiclime._runtime.fingerprint.graph import Walk
from sklearn_musiclime._runtime.fingerprint.objects import describe


def fingerprint(*values: Any, version: str | int | None = None, **named: Any) -> str:
    """Hash values of any kind: equal in every process for what is equal.

    ============================  ==================================================================
    Numbers, text, arrays,        By type and value; sets in any order, lists and dicts in theirs.
    data frames, containers       Whether two places share one object makes no difference.
    Objects                       By class and state, as pickle would save it. Of scikit-learn's
                                  searches all but how long they took.
    Networks of torch             By class, attributes, weights, forward hooks and whether in
                                  training mode; not by device.
    The user's functions          By instructions, constants, defaults, closure, and the variables,
    and classes                   functions and modules that they read, and so on from there. Not by
                                  comments, docstrings, annotations, or the place in a file.
    Installed functions           By name and version of the package.
    and classes
    Files                         By name and content: a ``Path``; and text in an object or function
                                  of the user's that names a file, if it is absolute or has a
                                  separator or suffix.
    Locks, ``joblib.Memory``      By type alone: they decide no result.
    ============================  ==================================================================

    Parameters
    ----------
    *values : object
        What is hashed.
    version : str, int or None, default=None
        Stands in for what can't be identified, and for the content of files. None: files are read,
        and what can't be identified raises.
    **named : object
        More that is hashed; an error calls it by its name.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    ValueError
        A value holds something without an identity, such as a generator or an open connection, and
        there is no version; the message says where.

    Examples
    --------
    >>> from sklearn_musiclime._runtime.fingerprint import fingerprint
    >>> def plus(n):
    ...     return lambda x: x + n
    >>> fingerprint(plus(1)) == fingerprint(plus(1)), fingerprint(plus(1)) == fingerprint(plus(2))
    (True, False)
    >>> fingerprint(model=(n for n in range(3)))
    Traceback (most recent call last):
        ...
    ValueError: memory= keeps results by the content of what made them, and model (a generator) ...
    """
    roots = [(f"values[{i}]", value) for i, value in enumerate(values)]
    roots += sorted(named.items())
    walk = Walk(describe, version)
    return walk.digest([("", version), *roots], names=tuple(sorted(named))).hex()


__all__ = ["fingerprint"]
