"""Models as people build them: the song that is explained is the one that was given.

For each the prediction is the model's own of the untouched row, the default label is what its
``predict`` says, and the weights are those of the same model as a plain function of whole songs.

Over 400 lines since it is one list of models, each with the same check.
"""

import functools
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter

RATE = 2000
WORDS = ["love", "rain", "fire", "night", "river", "gold", "home", "road", "wild", "blue"]
CLASSES = np.array(["folk", "pop", "rock", "soul"])


def make_table(n_songs=24, seed=0):
    """Songs whose loudness and words follow their class; index and extra columns as people have."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(n_songs):
        wave = rng.normal(size=400) * (0.1 + 0.2 * (n % 4)) * np.repeat(rng.uniform(0.3, 1, 2), 200)
        words = [*rng.choice(WORDS, 5), WORDS[n % 4]]
        rows.append((wave.astype(np.float32), " ".join(words), 1980 + n, "ab"[n % 2]))
    songs = pd.DataFrame(rows, columns=["audio", "lyrics", "year", "label"])
    songs["label"] = songs["label"].astype("category")
    songs["year"] = songs["year"].astype("int16")
    return songs.set_axis([f"TR{n:03}" for n in rng.permutation(n_songs)])


SONGS = make_table()
Y4 = CLASSES[np.arange(len(SONGS)) % 4]
Y3 = CLASSES[np.arange(len(SONGS)) % 3]
RARE = np.where(np.arange(len(SONGS)) % 4 == 0, "yes", "no")
MANY = np.stack([Y4 == "pop", np.isin(Y4, ["rock", "soul"]), np.arange(len(SONGS)) % 5 == 0], 1)
MANY = MANY.astype(int)
MOODS = np.stack([Y4, np.where(Y3 == "pop", "glad", "sad")], axis=1)
POINTS = np.random.default_rng(3).normal(size=(len(SONGS), 2)) + MANY[:, :2]


class Loudness(TransformerMixin, BaseEstimator):
    """How loud a song is, and its first half."""

    def fit(self, X, y=None):
        self.n_features_in_ = 1
        return self

    def transform(self, X):
        return np.array([[np.std(wave), np.std(wave[: len(wave) // 2])] for wave in X])

    def get_feature_names_out(self, input_features=None):
        return np.array(["loud", "loud_first"])


def columns(**kwargs):
    return make_column_transformer(
        (Loudness(), "audio"), (TfidfVectorizer(), "lyrics"), sparse_threshold=0, **kwargs
    )


def pipe(*steps):
    return make_pipeline(columns(), StandardScaler(), *steps)


class Shouts(Pipeline):
    """A pipeline that overrides what it predicts."""

    def predict_proba(self, X):
        proba = super().predict_proba(X) ** 2
        return proba / proba.sum(axis=1, keepdims=True)


class Doubles(ColumnTransformer):
    """A ColumnTransformer that overrides its output."""

    def transform(self, X, **params):
        return 2 * super().transform(X, **params) + 1


class WantsCsr(ClassifierMixin, BaseEstimator):
    """A head that takes sparse rows alone."""

    def fit(self, X, y):
        assert isinstance(X, sparse.csr_matrix)
        self.inner_ = LogisticRegression().fit(X, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, X):
        assert isinstance(X, sparse.csr_matrix)
        return self.inner_.predict_proba(X)

    def predict(self, X):
        return self.inner_.predict(X)


class ReadsNames(ClassifierMixin, BaseEstimator):
    """A head that picks columns by their names."""

    def fit(self, X, y):
        self.inner_ = GaussianNB().fit(self._pick(X), y)
        self.classes_ = self.inner_.classes_
        return self

    def _pick(self, X):
        return X[[name for name in X.columns if "loud" in name or "love" in name]].to_numpy()

    def predict_proba(self, X):
        return self.inner_.predict_proba(self._pick(X))

    def predict(self, X):
        return self.inner_.predict(self._pick(X))


class SkorchLike(ClassifierMixin, BaseEstimator):
    """As skorch's: probabilities in single precision, classes of its own."""

    def fit(self, X, y):
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.inner_ = LogisticRegression().fit(X, codes)
        return self

    def predict_proba(self, X):
        return self.inner_.predict_proba(X).astype(np.float32)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Names(ClassifierMixin, BaseEstimator):
    """Probabilities as a DataFrame whose columns are the classes, in an order of its own."""

    def fit(self, X, y):
        self.inner_ = LogisticRegression().fit(X, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, X):
        proba = pd.DataFrame(self.inner_.predict_proba(X), columns=self.classes_)
        return proba.iloc[:, ::-1]

    def predict(self, X):
        return self.inner_.predict(X)


