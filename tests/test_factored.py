"""Factored models give what the long way gives, with far fewer calls (P3).

Over 400 lines since the toy models of one test are what the next are made of.
"""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from black_boxes import assert_as_black_box, call, explained, explained_label
from conftest import RATE, rng
from joblib import Parallel
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from sklearn_musiclime import MusicLimeExplainer, SpectralStatistics, UniformSegmenter
from sklearn_musiclime.components import decompose
from sklearn_musiclime.neighbourhood import (
    ScoreFunction,
    Scorer,
    draw_neighbourhood,
    factored,
    find_factored,
    score_factored,
)
from sklearn_musiclime.songs import SongTable

HEADS = {
    "logistic": LogisticRegression(max_iter=2000),
    "forest": RandomForestClassifier(10, random_state=0),
    "boosting": HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=3),
    "neighbours": KNeighborsClassifier(3),
    "svc": SVC(),
    "svd": make_pipeline(TruncatedSVD(5, random_state=0), LogisticRegression()),
    "calibrated": CalibratedClassifierCV(LogisticRegression(max_iter=2000), cv=2),
}


def features(sparse_threshold=0.3, **options):
    return ColumnTransformer(
        [
            ("audio", make_pipeline(SpectralStatistics(), StandardScaler()), "audio"),
            ("lyrics", TfidfVectorizer(), "lyrics"),
        ],
        sparse_threshold=sparse_threshold,
        **options,
    )


@pytest.mark.slow
@pytest.mark.parametrize("sparse_threshold", [0.0, 1.0])
@pytest.mark.parametrize("head", HEADS)
def test_every_head(head, sparse_threshold, made_songs):
    X, y, _, _ = made_songs
    if head == "boosting" and sparse_threshold:
        pytest.skip("HistGradientBoosting takes no sparse features")
    model = make_pipeline(features(sparse_threshold), HEADS[head]).fit(X, y)
    assert_as_black_box(model, X)


def test_multi_output_heads(made_songs):
    X, y, _, _ = made_songs
    Y = np.column_stack([y, np.where(X["lyrics"].str.contains("river"), "wet", "dry")])
    head = MultiOutputClassifier(LogisticRegression(max_iter=2000))
    model = make_pipeline(features(), head).fit(X, Y)
    ours = explained(FrozenEstimator(model), X, design="paired")
    assert [k for k, _ in ours.labels] == [0, 1]
    theirs = explained_label(
        partial(call, model, "predict_proba"),
        X,
        [list(ours.prediction).index(label) for label in ours.labels],
        design="paired",
    )
    np.testing.assert_allclose(ours.weights, theirs.weights, atol=1e-5 * np.abs(ours.weights).max())


