"""Calls of large encoders that an explanation takes, against the reference procedure.

A TransformerFusionClassifier of the size of AST-base and RoBERTa-base, without training, explains a
full song of JamendoLyrics (a made one, where that folder is not found). An AST hears 10 s, so the
song is 17 windows, and each sample of the reference procedure takes as many calls of the AST and
one of RoBERTa. This package encodes each distinct window and each distinct text once.

Errors are distances of the weights of the predicted label to converged ones, relative to these,
means over seeds. All designs are asked of the same model, which remembers what it has encoded, so
that the 5,000 samples of the reference have their true error although only a few of its calls are
timed. Our lyric masks are as few, of those tried, as give no larger error than the reference's; or
the most that were tried.

    python benchmarks/encoders.py              # half an hour on 2 cores
    python benchmarks/encoders.py --quick      # small models; its figures mean nothing
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from _cases import SONGS, load_songs
from _reference import ReferenceAudio, agreement, reference_masks, reference_scores, timed
from _results import write_results
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import MusicLimeExplainer, TransformerFusionClassifier

REFERENCE = 5000
N_AUDIO = 5000
N_LYRICS = (50, 100, 150, 200, 250, 350, 500, 650)
CONVERGED = (20_000, 1500)
SEEDS = 3
N_TIMED = 3
SONG = 2
"""The song with the fewest words: 5,000 texts of the others would take an hour."""
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


def save_models(folder, texts, sizes):
    """Random models with their feature extractor and tokenizer, as transformers saves them."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import (
        ASTConfig,
        ASTFeatureExtractor,
        ASTModel,
        RobertaConfig,
        RobertaModel,
        RobertaTokenizerFast,
        set_seed,
    )

    set_seed(0)
    ASTModel(ASTConfig(**sizes)).save_pretrained(folder / "audio")
    ASTFeatureExtractor().save_pretrained(folder / "audio")
    config = RobertaConfig(vocab_size=50_265, max_position_embeddings=514, **sizes)
    RobertaModel(config).save_pretrained(folder / "lyrics")
    trained = ByteLevelBPETokenizer()
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(texts, 5000, special_tokens=marks, show_progress=False)
    trained.save_model(str(folder / "lyrics"))
    tokenizer = RobertaTokenizerFast.from_pretrained(folder / "lyrics", model_max_length=512)
    tokenizer.save_pretrained(folder / "lyrics")


class Remembering:
    """Stands in for an encoder's forward pass: what was encoded once is not encoded again.

    Unless its `known` is None; then every row of a batch is encoded, as without it.
    """

    def __init__(self, model, name, of_output):
        self.forward, self.name, self.of_output = model.forward, name, of_output
        self.known, self.n_calls = {}, 0
        model.forward = self

    def __call__(self, **inputs):
        """Encode the rows of a batch, or those that are new."""
        import torch

        rows, mask = inputs[self.name], inputs.get("attention_mask")
        self.n_calls += len(rows)
        if self.known is None:
            vectors = self.of_output(self.forward(**inputs))
        else:
            lengths = [None] * len(rows) if mask is None else mask.sum(dim=1).tolist()
            keys = [r[:n].numpy().tobytes() for r, n in zip(rows, lengths, strict=True)]
            new = {key: i for i, key in enumerate(keys) if key not in self.known}
            if new:
                some = {name: tensor[list(new.values())] for name, tensor in inputs.items()}
                self.known |= zip(new, self.of_output(self.forward(**some)), strict=True)
            vectors = torch.stack([self.known[key] for key in keys])
        return SimpleNamespace(pooler_output=vectors, last_hidden_state=vectors[:, None])


def timed_calls(encoders, function):
    """Seconds that a call takes, and how often it calls each encoder, which remember nothing."""
    for encoder in encoders:
        encoder.known, encoder.n_calls = None, 0
    seconds, _ = timed(function)
    return seconds, [encoder.n_calls for encoder in encoders]


def explain(model, song, design, n_samples, seed):
    explainer = MusicLimeExplainer(
        FrozenEstimator(model),
        design=design,
        n_samples=n_samples,
        interactions=None,  # the reference has none
        random_state=seed,
    )
    return explainer.fit(song).explain(song)[0]