class Words(TransformerMixin, BaseEstimator):
    """Counts of words, as an array whose columns have names."""

    def fit(self, X, y=None):
        self.counts_ = CountVectorizer().fit(X)
        self.n_features_in_ = 1
        return self

    def transform(self, X):
        return self.counts_.transform(X).toarray()

    def get_feature_names_out(self, input_features=None):
        return self.counts_.get_feature_names_out()


def with_category():
    """Names, types and containers that survive ``set_output``."""
    as_it_is = FunctionTransformer(lambda X: X, feature_names_out="one-to-one")
    return ColumnTransformer(
        [("a", Loudness(), "audio"), ("t", Words(), "lyrics"), ("c", as_it_is, ["label", "year"])]
    )


def boosted(kind, y=None, **settings):
    module = pytest.importorskip(kind)
    if kind == "xgboost":
        return module.XGBClassifier(n_estimators=5, max_depth=2, **settings)
    return module.LGBMClassifier(n_estimators=5, min_child_samples=2, verbose=-1, **settings)


def frame_head(head, container="pandas"):
    def build():
        if container == "polars":
            pytest.importorskip("polars")
            columns_ = ColumnTransformer(
                [("a", Loudness(), "audio"), ("y", StandardScaler(), ["year"])]
            )
        else:
            columns_ = with_category()
        return make_pipeline(columns_, head()).set_output(transform=container)

    return build


def searched(search, **grid):
    return search(pipe(LogisticRegression()), grid, cv=2)


