"""Explainers by others, asked about the same components and model."""

import subprocess
import tempfile
from multiprocessing.connection import Listener
from pathlib import Path

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


def permutation_values(score, n_components, n_calls, seed):
    """Shapley values by shap's permutations, of a function from masks to scores.

    In rounds of a permutation there and back; at least one.
    """
    import shap

    explainer = shap.PermutationExplainer(score, np.zeros((1, n_components)), seed=seed)
    n_calls = max(n_calls // (2 * n_components + 1), 1) * (2 * n_components + 1)
    song = np.ones((1, n_components))
    return explainer(song, max_evals=n_calls, batch_size=n_calls, silent=True).values[0]


def kernel_values(score, n_components, n_calls, seed):
    """Shapley values by shap's regression, of a function from masks to scores."""
    import shap

    np.random.seed(seed)  # noqa: NPY002  (the only seed that reaches it)
    explainer = shap.KernelExplainer(score, np.zeros((1, n_components)))
    song = np.ones((1, n_components))
    return explainer.shap_values(song, nsamples=n_calls, l1_reg=False, silent=True)[0]


def shap_permutation(case, n_calls, seed):
    """Shapley values of all components by permutations, and the calls they took."""
    score = mask_function(case)
    return permutation_values(score, len(case.components), n_calls, seed), score.calls


def shap_kernel(case, n_calls, seed):
    """Shapley values of all components by regression, and the calls they took."""
    score = mask_function(case)
    return kernel_values(score, len(case.components), n_calls, seed), score.calls


def lime_values(score, n_components, n_calls, kernel_width, seed):
    """Weights by LIME's sampling and its ridge, of a function from masks to scores."""
    from lime.lime_base import LimeBase

    masks = np.random.default_rng(seed).integers(0, 2, (n_calls, n_components)).astype(bool)
    masks[0] = True
    distances = 1 - np.sqrt(masks.mean(axis=1))  # of cosines, to the song

    def kernel(d):
        return np.sqrt(np.exp(-np.square(d) / kernel_width**2))

    base = LimeBase(kernel, random_state=seed)
    _, weights, _, _ = base.explain_instance_with_data(
        masks, score(masks)[:, np.newaxis], distances, 0, n_components, feature_selection="none"
    )
    found = dict(weights)
    return np.array([found[component] for component in range(n_components)])


SHAPIQ_VALUES = (
    "KernelSHAP", "LeverageSHAP", "OddSHAP", "ProxySHAP", "RegressionMSR", "ProxySPEX",
)  # fmt: skip
SHAPIQ_PAIRS = ("ProxySHAP", "ProxySPEX", "RegressionFBII", "SHAPIQ")


class Shapiq:
    """The approximators of shapiq (``_shapiq.py``), in the Python that has it.

    Parameters
    ----------
    python : path
        The interpreter.
    """

    def __init__(self, python):
        self._folder = tempfile.TemporaryDirectory()
        address = str(Path(self._folder.name) / "socket")
        with Listener(address) as listener:
            script = Path(__file__).with_name("_shapiq.py")
            self._process = subprocess.Popen([python, script, address])
            self._connection = listener.accept()

    def __call__(self, target, name, score, n_components, n_calls, seed):
        """What an approximator finds, or None where it can't do with so few calls."""
        self._connection.send((target, name, n_components, n_calls, seed))
        while True:
            kind, content = self._connection.recv()
            if kind != "ask":
                break
            self._connection.send(score(content))
        return content if kind == "found" else None

    def close(self):
        """End the process."""
        self._connection.close()
        self._process.wait()
        self._folder.cleanup()


def our_black_box(case, n_calls, seed):
    """All components' weights by this package, through the same black box."""
    explanation = case.explain("paired", n_calls, seed, model=black_box(case.model))
    return explanation.weights[0], n_calls
