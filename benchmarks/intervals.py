"""How often 95 % intervals hold what all masks would give, in every cell.

Models of 40 components (24 of the audio, 16 words) go by eight of them, so that the true weights
are enumerated. Each is explained with every design, number of masks, kernel and 100 seeds.

"all": share of all intervals that hold the true weight; "large": of those of weights of at least
0.3 of the largest alone; "warned": share of runs that warned of too few masks, or of a few that
decide; "of the rest": "large" of the runs that did not. Weights without error (what a design takes
out) and without interval (fewer masks than 1.5 a component, which warns) are not counted.
"proxy": with the proxy that a function of masks alone has, whose songs can't be heard.
"verdict": "ok" where "all" and "large" are from 0.92 to 0.98, "exact" where nothing has an error,
"warned" where three quarters of the runs or more warn, else "MISSED".

A second table has a real clip and a real model: 200 seeds against converged weights.

The README has a line for each design, number of masks and kernel: the range of both shares over the
models that are "ok", and how many are which. ``results/coverage.json`` has the cells themselves.

    python benchmarks/intervals.py
    python benchmarks/intervals.py --seeds 10    # a quick look
"""

import argparse
from pathlib import Path

import numpy as np
from _cases import SONGS, Case, load_songs
from _games import MODELS, N_AUDIO, N_LYRICS, scores, true_shapley, true_weights
from _proxies import fit_by_masks
from _results import write_results
from joblib import Parallel, delayed

from sklearn_musiclime._explain_one import FEW_DOF
from sklearn_musiclime.commands import demo_model
from sklearn_musiclime.neighbourhood import draw_neighbourhood
from sklearn_musiclime.surrogate import fit_neighbourhood, margin

DESIGNS = {
    "crossed": (100, 200, 1000, (2000, 150)),
    "paired": (100, 200, 1000),
    "independent": (100, 200, 1000),
}
WITH_PROXY = (100, 200, 500)
WIDTHS = (0.1, 0.25, np.inf)
LARGE = 0.3


def cell(name, design, n_samples, kernel, width, n_seeds, has_proxy=False):
    """One row of the table."""
    model = MODELS[name]
    truth = true_shapley(model) if kernel == "shapley" else true_weights(model, width)
    is_large = np.abs(truth) >= LARGE * np.abs(truth).max()
    rounding = 1e-9 * np.abs(truth).max()
    held, held_large, warned = [], [], []
    for seed in range(n_seeds):
        rng = np.random.default_rng([seed, 1])
        drawn = draw_neighbourhood(design, N_AUDIO, N_LYRICS, n_samples, rng, kernel=kernel)
        kernels, answers = {"kernel": kernel, "kernel_width": width}, scores(model, drawn.masks)
        if has_proxy:
            found, _ = fit_by_masks(drawn, answers, **kernels)
        else:
            found = fit_neighbourhood(drawn, answers, **kernels)
        low, high = (bound[0] for bound in found.bounds())
        # What cancels out of a design altogether is exact, and what has no interval has none.
        has_error = np.isfinite(low) & (found.std_err[0] > rounding)
        holds = np.where(has_error, (low <= truth) & (truth <= high), np.nan)
        held.append(holds)
        held_large.append(holds[is_large])
        warned.append(not found.is_sufficient or found.fewest_dof() < FEW_DOF)
    warned = np.array(warned)
    all_, large, rest = (
        np.nanmean(x) if np.isfinite(x).any() else np.nan
        for x in (np.array(held), np.array(held_large), np.array(held_large)[~warned])
    )
    if np.isnan(all_):
        verdict = "warned" if warned.all() else "exact"
    elif all(np.isnan(x) or 0.92 <= x <= 0.98 for x in (all_, large)):
        verdict = "ok"
    else:
        verdict = "warned" if warned.mean() >= 0.75 else "MISSED"
    return {
        "model": name,
        "design": f"{design}, proxy" if has_proxy else design,
        "n_samples": str(n_samples),
        "kernel": "Shapley" if kernel == "shapley" else f"width {width:g}",
        "all": all_,
        "large": large,
        "warned": warned.mean(),
        "of the rest": rest,
        "verdict": verdict,
    }


