"""The command line, as a user types it."""

import json
import os
import re
import subprocess
import sys
from itertools import pairwise

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import soundfile
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from sklearn_musiclime import (
    Contrast,
    GlobalDifference,
    GlobalExplanation,
    LocalExplanation,
    SpectralStatistics,
    make_fusion_pipeline,
)
from sklearn_musiclime.cli import _parser, main
from sklearn_musiclime.commands import demo_model
from sklearn_musiclime.datasets import save_songs

WRITTEN = {
    "explanation.html", "explanation.png", "explanation.json", "explanation.npz", "for.wav",
    "against.wav",
}  # fmt: skip


class Strange(LogisticRegression):
    """A type that skops does not know."""


@pytest.fixture(scope="module")
def saved(made_songs, tmp_path_factory):
    """A folder with a model in every form and a song's audio and lyrics."""
    folder = tmp_path_factory.mktemp("saved")
    X, y, _, _ = made_songs
    model = demo_model().fit(X, y)
    skops.io.dump(model, folder / "model.skops")
    regressor = make_pipeline(demo_model()[0], Ridge())
    values = np.column_stack([y == "wild", X["lyrics"].str.len()]).astype(float)
    skops.io.dump(regressor.fit(X, values), folder / "regressor.skops")
    joblib.dump(model, folder / "model.joblib")
    model.steps[-1] = ("strange", Strange(max_iter=500))
    skops.io.dump(model.fit(X, y), folder / "strange.skops")
    soundfile.write(folder / "song.wav", X["audio"][0]["array"], 22050)
    (folder / "lyrics.txt").write_text(X["lyrics"][0], encoding="utf-8")
    (folder / "latin1.txt").write_bytes("café".encode("latin-1"))
    return folder


def explain(saved, out, *options, model="model.skops", audio="song.wav", lyrics="lyrics.txt"):
    files = {"--model": model, "--audio": audio, "--lyrics": lyrics}
    paths = [part for option, name in files.items() for part in (option, str(saved / name))]
    return main(["explain", *paths, "--out", str(out), "--n-samples", "60", *options])


def test_the_number_of_songs_is_chosen_unless_it_is_given(capsys):
    for command in (["demo"], ["explain", "--model", "m", "--audio", "a", "--lyrics", "l"]):
        assert _parser().parse_args(command).n_samples == "auto"
        assert _parser().parse_args([*command, "--n-samples", "auto"]).n_samples == "auto"
        assert _parser().parse_args([*command, "--n-samples", "60"]).n_samples == 60
    with pytest.raises(SystemExit):
        _parser().parse_args(["demo", "--n-samples", "many"])
    assert "a whole number or auto, got 'many'" in capsys.readouterr().err


TIMED = {
    "srt": "1\n00:00:00,200 --> 00:00:00,900\nSilver rivières\n\n"
           "2\n00:00:01,000 --> 00:00:01,800\nover stone\n",
    "lrc": "[00:00.20]<00:00.20>Silver <00:00.50>rivières<00:00.90>\n"
           "[00:01.00]<00:01.00>over <00:01.40>stone<00:01.80>\n",
}  # fmt: skip
SUNG = {
    "srt": [(0.2, 0.9), (0.2, 0.9), (1.0, 1.8), (1.0, 1.8)],
    "lrc": [(0.2, 0.5), (0.5, 0.9), (1.0, 1.4), (1.4, 1.8)],
}


@pytest.mark.parametrize("suffix", TIMED)
def test_words_of_a_timed_file_have_its_times(saved, suffix, tmp_path):
    lyrics = tmp_path / f"lyrics.{suffix}"
    lyrics.write_text(TIMED[suffix], encoding="latin-1")
    out = tmp_path / "out"
    assert explain(saved, out, "--encoding", "latin-1", lyrics=lyrics) == 0
    frame = LocalExplanation.load(out / "explanation.json").to_frame().set_index("component")
    words = ["Silver", "rivières", "over", "stone"]
    found = frame.loc[words, ["start", "end"]].to_numpy()
    np.testing.assert_allclose(found, SUNG[suffix])
    page = (out / "explanation.html").read_text(encoding="utf-8")
    assert all(json.dumps(word) in page for word in words)


