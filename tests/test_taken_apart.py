"""A model is taken apart as it is, or not at all: each is held to the same model in a function."""

import warnings

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from taken_apart_models import (
    FACTORED,
    RATE,
    WHOLE,
    Loudness,
    Stranger,
    make_table,
    pipeline,
    search,
)

from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime.components import decompose
from sklearn_musiclime.neighbourhood import (
    NotApartError,
    PerturbedAudio,
    ScoreFunction,
    draw_neighbourhood,
    find_factored,
    perturbed_songs,
    score_factored,
)
from sklearn_musiclime.songs import SongTable


@pytest.fixture(scope="module")
def table():
    return make_table()


@pytest.fixture(autouse=True)
def threads():
    """No worker processes, which take seconds to start."""
    with parallel_config(backend="threading"):
        yield


def explained(model, X, labels=None, **parameters):
    defaults = {
        "n_samples": 40, "random_state": 0, "segmenter": UniformSegmenter(3), "separator": None,
        "sampling_rate": RATE, "proxy": None,
    }  # fmt: skip
    explainer = MusicLimeExplainer(model, **(defaults | parameters)).fit(X)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*n_samples=")
        return explainer.explain(X[:1], labels)[0]


def as_function(model):
    """All that is known of a model is what it scores."""
    score = ScoreFunction(model)
    return lambda X: score(X)


def songs_of(model, X):
    """X as the model was fitted to it."""
    if getattr(model, "n_features_in_", 4) == 2:
        return X[["audio", "lyrics"]].to_numpy()
    names = getattr(model, "feature_names_in_", None)
    return X if names is None else X[list(names)]


def assert_as_function(model, X, way):
    ours = explained(FrozenEstimator(model) if hasattr(model, "fit") else model, X, design="paired")
    assert ours.settings["model"] == way
    columns = [list(ours.prediction).index(label) for label in ours.labels]
    theirs = explained(as_function(model), X, columns, design="paired")
    assert theirs.settings["model"] == "black box: a function"
    assert theirs.settings["masks"] == ours.settings["masks"]
    np.testing.assert_allclose(list(ours.prediction.values()), list(theirs.prediction.values()))
    scale = max(np.abs(theirs.weights).max(), 1e-9)
    np.testing.assert_allclose(ours.weights, theirs.weights, atol=1e-9 * scale)


