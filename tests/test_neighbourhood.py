"""Designs, perturbed songs and models."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import song_array
from joblib import Parallel
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import IsolationForest, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC, LinearSVC

from sklearn_musiclime import UniformSegmenter
from sklearn_musiclime.components import decompose
from sklearn_musiclime.neighbourhood import (
    ScoreFunction,
    automatic_batch_size,
    draw_masks,
    draw_neighbourhood,
    perturbed_songs,
    score_black_box,
    select_labels,
)
from sklearn_musiclime.songs import SongTable


def rng(seed=0):
    return np.random.default_rng(seed)


# Designs.


@pytest.mark.parametrize("design", ["independent", "paired", "exhaustive"])
@pytest.mark.parametrize("n_components", [0, 1, 2, 7])
def test_row_0_keeps_all_and_the_seed_decides(design, n_components):
    masks = draw_masks(design, n_components, 64, rng(1))
    assert masks.dtype == bool
    assert masks.shape[1] == n_components
    assert masks[0].all()
    np.testing.assert_array_equal(masks, draw_masks(design, n_components, 64, rng(1)))
    if n_components < 7:
        assert len(np.unique(masks, axis=0)) == 2**n_components  # all there are
    elif design != "exhaustive":
        assert len(masks) == 64
        if n_components == 7:
            assert not np.array_equal(masks, draw_masks(design, n_components, 64, rng(2)))


def test_paired_rows_are_complements():
    masks = draw_masks("paired", 9, 101, rng())
    assert masks.shape == (100, 9)
    np.testing.assert_array_equal(masks[0::2], ~masks[1::2])
    assert len(np.unique(masks[0::2], axis=0)) > 45


@pytest.mark.parametrize("design", ["independent", "paired"])
def test_coins_are_fair_and_independent(design):
    masks = draw_masks(design, 12, 20_000, rng()).astype(float)
    np.testing.assert_allclose(masks.mean(axis=0), 0.5, atol=0.02)
    correlation = np.corrcoef(masks.T) - np.eye(12)
    assert np.abs(correlation).max() < 0.04


@pytest.mark.parametrize("design", ["independent", "paired"])
def test_masks_for_shapley_values_are_of_all_sizes_alike(design):
    masks = draw_masks(design, 13, 1000, rng(), kernel="shapley")
    assert masks[0].all()
    assert not masks[1].any()
    assert len(np.unique(masks, axis=0)) == 1000  # the model is asked once of each
    sizes = np.bincount(masks[2:].sum(axis=1), minlength=14)
    assert sizes[[1, 2, 11, 12]].tolist() == [13, 78, 78, 13]  # all there are
    assert np.ptp(sizes[3:11]) <= 2
    for size in (5, 6):  # which they are is a fair draw
        of_size = masks[masks.sum(axis=1) == size]
        np.testing.assert_allclose(of_size.mean(axis=0), size / 13, atol=0.2)
    for few in (0, 1):
        masks = draw_masks(design, few, 8, rng(), kernel="shapley")
        assert masks.sum(axis=1).tolist()[:2] == [few, 0]


@pytest.mark.parametrize("design", ["independent", "paired"])
@pytest.mark.parametrize("kernel", ["exponential", "shapley"])
def test_no_mask_is_drawn_twice(kernel, design):
    """Not in one draw, and not in a later one, until there are no more."""
    first = draw_neighbourhood(design, 4, 5, 150, rng(), kernel=kernel)
    more = draw_neighbourhood(design, 4, 5, 150, rng(1), kernel=kernel, besides=first)
    both = first.extended(more)
    assert len(np.unique(both.drawn_masks(), axis=0)) == len(both.drawn_masks()) >= 290
    assert not both.is_exhaustive
    rest = draw_neighbourhood(design, 4, 5, 1000, rng(2), kernel=kernel, besides=both)
    everything = both.extended(rest)
    assert len(np.unique(everything.masks, axis=0)) == 2**9
    assert everything.is_exhaustive


def test_halves_of_the_crossed_design_run_out_one_by_one():
    """A half that is complete stays as it is, and the other goes on."""
    drawn = draw_neighbourhood("crossed", 6, 12, (40, 60), rng())
    for seed in range(3):
        more = draw_neighbourhood("crossed", 6, 12, (40, 60), rng(seed), besides=drawn)
        drawn = drawn.extended(more)
    audio, lyrics = drawn.sampling.sides
    assert audio.is_complete
    assert len(np.unique(drawn.drawn_masks(0), axis=0)) == 64
    assert lyrics.fraction == pytest.approx(4 * 58 / 2**12)
    assert len(np.unique(drawn.pairs, axis=0)) == len(drawn.pairs)


def joint_or_crossed(design, n_samples=60, seed=0, **options):
    return draw_neighbourhood(design, 9, 12, n_samples, rng(seed), **options)


@pytest.mark.parametrize("design", ["independent", "paired", "crossed"])
def test_corners_are_added_and_taken_apart(design):
    drawn = joint_or_crossed(design, with_grid=True)
    cornered = drawn.with_corners()
    assert cornered.n_masks == drawn.n_masks == (60, 60)
    np.testing.assert_array_equal(cornered.masks, drawn.masks)
    kept = [
        (cornered.audio_masks[i].mean(), cornered.lyric_masks[j].mean())
        for i, j in cornered.corner_pairs
    ]
    assert kept == [(1, 1), (1, 0), (0, 1), (0, 0)]
    i, j = cornered.all_pairs.T
    answers = cornered.split(np.stack([i, j], axis=1))
    grid = answers.grid
    np.testing.assert_array_equal(answers.pairs, drawn.pairs)
    np.testing.assert_array_equal(answers.corners, cornered.corner_pairs)
    if design == "crossed":
        audio, lyrics = drawn.grid
        np.testing.assert_array_equal(grid[:, :, 0], np.tile(audio[:, np.newaxis], len(lyrics)))
        np.testing.assert_array_equal(grid[:, :, 1], np.tile(lyrics, (len(audio), 1)))
    else:
        assert grid is None


@pytest.mark.parametrize(("design", "n_known"), [("independent", 1), ("paired", 2), ("crossed", 1)])
def test_a_draw_is_extended_by_what_is_new_in_another(design, n_known):
    first, second = joint_or_crossed(design), joint_or_crossed(design, seed=1)
    both = first.extended(second)
    np.testing.assert_array_equal(both.masks, np.vstack([first.masks, second.masks[n_known:]]))
    for side, before in zip(both.sampling.sides, first.sampling.sides, strict=True):
        np.testing.assert_array_equal(side.clusters[: len(first)], before.clusters)
        masks = both.masks[:, side.columns]
        size = 1 if design == "independent" else 2
        for cluster in np.unique(side.clusters)[::10]:  # a mask and its complement, if paired
            assert len(np.unique(masks[side.clusters == cluster], axis=0)) <= size


def test_lyrics_are_exchanged_between_samples():
    for design, together in (("paired", 2), ("independent", 1)):
        drawn = draw_neighbourhood(design, 9, 12, 1000, rng(), with_shares=True)
        assert len(drawn.swaps) == 50
        i, j = drawn.swaps.T
        assert len(np.unique(drawn.swaps)) == 100  # each sample once
        np.testing.assert_array_equal(drawn.swap_pairs[::2], drawn.swaps)
        np.testing.assert_array_equal(drawn.swap_pairs[1::2], drawn.swaps[:, ::-1])
        if together == 2:  # a couple, then that of the complements
            np.testing.assert_array_equal(drawn.masks[i[::2]], ~drawn.masks[i[1::2]])
            np.testing.assert_array_equal(drawn.masks[j[::2]], ~drawn.masks[j[1::2]])


def test_the_digest_tells_neighbourhoods_apart():
    drawn = joint_or_crossed("crossed")
    assert drawn.digest() == joint_or_crossed("crossed").digest()
    lyric_masks = drawn.lyric_masks.copy()
    lyric_masks[7, 3] ^= True
    others = [
        replace(drawn, lyric_masks=lyric_masks),
        replace(drawn, pairs=drawn.pairs[:-1]),
        replace(drawn, audio_masks=drawn.lyric_masks, lyric_masks=drawn.audio_masks),
        joint_or_crossed("crossed", seed=1),
    ]
    assert len({drawn.digest(), *(other.digest() for other in others)}) == 5


@pytest.mark.parametrize(
    ("n_audio", "n_lyrics", "n_samples", "sizes"),
    [
        (20, 20, 1000, (200, 200)),
        (20, 20, 101, (98, 98)),
        (20, 3, 4000, (3998, 8)),
        (3, 20, (10, 9000), (8, 5000)),
        (20, 7, (1000, 130), (312, 128)),
        (20, 20, (300, 16), (298, 14)),
        (20, 20, (4000, 16), (2856, 14)),
        (20, 0, 300, None),
    ],
)
def test_the_grid_is_as_large_as_there_is_room_for(n_audio, n_lyrics, n_samples, sizes):
    drawn = draw_neighbourhood("crossed", n_audio, n_lyrics, n_samples, rng(), with_grid=True)
    if sizes is None:
        assert drawn.grid is None
        return
    assert tuple(map(len, drawn.grid)) == sizes
    for masks, rows in zip((drawn.audio_masks, drawn.lyric_masks), drawn.grid, strict=True):
        np.testing.assert_array_equal(masks[rows[::2]], ~masks[rows[1::2]])
    assert not draw_neighbourhood("crossed", n_audio, n_lyrics, 10, rng()).grid_pairs.size


def test_few_components_are_enumerated():
    drawn = draw_neighbourhood("paired", 2, 2, 40, rng())
    assert (drawn.design, len(drawn), drawn.is_exhaustive) == ("exhaustive", 16, True)
    assert drawn.repeats == 40 / 16  # a ridge weighs its penalty against them
    drawn = draw_neighbourhood("paired", 2, 2, 15, rng())
    assert (drawn.design, len(drawn), drawn.is_exhaustive) == ("paired", 14, False)
    assert drawn.repeats == 1
    crossed = draw_neighbourhood("crossed", 2, 3, (30, 64), rng())
    assert (len(crossed), crossed.is_exhaustive, crossed.repeats) == (32, True, 2)
    assert not draw_neighbourhood("crossed", 2, 9, 100, rng()).is_exhaustive


def test_exhaustive_has_every_mask_once():
    masks = draw_masks("exhaustive", 5, 2, rng())
    assert masks.shape == (32, 5)
    assert len(np.unique(masks, axis=0)) == 32


def test_paired_cancels_interactions():
    """The paired weights of a pure interaction of three do not change with it; independent do."""
    from sklearn_musiclime.surrogate import fit_surrogate

    def error(design, seed):
        masks = draw_masks(design, 8, 200, rng(seed))
        centred = 2.0 * masks - 1
        even = centred[:, 0] * centred[:, 1]  # no linear part over all masks
        return np.abs(fit_surrogate(masks, even, kernel_width=np.inf).weights).max()

    paired = [error("paired", seed) for seed in range(10)]
    independent = [error("independent", seed) for seed in range(10)]
    assert max(paired) < 1e-12
    assert min(independent) > 0.01


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("fair", 3, 10), "design must be"),
        (("paired", 3, 1), "at least 2"),
        (("exhaustive", 21, 10), "at most 20"),
        (("paired", 3, (4, 4)), "one number, or two with"),
        (("crossed", 3, (4, 4, 4)), "one number, or two with"),
        (("crossed", 3, (4, 1)), "at least 2"),
    ],
)
def test_bad_designs(arguments, cause):
    with pytest.raises(ValueError, match=cause):
        draw_masks(*arguments, rng())


# Perturbed songs.


def parts(X, n_segments=4, modality="both", **options):
    song = SongTable(X, modalities=()).read(0, 22050)
    segmenter = UniformSegmenter(n_segments)
    return song, decompose(song, separator=None, segmenter=segmenter, modality=modality, **options)


@pytest.mark.parametrize("as_frame", [True, False])
def test_perturbed_songs_are_what_the_masks_say(as_frame, noise):
    X = song_array((noise, "la lo lu"))
    if as_frame:
        X = pd.DataFrame(X, columns=["audio", "lyrics"])
    song, components = parts(X)
    assert components.names == ("mix@0", "mix@1", "mix@2", "mix@3", "la", "lo", "lu")
    masks = np.array([[1, 1, 1, 1, 1, 1, 1], [0, 1, 0, 1, 1, 0, 1]], dtype=bool)
    songs = perturbed_songs(song, components, masks)
    assert type(songs) is type(X)
    (whole, text), (part, rest) = songs.to_numpy() if as_frame else songs
    np.testing.assert_array_equal(whole, noise)
    assert text == "la lo lu"
    quarters = np.split(noise.copy(), components.audio.borders[1:-1])
    quarters[0][:] = quarters[2][:] = 0
    np.testing.assert_array_equal(part, np.concatenate(quarters))
    assert rest == "la lu"


@pytest.mark.parametrize("modality", ["audio", "lyrics"])
def test_the_other_modality_stays_whole(modality, noise):
    song, components = parts(song_array((noise, "la lo lu")), modality=modality)
    songs = perturbed_songs(song, components, np.zeros((1, len(components)), dtype=bool))
    assert songs[0, 0].any() == (modality == "lyrics")
    assert songs[0, 1] == ("la lo lu" if modality == "audio" else "")


def test_memory_is_bounded_by_one_batch():
    """P4: 400 perturbed songs take no more memory at a time than a batch of ten of them."""
    n_samples = 200_000
    X = song_array((rng().normal(size=n_samples).astype(np.float32), "la"))
    song, components = parts(X)
    score = ScoreFunction(lambda X: np.array([y.std() for y in X[:, 0]]))

    def peak(n_masks):
        masks = draw_masks("independent", len(components), n_masks, rng())
        parallel = Parallel(n_jobs=None, return_as="generator")
        tracemalloc.start()
        score_black_box(score, song, components, masks, batch_size=10, parallel=parallel)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    one_batch = 10 * 4 * n_samples
    assert peak(20) > one_batch  # the measure sees the batch
    assert peak(400) < 3 * one_batch


@pytest.mark.parametrize(("seconds", "size"), [(1, 64), (100, 7), (1000, 1)])
def test_automatic_batches_hold_64_mib(seconds, size):
    song, components = parts(song_array((np.zeros(seconds * 22050, dtype=np.float32), "la")))
    sizes = []

    def model(X):
        sizes.append(len(X))
        return np.zeros(len(X))

    masks = np.ones((size + 1, len(components)), dtype=bool)
    parallel = Parallel(n_jobs=None, return_as="generator")
    batch_size = automatic_batch_size(song)
    score = ScoreFunction(model)
    score_black_box(score, song, components, masks, batch_size=batch_size, parallel=parallel)
    assert sizes == [size, 1]


# Models.

Z = rng(3).normal(size=(60, 4))
NAMES = np.array(["folk", "pop", "rap"])[np.digitize(Z[:, 0], [-0.5, 0.5])]
TWO = np.where(Z[:, 0] > 0, "yes", "no")
MANY = np.column_stack([TWO, NAMES])
BITS = (Z[:, :3] > 0).astype(int)


@pytest.mark.parametrize(
    ("model", "y", "expected", "labels"),
    [
        (LogisticRegression(), NAMES, "predict_proba", ["folk", "pop", "rap"]),
        (CalibratedClassifierCV(GaussianNB(), cv=2), TWO, "predict_proba", ["no", "yes"]),
        (LinearSVC(), NAMES, "decision_function", ["folk", "pop", "rap"]),
        (SVC(), NAMES, "decision_function", ["folk", "pop", "rap"]),
        (RandomForestRegressor(3), Z[:, 0], "predict", [0]),
        (RandomForestRegressor(3), Z[:, :2], "predict", [0, 1]),
    ],
)
def test_estimators_score_as_their_method_does(model, y, expected, labels):
    model.fit(Z, y)
    score = ScoreFunction(model)
    scores = score(Z)
    np.testing.assert_allclose(scores.squeeze(), getattr(model, expected)(Z))
    assert score.columns.labels(scores.shape[1]) == labels


def test_a_binary_decision_function_speaks_for_both_classes():
    model = RidgeClassifier().fit(Z, TWO)
    score = ScoreFunction(model)
    scores = score(Z)
    assert score.columns.labels(2) == ["no", "yes"]
    np.testing.assert_allclose(scores[:, 1], model.decision_function(Z))
    np.testing.assert_allclose(scores[:, 0], -scores[:, 1])
    predicted = [score.columns.labels(2)[score.columns.predicted(row)[0]] for row in scores]
    np.testing.assert_array_equal(predicted, model.predict(Z))


def test_an_outlier_detector_has_one_score_and_no_classes():
    model = IsolationForest(n_estimators=10, random_state=0).fit(Z)
    score = ScoreFunction(model)
    np.testing.assert_array_equal(score(Z), model.decision_function(Z)[:, np.newaxis])
    assert score.columns.labels(1) == [0]
    assert score.columns.predicted(score(Z)[0]) == [0]


class OnlyPredicts:
    _estimator_type = "classifier"

    def __init__(self, model):
        self.predict = model.predict
        self.classes_ = model.classes_


def test_predicted_names_become_columns_of_0_and_1():
    model = LogisticRegression().fit(Z, NAMES)
    scores = ScoreFunction(OnlyPredicts(model))(Z)
    assert set(np.unique(scores)) == {0.0, 1.0}
    np.testing.assert_array_equal(model.classes_[scores.argmax(axis=1)], model.predict(Z))


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(5, random_state=0),
        MultiOutputClassifier(LogisticRegression()),
        OnlyPredicts(RandomForestClassifier(5, random_state=0).fit(Z, MANY)),
    ],
)
def test_multi_output_classifiers(model):
    if hasattr(model, "fit"):
        model.fit(Z, MANY)
    score = ScoreFunction(model)
    scores = score(Z)
    labels = score.columns.labels(scores.shape[1])
    assert labels == [(0, "no"), (0, "yes"), (1, "folk"), (1, "pop"), (1, "rap")]
    for row, said in zip(scores, model.predict(Z), strict=True):
        assert [labels[column] for column in score.columns.predicted(row)] == list(enumerate(said))


@pytest.mark.parametrize("base", [LogisticRegression(), SVC(decision_function_shape="ovo")])
def test_a_chain_scores_the_last_class_of_each_output(base):
    model = ClassifierChain(base).fit(Z, BITS)
    score = ScoreFunction(model)
    np.testing.assert_allclose(score(Z), getattr(model, score.method)(Z))
    assert [k for k, _ in score.columns.labels(3)] == [0, 1, 2]
    assert all(c == 1 for _, c in score.columns.labels(3))


def test_a_regressor_is_explained_for_every_output_a_function_for_its_highest():
    assert ScoreFunction(DummyRegressor().fit(Z, Z)).columns.predicted(np.array([1, 3, 2, 0])) == [
        0,
        1,
        2,
        3,
    ]
    assert ScoreFunction(lambda X: X).columns.predicted(np.array([1, 3, 2])) == [1]


@pytest.mark.parametrize(
    ("response", "cause"),
    [
        (np.zeros(3), "3 rows for 60 songs"),
        (np.full(60, np.nan), "NaN"),
        (np.zeros((60, 2, 2)), "shape"),
        (np.zeros((60, 0)), "shape"),
        (0.5, "shape"),
    ],
)
def test_bad_responses(response, cause):
    with pytest.raises(ValueError, match=cause):
        ScoreFunction(lambda X: response)(Z)


def test_what_is_no_model():
    with pytest.raises(TypeError, match="must be a function of X"):
        ScoreFunction("model.pkl")


def test_select_labels():
    known, scores = ["folk", "pop", (0, "a")], np.array([0.2, 0.5, 0.3])

    def select(labels, known=known):
        return select_labels(labels, known, lambda: [1], scores)

    assert select(None) == [1]
    assert select("folk") == select(["folk"]) == [0]
    assert select(["pop", "folk"]) == select(("pop", "folk")) == [1, 0]
    assert select((0, "a")) == select([(0, "a")]) == [2]
    for container in (np.array, pd.Series, pd.Index, lambda values: pd.Series(values, index=[7])):
        assert select(container(["pop"])) == [1]
    assert select({"pop", "folk"}) == [0, 1]  # in sorted order
    assert select("all") == [0, 1, 2]
    assert select("all", ["all", "none", "some"]) == [0]
    assert select(1) == [1]
    assert select(np.int64(2)) == [1, 2]  # a number of labels, the highest first
    assert select([1], [0, 1, 2]) == select(np.array([1]), [0, 1, 2]) == [1]
    with pytest.raises(ValueError, match="no label 'rock'"):
        select(["folk", "rock"])
    with pytest.raises(ValueError, match="did you mean 'pop'"):
        select("Pop")
    with pytest.raises(ValueError, match="labels is empty"):
        select([])
    with pytest.raises(ValueError, match=r"shape \(1, 1\)"):
        select(np.array([["pop"]]))
    for number in (0, 4, -1):
        with pytest.raises(ValueError, match="is a number of labels, and the model has 3"):
            select(number)
