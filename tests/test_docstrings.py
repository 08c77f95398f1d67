"""Docstrings tell what is there: parameters, defaults, what is returned, what they refer to."""

import dataclasses
import importlib
import inspect
import pkgutil
import re

import numpy as np
import pytest

import sklearn_musiclime

MODULES = {
    module.name: importlib.import_module(module.name)
    for module in pkgutil.walk_packages(sklearn_musiclime.__path__, "sklearn_musiclime.")
    if "._" not in module.name.removeprefix("sklearn_musiclime._runtime")
}
MODULES = {"sklearn_musiclime": sklearn_musiclime} | MODULES
# Scripts show what they do; networks are torch's.
UNDESCRIBED = ("sklearn_musiclime.examples", "sklearn_musiclime.fusion.network")
EXPORTED = {
    id(getattr(module, name))
    for module in MODULES.values()
    for name in getattr(module, "__all__", ())
}
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}\n", flags=re.MULTILINE)
ROLE = re.compile(r":(?:mod|class|func|meth|attr|exc|data):`(?:[^`<]*<)?~?([\w.]+)>?`")
LOOKED_UP = ("sklearn_musiclime", "sklearn", "joblib", "numpy", "matplotlib")


def members(module):
    """Classes, functions and methods that a module defines: name, object, whether exported."""
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(value) or inspect.isclass(value):
            yield name, value, id(value) in EXPORTED
        if inspect.isclass(value):
            for method, member in vars(value).items():
                member = getattr(member, "fget", None) or getattr(member, "__func__", member)
                if inspect.isfunction(member) and not method.startswith("_"):
                    yield f"{name}.{method}", member, id(value) in EXPORTED


def sections(doc):
    _, *parts = SECTION.split(doc)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def entries(section):
    """The entries of a section, name to type; "a, b : str, default=1, 2" are two."""
    found = {}
    for line in re.sub(r"\\\n\s*", "", section).splitlines():
        if line and not line[0].isspace():
            names, _, kind = line.partition(" : ")
            names = [name.strip().lstrip("*") for name in names.split(",")]
            kind, _, default = kind.partition("default=")
            defaults = default.split(", ") if len(names) > 1 and default else [default] * len(names)
            found |= {n: (kind, d) for n, d in zip(names, defaults * len(names), strict=False)}
    return found


def same_default(told, default):
    """Whether the default that is told, source code or the name of a function, is the default."""
    known = vars(sklearn_musiclime) | {"inf": np.inf}
    try:
        return repr(eval(told, dict(known))) == repr(default)
    except NameError:
        return told == getattr(default, "__name__", None)


def faults(value, doc, is_exported):
    """What a docstring leaves out, or says that is not so."""
    is_data = inspect.isclass(value) and issubclass(value, (tuple, Exception))
    if is_data or getattr(value, "_is_protocol", False):
        return
    signature = inspect.signature(value)
    parameters = {n: p for n, p in signature.parameters.items() if n not in ("self", "cls")}
    if "\n" not in doc and not (is_exported and parameters):
        return  # all is told in a line
    told = sections(doc)
    fields = [f.name for f in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
    described = entries(told.get("Attributes" if fields else "Parameters", ""))
    for name in parameters.keys() - described.keys():
        yield f"{name} is not described"
    for name in described.keys() - parameters.keys():
        if name not in fields:
            yield f"{name} is described, and is no parameter"
    for name, parameter in parameters.items():
        kind, default = described.get(name, ("", ""))
        if fields or parameter.default is parameter.empty or not kind or kind == "None":
            continue
        if not default:
            if "default: " not in kind:  # in words
                yield f"the default of {name}, {parameter.default!r}, is not told"
        elif not same_default(default, parameter.default):
            yield f"the default of {name} is {parameter.default!r}, not {default}"
    returns = signature.return_annotation not in (
        None,
        "None",
        "Iterator[None]",
        inspect.Signature.empty,
    )
    if inspect.isfunction(value) and returns and not told.keys() & {"Returns", "Yields"}:
        yield "what it returns is not told"


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith(UNDESCRIBED)])
def test_parameters_are_described_as_they_are(name):
    found = [
        f"{member}: {fault}"
        for member, value, is_exported in members(MODULES[name])
        for fault in faults(value, inspect.getdoc(value), is_exported)
        if not isinstance(value, property)
    ]
    assert not found, "\n".join(found)


def resolves(target, module, owner):
    """Whether what a role names is there: in full, or as it is known where it is named."""
    first = target.partition(".")[0]
    if first in LOOKED_UP:
        parts = target.split(".")
        for n in range(len(parts), 0, -1):
            try:
                value = importlib.import_module(".".join(parts[:n]))
            except ModuleNotFoundError:
                continue
            for part in parts[n:]:
                value = getattr(value, part, None)
            return value is not None
    if first in ("librosa", "torch"):  # slow to import, and not there without an extra
        return True
    parts = target.split(".")
    if parts[0] in entries(sections(inspect.getdoc(owner) or "").get("Attributes", "")):
        return True
    return any(_reached(scope, parts) for scope in (module, sklearn_musiclime, owner))


def _reached(value, parts):
    for part in parts:
        if not hasattr(value, part):
            return False
        value = getattr(value, part)
    return True


@pytest.mark.parametrize("name", MODULES)
def test_references_lead_somewhere(name):
    module = MODULES[name]
    docs = [("", module.__doc__, None)]
    for member, value, _ in members(module):
        owner = getattr(module, member.partition(".")[0])
        docs.append((member, inspect.getdoc(value), owner))
    found = [
        f"{member}: {target}"
        for member, doc, owner in docs
        for target in ROLE.findall(re.sub(r"\s*\n\s*", " ", doc).replace("` `", "``"))
        if not resolves(target, module, owner)
    ]
    assert not found, "\n".join(found)


def test_the_guide_leads_to_every_module():
    """The docstring of each package names what is in it, or what leads there."""
    guide = sklearn_musiclime.__doc__
    for module in pkgutil.iter_modules(sklearn_musiclime.__path__):
        if not module.name.startswith("_"):
            assert f":mod:`~sklearn_musiclime.{module.name}`" in guide, module.name
