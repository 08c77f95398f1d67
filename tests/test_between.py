"""Why one song rather than another: differences of explanations, and their errors."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import song_array
from made_explanations import local
from scipy import stats

from sklearn_musiclime import MusicLimeExplainer, SimilarityModel, UniformSegmenter
from sklearn_musiclime.explanation import Preference

WORDS = ("a", "bell", "rings", "over", "dark", "water", "all", "night")
QUERY = " ".join(WORDS)
N_SEGMENTS = 7


def hear(waveforms):
    """Levels of the segments, which saturate together, in eight dimensions."""
    turn = np.random.default_rng(1).normal(size=(N_SEGMENTS, 8))
    levels = [[np.std(part) for part in np.array_split(w, N_SEGMENTS)] for w in waveforms]
    return np.tanh(np.array(levels) @ turn) + 0.2


def read(texts):
    vectors = np.random.default_rng(2).normal(size=(len(WORDS), 8))
    has = np.array([[word in text.split() for word in WORDS] for text in texts], dtype=float)
    return np.tanh(has @ vectors) + 0.1


def song(seed, n_samples=N_SEGMENTS * 40):
    rng = np.random.default_rng(seed)
    return rng.normal(size=n_samples) * np.repeat(rng.random(N_SEGMENTS), n_samples // N_SEGMENTS)


@pytest.fixture(scope="module")
def songs():
    """Two songs for one query: the second is longer, and so has other masks."""
    return song_array((song(0), QUERY), (song(1, N_SEGMENTS * 50), QUERY))


def explainer_of(**parameters):
    defaults = {
        "separator": None, "segmenter": UniformSegmenter(N_SEGMENTS), "kernel_width": np.inf,
        "random_state": 0,
    }  # fmt: skip
    return MusicLimeExplainer(SimilarityModel(hear, read), **(defaults | parameters))


def preference_of(songs, **parameters):
    first, second = explainer_of(**parameters).fit(songs).explain(songs)
    return first.rather_than(second)


@pytest.fixture(scope="module")
def exact(songs):
    return preference_of(songs, design="exhaustive", interactions="cross")


def test_the_table_is_what_the_weights_say():
    first = local(0, {"vocals@0": 0.5, "love": 0.25}, "love me", pairs={("vocals@0", "love"): 0.5})
    second = local(
        1, {"vocals@0": 0.125, "love": 0.75, "you": 1.0}, "love you",
        pairs={("vocals@0", "love"): 0.25, ("vocals@1", "you"): -0.75},
    )  # fmt: skip
    preference = first.rather_than(second)
    assert isinstance(preference, Preference)
    found = preference.to_frame().set_index(["component", "song"])["weight"].to_dict()
    assert found == {
        ("vocals@0", "first"): 0.5, ("vocals@1", "first"): 0.0, ("love", "both"): -0.5,
        ("me", "first"): 0.0, ("vocals@0", "second"): -0.125, ("vocals@1", "second"): 0.0,
        ("you", "second"): -1.0,
    }  # fmt: skip
    assert preference.top(1)["component"].tolist() == ["you"]
    assert preference.top(9, modality="audio")["weight"].tolist() == [0.5, -0.125, 0.0, 0.0]
    pairs = preference.interactions(fdr=None)
    assert pairs[["first", "second", "song", "weight"]].to_numpy().tolist() == [
        ["vocals@1", "you", "second", 0.75],
        ["vocals@0", "love", "first", 0.5],
        ["vocals@0", "love", "second", -0.25],
    ]
    assert (preference.to_frame()["std_err"] == 0).all()
    assert (pairs["std_err"] == 1).all()


def test_turned_round_all_signs_turn(songs):
    preference = preference_of(songs, n_samples=(40, 30))
    turned = preference.second.rather_than(preference.first)
    assert turned.difference == -preference.difference
    other = {"first": "second", "second": "first", "both": "both"}
    for one, back in (
        (preference.to_frame(), turned.to_frame()),
        (preference.interactions(fdr=None), turned.interactions(fdr=None)),
    ):
        names = [name for name in ("component", "first", "second", "song") if name in one]
        back = back.assign(song=back["song"].map(other)).set_index(names)
        one = one.set_index(names)
        back = back.loc[one.index]
        np.testing.assert_allclose(one["weight"], -back["weight"], atol=1e-15)
        np.testing.assert_allclose(one["std_err"], back["std_err"], rtol=1e-12)
        np.testing.assert_allclose(one["low"], -back["high"], rtol=1e-9)


def test_independent_errors_add_in_squares(songs):
    preference = preference_of(songs, n_samples=(40, 30))
    assert not preference.masks_are_shared
    frame = preference.to_frame().set_index(["component", "song"])
    ours, theirs = (
        e.to_frame().set_index("component") for e in (preference.first, preference.second)
    )
    word = frame.loc[("bell", "both")]
    errors = ours.loc["bell", "std_err"], theirs.loc["bell", "std_err"]
    assert word["std_err"] == pytest.approx(np.hypot(*errors))
    assert word["weight"] == pytest.approx(
        ours.loc["bell", "weight"] - theirs.loc["bell", "weight"]
    )
    sound = frame.loc[("mix@2", "second")]
    assert sound["std_err"] == theirs.loc["mix@2", "std_err"]
    assert (sound["low"], sound["high"]) == pytest.approx(
        (-theirs.loc["mix@2", "high"], -theirs.loc["mix@2", "low"])
    )


def test_degrees_of_freedom_are_those_of_welch():
    """The interval of the difference is that of Welch's test of two samples."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 1, 5), rng.normal(1, 3, 9)
    first, second = (
        replace(
            local(row, {"love": x.mean()}, "love", sources=(), borders=(0, 50)),
            std_err=np.array([[x.std(ddof=1) / np.sqrt(len(x))]]),
            dof=np.array([[len(x) - 1.0]]),
        )
        for row, x in enumerate(samples)
    )
    found = first.rather_than(second).to_frame(interval=0.9).iloc[0]
    expected = stats.ttest_ind(*samples, equal_var=False).confidence_interval(0.9)
    assert (found["low"], found["high"]) == pytest.approx(tuple(expected))