@pytest.mark.slow
@pytest.mark.parametrize("name", FACTORED)
def test_models_that_are_taken_apart(name, table):
    X, y = table
    model = FACTORED[name](X, y)
    X = songs_of(model, X)
    assert_as_function(model, X, "factored")
    # And on the combinations of halves that the crossed design draws.
    song = SongTable(X).read(0, RATE)
    components = decompose(song, separator=None, segmenter=UniformSegmenter(3))
    drawn = draw_neighbourhood(
        "crossed", components.n_audio, components.n_lyrics, 6, np.random.default_rng(0)
    )
    factored, reason = find_factored(model, song)
    assert reason == ""
    scores = score_factored(factored, components, drawn, batch_size=4)
    whole = ScoreFunction(model)(perturbed_songs(song, components, drawn.masks))
    np.testing.assert_allclose(scores, whole, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", WHOLE)
def test_models_that_are_not(name, table):
    X, y = table
    fit, reason = WHOLE[name]
    assert_as_function(fit(X, y), X, f"black box: {reason}")


def test_the_model_is_left_as_it_is(table):
    X, y = table
    model = search(X, y)
    before = model.best_estimator_, list(model.best_estimator_.steps)
    explained(FrozenEstimator(model), X)
    assert (model.best_estimator_, list(model.best_estimator_.steps)) == before
    transformer = model.best_estimator_[0].named_transformers_["audio"]
    assert isinstance(transformer, Loudness)
    with pytest.raises(NotApartError, match="reads whole songs"):
        raise NotApartError(find_factored(Stranger().fit(X, y), SongTable(X).read(0, RATE))[1])


class Counting(Loudness):
    """Counts the waveforms that it is given."""

    n_seen = 0

    def transform(self, X):
        type(self).n_seen += len(X)
        return super().transform(X)


def test_a_branch_that_comes_twice_encodes_once(table):
    X, y = table
    fitted = make_pipeline(
        make_column_transformer((Counting(), "audio"), (CountVectorizer(), "lyrics")),
        LogisticRegression(),
    ).fit(X, y)
    vote = VotingClassifier(
        [("a", FrozenEstimator(fitted)), ("b", FrozenEstimator(fitted))], voting="soft"
    ).fit(X, y)
    song = SongTable(X).read(0, RATE)
    components = decompose(song, separator=None, segmenter=UniformSegmenter(4))
    drawn = draw_neighbourhood(
        "crossed", components.n_audio, components.n_lyrics, 8, np.random.default_rng(0)
    )
    Counting.n_seen = 0
    score_factored(find_factored(vote, song)[0], components, drawn, batch_size=64)
    assert Counting.n_seen == len(np.unique(drawn.audio_masks, axis=0))


# Encodings of estimators that offer their halves.


class Towers(ClassifierMixin, BaseEstimator):
    """Encodes in the form `kind`, and takes that form alone."""

    def __init__(self, kind="array"):
        self.kind = kind

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def form(self, values, name):
        """Numbers (n_songs, 2) in a form."""
        if self.kind == "array":
            return values
        if self.kind == "float32 array":
            return values.astype(np.float32)
        if self.kind == "frame":
            return pd.DataFrame({f"{name}_a": values[:, 0], f"{name}_b": values[:, 1] > 0.1})
        if self.kind == "dict of arrays":
            return {"first": values[:, :1], "second": values[:, 1], "pooling": "mean"}
        if self.kind == "list of arrays":
            return [values[:, :1], values[:, 1:].astype(np.float32)]
        import torch

        tensor = torch.from_numpy(values).float()
        if self.kind == "tuple of tensors":
            return tensor[:, :1], (tensor[:, 1:].bfloat16(),)
        if self.kind == "gradient":
            tensor.requires_grad_()
        return tensor

    def unform(self, encoded, name):
        if self.kind in ("array", "float32 array"):
            assert isinstance(encoded, np.ndarray)
            assert encoded.dtype == ("float64" if self.kind == "array" else "float32")
            return encoded
        if self.kind == "frame":
            assert encoded.dtypes.astype(str).tolist() == ["float64", "bool"]
            return encoded[[f"{name}_a", f"{name}_b"]].to_numpy(dtype=float)
        if self.kind == "dict of arrays":
            assert encoded["pooling"] == "mean"
            return np.column_stack([encoded["first"], encoded["second"]])
        if self.kind == "list of arrays":
            assert encoded[1].dtype == np.float32
            return np.hstack(encoded)
        import torch

        if self.kind == "tuple of tensors":
            first, (second,) = encoded
            assert second.dtype == torch.bfloat16
            encoded = torch.hstack([first, second.float()])
        assert encoded.dtype == torch.float32
        linear = torch.nn.Linear(2, 2, bias=False)
        torch.nn.init.eye_(linear.weight)
        return linear(encoded).detach().numpy()

    def encode_audio(self, column):
        return self.form(np.array([[w.std(), np.abs(w).max()] for w in column], dtype=float), "a")

    def encode_lyrics(self, column):
        values = [[len(text) / 40, "money" in text] for text in column]
        return self.form(np.array(values, dtype=float), "l")

    def predict_encoded(self, audio, lyrics):
        audio, lyrics = self.unform(audio, "a"), self.unform(lyrics, "l")
        p = 1 / (1 + np.exp(-(2 * audio[:, 0] + audio[:, 1] * lyrics[:, 0] + lyrics[:, 1] / 3)))
        return np.column_stack([1 - p, p])

    def predict_proba(self, X):
        return self.predict_encoded(self.encode_audio(X["audio"]), self.encode_lyrics(X["lyrics"]))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


KINDS = [
    "array", "float32 array", "frame", "dict of arrays", "list of arrays", "tensor", "gradient",
    "tuple of tensors",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_encodings_of_any_form(kind, table):
    if kind in ("tensor", "gradient", "tuple of tensors"):
        pytest.importorskip("torch")
    X, y = table
    model = Towers(kind).fit(X, y)
    assert_as_function(model, X, "factored")
    crossed = explained(FrozenEstimator(model), X, batch_size=3)
    assert (crossed.settings["model"], crossed.settings["design"]) == ("factored", "crossed")


def test_encoders_inside_of_other_estimators(table):
    X, y = table
    model = CalibratedClassifierCV(FrozenEstimator(Towers().fit(X, y))).fit(X, y)
    assert_as_function(model, X, "factored")
    model.calibrated_classifiers_[0].estimator.estimator.decision_function = len
    _, reason = find_factored(model, SongTable(X).read(0, RATE))
    assert "decision_function" in reason


# Columns as transformers take them, and what can't be taken apart.


class Idiom(Loudness):
    """Takes the column as one of objects, and of nothing else."""

    def transform(self, X):
        if isinstance(getattr(X, "array", None), PerturbedAudio):
            raise TypeError("no such column was seen at the fit")
        return super().transform(X)


def test_a_branch_that_takes_no_perturbed_column_gets_another(table):
    X, y = table
    model = make_pipeline(
        make_column_transformer((Idiom(), "audio"), (CountVectorizer(), "lyrics")),
        LogisticRegression(),
    ).fit(X, y)
    assert_as_function(model, X, "factored")


class OtherTowers(Towers):
    def predict_encoded(self, audio, lyrics):
        return super().predict_encoded(audio + 1, lyrics)

    def predict_proba(self, X):
        return Towers.predict_encoded(
            self, self.encode_audio(X["audio"]), self.encode_lyrics(X["lyrics"])
        )


class BrokenTowers(OtherTowers):
    def predict_encoded(self, audio, lyrics):
        raise RuntimeError("no head")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(OtherTowers, "the whole model scores"), (BrokenTowers, "its parts failed, RuntimeError: no")],
)
def test_parts_that_are_not_the_whole_are_fallen_back_from(kind, reason, table):
    X, y = table
    model = kind().fit(X, y)
    explainer = MusicLimeExplainer(
        FrozenEstimator(model), n_samples=40, random_state=0, segmenter=UniformSegmenter(3),
        separator=None, sampling_rate=RATE, proxy=None,
    ).fit(X)  # fmt: skip
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours = explainer.explain(X[:3])
    messages = [str(w.message) for w in caught if "black box" in str(w.message)]
    n_songs = ours[0].settings["n_combinations"]
    assert len(messages) == 1
    assert messages[0].startswith(f"row 0: the model is scored as a black box, {n_songs} perturbed")
    assert reason in messages[0]
    assert "function" not in messages[0]
    for explanation in ours:
        assert explanation.settings["model"].startswith(f"black box: {reason}")
        assert explanation.settings["design"] == "paired"
    theirs = explained(as_function(model), X, [list(ours[0].prediction).index(ours[0].labels[0])])
    np.testing.assert_allclose(ours[0].weights, theirs.weights, atol=1e-12)
    assert_as_function_of_masks(explainer, X)
    with pytest.raises(NotApartError, match=reason):
        explainer.set_params(design="crossed").explain(X[:1])


