"""Ten thousand songs: time and memory of a corpus run that leaves a record, and what it holds.

Windows of 10 to 15 s are cut from the real songs (made ones, where JamendoLyrics is not found) at
random places, and varied in gain, speed and pitch; each is a FLAC file of its own. They are
explained with a fixed budget of masks by ``explain_global(out=)`` on two workers, with the command
line's demo model (spectral statistics and TF-IDF, a factored model), the mix as one source. A row
is a tenth of the songs: wall and processor seconds of parent and workers, and the memory that each
held at its end (Linux), so that it shows what grows. Then a record of a million rows, made of
copies of these songs, is loaded and aggregated, and asked in SQL. Then short songs are explained to
a given precision by a planted rule (loudness of three parts and one word, more or less in each
song), against all of them with all masks.

    python benchmarks/scale.py                     # 10,000 windows: hours
    python benchmarks/scale.py --windows 500
    python benchmarks/scale.py --windows 20 --quick    # its figures mean nothing
"""

import argparse
import json
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import soundfile
from _cases import SONGS, load_songs
from _reference import waveform_of
from _results import write_results
from joblib import Parallel, delayed
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import GlobalExplanation, MusicLimeExplainer
from sklearn_musiclime.commands import demo_model
from sklearn_musiclime.results.record.rows import SongRows, json_of
from sklearn_musiclime.results.record.writing import RecordWriter

RATE = 22050
N_SAMPLES = (200, 200)
TICKS = os.sysconf("SC_CLK_TCK")


def make_windows(clips, n_windows, folder, n_jobs):
    """Cut and vary clips; a table of their files and lyrics."""
    parts = np.array_split(np.arange(n_windows), min(n_windows, 10 * n_jobs))
    done = Parallel(n_jobs)(delayed(write_windows)(clips, numbers, folder) for numbers in parts)
    rows = [row for part in done for row in part]
    return pd.DataFrame(rows, index=[f"window {i}" for i in range(n_windows)])


def write_windows(clips, numbers, folder):
    """Write the files of windows, each of which depends on its number alone."""
    rows = []
    for number in numbers:
        rng = np.random.default_rng(number)
        clip = clips.iloc[[rng.integers(len(clips))]]
        waveform, words = waveform_of(clip), clip["lyrics"].iloc[0].split()
        whole = len(waveform) / RATE
        seconds = rng.uniform(10.0, whole)
        start = rng.uniform(0.0, whole - seconds)
        speed = rng.uniform(0.9, 1.1)  # and pitch: by resampling
        places = np.arange(start * RATE, (start + seconds) * RATE - 1, speed)
        part = np.interp(places, np.arange(len(waveform)), waveform)
        part *= 10 ** rng.uniform(-0.3, 0.0) / max(1.0, np.abs(part).max())
        path = folder / f"{number:06d}.flac"
        soundfile.write(path, part, RATE, subtype="PCM_16")
        first, last = (int(t / whole * len(words)) for t in (start, start + seconds))
        rows.append({"audio": str(path), "lyrics": " ".join(words[first:last])})
    return rows


class Watch(threading.Thread):
    """Notes processor time and memory of this process and its children as a run goes on."""

    def __init__(self, report):
        super().__init__(daemon=True)
        self._report, self._end = report, threading.Event()
        self.notes, self._begin = [], time.monotonic()

    def run(self):
        """Note what is used each second."""
        while not self._end.wait(1.0):
            self._note()

    def close(self):
        """Note it a last time."""
        self._note()
        self._end.set()

    def _note(self):
        try:
            done = json.loads(self._report.read_text())["n_new"]
        except (OSError, ValueError):
            done = 0
        parent, children = _usage(os.getpid()), [_usage(pid) for pid in _children(os.getpid())]
        self.notes.append({
            "songs": done,
            "s": time.monotonic() - self._begin,
            "cpu": parent[0] + sum(cpu for cpu, _ in children),
            "parent MB": parent[1],
            "worker MB": max((mb for _, mb in children), default=0.0),
        })  # fmt: skip


def _children(pid):
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            child = int(path.parent.name)
            found += [child, *_children(child)]
    return found


