"""Which code is installed, and so is known by its name and version, and which is the user's."""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from sklearn_musiclime._version import __version__

PACKAGE = __name__.partition(".")[0]


@cache
def _installed_folders() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple({Path(sysconfig.get_path(name)) for name in names})


def is_installed(module: str | None) -> bool:
    """Say whether a module is of an installed package or the standard library.

    Parameters
    ----------
    module : str or None
        Its name.

    Returns
    -------
    bool
        False for a script, a notebook, a package that is installed to be edited. True for this
        package, wherever it is.
    """
    if not isinstance(module, str) or module == "__main__":
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:  # a namespace, or built in
        file = getattr(sys.modules.get(module.partition(".")[0]), "__file__", None)
    return is_installed_file(module, file)


@cache
def is_installed_file(module: str, file: str | None) -> bool:
    """Say whether the file of a module is an installed package's.

    Parameters
    ----------
    module : str
        The name of the module.
    file : str or None
        Its file, None for a module that is built in.

    Returns
    -------
    bool
    """
    root = module.partition(".")[0]
    if root == PACKAGE or file is None:
        return root == PACKAGE or root in sys.stdlib_module_names
    path = Path(file)
    if not {"site-packages", "dist-packages"}.isdisjoint(path.parts):
        return True
    return any(path.is_relative_to(folder) for folder in _installed_folders())


@cache
def version_of(module: str) -> str:
    """Return the version of the package that a module is of.

    Parameters
    ----------
    module : str
        The name of an installed module.

    Returns
    -------
    str
        Python's, such as "3.12", for the standard library; "" where nothing tells.
    """
    root = module.partition(".")[0]
    if root in sys.stdlib_module_names:
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    if root == PACKAGE:
        return __version__
    return " ".join(sorted({version(name) for name in _distributions().get(root, ())}))


_distributions = cache(packages_distributions)


def installed_name(value: Any) -> str | None:
    """Return the name of a class or function of an installed package, with its version.

    Parameters
    ----------
    value : class, function or method
        What is named.

    Returns
    -------
    str or None
        None for the user's own, and for what can't be found by its name, such as a function that a
        function made.
    """
    module = getattr(value, "__module__", None)
    name = getattr(value, "__qualname__", None)
    if module is None or not is_installed(module) or not isinstance(name, str):
        return None
    found = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    # A method that is looked up is bound anew.
    if found is not value and getattr(found, "__func__", None) is not value:
        return None
    return f"{module}.{name} {version_of(module)}"


def extension_file(module: str | None) -> Path | None:
    """Return the file of a module that the user compiled, whose code is in no function of it.

    Parameters
    ----------
    module : str or None
        The module's name.

    Returns
    -------
    Path or None
        None for modules of Python code, and installed ones.
    """
    file = getattr(sys.modules.get(module or ""), "__file__", None)
    if file is None or is_installed(module):
        return None
    return Path(file) if os.fspath(file).endswith(tuple(EXTENSION_SUFFIXES)) else None
