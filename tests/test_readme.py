"""The README: its code runs, and the figures that it quotes are those that were measured."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from sklearn_musiclime import LocalExplanation
from sklearn_musiclime.datasets import save_songs

ROOT = Path(__file__).parents[1]
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
    exec(block("quickstart"), {})
    assert {"why.png", "why.json", "for.wav"} <= {path.name for path in tmp_path.iterdir()}
    explanation = LocalExplanation.load("why.json")
    assert explanation.title == "song_0.wav"
    assert explanation.labels[0] in ("calm", "wild")


def test_files_that_it_shows_are_there():
    for path in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("name", [p.stem for p in (ROOT / "benchmarks" / "results").glob("*.json")])
def test_tables_are_those_of_the_benchmarks(name):
    rows = pd.DataFrame(
        json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())["rows"]
    )
    table = re.search(rf"<!-- {name}-table -->\n\n?((?:\|.*\n)+)", README)
    assert table, f"the README does not quote {name}.json"
    head, _, *lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.group(1).strip().splitlines()
    ]
    assert set(head) <= set(rows)
    expected = [
        [f"{v:.3g}" if isinstance(v, float) else str(v) for v in row]
        for row in rows[head].values.tolist()
    ]
    assert lines == expected
