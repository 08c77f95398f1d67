"""Runs that write a record and are killed: ``python record_run.py FOLDER KIND``.

Each run is a process of its own, a copy of this one, that kills itself at its first, second, third,
... step at which a file is synced, renamed or removed, before the step or after it. After each the
record is read by this process. It begins anew when a run has come to its end, until all steps of a
run have been its last. Prints, for each death, the songs that the record held.
"""

import os
import signal
import sys
from collections import Counter
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from sklearn_musiclime import MusicLimeExplainer
from sklearn_musiclime.results.record import writing
from sklearn_musiclime.results.record.place import Place

N_SONGS = 5
N_RECORDS = 2
LYRICS = ["all you need", "is love love", "", "here comes the sun", "let it be"]


def scores(X):
    return np.array([[len(words), "love" in words] for words in X["lyrics"]], dtype=float)


def songs():
    return pd.DataFrame({"lyrics": LYRICS}, index=[f"song {i}" for i in range(N_SONGS)])


def explainer():
    ours = MusicLimeExplainer(scores, modality="lyrics", proxy=None, random_state=0)
    return ours.fit(songs())


def die_at(step):
    """Have this process kill itself at a step: an even one before, an odd one after its half."""
    taken = count()

    def watched(name, module):
        inner = getattr(module, name)

        def wrapper(*arguments, **options):
            if next(taken) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            result = inner(*arguments, **options)
            if next(taken) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(module, name, wrapper)

    for name in ("fsync", "replace", "unlink", "rmdir"):
        watched(name, os)


def held(place):
    """Rows of each song in what a reader of SQL sees: the file, or the parts until it is there."""
    files = [place.path] if place.is_file and place.path.exists() else place.weights()
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    found = Counter((row["track_id"], row["component_index"]) for row in rows)
    assert all(n == 1 for n in found.values()), found
    return Counter(row["track_id"] for row in rows)


def main(folder, kind):
    writing.PART_SONGS = 2
    ours, X = explainer(), songs()
    number = ("{}/record-{}.parquet" if kind == "file" else "{}/record-{}").format
    at = step = 0
    ours.explain_global(X, out=number(folder, "whole"))
    expected = held(Place.of(number(folder, "whole")))
    while at < N_RECORDS:
        out = number(folder, at)
        child = os.fork()
        if child == 0:
            die_at(step)
            ours.explain_global(X, out=out)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        found = held(Place.of(out))
        assert all(expected[song] == n for song, n in found.items()), (found, expected)
        if status == 0:
            assert found == expected
            assert not list(Path(folder).glob("record-*.parts")), "parts are left"
            at, step = at + 1, step - 2
        else:
            assert os.WTERMSIG(status) == signal.SIGKILL
            print(len(found), end=" ", flush=True)
        step += 1


if __name__ == "__main__":
    main(*sys.argv[1:3])
