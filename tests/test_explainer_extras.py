"""Of the explainer: interactions, error bars, Shapley values and linked components."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from conftest import VocalsAndRest, song_array
from explaining import explainer, loudness_and_love
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_musiclime import (
    HPSSSeparator,
    InvalidSongError,
    MusicLimeExplainer,
    SpectralStatistics,
    UniformSegmenter,
)


def both_matter(X):
    """Loud audio and the word love count only together."""
    return [10 * float(np.square(y).mean()) * (1 + ("love" in text.split())) for y, text in X]


def test_an_interaction_shows(X):
    ours = explainer(both_matter, segmenter=UniformSegmenter(4), n_samples=400)
    explanation = ours.fit(X).explain(X[:1])[0]
    found = explanation.interactions()
    assert list(found.columns) == [
        "first", "second", "modalities", "weight", "std_err", "low", "high", "q_value"
    ]  # fmt: skip
    # The power of a quarter, times one more where there is love.
    assert sorted(found["first"]) == [f"mix@{t}" for t in range(4)]
    assert set(found["second"]) == {"love"}
    assert set(found["modalities"]) == {"audio x lyrics"}
    quarters = [10 * np.square(X[0, 0][part]).sum() / len(X[0, 0]) for part in quarters_of(X[0, 0])]
    by_name = found.set_index("first")["weight"]
    np.testing.assert_allclose(by_name.sort_index(), quarters, rtol=0.2)
    assert len(explanation.interactions(fdr=None)) == 4 * 5
    both = explanation.modality_scores()
    assert both["both"] == pytest.approx(both_matter(X[:1])[0])
    assert both["audio"] == pytest.approx(both["both"] / 2)
    assert both["lyrics"] == both["neither"] == 0
    share = explanation.modality_share()["share"]
    assert share.sum() == pytest.approx(1)
    assert share.min() > 0


def quarters_of(y):
    borders = np.linspace(0, len(y), 5).round().astype(int)
    return [slice(*ends) for ends in pairwise(borders)]


def test_interactions_that_were_not_asked_for(X):
    explanation = explainer(interactions=None).fit(X).explain(X[:1])[0]
    with pytest.raises(ValueError, match="were not estimated"):
        explanation.interactions()


def test_weights_do_not_depend_on_whether_interactions_are_asked_for(made_songs, made_model):
    X = made_songs[0].iloc[:1]
    weights = [
        explainer(made_model, interactions=which, n_samples=100).fit(X).explain(X)[0].weights
        for which in (None, "cross", "all")
    ]
    np.testing.assert_array_equal(weights[0], weights[1])
    np.testing.assert_array_equal(weights[0], weights[2])


@pytest.mark.slow
def test_standard_errors_are_those_from_seed_to_seed(made_songs, made_model):
    X = made_songs[0].iloc[:1]
    for design in ("crossed", "paired", "independent"):
        runs = [
            explainer(made_model, design=design, n_samples=400, random_state=seed)
            .fit(X)
            .explain(X)[0]
            for seed in range(12)
        ]
        spread = np.std([run.weights[0] for run in runs], axis=0, ddof=1)
        claimed = np.mean([run.std_err[0] for run in runs], axis=0)
        assert 0.8 < np.mean(claimed / spread) < 1.4
        frame = runs[0].to_frame()
        np.testing.assert_array_equal(frame["std_err"], runs[0].std_err[0])


def test_exhaustive_masks_leave_no_error(X):
    explanation = explainer(segmenter=UniformSegmenter(1), n_samples=300).fit(X).explain(X[1:2])[0]
    assert explanation.settings["design"] == "exhaustive"
    assert not explanation.std_err.any()


@pytest.mark.slow
@pytest.mark.parametrize("design", ["crossed", "paired", "independent"])
def test_tol_draws_until_it_is_precise(design, made_songs, made_model):
    X = made_songs[0].iloc[:1]

    def error(e):
        return e.std_err.max() / np.abs(e.weights).max()

    # With a proxy errors fall faster than expected, so that more is drawn than would do.
    settings = {"design": design, "n_samples": 100, "proxy": None}
    rough = explainer(made_model, **settings).fit(X).explain(X)[0]
    tol = error(rough) / 3
    ours = explainer(made_model, **settings, tol=tol).fit(X)
    explanation = ours.explain(X)[0]
    assert explanation.settings["converged"] is True
    assert error(explanation) <= tol
    drawn = explanation.settings["n_audio_masks" if design == "crossed" else "n_samples"]
    # No more than twice what would do: half of them is not enough.
    half = ours.set_params(tol=None, n_samples=drawn // 2 // 2 * 2).fit(X).explain(X)[0]
    assert error(half) > 0.9 * tol


@pytest.mark.long
def test_a_confounder_is_unmasked(real_clips):
    """A classifier that has learnt a whistle: its source and segments come first, in 10 songs."""
    rng = np.random.default_rng(0)

    def whistled(cell):
        y, rate = cell["array"].copy(), cell["sampling_rate"]
        first = int(rng.integers(0, 9))
        start, stop = (round(t * len(y) / 10) for t in (first, first + 2))
        tone = 0.1 * np.sin(2 * np.pi * 3000 * np.arange(stop - start) / rate)
        y[start:stop] += tone.astype(np.float32)
        return {"array": y, "sampling_rate": rate}, {f"harmonic@{first}", f"harmonic@{first + 1}"}

    plain = real_clips[["audio", "lyrics"]]
    cells, where = zip(*map(whistled, plain["audio"]), strict=True)
    marked = plain.assign(audio=pd.Series(cells, index=plain.index, dtype=object))
    hear = make_pipeline(SpectralStatistics(), StandardScaler())
    model = make_pipeline(
        make_column_transformer((hear, "audio"), (TfidfVectorizer(), "lyrics")),
        LogisticRegression(C=0.1, max_iter=2000),
    ).fit(pd.concat([plain, marked]), ["plain"] * len(plain) + ["whistle"] * len(plain))
    ours = MusicLimeExplainer(FrozenEstimator(model), n_samples=400, tol=0.1, random_state=0)
    rows = np.linspace(0, len(plain) - 1, 10).astype(int)
    explanations = ours.fit(marked).explain(marked.iloc[rows], labels="whistle")
    for row, explanation in zip(rows, explanations, strict=True):
        assert set(explanation.top(2)["component"]) == where[row]


def test_max_samples_is_said(made_songs, made_model):
    X = made_songs[0].iloc[:1]
    ours = explainer(made_model, n_samples=100, tol=1e-4, max_samples=500).fit(X)
    with pytest.warns(ConvergenceWarning, match="row 0: errors .* max_samples=500"):
        explanation = ours.explain(X)[0]
    assert explanation.settings["converged"] is False
    assert 200 < sum(explanation.settings[f"n_{h}_masks"] for h in ("audio", "lyric")) <= 500


def test_what_is_drawn_later_comes_in_pairs_too(X):
    """Also of a song with fewer masks in all than are drawn at a time, whose pairs are no order."""

    def model(X):  # with effects of many components together
        audio = np.array([[y[0] != 0, y[len(y) // 2] != 0] for y in X[:, 0]])
        words = np.array(
            [[w in text.split() for w in ["all", "you", "need", "is"]] for text in X[:, 1]]
        )
        codes = audio @ [1.0, 2.0] + words @ [1.0, 2.0, 3.0, 4.0]
        return audio[:, 0] * words[:, 0] + 0.3 * np.sin(9 * codes)

    settings = {"segmenter": UniformSegmenter(2), "lyric_units": "word_positions"}
    exact = explainer(model, design="exhaustive", **settings).fit(X).explain(X[:1])[0]
    ours = explainer(model, n_samples=100, tol=0.05, max_samples=5000, **settings)
    explanation = ours.fit(X).explain(X[:1])[0]
    assert 100 < explanation.settings["n_samples"] < 2 ** len(exact.components)
    found, known = explanation.interaction_terms, exact.interaction_terms
    np.testing.assert_array_equal(found.pairs, known.pairs)
    assert (np.abs(found.weights - known.weights) < 5 * found.std_err).all()


def test_too_few_masks_are_not_precise(X):
    ours = explainer(n_samples=8, tol=10.0, max_samples=100, segmenter=UniformSegmenter(20)).fit(X)
    assert 2 * 25 <= ours.explain(X[:1])[0].settings["n_samples"] <= 100
    with pytest.warns(UserWarning, match="too few masks for so many components"):
        ours.set_params(tol=None).explain(X[:1])


def test_a_model_that_answers_at_random(X):
    """Every mask is scored more than once, so that errors are those of its answers."""
    rng = np.random.default_rng(0)
    noisy = lambda X: loudness_and_love(X)[:, 1] + rng.normal(0, 0.3, len(X))  # noqa: E731
    ours = explainer(
        noisy, segmenter=UniformSegmenter(1), n_samples=600, regressor=Ridge(alpha=1e-9)
    ).fit(X)
    with pytest.warns(UserWarning, match="row 0: the model scored the same song"):
        explanation = ours.explain(X[:1])[0]
    assert explanation.settings["design"] == "paired"
    love = list(explanation.components.names).index("love")
    error = explanation.std_err[0, love]
    assert 0.3 * 2 / np.sqrt(600) < error < 0.3 * 4 / np.sqrt(600)
    assert abs(explanation.weights[0, love] + 1) < 4 * error


def test_tol_is_reproducible(made_songs, made_model):
    X = made_songs[0].iloc[:2]
    ours = explainer(made_model, n_samples=100, tol=0.3).fit(X)
    together, alone = ours.explain(X)[1], ours.explain(X.iloc[1:])[0]
    np.testing.assert_array_equal(together.weights, alone.weights)


def test_shapley_values_add_up(X):
    ours = explainer(kernel="shapley", segmenter=UniformSegmenter(2), n_samples=5000)
    explanation = ours.fit(X).explain(X[:1], labels=[0])[0]
    scores = explanation.modality_scores()
    assert explanation.settings["design"] == "exhaustive"
    assert explanation.weights.sum() == pytest.approx(scores["both"] - scores["neither"])
    weights = explanation.to_frame().set_index("component")["weight"]
    assert weights["love"] == pytest.approx(1)
    sampled = explainer(kernel="shapley", segmenter=UniformSegmenter(2), n_samples=60)
    sampled = sampled.fit(X).explain(X[:1], labels=[0])[0]
    assert sampled.settings["design"] == "paired"
    np.testing.assert_allclose(sampled.weights, explanation.weights, atol=1e-9)


def test_linked_components_go_together(noise):
    """A word and the vocals of its segment: no perturbed song sings what its lyrics lack."""
    times = [(0.1, 0.2), (0.3, 0.4), (0.6, 0.7), (0.8, 0.9)]
    X = song_array((noise, "fly me to mars", times))
    seen = []

    def model(X):
        seen.extend((y, text) for y, text, _ in X)
        return [float("mars" in text) for _, text, _ in X]

    ours = explainer(
        model,
        separator=VocalsAndRest(),
        segmenter=UniformSegmenter(2),
        lyric_units="word_positions",
        linked=True,
        n_samples=200,
    )
    explanation = ours.fit(X).explain(X)[0]
    half = len(noise) // 2
    for y, text in seen[: -len(explanation.components)]:
        for part, words in ((slice(0, half), ("fly", "me")), (slice(half, None), ("to", "mars"))):
            level = np.std(y[part]) / np.std(noise[part])
            sings = min(abs(level - 1.0), abs(level - 0.25)) < 0.01
            assert all((word in text.split()) == sings for word in words)
    frame = explanation.to_frame().set_index("component")
    linked = frame[frame["unit"] == frame["unit"]["word[3]"]]
    assert set(linked.index) == {"vocals@1", "word[2]", "word[3]"}
    assert linked["weight"].sum() == pytest.approx(1)
    assert explanation.settings["linked"]
    with pytest.raises(ValueError, match="linked"):
        explanation.interactions()


@pytest.mark.parametrize(("song", "separator", "match"), [
    (("la la", None), VocalsAndRest(), "times of the words"),
    (("la la", [(0, 0.1), (0.1, 0.2)]), HPSSSeparator(), "needs a source 'vocals'"),
])  # fmt: skip
def test_linking_needs_times_and_vocals(song, separator, match, noise):
    X = song_array((noise, *song))
    ours = explainer(lambda X: np.zeros(len(X)), separator=separator, linked=True).fit(X)
    with pytest.raises(InvalidSongError, match=match):
        ours.explain(X)


@pytest.mark.parametrize(("parameters", "match"), [
    ({"kernel": "linear"}, "'kernel' parameter"),
    ({"kernel": "shapley", "regressor": Ridge()}, "neither a regressor"),
    ({"kernel": "shapley", "design": "crossed"}, "use design='paired'"),
    ({"linked": True, "design": "crossed"}, "use design='paired'"),
    ({"linked": True, "modality": "audio"}, "modality='both'"),
    ({"interactions": "some"}, "'interactions' parameter"),
    ({"tol": 0}, "'tol' parameter"),
    ({"tol": 0.1, "max_samples": 10}, "less than n_samples"),
])  # fmt: skip
def test_bad_parameters_of_these(parameters, match, X):
    with pytest.raises(ValueError, match=match):
        explainer(**parameters).fit(X)
