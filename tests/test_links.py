"""Log-odds: what they are of, what follows the link, and what has none."""

import numpy as np
import pytest
from populations import sigmoid, words

from sklearn_musiclime import MusicLimeExplainer
from sklearn_musiclime.surrogate import apply_link


def test_log_odds_of_a_logistic_model_have_no_interactions():
    """A saturating probability has some; its log-odds are a sum, and its weights known."""
    effects = np.array([2.0, 1.0, 0.5, 3.0, 1.5, 0.0])

    def model(X):
        there = np.array([[w in text.split() for w in "abcdef"] for _, text in X]) * 1.0
        p = sigmoid(there @ effects - 3)
        return np.column_stack([1 - p, p])

    X = words("a b c d e f")
    settings = {"modality": "lyrics", "interactions": "all", "random_state": 0}
    explainer = MusicLimeExplainer(model, **settings).fit(X)
    assert len(explainer.explain(X, labels=[1])[0].interactions()) > 5
    explanation = explainer.set_params(link="logit").fit(X).explain(X, labels=[1])[0]
    assert explanation.interactions().empty
    frame = explanation.to_frame().set_index("component")
    np.testing.assert_allclose(frame.loc[list("abcdef"), "weight"], effects, atol=1e-9)
    assert explanation.intercept[0] == pytest.approx(-3)
    # What is compared with the prediction is in its unit.
    assert explanation.local_prediction[0] == pytest.approx(explanation.prediction[1])
    assert explanation.fidelity[0] == pytest.approx(1)
    assert explanation.settings["link"] == "logit"


def test_metrics_follow_the_link():
    from sklearn_musiclime.metrics import fidelity, infidelity

    def model(X):
        n_words = np.array([len(text.split()) for _, text in X])
        return np.column_stack([sigmoid(n_words - 2.0), sigmoid(2.0 - n_words)])

    X = words(" ".join(f"w{i}" for i in range(15)))
    explainer = MusicLimeExplainer(
        model, modality="lyrics", link="logit", n_samples=200, random_state=0
    ).fit(X)
    assert fidelity(explainer, X)[0] == pytest.approx(1)
    assert infidelity(explainer, X)[0] == pytest.approx(0, abs=1e-9)
    explainer.set_params(link="identity")
    assert fidelity(explainer, X)[0] < 0.99


def test_what_is_no_probability_has_no_log_odds():
    X = words("a b c")
    explainer = MusicLimeExplainer(
        lambda X: [float(len(text)) for _, text in X], modality="lyrics", link="logit"
    ).fit(X)
    with pytest.raises(ValueError, match="log-odds of probabilities, and the model scored 5"):
        explainer.explain(X)
    np.testing.assert_allclose(
        apply_link("logit", np.array([0.25, 1 - 1e-7])), np.log([1 / 3, 1e7]), rtol=1e-6
    )


def test_certain_probabilities_warn():
    X = words("a b c")
    explainer = MusicLimeExplainer(
        lambda X: [1.0 * ("a" in text) for _, text in X], modality="lyrics", link="logit"
    ).fit(X)
    with pytest.warns(UserWarning, match="log-odds are infinite"):
        explainer.explain(X)