class Loudness(TransformerMixin, BaseEstimator):
    """A third party's transformer of an audio column, which knows pandas and nothing of us."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        cells = X.squeeze(axis=1) if isinstance(X, pd.DataFrame) else X
        cells = cells.apply(lambda y: y["array"] if isinstance(y, dict) else y)
        return np.array([[y.std(), np.abs(y).max()] for y in cells])


class Length(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.array([[len(text)] for text in np.ravel(X)], dtype=float)


def shapes(X, y):
    """Pipelines that are factored, in many shapes."""
    audio, lyrics = SpectralStatistics(statistics=("mean",)), TfidfVectorizer()
    log = LogisticRegression(max_iter=3000)
    yield "string selectors", make_pipeline(features(), log)
    yield (
        "list selectors",
        make_pipeline(make_column_transformer((audio, ["audio"]), (Length(), ["lyrics"])), log),
    )
    yield (
        "positions, lyrics first",
        make_pipeline(make_column_transformer((lyrics, 1), (audio, [0])), log),
    )
    yield (
        "mask selector",
        make_pipeline(
            make_column_transformer((audio, [True, False, False, False]), (lyrics, "lyrics")), log
        ),
    )
    yield "several branches", make_pipeline(
        make_column_transformer(
            (audio, "audio"), (Loudness(), "audio"), (lyrics, "lyrics"),
            (HashingVectorizer(n_features=32), "lyrics"), (Length(), "lyrics"),
        ),
        log,
    )  # fmt: skip
    yield (
        "weights and more steps",
        make_pipeline(
            features(transformer_weights={"audio": 0.1}), StandardScaler(with_mean=False), log
        ),
    )
    yield (
        "another column",
        make_pipeline(
            make_column_transformer(
                (audio, "audio"), (lyrics, "lyrics"), ("passthrough", ["year"])
            ),
            log,
        ),
    )
    yield (
        "remainder",
        make_pipeline(
            make_column_transformer(
                (audio, "audio"),
                (lyrics, "lyrics"),
                ("drop", ["word_times"]),
                remainder="passthrough",
            ),
            log,
        ),
    )
    yield "frozen inside", make_pipeline(FrozenEstimator(features().fit(X, y)), log)
    yield (
        "slices",
        make_pipeline(
            make_column_transformer((audio, slice(0, 1)), (Length(), slice("lyrics", "lyrics"))),
            log,
        ),
    )
    yield "pandas output", make_pipeline(
        make_column_transformer((audio, "audio"), (SpectralStatistics(), "audio"))
        .set_output(transform="pandas"),
        log,
    )  # fmt: skip


SHAPES = [
    "string selectors", "list selectors", "positions, lyrics first", "mask selector",
    "several branches", "weights and more steps", "another column", "remainder", "frozen inside",
    "slices", "pandas output",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_pipeline(shape, made_songs):
    X, y, _, _ = made_songs
    X = X.assign(year=np.arange(len(X)) % 7 / 7.0)
    model = dict(shapes(X, y))[shape].fit(X, y)
    assert_as_black_box(model, X)


def test_songs_need_only_the_columns_that_the_model_reads(made_songs):
    X, y, _, _ = made_songs
    model = make_pipeline(features(), LogisticRegression(max_iter=2000))
    model.fit(X.assign(year=1.0, genre="pop"), y)
    narrow = explained(FrozenEstimator(model), X[["lyrics", "audio"]])
    assert narrow.settings["model"] == "factored"
    np.testing.assert_array_equal(narrow.weights, explained(FrozenEstimator(model), X).weights)


@pytest.mark.slow
def test_arrays_of_songs(made_songs):
    X, y, _, _ = made_songs
    X = X[["audio", "lyrics"]].to_numpy()
    branches = make_column_transformer((SpectralStatistics(), 0), (TfidfVectorizer(), 1))
    assert_as_black_box(make_pipeline(branches, LogisticRegression(max_iter=3000)).fit(X, y), X)


@pytest.mark.slow
@pytest.mark.parametrize("modality", ["audio", "lyrics"])
def test_one_modality(modality, made_songs):
    X, y, _, _ = made_songs
    model = make_pipeline(features(), LogisticRegression(max_iter=2000)).fit(X, y)
    assert_as_black_box(model, X, modality=modality)


class TwoTowers(ClassifierMixin, BaseEstimator):
    """An estimator that offers its halves, and counts what it encodes."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.n_audio_ = self.n_lyrics_ = 0
        return self

    def encode_audio(self, column):
        self.n_audio_ += len(column)
        return np.array([[10 * float(np.square(y["array"]).mean())] for y in column])

    def encode_lyrics(self, column):
        self.n_lyrics_ += len(column)
        return scipy.sparse.csr_array([[float(len(text))] for text in column])

    def predict_encoded(self, audio, lyrics):
        wild = 1 / (1 + np.exp(-audio[:, 0] * lyrics.toarray()[:, 0] / 10))
        return np.column_stack([1 - wild, wild])

    def predict_proba(self, X):
        return self.predict_encoded(self.encode_audio(X["audio"]), self.encode_lyrics(X["lyrics"]))


def test_an_estimator_with_halves_encodes_each_once(made_songs):
    X, y, _, _ = made_songs
    model = TwoTowers().fit(X, y)
    assert_as_black_box(model, X)
    model.fit(X, y)
    options = {"n_samples": (60, 90), "segmenter": UniformSegmenter(20)}
    explanation = explained(FrozenEstimator(model), X, **options)
    assert explanation.settings["n_samples"] > 300
    # And once each for the song itself, as it is composed and as it was given, and for a perturbed
    # one to be sure.
    assert (model.n_audio_, model.n_lyrics_) == (63, 93)


