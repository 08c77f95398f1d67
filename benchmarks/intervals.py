"""How often 95 % intervals hold the converged value.

One real clip is explained with 200 seeds in each design; "weights" and "interactions" are the share
of all intervals, over seeds and components (pairs of components), that hold the converged value.
Converged weights are those of 100,000 paired samples (of the crossed design: of 40,000 masks of the
audio and 8,000 of the lyrics); converged interactions the mean of 100 crossed runs of other seeds.

    python benchmarks/intervals.py
    python benchmarks/intervals.py --seeds 10    # a quick look
"""

import argparse
from pathlib import Path

import numpy as np
from _cases import SONGS, Case, load_songs
from _results import write_results

from sklearn_musiclime.cli import demo_model

DESIGNS = (
    ("independent", 1000),
    ("paired", 1000),
    ("crossed", 200),
    ("crossed", 1000),
)


def held(estimates, std_err, converged):
    """Share of intervals that hold the converged value."""
    return float(np.mean(np.abs(estimates - converged) <= 1.96 * std_err))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200, help="runs a design (default: 200)")
    parser.add_argument("--songs", type=Path, default=SONGS, help="a JamendoLyrics folder")
    options = parser.parse_args()
    folder = options.songs if options.songs.is_dir() else None
    X, y, _ = load_songs(folder)
    model = demo_model().fit(X[["audio", "lyrics"]], y)
    case = Case(model, X.iloc[[len(X) // 4]], "paired", 100_000)
    n_audio = case.components.n_audio
    crossed = case.explain("crossed", (40_000, 8000), 10_000).weights[0]
    pairs = [case.explain("crossed", 200, 20_000 + s, interactions="cross") for s in range(100)]
    interactions = np.mean([e.interaction_terms.weights[0] for e in pairs], axis=0)

    rows = []
    for design, n_samples in DESIGNS:
        runs = [
            case.explain(design, n_samples, seed, interactions="cross")
            for seed in range(options.seeds)
        ]
        weights, std_err = (
            np.stack([getattr(e, n)[0] for e in runs]) for n in ("weights", "std_err")
        )
        terms = [e.interaction_terms for e in runs]
        converged = crossed if design == "crossed" else case.converged
        rows.append(
            {
                "design": design,
                "n_samples": n_samples,
                "weights": held(weights, std_err, converged),
                "audio": held(weights[:, :n_audio], std_err[:, :n_audio], converged[:n_audio]),
                "lyrics": held(weights[:, n_audio:], std_err[:, n_audio:], converged[n_audio:]),
                "interactions": held(
                    np.stack([t.weights[0] for t in terms]),
                    np.stack([t.std_err[0] for t in terms]),
                    interactions,
                ),
                "claimed / actual error": float(
                    np.mean(std_err.mean(axis=0) / weights.std(axis=0))
                ),
            }
        )
        print(rows[-1], flush=True)
    name = "intervals" if options.seeds == 200 else "intervals-quick"
    write_results(name, rows, songs="JamendoLyrics" if folder else "made", seeds=options.seeds)


if __name__ == "__main__":
    main()
