"""Models in torch as halves and as functions: calls, time and error of their weights.

The two models of the example ``torch_models``, a late fusion and a cross-attention, are trained on
clips of 15 s of JamendoLyrics (made ones, where that folder is not found), and explain one of them:
as a TorchModel, with and without a bound on what its head scores, and as a plain function of whole
songs, which is asked as many times as the TorchModel calls its audio encoder and its lyrics encoder
together, without and with a proxy. In "TorchModel, as many masks" it has as many masks of the audio
and of the lyrics as the function has. Errors are distances of the weights of the predicted class to
converged ones, relative to these, means over seeds. Seconds are of the processor.

    python benchmarks/torch_models.py
    python benchmarks/torch_models.py --quick        # a small run; its figures mean nothing
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _cases import RATE, SONGS, load_songs
from _reference import Precomputed, waveform_of
from _results import write_results

from sklearn_musiclime import HPSSSeparator, MusicLimeExplainer
from sklearn_musiclime.examples.torch_models import (
    CrossAttention,
    LateFusion,
    Words,
    as_model,
    train,
)

SEEDS = 2
N_MASKS = (240, 160)
BOUND = 4000
LEARNT_SECONDS = 5
"""Of each clip, for training."""
CONVERGED, CONVERGED_SEED = (2000, 500), 10_000


def explained(model, song, labels, separator, seed, **settings):
    """Weights of a label of a song, what the explanation took, and seconds of the processor."""
    explainer = MusicLimeExplainer(
        model, separator=separator, sampling_rate=RATE, random_state=seed, **settings
    )
    begin = time.process_time()
    explanation = explainer.fit(song).explain(song, labels)[0]
    return explanation.weights[0], explanation.settings, time.process_time() - begin


def rows_of(model, song, separator, n_masks, bound, converged, n_seeds):
    """What each way of asking a model takes and how wrong it is."""
    label = model.predict(song)[0]
    column = list(model.classes_).index(label)

    def function(X):
        return model.predict_proba(X)

    truth, _, seconds = explained(
        model, song, [label], separator, CONVERGED_SEED, n_samples=converged, interactions=None
    )
    print(f"converged after {seconds:.0f} s", flush=True)
    n_calls = sum(n_masks)
    ways = {
        "TorchModel": (model, [label], {"n_samples": n_masks}),
        "TorchModel, bound": (
            model, [label], {"n_samples": n_masks, "n_combinations": bound},
        ),
        "TorchModel, as many masks": (
            model, [label], {"n_samples": (n_calls, n_calls), "n_combinations": bound},
        ),
        "function": (function, [column], {"n_samples": n_calls, "proxy": None}),
        "function, proxy": (function, [column], {"n_samples": n_calls}),
    }  # fmt: skip
    for name, (asked, labels, settings) in ways.items():
        found = [explained(asked, song, labels, separator, s, **settings) for s in range(n_seeds)]
        used = found[0][1]
        is_whole = used["model"] != "factored"
        yield {
            "asked": name,
            "audio calls": used["n_combinations" if is_whole else "n_audio_masks"],
            "lyrics calls": used["n_combinations" if is_whole else "n_lyric_masks"],
            "head calls": used["n_combinations"],
            "CPU s": float(np.median([took for *_, took in found])),
            "error": float(
                np.mean([np.linalg.norm(w - truth) for w, *_ in found]) / np.linalg.norm(truth)
            ),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small run, to see that all works")
    parser.add_argument("--songs", type=Path, default=SONGS, help="a JamendoLyrics folder")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    begin = time.perf_counter()
    X, y, _ = load_songs(options.songs if options.songs.is_dir() else None)
    length = min(len(cell["array"]) for cell in X["audio"])
    X = X.assign(audio=[cell | {"array": cell["array"][:length]} for cell in X["audio"]])
    names, targets = np.unique(y, return_inverse=True)
    words = Words(X["lyrics"].tolist())
    learnt = X.assign(
        audio=[{"array": cell["array"][: LEARNT_SECONDS * RATE]} for cell in X["audio"]]
    )
    song = X[["audio", "lyrics"]].iloc[[np.flatnonzero(y == names[0])[0]]]
    separator = Precomputed(*HPSSSeparator().separate(waveform_of(song), RATE))
    n_masks, bound, converged, n_seeds = N_MASKS, BOUND, CONVERGED, SEEDS
    if options.quick:
        n_masks, bound, converged, n_seeds = (40, 40), 500, (200, 100), 1
    rows = []
    for kind in (LateFusion, CrossAttention):
        torch.manual_seed(0)
        network = kind(len(words.numbers) + 2, len(names))
        train(network, words, learnt, torch.tensor(targets))
        model = as_model(network, words, names)
        ways = rows_of(model, song, separator, n_masks, bound, converged, n_seeds)
        rows += [{"model": kind.__name__} | row for row in ways]
        print(pd.DataFrame(rows).to_string(), flush=True)
    print(f"All took {time.perf_counter() - begin:.0f} s")
    write_results(
        "torch_models-quick" if options.quick else "torch_models",
        rows,
        seeds=n_seeds,
        converged=converged,
        seconds=length / RATE,
    )


if __name__ == "__main__":
    main()
