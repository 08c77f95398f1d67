"""The README: its code runs, and the figures that it quotes are those that were measured."""

import importlib.util
import re
from pathlib import Path

import pytest

from sklearn_musiclime import LocalExplanation
from sklearn_musiclime.datasets import save_songs

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
README = (ROOT / "README.md").read_text(encoding="utf-8")


_spec = importlib.util.spec_from_file_location("tables", ROOT / "benchmarks" / "_tables.py")
tables = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tables)


def block(marker):
    found = re.search(rf"<!-- {marker} -->\n```\w*\n(.*?)```", README, flags=re.DOTALL)
    assert found, f"no code block behind {marker}"
    return found.group(1)


def test_the_quickstart_runs(made_songs, tmp_path, monkeypatch):
    X, y, stems, _ = made_songs
    songs = save_songs(X, stems, tmp_path / "songs").assign(genre=y)
    songs[["audio", "lyrics", "genre"]].to_csv(tmp_path / "songs.csv", index=False)
    monkeypatch.chdir(tmp_path)
    assert len([line for line in block("quickstart").splitlines() if line]) <= 15
    names = {}
    exec(block("quickstart"), names)
    exec(block("explanation"), names)
    written = {path.name for path in tmp_path.iterdir()}
    assert {"why.html", "why.png", "why.json", "for.wav"} <= written
    explanation = LocalExplanation.load("why.json")
    assert explanation.title == "song_0.wav"
    assert explanation.labels[0] in ("calm", "wild")


def test_files_that_it_shows_are_there():
    for path in re.findall(r"\]\((?!http)([^)]+)\)", README):
        name, _, anchor = path.partition("#")
        text = (ROOT / (name or "README.md")).read_bytes()  # is there
        if anchor:
            headings = re.findall(r"^##+ (.+)$", text.decode(), flags=re.MULTILINE)
            cleaned = [re.sub(r"[^\w -]", "", heading) for heading in headings]
            assert anchor in [heading.lower().replace(" ", "-") for heading in cleaned], path


def test_it_is_read_in_ten_minutes():
    assert len(README.splitlines()) <= 250


def test_tables_are_those_of_the_benchmarks():
    text = tables.README.read_text(encoding="utf-8")
    shown = re.findall(r"<!-- ([\w]+)-table -->", text)
    assert set(shown) == {path.stem for path in RESULTS.glob("*.json")}
    assert tables.filled(text) == text
    rows = re.findall(r"<!-- \w+-table -->\n\n\|.*\n\|[-:| ]+\n\| ", text)
    assert len(rows) == len(shown)


@pytest.mark.parametrize("name", ["peers", "speed", "truth"])
def test_extracts_are_lines_of_the_tables(name):
    found = re.search(rf"<!-- {name}-extract -->\n\n((?:\|.*\n)+)", README)
    assert found, f"the README has no {name}"
    head, _, *lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in found.group(1).strip().splitlines()
    ]
    expected = iter(tables.measured(name, head))
    assert lines
    assert all(line in expected for line in lines)  # in their order
