"""Functions, classes, modules: the user's by what they do, installed ones by name and version."""

from __future__ import annotations

import builtins
import dis
import functools
import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sklearn_musiclime._runtime.fingerprint.graph import Parts, Unidentified
from sklearn_musiclime._runtime.fingerprint.installed import (
    extension_file,
    installed_name,
    is_installed,
    is_installed_file,
    version_of,
)

ABOUT_MODULES = frozenset({
    "__annotations__", "__builtins__", "__cached__", "__doc__", "__file__", "__loader__",
    "__name__", "__package__", "__path__", "__spec__",
})  # fmt: skip
"""Variables of a module that tell where it is, not what it does."""
ABOUT_CLASSES = frozenset({
    "__abstractmethods__", "__annotate__", "__annotate_func__", "__annotations__",
    "__annotations_cache__", "__conditional_annotations__", "__dict__", "__doc__",
    "__firstlineno__", "__module__", "__orig_bases__", "__parameters__", "__qualname__",
    "__slotnames__", "__static_attributes__", "__type_params__", "__weakref__", "_abc_impl",
})  # fmt: skip
"""Attributes of a class that tell where it is, or are made from the others, or are caches."""
DROPPED_IN_BODIES = frozenset({"__doc__", "__firstlineno__", "__static_attributes__"})

_LOADS_GLOBAL = dis.opmap["LOAD_GLOBAL"]
_LOADS_NAME = (dis.opmap["LOAD_NAME"], dis.opmap.get("LOAD_FROM_DICT_OR_GLOBALS"))
_STORES_NAME = dis.opmap["STORE_NAME"]
_IMPORTS = dis.opmap["IMPORT_NAME"]
_SMALL_INT = dis.opmap.get("LOAD_SMALL_INT")
_HAVE_CONSTANTS = frozenset(dis.hasconst)


@dataclass(frozen=True)
class Use:
    """A module as code uses it: those of its variables whose names are in the code."""

    module: types.ModuleType
    names: frozenset[str]


def describe_function(function: types.FunctionType) -> Parts:
    """Return what a function does.

    Parameters
    ----------
    function : function
        The function.

    Returns
    -------
    Parts
        Its name and version, if it is of an installed package; else its code, with all that it
        reads. Of a function that an installed one made (a decorator's wrapper) what it was made
        with, of which the user's own function is a part.
    """
    name = installed_name(function)
    if name is not None:
        return Parts(f"function {name}")
    dispatched = _dispatched(function)
    if dispatched is not None:
        return Parts("singledispatch", dispatched)
    code = function.__code__
    children = [
        ("", function.__name__),
        ("", code),
        (".__defaults__", function.__defaults__),
        *attributes(function.__kwdefaults__ or {}, ".__kwdefaults__['{}']"),
        *_closure(function),
        *attributes(function.__dict__),
    ]
    made_by = function.__globals__.get("__name__")
    if is_installed(made_by):
        return Parts(f"function of {made_by} {version_of(made_by)}", children, is_owned=True)
    return Parts("function", [*children, *_read_around(function)], is_owned=True)


def _dispatched(function: types.FunctionType) -> list[tuple[str, Any]] | None:
    """The functions of a ``functools.singledispatch``, whose wrapper also holds a cache."""
    if function.__code__ is not _SINGLE_DISPATCH:
        return None
    registry: Mapping[type, Any] = function.registry  # type: ignore[attr-defined]
    return [
        (f".registry[{kind.__qualname__}]", part) for kind in registry
        for part in (kind, registry[kind])
    ]  # fmt: skip


_SINGLE_DISPATCH = functools.singledispatch(lambda value: None).__code__  # type: ignore[attr-defined]