@pytest.mark.slow
def test_demo_on_real_songs(real_path, tmp_path, capfd):
    """What the table says is what the files hold and play."""
    out = tmp_path / "out"
    assert main(["demo", "--songs", str(real_path), "--out", str(out), "--n-samples", "300"]) == 0
    assert {p.name for p in out.iterdir()} == WRITTEN
    printed = capfd.readouterr().out
    assert "Cross-validated accuracy" in printed
    assert "Folk, Metal, Reggae" in printed  # one song each
    explanation = LocalExplanation.load(out / "explanation.json")
    for modality in ("audio", "lyrics"):
        best = explanation.top(1, modality=modality).iloc[0]
        assert f"{best['weight']:+.4f}" in printed
    played = {d: soundfile.read(out / f"{d}.wav")[0] for d in ("for", "against")}
    weights = explanation.audio_map().to_numpy()
    audio = explanation.components.audio
    for direction, sign in (("for", 1), ("against", -1)):
        order = np.argsort(-sign * weights, axis=None)[:5]
        loud = {int(i) % audio.n_segments for i in order if sign * weights.flat[i] > 0}
        for segment, (start, stop) in enumerate(pairwise(audio.borders)):
            energy = np.square(played[direction][start + 1 : stop - 1]).sum()
            assert (energy > 0) == (segment in loud)


@pytest.mark.long
def test_demo_on_made_songs_in_a_process_of_its_own(tmp_path):
    out = tmp_path / "out"
    environment = os.environ | {"MPLBACKEND": "TkAgg"}
    environment.pop("DISPLAY", None)  # no screen to draw on
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "sklearn_musiclime", "demo", "--out", str(out),
         "--n-samples", "200"],
        env=environment, capture_output=True, text=True, check=True, timeout=240,
    )  # fmt: skip
    assert {p.name for p in out.iterdir()} >= WRITTEN
    accuracy, chance = re.search(r"accuracy (\d\.\d+), chance (\d\.\d+)", run.stdout).groups()
    assert float(accuracy) > float(chance) + 0.1
    explanation = LocalExplanation.load(out / "explanation.json")
    planted = run.stdout.splitlines()[-1]
    assert planted.startswith("planted: ")
    assert len(planted.split(", ")) == 5  # two moments, two words, a pair
    assert "dream found (number 1)" in planted
    assert set(explanation.components.audio.source_names) == {"drums", "bass", "chords", "voice"}
    modules = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert "sklearn" in modules
    assert not modules & {"torch", "transformers", "sentence_transformers", "dask", "ray", "demucs"}


@pytest.mark.slow
def test_explain_with_a_skops_model(saved, tmp_path, capsys):
    assert explain(saved, tmp_path) == 0
    assert {p.name for p in tmp_path.iterdir()} == WRITTEN
    document = json.loads((tmp_path / "explanation.json").read_text())
    assert document["title"] == "song.wav"
    assert "Why " in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "expected"), [(4000, 8000), (22050, 22050), (64_000, 48_000)])
def test_what_is_written_plays_everywhere(rate, expected, saved, made_songs, tmp_path):
    model = make_fusion_pipeline(audio=SpectralStatistics(sampling_rate=rate, features=("rms",)))
    skops.io.dump(model.fit(*made_songs[:2]), tmp_path / "model.skops")
    assert explain(saved, tmp_path, model=tmp_path / "model.skops") == 0
    for name in ("for.wav", "against.wav"):
        sound = soundfile.info(tmp_path / name)
        assert (sound.samplerate, sound.frames) == (expected, 2 * expected)


@pytest.mark.slow
def test_explain_a_label(saved, tmp_path, capsys):
    for label in ("calm", "wild"):
        assert explain(saved, tmp_path / label, "--label", label) == 0
        assert LocalExplanation.load(tmp_path / label / "explanation.json").labels == [label]
    assert explain(saved, tmp_path / "x", "--label", "1", model="regressor.skops") == 0
    assert LocalExplanation.load(tmp_path / "x" / "explanation.json").labels == [1]
    assert explain(saved, tmp_path / "y", "--label", "jazz") == 1
    assert "no label 'jazz'" in capsys.readouterr().err


@pytest.mark.parametrize("model", ["model.joblib", "strange.skops"])
def test_what_can_run_code_needs_trust(model, saved, tmp_path, capsys):
    assert explain(saved, tmp_path / "out", model=model) == 1
    error = capsys.readouterr().err
    assert "--trust" in error
    assert not (tmp_path / "out").exists()
    if model == "strange.skops":
        assert "test_cli.Strange" in error
        assert "SpectralStatistics" not in error
    assert explain(saved, tmp_path / "out", "--trust", model=model) == 0


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        ({"model": "gone.skops"}, "there is no model at"),
        ({"audio": "gone.wav"}, "does not exist"),
        ({"audio": "lyrics.txt"}, "can't be decoded"),
        ({"lyrics": "gone.txt"}, "gone.txt"),
        ({"lyrics": "latin1.txt"}, "not UTF-8"),
    ],
)
def test_errors_are_one_line(files, cause, saved, tmp_path, capsys):
    assert explain(saved, tmp_path, **files) == 1
    lines = capsys.readouterr().err.splitlines()
    error = [line for line in lines if line and not line.startswith("explaining: ")]
    assert len(error) == 1
    assert error[0].startswith("sklearn-musiclime: error: ")
    assert cause in error[0]