CODES = np.unique(Y3, return_inverse=True)[1]
# Name: (model, what it learns). Labels by default are what `predict` says.
MODELS = {
    "logistic regression": (lambda: pipe(LogisticRegression()), Y3),
    "binary": (lambda: pipe(LogisticRegression()), RARE),
    "naive bayes": (lambda: pipe(GaussianNB()), Y4),
    "discriminant": (lambda: pipe(LinearDiscriminantAnalysis()), Y3),
    "tree": (lambda: pipe(DecisionTreeClassifier(random_state=0)), Y3),
    "histogram boosting": (
        lambda: pipe(HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=3)), Y3,
    ),
    "SVC, ovr": (lambda: pipe(SVC()), Y4),
    "SVC, ovo of three": (lambda: pipe(SVC(decision_function_shape="ovo")), Y3),
    "SVC, ovo of four": (lambda: pipe(SVC(decision_function_shape="ovo")), Y4),
    "NuSVC, ovo": (lambda: pipe(NuSVC(nu=0.3, decision_function_shape="ovo")), Y3),
    "SVC, ovo, searched": (
        lambda: GridSearchCV(pipe(SVC(decision_function_shape="ovo")), {"svc__C": [1, 2]}, cv=2),
        Y3,
    ),
    "SVC, two classes": (lambda: pipe(SVC(decision_function_shape="ovo")), RARE),
    "LinearSVC": (lambda: pipe(LinearSVC()), Y3),
    "one against one": (lambda: pipe(OneVsOneClassifier(LinearSVC())), Y4),
    "one against the rest": (lambda: pipe(OneVsRestClassifier(LogisticRegression())), Y4),
    "one against the rest, outside": (lambda: OneVsRestClassifier(pipe(LogisticRegression())), Y4),
    "output codes": (
        lambda: pipe(OutputCodeClassifier(LinearSVC(), code_size=3, random_state=0)), Y4,
    ),
    "fixed threshold, outside": (
        lambda: FixedThresholdClassifier(pipe(LogisticRegression()), threshold=0.2), RARE,
    ),
    "fixed threshold, inside": (
        lambda: pipe(FixedThresholdClassifier(LogisticRegression(), threshold=0.2)), RARE,
    ),
    "tuned threshold": (
        lambda: TunedThresholdClassifierCV(pipe(LogisticRegression()), cv=2, thresholds=5), RARE,
    ),
    "calibrated, outside": (lambda: CalibratedClassifierCV(pipe(LinearSVC()), cv=2), Y3),
    "calibrated, inside": (lambda: pipe(CalibratedClassifierCV(LinearSVC(), cv=2)), Y3),
    "soft vote, outside": (
        lambda: VotingClassifier(
            [("a", pipe(LogisticRegression())), ("b", pipe(GaussianNB()))], voting="soft"
        ),
        Y3,
    ),
    "hard vote": (
        lambda: pipe(VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())])), Y3,
    ),
    "stacked, outside": (
        lambda: StackingClassifier(
            [("a", pipe(LogisticRegression())), ("b", pipe(GaussianNB()))], cv=2
        ),
        Y3,
    ),
    "bagged": (lambda: pipe(BaggingClassifier(LogisticRegression(), 3, random_state=0)), Y3),
    "AdaBoost": (lambda: pipe(AdaBoostClassifier(n_estimators=3, random_state=0)), Y3),
    "grid search": (lambda: searched(GridSearchCV, logisticregression__C=[0.1, 1.0]), Y3),
    "random search": (
        lambda: searched(
            functools.partial(RandomizedSearchCV, n_iter=2, random_state=0),
            logisticregression__C=[0.1, 1.0],
        ),
        Y3,
    ),
    "union of features": (
        lambda: make_pipeline(
            FeatureUnion([("all", columns()), ("sound", make_column_transformer(
                (Loudness(), "audio")))]),
            LogisticRegression(),
        ),
        Y3,
    ),
    "sparse head": (
        lambda: make_pipeline(
            make_column_transformer((Loudness(), "audio"), (CountVectorizer(), "lyrics"),
                                    sparse_threshold=1),
            WantsCsr(),
        ),
        Y3,
    ),
    "passed through": (
        lambda: make_pipeline(
            ColumnTransformer([("a", Loudness(), "audio"), ("l", CountVectorizer(), "lyrics"),
                               ("y", "passthrough", ["year"])], sparse_threshold=0),
            StandardScaler(), LogisticRegression(),
        ),
        Y3,
    ),
    "columns by position": (
        lambda: make_pipeline(
            ColumnTransformer([("l", TfidfVectorizer(), 1), ("y", OneHotEncoder(
                handle_unknown="ignore"), [3]), ("a", Loudness(), 0)], sparse_threshold=0),
            LogisticRegression(),
        ),
        Y3,
    ),
    "columns by a selector": (
        lambda: make_pipeline(
            ColumnTransformer([("a", Loudness(), "audio"), ("y", StandardScaler(),
                               make_column_selector(dtype_include="int16"))]),
            LogisticRegression(),
        ),
        Y3,
    ),
    "weights of branches": (
        lambda: make_pipeline(
            ColumnTransformer([("a", Loudness(), "audio"), ("l", CountVectorizer(), "lyrics")],
                              transformer_weights={"a": 10.0}, sparse_threshold=0),
            LogisticRegression(),
        ),
        Y3,
    ),
    "counts": (
        lambda: make_pipeline(
            make_column_transformer((CountVectorizer(), "lyrics"), (Loudness(), "audio")),
            MultinomialNB(),
        ),
        Y3,
    ),
    "subclass of Pipeline": (
        lambda: Shouts([("c", columns()), ("l", LogisticRegression())]), Y3,
    ),
    "subclass of ColumnTransformer": (
        lambda: make_pipeline(
            Doubles([("a", Loudness(), "audio"), ("l", TfidfVectorizer(), "lyrics")],
                    sparse_threshold=0),
            LogisticRegression(),
        ),
        Y3,
    ),
    "frozen": (lambda: FrozenEstimator(pipe(LogisticRegression()).fit(SONGS, Y3)), Y3),
    "skorch-like": (lambda: pipe(SkorchLike()), Y3),
    "frames of scores": (lambda: pipe(Names()), Y3),
    "pandas, names": (frame_head(ReadsNames), Y3),
    "pandas, LightGBM": (frame_head(lambda: boosted("lightgbm")), Y3),
    "pandas, XGBoost": (frame_head(lambda: boosted("xgboost", enable_categorical=True)), CODES),
    "polars": (frame_head(LogisticRegression, "polars"), Y3),
    "several labels: one against the rest": (
        lambda: pipe(OneVsRestClassifier(LogisticRegression())), MANY,
    ),
    "several labels: margins": (lambda: pipe(OneVsRestClassifier(LinearSVC())), MANY),
    "several labels: MLP": (lambda: pipe(MLPClassifier(max_iter=300, random_state=0)), MANY),
    "several labels: chain": (lambda: pipe(ClassifierChain(LogisticRegression())), MANY),
    "several labels: chain, margins": (lambda: pipe(ClassifierChain(LinearSVC())), MANY),
    "several labels: multi-output": (
        lambda: pipe(MultiOutputClassifier(LogisticRegression())), MANY,
    ),
    "several labels: multi-output, outside": (
        lambda: MultiOutputClassifier(pipe(LogisticRegression())), MANY,
    ),
    "several labels: multi-output, predict alone": (
        lambda: pipe(MultiOutputClassifier(LinearSVC())), MANY,
    ),
    "several labels: forest": (lambda: pipe(RandomForestClassifier(5, random_state=0)), MANY),
    "several labels: neighbours": (lambda: pipe(KNeighborsClassifier(3)), MANY),
    "several labels: ridge": (lambda: pipe(RidgeClassifier()), MANY),
    "several labels: XGBoost": (lambda: pipe(boosted("xgboost")), MANY),
    "several labels: XGBoost, two": (lambda: pipe(boosted("xgboost")), MANY[:, :2]),
    "two outputs of classes": (lambda: pipe(DecisionTreeClassifier(random_state=0)), MOODS),
    "regression": (lambda: pipe(Ridge()), POINTS[:, 0]),
    "regression, two outputs": (lambda: pipe(LinearRegression()), POINTS),
    "regression, wrapped": (lambda: pipe(MultiOutputRegressor(Ridge())), POINTS),
    "regression, chain": (lambda: pipe(RegressorChain(Ridge())), POINTS),
    "regression, target transformed": (
        lambda: TransformedTargetRegressor(
            pipe(Ridge()), func=np.cbrt, inverse_func=lambda y: y**3
        ),
        POINTS[:, 0],
    ),
    "regression, vote": (
        lambda: VotingRegressor([("a", pipe(Ridge())), ("b", pipe(LinearRegression()))]),
        POINTS[:, 0],
    ),
}  # fmt: skip


