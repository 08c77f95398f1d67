"""Models of real songs that answer thousands of masks in seconds.

Explainers know nothing of them but their answers. That tables hold the answers to all masks of a
clip only makes the benchmarks quick: :func:`checked` compares them with those to composed songs.
"""

from functools import partial

import librosa
import numpy as np
import pandas as pd
import torch
from _cases import RATE
from _games import all_masks
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

from sklearn_musiclime import SpectralStatistics
from sklearn_musiclime.components import split_lyrics
from sklearn_musiclime.examples._musicnn import BATCH, FRAME, HOP, PATCH, LogMel, load_musicnn
from sklearn_musiclime.examples.pretrained_tagger import Tagger as SongTagger
from sklearn_musiclime.neighbourhood import (
    AudioNeighbourhood,
    PerturbedAudio,
    PerturbedLyrics,
    compose_audio,
    compose_lyrics,
)

UNLIKE = ("chroma", "contrast", "centroid", "flatness")


class Statistics:
    """A classifier of pooled spectral features and TF-IDF of the words.

    Parameters
    ----------
    X : DataFrame
        Songs to learn from.
    y : array-like
        Their classes.
    features : tuple of str
        Features of :class:`~sklearn_musiclime.SpectralStatistics`.
    classifier : estimator
        What comes after the features.
    """

    rate, modality, kind = RATE, "both", "classes"

    def __init__(self, X, y, features, classifier):
        statistics = SpectralStatistics(features, sampling_rate=RATE)
        n_features = statistics.fit_transform(X["audio"][:1]).shape[1]
        self.audio = make_pipeline(
            statistics, StandardScaler(), FunctionTransformer(lambda A: A / np.sqrt(n_features))
        ).fit(X["audio"])
        self.words = TfidfVectorizer().fit(X["lyrics"])
        self.classifier = classifier.fit(self._joined(X["audio"], X["lyrics"]), y)

    def _joined(self, audio, lyrics):
        return np.hstack([self.audio.transform(audio), self.words.transform(lyrics).toarray()])

    def predict_proba(self, songs):
        """Return the probabilities of the classes of songs."""
        return self.classifier.predict_proba(self._joined(songs["audio"], songs["lyrics"]))

    def answers(self, components):
        """Return a function from a song's masks to the probabilities of the classes."""
        return partial(self._scores, components)

    def _scores(self, components, masks):
        n_audio = components.n_audio
        audio = PerturbedAudio(AudioNeighbourhood(components.audio, masks[:, :n_audio]))
        lyrics = list(PerturbedLyrics(components.lyrics, masks[:, n_audio:]))
        return self.classifier.predict_proba(self._joined(pd.Series(audio), lyrics))