# Many songs.


@pytest.fixture(scope="module")
def table(made_songs, saved):
    """A table of eight songs, one of them no audio, two from each recording."""
    X, _, stems, _ = made_songs
    songs = save_songs(X.iloc[:8], stems[:8], saved / "songs")
    (saved / "songs" / "bad.wav").write_bytes(b"no sound")
    songs["audio"] = [f"songs/song_{i}.wav" for i in range(7)] + ["songs/bad.wav"]
    songs["recording"] = [f"r{i // 2}" for i in range(8)]
    songs[["audio", "lyrics", "recording"]].to_csv(saved / "songs.csv", index=False)
    return saved / "songs.csv"


def test_help_has_examples_and_defaults(capsys):
    for command, out in (("demo", "demo"), ("explain", "why"), ("global", "overall"),
                         ("compare", "versions")):  # fmt: skip
        with pytest.raises(SystemExit) as stop:
            main([command, "--help"])
        assert stop.value.code == 0
        shown = capsys.readouterr().out
        assert f"(default: {out})" in shown
        assert "None" not in shown
        examples = shown.partition("examples:\n")[2].splitlines()
        for example in examples:
            name, *rest = example.split()
            assert name == "sklearn-musiclime"
            assert _parser().parse_args(rest).command == command
        assert examples


@pytest.mark.parametrize(
    ("typed", "meant"),
    [(["explian"], "explain"), (["demo", "--ouf", "x"], "--out"),
     (["global", "--model", "m", "--songs", "s", "--backend", "dusk"], "dask")],
)  # fmt: skip
def test_errors_suggest_what_was_meant(typed, meant, capsys):
    with pytest.raises(SystemExit):
        main(typed)
    assert capsys.readouterr().err.strip().endswith(f"; did you mean {meant}?")


def test_results_are_not_replaced_unasked(saved, table, tmp_path, capsys):
    (tmp_path / "explanation.json").write_text("dear")
    (tmp_path / "global.json").write_text("dear")
    assert explain(saved, tmp_path, audio="song.wav") == 1
    assert "--overwrite" in capsys.readouterr().err
    assert explain_table(saved, table, tmp_path) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "explanation.json").read_text() == "dear"
    assert explain(saved, tmp_path, "--overwrite") == 0
    assert LocalExplanation.load(tmp_path / "explanation.json").title == "song.wav"
    assert (tmp_path / "global.json").read_text() == "dear"


def explain_table(saved, table, out, *options):
    return main([
        "global", "--model", str(saved / "model.skops"), "--songs", str(table), "--out", str(out),
        "--n-samples", "60", *options,
    ])  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("backend", [None, "threading", "dask"])
def test_global(backend, saved, table, tmp_path, capfd):
    options = ["--n-jobs", "2"] + ([] if backend is None else ["--backend", backend])
    with pytest.warns(UserWarning, match="1 of 8 songs.*\n.*row 7 .*bad.wav"):
        assert explain_table(saved, table, tmp_path / "out", *options) == 0
    printed = capfd.readouterr().out
    explanation = GlobalExplanation.load(tmp_path / "out" / "global.json")
    assert explanation.songs["row"].tolist() == list(range(7))
    assert explanation.failures["row"].tolist() == [7]
    for label in explanation.labels:
        top = explanation.top(1, label, modality="audio", min_count=2)
        assert f"{label}:" in printed
        assert all(name in printed for name in top["component"])
    importance = pd.read_csv(tmp_path / "out" / "importance.csv", keep_default_na=False)
    found = importance.set_index(["label", "component"])["average"].astype(float)
    for label, column in explanation.importance().items():
        for name, value in column.dropna().items():
            assert found[label, name] == pytest.approx(value)
    assert pd.read_csv(tmp_path / "out" / "failures.csv")["title"].tolist() == ["bad.wav"]
    pages = {f"global-song-{row}.html" for row in explanation.pick(5)["row"]}
    assert {path.name for path in (tmp_path / "out").glob("global-song-*.html")} == pages
    page = (tmp_path / "out" / "global.html").read_text(encoding="utf-8")
    assert all(name in page for name in pages)
    assert (tmp_path / "out" / "global.png").stat().st_size > 10_000


