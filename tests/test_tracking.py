"""Explanations in MLflow: by a stand-in that records what it is given, and by MLflow itself."""

import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import song_array
from explaining import explainer
from made_explanations import local

from sklearn_musiclime import GlobalExplanation, LocalExplanation
from sklearn_musiclime.tracking import as_key, log_explanation


class Recorder(types.ModuleType):
    """Stands for MLflow, as far as it is used, with its rules of keys and parameters."""

    def __init__(self, folder):
        super().__init__("mlflow")
        self.folder, self.params, self.metrics = folder, {}, {}

    def log_params(self, params):
        for key, value in params.items():
            assert isinstance(value, str)
            assert len(value) <= 500
            assert self.params.setdefault(key, value) == value  # it refuses to change one
        self._check_keys(params)

    def log_metrics(self, metrics):
        assert all(type(value) is float for value in metrics.values())
        self._check_keys(metrics)
        self.metrics |= metrics

    def log_artifacts(self, folder, artifact_path):
        shutil.copytree(folder, self.folder / artifact_path)

    @staticmethod
    def _check_keys(values):
        for key in values:
            assert len(key) <= 250
            assert all(part.replace(".", "").replace("-", "").replace("_", "").isalnum()
                       for part in key.split("/")), key  # fmt: skip


@pytest.fixture
def recorder(monkeypatch, tmp_path):
    found = Recorder(tmp_path / "artifacts")
    monkeypatch.setitem(sys.modules, "mlflow", found)
    return found


@pytest.fixture(scope="module")
def explained():
    noise = np.random.default_rng(0).normal(0, 0.1, 11025).astype(np.float32)
    X = song_array((noise, "love is all"), (noise[:9000], "here comes love"))
    ours = explainer(output_names=["R&B / soul", "r&b + soul"], proxy=None).fit(X)
    return ours, X, ours.explain(X, "all")


def test_a_song_is_recorded(recorder, explained):
    ours, _, (explanation, other) = explained
    log_explanation(explanation, explainer=ours)
    log_explanation(other)
    assert recorder.params["song-0/design"] == "paired"
    assert recorder.params["song-0/labels"] == str(explanation.labels)
    assert recorder.params["song-0/explainer.n_samples"] == "60"
    values = recorder.metrics
    assert values["song-0/R_B_soul/fidelity"] == pytest.approx(explanation.fidelity[0])
    assert values["song-0/r_b_soul-2/fidelity"] == pytest.approx(explanation.fidelity[1])
    share = explanation.modality_share("r&b + soul")["share"]
    assert values["song-0/r_b_soul-2/share.lyrics"] == pytest.approx(share["lyrics"])
    score = explanation.prediction["R&B / soul"]
    assert values["song-0/R_B_soul/score"] == pytest.approx(score)
    for row in (0, 1):
        assert {p.name for p in (recorder.folder / f"song-{row}").iterdir()} == {
            "explanation.html", "explanation.json", "explanation.npz", "components.csv",
        }  # fmt: skip
    loaded = LocalExplanation.load(recorder.folder / "song-0" / "explanation.json")
    np.testing.assert_array_equal(loaded.weights, explanation.weights)
    table = pd.read_csv(recorder.folder / "song-0" / "components.csv")
    assert table["label"].unique().tolist() == ["R&B / soul", "r&b + soul"]
    np.testing.assert_allclose(table["weight"], explanation.weights.ravel())


def test_many_songs_are_recorded(recorder, explained):
    ours, X, _ = explained
    with pytest.warns(UserWarning, match="could not be explained"):
        overall = ours.explain_global(
            song_array(*X.tolist(), (X[0, 0], None)), "all", on_error="warn", keep_explanations=True
        )
    log_explanation(overall, "all songs", explainer=ours)
    values = recorder.metrics
    assert values["all_songs/n_songs"] == 2
    assert values["all_songs/n_explanations"] == 4
    assert values["all_songs/n_failures"] == 1
    for key, label in (("R_B_soul", "R&B / soul"), ("r_b_soul-2", "r&b + soul")):
        own = overall.songs[overall.songs["label"] == label]
        assert values[f"all_songs/{key}/fidelity"] == pytest.approx(own["fidelity"].mean())
        assert values[f"all_songs/{key}/share.audio"] == pytest.approx(own["audio"].mean())
    folder = recorder.folder / "all_songs"
    assert {"explanation.html", "components.csv", "failures.csv"} <= {
        p.name for p in folder.iterdir()
    }
    assert list(folder.glob("explanation-song-*.html"))  # that the page links to
    loaded = GlobalExplanation.load(folder / "explanation.json")
    assert loaded.labels == overall.labels
    assert len(pd.read_csv(folder / "components.csv")) == len(overall.to_frame())


def test_what_has_no_page_or_no_shares(recorder):
    """No waveforms; shares that aren't known; text without bytes."""
    song = local(7, {"love": 1.0}, "love \udc80")
    object.__setattr__(song, "shares", np.full((1, 3), np.nan))
    log_explanation(song)
    assert not (recorder.folder / "song-7" / "explanation.html").exists()
    assert not any("share" in key for key in recorder.metrics)
    log_explanation(GlobalExplanation.from_totals({"a": {"love": (1.0, 1)}}), page=False)
    assert recorder.metrics["global/n_failures"] == 0
    assert not (recorder.folder / "global" / "explanation.html").exists()


def test_what_is_no_explanation(recorder, explained):
    with pytest.raises(TypeError, match="log several one by one"):
        log_explanation(explained[2])


def test_mlflow_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ImportError, match="pip install mlflow"):
        log_explanation(local(0, {"love": 1.0}, "love"))


@pytest.mark.parametrize("text", ["", "..", "/", "x" * 999, "愛", "a\nb"])
def test_keys_are_plain(text):
    key = as_key(text)
    assert 0 < len(key) <= 100
    assert key not in (".", "..")
    assert "/" not in key


@pytest.mark.slow
def test_mlflow_takes_it(explained, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # all that mlflow-skinny has
    ours, X, explanations = explained
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    try:
        experiment = mlflow.create_experiment("songs", (tmp_path / "artifacts").as_uri())
        with mlflow.start_run(experiment_id=experiment) as run:
            for explanation in explanations:
                log_explanation(explanation)
            log_explanation(ours.explain_global(X, "all"), explainer=ours)
        found = mlflow.get_run(run.info.run_id)
        assert found.data.params["song-1/design"] == "paired"
        assert found.data.params["global/explainer.n_samples"] == "60"
        assert found.data.metrics["global/n_songs"] == 2
        assert found.data.metrics["song-1/R_B_soul/fidelity"] == pytest.approx(
            explanations[1].fidelity[0]
        )
        files = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="song-1")
        loaded = LocalExplanation.load(Path(files) / "explanation.json")
        np.testing.assert_array_equal(loaded.weights, explanations[1].weights)
    finally:
        mlflow.set_tracking_uri(before)
