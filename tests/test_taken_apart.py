"""A model is taken apart as it is, or not at all: each is held to the same model in a function."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.decomposition import PCA
from sklearn.ensemble import StackingClassifier, VotingClassifier, VotingRegressor
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sklearn_musiclime import MusicLimeExplainer, SpectralStatistics, UniformSegmenter
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

RATE = 4000
WORDS = ["river", "city", "money", "love", "night", "rain", "dance", "gold", "fire", "blue"]


def make_table(n_songs=24, seed=0):
    rng = np.random.default_rng(seed)
    audio = np.empty(n_songs, dtype=object)
    lyrics = []
    for i in range(n_songs):
        envelope = np.repeat(rng.uniform(0.01, 1.0, 4), RATE // 8)
        audio[i] = (envelope * rng.normal(0, 0.2, len(envelope))).astype(np.float32)
        lyrics.append(" ".join(rng.choice(WORDS, 5, replace=False)))
    genre = pd.Categorical(rng.choice(["pop", "rock"], n_songs))
    X = pd.DataFrame({"audio": audio, "lyrics": lyrics, "year": rng.uniform(size=n_songs)})
    X["genre"] = genre
    loud = np.array([y.std() for y in audio])
    y = np.where(loud + 0.03 * X["lyrics"].str.contains("money") > np.median(loud), "wild", "calm")
    return X, y


@pytest.fixture(scope="module")
def table():
    return make_table()


@pytest.fixture(autouse=True)
def threads():
    """No worker processes, which take seconds to start."""
    with parallel_config(backend="threading"):
        yield


class Loudness(TransformerMixin, BaseEstimator):
    """Level and peak of waveforms; names its features."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        cells = np.ravel(X)
        return np.array([[w.std(), np.abs(w).max(), np.abs(w).mean()] for w in cells])

    def get_feature_names_out(self, input_features=None):
        return np.array(["std", "peak", "mean"], dtype=object)


class Levels(Loudness):
    """A category and a number: what LightGBM and XGBoost read as such."""

    def transform(self, X):
        std = np.array([w.std() for w in np.ravel(X)])
        kind = pd.Categorical.from_codes((std > 0.08).astype(int), ["quiet", "loud"])
        index = X.index if hasattr(X, "index") else None
        return pd.DataFrame({"kind": kind, "std": std}, index=index)

    def get_feature_names_out(self, input_features=None):
        return np.array(["kind", "std"], dtype=object)


class ByName(ClassifierMixin, BaseEstimator):
    """A head that reads columns by their names, and their types."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.dtypes_ = X.dtypes.to_dict()
        return self

    def predict_proba(self, X):
        assert X.dtypes.to_dict() == self.dtypes_
        kind = next((name for name in X if name.endswith("kind")), None)
        score = 4 * X[next(name for name in X if name.endswith("std"))]
        if kind is not None:
            score = score + (X[kind] == "loud") * 0.5
        words = X[[name for name in X if "lyrics" in name]].sum(axis=1)
        p = 1 / (1 + np.exp(-score.astype(float) + 0.3 * words.astype(float)))
        return np.column_stack([1 - p, p])


class MatrixOnly(ClassifierMixin, BaseEstimator):
    """A head that takes a csr_matrix alone."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.model_ = LogisticRegression().fit(X, y)
        return self

    def predict_proba(self, X):
        if type(X) is not scipy.sparse.csr_matrix:
            raise TypeError(f"{type(X)} where a csr_matrix should be")
        return self.model_.predict_proba(X)


class Matrix(CountVectorizer):
    """Counts as a matrix of scipy, not an array of it."""

    def fit_transform(self, X, y=None):
        return scipy.sparse.csr_matrix(super().fit_transform(X))

    def transform(self, X):
        return scipy.sparse.csr_matrix(super().transform(X))


