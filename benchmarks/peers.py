"""Errors of this package, LIME, shap and shapiq from as many calls of a black box.

Four models of 15 s clips of real songs: logistic regressions on mel and MFCC statistics, which the
proxy of this package hears too, and on others; a convolutional network; and MusiCNN, pretrained,
for the first of its tags (audio alone). Every explainer chooses at most so many masks, all of them
counted, the song itself included.

Targets: "weights" of LIME's regression (exponential kernel of width 0.25), "Shapley values", and
"interactions", the Banzhaf indices of all pairs. An error is the root mean square distance to what
100,000 masks give over clips and seeds, relative to its length, less the error of the latter
("truth"); 1 is the error of saying nothing. "best": the least error of another explainer, of this
package without a proxy included; "times": how many times ours it is, or the truth's where that is
larger. "seconds" and "best s": what an explainer takes beside the model's answers, of ours with
composing the perturbed songs.

shapiq needs Python 3.12 or newer, so it has an environment of its own; without ``--shapiq`` its
columns are missing, and results go to ``peers-quick.json``::

    python3.12 -m venv ~/.cache/shapiq
    ~/.cache/shapiq/bin/pip install shapiq==1.8.0 xgboost lightgbm
    python benchmarks/peers.py --shapiq ~/.cache/shapiq/bin/python
    python benchmarks/peers.py --shapiq ~/.cache/shapiq/bin/python --quick   # means nothing
"""

import argparse
import warnings
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
from _cases import KERNEL_WIDTH, SONGS, load_songs
from _clips import Clip
from _models import MODELS
from _peers import (
    SHAPIQ_PAIRS,
    SHAPIQ_VALUES,
    Shapiq,
    kernel_values,
    lime_values,
    permutation_values,
)
from _results import write_results
from _truths import TRUTHS

from sklearn_musiclime.neighbourhood import draw_neighbourhood

CALLS = (100, 200, 500, 1000)
N_SEEDS, N_CLIPS = 5, 2
QUICK = ("logistic, mel and MFCC", "CNN, log-mel")
COMPARED = (*QUICK, "logistic, chroma and shape", "MusiCNN, first tag")
WEIGHTS, SHAPLEY, PAIRS = "weights", "Shapley values", "interactions"


def ours(clip, n_calls, seed, kernel="exponential", proxy=None):
    """Weights and interactions, or Shapley values, by this package."""
    found = clip.explain(
        n_samples=n_samples_of(clip.components, n_calls, kernel),
        kernel=kernel,
        kernel_width=KERNEL_WIDTH,
        interactions="all" if kernel == "exponential" else None,
        proxy=proxy,
        random_state=seed,
    )
    if kernel == "shapley":
        return {SHAPLEY: found.weights[0]}
    terms = found.interaction_terms
    pairs = np.zeros((len(clip), len(clip)))
    pairs[terms.pairs.min(axis=1), terms.pairs.max(axis=1)] = terms.weights[0]
    return {WEIGHTS: found.weights[0], PAIRS: pairs[np.triu_indices(len(clip), 1)]}


