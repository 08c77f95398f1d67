"""Of the interactions that are held to be real, how many are none, and how many are found.

Models have a curve of each modality, which makes no interaction of both, and pairs of an audio and
a lyric component that are planted, strong (as much as a large weight), weak (a quarter of it), or
not at all. "false / found": those that are none, as a part of all that are held to be real, over
all songs; "runs with any": share of the songs without planted ones of which any is held to be real;
"power": share of the planted ones that are found.

Global: interactions of recordings that were cut into clips, which are alike, tested by recording.

    python benchmarks/discoveries.py
    python benchmarks/discoveries.py --seeds 10    # a quick look
"""

import argparse

import numpy as np
from _proxies import fit_by_masks
from _results import write_results
from joblib import Parallel, delayed
from scipy import stats

from sklearn_musiclime.neighbourhood import draw_neighbourhood
from sklearn_musiclime.proxy import interactions_with_proxy
from sklearn_musiclime.surrogate import fit_interactions, fit_neighbourhood

CASES = (
    ("crossed", "exponential", (20, 30), 200),
    ("crossed", "exponential", (20, 30), 1000),
    ("paired", "exponential", (20, 30), 1000),
    ("paired", "exponential", (20, 30), 5000),
    ("paired, proxy", "exponential", (20, 30), 300),
    ("paired, proxy", "exponential", (20, 30), 1000),
    ("independent", "exponential", (20, 30), 1000),
    ("independent", "exponential", (20, 30), 5000),
    ("exhaustive", "exponential", (5, 5), 2000),
    ("exhaustive", "shapley", (5, 5), 2000),
)
PROXY = ", proxy"
"""Designs with a proxy of a function of masks, whose songs can't be heard."""
PLANTED = {"none": 0.0, "weak": 0.25, "strong": 1.0}
N_PAIRS = 3


def one(design, kernel, sizes, n_samples, size, seed):
    """How many pairs of a song are held to be real, and how many of these are planted."""
    rng = np.random.default_rng([seed, 3])
    n_audio, n_lyrics = sizes
    effects = rng.normal(size=n_audio + n_lyrics) / np.sqrt(n_audio + n_lyrics)
    audio, words = rng.permutation(n_audio)[:N_PAIRS], rng.permutation(n_lyrics)[:N_PAIRS] + n_audio

    def model(masks):
        x = masks.astype(float)
        heard, read = (
            4 * part @ own
            for part, own in zip(
                np.split(x, [n_audio], axis=1), np.split(effects, [n_audio]), strict=True
            )
        )
        return np.tanh(heard) + np.exp(read / 4) + size * (x[:, audio] * x[:, words]).sum(axis=1)

    drawn = draw_neighbourhood(
        design.removesuffix(PROXY), n_audio, n_lyrics, n_samples, rng, kernel=kernel, with_grid=True
    )
    pairs = drawn.all_pairs
    masks = np.hstack([drawn.audio_masks[pairs[:, 0]], drawn.lyric_masks[pairs[:, 1]]])
    answers = drawn.split(model(masks)[:, np.newaxis])
    if design.endswith(PROXY):
        surrogate, predictions = fit_by_masks(drawn, answers.pairs)
        found = interactions_with_proxy(predictions, surrogate, which="cross")
    else:
        surrogate = fit_neighbourhood(drawn, answers.pairs, kernel=kernel)
        found = fit_interactions(
            drawn, answers.pairs, surrogate, answers.grid, which="cross", kernel=kernel
        )
    real = {tuple(p) for p in found.pairs[found.q_values[0] <= 0.05].tolist()}
    planted = set(zip(audio.tolist(), words.tolist(), strict=True)) if size else set()
    return len(real), len(real & planted), len(planted)


def row(design, kernel, sizes, n_samples, name, n_seeds):
    """One row of the table."""
    counts = np.array(
        [one(design, kernel, sizes, n_samples, PLANTED[name], seed) for seed in range(n_seeds)]
    )
    n_found, n_true, n_planted = counts.sum(axis=0).tolist()
    return {
        "design": design,
        "kernel": kernel,
        "n_samples": n_samples,
        "planted": name,
        "found": n_found,
        "false / found": (n_found - n_true) / n_found if n_found else 0.0,
        "runs with any": float((counts[:, 0] > 0).mean()) if not n_planted else "",
        "power": n_true / n_planted if n_planted else "",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, help="songs a row (default: 100)")
    options = parser.parse_args()
    rows = Parallel(n_jobs=-1)(
        delayed(row)(*case, name, options.seeds) for case in CASES for name in PLANTED
    )
    name = "discoveries" if options.seeds == 100 else "discoveries-quick"
    write_results(name, rows, songs=options.seeds)
    n_null = sum(r["planted"] == "none" for r in rows)
    most = stats.binom.ppf(0.95 ** (1 / n_null), options.seeds, 0.05) / options.seeds
    print(f"Chance alone may show some in {most:.2f} of the songs without planted ones.")


if __name__ == "__main__":
    main()
