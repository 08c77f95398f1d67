"""Many songs: how time and memory grow with them, and what the stream costs beside explaining.

Each row is a process of its own. All windows of the real songs (made ones, where JamendoLyrics is
not found) are explained by default settings with the command line's demo model, on several joblib
backends whose workers are started beforehand; short made-up songs are explained by a stub, to see
what the stream itself costs. Overhead is the time of ``explain_global`` that is not spent on
explaining a song, which is measured in the same run; memory is how far the main process's peak
rises above what it held before the call, with a song explained already (Linux).

    python benchmarks/corpus.py
    python benchmarks/corpus.py --quick        # a few songs a row; its figures mean nothing
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import numpy as np
from _cases import SONGS, load_songs
from _results import write_results
from joblib import parallel_config
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import MusicLimeExplainer
from sklearn_musiclime._explain_one import SongExplainer
from sklearn_musiclime.commands import demo_model

WINDOWS = (15, 30, 60)
SHORT = (500, 1500, 5000)
N_WORDS = 12


def stub(songs):
    """A model that costs nothing."""
    return np.array([[len(words), 100 - len(words)] for words in songs[:, 1]], dtype=float)


def short_songs(n):
    """Songs of half a second and twelve words out of 300."""
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(300)]
    X = np.empty((n, 2), dtype=object)
    for row in range(n):
        waveform = rng.normal(0, 0.1, 4000).astype(np.float32)
        X[row] = [waveform, " ".join(rng.choice(words, N_WORDS))]
    return X


def make_case(work, n_songs, folder):
    """Songs and an explainer of them."""
    if work == "short songs":
        explainer = MusicLimeExplainer(
            stub, separator=None, n_samples=50, sampling_rate=8000, random_state=0
        )
        return short_songs(n_songs), explainer
    X, y, _ = load_songs(folder)
    model = demo_model().fit(X[["audio", "lyrics"]], y)
    explainer = MusicLimeExplainer(FrozenEstimator(model), random_state=0)
    return X.iloc[np.arange(n_songs) % len(X)].reset_index(drop=True), explainer


class Clock:
    """Adds up the time that explaining takes in this process."""

    def __init__(self):
        self.seconds = 0.0
        inner = SongExplainer.explain

        def explain(*arguments, **options):
            begin = perf_counter()
            try:
                return inner(*arguments, **options)
            finally:
                self.seconds += perf_counter() - begin

        SongExplainer.explain = explain


def resident_mb(what):
    """Megabytes of this process: ``VmRSS``, now, or ``VmHWM``, at most since the last reset."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    raise OSError(f"/proc/self/status has no {what}")


def reset_peak():
    """Give freed memory back to the system, and forget the peak so far."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def start_backend(stack, backend):
    if backend == "dask":
        import distributed

        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        )
        stack.enter_context(cluster)
        stack.enter_context(distributed.Client(cluster))
    elif backend == "ray":
        import ray
        from ray.util.joblib import register_ray

        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        stack.callback(ray.shutdown)
        register_ray()
    stack.enter_context(parallel_config(backend=backend))


def measure(setting, folder):
    """Time and memory of one run."""
    X, explainer = make_case(setting["work"], setting["songs"], folder)
    with ExitStack() as stack:
        if setting["cache"]:
            place = stack.enter_context(tempfile.TemporaryDirectory())
            explainer.set_params(memory=place)
        explainer.set_params(n_jobs=setting["n_jobs"]).fit(X)
        explainer.explain_global(X[:1])
        if setting["n_jobs"] > 1:
            start_backend(stack, setting["backend"])
            explainer.explain_global(X[-2 * setting["n_jobs"] :])
        if setting["cache"] == "again":
            explainer.explain_global(X)
        clock = Clock()
        reset_peak()
        before = resident_mb("VmRSS")
        begin = perf_counter()
        explanation = explainer.explain_global(X)
        seconds = perf_counter() - begin
    assert len(explanation.songs) == len(X)
    rise = resident_mb("VmHWM") - before
    figures = {"s": seconds, "ms a song": 1e3 * seconds / len(X), "MB": rise}
    if setting["n_jobs"] == 1:
        figures["overhead, ms a song"] = 1e3 * (seconds - clock.seconds) / len(X)
    return figures


def settings(quick):
    windows, short = ((2, 4), (20, 40)) if quick else (WINDOWS, SHORT)
    base = {"backend": "", "n_jobs": 1, "cache": ""}
    rows = [{"work": "15 s windows", "songs": n} | base for n in windows]
    for backend in ("loky", "dask", "ray"):
        rows.append(rows[len(windows) - 1] | {"backend": backend, "n_jobs": 2})
    rows += [{"work": "short songs", "songs": n} | base for n in short]
    rows += [rows[-1] | {"cache": cache} for cache in ("first", "again")]
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small run, to see that all works")
    parser.add_argument("--songs", type=Path, default=SONGS, help="a JamendoLyrics folder")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.songs if options.songs.is_dir() else None
    if options.one:
        print(json.dumps(measure(json.loads(options.one), folder)))
        return
    rows = []
    for setting in settings(options.quick):
        command = [sys.executable, __file__, "--songs", str(options.songs)]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run(
            [*command, "--one", json.dumps(setting)],
            capture_output=True, text=True, env=environment,
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"{setting}: {done.stderr}")
        figures = json.loads(done.stdout.strip().splitlines()[-1])
        rows.append(setting | {"overhead, ms a song": ""} | figures)
        print(rows[-1], flush=True)
    name = "corpus-quick" if options.quick else "corpus"
    write_results(name, rows, songs="JamendoLyrics" if folder else "made")


if __name__ == "__main__":
    main()
