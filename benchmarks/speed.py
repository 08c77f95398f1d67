"""Speed against the reference procedure, and the error that is paid for it.

In one run, on the same components and models: the time, the calls of the model, the memory and the
error of this package, of the reference procedure at its 5,000 samples (see ``_reference.py``), and
of explainers by others. Clips of 15 s and a full song of JamendoLyrics (made songs, where that
folder is not found); the models tell Hip-Hop from the rest.

An error is the distance of the weights of the predicted label to converged ones, relative to these;
"top-10" is how many of the ten largest weights are the same, "rank" Spearman's correlation; means
over clips and seeds. Errors of the reference are those of this package's "independent" design,
which draws the same masks and solves the same regression, but scores them faster. Over 400 lines,
a function a row of the table.

    python benchmarks/speed.py
    python benchmarks/speed.py --quick          # two minutes; its figures mean nothing
    python benchmarks/speed.py --rows 1,4       # some rows, written to speed-rows.json
"""

import argparse
import os
import time
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import joblib
import librosa
import numpy as np
import pandas as pd
import threadpoolctl
from _cases import (
    KERNEL_WIDTH,
    N_SEGMENTS,
    RATE,
    SONGS,
    Case,
    black_box,
    load_songs,
    sentence_model,
)
from _peers import lime_lyrics, our_black_box, our_lyrics, shap_kernel, shap_permutation
from _reference import (
    ReferenceAudio,
    agreement,
    cut,
    peak_rss,
    reference_masks,
    reference_scores,
    reference_weights,
    seconds_of,
    timed,
    waveform_of,
)
from _results import write_results

from sklearn_musiclime import HPSSSeparator
from sklearn_musiclime.commands import demo_model
from sklearn_musiclime.neighbourhood import compose_audio


@dataclass(frozen=True)
class Sizes:
    """How much of everything; pairs are (audio masks, lyric masks) of a crossed design.

    "auto" is the explainer's default.
    """

    reference: int = 5000
    reference_timed: int = 500
    clip: tuple[int, int] | str = "auto"
    song: tuple[int, int] | str = "auto"
    sentences: tuple[int, int] | str = "auto"
    converged: int = 40_000
    converged_sentences: tuple[int, int] = (20_000, 2000)
    seeds: int = 3
    clips: int = 3
    repeats: int = 5
    few_and_many: tuple[int, int] = (500, 50_000)
    black_box: int = 600
    search_from: int = 40
    peer_calls: int = 1000
    clip_seconds: float | None = None
    song_seconds: float | None = None


QUICK = Sizes(
    reference=40,
    reference_timed=20,
    clip=(40, 20),
    song=(40, 20),
    sentences=(40, 20),
    converged=200,
    converged_sentences=(100, 50),
    seeds=1,
    clips=1,
    repeats=1,
    few_and_many=(20, 60),
    black_box=40,
    search_from=20,
    peer_calls=160,
    clip_seconds=5.0,
    song_seconds=10.0,
)


class Bench:
    """What the rows share: the options, the songs and the models."""

    def __init__(self, sizes, songs):
        self.sizes = sizes
        self.X, self.y, self.full_songs = load_songs(songs)

    @cached_property
    def model(self):
        """Spectral statistics (mel, MFCC), TF-IDF and a logistic regression."""
        return demo_model().fit(self.X[["audio", "lyrics"]], self.y)

    @cached_property
    def clips(self):
        """The middle clip of each of a few songs."""
        rows = [int(np.median(r)) for r in self.X.groupby("song", sort=False).indices.values()]
        songs = [self.X.iloc[[row]] for row in rows[: self.sizes.clips]]
        if self.sizes.clip_seconds is not None:
            songs = [cut(song, self.sizes.clip_seconds) for song in songs]
        return [self._case(self.model, song) for song in songs]

    @cached_property
    def full_song(self):
        """A whole song; for a quick run its beginning."""
        song = self.full_songs.iloc[[0]]
        if self.sizes.song_seconds is not None:
            song = cut(song, self.sizes.song_seconds)
        return self._case(self.model, song)

    @cached_property
    def sentence_clip(self):
        """The first clip and a model that reads with MiniLM."""
        model = sentence_model().fit(self.X[["audio", "lyrics"]], self.y)
        # Crossed, since so many independent texts take the encoder an hour.
        return Case(model, self.clips[0].song, "crossed", self.sizes.converged_sentences)

    def _case(self, model, song):
        return Case(model, song, "paired", self.sizes.converged)


def quality(cases, design, n_samples, n_seeds, **parameters):
    """Mean agreement with the converged weights, over cases and seeds."""
    rows = [
        agreement(case.explain(design, n_samples, seed, **parameters).weights[0], case.converged)
        for case in cases
        for seed in range(n_seeds)
    ]
    return pd.DataFrame(rows).mean().to_dict()


