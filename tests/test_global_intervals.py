"""What global explanations say of songs that were not asked: intervals that cover, and shares."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from made_explanations import local

from sklearn_musiclime import GlobalExplanation, LocalExplanation
from sklearn_musiclime.results.intervals import share_intervals


def noisy_songs(rng, n_songs=60, label="pop"):
    return [
        local(
            i, {"vocals@0": 1 + 0.5 * rng.normal(), "love": rng.exponential()}, "love", label=label
        )
        for i in range(n_songs)
    ]


WEIGHTS = {  # draws of weights, and the mean of their positive parts
    "normal": (lambda rng, shape: rng.normal(1, 0.25, shape), 1.0),
    "exponential": (lambda rng, shape: rng.exponential(size=shape), 1.0),
    "half below 0": (lambda rng, shape: rng.normal(size=shape), (2 * math.pi) ** -0.5),
    "mostly 0": (lambda rng, shape: rng.exponential(size=shape) * (rng.random(shape) < 0.3), 0.3),
}


def corpus(values, label="pop", *, first_row=0):
    """Songs whose words have these weights, a row a song and a column a word; NaN: not in it."""
    return [
        local(first_row + row, {f"w{i}": own[i] for i in known},
              " ".join(f"w{i}" for i in known), label=label)
        for row, own in enumerate(values) for known in [np.flatnonzero(~np.isnan(own)).tolist()]
    ]  # fmt: skip


def covered(interval, truth, label="pop"):
    """How often words' intervals hold the truth, and how many of them are known."""
    low, high = (bound[label].filter(regex="^w").to_numpy() for bound in interval)
    known = ~np.isnan(low)
    return np.mean((low <= truth)[known] & (truth <= high)[known]), known.mean()


@pytest.mark.slow
@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("n_songs", [5, 10, 30, 100])
def test_intervals_cover_what_would_come_out_of_all_songs(n_songs, kind):
    draw, mean = WEIGHTS[kind]
    # Each word is another sample of songs.
    values = draw(np.random.default_rng(n_songs), (n_songs, 1000))
    found = GlobalExplanation.from_local(corpus(values))
    for method, truth in (("average", mean), ("lime", (n_songs * mean) ** 0.5)):
        coverage, known = covered(found.interval(method), truth)
        assert coverage >= 0.92
        assert known == 1.0 or n_songs < 100
        if kind in ("normal", "exponential"):  # few weights that are above 0 tell too little
            assert coverage <= 0.98
            assert known >= 0.9


@pytest.mark.parametrize("kind", ["normal", "exponential"])
def test_intervals_of_words_of_some_songs_cover(kind):
    draw, mean = WEIGHTS[kind]
    rng = np.random.default_rng(0)
    values = draw(rng, (30, 1000))
    values[rng.random(values.shape) < 0.7] = np.nan
    found = GlobalExplanation.from_local(corpus(values))
    coverage, known = covered(found.interval(), mean)
    assert 0.92 <= coverage <= 0.98
    assert known > 0.95
    assert covered(found.interval("lime"), (30 * 0.3 * mean) ** 0.5)[0] >= 0.92


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 4, 8, 16] * 6])
def test_intervals_of_recordings_of_unlike_lengths_cover(sizes):
    rng = np.random.default_rng(0)
    recording = np.repeat(np.arange(len(sizes)), sizes)
    values = rng.exponential(size=(len(sizes), 1000))[recording]
    values = (values + rng.exponential(size=values.shape)) / 2
    shuffled = rng.permutation(len(values))
    songs = corpus(values[shuffled])
    found = GlobalExplanation.from_local(songs, groups=recording[shuffled])
    assert 0.91 <= covered(found.interval(), 1.0)[0] <= 0.98  # 0.01 is the error of 1,000 words


def test_all_samples_of_a_small_population_are_covered_as_often_as_is_said():
    # Seven songs drawn from three kinds of weights: every one of the 3**7 samples is a word.
    samples = np.array(list(itertools.product([1.0, 2.0, 4.5], repeat=7))).T
    found = GlobalExplanation.from_local(corpus(samples))
    assert 0.92 <= covered(found.interval(), 2.5)[0] <= 0.98
    assert 0.92 <= covered(found.interval("lime"), 17.5**0.5)[0] <= 0.98
    assert covered(found.interval(confidence_level=0.8), 2.5)[0] < 0.9


@pytest.mark.slow
def test_intervals_of_homogeneity_cover():
    rng = np.random.default_rng(0)
    # As many words as classes tell one from the others; the last one tells nothing.
    means = np.array([[2.0, 0.3, 0.2, 1.0], [0.3, 1.0, 0.4, 1.0], [0.1, 0.5, 2.0, 1.0]])
    totals = {
        label: {f"w{i}": (20 * mean, 20) for i, mean in enumerate(own)}
        for label, own in zip("abc", means, strict=True)
    }
    truth = GlobalExplanation.from_totals(totals).importance("homogeneity")
    held, differ = [], []
    for _ in range(120):
        songs = []
        for label, own in zip("abc", means, strict=True):
            values = rng.exponential(own, (20, 4))
            songs += corpus(values, label, first_row=len(songs))
        found = GlobalExplanation.from_local(songs)
        low, high = (bound.loc[truth.index] for bound in found.interval("homogeneity"))
        held.append(((low <= truth) & (truth <= high)).to_numpy())
        compared = found.compare("a", "b", method="homogeneity").set_index("component")
        apart = (truth["a"] - truth["b"])[:3]
        low, high = compared.loc[apart.index, "low"], compared.loc[apart.index, "high"]
        differ.append(((low <= apart) & (apart <= high)).to_numpy())
    assert 0.92 <= np.mean(np.array(held)[:, :3]) <= 0.98
    assert 0.92 <= np.mean(differ) <= 0.985


