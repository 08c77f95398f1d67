"""How time and memory grow with the samples, the song and the components.

One thing is varied at a time around 5,000 samples, 30 s of audio, 2 sources, 20 segments and 100
words. The sources are bands of the spectrum of a real song (a made one, where JamendoLyrics is not
found), cut before the clock starts; the words are distinct, so each is a component. The model is
that of the command line's demo. Time is the median of a few runs; memory is the peak that
``tracemalloc`` sees in a run of its own, over the loaded song and its sources: NumPy's arrays and
Python's objects.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --quick        # a few seconds a row; its figures mean nothing
"""

import argparse
import tracemalloc
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
from _cases import RATE, SONGS, load_songs
from _reference import bands, seconds_of, timed, waveform_of
from _results import write_results
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime.commands import demo_model

BASE = {"samples": 5000, "seconds": 30.0, "sources": 2, "segments": 20, "words": 100}
VARIED = {
    "samples": (500, 5000, 50_000),
    "seconds": (5.0, 15.0, 50.0, 150.0),
    "sources": (1, 2, 4, 6),
    "segments": (5, 20, 80),
    "words": (10, 100, 600),
}
QUICK_BASE = {"samples": 40, "seconds": 5.0, "sources": 2, "segments": 10, "words": 20}
QUICK_VARIED = {
    "samples": (20, 80),
    "seconds": (2.0, 10.0),
    "sources": (1, 3),
    "segments": (5, 20),
    "words": (10, 60),
}


def vocabulary(songs, n_words):
    """Distinct words: those of real lyrics, then numbered ones."""
    sung = chain.from_iterable(text.lower().split() for text in songs["lyrics"])
    made = (f"word{i}" for i in range(n_words))
    return list(dict.fromkeys(word for word in chain(sung, made) if word.isalnum()))[:n_words]


def make_song(song, words, seconds):
    """The beginning of a song, which starts again where it is too short, with other lyrics."""
    cell = {"array": np.resize(waveform_of(song), round(seconds * RATE)), "sampling_rate": RATE}
    return pd.DataFrame({"audio": [cell], "lyrics": [" ".join(words)]})


def measure(model, song, setting, repeats):
    """Time and memory of one explanation."""
    explainer = MusicLimeExplainer(
        FrozenEstimator(model),
        separator=bands(waveform_of(song), setting["sources"]),
        segmenter=UniformSegmenter(setting["segments"]),
        n_samples=setting["samples"],
        random_state=0,
    ).fit(song)
    seconds = seconds_of(partial(explainer.explain, song), repeats)
    tracemalloc.start()
    explanation = explainer.explain(song)[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"components": len(explanation.components), "s": seconds, "MB": peak / 1e6}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small run, to see that all works")
    parser.add_argument("--songs", type=Path, default=SONGS, help="a JamendoLyrics folder")
    options = parser.parse_args()
    base, varied = (QUICK_BASE, QUICK_VARIED) if options.quick else (BASE, VARIED)
    folder = options.songs if options.songs.is_dir() else None
    X, y, full = load_songs(folder)
    model = demo_model().fit(X[["audio", "lyrics"]], y)

    rows = []
    for what, values in varied.items():
        for value in values:
            setting = base | {what: value}
            words = vocabulary(X, setting["words"])
            song = make_song(full, words, setting["seconds"])
            repeats = 1 if options.quick else 3
            took, figures = timed(partial(measure, model, song, setting, repeats))
            print(f"{what} = {value}: {took:.0f} s", flush=True)
            rows.append({"varied": what} | setting | figures)
    name = "scaling-quick" if options.quick else "scaling"
    write_results(name, rows, songs="JamendoLyrics" if folder else "made")


if __name__ == "__main__":
    main()
