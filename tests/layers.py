"""The import graph of the package: ``python tests/layers.py`` prints it, a line a room.

A room is a module or a package that stands in ``sklearn_musiclime`` itself. All imports of its
files count: those at their top, those in functions, and those for type checkers alone.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "sklearn_musiclime"

# The floors of the house, the lowest first. A room imports from the floors below its own, and from
# itself, but not from its neighbours on the same floor.
FLOORS = (
    ("_version",),
    ("_runtime",),
    ("songs",),
    ("components",),
    ("neighbourhood",),
    ("featurizers", "surrogate"),
    ("proxy",),
    ("fusion", "results"),
    ("datasets", "report"),
    ("explanation",),  # results with the methods that draw them
    ("_explain_one", "_parameters"),
    ("_explain_kept",),
    ("_explain_all",),
    ("_explain_corpus",),
    ("explainer",),
    ("difference", "metrics", "tracking"),
    ("_api",),  # the names that are importable from the package,
    ("__init__",),  # which loads them when the first is asked for
    ("commands", "examples"),
    ("cli",),
    ("__main__",),
)
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}

TOP, DEFERRED, TYPES = "top", "deferred", "types"
"""Kinds of imports: run with the file, run with a function, read by type checkers alone."""


TYPE_CHECKS = ("TYPE_CHECKING", "typing.TYPE_CHECKING")


@dataclass(frozen=True, order=True)
class Import:
    """An import of one module of the package by another.

    Attributes
    ----------
    importer, imported : str
        Names of the modules.
    kind : {"top", "deferred", "types"}
        When it happens.
    """

    importer: str
    imported: str
    kind: str = TOP

    def __str__(self) -> str:
        kind = "" if self.kind == TOP else f" ({self.kind})"
        return f"{self.importer} imports {self.imported}{kind}"

    @property
    def rooms(self) -> tuple[str, str]:
        """The rooms of the two modules."""
        return room_of(self.importer), room_of(self.imported)

    @property
    def is_upward(self) -> bool:
        """Whether it leaves its room for one that is not on a lower floor."""
        importer, imported = self.rooms
        return importer != imported and FLOOR_OF[imported] >= FLOOR_OF[importer]


def room_of(module: str) -> str:
    """The room that a module is in; ``__init__`` for the package's own file."""
    return [*module.split("."), "__init__"][1]


def find_rooms(package: Path = PACKAGE) -> set[str]:
    """The rooms that there are."""
    return {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }


def find_modules(package: Path = PACKAGE) -> dict[str, Path]:
    """The files of the package by the names of their modules, the package itself first."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def find_imports(package: Path = PACKAGE) -> list[Import]:
    """All imports of modules of the package by modules of the package."""
    modules = find_modules(package)
    root = package.name
    return sorted(
        {
            Import(importer, imported, kind)
            for importer, path in modules.items()
            for imported, kind in _read_imports(path, modules)
            if imported.partition(".")[0] == root
        }
    )


def _read_imports(path: Path, modules: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What a file imports, and the kind of each import."""
    pending: list[tuple[ast.AST, str]] = [(ast.parse(path.read_text(encoding="utf-8")), TOP)]
    while pending:
        node, kind = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in TYPE_CHECKS:
            pending += [(child, TYPES) for child in node.body]
            pending += [(child, kind) for child in node.orelse]
            continue
        if kind == TOP and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            kind = DEFERRED
        pending += [(child, kind) for child in ast.iter_child_nodes(node)]
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in modules else str(node.module) for name in names]
        else:
            continue
        yield from ((name, kind) for name in names)


def room_graph(imports: Iterable[Import]) -> dict[str, set[str]]:
    """What each room imports of other rooms."""
    graph: dict[str, set[str]] = {}
    for found in imports:
        importer, imported = found.rooms
        graph.setdefault(importer, set()).update({imported} - {importer})
    return graph


def module_graph(imports: Iterable[Import]) -> dict[str, set[str]]:
    """What each module imports: modules, and the packages around them, whose files run first.

    The package itself is around all of them and is left out: its file only collects names.
    """
    graph: dict[str, set[str]] = {}
    for found in imports:
        parts = found.imported.split(".")
        around = {".".join(parts[:n]) for n in range(2, len(parts))}
        around = {p for p in around if not f"{found.importer}.".startswith(f"{p}.")}
        graph.setdefault(found.importer, set()).update({found.imported} | around)
    return graph


def find_circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of nodes each of which is reached from each, by way of others or of itself."""
    reached = {}
    for node in graph:
        seen: set[str] = set()
        pending = [node]
        while pending:
            following = graph.get(pending.pop(), set()) - seen
            seen |= following
            pending += following
        reached[node] = seen
    groups = {
        frozenset(other for other in seen if node in reached.get(other, ()))
        for node, seen in reached.items()
        if node in seen
    }
    return sorted(sorted(group) for group in groups)


def describe(imports: list[Import]) -> str:
    """The graph between rooms as text: a line a room, then the circles and the arrows up."""
    graph = room_graph(imports)
    kinds: dict[tuple[str, str], set[str]] = {}
    for found in imports:
        kinds.setdefault(found.rooms, set()).add(found.kind)

    def show(importer: str, imported: str) -> str:
        kind = kinds[importer, imported]
        return imported if TOP in kind else f"{imported} ({', '.join(sorted(kind))})"

    lines = []
    for floor in FLOORS:
        for room in floor:
            below = sorted(graph.get(room, ()), key=lambda other: (FLOOR_OF[other], other))
            arrows = ", ".join(show(room, other) for other in below)
            lines.append(f"{room:<14} <- {arrows}" if arrows else room)
    found = {
        "circles of rooms": [" <-> ".join(circle) for circle in find_circles(graph)],
        "circles of modules": [
            " <-> ".join(circle) for circle in find_circles(module_graph(imports))
        ],
        "arrows up": [str(one) for one in imports if one.is_upward],
    }
    for what, items in found.items():
        lines += ["", f"{what}: {len(items)}", *(f"  {item}" for item in items)]
    return "\n".join(lines)


if __name__ == "__main__":
    print(describe(find_imports()))