def is_within(frame, truth):
    return ((frame["low"] <= truth) & (truth <= frame["high"])).to_numpy()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_intervals_cover_the_truth(songs, exact):
    """Of 48 seeds, in every large component; in interactions as often as those of one song do."""
    truth = exact.to_frame()["weight"]
    pairs = ["first", "second", "song"]
    true_pairs = exact.interactions(fdr=None).set_index(pairs)["weight"]
    is_large = truth.abs() > 0.3 * truth.abs().max()
    assert set(exact.to_frame()["song"][is_large]) == {"first", "second", "both"}
    of_one = exact.first.interactions(fdr=None).set_index(pairs[:2])["weight"]
    covered, errors, claimed, of_pairs, alone = [], [], [], [], []
    for seed in range(48):
        preference = preference_of(songs, n_samples=(64, 64), random_state=seed)
        assert not preference.masks_are_shared
        frame = preference.to_frame()
        covered.append(is_within(frame, truth)[is_large])
        errors.append((frame["weight"] - truth)[is_large])
        claimed.append(frame["std_err"][is_large])
        found = preference.interactions(fdr=None).set_index(pairs).loc[true_pairs.index]
        of_pairs.append(is_within(found, true_pairs).mean())
        found = preference.first.interactions(fdr=None).set_index(pairs[:2]).loc[of_one.index]
        alone.append(is_within(found, of_one).mean())
    assert np.mean(covered, axis=0).min() > 0.85  # three errors of 48 seeds below 0.95
    assert 0.92 < np.mean(covered) < 0.99
    ratio = np.sqrt(np.mean(np.square(claimed), axis=0) / np.mean(np.square(errors), axis=0))
    # The error of 48 seeds' root mean square is a tenth of it.
    assert (ratio > 0.7).all(), ratio
    assert (ratio < 1.4).all(), ratio
    assert np.mean(of_pairs) == pytest.approx(np.mean(alone), abs=0.02)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_with_the_same_masks_errors_are_an_upper_bound(songs):
    """Of one length: the masks of both are the same, and the sum of errors bounds theirs."""
    alike = song_array((song(0), QUERY), (song(1), QUERY))
    truth = preference_of(alike, design="exhaustive").to_frame()
    is_shared = (truth["song"] == "both").to_numpy()
    errors, claimed, covered = [], [], []
    for seed in range(24):
        preference = preference_of(alike, n_samples=(64, 64), random_state=seed, interactions=None)
        assert preference.masks_are_shared
        frame = preference.to_frame()
        errors.append(frame["weight"] - truth["weight"])
        claimed.append(frame["std_err"])
        covered.append(is_within(frame, truth["weight"])[is_shared])
    size = np.sqrt(np.mean(np.square(errors), axis=0))
    bound = np.mean(claimed, axis=0)
    assert (size[is_shared] < 1.3 * bound[is_shared]).all()
    assert np.mean(covered) > 0.95
    one, other = preference.first.to_frame(), preference.second.to_frame()
    expected = one["std_err"][N_SEGMENTS:].to_numpy() + other["std_err"][N_SEGMENTS:].to_numpy()
    np.testing.assert_allclose(frame["std_err"][is_shared], expected)