@pytest.mark.parametrize(("alike", "most"), [(0.0, 0.98), (0.9, 1.0)])
def test_intervals_of_differences_cover(alike, most):
    # The same songs explained for both classes: what songs have in common takes itself off.
    rng = np.random.default_rng(0)
    common = rng.exponential(size=(12, 1000))
    pop, rock = (alike * common + (1 - alike) * rng.exponential(size=common.shape) for _ in "ab")
    songs = corpus(pop, "pop") + corpus(rock + 0.5, "rock")
    frame = GlobalExplanation.from_local(songs).compare("pop", "rock")
    words = frame[frame["modality"] == "lyrics"]
    assert words["low"].notna().all()
    covers = (words["low"] <= -0.5) & (words["high"] >= -0.5)
    assert 0.92 <= covers.mean() <= most
    width = (words["high"] - words["low"]).median()
    of_pairs = 2 * scipy.stats.t.ppf(0.975, 11) * (1 - alike) * (2 / 12) ** 0.5
    assert width < 2.5 * of_pairs


def test_clips_of_a_recording_are_left_out_together():
    songs = noisy_songs(np.random.default_rng(0), 30)
    clips = [
        LocalExplanation(**{**s.__dict__, "row": 5 * s.row + k}) for s in songs for k in range(5)
    ]
    recordings = np.repeat([f"recording {i}" for i in range(30)], 5)

    def bounds(explanations, groups=None, method="average"):
        found = GlobalExplanation.from_local(explanations, groups=groups)
        return np.array([bound.loc["love", "pop"] for bound in found.interval(method)])

    np.testing.assert_allclose(bounds(clips, recordings), bounds(songs))
    root = bounds(clips, recordings, "lime") / 5**0.5  # of five times the sum
    np.testing.assert_allclose(root, bounds(songs, method="lime"))
    assert np.ptp(bounds(clips)) < 0.6 * np.ptp(bounds(songs))


def test_many_songs_give_the_interval_that_theory_gives():
    # More groups than are left out one by one, of a mean far from 0: Student's t is the normal.
    values = np.random.default_rng(0).normal(10, 1, (1000, 5))
    low, high = GlobalExplanation.from_local(corpus(values)).interval()
    for i, own in enumerate(values.T):
        expected = own.mean() + np.array([-1.972, 1.972]) * scipy.stats.sem(own)
        np.testing.assert_allclose([low.loc[f"w{i}", "pop"], high.loc[f"w{i}", "pop"]], expected,
                                   atol=0.012)  # fmt: skip


def test_few_songs_tell_nothing_of_others():
    songs = [local(0, {"love": 1.0}, "love me"), local(1, {"hate": 1.0}, "hate love")]
    low, high = GlobalExplanation.from_local(songs).interval()
    assert low.isna().all(axis=None)
    assert high.isna().all(axis=None)
    # Many songs of which two speak for the class, and many of which none does.
    songs += [local(row, {"love": 1.0 + row, "me": -1.0}, "hate love me") for row in range(2, 30)]
    songs[5].weights[0, list(songs[5].components.names).index("hate")] = 1.0
    low, high = GlobalExplanation.from_local(songs).interval()
    assert low.loc[["hate", "me"]].isna().all(axis=None)
    assert 0 < low.loc["love", "pop"] < 16 < high.loc["love", "pop"]
    grouped = GlobalExplanation.from_local(songs, groups=["a", "b"] * 15)
    for method in ("average", "lime", "homogeneity"):
        assert grouped.interval(method)[0].isna().all(axis=None)
    assert grouped.modality_share()["audio_low"].isna().all()
    # How evenly a word speaks for all classes is not known where one class has a single song.
    single = GlobalExplanation.from_local([*songs, local(30, {"love": 1.0}, "love", label="rock")])
    assert single.interval("homogeneity")[0].isna().all(axis=None)
    assert not np.isnan(single.interval("lime")[0].loc["love", "pop"])
    with pytest.raises(ValueError, match="confidence_level"):
        grouped.interval(confidence_level=95)


@pytest.mark.parametrize("n_songs", [5, 10, 30, 100])
@pytest.mark.parametrize("shape", [(6, 3), (1, 9), (0.5, 10)])
def test_intervals_of_shares_cover(shape, n_songs):
    shares = np.random.default_rng(0).beta(*shape, (n_songs, 2000))
    low, high = share_intervals(shares, np.arange(n_songs))
    known = ~np.isnan(low)
    assert known.mean() > 0.7
    truth = shape[0] / sum(shape)
    assert np.mean((low <= truth)[known] & (truth <= high)[known]) >= 0.92
    np.testing.assert_allclose(
        share_intervals(1 - shares, np.arange(n_songs)), [1 - high, 1 - low], atol=1e-12
    )
    clips = share_intervals(np.repeat(shares, 3, axis=0), np.repeat(np.arange(n_songs), 3))
    np.testing.assert_allclose(clips, [low, high])


def test_modality_shares_are_means():
    songs = [local(i, {}) for i in range(4)]
    for i, song in enumerate(songs):
        song.shares[:] = [[0.1 * i, 0.9 - 0.1 * i, 0.1]]
    found = GlobalExplanation.from_local(songs).modality_share().loc["pop"]
    np.testing.assert_allclose(found[["audio", "lyrics", "interaction"]], [0.15, 0.75, 0.1])
    assert 0 <= found["audio_low"] < 0.15 < found["audio_high"] <= 1
    np.testing.assert_allclose(found[["interaction_low", "interaction_high"]], 0.1)  # all alike
    assert found["n_explanations"] == 4
