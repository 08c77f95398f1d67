"""A corpus run in a process of its own: ``python corpus_run.py CACHE LOG OUT [N_JOBS [PLACE...]]``.

Explains 16 made songs with a model that writes a line to LOG when it is asked about one song alone,
which it is of each song when it begins: of the song composed of its parts, and of the row that was
given. OUT gets the global explanation.

With places the run is not brought to its end. It is begun once for each of them, in a process that
halts there and is killed: at ``song:2`` as it begins its second song, at ``batch:2`` in the middle
of that song, at ``entry:2`` while a result is written from that song on. Places are printed as
they are reached.

With SECONDS_A_BATCH in its environment the model sleeps so long each time that it is asked, so that
there is time to disturb a run without much work.
"""

import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path

import numpy as np

from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime._runtime import cache as caching
from sklearn_musiclime._runtime.files import replacing
from sklearn_musiclime.datasets import make_songs

N_SONGS = 16
SECONDS_TO_A_PLACE = 120


@cache
def made_songs():
    return make_songs(N_SONGS, duration=1.0, random_state=0)[0]


def logged_scores(folder, name, songs):
    """Score songs by loudness and length; whole songs are written down."""
    scores = []
    for audio, lyrics in zip(songs["audio"], songs["lyrics"], strict=True):
        waveform = np.asarray(audio["array"])
        spectrum = np.abs(np.fft.rfft(waveform))
        scores.append([spectrum.std(), len(lyrics)])
    if len(songs) == 1:
        with Path(folder, name).open("a") as file:
            file.write(f"{os.getpid()} {songs.index[0]}\n")
    time.sleep(float(os.environ.get("SECONDS_A_BATCH", 0)))
    if "HALT_AT" in os.environ:  # and not in what the model is made of, which results are kept by
        halt_if_due(Path(folder, name), "song" if len(songs) == 1 else "batch")
    return np.array(scores)


def begun(log):
    """How many songs were begun, by whatever process."""
    return len(set(log.read_text().splitlines())) if log.exists() else 0


def halt_if_due(log, place):
    due, n_begun = os.environ["HALT_AT"].split(":")
    if begun(log) < int(n_begun):
        return
    if due == "entry":
        caching.replacing = partial(half_written, log)
    elif due == place:
        halt(log)


@contextmanager
def half_written(log, path):
    with replacing(path) as files:
        files[0].write(b"half")
        files[0].flush()
        halt(log)
        yield files


def halt(log):
    log.with_name("halted").touch()
    time.sleep(SECONDS_TO_A_PLACE)  # and no longer, should nobody be left to kill it
    os._exit(1)


def main(cache, log, out, n_jobs=1):
    # Folder and name, since a file that a model names by its path is a part of the model.
    scores = partial(logged_scores, str(Path(log).parent), Path(log).name)
    explainer = MusicLimeExplainer(
        scores, segmenter=UniformSegmenter(4), n_samples=200, random_state=0, memory=cache,
        n_jobs=int(n_jobs), proxy=None,
    )  # fmt: skip
    songs = made_songs()
    found = explainer.fit(songs).explain_global(songs, keep_explanations=True)
    np.savez(
        out,
        sums=found.sums,
        weights=np.concatenate([e.weights.ravel() for e in found.explanations]),
        masks=[e.settings["masks"] for e in found.explanations],
    )


@cache
def load_all():
    """Make and import what each process would have to, which begins as a copy of this one."""
    song = made_songs().iloc[:1]
    MusicLimeExplainer(lambda X: X["lyrics"].str.len()).fit(song).explain(song)


def kill_at(place, log, run):
    """Begin a run and kill it, and its workers, where it halts."""
    where, number = place.split(":")
    halted = log.with_name("halted")
    halted.unlink(missing_ok=True)
    os.environ["HALT_AT"] = f"{where}:{begun(log) + int(number)}"
    load_all()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            run()
        finally:
            os._exit(1)
    try:
        deadline = time.monotonic() + SECONDS_TO_A_PLACE
        while not halted.exists():
            assert os.waitpid(child, os.WNOHANG) == (0, 0), f"the run ended before {place}"
            assert time.monotonic() < deadline, f"the run did not come to {place}"
            time.sleep(0.005)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(place, flush=True)


if __name__ == "__main__":
    arguments, places = sys.argv[1:5], sys.argv[5:]
    if not places:
        main(*arguments)
    for place in places:
        kill_at(place, Path(arguments[1]), partial(main, *arguments))
