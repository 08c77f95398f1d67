"""The song that is explained is the one that was given: its rate, its label, its cells.

Over 400 lines since every test asks the same of one more kind of song.
"""

import functools
import warnings

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_musiclime import (
    GlobalExplanation,
    LocalExplanation,
    MusicLimeExplainer,
    SpectralStatistics,
    UniformSegmenter,
)
from sklearn_musiclime.neighbourhood import find_sampling_rate
from sklearn_musiclime.songs import InvalidSongError, SongTable

RATES = (8000, 16000)


def explainer(model, **settings):
    defaults = {
        "separator": None, "segmenter": UniformSegmenter(2), "n_samples": 60, "random_state": 0,
    }  # fmt: skip
    return MusicLimeExplainer(model, **(defaults | settings))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Songs as files at 22050 Hz, low and high ones."""
    folder, rng = tmp_path_factory.mktemp("songs"), np.random.default_rng(0)
    rows = []
    for n in range(8):
        t = np.arange(11025) / 22050
        wave = 0.3 * np.sin(2 * np.pi * (300 + 500 * (n % 2)) * t) + 0.02 * rng.normal(size=11025)
        path = folder / f"song{n}.wav"
        soundfile.write(path, wave, 22050, subtype="FLOAT")
        rows.append((str(path), ["low la", "high lo"][n % 2]))
    return pd.DataFrame(rows, columns=["audio", "lyrics"]), np.array(["low", "high"] * 4)


def spectral(rate):
    return make_pipeline(
        make_column_transformer(
            (SpectralStatistics(sampling_rate=rate), "audio"),
            (CountVectorizer(), "lyrics"),
        ),
        LogisticRegression(C=0.1),
    )


class Centroid(TransformerMixin, BaseEstimator):
    """Reads files at a rate of its own, and takes arrays for being at it."""

    def __init__(self, rate=22050):
        self.rate = rate

    def fit(self, X, y=None):
        self.n_features_in_ = 1
        return self

    def transform(self, X):
        found = []
        for cell in X:
            wave = librosa.load(cell, sr=self.rate)[0] if isinstance(cell, str) else cell
            spectrum = np.abs(np.fft.rfft(wave))
            hertz = np.linspace(0, self.rate / 2, len(spectrum))
            found.append([(hertz * spectrum).sum() / (spectrum.sum() + 1e-9) / 1000])
        return np.array(found)


# The rate.


def test_the_rate_is_that_of_what_a_search_found(files):
    X, y = files
    grid = {"columntransformer__spectralstatistics__sampling_rate": [16000]}
    search = GridSearchCV(spectral(8000), grid, cv=2).fit(X, y)
    assert find_sampling_rate(search) == 16000
    ours = explainer(FrozenEstimator(search)).fit(X)
    assert ours.sampling_rate_ == 16000
    explanation = ours.explain(X[:1])[0]
    truth = search.predict_proba(X[:1])[0]
    assert list(explanation.prediction.values()) == pytest.approx(truth, abs=1e-6)
    fitted_here = explainer(GridSearchCV(spectral(8000), grid, cv=2)).fit(X, y)
    assert fitted_here.sampling_rate_ == 16000
    with pytest.raises(ValueError, match=r"sampling rates differ: \[8000, 16000\]"):
        explainer(FrozenEstimator(search), sampling_rate=8000).fit(X)


class Plain:
    required_sampling_rate = 16000

    def predict(self, X):
        return np.zeros(len(X))


class Wrapper:
    def __init__(self, model):
        self.model = model

    def __call__(self, X):
        return self.model.predict_proba(X)


class Threshold(ClassifierMixin, BaseEstimator):
    """A meta-estimator of somebody's own."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        self.estimator_ = self.estimator.fit(X, y)
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X):
        return self.estimator_.predict_proba(X)