class Network(nn.Module):
    """Two convolutions over log-mel frames, their maximum over time, and a bag of words.

    Parameters
    ----------
    X : DataFrame
        Songs to learn from.
    y : array-like
        Their classes.
    n_steps : int, default=100
        Steps of gradient descent, each on an excerpt of 5 s of each song and half of its words.
    """

    rate, modality, kind = RATE, "both", "classes"
    n_fft, hop, n_mels = 2048, 1024, 40
    field = 14
    """Frames that an output of the convolutions hears, from one to the next: 4."""

    def __init__(self, X, y, n_steps=100):
        super().__init__()
        torch.manual_seed(0)
        classes, targets = np.unique(y, return_inverse=True)
        words = [split_lyrics(lyrics).names for lyrics in X["lyrics"]]
        self.vocabulary = {word: i for i, word in enumerate(sorted(set().union(*words)))}
        self.convolutions = nn.Sequential(
            nn.Conv1d(self.n_mels, 32, 8, stride=2), nn.ReLU(),
            nn.Conv1d(32, 32, 4, stride=2), nn.ReLU(),
        )  # fmt: skip
        self.sound = nn.Linear(32, len(classes))
        self.text = nn.Linear(len(self.vocabulary) + 1, len(classes), bias=False)  # 1 for unknown
        self._learn(X["audio"], self._bags(words), torch.tensor(targets), n_steps)

    def _learn(self, audio, bags, targets, n_steps):
        waveforms = [cell["array"] for cell in audio]
        n_samples = min(len(waveform) for waveform in waveforms)
        mels = self._log_mel(np.stack([waveform[:n_samples] for waveform in waveforms]))
        self.centre, self.spread = mels.mean(dim=(0, 2), keepdim=True), mels.std()
        optimizer = torch.optim.Adam(self.parameters(), lr=3e-3, weight_decay=1e-3)
        n_frames = round(5.0 * RATE / self.hop)
        for _ in range(n_steps):
            start = int(torch.randint(mels.shape[2] - n_frames, ()))
            heard = self.hear(mels[:, :, start : start + n_frames]).amax(dim=2)
            logits = self.sound(heard) + self.text(bags * (torch.rand_like(bags) < 0.5))
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits, targets, label_smoothing=0.1).backward()
            optimizer.step()
        self.eval().requires_grad_(False)

    def _bags(self, texts):
        bags = torch.zeros(len(texts), len(self.vocabulary) + 1)
        for bag, words in zip(bags, texts, strict=True):
            bag[[self.vocabulary.get(word, -1) for word in words]] = 1.0
        return bags

    def _log_mel(self, waveforms):
        power = librosa.feature.melspectrogram(
            y=waveforms, sr=RATE, n_fft=self.n_fft, hop_length=self.hop, n_mels=self.n_mels
        )
        return torch.from_numpy(np.log10(100 * power + 1).astype(np.float32))

    def hear(self, mels):
        """Return the outputs of the convolutions, (n_songs, 32, n_outputs)."""
        return self.convolutions((mels - self.centre) / self.spread)

    def predict_proba(self, songs):
        """Return the probabilities of the classes of songs."""
        heard = self.hear(self._log_mel(np.stack([cell["array"] for cell in songs["audio"]])))
        bags = self._bags([split_lyrics(lyrics).names for lyrics in songs["lyrics"]])
        return self._probabilities(heard.amax(dim=2), self.text(bags))

    def _probabilities(self, heard, logits):
        return (self.sound(heard) + logits).softmax(dim=1).double().numpy()

    def answers(self, components):
        """Return a function from a song's masks to the probabilities of the classes.

        What a convolution hears lies in one segment or in two neighbours, an even and an odd one.
        So its output is that for one of a few songs, in which all even segments of a source are on
        or off, and likewise all odd ones.
        """
        audio = components.audio
        n_sources, n_samples = audio.sources.shape
        is_odd = np.repeat(np.arange(audio.n_segments) % 2 == 1, np.diff(audio.borders))
        parts = np.stack([audio.sources * ~is_odd, audio.sources * is_odd], axis=1)
        cases = all_masks(2 * n_sources).astype(np.float32)
        heard = self.hear(self._log_mel(cases @ parts.reshape(-1, n_samples)))
        starts = np.arange(heard.shape[2]) * 4 * self.hop - self.n_fft // 2
        stops = starts + (self.field - 1) * self.hop + self.n_fft
        edges = np.clip([starts, stops - 1], 0, n_samples - 1)
        first, last = np.searchsorted(audio.borders, edges, side="right") - 1
        assert (last - first <= 1).all(), "segments are too short for the convolutions"
        neighbours = np.where(first % 2 == 0, [first, last], [last, first])  # the even one first
        pairs, place = np.unique(neighbours, axis=1, return_inverse=True)
        table = torch.stack(
            [heard[:, :, place == number].amax(dim=2) for number in range(pairs.shape[1])]
        )
        words = self.text(torch.eye(self.text.in_features))[
            [self.vocabulary.get(word, -1) for word in components.lyrics.names]
        ]

        def scores(masks):
            masks = np.asarray(masks, dtype=bool)
            kept = masks[:, : components.n_audio].reshape(len(masks), n_sources, -1)
            pooled = torch.full((len(masks), heard.shape[1]), -torch.inf)
            for entries, segments in zip(table, pairs.T, strict=True):
                bits = kept[:, :, segments].reshape(len(masks), -1)
                pooled = torch.maximum(pooled, entries[bits @ (1 << np.arange(2 * n_sources))])
            bags = torch.from_numpy(masks[:, components.n_audio :].astype(np.float32))
            return self._probabilities(pooled, bags @ words)

        return scores