def raw_scores(model, X):
    """What the model says, by hand: a column a label."""
    for method in ("predict_proba", "decision_function"):
        if hasattr(model, method):
            scores = getattr(model, method)(X)
            break
    else:
        scores = model.predict(X)
        classes = getattr(model, "classes_", None)
        if classes is not None:
            if not isinstance(classes, list):
                scores, classes = scores.reshape(-1, 1), [classes]
            return np.hstack([scores[:, [k]] == names for k, names in enumerate(classes)]) * 1.0
    if isinstance(scores, list):
        return np.hstack(scores)
    if isinstance(scores, pd.DataFrame):
        scores = scores[list(model.classes_)].to_numpy()
    scores = np.asarray(scores, dtype=float)
    if scores.ndim == 1:
        is_margin = hasattr(model, "decision_function")
        scores = np.column_stack([-scores, scores]) if is_margin else scores[:, None]
    return scores


def expected_labels(model, y, row, n_columns):
    """What `predict` says of a row, as labels."""
    said = np.asarray(model.predict(row))
    if np.issubdtype(np.asarray(y).dtype, np.floating):
        return list(range(n_columns))
    if said.ndim == 1:
        if n_columns == 6 or ("ovo" in str(model) and n_columns == 3):
            classes = list(model.classes_)
            pairs = [(a, b) for i, a in enumerate(classes) for b in classes[i + 1 :]]
            return [pair for pair in pairs if said[0] in pair]
        return [said[0]]
    (said,) = said.tolist()
    if y is MOODS:
        return list(enumerate(said))
    on = [k for k, is_on in enumerate(said) if is_on]
    if not on:
        scores = raw_scores(model, row)[0]
        if len(scores) == 2 * len(said):
            scores = scores[1::2]
        on = [int(np.argmax(scores))]
    is_nested = isinstance(getattr(model, "classes_", None), list)
    return [(k, 1) for k in on] if is_nested else on


