"""A model of three classes with a tower a modality, so small that all of its masks are known."""

import numpy as np
from conftest import song_array
from populations import all_masks

from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter

N_SEGMENTS, WORDS = 5, ("all", "you", "need", "is", "love", "tonight")
N = N_SEGMENTS + len(WORDS)
CLASSES = ("folk", "pop", "rock")


def logits(shift=0.0):
    """Coefficients of the classes, (3, N): a large part that is common to the first two."""
    rng = np.random.default_rng(3)
    common, own = rng.normal(0, 1.2, N), rng.normal(0, 0.25, (3, N))
    coefficients = own + np.outer([1, 1, -1], common)
    coefficients[1, N_SEGMENTS + 4] += shift  # what "love" adds to pop
    return coefficients


class Towers:
    """Softmax of linear scores of the segments that are heard and the words that are read.

    Parameters
    ----------
    coefficients : ndarray of shape (3, N)
        Coefficients of the classes.
    together : float
        What the first segment and "love" together add to pop.
    """

    def __init__(self, coefficients=None, together=0.0):
        self.coefficients = logits() if coefficients is None else coefficients
        self.together = together
        self.classes_ = np.array(CLASSES)
        self.n_encoded = {"audio": 0, "lyrics": 0}

    def __getstate__(self):  # what it was asked is no part of what it is
        return {**self.__dict__, "n_encoded": {"audio": 0, "lyrics": 0}}

    def encode_audio(self, column):
        waves = [np.asarray(y["array"] if isinstance(y, dict) else y) for y in column]
        self.n_encoded["audio"] += len(waves)
        parts = [[part.any() for part in np.array_split(y, N_SEGMENTS)] for y in waves]
        return np.array(parts, dtype=float)

    def encode_lyrics(self, column):
        self.n_encoded["lyrics"] += len(column)
        return np.array([[w in text.split() for w in WORDS] for text in column], dtype=float)

    def predict_encoded(self, heard, read):
        return self.of_masks(np.hstack([heard, read]))

    def predict_proba(self, X):
        cells = X.to_numpy() if hasattr(X, "to_numpy") else X
        return self.predict_encoded(self.encode_audio(cells[:, 0]), self.encode_lyrics(cells[:, 1]))

    def of_masks(self, masks):
        """Probabilities of masks, (n_masks, 3)."""
        values = masks @ self.coefficients.T - self.coefficients.sum(axis=1) / 2
        values[:, 1] += self.together * masks[:, 0] * masks[:, N_SEGMENTS + 4]
        values = np.exp(values - values.max(axis=1, keepdims=True))
        return values / values.sum(axis=1, keepdims=True)


def song():
    return song_array((np.ones(N_SEGMENTS * 20, dtype=np.float32), " ".join(WORDS)))


def explainer(model, **settings):
    defaults = {
        "separator": None, "segmenter": UniformSegmenter(N_SEGMENTS), "random_state": 0,
    }  # fmt: skip
    return MusicLimeExplainer(model, **defaults | settings)


def masks_of_all():
    return all_masks(N).astype(float)