def errors(model, song, design, n_samples, converged, n_seeds):
    """Mean error over seeds: of all weights, and of those of the audio and the lyrics alone."""
    rows = []
    for seed in range(n_seeds):
        found = explain(model, song, design, n_samples, seed)
        n_audio = found.components.n_audio
        parts = {"": slice(None), " audio": slice(n_audio), " lyrics": slice(n_audio, None)}
        rows.append(
            {
                f"error{name}": agreement(found.weights[0, part], converged[part])["error"]
                for name, part in parts.items()
            }
        )
    return pd.DataFrame(rows).mean().to_dict()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small run, to see that all works")
    parser.add_argument("--songs", type=Path, default=SONGS, help="a JamendoLyrics folder")
    options = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    begin = time.perf_counter()
    X, _, full = load_songs(options.songs if options.songs.is_dir() else None)
    song = full[["audio", "lyrics"]].iloc[[min(SONG, len(full) - 1)]]
    reference, n_audio, n_lyrics, converged_samples = REFERENCE, N_AUDIO, N_LYRICS, CONVERGED
    if options.quick:
        reference, n_audio, n_lyrics, converged_samples = 200, 200, (20, 50), (500, 100)

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        save_models(folder, X["lyrics"].tolist(), SMALL if options.quick else {})
        model = TransformerFusionClassifier(
            folder / "audio", folder / "lyrics", freeze=True, n_epochs=1, random_state=0
        )
        rng = np.random.default_rng(0)
        noise = [{"array": rng.normal(0, 0.1, 16_000), "sampling_rate": 16_000} for _ in range(2)]
        model.fit(pd.DataFrame({"audio": noise, "lyrics": ["one", "two"]}), ["calm", "wild"])
    ast = Remembering(model.network_.audio_model, "input_values", lambda o: o.pooler_output)
    roberta = Remembering(
        model.network_.text_model, "input_ids", lambda o: o.last_hidden_state[:, 0]
    )

    encoders = (ast, roberta)

    converged = explain(model, song, "crossed", converged_samples, 10_000).weights[0]
    print(f"{time.perf_counter() - begin:.0f} s: converged", flush=True)
    their = errors(model, song, "independent", reference, converged, 1)
    print(f"{time.perf_counter() - begin:.0f} s: the reference {their}", flush=True)
    tried = {}
    for n in n_lyrics:
        tried[n] = errors(model, song, "crossed", (n_audio, n), converged, SEEDS)
        print(f"{time.perf_counter() - begin:.0f} s: {n} lyric masks {tried[n]}", flush=True)
        if tried[n]["error"] <= their["error"]:
            break

    # Side by side: our explanation, then some samples of the reference.
    ours, (our_ast, our_roberta) = timed_calls(
        encoders, lambda: explain(model, song, "crossed", (n_audio, n), 0)
    )
    components = explain(model, song, "independent", 2, 0).components
    audio = ReferenceAudio(components.audio)
    masks = reference_masks(reference, len(components), seed=0)[1 : N_TIMED + 1]

    def predict(songs):
        return model.predict_proba(songs)

    theirs, (their_ast, their_roberta) = timed_calls(
        encoders, lambda: reference_scores(predict, components, audio, masks)
    )
    scale = reference / N_TIMED
    rows = [
        {
            "lyric masks": n,
            "ours s": ours,
            "reference s": theirs * scale,
            "ratio": theirs * scale / ours,
            "our error": tried[n]["error"],
            "reference error": their["error"],
            "our AST calls": our_ast,
            "reference AST calls": round(their_ast * scale),
            "our RoBERTa calls": our_roberta,
            "reference RoBERTa calls": round(their_roberta * scale),
            "calls ratio": (their_ast + their_roberta) * scale / (our_ast + our_roberta),
            "our error audio": tried[n]["error audio"],
            "reference error audio": their["error audio"],
            "our error lyrics": tried[n]["error lyrics"],
            "reference error lyrics": their["error lyrics"],
        }
    ]
    print(f"All took {time.perf_counter() - begin:.0f} s")
    write_results(
        "encoders-quick" if options.quick else "encoders",
        rows,
        reference_timed=N_TIMED,
        audio_masks=n_audio,
        converged=converged_samples,
        seeds=SEEDS,
        tried=tried,
        seconds=float(len(song["audio"].iloc[0]["array"]) / song["audio"].iloc[0]["sampling_rate"]),
    )


if __name__ == "__main__":
    main()
