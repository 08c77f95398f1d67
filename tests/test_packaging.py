"""What is installed, and what is published: the wheel and the source distribution."""

import shutil
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import sklearn_musiclime

backend = pytest.importorskip("hatchling.build")

ROOT = Path(__file__).parents[1]


def files_of(folder: Path, under: str) -> set[str]:
    """The files of a source tree, without what tools leave in it."""
    files = {path.relative_to(folder) for path in (folder / under).rglob("*") if path.is_file()}
    return {
        path.as_posix()
        for path in files
        if not any(part.startswith((".", "__pycache__")) for part in path.parts)
    }


def build_wheel(source: Path, out: Path, monkeypatch) -> dict[str, bytes]:
    monkeypatch.chdir(source)
    with zipfile.ZipFile(out / backend.build_wheel(str(out))) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    return build_wheel(ROOT, tmp_path, monkeypatch)


def metadata_of(wheel: dict[str, bytes]):
    (name,) = [name for name in wheel if name.endswith(".dist-info/METADATA")]
    return message_from_bytes(wheel[name])


def test_the_wheel_is_the_package_and_nothing_else(wheel):
    inside = {name for name in wheel if ".dist-info/" not in name}
    assert inside == files_of(ROOT, "sklearn_musiclime")
    assert "sklearn_musiclime/py.typed" in inside
    for name in ("local_page.html.jinja", "local_page.js", "global_page.js", "page.css"):
        assert wheel[f"sklearn_musiclime/report/templates/{name}"]


def test_its_metadata(wheel):
    metadata = metadata_of(wheel)
    assert metadata["Version"] == sklearn_musiclime.__version__
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload(decode=True) == (ROOT / "README.md").read_bytes()
    (licence,) = [name for name in wheel if name.endswith("/licenses/LICENSE")]
    assert wheel[licence] == (ROOT / "LICENSE").read_bytes()
    (scripts,) = [name for name in wheel if name.endswith("/entry_points.txt")]
    assert b"sklearn-musiclime = sklearn_musiclime.cli:main" in wheel[scripts]


def test_what_it_requires_has_a_floor_and_the_core_needs_no_extra(wheel):
    required = [Requirement(line) for line in metadata_of(wheel).get_all("Requires-Dist")]
    core = [r for r in required if "extra" not in str(r.marker)]
    assert all(s.operator == ">=" for r in core for s in r.specifier)
    assert all(r.specifier for r in core)
    heavy = {"torch", "transformers", "sentence-transformers", "demucs", "dask", "ray", "lime"}
    assert not heavy & {r.name for r in core}
    assert heavy <= {r.name for r in required}


def test_the_source_distribution_holds_the_tests_and_builds_the_same_wheel(
    wheel, tmp_path, monkeypatch
):
    monkeypatch.chdir(ROOT)
    name = backend.build_sdist(str(tmp_path))
    shutil.unpack_archive(tmp_path / name, tmp_path)
    source = tmp_path / name.removesuffix(".tar.gz")
    parts = ("sklearn_musiclime", "tests", "benchmarks")
    around = {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml", ".gitignore"}
    assert {path.name for path in source.iterdir()} == {*parts, *around}
    for part in parts:
        assert files_of(source, part) == files_of(ROOT, part)
    (tmp_path / "again").mkdir()
    assert build_wheel(source, tmp_path / "again", monkeypatch) == wheel
