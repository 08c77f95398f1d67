"""Small models in torch, as modules, by hand, and as functions."""

import numpy as np
import torch
from torch import nn

from sklearn_musiclime.datasets import make_songs
from sklearn_musiclime.songs import read_audio

RATE, WIDTH, N_CLASSES = 8000, 8, 3
CLASSES = ["pop", "rock", "jazz"]


def songs(n=3, duration=1.5):
    X, *_ = make_songs(n, duration=duration, sampling_rate=RATE, random_state=0)
    return X


def tokens(texts):
    """Numbers of words, at least one, padded with 0; and where there are words."""
    ids = [[1 + sum(map(ord, word)) % 99 for word in text.split()] for text in texts]
    padded = torch.zeros(len(texts), max([1, *map(len, ids)]), dtype=torch.long)
    for row, some in zip(padded, ids, strict=True):
        row[: len(some)] = torch.tensor(some)
    return {"ids": padded, "mask": padded > 0}


class Audio(nn.Module):
    """Mean over time of a convolution, or with `steps` all of its steps."""

    def __init__(self, steps=False):
        super().__init__()
        self.conv = nn.Conv1d(1, WIDTH, 800, stride=400)
        self.norm = nn.BatchNorm1d(WIDTH)
        self.steps = steps

    def forward(self, waveforms):
        encoded = torch.relu(self.norm(self.conv(waveforms[:, None]))).transpose(1, 2)
        if not self.steps:
            return encoded.mean(dim=1)
        return {"steps": encoded, "rate": "20 Hz"}


class Lyrics(nn.Module):
    """Mean of the vectors of words, or with `steps` all of them and where they are."""

    def __init__(self, steps=False):
        super().__init__()
        self.words = nn.Embedding(100, WIDTH)
        self.steps = steps

    def forward(self, ids, mask):
        vectors = self.words(ids)
        if self.steps:
            return vectors, mask
        there = mask[:, :, None].to(vectors.dtype)
        return (vectors * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)


class Late(nn.Module):
    """Concatenates vectors."""

    def __init__(self, n_outputs=N_CLASSES, n_columns=0):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * WIDTH + n_columns, 16), nn.Dropout(0.5), nn.Tanh(),
            nn.Linear(16, n_outputs),
        )  # fmt: skip

    def forward(self, audio, lyrics, *columns):
        return self.layers(torch.cat([audio, lyrics, *columns], dim=1))


class Cross(nn.Module):
    """Words attend to time steps, and are averaged."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True, dropout=0.1)
        self.out = nn.Linear(WIDTH, N_CLASSES)

    def forward(self, audio, lyrics):
        words, mask = lyrics
        heard, _ = self.attention(words, audio["steps"], audio["steps"])
        there = mask[:, :, None].to(heard.dtype)
        return self.out(((words + heard) * there).sum(dim=1) / there.sum(dim=1).clamp(min=1))


def parts(name="late", seed=0):
    """Encoders and head whose normalisation has seen something; in training mode."""
    torch.manual_seed(seed)
    cross = name == "cross"
    audio, lyrics, head = Audio(cross), Lyrics(cross), Cross() if cross else Late()
    with torch.no_grad():
        for layer in head.modules():  # answers that are not all alike
            if isinstance(layer, nn.Linear):
                layer.weight *= 4
        for _ in range(20):
            audio(torch.randn(8, RATE) * 0.1)
    return audio, lyrics, head


def by_hand(three, X):
    """Probabilities of whole songs, one at a time, in plain torch."""
    audio, lyrics, head = (part.eval() for part in three)
    answers = []
    with torch.no_grad():
        for cell, text in zip(X["audio"], X["lyrics"], strict=True):
            waveform = torch.tensor(read_audio(cell, RATE))[None]
            logits = head(audio(waveform), lyrics(**tokens([text])))
            answers.append(logits.double().softmax(dim=1).numpy())
    return np.concatenate(answers)


class ByHand:
    """The late fusion as halves that somebody wrote without TorchModel."""

    sampling_rate = RATE

    def __init__(self, three):
        self.three = three
        self.classes_ = np.array(CLASSES)

    @torch.no_grad()
    def encode_audio(self, column):
        waveforms = [read_audio(cell, RATE) for cell in column]
        return self.three[0].eval()(torch.tensor(np.stack(waveforms))).numpy()

    @torch.no_grad()
    def encode_lyrics(self, column):
        return self.three[1].eval()(**tokens(list(column))).numpy()

    @torch.no_grad()
    def predict_encoded(self, audio, lyrics):
        logits = self.three[2].eval()(torch.tensor(audio), torch.tensor(lyrics))
        return logits.double().softmax(dim=1).numpy()

    def predict_proba(self, X):
        return self.predict_encoded(self.encode_audio(X["audio"]), self.encode_lyrics(X["lyrics"]))