def test_rates_are_found_wherever_a_model_keeps_them(files):
    X, y = files
    fitted = spectral(16000).fit(X, y)
    for model in (
        fitted,
        FrozenEstimator(fitted),
        Threshold(spectral(16000)).fit(X, y),
        FixedThresholdClassifier(spectral(16000)).fit(X, y),
        fitted.predict_proba,
        functools.partial(fitted.predict_proba),
        functools.partial(lambda X, model: model.predict_proba(X), model=fitted),
        lambda X: fitted.predict_proba(X),
        Wrapper(fitted),
        Plain(),
        Plain().predict,
    ):
        assert find_sampling_rate(model) == 16000
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            explanation = explainer(model if not hasattr(model, "fit") else FrozenEstimator(model))
            (explanation,) = explanation.fit(X).explain(X[:1])
        assert explanation.settings["sampling_rate"] == 16000
        assert explanation.settings["row_check"] == "the same"
    assert find_sampling_rate(lambda X: np.zeros(len(X))) == 22050
    with pytest.raises(ValueError, match="sampling rates differ"):
        find_sampling_rate(fitted, 8000)
    with pytest.raises(ValueError, match="sampling rates differ"):
        find_sampling_rate(Plain(), 8000)
    # A function may resample for itself.
    assert find_sampling_rate(lambda X: fitted.predict_proba(X), 8000) == 8000


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: model.predict_proba])
def test_another_rate_than_the_models_is_an_error(wrap, files):
    X, y = files
    model = make_pipeline(
        make_column_transformer((Centroid(8000), "audio"), (CountVectorizer(), "lyrics")),
        LogisticRegression(),
    ).fit(X, y)
    model = wrap(FrozenEstimator(model))
    with pytest.raises(ValueError, match=r"row 0: the model scores the row .* another rate") as e:
        explainer(model).fit(X).explain(X[:1])
    assert "set the explainer's sampling_rate" in str(e.value)
    assert "22050 Hz" in str(e.value)
    with pytest.raises(ValueError, match="another rate"):
        list(explainer(model).fit(X).mask_functions(X[:1]))
    explanation = explainer(model, sampling_rate=8000).fit(X).explain(X[:1])[0]
    assert explanation.settings["row_check"] == "the same"
    assert list(explanation.prediction.values()) == pytest.approx(
        (model if callable(model) else model.predict_proba)(X[:1])[0], abs=1e-6
    )


def test_a_slight_difference_is_found_when_it_is_known_to_be_one():
    """By how much the scores vary is known only when the masks were scored."""

    def model(X):  # answers between 10 and 10.01
        return [10 + 0.01 * np.mean(np.abs(np.atleast_2d(cell)[-1])) for cell in X["audio"]]

    stereo = np.stack([np.zeros(500), np.ones(500)]).astype(np.float32)
    X = pd.DataFrame({"audio": [stereo], "lyrics": ["la la"]})
    with pytest.raises(ValueError, match=r"row 0: the model scores .* stereo"):
        explainer(model).fit(X).explain(X)
    mono = pd.DataFrame({"audio": [stereo[1]], "lyrics": ["la la"]})
    assert explainer(model).fit(mono).explain(mono)[0].prediction[0] == pytest.approx(10.01)


# What a model can't take, and what answers by chance.


def test_a_model_that_takes_waveforms_alone_is_explained(files):
    X, _ = files

    def model(X):
        return [float(np.std(wave[:4000])) for wave in X["audio"]]

    explanation = explainer(model).fit(X).explain(X[:1])[0]
    assert "can't take the row as it is" in explanation.settings["row_check"]
    wave, _ = soundfile.read(X["audio"].iloc[0], dtype="float32")
    assert explanation.prediction[0] == pytest.approx(np.std(wave[:4000]), rel=1e-5)


def test_a_model_that_answers_by_chance_is_not_accused():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"audio": [np.ones(100, dtype=np.float32)], "lyrics": ["la lo"]})
    ours = explainer(lambda X: rng.normal(size=len(X))).fit(X)
    with pytest.warns(UserWarning, match="the model scored the same song"):
        explanation = ours.explain(X)[0]
    assert explanation.settings["row_check"] == "the model answers by chance"
    (function,) = ours.mask_functions(X)
    assert np.isfinite(function(np.ones((1, len(function.components))))).all()
    # By little, too.
    slightly = explainer(lambda X: 1 + 0.01 * rng.normal(size=len(X))).fit(X)
    assert len(list(slightly.mask_functions(X))) == 1