def time_reference(bench, case, n_timed):
    """Seconds of the reference procedure, and its weights if all of its samples were scored.

    The time of its samples is that of the first `n_timed` of them, scaled up.
    """
    n_samples, components = bench.sizes.reference, case.components
    n_timed = min(n_timed, n_samples)
    audio = ReferenceAudio(components.audio)
    masks = reference_masks(n_samples, len(components), seed=0)
    predict = case.model.predict_proba
    reference_scores(predict, components, audio, masks[:2])  # warms up
    sampling, scores = timed(lambda: reference_scores(predict, components, audio, masks[:n_timed]))
    repeated = np.resize(scores, (n_samples, scores.shape[1]))
    fitting, weights = timed(lambda: reference_weights(masks, repeated, KERNEL_WIDTH))
    own = weights[np.argmax(scores[0])] if n_timed == n_samples else None
    return sampling * n_samples / n_timed + fitting, own


def reference_separation(waveform):
    """HPSS as a user of librosa writes it: STFT, masks, two inverse STFTs."""
    parts = librosa.decompose.hpss(librosa.stft(waveform))
    return np.stack([librosa.istft(part, length=len(waveform)) for part in parts])


def versus(work, target, ours, reference, **columns):
    """A row: our time, the reference's, and the ratio that is aimed at."""
    return {
        "work": work,
        "ours s": ours,
        "reference s": reference,
        "ratio": reference / ours,
        "asked": target,
    } | columns


def compare(bench, work, target, cases, pair, *, n_timed, n_reference_seeds):
    """Compare with the reference procedure, without the separation and with it."""
    case, sizes = cases[0], bench.sizes
    drawn = case.explain("crossed", pair).settings
    reference, weights = time_reference(bench, case, n_timed)
    errors = quality(cases, "crossed", pair, sizes.seeds)
    theirs = quality(cases, "independent", sizes.reference, n_reference_seeds)
    columns = {f"our {name}": value for name, value in errors.items()}
    columns |= {f"reference {name}": value for name, value in theirs.items()}
    columns |= {
        "our calls": f"{drawn['n_audio_masks']} audio, {drawn['n_lyric_masks']} lyrics",
        "reference calls": f"{sizes.reference}",
    }
    note = f"reference timed on {min(n_timed, sizes.reference)} samples"
    if weights is not None:
        note += f", whose own error is {agreement(weights, case.converged)['error']:.3f}"
    note += (
        f"; errors over {len(cases)} song(s), {sizes.seeds} seeds (reference {n_reference_seeds}), "
        f"to {case.converged_design} {case.converged_samples}"
    )
    hpss = seconds_of(lambda: reference_separation(waveform_of(case.song)), 1)
    known = {"separator": case.separator}
    rows = []
    for what, more, parameters in (
        ("", 0.0, known),
        (", HPSS included", hpss, {"separator": HPSSSeparator()}),
        (", HPSS included, in 2 threads", hpss, {"separator": HPSSSeparator(n_jobs=2)}),
        (", with all interactions", 0.0, known | {"interactions": "cross"}),
    ):
        ours = seconds_of(partial(case.explain, "crossed", pair, **parameters), sizes.repeats)
        rows.append(versus(work + what, target, ours, reference + more, **columns, note=note))
    return rows


def row_clip(bench):
    """Row 1."""
    return compare(
        bench,
        "15 s clip, TF-IDF",
        200,
        bench.clips,
        bench.sizes.clip,
        n_timed=bench.sizes.reference,
        n_reference_seeds=bench.sizes.seeds,
    )


def row_full_song(bench):
    """Row 2."""
    seconds = len(waveform_of(bench.full_song.song)) / RATE
    return compare(
        bench,
        f"full song ({seconds:.0f} s), TF-IDF",
        400,
        [bench.full_song],
        bench.sizes.song,
        n_timed=bench.sizes.reference_timed,
        n_reference_seeds=bench.sizes.seeds,
    )


def row_sentences(bench):
    """Row 3; errors of the reference with one seed, since they cost the encoder every text."""
    return compare(
        bench,
        "15 s clip, MiniLM",
        60,
        [bench.sentence_clip],
        bench.sizes.sentences,
        n_timed=bench.sizes.reference_timed,
        n_reference_seeds=1,
    )


def row_separation(bench):
    """Row 4."""
    waveform = waveform_of(bench.full_song.song)
    ours = seconds_of(lambda: HPSSSeparator().separate(waveform, RATE), bench.sizes.repeats)
    reference = seconds_of(lambda: reference_separation(waveform), bench.sizes.repeats)
    sources, expected = HPSSSeparator().separate(waveform, RATE)[1], reference_separation(waveform)
    difference = float(np.linalg.norm(sources - expected) / np.linalg.norm(expected))
    note = f"STFT and inverse included; sources differ by {difference:.1e} relative"
    return [versus("HPSS of the full song", 4, ours, reference, note=note)]


