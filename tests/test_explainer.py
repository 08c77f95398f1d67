"""The explainer from end to end: true, and reproducible."""

from functools import cache, partial
from itertools import product

import numpy as np
import pandas as pd
import pytest
from conftest import song_array
from explaining import explainer
from joblib import parallel_config
from lime.lime_text import LimeTextExplainer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from sklearn_musiclime import HPSSSeparator, StemSeparator, UniformSegmenter
from sklearn_musiclime.datasets import make_songs, save_songs

# The truth.


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_planted_components_come_first(seed, tmp_path):
    X, _, stems, truth = make_songs(16, duration=1.0, random_state=seed)
    there = truth.presence(X)[list(truth.main)]
    row = int(np.argmax(there.sum(axis=1)))
    song = save_songs(X.iloc[[row]], [stems[row]], tmp_path)
    ours = explainer(
        truth.predict_proba,
        separator=StemSeparator(sources=tuple(stems[row])),
        design="paired",
        n_samples=500,
    )
    explanation = ours.fit(song).explain(song, labels="wild")[0]
    planted = there.columns[there.iloc[row]]
    assert len(planted) >= 3
    top = explanation.top(len(planted)).set_index("component")["weight"]
    assert set(top.index) == set(planted)
    assert all(np.sign(top[name]) == np.sign(truth.main[name]) for name in planted)
    assert truth.recall(explanation) == 1.0


def lime_and_our_weights(predict, text, seed, **parameters):
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
        **parameters,
    )
    ours = ours.fit(X).explain(X, labels=[1])[0].to_frame().set_index("text")["weight"]
    return np.array([lime[word] for word in words]), ours[words].to_numpy()


@pytest.fixture(scope="module")
def texts(made_songs):
    songs, y, _, _ = made_songs
    return songs["lyrics"].str.replace("\n", " "), y


@pytest.mark.slow
def test_lyrics_agree_with_lime_within_the_sampling_error_of_both(texts):
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=20)).fit(*texts)
    # Without a proxy, which LIME has not either, and which would take most of the time.
    runs = [
        lime_and_our_weights(model.predict_proba, texts[0][0], seed, proxy=None)
        for seed in range(12)
    ]
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


# Reproducible (P3).

DESIGNS = ["crossed", "paired", "paired, black box"]


def weights_of(explanations):
    return [e.weights for e in explanations]


def masks_of(explanations):
    return [e.settings["masks"] for e in explanations]


def probabilities(model, X):
    return model.predict_proba(X)


def explained_in_batches(songs, model, design, proxy, n_jobs=None, batch_size=64):
    design, _, black_box = design.partition(", ")
    model = partial(probabilities, model) if black_box else model
    parameters = {"n_samples": 30, "n_jobs": n_jobs, "batch_size": batch_size, "proxy": proxy}
    ours = explainer(model, separator=HPSSSeparator(), design=design, **parameters)
    return ours.fit(songs).explain(songs)


@pytest.fixture(scope="module")
def one_after_the_other(made_songs, made_model):
    """Explanations of two songs without workers, by design and proxy."""
    return cache(partial(explained_in_batches, made_songs[0].iloc[:2], made_model))


@pytest.mark.long
@pytest.mark.parametrize("batch_size", [1, 7, "auto"])
@pytest.mark.parametrize(
    ("backend", "n_jobs", "design"),
    [
        *product((None,), (None,), DESIGNS),
        *product(("threading", "loky"), (2,), DESIGNS),  # two songs in parallel
        *product(("threading", "loky"), (3,), DESIGNS[-1:]),  # the batches of one of them
    ],
)
def test_workers_backends_and_batches_change_nothing(
    backend, batch_size, design, n_jobs, made_songs, made_model, one_after_the_other
):
    proxy = None if batch_size == 1 else "auto"  # it is fitted to all answers, whatever the batches
    expected = one_after_the_other(design, proxy)
    songs = made_songs[0].iloc[:2]
    with parallel_config(backend=backend or "sequential"):
        found = explained_in_batches(songs, made_model, design, proxy, n_jobs, batch_size)
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
