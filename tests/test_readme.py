"""The README: its code runs, and the figures that it quotes are those that were measured."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from sklearn_musiclime import LocalExplanation
from sklearn_musiclime.datasets import save_songs

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
README = (ROOT / "README.md").read_text(encoding="utf-8")


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


def test_the_example_with_columns_runs(made_songs):
    X, y, _, _ = made_songs
    n = len(X)
    songs = X.assign(genre=y, artist=["Ann", "Bob", "Cy"] * (n // 3), year=range(1990, 1990 + n))
    names = {}
    imports, _, lines = block("quickstart").partition('songs = pd.read_csv("songs.csv")')
    exec(imports + lines.splitlines()[1], names)
    exec(block("columns"), names | {"songs": songs})


def test_files_that_it_shows_are_there():
    headings = re.findall(r"^## (.+)$", README, flags=re.MULTILINE)
    anchors = {"#" + re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in headings}
    for path in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert path in anchors or (ROOT / path).is_file(), path


def table(kind):
    """The head and the lines of a table of the README."""
    found = re.search(rf"<!-- {kind} -->\n\n?((?:\|.*\n)+)", README)
    assert found, f"the README has no {kind}"
    head, _, *lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in found.group(1).strip().splitlines()
    ]
    return head, lines


def measured(name, columns):
    """The same of what a benchmark wrote."""
    rows = pd.DataFrame(json.loads((RESULTS / f"{name}.json").read_text())["rows"])
    assert set(columns) <= set(rows)
    return [
        [f"{v:.3g}" if isinstance(v, float) else str(v) for v in row]
        for row in rows[columns].values.tolist()
    ]


@pytest.mark.parametrize("name", [path.stem for path in RESULTS.glob("*.json")])
def test_tables_are_those_of_the_benchmarks(name):
    head, lines = table(f"{name}-table")
    assert lines == measured(name, head)


@pytest.mark.parametrize("name", ["peers", "speed", "truth"])
def test_extracts_are_lines_of_the_tables(name):
    head, lines = table(f"{name}-extract")
    expected = iter(measured(name, head))
    assert lines
    assert all(line in expected for line in lines)  # in their order