def assert_as_function_of_masks(explainer, X):
    (function,) = explainer.mask_functions(X[:1])
    masks = np.ones((2, len(function.components)), dtype=bool)
    masks[1, 0] = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = function(masks)
    assert scores.shape == (2, 2)


# What the model can't see.


def told(model, X, **parameters):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        explainer = MusicLimeExplainer(
            model, n_samples=40, random_state=0, segmenter=UniformSegmenter(3), separator=None,
            sampling_rate=RATE, **parameters,
        )  # fmt: skip
        explainer.fit(X).explain(X[:3])
    messages = [str(w.message) for w in caught if "count for nothing" in str(w.message)]
    assert len(messages) <= 1
    return messages[0] if messages else None


def test_a_modality_that_no_branch_reads_is_warned_of(table):
    X, y = table
    deaf = make_pipeline(
        make_column_transformer((CountVectorizer(), "lyrics")), LogisticRegression()
    ).fit(X, y)
    assert told(FrozenEstimator(deaf), X).startswith(
        "row 0, row 1, row 2: no branch of the model reads the audio"
    )
    assert told(FrozenEstimator(deaf), X, modality="lyrics") is None
    assert told(FrozenEstimator(pipeline().fit(X, y)), X) is None


def test_a_modality_that_moves_nothing_is_warned_of(table):
    X, _ = table

    def loudness(X):
        return np.array([w.std() for w in X["audio"]])

    def deaf(X):
        return np.array([len(text) for text in X["lyrics"]])

    assert "taking out all of the lyrics moves no score" in told(loudness, X)
    assert "taking out all of the audio moves no score" in told(deaf, X)
    assert told(loudness, X, modality="audio") is None
    assert told(lambda X: loudness(X) + deaf(X) / 100, X) is None


def test_the_way_is_printed(table, capsys):
    X, y = table
    explainer = MusicLimeExplainer(
        FrozenEstimator(pipeline().fit(X, y)), n_samples=20, random_state=0, separator=None,
        segmenter=UniformSegmenter(3), sampling_rate=RATE, verbose=1,
    )  # fmt: skip
    explainer.fit(X).explain(X[:2])
    assert capsys.readouterr().err.count("model: factored") == 1