@pytest.mark.parametrize("seed", range(12))
def test_a_model_of_two_answers_is_not_accused(seed):
    """It may say the same of the row twice, and something else of the composed song."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"audio": [np.ones(100, dtype=np.float32)], "lyrics": ["la lo"]})
    ours = explainer(lambda X: rng.choice([0.2, 0.8], size=len(X))).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ours.explain(X)[0].settings["row_check"] in (
            "the same",
            "the model answers by chance",
        )
        assert len(list(ours.mask_functions(X))) == 1


def test_the_row_costs_one_call_of_one_song():
    seen = []

    def model(X):
        seen.append(len(X))
        return [1.0 * ("la" in words) for words in X["lyrics"]]

    X = pd.DataFrame({"audio": [np.ones(100, dtype=np.float32)], "lyrics": ["la lo li"]})
    explainer(model, design="independent", interactions=None, n_samples=50).fit(X).explain(X)
    composed = [n for n in seen if n > 1]
    assert len(seen) - len(composed) == 2  # the row, and the song composed of its parts


# The label, and the other columns.


def make_labelled():
    waves = [np.full(200, n + 1, dtype=np.float32) for n in range(3)]
    X = pd.DataFrame(
        {"audio": waves, "lyrics": ["la lo", "lo li", "li la"], "year": [1990, 2000, 2010]},
        index=["TRA", "TRB", "TRC"],
    )
    X["year"] = X["year"].astype("int16")
    X["kind"] = pd.Categorical(["a", "b", "a"])
    X["tags"] = [["x"], ["y", "z"], []]
    return X


def test_a_model_may_look_things_up_by_the_label():
    X = make_labelled()
    bpm = pd.Series({"TRA": 60.0, "TRB": 120.0, "TRC": 180.0})

    def model(songs):
        found = bpm.loc[songs.index].to_numpy()
        return found * [words.split().count("lo") for words in songs["lyrics"]]

    for row, expected in enumerate([60.0, 120.0, 0.0]):
        explanation = explainer(model).fit(X).explain(X.iloc[[row]])[0]
        assert explanation.prediction == {0: expected}
        assert explanation.track_id == X.index[row]
        weights = explanation.to_frame().set_index("text")["weight"]
        if "lo" in weights:
            assert weights["lo"] == pytest.approx(bpm.iloc[row])


def test_a_model_sees_columns_of_the_types_of_x():
    X = make_labelled()
    seen = []

    def model(songs):
        seen.append((songs.dtypes.to_dict(), songs.index.tolist(), songs.iloc[:, 2:].to_numpy()))
        return [0.5 * ("la" in words) for words in songs["lyrics"]]

    explainer(model).fit(X).explain(X.iloc[[1]])
    assert {len(index) for _, index, _ in seen} > {1}
    for dtypes, index, cells in seen:
        assert dtypes == X.dtypes.to_dict()
        assert set(index) == {"TRB"}
        assert all(list(row) == [2000, "b", ["y", "z"]] for row in cells)


def test_a_model_that_changes_its_row_does_not_change_x():
    X = make_labelled()

    def model(songs):
        for cell, tags in zip(songs["audio"], songs["tags"], strict=True):
            cell[:] = 0
            tags.append("seen")
        return [0.5 * ("la" in words) for words in songs["lyrics"]]

    explainer(model).fit(X).explain(X)
    assert X["tags"].tolist() == [["x"], ["y", "z"], []]
    assert [wave[0] for wave in X["audio"]] == [1, 2, 3]


def test_labels_go_wherever_the_row_goes(tmp_path):
    X = make_labelled()
    X.loc["TRB", "lyrics"] = None
    ours = explainer(lambda songs: [[0.0, len(w)] for w in songs["lyrics"]]).fit(X.iloc[[0, 2]])
    with pytest.raises(InvalidSongError, match=r"row 1 \('TRB'\): lyrics: missing") as caught:
        ours.explain(X)
    assert caught.value.track_id == "TRB"
    with pytest.warns(UserWarning, match=r"row 1 \('TRB'\) \(TRB\): lyrics: missing"):
        found = ours.explain(X, on_error="warn")
    assert [(e.row, e.track_id, e.title) for e in found] == [(0, "TRA", "TRA"), (2, "TRC", "TRC")]
    (failure,) = found.failures.to_dict("records")
    assert failure["track_id"] == "TRB"
    assert failure["row"] == 1
    assert failure["reason"].startswith("lyrics: missing")
    with pytest.warns(UserWarning, match="could not be explained"):
        together = ours.explain_global(X, on_error="warn")
    assert together.songs["track_id"].tolist() == ["TRA", "TRC"]
    assert together.failures["track_id"].tolist() == ["TRB"]
    together.save(tmp_path / "all.json")
    again = GlobalExplanation.load(tmp_path / "all.json")
    pd.testing.assert_frame_equal(again.songs, together.songs)
    assert again.failures["track_id"].tolist() == ["TRB"]
    found[1].save(tmp_path / "one.json")
    assert LocalExplanation.load(tmp_path / "one.json").track_id == "TRC"
    together.to_html(tmp_path / "all.html")
    assert "row 1 (&#39;TRB&#39;)" in (tmp_path / "all.html").read_text()


class Broken(BaseEstimator):
    def separate(self, waveform, sampling_rate):
        raise ValueError("out of tune")


def test_what_is_found_late_is_named_too():
    X = make_labelled().assign(word_times=[[(0, 1)] * 2, [(0, 1)] * 3, None])
    ours = explainer(lambda songs: [1.0] * len(songs)).fit(X.iloc[[0]])
    with pytest.raises(InvalidSongError, match=r"row 1 \('TRB'\): word_times: .* 2 words"):
        ours.explain(X)
    ours.set_params(separator=Broken())
    with pytest.raises(InvalidSongError, match=r"row 0 \('TRC'\): audio: out of tune"):
        ours.explain(X.iloc[[2]])


@pytest.mark.parametrize(
    ("index", "expected", "name"),
    [
        (None, 1, "row 1"),
        ([7, 8], 8, "row 1 (8)"),
        ([1.5, 2.5], 2.5, "row 1 (2.5)"),
        ([("a", 1), ("b", 2)], ("b", 2), "row 1 (('b', 2))"),
        (pd.to_datetime(["2020", "2021"]), "2021-01-01 00:00:00", "row 1 ('2021-01-01 00:00:00')"),
        ([None, np.nan], "nan", "row 1 ('nan')"),
    ],
)
def test_labels_of_all_kinds(index, expected, name):
    X = pd.DataFrame({"audio": [np.ones(9)] * 2, "lyrics": ["a", "b"]})
    table = SongTable(X if index is None else X.set_axis(index))
    assert table.track_id(1) == table.take(1).track_id(0) == expected
    assert type(table.track_id(1)) is type(expected)
    assert table.name(1) == table.take(1).name(0) == name


def test_what_was_kept_of_another_label_is_not_served(tmp_path):
    bpm = pd.Series({"TRA": 60.0, "TRB": 120.0})
    wave = np.ones(200, dtype=np.float32)
    X = pd.DataFrame({"audio": [wave, wave], "lyrics": ["la lo"] * 2}, index=bpm.index)
    ours = explainer(
        FrozenEstimator(LooksUp(bpm).fit()), memory=str(tmp_path), interactions=None
    ).fit(X)
    assert [ours.explain(X.iloc[[row]])[0].prediction[0] for row in (0, 1)] == [60.0, 120.0]


class LooksUp(BaseEstimator):
    def __init__(self, bpm):
        self.bpm = bpm

    def fit(self, X=None, y=None):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        return self.bpm.loc[X.index].to_numpy() * ["la" in words for words in X["lyrics"]]


# What tells where an explanation comes from.


def test_provenance():
    X = make_labelled()
    model = LooksUp(pd.Series({"TRA": 60.0, "TRB": 120.0, "TRC": 1.0})).fit()
    other = LooksUp(pd.Series({"TRA": 61.0, "TRB": 120.0, "TRC": 1.0})).fit()
    first, second = (explainer(FrozenEstimator(m)).fit(X).explain(X) for m in (model, model))
    (changed,) = explainer(FrozenEstimator(other)).fit(X).explain(X.iloc[[0]])
    for one, same in zip(first, second, strict=True):
        assert one.settings["model_digest"] == same.settings["model_digest"]
        assert one.settings["song_digest"] == same.settings["song_digest"]
        assert one.settings["time"].endswith("+00:00")
        assert one.settings["version"]
    assert changed.settings["model_digest"] != first[0].settings["model_digest"]
    assert changed.settings["song_digest"] == first[0].settings["song_digest"]
    assert len({e.settings["song_digest"] for e in first}) == 3