def game_rows(n_seeds):
    """All cells."""
    cells = [
        (name, design, n_samples, "exponential", width)
        for name in MODELS
        for design, numbers in DESIGNS.items()
        for n_samples in numbers
        for width in WIDTHS
    ] + [
        (name, design, n_samples, "shapley", np.nan)
        for name in MODELS
        for design in ("paired", "independent")
        for n_samples in DESIGNS[design]
    ]
    with_proxy = [
        (name, "paired", n_samples, kernel, 0.25)
        for name in MODELS
        for n_samples in WITH_PROXY
        for kernel in ("exponential", "shapley")
    ]
    return Parallel(n_jobs=-1)(
        delayed(cell)(*c, n_seeds, has_proxy=has_proxy)
        for has_proxy, some in ((False, cells), (True, with_proxy))
        for c in some
    )


def summary(rows):
    """A line for each design, number of masks and kernel."""
    lines = {}
    for row in rows:
        lines.setdefault((row["design"], row["n_samples"], row["kernel"]), []).append(row)
    found = []
    for (design, n_samples, kernel), cells in lines.items():
        line = {"design": design, "n_samples": n_samples, "kernel": kernel}
        for name in ("all", "large"):
            held = [c[name] for c in cells if c["verdict"] == "ok" and np.isfinite(c[name])]
            line[name] = f"{min(held):.3f}-{max(held):.3f}" if held else ""
        verdicts = [c["verdict"] for c in cells]
        found.append(line | {v: verdicts.count(v) for v in ("ok", "exact", "warned", "MISSED")})
    return found


def real_rows(n_seeds, folder):
    """A clip of a real song, with a classifier of spectral statistics and TF-IDF."""
    X, y, _ = load_songs(folder)
    model = demo_model().fit(X[["audio", "lyrics"]], y)
    case = Case(model, X.iloc[[len(X) // 4]], "paired", 100_000)
    n_audio = case.components.n_audio
    crossed = case.explain("crossed", (40_000, 8000), 10_000).weights[0]
    pairs = [case.explain("crossed", 200, 20_000 + s, interactions="cross") for s in range(100)]
    interactions = np.mean([e.interaction_terms.weights[0] for e in pairs], axis=0)
    rows = []
    for design, n_samples in (
        ("independent", 1000), ("paired", 1000), ("crossed", 200), ("crossed", 1000)
    ):  # fmt: skip
        runs = [case.explain(design, n_samples, s, interactions="cross") for s in range(n_seeds)]
        weights, std_err, dof = (
            np.stack([getattr(e, n)[0] for e in runs]) for n in ("weights", "std_err", "dof")
        )
        truth = crossed if design == "crossed" else case.converged
        held = np.abs(weights - truth) <= margin(std_err, dof)
        terms = [e.interaction_terms for e in runs]
        off = np.abs(np.stack([t.weights[0] for t in terms]) - interactions)
        large = np.abs(truth) >= LARGE * np.abs(truth).max()
        rows.append(
            {
                "design": design,
                "n_samples": n_samples,
                "weights": held.mean(),
                "large": held[:, large].mean(),
                "audio": held[:, :n_audio].mean(),
                "lyrics": held[:, n_audio:].mean(),
                "interactions": np.mean(
                    off <= np.stack([margin(t.std_err[0], t.dof[0]) for t in terms])
                ),
                "claimed / actual error": np.mean(std_err.mean(axis=0) / weights.std(axis=0)),
            }
        )
        print(rows[-1], flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, help="runs a cell (default: 100)")
    parser.add_argument("--songs", type=Path, default=SONGS, help="a JamendoLyrics folder")
    options = parser.parse_args()
    quick = "" if options.seeds == 100 else "-quick"
    rows = game_rows(options.seeds)
    missed = [row for row in rows if row["verdict"] == "MISSED"]
    write_results(f"coverage{quick}", summary(rows), seeds=options.seeds, cells=rows)
    print("\n".join(map(str, missed)))
    verdicts = [row["verdict"] for row in rows]
    print({verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)})
    folder = options.songs if options.songs.is_dir() else None
    rows = real_rows(2 * options.seeds, folder)
    write_results(
        f"intervals{quick}", rows, songs="JamendoLyrics" if folder else "made",
        seeds=2 * options.seeds,
    )  # fmt: skip


if __name__ == "__main__":
    main()
