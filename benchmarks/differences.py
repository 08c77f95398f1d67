"""Two versions of a model on the same masks, against an explanation of each.

"real": versions that were trained on real songs, with and without some of them. How many
components of a song differ by more than two errors, when both versions score the same masks, and
when each is explained by itself.

"planted": functions of masks that differ by a planted amount in some components. How often the 95 %
intervals of differences cover what is true, and of the differences that are held to be real, how
many are none and how many are found; the latter with errors of two explanations as well ("apart").

"over songs": the same of mean differences over songs, tested by recording.

"confounder": a model that was trained on songs in which a word, or a sound, goes along with a class
against one that was trained on the same songs without. In how many runs the confounder comes first
of all components, and is significant.

    python benchmarks/differences.py
    python benchmarks/differences.py --seeds 20    # a quick look
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from _proxies import fit_by_masks
from _results import write_results
from joblib import Parallel, delayed
from scipy import stats
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import (
    GlobalExplanation,
    MusicLimeExplainer,
    UniformSegmenter,
    explain_difference,
    make_fusion_pipeline,
)
from sklearn_musiclime.datasets import load_jamendo_lyrics, make_songs
from sklearn_musiclime.neighbourhood import NEW, OLD, difference_of, draw_neighbourhood, of_version
from sklearn_musiclime.results.aggregation import Aggregator
from sklearn_musiclime.results.differences import global_differences, t_test
from sklearn_musiclime.results.summaries import Component, SongSummary
from sklearn_musiclime.surrogate import fit_neighbourhood, margin

SONGS = Path("shared/data/jamendolyrics")
SIZES = (20, 30)
PROXY = ", proxy"
CASES = (("crossed", (200, 120)), ("paired", 300), ("paired, proxy", 300), ("independent", 600))
N_CHANGED = 6
"""Components of each modality that the new version weighs differently."""
N_CONFOUNDED = 20
FDR = 0.05


def real(path):
    """Rows of a clip of a real song: versions with more songs or clips, factored or black boxes."""
    clips = load_jamendo_lyrics(path)
    classes = np.where(clips["genre"] == "Hip-Hop", "Hip-Hop", "other")
    row = int(np.flatnonzero(classes == "Hip-Hop")[2])
    others = (clips["song"] != clips["song"][row]).to_numpy()
    new = make_fusion_pipeline().fit(clips[others], classes[others])
    is_pop = others & (clips["genre"] == "Pop").to_numpy()
    (of_song, *_) = sorted(set(clips["song"][is_pop]))
    left_out = {
        "a song": is_pop & (clips["song"] == of_song).to_numpy(),
        "a clip": np.arange(len(clips)) == np.flatnonzero(is_pop)[0],
    }
    rows = []
    for more, without in left_out.items():
        seen = others & ~without
        old = make_fusion_pipeline().fit(clips[seen], classes[seen])
        for name, design, n_samples in (
            ("factored", "crossed", (600, 150)), ("black box", "paired", 300)
        ):  # fmt: skip
            settings = MusicLimeExplainer(
                None, segmenter=UniformSegmenter(5), design=design, n_samples=n_samples,
                interactions=None, random_state=0,
            )  # fmt: skip
            row_of = real_row(old, new, clips.iloc[[row]], settings)
            rows.append({"part": "real", "case": f"{more} more, {name}"} | row_of)
    return rows


def real_row(old, new, song, settings):
    """How many components differ, by one run and by an explanation of each version."""
    found = explain_difference(old, new, song, "Hip-Hop", explainer=settings).explanations[0]
    apart = []
    for seed, model in ((1, old), (2, new)):  # each has masks of its own
        known = settings.get_params(deep=False)
        own = MusicLimeExplainer(**known | {"model": FrozenEstimator(model), "random_state": seed})
        apart.append(own.fit(song).explain(song, "Hip-Hop")[0])
    frame = found.to_frame()
    of_two = apart[1].weights[0] - apart[0].weights[0]
    error = np.hypot(*(e.std_err[0] for e in apart))
    return {
        "components": len(frame),
        "beyond two errors": int((frame["difference"].abs() > 2 * frame["std_err"]).sum()),
        "of two explanations": int((np.abs(of_two) > 2 * error).sum()),
        "errors, apart / together": float(np.median(error / frame["std_err"])),
    }


def versions(rng, n_changed=N_CHANGED):
    """Scores of both versions as a function of masks, and the true Banzhaf differences."""
    n = sum(SIZES)
    effects = rng.normal(size=n) / np.sqrt(n)
    triples = np.array([rng.permutation(n)[:3] for _ in range(12)])
    change = np.zeros(n)
    changed = np.concatenate([rng.permutation(SIZES[0])[:n_changed],
                              SIZES[0] + rng.permutation(SIZES[1])[:n_changed]])  # fmt: skip
    change[changed] = rng.choice([-1, 1], len(changed)) * rng.uniform(0.05, 0.3, len(changed))
    others = np.array([rng.permutation(n)[:3] for _ in range(12)])

    def score(masks):
        x, signs = masks.astype(float), 2.0 * masks - 1
        common = np.tanh(3 * (x @ effects)) + 0.3 * signs[:, triples].prod(axis=2).sum(axis=1)
        # Products of signs have no Banzhaf value: they are what blurs the difference.
        blur = 0.1 * signs[:, others].prod(axis=2).sum(axis=1)
        return np.column_stack([common, common + x @ change + blur])

    return score, change


def planted(design, n_samples, seed):
    """Of one seed: covered, false and found differences, together and apart."""
    rng = np.random.default_rng([seed, 21])
    score, truth = versions(rng)
    drawn = draw_neighbourhood(design.removesuffix(PROXY), *SIZES, n_samples, rng)
    old, new = score(drawn.masks).T
    columns = np.column_stack([new - old, old, new])
    if design.endswith(PROXY):
        fitted, _ = fit_by_masks(drawn, columns, kernel_width=np.inf)
    else:
        fitted = fit_neighbourhood(drawn, columns, kernel_width=np.inf)
    reach = margin(fitted.std_err[0], fitted.dof[0])
    covered = np.abs(fitted.weights[0] - truth) <= reach
    is_real = truth != 0
    counts = []
    errors = (fitted.std_err[0], np.hypot(*fitted.std_err[1:]))
    for error in errors:
        p_values = t_test(fitted.weights[0], error, fitted.dof[0])
        found = stats.false_discovery_control(p_values) <= FDR
        counts += [(found & ~is_real).sum() / max(found.sum(), 1), found[is_real].mean()]
    return (
        covered[is_real].mean(),
        covered[~is_real].mean(),
        *counts,
        np.median(errors[1] / errors[0]),
    )


def over_songs(n_songs, n_recordings, seed):
    """Of one seed: the share of false ones among differences over songs, and what is found."""
    rng = np.random.default_rng([seed, 22])
    words = [Component(f"w{k}", "lyrics") for k in range(40)]
    mean, spread = np.zeros(len(words)), rng.uniform(0.02, 0.2, len(words))
    mean[:8] = 0.15
    recording = np.arange(n_songs) % n_recordings
    own = rng.normal(0, spread, (n_recordings, len(words)))  # clips of a recording are alike
    aggregator = Aggregator(recording)
    for row in range(n_songs):
        held = np.flatnonzero(rng.random(len(words)) < np.linspace(0.9, 0.15, len(words)))
        values = mean + own[recording[row]] + rng.normal(0, 0.05, len(words))
        old = rng.normal(0, 0.3, len(words))
        labels = [difference_of("pop"), of_version(OLD, "pop"), of_version(NEW, "pop")]
        aggregator.add(SongSummary(
            title="", row=row, track_id=row, labels=labels, scores=np.zeros(3),
            fidelity=np.ones(3), shares=np.full((3, 3), np.nan),
            components=[words[k] for k in held],
            weights=np.stack([values, old, old + values])[:, held],
            pairs=np.zeros((0, 2), dtype=int), pair_weights=np.zeros((3, 0)), n_segments=1,
        ))  # fmt: skip
    both = GlobalExplanation.from_aggregate(aggregator.result())
    frame = global_differences(both, "pop", fdr=FDR, min_groups=2)
    found = set(frame["component"][frame["significant"]])
    real_ones = {f"w{k}" for k in range(8)}
    covered = frame["low"].le(frame["component"].isin(real_ones) * 0.15) & frame["high"].ge(
        frame["component"].isin(real_ones) * 0.15
    )
    return covered.mean(), len(found - real_ones) / max(len(found), 1), len(found & real_ones) / 8


def confounder(kind, seed):
    """Whether what was planted comes first of all components."""
    rng = np.random.default_rng([seed, 23])
    X, y, _, _ = make_songs(40, duration=1.0, random_state=seed)
    X = X.drop(columns="word_times")
    train, held_out = np.arange(32), np.arange(32, 40)
    planted_songs = X.copy()
    with_it = np.where(y == "wild", rng.random(len(y)) < 0.95, rng.random(len(y)) < 0.05)
    with_it[held_out] = True
    segment = int(rng.integers(4))
    for row in np.flatnonzero(with_it):
        if kind == "word":
            planted_songs.loc[row, "lyrics"] = X["lyrics"][row] + " confounder"
        else:
            cell = dict(X["audio"][row])
            wave = cell["array"].copy()
            quarter = len(wave) // 4
            place = slice(segment * quarter, (segment + 1) * quarter)
            time = np.arange(quarter) / cell["sampling_rate"]
            wave[place] += 0.2 * np.sin(2 * np.pi * 4000 * time).astype(wave.dtype)
            planted_songs.at[row, "audio"] = cell | {"array": wave}
    old, new = (
        make_fusion_pipeline().fit(songs.iloc[train], y[train]) for songs in (X, planted_songs)
    )
    settings = MusicLimeExplainer(
        None, separator=None, segmenter=UniformSegmenter(4), n_samples=(60, 120), link="logit",
        interactions=None, random_state=seed,
    )  # fmt: skip
    found = explain_difference(
        old, new, planted_songs.iloc[held_out], "wild", explainer=settings, keep_explanations=False
    ).to_frame()
    name = "confounder" if kind == "word" else f"mix@{segment}"
    first = found.iloc[0]
    return first["component"] == name and bool(first["significant"])


def repeated(function, *arguments, n_seeds):
    """Means of what a function returns, over seeds."""
    found = Parallel(n_jobs=-1)(delayed(function)(*arguments, seed) for seed in range(n_seeds))
    return np.mean(found, axis=0).tolist()


def of_planted(design, n_samples, n_seeds):
    """A row of planted differences."""
    n_seeds = n_seeds // 4 if design.endswith(PROXY) else n_seeds
    of_real, of_others, false, power, _, power_apart, ratio = repeated(
        planted, design, n_samples, n_seeds=n_seeds
    )
    return {
        "part": "planted", "case": f"{design}, {n_samples}", "runs": n_seeds,
        "components": sum(SIZES), "errors, apart / together": ratio,
        "coverage, changed": of_real, "coverage, others": of_others, "false / found": false,
        "found": power, "found apart": power_apart,
    }  # fmt: skip


def of_songs(n_songs, n_recordings, n_seeds):
    """A row of differences over songs."""
    covered, false, power = repeated(over_songs, n_songs, n_recordings, n_seeds=n_seeds)
    return {
        "part": "over songs", "case": f"{n_songs} songs of {n_recordings} recordings",
        "runs": n_seeds, "components": 40, "coverage, others": covered, "false / found": false,
        "found": power,
    }  # fmt: skip


def of_confounder(kind, n_seeds):
    """A row of confounders."""
    found = repeated(confounder, kind, n_seeds=n_seeds)
    return {"part": "confounder", "case": f"a {kind}", "runs": n_seeds, "found": found}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200, help="seeds a row (default: 200)")
    parser.add_argument("--songs", type=Path, default=SONGS, help="a JamendoLyrics folder")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = [
        *real(options.songs),
        *(of_planted(*case, options.seeds) for case in CASES),
        *(of_songs(*numbers, options.seeds) for numbers in ((12, 12), (40, 40), (120, 30))),
        *(of_confounder(kind, min(N_CONFOUNDED, options.seeds)) for kind in ("word", "sound")),
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    rows = [{name: row.get(name, "") for name in columns} for row in rows]
    name = "differences" if options.seeds == 200 else "differences-quick"
    write_results(name, rows, seeds=options.seeds)


if __name__ == "__main__":
    main()
