"""Explain a pretrained music tagger, and a classifier on top of it.

Needs ``pip install sklearn-musiclime[deep]``, and the package that holds the weights of MusiCNN,
without the old versions of other packages that it asks for:
``pip install --no-deps musicnn==0.1.0``.

What one learns: there are two ways to explain a network that comes from elsewhere. As it is, it is
a black box: any object with ``predict_proba`` and ``classes_`` will do. Its 50 tags do not exclude
each other (``kind="outputs"``), and you say which of them to explain. In the form of a transformers
model it is also a featurizer: ``AudioEmbedder`` takes it, and with words and a linear classifier it
makes a factored model, which encodes each distinct perturbed audio and each distinct perturbed
lyrics once.

What to expect: the network was trained on real music and hears made songs here. It finds the song a
bit electronic and a bit jazzy: the drums speak for "electronic" and against "jazz", and the voice
does the opposite. The classifier is right about 9 of 10 songs, and the two words with the largest
weights are those that the class depends on. Takes half a minute:
``python -m sklearn_musiclime.examples.pretrained_tagger``.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from sklearn_musiclime import (
    AudioEmbedder,
    LocalExplanation,
    MusicLimeExplainer,
    StemSeparator,
    UniformSegmenter,
    make_fusion_pipeline,
)
from sklearn_musiclime.datasets import make_songs, save_songs
from sklearn_musiclime.songs import read_audio

if TYPE_CHECKING:
    from sklearn_musiclime.examples._musicnn import LogMel, MusiCNN


class Tagger:
    """MusiCNN as a classifier that reads the column "audio" and has nothing to fit."""

    required_sampling_rate = 16000

    def __init__(self, network: MusiCNN):
        self.network = network
        self.classes_ = np.array(network.tag_names)

    def predict_proba(self, songs: pd.DataFrame) -> np.ndarray:
        """Return the probabilities of the tags, which do not add up to one."""
        waveforms = (read_audio(cell, self.required_sampling_rate) for cell in songs["audio"])
        return np.stack([self.network.probabilities(waveform) for waveform in waveforms])


def load() -> tuple[MusiCNN, LogMel]:
    """Load the network, and what turns waveforms into its input."""
    try:
        from sklearn_musiclime.examples._musicnn import LogMel, load_musicnn
    except ImportError as error:
        raise ImportError(
            f"MusiCNN needs torch and transformers: pip install sklearn-musiclime[deep] ({error})"
        ) from error
    return load_musicnn(), LogMel()


def explain_tags(network: MusiCNN) -> LocalExplanation:
    """Explain two tags of a song by its instruments, the tagger being a black box."""
    songs, _, stems, _ = make_songs(1, duration=3.0, random_state=0)
    explainer = MusicLimeExplainer(
        Tagger(network),
        separator=StemSeparator(sources=tuple(stems[0])),  # TorchSeparator.demucs()
        segmenter=UniformSegmenter(n_segments=3),
        modality="audio",  # the tagger does not read the lyrics
        kind="outputs",  # a song may have several tags
        link="logit",  # weights add up to log-odds
        n_samples=96,
        random_state=0,
    )
    with TemporaryDirectory() as folder:
        files = save_songs(songs, stems, Path(folder))
        return explainer.fit(files).explain(files, labels=["electronic", "jazz"])[0]


def explain_genre(network: MusiCNN, log_mel: LogMel) -> LocalExplanation:
    """Train a classifier on the network's embedding and on words, and explain a song."""
    songs, moods, _, _ = make_songs(120, duration=1.0, random_state=0)
    model = make_fusion_pipeline(
        AudioEmbedder(network, feature_extractor=log_mel),  # encodes each distinct window once
        TfidfVectorizer(),  # or LyricsEmbedder()
        LogisticRegression(C=10.0, max_iter=2000),
    )
    model.fit(songs[:100], moods[:100])
    print(f"accuracy on songs it has not seen: {model.score(songs[100:], moods[100:]):.2f}\n")
    explainer = MusicLimeExplainer(
        FrozenEstimator(model),
        segmenter=UniformSegmenter(n_segments=5),
        n_samples=(100, 300),  # masks of the audio, masks of the lyrics
        random_state=0,
    )
    return explainer.fit(songs).explain(songs[100:101])[0]


def main() -> tuple[LocalExplanation, LocalExplanation]:
    """Explain tags and a genre, and return both explanations."""
    network, log_mel = load()
    tags = explain_tags(network)
    for tag in tags.labels:
        print(f"{tag}:\n{tags.audio_map(tag).round(2)}\n")
    genre = explain_genre(network, log_mel)
    print(genre, "\n")
    print(genre.top(5)[["component", "weight", "std_err"]])
    return tags, genre


if __name__ == "__main__":
    main()