def n_samples_of(components, n_calls, kernel):
    """The largest even `n_samples` with which this package makes at most so many calls."""
    shape = components.n_audio, components.n_lyrics
    for n_samples in range(n_calls // 2 * 2, 0, -2):
        rng = np.random.default_rng(0)
        drawn = draw_neighbourhood(
            "paired", *shape, n_samples, rng, kernel=kernel, with_shares=True
        )
        if 1 + len(drawn.with_corners().all_pairs) <= n_calls:
            return n_samples
    raise ValueError(f"{n_calls} calls are too few")


def by_lime(clip, n_calls, seed):
    """Weights by LIME."""
    return {WEIGHTS: lime_values(clip, len(clip), n_calls, KERNEL_WIDTH, seed)}


def by_permutations(clip, n_calls, seed):
    """Shapley values by shap's permutations, where there are calls for one."""
    if n_calls < 2 * len(clip) + 1:
        return {}
    return {SHAPLEY: permutation_values(clip, len(clip), n_calls, seed)}


def by_kernel(clip, n_calls, seed):
    """Shapley values by shap's regression; two calls are for the song and for silence."""
    return {SHAPLEY: kernel_values(clip, len(clip), n_calls - 2, seed)}


def by_shapiq(shapiq, target, name, clip, n_calls, seed):
    """A target by an approximator of shapiq."""
    values = shapiq(target, name, clip, len(clip), n_calls, seed)
    return {} if values is None else {target: values}


def explainers(shapiq):
    """Functions from a clip, a number of calls and a seed to values by target; names may repeat."""
    found = [
        ("ours", partial(ours, proxy="auto")),
        ("ours", partial(ours, proxy="auto", kernel="shapley")),
        ("paired", ours),
        ("paired", partial(ours, kernel="shapley")),
        ("LIME", by_lime),
        ("shap Permutation", by_permutations),
        ("shap Kernel", by_kernel),
    ]
    if shapiq is not None:
        for target, names in ((SHAPLEY, SHAPIQ_VALUES), (PAIRS, SHAPIQ_PAIRS)):
            found += [(name, partial(by_shapiq, shapiq, target, name)) for name in names]
    return found


def compare(clip, shapiq, n_seeds, calls, figures):
    """Add squared errors, seconds and calls of a clip to lists by target, calls and explainer."""
    truths = {target: truth(clip) for target, truth in TRUTHS.items()}
    for target, (values, own) in truths.items():
        figures.setdefault(("truth", target), []).append(own / np.square(values).sum())
    for n_calls in calls:
        for name, explain in explainers(shapiq):
            for seed in range(n_seeds):
                clip.n_calls, clip.seconds, start = 0, 0.0, perf_counter()
                found = explain(clip, n_calls, seed)
                seconds = perf_counter() - start - clip.seconds
                assert clip.n_calls <= n_calls, f"{name} made {clip.n_calls} calls of {n_calls}"
                for target, values in found.items():
                    truth, own = truths[target]
                    error = (np.square(values - truth).sum() - own) / np.square(truth).sum()
                    row = (error, seconds, clip.n_calls)
                    figures.setdefault((target, n_calls, name), []).append(row)


def warm_up():
    """Let others import and compile what they need, which is not to be timed."""

    def count(masks):
        return np.asarray(masks, dtype=float).sum(axis=1)

    permutation_values(count, 3, 7, 0)
    kernel_values(count, 3, 8, 0)
    lime_values(count, 3, 8, KERNEL_WIDTH, 0)


def rows_of(model, figures):
    """Rows of the table, one a target and number of calls."""
    names = list(dict.fromkeys(key[2] for key in figures if len(key) == 3))
    calls = dict.fromkeys(key[1] for key in figures if len(key) == 3)
    for target in TRUTHS:
        for n_calls in calls:
            found = {
                name: np.mean(figures[target, n_calls, name], axis=0)
                for name in names
                if (target, n_calls, name) in figures
            }
            errors = {name: float(np.sqrt(max(row[0], 0.0))) for name, row in found.items()}
            best = min((name for name in errors if name != "ours"), key=errors.get)
            own = float(np.sqrt(np.mean(figures["truth", target])))
            row = {
                "target": target,
                "model": model,
                "calls": n_calls,
                "truth": own,
                "ours": errors["ours"],
                "best": errors[best],
                "by": best,
                "times": errors[best] / max(errors["ours"], own),
                "seconds": float(found["ours"][1]),
                "best s": float(found[best][1]),
            }
            for name in names:
                if name != "ours":
                    row[name] = errors.get(name, "")
            for name in names:
                row[f"{name}, s"] = float(found[name][1]) if name in found else ""
                row[f"{name}, calls"] = float(found[name][2]) if name in found else ""
            yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one clip, one seed, two models")
    parser.add_argument("--models", default="", help="parts of names of models (default: all)")
    parser.add_argument("--shapiq", help="a Python interpreter that has shapiq")
    parser.add_argument("--folder", type=Path, default=SONGS, help="a JamendoLyrics folder")
    options = parser.parse_args()
    folder = options.folder if options.folder.is_dir() else None
    X, y, _ = load_songs(folder)
    y = X["genre"] if folder else y
    X = X[["audio", "lyrics"]]
    warnings.simplefilter("ignore")
    warm_up()
    n_seeds, n_clips, calls = (1, 1, CALLS[:2]) if options.quick else (N_SEEDS, N_CLIPS, CALLS)
    shapiq = Shapiq(options.shapiq) if options.shapiq else None
    rows = []
    for name in QUICK if options.quick else COMPARED:
        if options.models not in name:
            continue
        model, figures = MODELS[name](X, y), {}
        for row in np.linspace(0, len(X) - 1, n_clips + 2).astype(int)[1:-1]:
            start = perf_counter()
            compare(Clip(model, X, int(row)), shapiq, n_seeds, calls, figures)
            print(f"{name}, clip {row}: {perf_counter() - start:.0f} s", flush=True)
        rows += rows_of(name, figures)
    if shapiq is not None:
        shapiq.close()
    is_whole = shapiq is not None and not (options.quick or options.models)
    songs = "JamendoLyrics" if folder else "made"
    write_results("peers" if is_whole else "peers-quick", rows, songs=songs, seeds=n_seeds)


if __name__ == "__main__":
    main()
