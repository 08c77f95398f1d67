"""The public names of the package and their signatures: ``python tests/api.py`` prints them.

``python tests/api.py > tests/api.txt`` after a change that was meant; ``test_api.py`` compares.
"""

import importlib
import inspect
from collections.abc import Iterator

MODULES = (
    "", ".components", ".datasets", ".explanation", ".featurizers", ".fusion", ".metrics",
    ".surrogate",
)  # fmt: skip
"""Modules that users import from: what their ``__all__`` lists, or else what they define."""


def signature(function: object) -> str:
    """The parameters of a function and their defaults, without types."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of a class that is made of no call
        return ""
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    return str(inspect.Signature(plain))


def _is_of(value: object, module: object) -> bool:
    return getattr(value, "__module__", None) == module.__name__


def describe() -> Iterator[str]:
    """A line a name, and a line a public method or attribute of each class."""
    for suffix in MODULES:
        module = importlib.import_module(f"sklearn_musiclime{suffix}")
        own_names = [n for n, v in vars(module).items() if n[0] != "_" and _is_of(v, module)]
        for name in sorted(getattr(module, "__all__", own_names)):
            value = getattr(module, name)
            shown = list(value) if isinstance(value, dict) else value
            told = signature(value) if callable(value) else f" = {shown!r:.60}"
            yield f"{module.__name__}.{name}{'' if name == '__version__' else told}"
            if inspect.isclass(value):
                bases = [b for b in value.__mro__ if b.__module__.startswith("sklearn_musiclime")]
                for member in sorted({member for base in bases for member in vars(base)}):
                    is_request = member.startswith("set_") and member.endswith("_request")
                    if not member.startswith("_") and not is_request:
                        own = inspect.getattr_static(value, member)
                        own = getattr(own, "__func__", own)
                        told = signature(own) if callable(own) else ""
                        yield f"{module.__name__}.{name}.{member}{told}"


if __name__ == "__main__":
    print(*describe(), sep="\n")
