"""The rooms of the package stand on floors, and imports lead down."""

import subprocess
import sys

import pytest
from layers import (
    DEFERRED,
    FLOOR_OF,
    FLOORS,
    TOP,
    TYPES,
    describe,
    find_circles,
    find_imports,
    find_rooms,
    module_graph,
    room_graph,
)

import sklearn_musiclime

KINDS = [(TOP, DEFERRED), (TOP, DEFERRED, TYPES)]


def write_package(folder, **files):
    """A package of this name with the files that are given, by module, and empty ones around."""
    package = folder / "sklearn_musiclime"
    for name in ("explainer", "songs", "components/__init__", "__init__"):
        files.setdefault(name, "")
    for name, code in files.items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    return package


def test_each_room_has_one_floor():
    rooms = [room for floor in FLOORS for room in floor]
    assert len(rooms) == len(FLOOR_OF)
    assert set(rooms) == find_rooms()


@pytest.mark.parametrize("kinds", KINDS)
def test_imports_lead_down(kinds):
    assert [str(i) for i in find_imports() if i.kind in kinds and i.is_upward] == []


@pytest.mark.slow
@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("graph", [room_graph, module_graph])
def test_no_import_leads_back_by_way_of_others(graph, kinds):
    assert find_circles(graph(i for i in find_imports() if i.kind in kinds)) == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("from sklearn_musiclime.explainer import MusicLimeExplainer", TOP),
        ("import sklearn_musiclime.explainer as e", TOP),
        ("from sklearn_musiclime import explainer", TOP),
        ("def separate():\n    if True:\n        import sklearn_musiclime.explainer", DEFERRED),
        ("class A:\n    def f(self):\n        import sklearn_musiclime.explainer", DEFERRED),
        ("if TYPE_CHECKING:\n    import os\nelse:\n    import sklearn_musiclime.explainer", TOP),
        ("if TYPE_CHECKING:\n    import sklearn_musiclime.explainer", TYPES),
        ("if typing.TYPE_CHECKING:\n    import sklearn_musiclime.explainer", TYPES),
        ("from sklearn_musiclime.songs import Song\nimport numpy", None),
    ],
)
def test_an_import_of_the_explainer_by_a_component_is_found(tmp_path, code, kind):
    package = write_package(tmp_path, **{"components/lyrics": code})
    found = [(i.importer, i.imported, i.kind) for i in find_imports(package) if i.is_upward]
    expected = ("sklearn_musiclime.components.lyrics", "sklearn_musiclime.explainer", kind)
    assert found == ([] if kind is None else [expected])


def test_neighbours_on_a_floor_do_not_import_each_other(tmp_path):
    one, *_, other = next(floor for floor in FLOORS if len(floor) > 1)
    package = write_package(tmp_path, **{one: "", other: f"import sklearn_musiclime.{one}"})
    assert [i.is_upward for i in find_imports(package)] == [True]


@pytest.mark.parametrize(
    ("graph", "circles"),
    [
        ({"a": {"b"}, "b": {"c"}}, []),
        ({"a": {"a"}}, [["a"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}}, [["b", "c"]]),
        (
            {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"e"}, "e": {"d"}},
            [["a", "b", "c"], ["d", "e"]],
        ),
    ],
)
def test_circles_are_found(graph, circles):
    assert find_circles(graph) == circles


def test_a_circle_and_an_arrow_up_are_described(tmp_path):
    files = {
        "explainer": "import sklearn_musiclime.components",
        "components/__init__": "def f():\n    import sklearn_musiclime.explainer",
    }
    lines = describe(find_imports(write_package(tmp_path, **files))).splitlines()
    assert "components     <- explainer (deferred)" in lines
    assert "explainer      <- components" in lines
    assert "circles of rooms: 1" in lines
    assert "circles of modules: 1" in lines
    assert "arrows up: 1" in lines
    assert lines[-1].strip() == (
        "sklearn_musiclime.components imports sklearn_musiclime.explainer (deferred)"
    )


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


@pytest.mark.slow
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
