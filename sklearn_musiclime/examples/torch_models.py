"""Explain models of your own in torch: a late fusion, and cross-attention.

Needs ``pip install sklearn-musiclime[deep]``.

What one learns: two encoders and a head are all that :class:`~sklearn_musiclime.TorchModel` needs
to encode each distinct perturbed audio and each distinct perturbed lyrics once, also where the head
attends from one sequence to the other. The same model as a plain function has to be called for
every perturbed song. What cross-attention costs is its head, so ``n_combinations`` bounds how many
combinations it scores.

What to expect: two tables. The function's errors are larger by a factor of two or more, at
the same number of calls of the encoders; and the bound saves most of the time of cross-attention,
while the errors of the weights stay the same.
Takes a minute: ``python -m sklearn_musiclime.examples.torch_models``. With ``--songs FOLDER`` the
songs are real, those of a folder of JamendoLyrics.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import librosa
import numpy as np
import pandas as pd

from sklearn_musiclime import LocalExplanation, MusicLimeExplainer, TorchModel
from sklearn_musiclime.datasets import load_jamendo_lyrics, make_songs

try:
    import torch
    from torch import nn
except ImportError as error:
    raise ImportError(f"torch is missing: pip install sklearn-musiclime[deep] ({error})") from error

if TYPE_CHECKING:
    from torch import Tensor

RATE, N_FFT, HOP, N_MELS, WIDTH = 22050, 2048, 1024, 40, 32
MELS = torch.tensor(librosa.filters.mel(sr=RATE, n_fft=N_FFT, n_mels=N_MELS))


def log_mel(waveforms: Tensor) -> Tensor:
    """Log-mel frames, (n_songs, n_mels, n_frames)."""
    window = torch.hann_window(N_FFT, device=waveforms.device)
    spectra = torch.stft(waveforms, N_FFT, HOP, window=window, return_complex=True)
    return torch.log1p(100 * (MELS.to(waveforms.device) @ spectra.abs().square()))


class Words:
    """The tokenizer: numbers of words, 0 for padding."""

    def __init__(self, texts: list[str]):
        known = sorted({word for text in texts for word in text.lower().split()})
        self.numbers = {word: number for number, word in enumerate(known, 2)}

    def __call__(self, texts: list[str]) -> Tensor:
        """Return the words of texts as numbers, (n_texts, n_words)."""
        rows = [[self.numbers.get(word, 1) for word in text.lower().split()] for text in texts]
        tokens = [torch.tensor(row or [0]) for row in rows]
        return nn.utils.rnn.pad_sequence(tokens, batch_first=True)


class LateFusion(nn.Module):
    """A CNN of the audio, a mean of word vectors, and a linear layer on top."""

    def __init__(self, n_words: int, n_classes: int):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(N_MELS, WIDTH, 9, stride=2), nn.ReLU())
        self.words = nn.Embedding(n_words, WIDTH, padding_idx=0)
        self.out = nn.Linear(2 * WIDTH, n_classes)

    def hear(self, waveforms: Tensor) -> Any:
        """Encode audio, (n_songs, width)."""
        return self.conv(log_mel(waveforms)).amax(dim=2)

    def read(self, tokens: Tensor) -> Any:
        """Encode lyrics, (n_songs, width)."""
        return self.words(tokens).sum(dim=1) / (tokens > 0).sum(dim=1, keepdim=True).clamp(min=1)

    def judge(self, audio: Any, lyrics: Any) -> Tensor:
        """Join them to logits, (n_songs, n_classes)."""
        return self.out(torch.cat([audio, 4 * lyrics], dim=1))


class CrossAttention(LateFusion):
    """Words attend to frames; what they hear is added to what they are."""

    def __init__(self, n_words: int, n_classes: int):
        super().__init__(n_words, n_classes)
        self.attention = nn.MultiheadAttention(WIDTH, 4, batch_first=True)

    def hear(self, waveforms: Tensor) -> Tensor:
        """Encode audio, (n_songs, n_frames, width)."""
        return self.conv(log_mel(waveforms)).transpose(1, 2)

    def read(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Encode lyrics, (n_songs, n_tokens, width), with a mask of the tokens."""
        return self.words(tokens), tokens > 0

    def judge(self, audio: Any, lyrics: Any) -> Tensor:
        """Join them to logits, (n_songs, n_classes)."""
        words, mask = lyrics
        heard, _ = self.attention(words, audio, audio, need_weights=False)
        kept = mask[:, :, None] / mask.sum(dim=1).clamp(min=1)[:, None, None]
        return self.out(torch.cat([(heard * kept).sum(1), 4 * (words * kept).sum(1)], dim=1))


