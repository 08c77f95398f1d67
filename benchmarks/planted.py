"""Planted components that an explanation puts first, by design and number of samples.

For each of 20 rules the first made song with all four planted main components is explained in its
true sources by an oracle, the rule itself. Beside the recall stands the error: the distance of the
weights to those of 10,000 paired samples, relative to these.

    python benchmarks/planted.py
"""

import tempfile

import numpy as np
from _results import write_results

from sklearn_musiclime import MusicLimeExplainer, StemSeparator
from sklearn_musiclime.datasets import make_songs, save_songs

N_SEEDS = 20
N_CONVERGED = 10_000
DESIGNS = ("paired", "independent")
N_SAMPLES = (60, 125, 250, 500, 1000)


def song_with_all(seed, folder):
    """The rule of a seed, and the first of its songs that has every planted main component."""
    X, _, stems, truth = make_songs(150, duration=1.0, random_state=seed)
    row = int(np.argmax(truth.presence(X)[list(truth.main)].all(axis=1)))
    return truth, save_songs(X.iloc[[row]], [stems[row]], folder), tuple(stems[row])


def main():
    recalls = {(d, n): [] for d in DESIGNS for n in N_SAMPLES}
    errors = {key: [] for key in recalls}
    for seed in range(N_SEEDS):
        with tempfile.TemporaryDirectory() as folder:
            truth, song, sources = song_with_all(seed, folder)

            def explain(design, n_samples, truth=truth, song=song, sources=sources, seed=seed):
                explainer = MusicLimeExplainer(
                    truth.predict_proba,
                    separator=StemSeparator(sources=sources),
                    design=design,
                    n_samples=n_samples,
                    random_state=seed,
                )
                return explainer.fit(song).explain(song, labels="wild")[0]

            converged = explain("paired", N_CONVERGED).weights[0]
            for design, n_samples in recalls:
                explanation = explain(design, n_samples)
                recalls[design, n_samples].append(truth.recall(explanation))
                distance = np.linalg.norm(explanation.weights[0] - converged)
                errors[design, n_samples].append(distance / np.linalg.norm(converged))

    rows = [
        {
            "design": design,
            "n_samples": n_samples,
            "recall": np.mean(recalls[design, n_samples]),
            "songs with all found": int(np.sum(np.equal(recalls[design, n_samples], 1.0))),
            "error": np.mean(errors[design, n_samples]),
        }
        for design, n_samples in recalls
    ]
    write_results("planted", rows, songs=N_SEEDS, converged_samples=N_CONVERGED)


if __name__ == "__main__":
    main()