class WideTowers(TwoTowers):
    """Four numbers of the audio, one (stored with its place) of the lyrics."""

    def encode_audio(self, column):
        return np.tile(super().encode_audio(column), 4)


def test_the_head_scores_no_more_songs_at_a_time_than_it_has_room_for(made_songs, monkeypatch):
    X, y, _, _ = made_songs
    model, sizes = WideTowers().fit(X, y), []
    song = SongTable(X).read(0, RATE)
    components = decompose(song, separator=None, segmenter=UniformSegmenter(4))
    drawn = draw_neighbourhood("crossed", components.n_audio, components.n_lyrics, 40, rng())

    def scores():
        sizes.clear()
        halves, _ = find_factored(model, song)
        return score_factored(halves, components, drawn, batch_size=64, progress=sizes.append)

    expected = scores()
    assert sizes == [len(drawn)]
    monkeypatch.setattr(factored, "HEAD_BYTES", 10 * 8 * (4 + 2))
    np.testing.assert_array_equal(scores(), expected)
    assert set(sizes[:-1]) == {10}
    assert sum(sizes) == len(drawn)


@pytest.mark.parametrize("is_factored", [True, False])
def test_progress_ends_at_its_total(is_factored, made_songs):
    X, y, _, _ = made_songs
    model, song = TwoTowers().fit(X, y), SongTable(X).read(0, RATE)
    components = decompose(song, separator=None, segmenter=UniformSegmenter(4))
    drawn = draw_neighbourhood("crossed", components.n_audio, components.n_lyrics, 40, rng())
    done = []
    halves = find_factored(model, song)[0] if is_factored else None
    scorer = Scorer(
        ScoreFunction(model), halves, song, components,
        links=None, batch_size=16, parallel=Parallel(return_as="generator"),
        progress=SimpleNamespace(total=None, update=done.append),
    )  # fmt: skip
    first = scorer.score_pairs(drawn, drawn.pairs)
    again = scorer.score_pairs(drawn, drawn.pairs[:7])
    np.testing.assert_allclose(again, first[:7])
    assert scorer.progress.total == sum(done) == len(drawn) + 7


class Texts(Length):
    """Takes nothing but the type of column that it was fitted to."""

    def fit(self, X, y=None):
        self.dtype_ = X.dtype
        return self

    def transform(self, X):
        if X.dtype != self.dtype_:
            raise TypeError(f"lyrics of type {X.dtype} where {self.dtype_} was")
        return super().transform(X)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [object, "string"])
def test_perturbed_lyrics_are_of_the_type_of_their_column(dtype, made_songs):
    X, y, _, _ = made_songs
    X = X.astype({"lyrics": dtype})
    branches = make_column_transformer((Loudness(), "audio"), (Texts(), "lyrics"))
    assert_as_black_box(make_pipeline(branches, LogisticRegression()).fit(X, y), X)


@pytest.mark.slow
def test_songs_of_one_column(made_songs):
    X, y, _, _ = made_songs
    for modality, branch in (("lyrics", TfidfVectorizer()), ("audio", SpectralStatistics())):
        model = make_pipeline(make_column_transformer((branch, modality)), LogisticRegression())
        assert_as_black_box(model.fit(X, y), X[[modality]], modality=modality)


class Places(Length):
    """A sparse branch in the format of (row, column, value), which has no rows to pick."""

    def transform(self, X):
        return scipy.sparse.coo_matrix(super().transform(X))


class PlacedTowers(TwoTowers):
    def encode_lyrics(self, column):
        return scipy.sparse.coo_matrix(super().encode_lyrics(column))


@pytest.mark.slow
@pytest.mark.parametrize("sparse_threshold", [0.0, 1.0])
def test_sparse_features_of_any_format(sparse_threshold, made_songs):
    X, y, _, _ = made_songs
    branches = make_column_transformer(
        (Loudness(), "audio"), (Places(), "lyrics"), sparse_threshold=sparse_threshold
    )
    assert_as_black_box(make_pipeline(branches, LogisticRegression()).fit(X, y), X)
    assert_as_black_box(PlacedTowers().fit(X, y), X)