class Tagger(SongTagger):
    """MusiCNN, pretrained, which hears a song in patches of three seconds and does not read."""

    rate, modality, kind = SongTagger.required_sampling_rate, "audio", "outputs"

    def __init__(self):
        super().__init__(load_musicnn())
        self.log_mel = LogMel()

    def answers(self, components):
        """Return a function from a song's masks to the probabilities of the tags.

        They are means over the patches, each of which hears three segments at most: it is asked
        about all ways in which these are on and off.
        """
        audio = components.audio
        n_sources, n_samples = audio.sources.shape
        heard = []
        for patch in range((1 + n_samples // HOP) // PATCH):
            frames = np.array([patch, patch + 1]) * PATCH + [0, -1]  # the first and the last
            edges = np.clip(frames * HOP + [-FRAME // 2, FRAME // 2 - 1], 0, n_samples - 1)
            first, last = np.searchsorted(audio.borders, edges, side="right") - 1
            segments = np.arange(first, last + 1)
            columns = np.add.outer(np.arange(n_sources) * audio.n_segments, segments).ravel()
            heard.append((columns, self._of_patch(audio, patch, columns)))

        def scores(masks):
            masks = np.asarray(masks, dtype=bool)
            entries = [table[masks[:, columns] @ (1 << np.arange(len(columns)))]
                       for columns, table in heard]  # fmt: skip
            return np.mean(entries, axis=0)

        return scores

    def _of_patch(self, audio, patch, columns):
        """Probabilities for a patch with each subset of the components that it hears."""
        masks = np.zeros(
            (2 ** len(columns), len(audio.source_names) * audio.n_segments), dtype=bool
        )
        masks[:, columns] = all_masks(len(columns))
        frames = slice(patch * PATCH, (patch + 1) * PATCH)
        found = []
        for few in np.split(masks, range(BATCH, len(masks), BATCH)):
            waveforms = [compose_audio(audio, mask) for mask in few]
            spectrograms = self.log_mel(waveforms)["input_values"][:, frames]
            with torch.inference_mode():
                logits = self.network.tags(self.network(spectrograms).pooler_output)
            found.append(logits.sigmoid().double().numpy())
        return np.concatenate(found)


def checked(model, components):
    """Return the function of ``answers``, after a comparison with the answers to composed songs.

    Raises
    ------
    AssertionError
        The tables have other answers.
    """
    answers = model.answers(components)
    masks, songs = some_songs(components, model.rate)
    np.testing.assert_allclose(answers(masks), model.predict_proba(songs), rtol=1e-3, atol=1e-5)
    return answers


def some_songs(components, rate, n_songs=4):
    """Masks, and the songs composed of what they keep."""
    masks = np.random.default_rng(0).random((n_songs, len(components))) < 0.5
    masks[0] = True
    n_audio = components.n_audio
    waveforms = [compose_audio(components.audio, mask[:n_audio]) for mask in masks]
    songs = {"audio": [{"array": waveform, "sampling_rate": rate} for waveform in waveforms]}
    if components.lyrics is not None:
        songs["lyrics"] = [compose_lyrics(components.lyrics, mask[n_audio:]) for mask in masks]
    return masks, pd.DataFrame(songs)


def _logistic():
    return LogisticRegression(C=30.0, max_iter=3000)


def _forest():
    return RandomForestClassifier(200, min_samples_leaf=2, random_state=0)


MODELS = {
    "logistic, mel and MFCC": lambda X, y: Statistics(X, y, ("mel", "mfcc"), _logistic()),
    "logistic, chroma and shape": lambda X, y: Statistics(X, y, UNLIKE, _logistic()),
    "forest, MFCC and chroma": lambda X, y: Statistics(
        X, y, ("mfcc", "chroma", "contrast"), _forest()
    ),
    "CNN, log-mel": Network,
    "MusiCNN, first tag": lambda X, y: Tagger(),
}
"""From songs and their classes to a model that has learnt them."""
