"""The additive projection (EMAP) against the double loop of its definition."""

import numpy as np
import pandas as pd
import pytest
from conftest import song_array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, get_scorer, log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler

from sklearn_musiclime import LateFusionClassifier
from sklearn_musiclime.datasets import make_songs
from sklearn_musiclime.fusion import additive_projection, compare_modalities
from sklearn_musiclime.fusion import projection as projection_module

N_ENCODED = []


def levels(column):
    cells = column.iloc[:, 0] if isinstance(column, pd.DataFrame) else np.asarray(column).ravel()
    N_ENCODED.append(len(cells))
    return np.array([[np.std(y[: len(y) // 2]), np.std(y[len(y) // 2 :])] for y in cells])


def pipeline(classifier, *steps, audio="audio", lyrics="lyrics"):
    features = make_column_transformer(
        (FunctionTransformer(levels), [audio]), (CountVectorizer(max_features=6), lyrics)
    )
    return make_pipeline(features, StandardScaler(with_mean=False), *steps, classifier)


class Whole(ClassifierMixin, BaseEstimator):
    """A black box around a model, which counts the songs that it scores."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        self.model_ = self.model.fit(X, y)
        self.classes_ = self.model_.classes_
        self.n_scored_ = 0
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def predict_proba(self, X):
        self.n_scored_ += len(X)
        return self.model_.predict_proba(X)


@pytest.fixture(scope="module")
def songs():
    X, y, _, _ = make_songs(14, duration=0.5, random_state=1)
    return X.assign(audio=[audio["array"] for audio in X["audio"]]), y


def double_loop(score, X, transform=lambda scores: scores):
    """The definition: mean over lyrics, plus mean over audio, minus the mean over both."""
    n = len(X)
    cells = X[["audio", "lyrics"]].to_numpy() if isinstance(X, pd.DataFrame) else X
    pairs = [(cells[i, 0], cells[k, 1]) for i in range(n) for k in range(n)]
    if isinstance(X, pd.DataFrame):
        songs = X.loc[X.index.repeat(n)].assign(
            audio=[audio for audio, _ in pairs], lyrics=[lyrics for _, lyrics in pairs]
        )
    else:
        songs = song_array(*pairs)
    grid = transform(score(songs)).reshape(n, n, -1)
    return np.array([
        grid[i].mean(axis=0) + grid[:, i].mean(axis=0) - grid.mean(axis=(0, 1)) for i in range(n)
    ])  # fmt: skip


def log_proba(proba):
    return np.log(np.maximum(proba, 1e-9))


MODELS = {
    "forest": lambda: pipeline(RandomForestClassifier(20, random_state=0)),
    "products": lambda: pipeline(LogisticRegression(), PolynomialFeatures(2)),
    "late": lambda: LateFusionClassifier(
        make_pipeline(FunctionTransformer(levels), LogisticRegression()),
        make_pipeline(CountVectorizer(), LogisticRegression()),
    ),
    "black box": lambda: Whole(pipeline(RandomForestClassifier(20, random_state=0))),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_that_of_the_double_loop(name, songs):
    X, y = songs
    model = MODELS[name]().fit(X, y)
    expected = double_loop(model.predict_proba, X, log_proba)
    np.testing.assert_allclose(additive_projection(model, X), expected, atol=1e-9)


def test_halves_are_encoded_once(songs):
    X, y = songs
    model = MODELS["forest"]().fit(X, y)
    N_ENCODED.clear()
    additive_projection(model, X)
    assert sum(N_ENCODED) <= len(X) + 3  # and a few songs to check that the parts are the model
    whole = Whole(pipeline(RandomForestClassifier(20, random_state=0))).fit(X, y)
    additive_projection(whole, X)
    assert whole.n_scored_ >= len(X) ** 2


def test_arrays_and_other_columns(songs):
    X, y = songs
    array = song_array(*zip(X["audio"], X["lyrics"], strict=True))
    model = pipeline(RandomForestClassifier(20, random_state=0), audio=0, lyrics=1).fit(array, y)
    np.testing.assert_allclose(
        additive_projection(model, array), double_loop(model.predict_proba, array, log_proba),
        atol=1e-9,
    )  # fmt: skip
    further = X.assign(year=np.arange(len(X)) % 7)
    features = make_column_transformer(
        (FunctionTransformer(levels), ["audio"]), (CountVectorizer(max_features=6), "lyrics"),
        ("passthrough", ["year"]),
    )  # fmt: skip
    three = make_pipeline(features, RandomForestClassifier(20, random_state=0)).fit(further, y)
    expected = double_loop(three.predict_proba, further, log_proba)
    np.testing.assert_allclose(additive_projection(three, further), expected, atol=1e-9)


def test_a_sum_is_its_own_projection(songs):
    X, _ = songs
    values = np.arange(len(X)) % 5
    model = pipeline(LinearRegression()).fit(X, values)
    np.testing.assert_allclose(additive_projection(model, X)[:, 0], model.predict(X), atol=1e-8)


def test_partners_are_drawn_where_songs_are_many(songs, monkeypatch):
    X, y = songs
    model = Whole(pipeline(RandomForestClassifier(20, random_state=0))).fit(X, y)
    exact = additive_projection(model, X)
    model.n_scored_ = 0
    with pytest.warns(UserWarning, match="takes means over 8 of them"):
        found = additive_projection(model, X, n_partners=8, random_state=3)
    assert model.n_scored_ == 2 * len(X) * 8
    with pytest.warns(UserWarning, match="drawn with random_state=3"):
        again = additive_projection(model, X, n_partners=8, random_state=3)
    np.testing.assert_array_equal(found, again)
    assert np.abs(found - exact).max() > 0
    partners = np.random.default_rng(3).permutation(len(X))[:8]
    one, other = partners[0], partners[1]
    grid = np.array([
        [log_proba(model.predict_proba(X.iloc[[i]].assign(lyrics=X["lyrics"].iloc[k])))[0]
         for k in partners] for i in (one, *partners)
    ])  # fmt: skip
    down = np.array([
        log_proba(model.predict_proba(X.iloc[[i]].assign(lyrics=X["lyrics"].iloc[one])))[0]
        for i in partners
    ])  # fmt: skip
    expected = grid[0].mean(axis=0) + down.mean(axis=0) - grid[1:].mean(axis=(0, 1))
    np.testing.assert_allclose(found[one], expected, atol=1e-9)
    assert other != one


def test_memory_of_the_grid_is_bounded(songs, monkeypatch):
    X, y = songs
    model = MODELS["products"]().fit(X, y)
    whole = additive_projection(model, X)
    monkeypatch.setattr(projection_module, "N_AT_ONCE", 50)
    np.testing.assert_allclose(additive_projection(model, X), whole, atol=1e-12)


class Xor(ClassifierMixin, BaseEstimator):
    """Wild if either it is loud or it has the word, not both: nothing but an interaction."""

    def __init__(self, modality="both"):
        self.modality = modality

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        loud = np.array([np.std(y) > 0.5 for y in X["audio"]])
        word = X["lyrics"].str.contains("love").to_numpy()
        if self.modality != "both":
            wild = {"audio": loud, "lyrics": word}[self.modality].astype(float)
        else:
            wild = (loud ^ word).astype(float)
        return np.column_stack([1 - wild, wild]) * 0.8 + 0.1

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@pytest.fixture(scope="module")
def xor_songs():
    cases = [(loud, word) for loud in (0.1, 1.0) for word in ("la", "love")] * 10
    rng = np.random.default_rng(0)
    X = pd.DataFrame({
        "audio": [rng.normal(0, loud, 200) for loud, _ in cases],
        "lyrics": [word for _, word in cases],
    })  # fmt: skip
    y = np.where([(loud == 1.0) != (word == "love") for loud, word in cases], "wild", "calm")
    return X, y


def test_what_is_interaction_alone_is_lost(xor_songs):
    """And what adds evidence is not: the projection is as good as the model."""
    X, y = xor_songs
    table = compare_modalities(Xor(), X, y, cv=StratifiedKFold(2), emap=True)
    assert table.index.tolist() == ["lyrics", "audio", "both", "additive"]
    assert table.loc["both", "accuracy"] == 1
    assert table.loc["additive", "accuracy"] <= 0.75
    either = np.where([np.std(audio) > 0.5 for audio in X["audio"]], "wild", "calm")
    table = compare_modalities(pipeline(LogisticRegression()), X, either, cv=2, emap=True)
    assert table.loc["additive", "accuracy"] == table.loc["both", "accuracy"] == 1


@pytest.mark.parametrize("kind", ["forest", "late"])
def test_it_is_scored_beside_the_model(kind, songs):
    X, y = songs
    scoring = ["accuracy", "neg_log_loss", "roc_auc"]
    table = compare_modalities(MODELS[kind](), X, y, cv=2, emap=True, scoring=scoring)
    plain = compare_modalities(MODELS[kind](), X, y, cv=2, scoring=scoring)
    pd.testing.assert_frame_equal(table.drop("additive"), plain)
    assert "additive" not in plain.index
    expected = {name: [] for name in scoring}
    for train, test in StratifiedKFold(2).split(X, y):
        model = MODELS[kind]().fit(X.iloc[train], y[train])
        scores = double_loop(model.predict_proba, X.iloc[test], log_proba)
        said = model.classes_[scores.argmax(axis=1)]
        proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        expected["accuracy"].append(accuracy_score(y[test], said))
        expected["neg_log_loss"].append(-log_loss(y[test], proba, labels=model.classes_))
        auc = get_scorer("roc_auc")._score_func
        expected["roc_auc"].append(auc(y[test] == model.classes_[1], proba[:, 1]))
    for name, values in expected.items():
        assert table.loc["additive", name] == pytest.approx(np.mean(values), abs=1e-9)
        assert table.loc["additive", f"{name}_std"] == pytest.approx(np.std(values), abs=1e-9)
