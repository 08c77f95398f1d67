"""A retrieval model of two towers: explained as such, and as the function that it is.

The towers are those of the example: MiniLM, and spectral statistics with a linear map into its
space, trained on made songs with captions. Each song has two sounds, and the query names one of
them. What is planted is the interaction of that sound and that word.

"planted first": part of the songs of which the strongest interaction is a planted one. "error":
distance of the weights to those of 20,000 audio masks crossed with all lyric masks, relative to
these, mean over songs. "texts" and "audio": perturbed texts and perturbed audio that a song asks
the towers for; the frames of spectral statistics come from a table in one way, and from composed
songs in the other.

    python benchmarks/retrieval.py             # some minutes on a core
    python benchmarks/retrieval.py --quick     # two songs; its figures mean nothing
"""

import argparse
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from _reference import agreement
from _results import write_results

from sklearn_musiclime import MusicLimeExplainer, SimilarityModel, StemSeparator, UniformSegmenter
from sklearn_musiclime.datasets import save_songs
from sklearn_musiclime.examples.retrieval import SOUNDS, make_songs, train

N_SONGS, N_SEGMENTS = 12, 4
CONVERGED = (20_000, 64)


class Counting:
    """A tower that counts the cells that it is asked for."""

    def __init__(self, tower):
        self.tower, self.n_cells = tower, 0
        self.is_cheap = getattr(tower, "is_cheap", hasattr(tower, "steps"))

    def transform(self, column):
        """Encode a column."""
        self.n_cells += len(column)
        return self.tower.transform(column)


def make_cases(n_songs):
    """Songs of two sounds, one of which their query names."""
    rng = np.random.default_rng(2)
    named = [SOUNDS[i % len(SOUNDS)] for i in range(n_songs)]
    others = [rng.choice([s for s in SOUNDS if s != sound]) for sound in named]
    audio, stems = make_songs(list(zip(named, others, strict=True)), rng)
    texts = [f"the {sound} that rings at night" for sound in named]
    return pd.DataFrame({"audio": audio, "lyrics": texts}), stems, named


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small run, to see that all works")
    options = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    trained = train()
    towers = Counting(trained.audio_encoder), Counting(trained.text_encoder)
    model = SimilarityModel(*towers).fit()
    songs, stems, named = make_cases(2 if options.quick else N_SONGS)
    with TemporaryDirectory() as folder:
        songs = save_songs(songs, stems, Path(folder))
        settings = {
            "separator": StemSeparator(sources=SOUNDS),
            "segmenter": UniformSegmenter(N_SEGMENTS),
            "kernel_width": np.inf,
            "random_state": 0,
        }
        converged = MusicLimeExplainer(model, n_samples=CONVERGED, interactions=None, **settings)
        truth = [e.weights[0] for e in converged.fit(songs).explain(songs)]
        ways = {"two towers": (model, {}), "a function": (model.predict, {"sampling_rate": 22050})}
        rows = []
        for way, (asked, more) in ways.items():
            explainer = MusicLimeExplainer(asked, **settings, **more).fit(songs)
            for tower in towers:
                tower.n_cells = 0
            begin = time.perf_counter()
            found = explainer.explain(songs)
            seconds = time.perf_counter() - begin
            first = [e.interactions(fdr=None).iloc[0] for e in found]
            is_planted = [
                top["first"].startswith(sound) and top["second"] == sound
                for top, sound in zip(first, named, strict=True)
            ]
            errors = [
                agreement(e.weights[0], w)["error"] for e, w in zip(found, truth, strict=True)
            ]
            rows.append(
                {
                    "explained as": way,
                    "planted first": float(np.mean(is_planted)),
                    "error": float(np.mean(errors)),
                    "texts": towers[1].n_cells // len(songs),
                    "audio": towers[0].n_cells // len(songs),
                    "s a song": seconds / len(songs),
                }
            )
    write_results("retrieval", rows, n_songs=len(songs), n_segments=N_SEGMENTS, quick=options.quick)


if __name__ == "__main__":
    main()
