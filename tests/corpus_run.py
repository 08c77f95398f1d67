"""A corpus run in a process of its own: ``python corpus_run.py CACHE LOG OUT [N_JOBS]``.

Explains 24 made songs with a model that writes a line to LOG when it is asked about one song alone,
which it is of each song when it begins: of the song composed of its parts, and of the row that was
given. OUT gets the global explanation.
"""

import os
import sys
from functools import partial
from pathlib import Path

import numpy as np

from sklearn_musiclime import MusicLimeExplainer
from sklearn_musiclime.datasets import make_songs

N_SONGS = 24


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
    return np.array(scores)


def main(cache, log, out, n_jobs=1):
    songs = make_songs(N_SONGS, duration=2.0, random_state=0)[0]
    # Folder and name, since a file that a model names by its path is a part of the model.
    scores = partial(logged_scores, str(Path(log).parent), Path(log).name)
    explainer = MusicLimeExplainer(
        scores, n_samples=200, random_state=0, memory=cache, n_jobs=int(n_jobs)
    )
    found = explainer.fit(songs).explain_global(songs, keep_explanations=True)
    np.savez(
        out,
        sums=found.sums,
        weights=np.concatenate([e.weights.ravel() for e in found.explanations]),
        masks=[e.settings["masks"] for e in found.explanations],
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