class Waves(Loudness):
    """Takes waveforms and no mappings."""

    def transform(self, X):
        return np.array([[y.std(), y.max()] for y in X])


def test_audio_that_stays_whole_is_of_the_type_of_its_column(made_songs):
    X, y, _, _ = made_songs
    waveforms = X.assign(audio=[cell["array"] for cell in X["audio"]])
    branches = make_column_transformer((Waves(), "audio"), (TfidfVectorizer(), "lyrics"))
    model = make_pipeline(branches, LogisticRegression()).fit(waveforms, y)
    assert_as_black_box(model, waveforms, modality="lyrics")


def both_columns(X):
    return np.array([[len(text) + len(y["array"])] for y, text in np.asarray(X)], dtype=float)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(
            make_column_transformer((FunctionTransformer(both_columns), ["audio", "lyrics"])),
            Ridge(),
        ),
        make_pipeline(FunctionTransformer(both_columns), Ridge()),
    ],
)
def test_what_reads_both_columns_at_once_is_a_black_box(model, made_songs):
    X = made_songs[0][["audio", "lyrics"]]
    model.fit(X, np.arange(len(X), dtype=float))
    found, reason = find_factored(model, SongTable(X).read(0, RATE))
    assert found is None
    assert "reads" in reason
    explanation = explained(FrozenEstimator(model), X)
    assert explanation.settings["model"] == f"black box: {reason}"
    assert explanation.settings["design"] == "paired"
    with pytest.raises(ValueError, match="design='crossed' needs"):
        explained(FrozenEstimator(model), X, design="crossed")


class Ranks(Length):
    """Depends on the other songs of a call: can't be taken apart."""

    def transform(self, X):
        lengths = super().transform(X)
        return lengths - lengths.mean()


def test_branches_that_see_other_songs_make_it_a_black_box(made_songs):
    X, _, _, _ = made_songs
    model = make_pipeline(make_column_transformer((Ranks(), "lyrics")), Ridge())
    model.fit(X, np.arange(len(X), dtype=float) ** 2)
    with pytest.warns(UserWarning, match=r"scored as a black box, \d+ perturbed songs"):
        explanation = explained(FrozenEstimator(model), X, modality="lyrics")
    assert explanation.settings["model"].startswith("black box: the whole model scores")


def test_third_party_transformers_compose_a_batch_at_a_time(made_songs, monkeypatch):
    X, y, _, _ = made_songs
    sizes = []
    transform = Loudness.transform
    monkeypatch.setattr(
        Loudness, "transform", lambda self, X: sizes.append(len(X)) or transform(self, X)
    )
    model = make_pipeline(
        make_column_transformer((Loudness(), "audio"), (TfidfVectorizer(), "lyrics")),
        LogisticRegression(),
    ).fit(X, y)
    sizes.clear()
    segmenter = UniformSegmenter(20)  # so many components that no mask is drawn twice
    explained(FrozenEstimator(model), X, n_samples=50, batch_size=20, segmenter=segmenter)
    # The song itself, as it was given, what predict says of it, the masks, one of them to be sure.
    assert sizes == [1, 1, 1, 20, 20, 10, 1]


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 7, "auto"])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_crossed_is_reproducible(n_jobs, batch_size, made_songs, made_model):
    songs = made_songs[0].iloc[:2]

    def run(songs, **parameters):
        ours = MusicLimeExplainer(made_model, n_samples=60, random_state=0, **parameters)
        return ours.fit(songs).explain(songs)

    expected = run(songs)
    assert expected[0].settings["design"] == "crossed"
    found = run(songs, n_jobs=n_jobs, batch_size=batch_size)
    alone = run(songs.iloc[[1]], n_jobs=n_jobs, batch_size=batch_size)
    for ours, theirs in ((found[0], expected[0]), (found[1], expected[1]), (alone[0], expected[1])):
        scale = np.abs(theirs.weights).max()
        np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-10, atol=1e-10 * scale)