def test_modalities_carry_the_difference(songs, exact):
    model = SimilarityModel(hear, read).fit()
    kept = {
        "both": songs,
        "audio": song_array(*((y, "") for y, _ in songs)),
        "lyrics": song_array(*((0 * y, words) for y, words in songs)),
        "neither": song_array(*((0 * y, "") for y, _ in songs)),
    }
    scores = {name: model.predict(X) for name, X in kept.items()}
    parts = exact.modality_parts()
    for row, column in enumerate(("first", "second")):
        both, audio, lyrics, neither = (scores[name][row] for name in kept)
        expected = [
            audio - neither, lyrics - neither, both - audio - lyrics + neither, neither, both,
        ]  # fmt: skip
        np.testing.assert_allclose(parts[column], expected, atol=1e-7)
    assert parts["difference"].iloc[:4].sum() == pytest.approx(exact.difference, abs=1e-9)
    assert parts.index.tolist() == ["audio", "lyrics", "together", "neither", "score"]


def test_one_song_for_two_queries():
    """Then the sounds are of both, and the words of one query or of both."""
    y = song(0)
    X = song_array((y, "bell over water"), (y, "dark water"))
    frame = preference_of(X, design="exhaustive", interactions=None).to_frame()
    of = frame.set_index("component")["song"].to_dict()
    assert of == {f"mix@{i}": "both" for i in range(N_SEGMENTS)} | {
        "bell": "first", "over": "first", "water": "both", "dark": "second",
    }  # fmt: skip


def test_places_of_different_texts_are_no_words_of_both():
    y = song(0, N_SEGMENTS * 20)
    for texts, expected in (
        (("a bell", "a bell"), {"both"}),
        (("a bell", "all dark"), {"first", "second"}),
    ):
        X = song_array(*((y, text) for text in texts))
        options = {"lyric_units": "word_positions", "modality": "lyrics", "interactions": None}
        assert set(preference_of(X, **options).to_frame()["song"]) == expected


def test_the_same_song_is_not_preferred_to_itself(songs, exact):
    nothing = exact.first.rather_than(exact.first)
    assert nothing.difference == 0
    assert (nothing.to_frame()["weight"] == 0).all()
    assert nothing.interactions().empty


def test_songs_without_words():
    silent = song_array((song(0), ""), (song(1), ""))
    preference = preference_of(silent, n_samples=20)
    assert preference.interactions().empty
    assert preference.top(1)["modality"].tolist() == ["audio"]
    assert "beyond what each adds" not in preference._repr_html_()


def test_what_can_not_be_compared(songs, exact):
    other = explainer_of(kernel_width=0.25, design="exhaustive").fit(songs).explain(songs)[1]
    with pytest.raises(ValueError, match=re.escape("with kernel_width=inf, and of 'row 1', with")):
        exact.first.rather_than(other)
    with pytest.raises(ValueError, match="'sad' was not explained"):
        exact.first.rather_than(exact.second, "sad")
    without = replace(exact.second, interaction_terms=None)
    with pytest.raises(ValueError, match="interactions of 'row 1' were not estimated"):
        exact.first.rather_than(without).interactions()
    with pytest.raises(ValueError, match="modality must be"):
        exact.top(modality="video")


def test_a_notebook_shows_it_and_what_users_wrote_is_text(exact):
    evil = "<script>alert(1)</script>"
    first = replace(exact.first, title=evil)
    page = first.rather_than(exact.second)._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    for text in ("what each modality carries", "together", "dark", "mix@"):
        assert text in page
    assert "the same masks" not in page  # all were scored, and there is no error
    linked = replace(exact.second, corner_scores=np.zeros((1, 0)), interaction_terms=None)
    assert "each modality" not in exact.first.rather_than(linked)._repr_html_()
    assert repr(exact).startswith("<Preference for 'row 0' rather than 'row 1': 0 ")
    assert isinstance(exact.to_frame(), pd.DataFrame)