def row_composing(bench):
    """Row 5."""
    rows = []
    for name, case in (("15 s clip", bench.clips[0]), ("full song", bench.full_song)):
        audio = case.components.audio
        masks = reference_masks(50, len(audio), seed=0)
        ours = seconds_of(lambda audio=audio, masks=masks: [compose_audio(audio, m) for m in masks])
        for full_length, how in ((True, "arrays as long as the song"), (False, "blocks")):
            reference = ReferenceAudio(audio, full_length=full_length)
            seconds = seconds_of(lambda r=reference, masks=masks: [r.compose(m) for m in masks], 3)
            work = f"composing a sample, {name}, against {how}"
            rows.append(versus(work, 4, ours / 50, seconds / 50))
            del reference
    return rows


def row_calls(bench):
    """Row 6: the fewest samples whose error is no larger than the reference's.

    Searched in steps of a fifth. The weights are those of a black box, with a proxy and without;
    they are computed the fast way, since the way does not change them.
    """
    sizes, cases = bench.sizes, bench.clips
    target = quality(cases, "independent", sizes.reference, sizes.seeds)
    rows = []
    for what, design, proxy, of in (
        ("black box", "paired", "auto", lambda n: n),
        ("black box without a proxy", "paired", None, lambda n: n),
        ("factored, encoder calls a modality", "crossed", None, lambda n: (n, n)),
    ):
        n_samples, error = sizes.search_from, np.inf
        while n_samples < sizes.reference:
            n_masks = of(n_samples - n_samples % 2)
            found = quality(cases, design, n_masks, sizes.seeds, proxy=proxy)
            error = found["error"]
            if error <= target["error"]:
                break
            n_samples = int(np.ceil(n_samples * 1.2))
        n_samples -= n_samples % 2
        columns = {f"our {name}": value for name, value in found.items()}
        columns |= {f"reference {name}": value for name, value in target.items()}
        rows.append(
            {
                "work": f"calls for the same error, {what}",
                "ratio": sizes.reference / n_samples,
                "asked": 4,
                "our calls": f"{n_samples}",
                "reference calls": f"{sizes.reference}",
                **columns,
                "note": f"design {design!r}",
            }
        )
    return rows


def row_jobs(bench):
    """Row 7; the BLAS has one thread on both sides, or it would use the second core as well."""
    case, n_samples = bench.clips[0], bench.sizes.black_box
    model = black_box(case.model)

    def explain(n_jobs):
        return case.explain("paired", n_samples, model=model, n_jobs=n_jobs)

    with threadpoolctl.threadpool_limits(1):
        two = seconds_of(partial(explain, 2), min(bench.sizes.repeats, 3))
        one = seconds_of(partial(explain, 1), 1)
    note = f"{n_samples} samples; ours is n_jobs=2, the other n_jobs=1; {joblib.cpu_count()} CPUs"
    return [versus("n_jobs=2 against 1, black box", 1.7, two, one, note=note)]


def row_samples(bench):
    """Row 8."""
    few, many = bench.sizes.few_and_many
    case = bench.clips[0]
    seconds = [
        seconds_of(partial(case.explain, "crossed", n), bench.sizes.repeats) for n in (few, many)
    ]
    return [
        {
            "work": f"{many} samples against {few}, 15 s clip",
            "ours s": seconds[1],
            "reference s": seconds[0],
            "ratio": seconds[1] / seconds[0],
            "asked": "< 3",
            "note": f"'reference' is ours at {few}; the ratio is what the larger costs",
        }
    ]


def explain_full(case, parameters):
    """What a process of its own does to have its memory measured."""
    case.explain(**parameters)


def reference_full(case, parameters):
    """The same for the reference; its samples share the memory, so a few will do."""
    components = case.explain("independent", 2, separator=parameters["separator"]).components
    audio = ReferenceAudio(components.audio, full_length=True)
    masks = reference_masks(4, len(components), seed=0)
    reference_scores(case.model.predict_proba, components, audio, masks)


def explain_second(case, parameters):
    """Load what is loaded late, on a second of audio."""
    short = replace(case, song=cut(case.song, 1.0))
    parameters = parameters | {"n_samples": 50, "separator": HPSSSeparator()}
    short.explain(**parameters)


