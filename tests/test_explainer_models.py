"""The explainer with models and songs of every kind."""

import numpy as np
import pandas as pd
import pytest
from conftest import song_array
from explaining import explainer, loudness_and_love
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from sklearn_musiclime import (
    HPSSSeparator,
    InvalidSongError,
    LyricLineSegmenter,
    SpectralStatistics,
)
from sklearn_musiclime.neighbourhood import compose_lyrics


class Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that goes by the length of the lyrics and notes what it was fitted on."""

    def fit(self, X, y):
        self.n_seen_ = len(X)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(5 - np.array([len(text) for text in X[:, 1]])))
        return np.column_stack([1 - p, p])


def test_fit_fits_a_clone_and_keeps_what_is_frozen(X):
    model = Recorder()
    ours = explainer(model).fit(X, ["a", "b", "a"])
    assert ours.model_.n_seen_ == 3
    assert not hasattr(model, "n_seen_")
    assert list(ours.classes_) == ["a", "b"]

    fitted = Recorder().fit(X[:2], ["a", "b"])
    frozen = explainer(FrozenEstimator(fitted)).fit(X)
    assert frozen.model_.n_seen_ == 2
    assert frozen.explain(X)[0].labels == ["b"]


def test_a_fit_with_a_frozen_model_or_a_function_decodes_no_audio(tmp_path):
    (tmp_path / "undecodable.mp3").write_text("not audio")
    X = song_array((tmp_path / "undecodable.mp3", "la lo"))
    frozen = FrozenEstimator(Recorder().fit(X, ["a"]))
    for model in (loudness_and_love, frozen):
        assert explainer(model).fit(X).vocabulary_ == ("la", "lo")


def test_labels(made_songs, made_model):
    songs = made_songs[0].iloc[:2]
    ours = explainer(made_model).fit(songs)
    predicted = made_model.predict(songs)
    for explanation, label in zip(ours.explain(songs), predicted, strict=True):
        assert explanation.labels == [label]
        assert type(explanation.labels[0]) is str
    both = ours.explain(songs, labels=["wild", "calm"])[0]
    assert both.labels == ["wild", "calm"]
    np.testing.assert_allclose(both.weights[0], -both.weights[1], rtol=1e-5, atol=1e-10)
    assert ours.explain(songs, labels="calm")[0].labels == ["calm"]
    assert sum(both.prediction.values()) == pytest.approx(1)
    own = made_model.predict_proba(songs)[0]
    np.testing.assert_allclose(list(both.prediction.values()), own, rtol=1e-9)


def test_an_unknown_label_is_found_before_the_long_work(X):
    calls = []

    def model(X):
        calls.append(len(X))
        return loudness_and_love(X)

    with pytest.raises(ValueError, match="no label 'rock'"):
        explainer(model, n_samples=500).fit(X).explain(X, labels="rock")
    assert calls == [1, 1]  # the song as it is composed, and as it was given


def test_regressors_and_several_outputs(made_songs):
    songs, y, _, _ = made_songs
    features = make_column_transformer(
        (SpectralStatistics(statistics=("mean",)), "audio"), (TfidfVectorizer(), "lyrics")
    )
    values = np.column_stack([y == "wild", songs["lyrics"].str.len()]).astype(float)
    one = explainer(make_pipeline(features, Ridge())).fit(songs, values[:, 1]).explain(songs[:1])
    assert one[0].labels == [0]
    two = explainer(make_pipeline(features, Ridge())).fit(songs, values).explain(songs[:1])
    assert two[0].labels == [0, 1]
    np.testing.assert_allclose(two[0].weights[1], one[0].weights[0], rtol=1e-6, atol=1e-8)
    many = np.column_stack([y, np.where(values[:, 1] > np.median(values[:, 1]), "long", "short")])
    forest = explainer(make_pipeline(features, RandomForestClassifier(5, random_state=0)))
    explanation = forest.fit(songs, many).explain(songs[:1])[0]
    assert [k for k, _ in explanation.labels] == [0, 1]
    assert explanation.labels[0][1] == y[0]


@pytest.mark.parametrize("modality", ["audio", "lyrics"])
def test_one_modality(modality, X):
    ours = explainer(modality=modality).fit(X)
    explanation = ours.explain(X[:1])[0]
    frame = explanation.to_frame()
    assert set(frame["modality"]) == {modality}
    both = explainer().fit(X)
    kept = [n for n in both.get_feature_names_out() if n in ours.get_feature_names_out()]
    assert kept == list(ours.get_feature_names_out())
    assert ours.transform(X).shape == (3, len(kept))


@pytest.mark.parametrize(("modality", "column"), [("audio", "audio"), ("lyrics", "lyrics")])
def test_x_needs_only_what_is_explained(modality, column, noise):
    X = pd.DataFrame({"audio": [noise], "lyrics": ["la lo"]})[[column]]
    assert explainer(lambda X: np.ones(len(X)), modality=modality).fit(X).explain(X)


def test_columns_may_have_other_names_and_company(noise):
    X = pd.DataFrame({"id": [7], "sound": [noise], "text": ["love you"]})

    def model(X):
        assert list(X) == ["id", "sound", "text"]
        assert set(X["id"]) == {7}
        return loudness_and_love(X.rename(columns={"sound": "audio", "text": "lyrics"}))

    ours = explainer(model, audio_column="sound", lyrics_column="text").fit(X)
    assert ours.explain(X)[0].top(1)["component"][0] == "love"


def test_word_times_may_have_another_name(noise):
    X = pd.DataFrame({"audio": [noise], "lyrics": ["love you"], "sung": [[(0.1, 0.3), (0.5, 0.8)]]})
    settings = {"segmenter": LyricLineSegmenter(min_gap=0.1), "word_times_column": "sung"}
    ours = explainer(loudness_and_love, **settings).fit(X).explain(X)[0]
    words = ours.to_frame().set_index("component").loc[["love", "you"], ["start", "end"]]
    np.testing.assert_allclose(words, [[0.1, 0.3], [0.5, 0.8]])
    np.testing.assert_allclose(ours.components.audio.times, [0.0, 0.1, 0.8, 1.0])


@pytest.mark.parametrize("units", ["words", "word_positions", "lines", "sections"])
def test_lyric_units_and_mask_token(units, noise):
    X = song_array((noise, "love is\nlove\n\nall"))
    seen = []

    def model(X):
        seen.extend(X[:, 1])
        return loudness_and_love(X)

    ours = explainer(model, lyric_units=units, mask_token="[M]").fit(X)
    explanation = ours.explain(X)[0]
    assert "[M]" in "".join(seen)
    assert compose_lyrics(explanation.components.lyrics, [True] * 9) == X[0, 1]
    assert explanation.top(1, modality="lyrics")["text"][0].startswith("love")


def test_songs_with_little_in_them_are_explained(noise):
    X = song_array(
        (noise, ""),
        (noise, "word"),
        (noise, "... !"),
        (np.zeros(3000), "la la"),
        (noise[:1], "la lo"),
        (noise[:7], "la lo"),
    )
    for separator in (None, HPSSSeparator()):
        ours = explainer(separator=separator, n_samples=40).fit(X)
        for explanation in ours.explain(X):
            assert np.isfinite(explanation.weights).all()
            assert np.isfinite(explanation.fidelity).all()
        assert explanation.components.audio.n_segments == 7
    nothing = explainer(modality="lyrics").fit(X).explain(X[:1])[0]
    assert nothing.weights.shape == (1, 0)
    assert nothing.local_prediction[0] == pytest.approx(nothing.prediction[0])


def test_a_constant_model_has_no_weights_and_a_fidelity(X):
    explanation = explainer(lambda X: np.full(len(X), 0.3)).fit(X).explain(X)[0]
    np.testing.assert_allclose(explanation.weights, 0, atol=1e-12)
    assert explanation.fidelity[0] == 1


def test_the_sampling_rate_is_the_models(noise):
    song = pd.DataFrame(
        {"audio": [{"array": noise, "sampling_rate": 22050}], "lyrics": ["la"]}
    ).iloc[[0, 0]]
    y = ["a", "b"]
    features = make_column_transformer((SpectralStatistics(sampling_rate=16000), "audio"))
    for model in (
        make_pipeline(features, LogisticRegression()),
        FrozenEstimator(make_pipeline(features, LogisticRegression()).fit(song, y)),
        make_pipeline(FrozenEstimator(features.fit(song)), LogisticRegression()),
    ):
        assert explainer(model).fit(song, y).sampling_rate_ == 16000
        with pytest.raises(ValueError, match="sampling rates differ"):
            explainer(model, sampling_rate=22050).fit(song, y)
    assert explainer().fit(song).sampling_rate_ == 22050
    assert explainer(sampling_rate=8000).fit(song).sampling_rate_ == 8000


def test_a_model_that_raises_is_reported_with_the_row(X):
    def model(X):
        if "sun" in X[0, 1]:
            raise RuntimeError("no sun")
        return np.zeros(len(X))

    with pytest.raises(RuntimeError, match="no sun") as caught:
        explainer(model).fit(X).explain(X)
    assert caught.value.__notes__ == [
        "in the scoring of the song itself",
        "while explaining row 1",
    ]


def test_a_segmenter_that_needs_more_than_a_song_has(X):
    ours = explainer(segmenter=LyricLineSegmenter()).fit(X)
    with pytest.raises(InvalidSongError, match="row 0: audio: LyricLineSegmenter needs word times"):
        ours.explain(X)
