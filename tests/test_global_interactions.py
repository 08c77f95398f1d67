"""Interactions over songs and groups of songs, against tests that are worked out here by hand."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from made_explanations import local

from sklearn_musiclime import GlobalExplanation, LocalExplanation, MusicLimeExplainer
from sklearn_musiclime.results import aggregation
from sklearn_musiclime.results.summaries import summarise
from sklearn_musiclime.surrogate.interactions import Interactions


def test_interactions_are_tested_over_songs():
    rng = np.random.default_rng(0)
    draws = {
        ("vocals@0", "love"): rng.normal(0.5, 1, 40),
        ("vocals@1", "love"): rng.normal(0, 1, 40),
    }
    songs = [
        local(i, {}, "love", pairs={pair: values[i] for pair, values in draws.items()})
        for i in range(40)
    ]
    songs.append(local(40, {}, "hate", pairs={("vocals@0", "hate"): 9.0}))
    found = GlobalExplanation.from_local(songs)
    listed = found.interactions("pop", fdr=None).set_index(["first", "second"])
    assert set(listed.index) == set(draws)  # one song is not enough for the third
    p_values = [scipy.stats.ttest_1samp(values, 0).pvalue for values in draws.values()]
    q_values = scipy.stats.false_discovery_control(p_values)
    for (pair, values), q_value in zip(draws.items(), q_values, strict=True):
        row = listed.loc[pair]
        assert row["weight"] == pytest.approx(values.mean())
        assert row["std_err"] == pytest.approx(scipy.stats.sem(values))
        assert row["q_value"] == pytest.approx(q_value)
    assert found.interactions("pop")["first"].tolist() == ["vocals@0"]
    assert len(found.interactions("pop", min_count=1, fdr=None)) == 3
    with pytest.raises(ValueError, match="no interactions"):
        found.group(words="lower").interactions()


def runs_of_interactions(values, groups):
    """A global explanation whose labels are runs: values of shape (n_songs, n_runs, n_pairs)."""
    _, n_runs, n_pairs = values.shape
    words = " ".join(f"w{i}" for i in range(n_pairs))
    plain = local(0, {}, words)
    at = np.array([[0, 2 + i] for i in range(n_pairs)])
    each = {name: np.repeat(getattr(plain, name), n_runs, axis=0)
            for name in ("weights", "std_err", "intercept", "fidelity", "local_prediction",
                         "shares", "shares_std_err", "corner_scores")}  # fmt: skip
    songs = (
        LocalExplanation(**{
            **plain.__dict__, **each, "row": row, "labels": list(range(n_runs)),
            "prediction": dict.fromkeys(range(n_runs), 0.5),
            "interaction_terms": Interactions(at, own, np.ones_like(own), np.zeros_like(own)),
        })
        for row, own in enumerate(values)
    )  # fmt: skip
    return GlobalExplanation.from_local(songs, groups=groups)


def of_groups(rng, sizes, n_runs, n_pairs):
    """Interactions around 0 that clips of a recording share in part, in any order of clips."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    shared = rng.normal(size=(len(sizes), n_runs, n_pairs))[groups]
    order = rng.permutation(len(groups))
    return (shared + rng.normal(size=shared.shape))[order], groups[order]


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[25] * 4, [1, 2, 5, 40], [1] * 8 + [60], [3, 3], [1] * 30])
def test_clips_of_few_recordings_discover_nothing_by_chance(sizes):
    values, groups = of_groups(np.random.default_rng(0), sizes, 400, 20)
    found = runs_of_interactions(values, groups)
    # Nothing is there, so a run that finds something finds nothing but what is false.
    false = np.mean([len(found.interactions(run)) > 0 for run in found.labels])
    assert false <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5


def test_strong_interactions_of_ten_recordings_are_found():
    rng = np.random.default_rng(0)
    values, groups = of_groups(rng, [5] * 10, 200, 20)
    values[:, :, :5] += 1.5  # 1.4 standard deviations of a recording's mean
    found = runs_of_interactions(values, groups)
    listed = [set(found.interactions(run)["second"]) for run in found.labels]
    true = {f"w{i}" for i in range(5)}
    assert np.mean([len(names - true) / max(len(names), 1) for names in listed]) <= 0.05
    assert np.mean([len(names & true) / 5 for names in listed]) > 0.8