def as_model(network: LateFusion, words: Words, classes: np.ndarray) -> TorchModel:
    """Make an estimator of a network: this is all that explanations take."""
    return TorchModel(
        network.hear, network.read, network.judge,
        tokenizer=words, sampling_rate=RATE, classes=classes,
    )  # fmt: skip


def train(network: LateFusion, words: Words, songs: pd.DataFrame, targets: Tensor) -> None:
    """Train a network on songs of equal length."""
    waveforms = torch.tensor(np.stack([cell["array"] for cell in songs["audio"]])).float()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3, weight_decay=1e-3)
    for step in range(60):
        torch.manual_seed(step)
        rows = torch.randperm(len(targets))[:32]
        tokens = words(songs["lyrics"].iloc[rows.tolist()].tolist())
        logits = network.judge(network.hear(waveforms[rows]), network.read(tokens))
        loss = nn.functional.cross_entropy(logits, targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def explain(model: Any, song: pd.DataFrame, labels: Any, **settings: Any) -> LocalExplanation:
    """Explain a song."""
    explainer = MusicLimeExplainer(
        model, kernel_width=1.0, sampling_rate=RATE, random_state=0, **settings
    )
    return explainer.fit(song).explain(song, labels)[0]


def compare(model: TorchModel, song: pd.DataFrame) -> pd.DataFrame:
    """Explain a song by a model's halves, with and without a bound, and as a plain function."""
    label = model.predict(song)[0]
    column = list(model.classes_).index(label)
    explain(model, song, [label], n_samples=8)  # what is compiled at first
    rows = []
    for name, asked, labels, settings in (
        ("halves", model, [label], {"n_samples": 200}),
        ("halves, bound", model, [label], {"n_samples": 200, "n_combinations": 4000}),
        # A song takes a call of either encoder: as many calls as the halves.
        ("function", lambda X: model.predict_proba(X), [column], {"n_samples": 200, "proxy": None}),
    ):
        begin = process_time()
        explanation = explain(asked, song, labels, **settings)
        used = explanation.settings
        is_whole = used["model"] != "factored"
        rows.append(
            {
                "model": name,
                "audio encoded": used["n_combinations" if is_whole else "n_audio_masks"],
                "lyrics encoded": used["n_combinations" if is_whole else "n_lyric_masks"],
                "head": used["n_combinations"],
                "CPU seconds": process_time() - begin,
                "std_err / largest weight": float(
                    explanation.std_err.mean() / np.abs(explanation.weights).max()
                ),
            }
        )
    return pd.DataFrame(rows)


def main(folder: str | Path | None = None) -> dict[str, pd.DataFrame]:
    """Train two models and explain a song by each in three ways; return what they took."""
    if folder is None:
        songs, classes, _, _ = make_songs(64, duration=4.0, random_state=0)
    else:
        songs = load_jamendo_lyrics(folder, sampling_rate=RATE)
        classes = np.where(songs["genre"] == "Hip-Hop", "Hip-Hop", "other")
    names, targets = np.unique(classes, return_inverse=True)
    words = Words(songs["lyrics"].tolist())
    tables = {}
    for kind in (LateFusion, CrossAttention):
        torch.manual_seed(0)
        network = kind(len(words.numbers) + 2, len(names))
        train(network, words, songs, torch.tensor(targets))
        model = as_model(network, words, names)
        print(f"{kind.__name__}, accuracy on what it was trained on: "
              f"{model.score(songs, classes):.2f}")  # fmt: skip
        tables[kind.__name__] = compare(model, songs[["audio", "lyrics"]].iloc[:1])
        print(tables[kind.__name__].to_string(index=False, float_format="{:.3g}".format), "\n")
    return tables


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Models in torch, explained in three ways.")
    parser.add_argument("--songs", help="a folder of JamendoLyrics; made songs without it")
    main(parser.parse_args().songs)
