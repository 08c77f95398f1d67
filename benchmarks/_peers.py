"""Explainers by others, asked about the same components and model."""

import numpy as np
from _cases import black_box
from _reference import ReferenceAudio, reference_scores, waveform_of
from scipy import sparse


def lyrics_function(case):
    """A function from texts to scores, with the audio encoded once: what a patient user writes."""
    fusion, head = case.model[0], case.model[1]
    branches, weights = fusion.named_transformers_, fusion.transformer_weights
    audio = branches["audio"].transform([waveform_of(case.song)]) * weights["audio"]

    def score(texts):
        lyrics = branches["lyrics"].transform(texts) * weights["lyrics"]
        rows = sparse.csr_array(np.repeat(audio, lyrics.shape[0], axis=0))
        return head.predict_proba(sparse.hstack([rows, lyrics]).tocsr())

    return score


def mask_function(case):
    """A function from masks to the score of the label predicted; counts its calls."""
    audio = ReferenceAudio(case.components.audio)
    label = int(np.argmax(case.model.predict_proba(case.song)[0]))

    def score(masks):
        score.calls += len(masks)
        masks = np.asarray(masks).astype(bool)
        return reference_scores(case.model.predict_proba, case.components, audio, masks)[:, label]

    score.calls = 0
    return score


def lime_lyrics(case, n_calls, seed):
    """LIME's weights of the words, and its calls."""
    from lime.lime_text import LimeTextExplainer

    text, score = case.song["lyrics"].iloc[0], lyrics_function(case)
    label = int(np.argmax(score([text])[0]))
    explainer = LimeTextExplainer(feature_selection="none", random_state=seed)
    explanation = explainer.explain_instance(
        text, score, labels=(label,), num_features=10_000, num_samples=n_calls
    )
    weights = dict(explanation.as_map()[label])
    return np.array([weights[word] for word in sorted(weights)]), n_calls


def our_lyrics(case, n_calls, seed):
    """The same words' weights by this package."""
    return case.explain("paired", n_calls, seed, modality="lyrics").weights[0], n_calls


def shap_permutation(case, n_calls, seed):
    """Shapley values of all components by permutations, and the calls they took."""
    import shap

    score, n_components = mask_function(case), len(case.components)
    explainer = shap.PermutationExplainer(score, np.zeros((1, n_components)), seed=seed)
    # Rounds of a permutation there and back; at least one.
    n_calls = max(n_calls // (2 * n_components + 1), 1) * (2 * n_components + 1)
    values = explainer(np.ones((1, n_components)), max_evals=n_calls, silent=True).values[0]
    return values, score.calls


def shap_kernel(case, n_calls, seed):
    """Shapley values of all components by regression, and the calls they took."""
    import shap

    score, n_components = mask_function(case), len(case.components)
    np.random.seed(seed)  # noqa: NPY002  (the only seed that reaches it)
    explainer = shap.KernelExplainer(score, np.zeros((1, n_components)))
    values = explainer.shap_values(
        np.ones((1, n_components)), nsamples=n_calls, l1_reg=False, silent=True
    )
    return values[0], score.calls


def our_black_box(case, n_calls, seed):
    """All components' weights by this package, through the same black box."""
    explanation = case.explain("paired", n_calls, seed, model=black_box(case.model))
    return explanation.weights[0], n_calls
