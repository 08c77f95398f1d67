"""Who may know whom: a song goes through the package's modules in one direction."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import sklearn_musiclime

PACKAGE = Path(sklearn_musiclime.__file__).parent

# From what knows nothing to what knows all. What stands in a line may import from the lines above
# it, and within itself, but not from what it shares the line with.
LAYERS = (
    ("_version",),
    ("_runtime",),
    ("songs",),
    ("components",),
    ("neighbourhood",),
    ("featurizers", "surrogate"),
    ("fusion", "results"),
    ("datasets", "report"),
    ("explanation",),  # results with the methods that draw them
    ("_explain_one",),
    ("_explain_kept",),
    ("explainer",),
    ("metrics",),
    ("_api",),  # the names that are importable from the package,
    ("__init__",),  # which loads them when the first is asked for
    ("commands", "examples"),
    ("cli",),
    ("__main__",),
)
LAYER_OF = {name: number for number, layer in enumerate(LAYERS) for name in layer}


def find_modules(package: Path) -> dict[str, Path]:
    """The files of a package by the names of their modules."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def find_imports(path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """The modules that a file imports, in functions too, but not for type checkers alone."""
    root = next(iter(modules))
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending.extend(node.orelse)
            continue
        pending.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in modules else str(node.module) for name in names]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] == root)


def upward_imports(package: Path) -> list[str]:
    """Imports of what stands in the same line of the table, or below."""
    modules = find_modules(package)

    def layer(module: str) -> tuple[str, int]:
        name = [*module.split("."), "__init__"][1]
        return name, LAYER_OF[name]

    return [
        f"{module} imports {imported}"
        for module, path in modules.items()
        for imported in find_imports(path, modules)
        if layer(imported)[0] != layer(module)[0] and layer(imported)[1] >= layer(module)[1]
    ]


def import_graph(package: Path) -> dict[str, set[str]]:
    """What each module imports: modules, and the packages around them, which run first.

    The whole package is around all of them; its own file only collects names.
    """
    modules = find_modules(package)
    graph = {}
    for module, path in modules.items():
        graph[module] = set()
        for imported in find_imports(path, modules):
            parts = imported.split(".")
            around = {".".join(parts[:n]) for n in range(2, len(parts))}
            own = {p for p in around if f"{module}.".startswith(f"{p}.")}
            graph[module] |= {imported} | around - own
    return graph


def test_each_module_has_one_layer():
    names = [name for layer in LAYERS for name in layer]
    assert len(names) == len(LAYER_OF)
    assert set(names) == {p.stem for p in PACKAGE.glob("*.py")} | {
        p.parent.name for p in PACKAGE.glob("*/__init__.py")
    }


def test_imports_go_one_way():
    assert upward_imports(PACKAGE) == []


def test_no_module_imports_itself_by_way_of_others():
    TopologicalSorter(import_graph(PACKAGE)).prepare()  # raises CycleError with the cycle


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from sklearn_musiclime.explainer import MusicLimeExplainer", True),
        ("import sklearn_musiclime.explainer as e", True),
        ("from sklearn_musiclime import explainer", True),
        ("def separate():\n    if True:\n        import sklearn_musiclime.explainer", True),
        ("if TYPE_CHECKING:\n    import os\nelse:\n    import sklearn_musiclime.explainer", True),
        ("if TYPE_CHECKING:\n    import sklearn_musiclime.explainer", False),
        ("from sklearn_musiclime.songs import Song\nimport numpy", False),
    ],
)
def test_an_import_of_the_explainer_by_a_component_is_found(tmp_path, code, found):
    package = tmp_path / "sklearn_musiclime"
    (package / "components").mkdir(parents=True)
    for name in ("__init__", "explainer", "songs", "components/__init__"):
        (package / f"{name}.py").touch()
    (package / "components" / "lyrics.py").write_text(code)
    expected = ["sklearn_musiclime.components.lyrics imports sklearn_musiclime.explainer"]
    assert upward_imports(package) == (expected if found else [])


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_importing_the_package_imports_neither_extras_nor_pyplot():
    names = (
        "torch transformers sentence_transformers demucs openunmix dask distributed ray lime shap "
        "matplotlib jinja2 skops.io"
    )
    outcome = run_python(
        "import sys; from sklearn_musiclime import *; import sklearn_musiclime.report; "
        f"print(*sys.modules.keys() & set({names!r}.split()))"
    )
    assert outcome.stdout.split() == []


def test_the_command_line_answers_at_once():
    """It reads what is typed before it imports what works."""
    outcome = run_python(
        "import sys, time; from sklearn_musiclime.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as ended: assert not ended.code\n"
        "print(time.process_time(), *sys.modules.keys() & {'numpy', 'sklearn', 'librosa'})"
    )
    usage, *_, last = outcome.stdout.splitlines()
    assert usage.startswith("usage: sklearn-musiclime")
    seconds, *loaded = last.split()
    assert loaded == []
    assert float(seconds) < 0.5


@pytest.mark.parametrize("public", sklearn_musiclime.__all__)
def test_each_public_name_is_loaded_when_it_is_asked_for(public):
    assert getattr(sklearn_musiclime, public) is not None
    assert public in dir(sklearn_musiclime)


def test_what_is_no_public_name_is_an_error():
    with pytest.raises(AttributeError, match="no attribute 'explain'"):
        sklearn_musiclime.explain  # noqa: B018
