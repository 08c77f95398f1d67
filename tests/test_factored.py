"""Factored models and the table give what the long way gives, with far fewer calls (P3)."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from conftest import song_array
from hypothesis import assume, given, settings
from hypothesis import strategies as st
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

from sklearn_musiclime import (
    BeatSegmenter,
    HPSSSeparator,
    LyricLineSegmenter,
    MusicLimeExplainer,
    SpectralStatistics,
    StructureSegmenter,
    UniformSegmenter,
)
from sklearn_musiclime.components import AudioComponents, decompose
from sklearn_musiclime.featurizers.audio import FEATURES, STATISTICS
from sklearn_musiclime.featurizers.audio.table import frame_groups
from sklearn_musiclime.neighbourhood import (
    AudioNeighbourhood,
    PerturbedAudio,
    PerturbedLyrics,
    ScoreFunction,
    Scorer,
    compose_audio,
    compose_lyrics,
    draw_masks,
    draw_neighbourhood,
    factored,
    find_factored,
    score_factored,
)
from sklearn_musiclime.neighbourhood.designs import PAIRS_A_MASK
from sklearn_musiclime.neighbourhood.masks import distinct_rows
from sklearn_musiclime.songs import SongTable
from sklearn_musiclime.surrogate import fit_crossed_surrogate, fit_surrogate

RATE = 22050
EVERYTHING = {"features": tuple(FEATURES), "statistics": tuple(STATISTICS)}


def rng(seed=0):
    return np.random.default_rng(seed)


def neighbourhood_of(waveform, n_sources=2, n_segments=5, n_masks=120, seed=0, borders=None):
    """Random sources of a waveform, and masks."""
    share = rng(seed).dirichlet(np.ones(n_sources), size=len(waveform)).T
    sources = (share * waveform).astype(np.float32)
    if borders is None:
        borders = UniformSegmenter(n_segments).segment(waveform, RATE)
    names = tuple(f"s{i}" for i in range(n_sources))
    audio = AudioComponents(waveform, names, sources, np.asarray(borders), RATE)
    masks = draw_masks("paired", len(audio), n_masks, rng(seed), replacement=True)
    return AudioNeighbourhood(audio, masks)


def assert_table_equals_composed(featurizer, neighbourhood, rows):
    assert featurizer._table(neighbourhood) is not None
    table = featurizer.fit_transform(pd.Series(PerturbedAudio(neighbourhood)))[rows]
    assert neighbourhood.composed == []
    composed = featurizer.transform(list(PerturbedAudio(neighbourhood, np.asarray(rows))))
    # Relative to the size of the feature: centroids are kilohertz, flatness a millionth.
    n_statistics = len(featurizer.statistics)
    scale = np.abs(composed).max(axis=0).reshape(n_statistics, -1)
    scale = np.tile(scale.max(axis=0), n_statistics)
    assert np.abs((table - composed) / np.maximum(scale, 1e-9)).max() < 1e-4


# Perturbed columns.


def test_perturbed_audio_is_a_column(noise):
    neighbourhood = neighbourhood_of(noise)
    column = pd.Series(PerturbedAudio(neighbourhood))
    expected = [compose_audio(neighbourhood.audio, mask) for mask in neighbourhood.masks]
    assert len(column) == 120
    np.testing.assert_array_equal(column[3], expected[3])
    np.testing.assert_array_equal(column.iloc[-1], expected[-1])
    for i, cell in enumerate(column[10:13]):
        np.testing.assert_array_equal(cell, expected[10 + i])
    np.testing.assert_array_equal(column[[5, 2]].tolist(), [expected[5], expected[2]])
    np.testing.assert_array_equal(column[np.arange(120) == 7].to_numpy()[0], expected[7])
    np.testing.assert_allclose(column.head(4).apply(np.std), [y.std() for y in expected[:4]])
    frame = pd.DataFrame({"audio": column}).iloc[[1, 0]].reset_index(drop=True)
    np.testing.assert_array_equal(frame["audio"][0], expected[1])
    both = pd.concat([column[:2], column[4:5]], ignore_index=True)
    np.testing.assert_array_equal(both[2], expected[4])
    assert not column.isna().any()
    assert (column == column[::-1].reset_index(drop=True)).sum() == 0  # of 120, none is the middle
    np.testing.assert_array_equal(
        column == pd.Series(column.array.take([3] * 120)), column.index == 3
    )
    assert not (column == pd.Series(PerturbedAudio(neighbourhood_of(noise)))).any()
    assert not (column == 3).any()
    assert column.dtype == object


def test_perturbed_audio_may_be_mappings(noise):
    neighbourhood = neighbourhood_of(noise)
    mapped = AudioNeighbourhood(neighbourhood.audio, neighbourhood.masks, as_mapping=True)
    cell = PerturbedAudio(mapped)[1]
    assert cell["sampling_rate"] == RATE
    np.testing.assert_array_equal(cell["array"], PerturbedAudio(neighbourhood)[1])


def test_perturbed_lyrics_are_a_sequence(noise):
    song = SongTable(song_array((noise, "la lo lu"))).read(0, RATE)
    lyrics = decompose(song, separator=None, segmenter=UniformSegmenter()).lyrics
    column = PerturbedLyrics(lyrics, np.array([[1, 1, 1], [0, 1, 0], [0, 0, 1]], dtype=bool))
    assert list(column) == ["la lo lu", "lo ", "lu"]
    assert list(column[1:]) == ["lo ", "lu"]
    masks = rng().integers(0, 2, (600, 3)).astype(bool)  # several blocks
    assert list(PerturbedLyrics(lyrics, masks)) == [compose_lyrics(lyrics, m) for m in masks]


def test_lyrics_are_encoded_in_the_order_of_length():
    """Texts of like length in a batch save padding; the answers keep their places."""
    lengths = []

    def model(X):
        lengths.extend(len(lyrics.split()) for _, lyrics in X)
        return [float("lo" in lyrics) + np.std(audio) for audio, lyrics in X]

    X = song_array((np.sin(np.arange(4000.0)), "la lo lu li le ly"))
    explanation = MusicLimeExplainer(model, n_samples=200, batch_size=20, random_state=0)
    explanation = explanation.fit(X).explain(X)[0]
    # The song itself, as it was given, the masks, those with the lyrics of another, the corners.
    assert len(lengths) == 2 + 200 + 2 * 12 + 4
    assert lengths[2:] == sorted(lengths[2:], reverse=True)
    assert max(lengths) - min(lengths) > 3
    assert explanation.to_frame().set_index("component")["weight"]["lo"] > 0.9


# The table.


@pytest.mark.parametrize("segmenter", [
    UniformSegmenter(20), UniformSegmenter(seconds=0.07), BeatSegmenter(2), StructureSegmenter(6),
    LyricLineSegmenter(),
], ids=repr)  # fmt: skip
@pytest.mark.parametrize("separator", [None, HPSSSeparator(), HPSSSeparator(margin=3.0)], ids=repr)
def test_table_equals_composed_on_real_songs(separator, segmenter, real_clips):
    clip = real_clips.iloc[[17]]
    song = SongTable(clip).read(0, RATE)
    audio = decompose(song, separator=separator, segmenter=segmenter).audio
    masks = draw_masks("paired", len(audio), 600, rng(), replacement=True)
    featurizer = SpectralStatistics(**EVERYTHING)
    assert_table_equals_composed(featurizer, AudioNeighbourhood(audio, masks), [0, 1, 2, 3, 301])


@settings(max_examples=40, deadline=None)
@given(
    n_samples=st.one_of(st.integers(1, 60), st.integers(1, 20_000)),
    n_sources=st.integers(1, 3),
    cuts=st.lists(st.floats(0, 1), max_size=5),
    hop=st.sampled_from([64, 256, 512]),
    n_fft=st.sampled_from([256, 1024, 2048]),
    seed=st.integers(0, 99),
)
def test_table_equals_composed_for_any_segments(n_samples, n_sources, cuts, hop, n_fft, seed):
    waveform = rng(seed).normal(0, 0.1, n_samples).astype(np.float32)
    inner = np.unique((np.array(cuts) * n_samples).astype(int))
    borders = [0, *inner[(inner > 0) & (inner < n_samples)], n_samples]
    neighbourhood = neighbourhood_of(waveform, n_sources, seed=seed, borders=borders, n_masks=1000)
    featurizer = SpectralStatistics(**EVERYTHING, hop_length=hop, n_fft=n_fft, n_mels=20, n_mfcc=5)
    assume(featurizer._table(neighbourhood) is not None)  # it is, if there are fewer cases
    assert_table_equals_composed(featurizer, neighbourhood, [0, 1, 2, 3])


def test_groups_are_all_frames_in_order(noise):
    audio = neighbourhood_of(noise, n_segments=4).audio
    groups = frame_groups(audio, 2048, 512)
    frames = [t for group in groups for t in range(group.frames.start, group.frames.stop)]
    assert frames == list(range(1 + len(noise) // 512))
    for group in groups:
        for frame in range(group.frames.start, group.frames.stop):
            start = max(frame * 512 - 1024, 0)
            stop = min(frame * 512 + 1024, len(noise))
            touched = [
                s for s in range(4) if audio.borders[s] < stop and audio.borders[s + 1] > start
            ]
            assert list(group.segments) == touched


def test_composes_where_a_table_would_not_be_smaller(noise):
    many_sources = neighbourhood_of(noise, n_sources=12, n_masks=100)
    few_masks = neighbourhood_of(noise, n_masks=4)
    for neighbourhood in (many_sources, few_masks):
        featurizer = SpectralStatistics()
        assert featurizer._table(neighbourhood) is None
        column = PerturbedAudio(neighbourhood)
        expected = featurizer.transform(list(PerturbedAudio(neighbourhood)))
        np.testing.assert_array_equal(featurizer.transform(pd.Series(column)), expected)


def test_slices_share_the_table_and_another_rate_is_refused(noise):
    neighbourhood = neighbourhood_of(noise)
    featurizer = SpectralStatistics()
    column = pd.Series(PerturbedAudio(neighbourhood))
    whole = featurizer.transform(column)
    np.testing.assert_array_equal(featurizer.transform(column[40:50]), whole[40:50])
    assert featurizer._table(neighbourhood) is featurizer._table(neighbourhood)
    with pytest.raises(ValueError, match="22050 Hz where 16000 Hz"):
        SpectralStatistics(sampling_rate=16000).transform(column)


# The crossed design.


@pytest.mark.parametrize("n_samples", [2, 6, 50, 101, (200, 20), (20, 200), (31, 64)])
@pytest.mark.parametrize(("n_audio", "n_lyrics"), [(12, 30), (3, 30), (12, 2), (0, 9), (9, 0)])
def test_crossed_designs(n_samples, n_audio, n_lyrics):
    drawn = draw_neighbourhood("crossed", n_audio, n_lyrics, n_samples, rng())
    again = draw_neighbourhood("crossed", n_audio, n_lyrics, n_samples, rng())
    np.testing.assert_array_equal(drawn.masks, again.masks)
    assert drawn.pairs[0].tolist() == [0, 0]
    assert drawn.masks[0].all()
    assert len(np.unique(drawn.pairs, axis=0)) == len(drawn.pairs)
    for half, (p, n) in enumerate(
        zip((n_audio, n_lyrics), np.broadcast_to(n_samples, 2), strict=True)
    ):
        masks = (drawn.audio_masks, drawn.lyric_masks)[half]
        if p:
            np.testing.assert_array_equal(masks[0::2], ~masks[1::2])
            assert len(masks) == (2**p if 2**p <= n else max(n // 2 * 2, 4))
    # Every mask is paired with a mask and with its complement.
    if n_audio and n_lyrics:
        pairs = {tuple(pair) for pair in drawn.pairs.tolist() if pair != [0, 0]}
        assert all({(i ^ 1, j), (i, j ^ 1)} <= pairs | {(0, 0)} for i, j in pairs)


def test_pairs_are_as_many_as_the_budget():
    drawn = draw_neighbourhood("crossed", 30, 30, 400, rng())
    for half in (0, 1):
        uses = np.bincount(drawn.pairs[:, half])
        assert uses[:2].tolist() == [1, 0]  # nothing but the song itself keeps all, or nothing
        assert set(uses[2:]) == {PAIRS_A_MASK}
    small = draw_neighbourhood("crossed", 3, 2, 400, rng())
    assert len(small) == 8 * 4  # everything there is
    assert small.repeats == 400 / 32


def test_distinct_rows():
    masks = rng().random((500, 4)) < 0.5
    rows, which = distinct_rows(masks)
    assert len(rows) == 16
    np.testing.assert_array_equal(rows[which], masks)
    assert distinct_rows(np.empty((5, 0), dtype=bool))[0].shape == (1, 0)


@pytest.mark.parametrize("kernel_width", [0.25, np.inf])
@pytest.mark.parametrize("n_samples", [80, (60, 90)])
def test_crossed_surrogate_equals_the_written_out_one(n_samples, kernel_width):
    drawn = draw_neighbourhood("crossed", 12, 20, n_samples, rng())
    scores = np.tanh(drawn.masks @ rng(1).normal(size=(32, 3)))
    ours = fit_crossed_surrogate(
        drawn.audio_masks, drawn.lyric_masks, drawn.pairs, scores, kernel_width=kernel_width,
        sampling=drawn.sampling,
    )  # fmt: skip
    written_out = fit_surrogate(
        drawn.masks, scores, kernel_width=kernel_width, sampling=drawn.sampling
    )
    for name in ("weights", "intercept", "score", "local_prediction"):
        np.testing.assert_allclose(
            getattr(ours, name), getattr(written_out, name), rtol=1e-9, atol=1e-12
        )


# Factored models.


def explained(model, X, y=None, **parameters):
    defaults = {"n_samples": 80, "random_state": 0, "segmenter": UniformSegmenter(4)}
    return MusicLimeExplainer(model, **(defaults | parameters)).fit(X, y).explain(X[:1])[0]


def assert_as_black_box(model, X, n_samples=80, **parameters):
    """The weights are those of the same model in a function, on the same masks."""
    method = next(m for m in ("predict_proba", "decision_function", "predict") if hasattr(model, m))
    as_function = partial(call, model, method)
    for design in ("paired", "independent"):
        options = {"design": design, "n_samples": n_samples, **parameters}
        ours = explained(FrozenEstimator(model), X, **options)
        theirs = explained(as_function, X, **options)
        assert ours.settings["model"] == "factored"
        assert theirs.settings["model"] == "black box: a function"
        column = list(ours.prediction).index(ours.labels[0])
        if len(theirs.labels) == len(ours.labels) == 1 and theirs.labels != [column]:
            theirs = explained_label(as_function, X, column, **options)
        scale = max(np.abs(theirs.weights).max(), 1e-9)
        np.testing.assert_allclose(ours.weights[0], theirs.weights[0], atol=1e-6 * scale)
    crossed = explained(FrozenEstimator(model), X, n_samples=n_samples, **parameters)
    assert crossed.settings["design"] == "crossed"
    assert np.isfinite(crossed.weights).all()


def explained_label(model, X, column, **parameters):
    defaults = {"n_samples": 80, "random_state": 0, "segmenter": UniformSegmenter(4)}
    return (
        MusicLimeExplainer(model, **(defaults | parameters))
        .fit(X)
        .explain(X[:1], [column] if isinstance(column, int) else column)[0]
    )


def call(model, method, X):
    response = getattr(model, method)(X)
    if isinstance(response, list):
        return np.hstack(response)
    if method == "decision_function" and np.ndim(response) == 1:
        return np.column_stack([-response, response])
    return response


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
    np.testing.assert_allclose(ours.weights, theirs.weights, atol=1e-6 * np.abs(ours.weights).max())


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


def test_arrays_of_songs(made_songs):
    X, y, _, _ = made_songs
    X = X[["audio", "lyrics"]].to_numpy()
    branches = make_column_transformer((SpectralStatistics(), 0), (TfidfVectorizer(), 1))
    assert_as_black_box(make_pipeline(branches, LogisticRegression(max_iter=3000)).fit(X, y), X)


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


@pytest.mark.parametrize("dtype", [object, "string"])
def test_perturbed_lyrics_are_of_the_type_of_their_column(dtype, made_songs):
    X, y, _, _ = made_songs
    X = X.astype({"lyrics": dtype})
    branches = make_column_transformer((Loudness(), "audio"), (Texts(), "lyrics"))
    assert_as_black_box(make_pipeline(branches, LogisticRegression()).fit(X, y), X)


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