def row_memory(bench):
    """Row 9."""
    few, many = bench.sizes.reference, bench.sizes.few_and_many[1]
    case = replace(bench.full_song)  # without the sources and components that it remembers
    known = {"separator": bench.full_song.separator}
    rows = []
    n_bytes = waveform_of(case.song).nbytes * 2 * N_SEGMENTS
    for what, function, parameters in (
        (f"{few} samples", explain_full, {"n_samples": few} | known),
        (f"{many} samples", explain_full, {"n_samples": many} | known),
        (f"{few} samples, HPSS included", explain_full, {"n_samples": few}),
        ("the reference", reference_full, known),
    ):
        parameters = {"design": "crossed", "separator": HPSSSeparator()} | parameters
        reference = function is reference_full
        megabytes = peak_rss(function, explain_second, case, parameters)
        row = {"work": f"peak memory, full song, {what}", "MB": megabytes}
        if not reference:
            row["asked"] = "< 300"
        note = "resident memory of a fresh process, over that with the song loaded"
        if reference:
            # Silence that no one has written to is allocated, but not resident.
            note += (
                f" and its sources; its components are {n_bytes / 1e6:.0f} MB, most of it silence"
            )
        elif "HPSS" not in what:
            note += " and its sources"
        rows.append(row | {"note": note})
    return rows


def row_peers(bench):
    """Row 10: each explainer twice; its error is the spread of the two.

    They estimate different things, so none is measured by another's converged weights. The distance
    of two runs, over the root of 2 and the size of their mean, is the sampling error of one.
    """
    case, n_calls = bench.clips[0], bench.sizes.peer_calls
    case.components, case.separator  # noqa: B018  (found before the clock starts)
    rows = []
    for work, explain in (
        ("lime LimeTextExplainer, lyrics, audio encoded once", lime_lyrics),
        ("this package, lyrics, factored model", our_lyrics),
        ("shap PermutationExplainer, black box", shap_permutation),
        ("shap KernelExplainer, black box", shap_kernel),
        ("this package, black box", our_black_box),
    ):
        explain(case, max(n_calls // 10, 2), 0)  # imports and compiles
        seconds, runs = zip(
            *(timed(partial(explain, case, n_calls, seed)) for seed in (1, 2)), strict=True
        )
        (one, calls), (two, _) = runs
        spread = np.linalg.norm(one - two) / np.sqrt(2) / np.linalg.norm((one + two) / 2)
        rows.append(
            {
                "work": work,
                "ours s" if work.startswith("this") else "reference s": float(np.mean(seconds)),
                "our calls" if work.startswith("this") else "reference calls": str(calls),
                "our error" if work.startswith("this") else "reference error": float(spread),
                "note": "15 s clip; error: spread of two runs around their own mean",
            }
        )
    return rows


ROWS = {
    1: row_clip,
    2: row_full_song,
    3: row_sentences,
    4: row_separation,
    5: row_composing,
    6: row_calls,
    7: row_jobs,
    8: row_samples,
    9: row_memory,
    10: row_peers,
}
COLUMNS = [
    "work",
    "ours s",
    "reference s",
    "ratio",
    "asked",
    "our error",
    "reference error",
    "our top-10",
    "reference top-10",
    "our rank",
    "reference rank",
    "our calls",
    "reference calls",
    "MB",
    "note",
]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", help="numbers of rows, such as 1,4 (default: all)")
    parser.add_argument("--quick", action="store_true", help="a small run, to see that all works")
    parser.add_argument("--songs", type=Path, default=SONGS, help="a JamendoLyrics folder")
    parser.add_argument(
        "--reference-samples",
        type=int,
        metavar="N",
        help="samples that the reference is timed on for the full song and MiniLM (default: 500)",
    )
    return parser.parse_args()


def main():
    options = arguments()
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    sizes = QUICK if options.quick else Sizes()
    if options.reference_samples is not None:
        sizes = replace(sizes, reference_timed=options.reference_samples)
    chosen = list(ROWS) if options.rows is None else [int(n) for n in options.rows.split(",")]
    songs = options.songs if options.songs.is_dir() else None
    bench = Bench(sizes, songs)

    rows, started = [], time.perf_counter()
    for number in chosen:
        seconds, found = timed(partial(ROWS[number], bench))
        print(f"Row {number} took {seconds:.0f} s", flush=True)
        rows += [{"row": number} | row for row in found]
    print(f"All took {time.perf_counter() - started:.0f} s\n")
    columns = ["row"] + [c for c in COLUMNS if any(c in row for row in rows)]
    # An empty string where a row has no such figure: JSON has no NaN.
    rows = [{column: row.get(column, "") for column in columns} for row in rows]
    name = "speed" if options.rows is None and not options.quick else "speed-rows"
    write_results(name, rows, songs="JamendoLyrics" if songs else "make_songs", **vars(sizes))


if __name__ == "__main__":
    main()
