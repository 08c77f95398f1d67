"""What a proxy saves: errors of a black box's weights with and without it, from the same calls.

Models of 15 s clips of real songs: logistic regressions on the proxy's own kind of features and on
others, and a random forest, each with TF-IDF of the words. All are black boxes here; that their
features of many perturbed songs come from a table of frames only makes the benchmark quick.

"error": root mean square distance of the weights to converged ones over clips and seeds, relative
to their length, less the error of the converged ones themselves. "saved": how many times more calls
give the same error without the proxy, since squared errors are as one over the number of calls.
"held": share of the 95 % intervals with a proxy that hold the converged weight; "large": of those
of weights of at least 0.3 of the largest. No interval is given where masks are too few.
"seconds": what the proxy costs on top of the calls.

    python benchmarks/proxy.py
    python benchmarks/proxy.py --seeds 3 --clips 1    # a quick look
"""

import argparse
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from _cases import RATE, SONGS, load_songs
from _results import write_results
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_musiclime import HPSSSeparator, SpectralStatistics, UniformSegmenter
from sklearn_musiclime.components import decompose
from sklearn_musiclime.neighbourhood import (
    AudioNeighbourhood,
    PerturbedAudio,
    PerturbedLyrics,
    draw_neighbourhood,
)
from sklearn_musiclime.proxy import ProxyFit
from sklearn_musiclime.proxy.fitting import N_FREE
from sklearn_musiclime.songs import SongTable
from sklearn_musiclime.surrogate import fit_by_moments, fit_neighbourhood

CONVERGED = 40_000
N_SAMPLES = (100, 200, 500)
LARGE = 0.3
UNLIKE = ("chroma", "contrast", "centroid", "flatness")
MODELS = {
    "logistic, mel and MFCC": (("mel", "mfcc"), LogisticRegression(C=30.0, max_iter=3000)),
    "logistic, chroma and shape": (UNLIKE, LogisticRegression(C=30.0, max_iter=3000)),
    "forest, MFCC and chroma": (
        ("mfcc", "chroma", "contrast"),
        RandomForestClassifier(200, min_samples_leaf=2, random_state=0),
    ),
}


class Model:
    """A classifier of both modalities, and its scores of a song's masks."""

    def __init__(self, name, X, y):
        features, classifier = MODELS[name]
        statistics = SpectralStatistics(features, sampling_rate=RATE)
        n_features = statistics.fit_transform(X["audio"][:1]).shape[1]
        self.audio = make_pipeline(
            statistics, StandardScaler(), FunctionTransformer(lambda A: A / np.sqrt(n_features))
        ).fit(X["audio"])
        self.words = TfidfVectorizer().fit(X["lyrics"])
        self.classifier = classifier.fit(self._joined(X["audio"], X["lyrics"]), y)

    def _joined(self, audio, lyrics):
        return np.hstack([self.audio.transform(audio), self.words.transform(lyrics).toarray()])

    def scores(self, components, masks):
        """Probabilities of the classes, (n_masks, n_classes)."""
        n_audio = components.n_audio
        audio = PerturbedAudio(AudioNeighbourhood(components.audio, masks[:, :n_audio]))
        lyrics = list(PerturbedLyrics(components.lyrics, masks[:, n_audio:]))
        return self.classifier.predict_proba(self._joined(pd.Series(audio), lyrics))


def compare(model, components, n_seeds):
    """Squared errors and coverage, each a list of one row a seed, by number of samples."""
    shape = components.n_audio, components.n_lyrics
    many = draw_neighbourhood("paired", *shape, CONVERGED, np.random.default_rng(99))
    scores = model.scores(components, many.masks)
    label = [int(np.argmax(scores[0]))]
    converged = fit_neighbourhood(many, scores[:, label])
    truth, own = converged.weights[0], np.square(converged.std_err[0])
    is_large = np.abs(truth) >= LARGE * np.abs(truth).max()
    found = {}
    for n_samples in N_SAMPLES:
        for seed in range(n_seeds):
            rng = np.random.default_rng(seed)
            drawn = draw_neighbourhood("paired", *shape, n_samples, rng)
            answers = model.scores(components, drawn.masks)[:, label]
            start = perf_counter()
            free = draw_neighbourhood("paired", *shape, N_FREE, rng.spawn(1)[0])
            proxied = ProxyFit(fit_neighbourhood, fit_by_moments, components, None, free)(
                drawn, answers
            )
            seconds = perf_counter() - start
            plain = fit_neighbourhood(drawn, answers)
            errors = [
                (np.square(fit.weights[0] - truth).sum() - own.sum()) / np.square(truth).sum()
                for fit in (plain, proxied)
            ]
            reach = np.sqrt(np.square((proxied.high - proxied.low)[0] / 2) + 1.96**2 * own)
            held = np.where(np.isnan(reach), np.nan, np.abs(proxied.weights[0] - truth) <= reach)
            row = (*errors, held.mean(), held[is_large].mean(), seconds)
            found.setdefault(n_samples, []).append(row)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="draws (default: 20)")
    parser.add_argument("--clips", type=int, default=3, help="clips (default: 3)")
    parser.add_argument("--folder", type=Path, default=SONGS, help="a JamendoLyrics folder")
    options = parser.parse_args()
    folder = options.folder if options.folder.is_dir() else None
    X, y, _ = load_songs(folder)
    y = X["genre"] if folder else y
    X = X[["audio", "lyrics"]]
    warnings.simplefilter("ignore")
    rows = []
    for name in MODELS:
        model, found = Model(name, X, y), {}
        for row in np.linspace(0, len(X) - 1, options.clips + 2).astype(int)[1:-1]:
            song = SongTable(X).read(int(row), RATE)
            components = decompose(
                song, separator=HPSSSeparator(), segmenter=UniformSegmenter(n_segments=10)
            )
            for n_samples, runs in compare(model, components, options.seeds).items():
                found.setdefault(n_samples, []).extend(runs)
        for n_samples, runs in found.items():
            plain, proxied, held, large, seconds = np.mean(runs, axis=0)
            rows.append(
                {
                    "model": name,
                    "calls": n_samples,
                    "error, paired": float(np.sqrt(plain)),
                    "error, proxy": float(np.sqrt(max(proxied, 0.0))),
                    "saved": float(plain / proxied),
                    "held": float(held) if np.isfinite(held) else "none",
                    "large": float(large) if np.isfinite(large) else "none",
                    "seconds": float(seconds),
                }
            )
    is_whole = options.seeds == 20 and options.clips == 3
    name = "proxy" if is_whole else "proxy-quick"
    write_results(name, rows, songs="JamendoLyrics" if folder else "made", seeds=options.seeds)


if __name__ == "__main__":
    main()
