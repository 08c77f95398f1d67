"""Whether weights are as near as `tol` says, and what that takes.

Clips of real songs, and a classifier of spectral statistics and TF-IDF, in two designs. "error":
root mean square error of the weights of at least 0.3 of the largest, as a part of the largest,
against converged ones; "kept": clips whose error is below `tol`.

    python benchmarks/tolerance.py
    python benchmarks/tolerance.py --songs 2    # a quick look
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from _cases import SONGS, Case, load_songs
from _results import write_results

from sklearn_musiclime.commands import demo_model

TOL = 0.1
LARGE = 0.3


def error(weights, truth):
    """Root mean square error of the large weights, as a part of the largest."""
    largest = np.abs(truth).max()
    large = np.abs(truth) >= LARGE * largest
    return float(np.sqrt(np.mean(np.square(weights - truth)[large])) / largest)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--songs", type=int, default=20, help="clips (default: 20)")
    parser.add_argument("--folder", type=Path, default=SONGS, help="a JamendoLyrics folder")
    options = parser.parse_args()
    folder = options.folder if options.folder.is_dir() else None
    X, y, _ = load_songs(folder)
    model = demo_model().fit(X[["audio", "lyrics"]], y)
    found = {"crossed": [], "paired": []}
    warnings.simplefilter("ignore")
    for row in np.linspace(0, len(X) - 1, options.songs).astype(int):
        case = Case(model, X.iloc[[row]], "crossed", (30_000, 6000))
        for design, runs in found.items():
            explanation = case.explain(design, 100, int(row), tol=TOL)
            settings = explanation.settings
            runs.append(
                (
                    error(explanation.weights[0], case.converged),
                    settings["n_audio_masks"],
                    settings["n_lyric_masks"],
                    bool(settings["converged"]),
                )
            )
    rows = []
    for design, runs in found.items():
        errors, audio, lyrics, converged = (np.array(x) for x in zip(*runs, strict=True))
        rows.append(
            {
                "design": design,
                "clips": len(runs),
                "kept": int((errors < TOL).sum()),
                "converged": int(converged.sum()),
                "median error": float(np.median(errors)),
                "largest error": float(errors.max()),
                "median audio masks": int(np.median(audio)),
                "median lyric masks": int(np.median(lyrics)),
            }
        )
    name = "tolerance" if options.songs == 20 else "tolerance-quick"
    write_results(name, rows, songs="JamendoLyrics" if folder else "made", tol=TOL)


if __name__ == "__main__":
    main()
