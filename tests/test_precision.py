"""How many songs and masks a global importance of a given precision needs."""

import numpy as np
import pandas as pd
import pytest

from sklearn_musiclime import GlobalExplanation, MusicLimeExplainer
from sklearn_musiclime.results.aggregation import Aggregator
from sklearn_musiclime.results.precision import measure_precision, plan_masks
from sklearn_musiclime.results.summaries import Component, SongSummary

WORDS = np.array(["love", "night", "road", "rain", "sun", "moon", "fire", "gold", "blue", "home"])


def summary(row, weights, std_err=0.0, n_masks=400):
    weights = np.atleast_2d(weights)
    one, no_pairs = np.ones((1, 1)), np.zeros((0, 2), dtype=int)
    return SongSummary(
        title=str(row), row=row, track_id=row, labels=["pop"], scores=one[0], fidelity=one[0],
        shares=np.ones((1, 3)), components=[Component(w, "lyrics") for w in WORDS[: weights.size]],
        weights=weights, pairs=no_pairs, pair_weights=np.zeros((1, 0)), n_segments=10,
        std_err=np.full(weights.shape, std_err), n_masks=(n_masks, 0),
    )  # fmt: skip


def test_the_plan_is_the_cheapest_one():
    """Against every number of masks tried: the variance of the mean for the same cost."""
    rng = np.random.default_rng(0)
    between, within, cost = 0.3**2, 16.0, 50.0
    songs = []
    for row in range(4000):
        true = 3.0 + np.sqrt(between) * rng.normal()
        error = np.sqrt(within / 400)
        songs.append(summary(row, true + error * rng.normal(), error))
    plan = plan_masks(songs, 0.5, song_cost=cost)
    masks = np.arange(4, 400, 2)
    variance = (between + within / masks) * (cost + masks)  # of a mean, times what was spent
    best = masks[variance.argmin()]
    assert plan.n_samples == pytest.approx(best, rel=0.1)
    assert plan.between == pytest.approx(between, rel=0.1)
    assert plan.within == pytest.approx(within, rel=0.1)


def test_what_bounds_the_plan():
    rng = np.random.default_rng(0)
    songs = [summary(row, 1 + 0.5 * rng.normal(size=10), 0.1) for row in range(50)]
    assert plan_masks(songs, 0.5, song_cost=1.0).n_samples == 30  # three a component
    # Noise of 0.1 at 400 masks; of 0.125 its positive part is 0.05 of an importance of 1.
    within_reach = plan_masks(songs, 0.05, song_cost=1.0).n_samples
    assert within_reach == pytest.approx(400 * (0.1 * 0.399 / 0.05 / 1.1) ** 2, rel=0.15)
    assert plan_masks(songs, 0.01, song_cost=1.0).n_samples == 400  # never more than n_samples


def test_errors_are_those_of_means_over_groups():
    rng = np.random.default_rng(0)
    weights = rng.normal(1.0, 1.0, (60, 2))
    groups = np.arange(60) // 3
    plain, grouped = Aggregator(), Aggregator(groups)
    for row, own in enumerate(weights):
        plain.add(summary(row, own))
        grouped.add(summary(row, own))
    positive = np.maximum(weights, 0)
    means = positive.mean(axis=0)
    expected = positive.std(axis=0, ddof=1) / np.sqrt(60)
    found = measure_precision(plain.result())
    assert found.relative_error == pytest.approx(expected.max() / means.max())
    of_groups = positive.reshape(20, 3, 2).mean(axis=1).std(axis=0, ddof=1) / np.sqrt(20)
    found = measure_precision(grouped.result())
    assert found.relative_error == pytest.approx(of_groups.max() / means.max())
    few = Aggregator()
    for row in range(5):
        few.add(summary(row, weights[row]))
    assert measure_precision(few.result()).relative_error == np.inf


def scores(X):
    """Four words count, more or less by how many words there are; two of them together."""
    has = np.array([[w in text.split() for w in WORDS] for text in X["lyrics"]], dtype=float)
    n_words = has.sum(axis=1)
    value = has[:, 0] * (1 + 0.1 * n_words) + 0.6 * has[:, 1] - 0.5 * has[:, 2]
    return value + 0.8 * has[:, 0] * has[:, 3] * has[:, 4] + 0.2 * np.sin(7 * has @ np.arange(10))


def corpus(n_songs):
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.permutation(WORDS)[: rng.integers(5, 9)]) for _ in range(n_songs)]
    return pd.DataFrame({"lyrics": texts})


def explainer(**parameters):
    defaults = {"modality": "lyrics", "proxy": None, "interactions": None, "random_state": 0}
    return MusicLimeExplainer(scores, **(defaults | parameters))


@pytest.mark.long
def test_importances_are_as_precise_as_asked_for():
    """Against all masks of all songs: within the interval, and the error is the one aimed at."""
    X = corpus(150)
    truth = explainer(design="exhaustive").fit(X).explain_global(X).importance()
    inside, errors, parts = [], [], []
    for seed in range(6):
        ours = explainer(design="independent", n_samples=300, random_state=seed).fit(X)
        found = ours.explain_global(X, precision=0.08)
        about = found.run.notes["precision"]
        assert about["reached"] <= 0.08
        assert about["n_songs"] == found.run.n_new == len(found.songs)
        assert found.run.n_left == 0
        parts.append(found.run.n_calls / about["calls_without"])
        low, high = found.interval()
        large = truth.index[truth[0] > 0.3]
        inside += ((low.loc[large] <= truth.loc[large]) & (truth.loc[large] <= high.loc[large]))[
            0
        ].tolist()
        errors += ((found.importance() - truth)[0] / truth[0].max()).tolist()
    assert np.mean(inside) >= 0.85
    assert np.sqrt(np.mean(np.square(errors))) <= 0.08
    assert np.mean(parts) < 0.5


def test_a_run_to_a_precision_leaves_a_record_and_goes_on(tmp_path):
    X = corpus(60)
    ours = explainer(design="independent", n_samples=100).fit(X)
    plain = ours.explain_global(X, precision=0.15)
    found = ours.explain_global(X, precision=0.15, out=tmp_path / "songs.parquet")
    about = found.run.notes["precision"]
    assert about == plain.run.notes["precision"]
    pd.testing.assert_frame_equal(found.importance(), plain.importance())
    again = ours.explain_global(X, precision=0.15, out=tmp_path / "songs.parquet")
    assert (again.run.n_new, again.run.n_recorded) == (0, about["n_songs"])
    pd.testing.assert_frame_equal(found.to_frame(), again.to_frame())
    read = GlobalExplanation.from_parquet(tmp_path / "songs.parquet")
    assert len(read.songs) == about["n_songs"]
    with pytest.raises(ValueError, match="other settings"):
        ours.explain_global(X, precision=0.1, out=tmp_path / "songs.parquet")


def test_what_is_refused():
    X = corpus(3)
    ours = explainer().fit(X)
    with pytest.raises(ValueError, match="precision must be between"):
        ours.explain_global(X, precision=1.5)
    with pytest.raises(ValueError, match="precision must be between"):
        ours.explain_global(X, precision=0.1, song_cost=0.0)
    with pytest.raises(ValueError, match="so does tol"):
        ours.set_params(tol=0.1).explain_global(X, precision=0.1)