def _closure(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    names = function.__code__.co_freevars
    for name, cell in zip(names, function.__closure__ or (), strict=True):
        yield "", name
        yield f".__closure__[{name!r}]", cell


def describe_cell(cell: types.CellType) -> Parts:
    """Return what a variable of a closure holds.

    Parameters
    ----------
    cell : cell
        The variable.

    Returns
    -------
    Parts
    """
    try:
        return Parts("cell", [("", cell.cell_contents)], is_owned=True)
    except ValueError:  # it has not been set yet
        return Parts("empty cell")


def _read_around(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """The variables and modules outside a function that its code names."""
    around = function.__globals__
    codes = list(_nested(function.__code__))
    names = frozenset(name for code in codes for name in code.co_names)
    read = {name for code in codes for name in _globals_of(code)} - ABOUT_MODULES
    for name in sorted(read):
        yield "", name
        if name in around:
            value = around[name]
            if isinstance(value, types.ModuleType):
                value = Use(value, names)
            yield f".__globals__[{name!r}]", value
        else:
            yield "", "builtin" if hasattr(builtins, name) else "missing"
    imported = {name for code in codes for name in _imports_of(code, around)}
    for name in sorted(imported):
        yield "", name
        yield f" importing {name}", _imported(name, names)


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


def _operations(code: types.CodeType) -> Iterator[tuple[int, int]]:
    raw = code.co_code  # what was compiled, not what the interpreter made of it while running
    extended = 0
    for at in range(0, len(raw), 2):
        argument = raw[at + 1] | extended
        if raw[at] == dis.EXTENDED_ARG:
            extended = argument << 8
        else:
            extended = 0
            yield raw[at], argument


def _globals_of(code: types.CodeType) -> Iterator[str]:
    for operation, argument in _operations(code):
        if operation == _LOADS_GLOBAL:
            yield code.co_names[argument >> 1]
        elif operation in _LOADS_NAME:
            yield code.co_names[argument]


def _imports_of(code: types.CodeType, around: dict[str, Any]) -> Iterator[str]:
    """The names of modules that code imports while it runs."""
    loaded: list[Any] = []
    for operation, argument in _operations(code):
        if operation in _HAVE_CONSTANTS:
            loaded.append(code.co_consts[argument])
        elif operation == _SMALL_INT:
            loaded.append(argument)
        elif operation == _IMPORTS:
            level, name = loaded[-2], code.co_names[argument]
            package = around.get("__package__")
            if level and package:
                name = importlib.util.resolve_name("." * level + name, package)
            yield name


def _imported(name: str, names: frozenset[str]) -> Any:
    """A module that a function imports while it runs: the user's own as used, others by name."""
    module = sys.modules.get(name)
    if module is None and name.partition(".")[0] not in sys.stdlib_module_names:
        try:
            spec = importlib.util.find_spec(name)
            if spec is not None and not is_installed_file(name, spec.origin):
                module = importlib.import_module(name)
        except ModuleNotFoundError:
            return "missing"
        except Exception as error:
            raise Unidentified(f"it imports {name}, which raises {error!r}") from error
    if module is not None and not is_installed(name):
        return Use(module, names)
    return version_of(name)


def describe_code(code: types.CodeType) -> Parts:
    """Return what compiled code does, wherever it stands in whatever file.

    Parameters
    ----------
    code : code
        The code.

    Returns
    -------
    Parts
        Its operations, and the constants that they load; docstrings they do not.
    """
    operations = list(_operations(code))
    following = [*operations[1:], (-1, 0)]
    words, constants = bytearray(), []
    for (operation, argument), (after, stored) in zip(operations, following, strict=True):
        is_dropped = after == _STORES_NAME and code.co_names[stored] in DROPPED_IN_BODIES
        if operation in _HAVE_CONSTANTS:
            constants.append(None if is_dropped else code.co_consts[argument])
            argument = 0  # where a constant stands depends on whether there is a docstring
        elif operation == _SMALL_INT and is_dropped:
            argument = 0
        words += bytes([operation]) + argument.to_bytes(4, "little")
    shape = (
        code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount,
        code.co_flags & ~_HAS_DOCSTRING,
    )  # fmt: skip
    names = (code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars)
    return Parts(
        f"code {shape} {names}",
        [("", bytes(words)), ("", code.co_exceptiontable), *(("", c) for c in constants)],
        is_owned=True,
    )


_HAS_DOCSTRING = 0x4000000  # CO_HAS_DOCSTRING, from Python 3.13 on


def describe_class(kind: type) -> Parts:
    """Return what a class does.

    Parameters
    ----------
    kind : class
        The class.

    Returns
    -------
    Parts
        Its name and version, if it is of an installed package; else its bases and attributes:
        methods by their code.
    """
    name = installed_name(kind)
    if name is not None:
        return Parts(f"class {name}")
    compiled = extension_file(kind.__module__)
    children = [
        ("", compiled),
        (".__class__", type(kind)),
        (".__bases__", kind.__bases__),
        *attributes({k: v for k, v in vars(kind).items() if k not in ABOUT_CLASSES}),
    ]
    return Parts(f"class {kind.__name__}", children, is_owned=True)


def describe_module(module: types.ModuleType) -> Parts:
    """Return what a module is: an object's attribute, whose use can't be seen.

    Parameters
    ----------
    module : module
        The module.

    Returns
    -------
    Parts
        Name and version of an installed one, all variables of a user's own.
    """
    return describe_use(Use(module, frozenset(vars(module))))


def describe_use(use: Use) -> Parts:
    """Return what code may use of a module.

    Parameters
    ----------
    use : Use
        The module, and the names in the code.

    Returns
    -------
    Parts
        Name and version of an installed one, the variables so named of a user's own.
    """
    module = use.module
    if is_installed(module.__name__):
        return Parts(f"module {module.__name__} {version_of(module.__name__)}")
    used = {k: v for k, v in vars(module).items() if k in use.names and k not in ABOUT_MODULES}
    inside = {
        name: Use(value, use.names) if isinstance(value, types.ModuleType) else value
        for name, value in used.items()
    }
    compiled = extension_file(module.__name__)
    return Parts("module", [("", compiled), *attributes(inside)], is_owned=True)


def attributes(values: Mapping[Any, Any], form: str = ".{}") -> Iterator[tuple[str, Any]]:
    """List what is named, as parts, in the order of the names.

    Parameters
    ----------
    values : mapping of str to object
        What is named.
    form : str, default=".{}"
        How a part is reached, "{}" being its name.

    Yields
    ------
    suffix : str
        How it is reached.
    part : object
        First the name, then what it names.
    """
    for name in sorted(values, key=str):
        yield "", name
        yield form.format(name), values[name]


def describe_builtin(function: types.BuiltinFunctionType) -> Parts:
    """Return what a compiled function is.

    Parameters
    ----------
    function : builtin_function_or_method
        The function, or the method of an object.

    Returns
    -------
    Parts
        Its name and version, the file of a module that the user compiled, or the object that it is
        a method of.
    """
    owner = function.__self__
    if owner is not None and not isinstance(owner, types.ModuleType):
        return Parts(f"method {function.__name__}", [(".__self__", owner)])
    module = getattr(owner, "__name__", None) or function.__module__ or "builtins"
    told = version_of(module) if is_installed(module) else ""
    return Parts(
        f"function {module}.{function.__qualname__} {told}", [("", extension_file(module))]
    )


def describe_wrapped(wrapper: Any) -> Parts:
    """Return what an object that stands for a function was made from.

    Parameters
    ----------
    wrapper : object with ``__wrapped__``
        Such as ``functools.lru_cache`` makes.

    Returns
    -------
    Parts
        Its class and the function.
    """
    return Parts("wrapped", [("", type(wrapper)), (".__wrapped__", wrapper.__wrapped__)])


def describe_slot(descriptor: Any) -> Parts:
    """Return what a method, attribute or slot of a compiled class is.

    Parameters
    ----------
    descriptor : method_descriptor, wrapper_descriptor, member_descriptor or the like
        It.

    Returns
    -------
    Parts
        Its name, and that of the class, which it is a part of.
    """
    owner = descriptor.__objclass__
    told = installed_name(owner) or owner.__name__
    return Parts(f"descriptor {told}.{descriptor.__name__}")