class FrameHead(ClassifierMixin, BaseEstimator):
    """A head that takes frames of polars."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.model_ = LogisticRegression().fit(X.to_numpy(), y)
        return self

    def predict_proba(self, X):
        import polars

        assert isinstance(X, polars.DataFrame)
        return self.model_.predict_proba(X.to_numpy())


def branches(**options):
    return ColumnTransformer(
        [("audio", Loudness(), "audio"), ("lyrics", CountVectorizer(), "lyrics")],
        **{"sparse_threshold": 0.0, **options},
    )


def pipeline(head=None, **options):
    return make_pipeline(branches(**options), head or LogisticRegression(C=10.0))


class Words(TransformerMixin, BaseEstimator):
    """Which words there are, dense, with names."""

    def fit(self, X, y=None):
        self.counter_ = CountVectorizer(vocabulary=WORDS).fit(X)
        return self

    def transform(self, X):
        return self.counter_.transform(X).toarray()

    def get_feature_names_out(self, input_features=None):
        return np.array([f"lyrics_{word}" for word in WORDS], dtype=object)


def framed(head, audio=None, output="pandas"):
    columns = make_column_transformer(
        (audio or Loudness(), ["audio"]), (Words(), "lyrics"), sparse_threshold=0.0
    )
    return make_pipeline(columns.set_output(transform=output), head)


class TimidPipeline(Pipeline):
    """Overrides what it says."""

    def predict_proba(self, X, **params):
        return 0.5 + 0.5 * (super().predict_proba(X, **params) - 0.5)


class TimidColumns(ColumnTransformer):
    def transform(self, X, **params):
        return 0.1 * super().transform(X, **params)


class Named(Pipeline):
    """Overrides nothing that is used."""

    def fit(self, X, y=None, **params):
        self.n_songs_ = len(X)
        return super().fit(X, y, **params)


class Threshold(GridSearchCV):
    @property
    def classes_(self):
        return super().classes_


def shifted(model):
    """An instance that answers otherwise than its class."""
    original = model.predict_proba
    model.predict_proba = lambda X: original(X) ** 2
    return model


def lightgbm():
    module = pytest.importorskip("lightgbm")
    return module.LGBMClassifier(
        n_estimators=8, min_child_samples=2, min_data_per_group=1, cat_smooth=0.1, n_jobs=1,
        verbose=-1,
    )  # fmt: skip


class Zeroed(ClassifierMixin, BaseEstimator):
    """XGBoost takes no names of classes."""

    def __init__(self, model=None):
        self.model = model

    def fit(self, X, y):
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.model.fit(X, codes)
        return self

    def predict_proba(self, X):
        return self.model.predict_proba(X)


def xgboost():
    module = pytest.importorskip("xgboost")
    return Zeroed(
        module.XGBClassifier(n_estimators=6, max_depth=3, enable_categorical=True, n_jobs=1)
    )


def search(X, y, kind=GridSearchCV):
    grid = {"logisticregression__C": [0.5, 5.0]}
    options = {"n_iter": 2, "random_state": 0} if kind is RandomizedSearchCV else {}
    return kind(pipeline(), grid, cv=2, **options).fit(X, y)


def two(y):
    return np.column_stack([y == "wild", np.arange(len(y)) % 3 == 0]).astype(int)


def numbers(y):
    return (y == "wild") + np.linspace(0, 1, len(y))


FACTORED = {
    "pipeline": lambda X, y: pipeline().fit(X, y),
    "frozen": lambda X, y: FrozenEstimator(FrozenEstimator(pipeline().fit(X, y))),
    "pandas, names": lambda X, y: framed(ByName()).fit(X, y),
    "pandas, categories": lambda X, y: framed(ByName(), Levels()).fit(X, y),
    "pandas, no prefix": lambda X, y: framed(ByName()).set_params(
        columntransformer__verbose_feature_names_out=False
    ).fit(X, y),
    "pandas, whole pipeline": lambda X, y: make_pipeline(
        ColumnTransformer([("a", Loudness(), "audio"), ("lyrics", Words(), "lyrics")]),
        StandardScaler(), ByName(),
    ).set_output(transform="pandas").fit(X, y),
    "pandas, an index": lambda X, y: framed(ByName(), Levels()).fit(
        X.set_axis([f"t{i}" for i in range(len(X))]), y
    ),
    "polars output": lambda X, y: (
        pytest.importorskip("polars"), framed(FrameHead(), output="polars").fit(X, y)
    )[1],
    "lightgbm": lambda X, y: framed(lightgbm(), Levels()).fit(X, y),
    "xgboost": lambda X, y: framed(xgboost(), Levels()).fit(X, y),
    "lightgbm, arrays": lambda X, y: pipeline(lightgbm()).fit(X, y),
    "xgboost, sparse": lambda X, y: pipeline(xgboost(), sparse_threshold=1.0).fit(X, y),
    "sparse": lambda X, y: pipeline(sparse_threshold=1.0).fit(X, y),
    "csr_matrix": lambda X, y: make_pipeline(
        make_column_transformer((Loudness(), "audio"), (Matrix(), "lyrics"), sparse_threshold=1.0),
        MatrixOnly(),
    ).fit(X, y),
    "reordered positions": lambda X, y: make_pipeline(
        make_column_transformer((Loudness(), 1), (CountVectorizer(), 3), sparse_threshold=0),
        LogisticRegression(C=10.0),
    ).fit(X[["year", "audio", "genre", "lyrics"]], y),
    "positions of an array": lambda X, y: make_pipeline(
        make_column_transformer((Loudness(), [0]), (CountVectorizer(), 1)), LogisticRegression()
    ).fit(X[["audio", "lyrics"]].to_numpy(), y),
    "weights": lambda X, y: pipeline(transformer_weights={"audio": 7.0, "lyrics": 0.2}).fit(X, y),
    "remainder": lambda X, y: pipeline(remainder="passthrough").fit(X.drop(columns="genre"), y),
    "selectors and other columns": lambda X, y: make_pipeline(
        make_column_transformer(
            (StandardScaler(), make_column_selector(dtype_include=float)),
            (OneHotEncoder(), ["genre"]), (Loudness(), "audio"), (TfidfVectorizer(), "lyrics"),
        ),
        PCA(4, random_state=0), LogisticRegression(),
    ).fit(X, y),
    "n_jobs": lambda X, y: pipeline(n_jobs=2).fit(X, y),
    "a union": lambda X, y: make_pipeline(
        FeatureUnion(
            [("one", branches()), ("two", make_pipeline(branches(), StandardScaler()))],
            transformer_weights={"one": 3.0},
        ),
        LogisticRegression(),
    ).fit(X, y),
    "a pipeline of one step": lambda X, y: make_pipeline(search(X, y)),
    "nested pipelines": lambda X, y: make_pipeline(
        make_pipeline(branches(), StandardScaler()), LogisticRegression()
    ).fit(X, y),
    "subclass": lambda X, y: Named(pipeline().steps).fit(X, y),
    "grid search": search,
    "randomized search": lambda X, y: search(X, y, RandomizedSearchCV),
    "calibrated": lambda X, y: CalibratedClassifierCV(pipeline(), cv=2).fit(X, y),
    "calibrated, prefit": lambda X, y: CalibratedClassifierCV(
        FrozenEstimator(pipeline().fit(X, y)), method="isotonic"
    ).fit(X, y),
    "calibrated inside": lambda X, y: pipeline(
        CalibratedClassifierCV(LogisticRegression(), cv=2)
    ).fit(X, y),
    "soft vote": lambda X, y: VotingClassifier(
        [("a", pipeline()), ("b", framed(ByName(), Levels())), ("c", "drop")], voting="soft",
        weights=[2, 1, 1],
    ).fit(X, y),
    "hard vote": lambda X, y: VotingClassifier([("a", pipeline()), ("b", pipeline(n_jobs=1))])
    .fit(X, y),
    "vote of regressors": lambda X, y: VotingRegressor(
        [("a", pipeline(Ridge())), ("b", pipeline(Ridge(5.0)))]
    ).fit(X, numbers(y)),
    "stacking": lambda X, y: StackingClassifier(
        [("a", pipeline()), ("b", pipeline(LogisticRegression(C=0.1)))], cv=2
    ).fit(X, y),
    "fixed threshold": lambda X, y: FixedThresholdClassifier(pipeline(), threshold=0.3).fit(X, y),
    "tuned threshold": lambda X, y: TunedThresholdClassifierCV(
        pipeline(), scoring="balanced_accuracy", cv=2
    ).fit(X, y == "wild"),
    "one against the rest": lambda X, y: OneVsRestClassifier(pipeline()).fit(X, two(y)),
    "several outputs": lambda X, y: MultiOutputClassifier(pipeline()).fit(X, two(y)),
    "several numbers": lambda X, y: MultiOutputRegressor(pipeline(Ridge())).fit(X, two(y)),
    "transformed target": lambda X, y: TransformedTargetRegressor(
        pipeline(Ridge()), func=np.log1p, inverse_func=np.expm1
    ).fit(X, numbers(y)),
    "search of calibrated votes": lambda X, y: GridSearchCV(
        CalibratedClassifierCV(VotingClassifier([("a", pipeline())], voting="soft"), cv=2),
        {"method": ["sigmoid"]}, cv=2,
    ).fit(X, y),
    "spectral statistics": lambda X, y: make_pipeline(
        make_column_transformer(
            (SpectralStatistics(sampling_rate=RATE, n_fft=256, n_mels=20, n_mfcc=5), "audio"),
            (TfidfVectorizer(), "lyrics"),
        ),
        StandardScaler(with_mean=False), LogisticRegression(),
    ).fit(X, y),
}  # fmt: skip

WHOLE = {
    "subclass of Pipeline": (
        lambda X, y: TimidPipeline(pipeline().steps).fit(X, y),
        "TimidPipeline overrides predict_proba of Pipeline",
    ),
    "subclass of ColumnTransformer": (
        lambda X, y: make_pipeline(
            TimidColumns(branches().transformers, sparse_threshold=0), LogisticRegression()
        ).fit(X, y),
        "TimidColumns overrides transform of ColumnTransformer",
    ),
    "subclass of a search": (
        lambda X, y: Threshold(pipeline(), {"logisticregression__C": [1]}, cv=2).fit(X, y),
        "Threshold overrides classes_ of GridSearchCV",
    ),
    "changed instance": (
        lambda X, y: shifted(pipeline().fit(X, y)),
        "Pipeline overrides predict_proba of Pipeline",
    ),
    "function": (lambda X, y: pipeline().fit(X, y).predict_proba, "a function"),
    "first step": (
        lambda X, y: make_pipeline(FunctionTransformer(drop_year), pipeline()).fit(X, y),
        "FunctionTransformer reads whole songs",
    ),
    "branch of both": (
        lambda X, y: make_pipeline(
            make_column_transformer((FunctionTransformer(both), ["lyrics", "audio"])), Ridge()
        ).fit(X, numbers(y)),
        "branch 'functiontransformer' reads audio and lyrics",
    ),
    "vote with a stranger": (
        lambda X, y: VotingClassifier(
            [("a", pipeline()), ("b", Stranger())], voting="soft"
        ).fit(X, y),
        "Stranger reads whole songs",
    ),
    "stacking that passes songs on": (
        lambda X, y: StackingClassifier(
            [("a", pipeline())], cv=2, passthrough=True, final_estimator=Second()
        ).fit(X, y),
        "StackingClassifier(passthrough=True) hands whole songs on",
    ),
    "audio handed on": (
        lambda X, y: make_pipeline(
            make_column_transformer(("passthrough", ["audio"]), (Words(), "lyrics")),
            AudioHead(),
        ).fit(X, y),
        "branch 'passthrough' hands the audio on",
    ),
}  # fmt: skip


def drop_year(X):
    return X.drop(columns="year")


def both(X):
    return np.array([[len(text) + 9 * w.std()] for text, w in np.asarray(X)], dtype=float)


class Stranger(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        p = np.array([len(text) / 50 for text in X["lyrics"]])
        return np.column_stack([1 - p, p])


class Second(Stranger):
    def predict_proba(self, X):
        p = np.clip(np.asarray(X[:, 0], dtype=float), 0, 1)
        return np.column_stack([1 - p, p])


class AudioHead(Stranger):
    def predict_proba(self, X):
        p = np.array([w.std() for w in X[:, 0]]) / 3 + X[:, 1:].astype(float).sum(axis=1) / 20
        return np.column_stack([1 - p, p])


def explained(model, X, labels=None, **parameters):
    defaults = {
        "n_samples": 40, "random_state": 0, "segmenter": UniformSegmenter(3), "separator": None,
        "sampling_rate": RATE,
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
        separator=None, sampling_rate=RATE,
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
