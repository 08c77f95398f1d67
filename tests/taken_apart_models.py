"""Models that are taken apart, and models that are not, with the reason that is given."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
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

from sklearn_musiclime import SpectralStatistics

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