def test_interactions_are_those_of_group_means():
    rng = np.random.default_rng(1)
    values, groups = of_groups(rng, [1, 3, 4, 8], 1, 3)
    names = np.array(list("abcd"))[groups]
    listed = runs_of_interactions(values, names).interactions(fdr=None).set_index("second")
    p_values = []
    for i in range(3):
        means = [values[groups == group, 0, i].mean() for group in range(4)]
        row = listed.loc[f"w{i}"]
        assert row["weight"] == pytest.approx(np.mean(means))
        assert row["std_err"] == pytest.approx(scipy.stats.sem(means))
        assert (row["count"], row["n_groups"]) == (16, 4)
        p_values.append(scipy.stats.ttest_1samp(means, 0).pvalue)
    expected = scipy.stats.false_discovery_control(p_values)
    np.testing.assert_allclose(listed.loc[["w0", "w1", "w2"], "q_value"], expected)
    one = runs_of_interactions(values, ["a"] * 16)
    assert len(one.interactions()) == 0
    assert one.interactions(fdr=None)[["std_err", "q_value"]].isna().all(axis=None)


@pytest.mark.parametrize("groups", [None, "aabbccaab", "abcabcabc"])
def test_sums_of_groups_do_not_depend_on_when_they_are_summed_up(groups, monkeypatch):
    rng = np.random.default_rng(0)
    songs = [
        local(row, {}, " ".join(words), label=rng.choice(["pop", "rock"]),
              pairs={("vocals@0", word): rng.normal() for word in words})
        for row in range(9) for words in [rng.choice(["love", "hate", "night"], 2, replace=False)]
    ]  # fmt: skip
    groups = None if groups is None else list(groups)
    once = GlobalExplanation.from_local(songs, groups=groups)
    monkeypatch.setattr(aggregation, "MAX_WAITING", 0)
    shuffled = GlobalExplanation.from_local([songs[i] for i in rng.permutation(9)], groups=groups)
    aggregator = aggregation.Aggregator(groups, in_order=True)
    for song in songs:
        aggregator.add(summarise(song))
    streamed = GlobalExplanation.from_aggregate(aggregator.result())
    for other in (shuffled, streamed):
        for label in once.labels:
            pd.testing.assert_frame_equal(
                other.interactions(label, fdr=None, min_count=1).sort_values(["first", "second"]),
                once.interactions(label, fdr=None, min_count=1).sort_values(["first", "second"]),
                check_index_type=False,
            )
    with pytest.raises(ValueError, match="row 0 and comes after row 8"):
        aggregator.add(summarise(songs[0]))


def test_interactions_of_groups_that_are_over_take_no_memory_of_their_own(monkeypatch):
    monkeypatch.setattr(aggregation, "MAX_WAITING", 10)
    song = local(0, {}, "love hate", pairs={("vocals@0", word): 1.0 for word in ("love", "hate")})
    aggregator = aggregation.Aggregator(np.repeat(np.arange(500), 2), in_order=True)
    for row in range(1000):
        aggregator.add(dataclasses.replace(summarise(song), row=row))
        kept = aggregator._pairs._open[0].shape[1]
        assert kept <= 10
    assert aggregator.result().pairs.n_groups.tolist() == [500, 500]


@pytest.mark.parametrize("groups", [["a"], [("a", 1), ("b", 2)]])
def test_groups_that_are_none_of_songs(groups):
    with pytest.raises(ValueError, match="groups"):
        GlobalExplanation.from_local([local(0, {}), local(1, {})], groups=groups)


def test_interactions_of_segments_and_words_that_fall_together():
    song = local(
        0, {}, "Love love", borders=(0, 25, 50, 75, 100),
        pairs={("vocals@0", "Love"): 1.0, ("vocals@1", "love"): 2.0, ("vocals@3", "love"): 4.0,
               ("Love", "love"): 8.0},
    )  # fmt: skip
    found = GlobalExplanation.from_local([song, song], n_segments=2, words="lower")
    listed = found.interactions(fdr=None).set_index(["first", "second"])["weight"]
    assert listed.to_dict() == {("vocals@0", "love"): 3.0, ("vocals@1", "love"): 4.0}


@pytest.mark.slow
def test_a_planted_interaction_is_found_over_songs(made_songs):
    X = made_songs[0].drop(columns="word_times")

    def love_where_it_is_loud(songs):
        loud = [
            float(np.std(np.asarray(a["array"] if isinstance(a, dict) else a)[:11025]))
            for a in songs["audio"]
        ]
        return np.array(
            [r * ("night" in words) for r, words in zip(loud, songs["lyrics"], strict=True)]
        )

    X = X.iloc[:12].assign(lyrics=[f"{words} night" for words in X["lyrics"].iloc[:12]])
    explainer = MusicLimeExplainer(
        love_where_it_is_loud, separator=None, n_samples=1000, random_state=0
    )
    explainer.set_params(segmenter__n_segments=4)
    found = explainer.fit(X).explain_global(X)
    listed = found.interactions()
    assert set(listed["second"]) == {"night"}
    assert listed["first"][0] == "mix@0"
    assert (listed["weight"] > 0).all()