def _usage(pid):
    """Processor seconds and resident megabytes of a process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * 4096 / 2**20


def tenths(notes, n_songs):
    """A row a tenth of the songs, from what was noted when it was done."""
    rows, before = [], next(n for n in reversed(notes) if n["songs"] == 0)
    for tenth in range(1, 11):
        bound = n_songs * tenth // 10
        now = next((n for n in notes if n["songs"] >= bound), notes[-1])
        n = now["songs"] - before["songs"]
        if n > 0:
            rows.append({
                "songs": now["songs"],
                "s a song": (now["s"] - before["s"]) / n,
                "CPU s a song": (now["cpu"] - before["cpu"]) / n,
                "parent MB": now["parent MB"],
                "worker MB": now["worker MB"],
            })  # fmt: skip
        before = now
    return rows


def measure_run(model, X, folder, n_jobs):
    out = folder / "explanations.parquet"
    explainer = MusicLimeExplainer(
        FrozenEstimator(model), separator=None, n_samples=N_SAMPLES, interactions=None,
        random_state=0, n_jobs=n_jobs,
    )  # fmt: skip
    explainer.fit(X)
    watch = Watch(folder / "explanations.run.json")
    watch.start()
    begin = time.monotonic()
    found = explainer.explain_global(X, out=out, on_error="warn")
    seconds = time.monotonic() - begin
    watch.close()
    print(found.run)
    again = explainer.explain_global(X, out=out, on_error="warn").run
    report = found.run.to_dict() | {
        "all of it, s": seconds,
        "record, KB a song": out.stat().st_size / 1024 / len(X),
        "gone on with when done, s": again.seconds,
    }
    return out, tenths(watch.notes, len(X)), report


def measure_rows(out, n_rows, folder):
    """Load and aggregate a record of so many rows, which are copies of the songs of another."""
    table = pq.read_table(out)
    about = json.loads(table.schema.metadata[b"sklearn_musiclime"])
    big, copies = folder / "big.parquet", -(-n_rows // len(table))
    with RecordWriter(
        big, settings_digest=about["settings_digest"], settings=about["settings"]
    ) as writer:
        tracks = table["track_id"].to_pylist()
        for copy in range(copies):
            names = [f"{track} {copy}" for track in tracks]
            ids = (names, [json_of(name) for name in names])
            own = table
            for name, values in zip(("track_id", "track_json"), ids, strict=True):
                own = own.set_column(own.schema.get_field_index(name), name, [values])
            writer.add(SongRows(own.cast(table.schema), None))
    figures = {"rows": copies * len(table), "MB": big.stat().st_size / 2**20}
    begin = time.process_time()
    found = GlobalExplanation.from_parquet(big)
    figures |= {"explanations": len(found.songs), "load, CPU s": time.process_time() - begin}
    begin = time.process_time()
    found.to_frame()
    figures["importances and intervals, CPU s"] = time.process_time() - begin
    try:
        import duckdb
    except ImportError:
        return figures
    begin = time.process_time()
    duckdb.sql(
        "SELECT label, component, avg(greatest(weight, 0)), count(*) "
        f"FROM '{big}' GROUP BY ALL ORDER BY 3 DESC"
    ).fetchall()
    return figures | {"SQL, CPU s": time.process_time() - begin}


def planted(X):
    """A model of the loudness of three parts, and of one word."""
    parts = np.stack([np.square(audio).reshape(10, -1).mean(axis=1) for audio in X[:, 0]])
    loud = np.sqrt(parts)
    love = np.array(["love" in words for words in X[:, 1]])
    return loud[:, 2] + 0.7 * loud[:, 5] + 0.4 * loud[:, 8] * love + 0.3 * love


def short_songs(n):
    """Songs of half a second, each tenth of its own loudness, and eight words out of 30."""
    rng = np.random.default_rng(0)
    words = ["love", *(f"word{i}" for i in range(29))]
    X = np.empty((n, 2), dtype=object)
    for row in range(n):
        gains = np.repeat(rng.gamma(4.0, 0.25, 10), 400)
        X[row] = [(gains * rng.normal(0, 0.3, 4000)).astype("f4"), " ".join(rng.choice(words, 8))]
    return X


def measure_precision(n_songs, precision):
    """Calls and error of a run to a precision, against all songs with all masks."""
    X = short_songs(n_songs)
    explainer = MusicLimeExplainer(
        planted, separator=None, sampling_rate=8000, n_samples=1000, proxy=None,
        interactions=None, random_state=0,
    ).fit(X)  # fmt: skip
    full = explainer.explain_global(X)
    rows = [{"precision": "", "songs": len(X), "masks a song": 1000, "calls": full.run.n_calls}]
    expected = full.importance(min_count=max(8, len(X) // 10))
    for aim in precision:
        found = explainer.explain_global(X, precision=aim)
        about, values = found.run.notes["precision"], found.importance()
        error = (values.reindex(expected.index) - expected).abs() / expected.max()
        rows.append({
            "precision": aim, "songs": about["n_songs"], "masks a song": about["n_samples"],
            "calls": found.run.n_calls, "reached": about["reached"],
            "largest difference": float(np.nanmax(error.to_numpy())),
        })  # fmt: skip
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="a small run, to see that all works")
    parser.add_argument("--songs", type=Path, default=SONGS, help="a JamendoLyrics folder")
    parser.add_argument("--n-jobs", type=int, default=2)
    options = parser.parse_args()
    clips, y, _ = load_songs(options.songs if options.songs.is_dir() else None)
    model = demo_model().fit(clips[["audio", "lyrics"]], y)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        X = make_windows(clips, options.windows, folder, options.n_jobs)
        out, rows, report = measure_run(model, X, folder, options.n_jobs)
        figures = measure_rows(out, 20_000 if options.quick else 1_000_000, folder)
    saved = measure_precision(*((40, (0.1,)) if options.quick else (1000, (0.1, 0.05, 0.02))))
    print(json.dumps(report, indent=1), json.dumps(figures, indent=1))
    print(pd.DataFrame(saved).to_string(index=False))
    name = "scale-quick" if options.quick else "scale"
    write_results(
        name, rows, run=report, record=figures, precision=saved, windows=options.windows,
        n_jobs=options.n_jobs, n_samples=N_SAMPLES,
    )  # fmt: skip


if __name__ == "__main__":
    main()
