"""Records of corpus runs: what they hold, who reads them, runs that are killed, reports."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_explanations import local

from sklearn_musiclime import GlobalExplanation, MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime._runtime.cache import ResultCache
from sklearn_musiclime.components import split_lyrics
from sklearn_musiclime.explanation import Explanations
from sklearn_musiclime.results import record
from sklearn_musiclime.results.record.columns import INTERACTIONS, WEIGHTS
from sklearn_musiclime.results.record.place import Place
from sklearn_musiclime.results.record.writing import RecordWriter

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

SCRIPT = Path(__file__).with_name("record_run.py")
PLACES = pytest.mark.parametrize("name", ["songs.parquet", "songs"])


def scores(X):
    """A model of loudness and one word, whose classes interact."""
    loud = np.array([np.std(audio["array"]) for audio in X["audio"]])
    love = np.array(["love" in words for words in X["lyrics"]], dtype=float)
    return pd.DataFrame({"loud": loud * (1 + love), ("of", "love"): love - loud})


@pytest.fixture
def songs():
    rng = np.random.default_rng(0)
    lyrics = ["love is all", "all you need", "", "is it love love", "need", "rain and love"]
    audio = [{"array": rng.normal(size=800).astype("f4"), "sampling_rate": 800} for _ in lyrics]
    return pd.DataFrame({"audio": audio, "lyrics": lyrics}, index=[f"track {i}" for i in range(6)])


def explainer(model=scores, **parameters):
    defaults = {"separator": None, "segmenter": UniformSegmenter(3), "random_state": 0}
    defaults |= {"proxy": None, "n_samples": 60, "sampling_rate": 800}
    return MusicLimeExplainer(model, **(defaults | parameters))


def assert_same(found, expected):
    assert found.components == expected.components
    assert found.labels == expected.labels
    pd.testing.assert_frame_equal(found.songs, expected.songs)
    pd.testing.assert_frame_equal(found.to_frame(), expected.to_frame())
    pd.testing.assert_frame_equal(found.modality_share(), expected.modality_share())
    assert (found.pair_totals is None) == (expected.pair_totals is None)
    if expected.pair_totals is not None:
        for label in expected.labels:
            pd.testing.assert_frame_equal(
                found.interactions(label, fdr=None), expected.interactions(label, fdr=None)
            )


# What is read back is what was written.


@PLACES
@pytest.mark.parametrize(
    "parameters",
    [{}, {"modality": "lyrics", "interactions": None}, {"columns": ["year"], "design": "paired"}],
)
def test_a_record_gives_what_explanations_give(name, parameters, songs, tmp_path):
    songs["year"] = [1970, 1980, 1990, 2000, 2010, 2020]
    ours = explainer(**parameters).fit(songs)
    expected = GlobalExplanation.from_local(ours.explain(songs, "all"))
    found = ours.explain_global(songs, "all", out=tmp_path / name, n_segments=None)
    read = GlobalExplanation.from_parquet(tmp_path / name)
    assert_same(read, expected)
    assert found.run.n_new == 6
    assert read.songs["track_id"].tolist() == songs.index.repeat(2).tolist()
    groups = [0, 0, 1, 1, 2, 2]
    again = ours.explain_global(songs, "all", groups=groups, words={"all": "love"})
    kept = ours.explain_global(
        songs, "all", groups=groups, words={"all": "love"}, out=tmp_path / name
    )
    assert_same(kept, again)
    assert (kept.run.n_new, kept.run.n_recorded) == (0, 6)


@PLACES
def test_made_explanations_of_every_shape(name, tmp_path):
    """Unlike segments, borders, labels, words that are no UTF-8, and pairs in some songs only."""
    made = Explanations([
        local(0, {"vocals@0": 1.0, "love": -2.0}, "love me", pairs={("vocals@0", "love"): 0.5}),
        local(3, {"me": 0.25}, "me", label=7, borders=(0, 30, 100), sources=("drums", "vocals")),
        local(1, {}, "", sources=(), borders=(0, 1)),
        replace(local(2, {"love": 1.0}, "love", label=(1, "a\udc80")), track_id=("b", 4)),
    ])  # fmt: skip
    lines = split_lyrics("x\udc80y", "lines")
    made[3] = replace(made[3], components=replace(made[3].components, lyrics=lines))
    made.to_parquet(tmp_path / name)
    found = GlobalExplanation.from_parquet(tmp_path / name)
    expected = GlobalExplanation.from_local(made, words=lambda word: word.replace("\udc80", "�"))
    assert_same(found, expected)
    assert found.songs["track_id"].tolist() == [0, 3, 1, ("b", 4)]
    made.to_parquet(tmp_path / name)  # holds them already
    assert len(GlobalExplanation.from_parquet(tmp_path / name).songs) == 4
    unlike = replace(made[0], settings={"kernel": "shapley"})
    with pytest.raises(ValueError, match="another kernel"):
        Explanations([*made, unlike]).to_parquet(tmp_path / "other")
    with pytest.raises(ValueError, match="two songs have the label 0"):
        Explanations([made[0], made[0]]).to_parquet(tmp_path / "other")


def test_what_a_row_holds(songs, tmp_path):
    ours = explainer().fit(songs)
    explanations = ours.explain(songs)
    ours.explain_global(songs, out=tmp_path / "songs.parquet")
    table = pq.read_table(tmp_path / "songs.parquet")
    assert table.column_names == [column.name for column in WEIGHTS]
    for field, column in zip(table.schema, WEIGHTS, strict=True):
        assert field.metadata[b"meaning"].decode() == column.meaning
        assert f"``{column.name}``" in record.__doc__
    pairs = pq.read_table(tmp_path / "songs.interactions.parquet")
    assert pairs.column_names == [column.name for column in INTERACTIONS]
    rows = table.to_pandas()
    frame = explanations[3].to_frame()
    own = rows[rows["track_id"] == "track 3"].reset_index(drop=True)
    for name in ("component", "weight", "std_err", "low", "high", "start", "end"):
        np.testing.assert_array_equal(own[name].dropna(), frame[name].dropna())
    settings = explanations[3].settings
    assert set(own["model_digest"]) == {settings["model_digest"]}
    assert set(own["version"]) == {settings["version"]}
    assert set(own["n_masks"]) == {settings["n_samples"]}
    assert rows["settings_digest"].nunique() == 1
    assert rows["song_digest"].nunique() == 6
    assert own["score"][0] == explanations[3].prediction[explanations[3].labels[0]]


@PLACES
def test_anyone_can_read_it(name, songs, tmp_path):
    """SQL and data frames compute the importances that this package does."""
    found = explainer().fit(songs).explain_global(songs, out=tmp_path / name)
    expected = found.importance().stack().rename("importance").reset_index()
    expected = {tuple(map(str, (c, label))): v for c, label, v in expected.to_numpy()}
    frame = pd.read_parquet(tmp_path / name)
    frame = frame.assign(positive=frame["weight"].clip(lower=0))
    by_song = frame.groupby(["component", "label", "track_id"])["positive"].sum()
    mean = by_song.groupby(["component", "label"]).mean()
    assert mean.to_dict() == pytest.approx(expected)
    duckdb = pytest.importorskip("duckdb")
    place = tmp_path / name / "*.parquet" if name == "songs" else tmp_path / name
    rows = duckdb.sql(
        "SELECT component, label, avg(greatest(weight, 0)) "
        f"FROM '{place}' WHERE component IS NOT NULL GROUP BY ALL"
    ).fetchall()
    assert {(c, label): mean for c, label, mean in rows} == pytest.approx(expected)


# Going on.


def counted(log, X):
    with open(log, "a") as file:
        file.write("x" * (len(X) == 1))
    return scores(X)


@PLACES
def test_songs_in_the_record_are_not_explained_again(name, songs, tmp_path):
    asked = []

    def model(X):
        asked.append(len(X))
        return scores(X)

    ours = explainer(model, cache_version=1).fit(songs)
    first = ours.explain_global(songs[:4], out=tmp_path / name)
    del asked[:]
    grown = ours.explain_global(songs[::-1], out=tmp_path / name)
    assert asked.count(1) == 4  # two for each new song
    assert (grown.run.n_new, grown.run.n_recorded) == (2, 4)
    assert first.songs["track_id"].tolist() == songs.index[:4].tolist()
    # Rows are those of this X, whatever they were when a song was recorded.
    assert dict(zip(grown.songs["track_id"], grown.songs["row"], strict=True)) == {
        f"track {i}": 5 - i for i in range(6)
    }
    expected = explainer().fit(songs).explain_global(songs)
    pd.testing.assert_frame_equal(grown.importance(), expected.importance())
    del asked[:]
    fewer = ours.explain_global(songs[1:3], out=tmp_path / name)
    assert not asked
    assert len(fewer.songs) == 2


def test_what_a_record_refuses(songs, tmp_path):
    out = tmp_path / "songs.parquet"
    ours = explainer().fit(songs)
    ours.explain_global(songs, out=out)
    before = out.read_bytes()
    with pytest.raises(ValueError, match=r"other settings.*n_samples was 60, is 80"):
        explainer(n_samples=80).fit(songs).explain_global(songs, out=out)
    with pytest.raises(ValueError, match=r"labels was None, is 'all'"):
        ours.explain_global(songs, "all", out=out)
    changed = songs.assign(lyrics=["other", *songs["lyrics"][1:]])
    with pytest.raises(ValueError, match=r"'track 0' of X is another one"):
        ours.explain_global(changed, out=out)
    with pytest.warns(UserWarning, match="1 of 6"):
        found = ours.explain_global(changed, out=out, on_error="warn")
    assert found.songs["row"].tolist() == [1, 2, 3, 4, 5]  # not what is recorded of another song
    assert found.run.failures == {"ValueError": 1}
    with pytest.raises(ValueError, match="labels occur twice"):
        ours.explain_global(songs.set_axis(["a"] * 6), out=tmp_path / "other")
    with pytest.raises(ValueError, match="keep_explanations"):
        ours.explain_global(songs, out=out, keep_explanations=True)
    assert out.read_bytes() == before
    assert not (tmp_path / "songs.parquet.parts").exists()
    with (
        RecordWriter(tmp_path / "busy", settings_digest="a", settings={}) as writer,
        pytest.raises(OSError, match="another run writes this record"),
    ):
        ours.explain_global(songs, out=writer.place.path)
    (tmp_path / "text.parquet").write_text("no parquet")
    pq.write_table(pa.table({"weight": [1.0]}), tmp_path / "strange.parquet")
    with pytest.raises(ValueError, match="no file of a record"):
        GlobalExplanation.from_parquet(tmp_path / "strange.parquet")
    with pytest.raises(ValueError, match=r"text.parquet"):
        GlobalExplanation.from_parquet(tmp_path / "text.parquet")
    with pytest.raises(FileNotFoundError, match="no record"):
        GlobalExplanation.from_parquet(tmp_path / "nowhere")
    twice = pq.read_table(out)
    pq.write_table(pa.concat_tables([twice, twice]), tmp_path / "twice.parquet")
    with pytest.raises(ValueError, match="in the record twice"):
        GlobalExplanation.from_parquet(tmp_path / "twice.parquet")


def test_a_song_that_fails_and_one_that_interrupts(songs, tmp_path):
    """What was done before an error is in the parts, and the next run goes on from there."""
    out = tmp_path / "songs.parquet"
    (tmp_path / "bad").touch()

    def model(X):
        if (tmp_path / "bad").exists() and "rain" in X["lyrics"].iloc[0]:
            raise RuntimeError("no rain")
        return scores(X)

    ours = explainer(model, cache_version=1).fit(songs)
    with pytest.raises(RuntimeError, match="no rain"):
        ours.explain_global(songs, out=out)
    assert not out.exists()
    assert json.loads((tmp_path / "songs.run.json").read_text())["state"] == "stopped"
    assert len(GlobalExplanation.from_parquet(out).songs) == 5  # of the parts
    with pytest.warns(UserWarning, match="no rain"):
        ours.explain_global(songs, out=out, on_error="warn")
    assert len(GlobalExplanation.from_parquet(out).songs) == 5
    (tmp_path / "bad").unlink()
    found = ours.explain_global(songs, out=out)
    assert (found.run.n_new, found.run.n_recorded) == (1, 5)
    pd.testing.assert_frame_equal(
        found.importance(), explainer().fit(songs).explain_global(songs).importance()
    )


@pytest.mark.long
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_run_killed_at_every_step_holds_each_song_once(kind, tmp_path):
    command = [sys.executable, "-W", "ignore", str(SCRIPT), str(tmp_path), kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    held = done.stdout.split()
    assert len(held) >= 10
    assert {"2", "4", "5"} <= set(held)  # deaths between parts, and after the last


@pytest.mark.slow
def test_workers_write_the_same_record(songs, tmp_path):
    one = explainer().fit(songs).explain_global(songs, out=tmp_path / "one")
    two = explainer(n_jobs=2).fit(songs).explain_global(songs, out=tmp_path / "one")
    assert two.run.n_recorded == 6
    both = explainer(n_jobs=2).fit(songs).explain_global(songs, out=tmp_path / "both")
    pd.testing.assert_frame_equal(both.to_frame(), one.to_frame())


def test_memory_and_record_share_their_results(songs, tmp_path):
    ours = explainer(memory=str(tmp_path / "cache")).fit(songs)
    ours.explain_global(songs)
    found = ours.explain_global(songs, out=tmp_path / "songs")
    assert (found.run.n_cached, found.run.n_new) == (6, 0)


# The report.


def test_the_report_is_there_while_the_run_goes_on(songs, tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_musiclime.songs.run.SECONDS_A_REPORT", 0.0)
    out, seen = tmp_path / "songs", []

    def model(X):
        if len(X) == 1 and (out / "_run.json").exists():
            seen.append(json.loads((out / "_run.json").read_text()))
        if X.index[0] == "track 4":
            raise RuntimeError("no")
        return scores(X)

    ours = explainer(model, cache_version=1).fit(songs)
    songs["audio"] = [*songs["audio"][:5], {"array": [np.nan], "sampling_rate": 800}]
    with pytest.warns(UserWarning, match="2 of 6"):
        found = ours.explain_global(songs, out=out, on_error="warn")
    assert [report["n_left"] for report in seen] == sorted(
        (report["n_left"] for report in seen), reverse=True
    )
    assert {report["state"] for report in seen} == {"running"}
    last = json.loads((out / "_run.json").read_text())
    assert last == found.run.to_dict()
    assert (last["state"], last["n_songs"], last["n_new"]) == ("finished", 6, 4)
    assert last["failures"] == {"audio": 1, "RuntimeError": 1}
    calls = sum(e.settings["n_samples"] for e in ours.explain(songs[:4]))
    assert last["n_calls"] == calls
    assert last["calls_a_song"] == calls / 4
    assert last["seconds_left"] == 0
    assert "4 new, 2 failed" in str(found.run)


# What memory keeps.


@pytest.mark.parametrize(
    ("keeps", "kinds"),
    [("all", {"sources", "explanation"}), ("sources", {"sources"}),
     ("explanations", {"explanation"})],
)  # fmt: skip
def test_memory_keeps_what_is_asked_for(keeps, kinds, songs, tmp_path):
    class Halves(UniformSegmenter):  # any estimator that separates
        source_names = ("a", "b")

        def separate(self, waveform, sampling_rate):
            return ("a", "b"), np.stack([waveform / 2, waveform / 2])

    parameters = {"separator": Halves(), "memory": str(tmp_path), "memory_keeps": keeps}
    first = explainer(**parameters).fit(songs).explain_global(songs)
    folder = ResultCache(str(tmp_path))._folder
    assert {path.name for path in folder.iterdir()} == kinds
    again = explainer(**parameters).fit(songs).explain_global(songs)
    assert again.run.n_cached == (6 if "explanation" in kinds else 0)
    pd.testing.assert_frame_equal(first.to_frame(), again.to_frame())
    everything = explainer(**(parameters | {"memory_keeps": "all"})).fit(songs)
    assert everything.explain_global(songs).run.n_cached == again.run.n_cached


def test_places(tmp_path):
    place = Place.of(tmp_path / "a.b.parquet")
    assert place.report.name == "a.b.run.json"
    assert place.pair_file.name == "a.b.interactions.parquet"
    assert not Place.of(tmp_path / "a.b").is_file