@pytest.mark.slow
def test_global_leaves_a_record(saved, table, tmp_path, capfd):
    pytest.importorskip("pyarrow")
    with pytest.warns(UserWarning, match="1 of 8"):
        assert explain_table(saved, table, tmp_path, "--record") == 0
    found = GlobalExplanation.from_parquet(tmp_path / "explanations.parquet")
    expected = GlobalExplanation.load(tmp_path / "global.json")
    pd.testing.assert_frame_equal(found.importance(), expected.importance())
    report = json.loads((tmp_path / "explanations.run.json").read_text())
    assert (report["state"], report["n_new"], report["failures"]) == ("finished", 7, {"audio": 1})
    printed = capfd.readouterr().out
    assert "8 songs in" in printed
    assert "7 new, 1 failed" in printed
    assert "explanations.run.json" in printed


@pytest.mark.slow
def test_global_goes_on_where_it_stopped(saved, table, tmp_path):
    options = ("--group-column", "recording", "--overwrite")
    for _ in range(2):
        with pytest.warns(UserWarning, match="1 of 8"):
            assert explain_table(saved, table, tmp_path, *options) == 0
        entries = sorted((tmp_path / "cache").rglob("output.pkl"))
        assert len(entries) == 2 * 7  # sources and explanations
    explanation = GlobalExplanation.load(tmp_path / "global.json")
    assert explanation.songs["group"].tolist() == ["r0", "r0", "r1", "r1", "r2", "r2", "r3"]


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (["--audio-column", "file"], "no column 'file'"),
        (["--group-column", "artist"], "no column 'artist'"),
        (["--scheduler", "tcp://127.0.0.1:1"], "--backend dask or ray"),
        (["--songs", "gone.csv"], "no table"),
    ],
)
def test_global_errors_are_one_line(options, cause, saved, table, tmp_path, capfd):
    assert explain_table(saved, table, tmp_path, *options) == 1
    error = capfd.readouterr().err
    assert cause in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.slow
def test_the_page_is_opened_if_asked(saved, tmp_path, monkeypatch, capfd):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert explain(saved, tmp_path / "quiet") == 0
    assert opened == []
    assert explain(saved, tmp_path / "shown", "--open") == 0
    assert opened == [(tmp_path / "shown" / "explanation.html").as_uri()]
    assert str(tmp_path / "shown" / "explanation.html") in capfd.readouterr().out


def compare(folder, out, *options, old="model.skops", new="newer.skops"):
    versions = (str(folder / name) for name in (old, new, "songs.csv"))
    return main(["compare", *versions, "--out", str(out), "--n-samples", "60", *options])


@pytest.fixture(scope="module")
def two_versions(saved, made_songs):
    """The folder with a second version of the model, and a table of songs."""
    X, y, stems, _ = made_songs
    newer = demo_model().fit(X, np.where(X["lyrics"].str.contains("silver"), "wild", y))
    skops.io.dump(newer, saved / "newer.skops")
    songs = save_songs(X[:3], stems[:3], saved / "wavs").assign(who=["a", "a", "b"])
    songs[["audio", "lyrics", "who"]].to_csv(saved / "songs.csv", index=False)
    return saved


@pytest.mark.slow
def test_two_versions_are_compared(two_versions, tmp_path, capsys):
    options = ("--separator", "none", "--label", "wild", "--group-column", "who", "--pages", "1")
    assert compare(two_versions, tmp_path, *options) == 0
    out = capsys.readouterr().out
    assert re.search(r"wild: \d+ of \d+ components differ", out)
    found = GlobalDifference.load(tmp_path / "difference.json")
    assert found.labels == ["wild"]
    table = pd.read_csv(tmp_path / "difference.csv")
    np.testing.assert_allclose(table["difference"], found.to_frame()["difference"])
    assert table["n_groups"].max() == 2
    assert {"difference.html", "difference.png", "failures.csv"} <= set(os.listdir(tmp_path))
    assert len(list(tmp_path.glob("difference-song-*.html"))) == 1
    before = (tmp_path / "difference.csv").read_text()
    assert compare(two_versions, tmp_path, *options, "--overwrite") == 0  # from the cache
    assert (tmp_path / "difference.csv").read_text() == before


def test_versions_are_loaded_as_safely_as_a_model(two_versions, tmp_path, capsys):
    assert compare(two_versions, tmp_path, new="model.joblib") == 1
    assert "say --trust" in capsys.readouterr().err
    assert compare(two_versions, tmp_path, "--label", "polka") == 1
    assert "no label 'polka'" in capsys.readouterr().err


def test_a_contrast_is_explained(saved, tmp_path, capsys):
    options = ("--label", "wild", "--rather-than", "calm", "--separator", "none")
    assert explain(saved, tmp_path, *options) == 0
    assert "Why wild rather than calm" in capsys.readouterr().out
    loaded = LocalExplanation.load(tmp_path / "explanation.json")
    assert loaded.labels == [Contrast("wild", "calm")]
    assert explain(saved, tmp_path, "--rather-than", "calm") == 1
    assert "--label" in capsys.readouterr().err
