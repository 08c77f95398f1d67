"""Metrics of explanations, against models whose answer is known."""

import numpy as np
import pytest
from conftest import song_array
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime.metrics import (
    SCORERS,
    complexity,
    deletion_auc,
    deletion_curve,
    fidelity,
    infidelity,
    insertion_auc,
    randomisation,
    rank_correlation,
    stability,
    top_overlap,
    weight_entropy,
)

TEXT = "one two three four five six seven eight nine ten eleven twelve"


def additive(X):
    """Words count 1, 2, 3, ... by their place."""
    return [sum(i + 1 for i, w in enumerate(TEXT.split()) if w in t.split()) for _, t in X]


def parity(X):
    """Nothing that a linear model could say."""
    return [float(len(text.split()) % 2) for _, text in X]


@pytest.fixture
def songs(noise):
    return song_array((noise, TEXT), (noise, TEXT.upper()))


def words_explainer(model, **parameters):
    defaults = {"modality": "lyrics", "n_samples": 300, "random_state": 0}
    return MusicLimeExplainer(model, **(defaults | parameters))


def test_a_linear_model(songs):
    X = songs[:1]
    ours = words_explainer(additive).fit(X)
    assert fidelity(ours, X)[0] > 0.999
    assert infidelity(ours, X)[0] < 1e-2 * 78**2
    # Largest first: what is left after k words is the sum of the small ones.
    left = [sum(range(1, n + 1)) for n in range(12, -1, -1)]
    assert deletion_auc(ours, X)[0] == pytest.approx(np.mean(left))
    assert insertion_auc(ours, X)[0] == pytest.approx(78 - np.mean(left))
    shares = np.arange(1, 13) / 78
    assert complexity(ours, X)[0] == pytest.approx(-(shares * np.log2(shares)).sum(), rel=1e-2)
    assert stability(ours, X, n_runs=3, n_top=5)[0] == 1
    assert stability(ours, X, n_runs=3, measure="rank")[0] == pytest.approx(1)


def test_fidelity_on_fresh_masks_is_not_that_of_the_fit(songs):
    ours = words_explainer(parity, n_samples=30, design="independent").fit(songs[:1])
    explanation = ours.explain(songs[:1])[0]
    assert explanation.fidelity[0] > 0.15  # twelve weights for thirty samples of nothing
    assert fidelity(ours, songs[:1])[0] < 0.05


def test_fidelity_of_a_constant_model(songs):
    assert fidelity(words_explainer(lambda X: np.full(len(X), 0.3)).fit(songs), songs)[0] == 1


def test_a_better_order_has_less_deletion_and_more_insertion():
    weights = np.array([3.0, 1.0, 2.0])

    def score(masks):
        return masks @ weights

    np.testing.assert_allclose(deletion_curve(weights, score), [6, 3, 1, 0])
    np.testing.assert_allclose(deletion_curve(weights, score, back=True), [0, 3, 5, 6])
    assert deletion_curve(-weights, score).mean() > deletion_curve(weights, score).mean()


def test_agreement():
    a, b = np.array([3.0, -2.0, 1.0, 0.0]), np.array([3.0, 0.0, 1.0, -2.0])
    assert top_overlap(a, a, 2) == 1
    assert top_overlap(a, b, 2) == pytest.approx(1 / 3)
    assert rank_correlation(a, -a) == pytest.approx(-1)
    assert rank_correlation(a, np.zeros(4)) == 0
    assert rank_correlation(np.zeros(4), np.zeros(4)) == 1
    assert weight_entropy(np.zeros(3)) == 0
    assert weight_entropy(np.ones(8)) == pytest.approx(3)


def test_a_shuffled_model_gets_another_explanation(made_songs, made_model):
    X = made_songs[0].iloc[:3]
    ours = MusicLimeExplainer(made_model, n_samples=200, random_state=0).fit(X)
    before = ours.explain(X[:1])[0].weights
    assert randomisation(ours, X).mean() < 0.6
    np.testing.assert_array_equal(ours.explain(X[:1])[0].weights, before)  # the model is as it was


def test_a_model_that_ignores_its_input_would_be_found_out(songs):
    """The check compares explanations, so one that is the same for any model scores 1."""
    y = ["a", "b"]
    words = make_column_transformer((CountVectorizer(), 1))
    model = make_pipeline(words, LogisticRegression()).fit(songs, y)
    model[-1].coef_[:] = 0.1  # all alike: shuffling them changes nothing
    ours = words_explainer(None).set_params(model=model, n_samples=200)
    ours.fit(songs, y)
    ours.model_[-1].coef_[:] = 0.1
    assert randomisation(ours, songs[:1])[0] == pytest.approx(1)
    with pytest.raises(ValueError, match="could be shuffled"):
        randomisation(words_explainer(additive).fit(songs), songs)


def test_linked_components_are_scored_linked(noise):
    class VocalsAndRest:
        source_names = ("vocals", "rest")

        def separate(self, waveform, sampling_rate):
            return self.source_names, np.stack([0.25 * waveform, 0.75 * waveform])

    times = [(i / 12, (i + 1) / 12) for i in range(12)]
    X = song_array((noise, TEXT, times))
    ours = MusicLimeExplainer(
        lambda X: [float("three" in text.split()) for _, text, _ in X],
        separator=VocalsAndRest(),
        segmenter=UniformSegmenter(6),
        linked=True,
        n_samples=300,
        random_state=0,
    ).fit(X)
    assert fidelity(ours, X)[0] > 0.99


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_in_a_grid_search(name, songs):
    ours = words_explainer(additive, n_samples=60)
    search = GridSearchCV(
        ours, {"kernel_width": [0.1, 1.0]}, scoring=SCORERS[name], cv=2, n_jobs=2
    ).fit(songs)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    # The scorer's own figure, on the fold that was left out.
    left_out = ours.set_params(kernel_width=0.1).fit(songs[1:])
    assert search.cv_results_["split0_test_score"][0] == pytest.approx(
        SCORERS[name](left_out, songs[:1])
    )


def test_mask_functions_count_their_calls(songs):
    function = next(words_explainer(additive).fit(songs).mask_functions(songs[:1]))
    masks = np.eye(12, dtype=bool)
    order = [TEXT.split().index(name) + 1 for name in function.components.names]
    np.testing.assert_array_equal(function(masks)[:, 0], order)
    assert function.n_calls == 12