def explain(model, X, labels=None, **settings):
    explainer = MusicLimeExplainer(
        model if not hasattr(model, "fit") else FrozenEstimator(model),
        **{"separator": None, "segmenter": UniformSegmenter(2), "n_samples": 60, "random_state": 0,
           "sampling_rate": RATE, "design": "paired"} | settings,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return explainer.fit(X).explain(X, labels)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore")
def test_the_model_that_was_given(name):
    build, y = MODELS[name]
    model = build()
    if not isinstance(model, FrozenEstimator):
        model.fit(SONGS, y)
    rows = [0, 2, 5, 7]
    explanations = explain(model, SONGS.iloc[rows])
    whole = explain(lambda X: raw_scores(model, X), SONGS.iloc[rows], "all")
    for row, explanation, function in zip(rows, explanations, whole, strict=True):
        given = SONGS.iloc[[row]]
        assert explanation.track_id == SONGS.index[row]
        truth = raw_scores(model, given)[0]
        assert list(explanation.prediction.values()) == pytest.approx(truth, rel=1e-5, abs=1e-6)
        assert explanation.labels == expected_labels(model, y, given, len(truth))
        assert explanation.settings["row_check"] == "the same"
        known = list(explanation.prediction)
        columns_ = [known.index(label) for label in explanation.labels]
        scale = np.abs(function.weights).max()
        np.testing.assert_allclose(
            explanation.weights, function.weights[columns_], rtol=1e-4, atol=1e-9 + 1e-5 * scale
        )
        way = explanation.settings["model"]
        assert way == "factored" or way.startswith("black box")


FITTED = pipe(LogisticRegression()).fit(SONGS, Y3)
EXPECTED = FITTED.predict_proba(SONGS.iloc[[0]])[0]


class Plain:
    """A model of no library."""

    required_sampling_rate = RATE

    def predict_proba(self, X):
        return FITTED.predict_proba(X)

    def predict(self, X):
        return FITTED.predict(X)


FUNCTIONS = {
    "bound method": FITTED.predict_proba,
    "lambda": lambda X: FITTED.predict_proba(X),
    "partial": functools.partial(lambda X, power: FITTED.predict_proba(X) ** power, power=1),
    "plain class": Plain(),
    "frame": lambda X: pd.DataFrame(FITTED.predict_proba(X), columns=FITTED.classes_),
    "list": lambda X: FITTED.predict_proba(X).tolist(),
    "sparse": lambda X: sparse.csr_array(FITTED.predict_proba(X)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    (explanation,) = explain(FUNCTIONS[name], SONGS.iloc[[0]])
    (pipeline,) = explain(FITTED, SONGS.iloc[[0]])
    assert list(explanation.prediction.values()) == pytest.approx(EXPECTED)
    if name in ("bound method", "frame"):
        assert list(explanation.prediction) == FITTED.classes_.tolist()
        assert explanation.labels == pipeline.labels
    else:
        assert explanation.labels == [int(np.argmax(EXPECTED))]
    np.testing.assert_allclose(explanation.weights, pipeline.weights, atol=1e-8)
    assert explanation.settings["model"].startswith("black box")


def to_arrays(songs):
    X = np.empty((len(songs), 2), dtype=object)
    for row, (wave, words) in enumerate(zip(songs["audio"], songs["lyrics"], strict=True)):
        X[row] = wave, words
    return X


def to_mappings(songs):
    cells = [{"array": wave, "sampling_rate": RATE} for wave in songs["audio"]]
    return songs.assign(audio=pd.Series(cells, index=songs.index))


def to_polars(songs):
    polars = pytest.importorskip("polars")
    return polars.DataFrame(
        {"audio": [w.tolist() for w in songs["audio"]], "lyrics": songs["lyrics"].tolist()}
    )


CONTAINERS = {
    "frame": lambda songs: songs,
    "array": to_arrays,
    "mappings": to_mappings,
    "polars": to_polars,
    "tuples as index": lambda songs: songs.set_axis([(n, "x") for n in range(len(songs))]),
    "dates as index": lambda songs: songs.set_axis(pd.date_range("2020", periods=len(songs))),
    "text of pandas": lambda songs: songs.astype({"lyrics": "string"}),
    "a category": lambda songs: songs.assign(lyrics=songs["lyrics"].astype("category")),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers(name):
    def waves(X):
        cells = X["audio"] if hasattr(X, "columns") else X[:, 0]
        return [np.asarray(c["array"] if isinstance(c, dict) else c) for c in cells]

    def texts(X):
        return X["lyrics"] if hasattr(X, "columns") else X[:, 1]

    def model(X):
        return np.array([
            [np.std(wave), "love" in words.split(), 0.1 * len(words)]
            for wave, words in zip(waves(X), texts(X), strict=True)
        ])  # fmt: skip

    X = CONTAINERS[name](SONGS.iloc[:2])
    explanations = explain(model, X, "all")
    expected = explain(model, SONGS.iloc[:2], "all")
    for explanation, other in zip(explanations, expected, strict=True):
        np.testing.assert_allclose(explanation.weights, other.weights, atol=1e-6)
        assert list(explanation.prediction.values()) == pytest.approx(
            list(other.prediction.values()), rel=1e-6
        )
        assert explanation.settings["row_check"] == "the same"
