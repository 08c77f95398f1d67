"""What a proxy saves: errors of a black box's weights with and without it, from the same calls.

Models of 15 s clips of real songs: logistic regressions on the proxy's own kind of features and on
others, and a random forest, each with TF-IDF of the words; a convolutional network; MusiCNN,
pretrained, of which the first tag is explained. One row is of a whole song, the one with the most
words. All are black boxes here; that tables hold their answers (``_models.py``) only makes the
benchmark quick.

"error": root mean square distance of the weights to converged ones over clips and seeds, relative
to their length, less the error of the converged ones themselves. "saved": how many times more calls
give the same error without the proxy, since squared errors are as one over the number of calls.
"held": share of the 95 % intervals with a proxy that hold the converged weight; "large": of those
of weights of at least 0.3 of the largest. "seconds": what the proxy costs on top of the calls,
without the features of the songs that it predicts in most runs.

    python benchmarks/proxy.py
    python benchmarks/proxy.py --seeds 3 --clips 1    # a quick look
"""

import argparse
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
from _cases import SONGS, load_songs
from _clips import take_apart
from _models import MODELS, checked
from _results import write_results

from sklearn_musiclime.components import split_lyrics
from sklearn_musiclime.neighbourhood import draw_neighbourhood
from sklearn_musiclime.proxy import ProxyFit
from sklearn_musiclime.proxy.fitting import N_FREE
from sklearn_musiclime.surrogate import fit_by_moments, fit_neighbourhood

CONVERGED = 40_000
N_SAMPLES = (100, 200, 500)
LARGE = 0.3
N_PROXIES = 4
"""Draws of the masks that a proxy predicts; seeds take turns, so that they are composed once."""
FULL_SONG, FULL_CALLS = "logistic, chroma and shape", 300
"""Model of a whole song, and calls of it."""


def compare(model, components, n_seeds, calls=N_SAMPLES):
    """Squared errors and coverage, each a list of one row a seed, by number of samples."""
    answers, shape = checked(model, components), (components.n_audio, components.n_lyrics)
    many = draw_neighbourhood("paired", *shape, CONVERGED, np.random.default_rng(99))
    scores = answers(many.masks)
    label = [int(np.argmax(scores[0]))]
    converged = fit_neighbourhood(many, scores[:, label])
    truth, own = converged.weights[0], np.square(converged.std_err[0])
    is_large = np.abs(truth) >= LARGE * np.abs(truth).max()
    proxies = []
    for number in range(N_PROXIES):
        free = draw_neighbourhood("paired", *shape, N_FREE, np.random.default_rng([number, 1]))
        proxies.append(ProxyFit(fit_neighbourhood, fit_by_moments, components, None, free))
    found = {}
    for n_samples in calls:
        for seed in range(n_seeds):
            rng = np.random.default_rng(seed)
            drawn = draw_neighbourhood("paired", *shape, n_samples, rng)
            asked = answers(drawn.masks)[:, label]
            start = perf_counter()
            proxied = proxies[seed % N_PROXIES](drawn, asked)
            seconds = perf_counter() - start
            plain = fit_neighbourhood(drawn, asked)
            errors = [
                (np.square(fit.weights[0] - truth).sum() - own.sum()) / np.square(truth).sum()
                for fit in (plain, proxied)
            ]
            reach = np.sqrt(np.square((proxied.high - proxied.low)[0] / 2) + 1.96**2 * own)
            held = np.where(np.isnan(reach), np.nan, np.abs(proxied.weights[0] - truth) <= reach)
            row = (*errors, held.mean(), held[is_large].mean(), seconds)
            found.setdefault(n_samples, []).append(row)
    return found


def row_of(name, n_calls, runs):
    """A row of the table."""
    plain, proxied, held, large, seconds = np.mean(runs, axis=0)
    return {
        "model": name,
        "calls": n_calls,
        "error, paired": float(np.sqrt(max(plain, 0.0))),
        "error, proxy": float(np.sqrt(max(proxied, 0.0))),
        "saved": float(plain / proxied),
        "held": float(held) if np.isfinite(held) else "none",
        "large": float(large) if np.isfinite(large) else "none",
        "seconds": float(seconds),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="draws (default: 10)")
    parser.add_argument("--clips", type=int, default=2, help="clips (default: 2)")
    parser.add_argument("--folder", type=Path, default=SONGS, help="a JamendoLyrics folder")
    options = parser.parse_args()
    folder = options.folder if options.folder.is_dir() else None
    X, y, full = load_songs(folder)
    y = X["genre"] if folder else y
    X, full = X[["audio", "lyrics"]], full[["audio", "lyrics"]]
    warnings.simplefilter("ignore")
    rows = []
    for name, make in MODELS.items():
        model, found = make(X, y), {}
        for row in np.linspace(0, len(X) - 1, options.clips + 2).astype(int)[1:-1]:
            _, components = take_apart(model, X, int(row))
            for n_calls, runs in compare(model, components, options.seeds).items():
                found.setdefault(n_calls, []).extend(runs)
        rows += [row_of(name, n_calls, runs) for n_calls, runs in found.items()]
        if name == FULL_SONG:
            n_words = full["lyrics"].map(lambda lyrics: len(split_lyrics(lyrics)))
            _, components = take_apart(model, full, int(np.argmax(n_words)))
            runs = compare(model, components, options.seeds, (FULL_CALLS,))[FULL_CALLS]
            rows.append(row_of(f"{name}, {len(components)} components", FULL_CALLS, runs))
    is_whole = options.seeds == 10 and options.clips == 2
    name = "proxy" if is_whole else "proxy-quick"
    write_results(name, rows, songs="JamendoLyrics" if folder else "made", seeds=options.seeds)


if __name__ == "__main__":
    main()
