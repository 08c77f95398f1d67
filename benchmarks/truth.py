"""Do explanations find what is known to be there? Ours, the reference's, SHAP's, and chance.

Oracles hear which components of a real clip are on (a least-squares fit of every segment to the
sources that HPSS made of it, known to the oracle) and answer by a rule that is drawn for each song,
so the right explanation is known. A last model is no oracle: a classifier trained on clips with a
whistle mixed into those of one class, which it learns in place of the music (audioLIME's
confounder). Every explainer gets as many calls of each encoder: 400; only "ours, tol=0.1" takes
what it needs for standard errors of a tenth of the largest weight.

"recall": share of what was planted that comes first; "first": songs whose very first component was
planted; "interactions": recall of pairs, for explainers that have any; "false / found":
interactions held to be real that are none, as a part of all that are held to be real; "deletion":
mean score while components are taken away in the order of the explanation, as a share of the range
from silence to the song, lower being better; "share": of what moves the score, the modality that
the model goes by.

    python benchmarks/truth.py
    python benchmarks/truth.py --songs 2        # a quick look
"""

import argparse
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import shap
from _cases import RATE, SONGS, load_songs
from _reference import reference_masks, reference_weights, waveform_of
from _results import write_results
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_musiclime import MusicLimeExplainer, SpectralStatistics, UniformSegmenter
from sklearn_musiclime.components import word_spans
from sklearn_musiclime.metrics import deletion_curve

N_CALLS = 400
N_SEGMENTS = 20
TOL = 0.1
WHISTLE_HZ = 3000.0


class Oracle(ClassifierMixin, BaseEstimator):
    """A rule over the components of one clip, which it hears and reads."""

    def __init__(self, audio, words, rule):
        self.audio, self.words, self.rule = audio, words, rule
        self.classes_ = np.array(["no", "yes"])

    def fit(self, X, y=None):
        """Do nothing."""
        return self

    def encode_audio(self, column):
        """Which sources sound in which segment, (n_songs, n_sources * n_segments)."""
        return np.stack([self._hear(waveform) for waveform in column])

    def encode_lyrics(self, column):
        """Which words are there, (n_songs, n_words)."""
        there = [{text[slice(*span)] for span in word_spans(text)} for text in column]
        return np.array([[word in words for word in self.words] for words in there])

    def predict_encoded(self, audio, lyrics):
        """Apply the rule."""
        yes = self.rule(np.hstack([audio, lyrics]).astype(float))
        return np.column_stack([1 - yes, yes])

    def predict_proba(self, X):
        """Hear, read and apply the rule."""
        return self.predict_encoded(
            self.encode_audio(
                cell["array"] if isinstance(cell, dict) else cell for cell in X["audio"]
            ),
            self.encode_lyrics(X["lyrics"]),
        )

    def _hear(self, cell):
        waveform = cell["array"] if isinstance(cell, dict) else cell
        found = []
        for start, stop in pairwise(self.audio.borders):
            sources = self.audio.sources[:, start:stop].astype(float)
            gram = np.linalg.pinv(sources @ sources.T, hermitian=True)
            found.append(gram @ (sources @ waveform[start:stop]) > 0.5)
        return np.array(found).T.ravel()


def sigmoid(z):
    """The logistic curve."""
    return 1 / (1 + np.exp(-z))


class Planted:
    """A rule of a song: which components count, and how."""

    def __init__(self, kind, n_audio, n_words, rng):
        audio = rng.permutation(n_audio)
        words = n_audio + rng.permutation(n_words)
        self.main, self.pairs, self.modality = [], [], None
        if kind == "main effects":
            self.main = [*audio[:2], *words[:2]]
            self.rule = lambda x: sigmoid(2 * x[:, self.main].sum(axis=1) - 4)
        elif kind == "interactions":
            self.pairs = list(zip(audio[:3], words[:3], strict=True))
            self.main = [*audio[:3], *words[:3]]
            self.rule = lambda x: sigmoid(3 * sum(x[:, a] * x[:, w] for a, w in self.pairs) - 3)
        elif kind == "correlated":
            # Either of two will do, so each seems to count for little while the other is on.
            self.main = [*audio[:2], *words[:2]]
            self.rule = lambda x: sigmoid(
                4 * np.maximum(x[:, audio[0]], x[:, audio[1]])
                + 4 * np.maximum(x[:, words[0]], x[:, words[1]]) - 6
            )  # fmt: skip
        elif kind == "additive":
            effects = np.zeros(n_audio + n_words)
            self.main = [*audio[:3], *words[:3]]
            effects[self.main] = 0.15
            self.rule = lambda x: x @ effects
        elif kind == "audio alone":
            self.main, self.modality = list(audio[:3]), "audio"
            self.rule = lambda x: sigmoid(3 * x[:, self.main].prod(axis=1) + x[:, audio[0]] - 2)
        elif kind == "lyrics alone":
            self.main, self.modality = list(words[:3]), "lyrics"
            self.rule = lambda x: sigmoid(3 * x[:, self.main].prod(axis=1) + x[:, words[0]] - 2)


KINDS = ("main effects", "interactions", "correlated", "additive", "audio alone", "lyrics alone")


def ours(model, song, label, score, n_components, seed, **parameters):
    """Weights of this package, interactions that it holds to be real, shares."""
    explainer = MusicLimeExplainer(
        FrozenEstimator(model),
        segmenter=UniformSegmenter(N_SEGMENTS),
        n_samples=N_CALLS,
        random_state=seed,
        **parameters,
    )
    explanation = explainer.fit(song).explain(song, labels=label)[0]
    return explanation.weights[0], explanation


def reference(model, song, label, score, n_components, seed):
    """The reference procedure on as many samples."""
    masks = reference_masks(N_CALLS, n_components, seed)
    return reference_weights(masks, score(masks)[:, np.newaxis], 0.25)[0], None


def shap_values(model, song, label, score, n_components, seed):
    """SHAP's permutation explainer; a round there and back takes two calls a component."""
    explainer = shap.PermutationExplainer(score, np.zeros((1, n_components)), seed=seed)
    n_calls = max(N_CALLS, 2 * n_components + 1)
    return explainer(np.ones((1, n_components)), max_evals=n_calls, silent=True).values[0], None


def chance(model, song, label, score, n_components, seed):
    """Weights out of the blue."""
    return np.random.default_rng(seed).normal(size=n_components), None


EXPLAINERS = {"ours": ours, "reference": reference, "SHAP": shap_values, "random": chance}


def judge(planted, weights, explanation, score, names):
    """The figures of one explanation."""
    planted_names = {names[c] for c in planted.main}
    top = np.argsort(-np.abs(weights), kind="stable")[: len(planted.main)]
    ends = score(np.array([np.ones(len(weights)), np.zeros(len(weights))]))
    curve = deletion_curve(weights, score)
    figures = {
        "recall": len(set(top) & set(planted.main)) / len(planted.main),
        "first": top[0] in planted.main,
        "deletion": (curve.mean() - ends[1]) / (ends[0] - ends[1]),
    }
    if explanation is not None:
        pairs = {(names[a], names[w]) for a, w in planted.pairs}
        found = explanation.interactions()[["first", "second"]]
        # A curve makes what is planted interact; nothing else can.
        figures["n_false"] = int((~found.isin(planted_names)).any(axis=1).sum())
        figures["n_found"] = len(found)
        first = explanation.interactions(fdr=None).head(len(pairs))
        if pairs:
            best = set(zip(first["first"], first["second"], strict=True))
            figures["interactions"] = len(best & pairs) / len(pairs)
        if planted.modality:
            figures["share"] = explanation.modality_share()["share"][planted.modality]
    return figures


def oracle_rows(kind, clips):
    """The oracles of one kind, on every clip."""
    figures = {name: [] for name in EXPLAINERS}
    for seed, song in enumerate(clips):
        probe = MusicLimeExplainer(
            lambda X: np.zeros(len(X)), segmenter=UniformSegmenter(N_SEGMENTS), random_state=0
        ).fit(song)
        components = next(probe.mask_functions(song)).components
        words = components.lyrics.names
        planted = Planted(kind, components.n_audio, len(words), np.random.default_rng(seed))
        model = Oracle(components.audio, words, planted.rule)

        def score(masks, planted=planted):
            return planted.rule(np.asarray(masks, dtype=float))

        for name, explain in EXPLAINERS.items():
            weights, explanation = explain(model, song, "yes", score, len(components), seed)
            found = judge(planted, weights, explanation, score, components.names)
            figures[name].append(found)
    return [{"model": kind, "explainer": name} | mean(rows) for name, rows in figures.items()]


def mean(rows):
    """Mean figures; an empty string where there are none."""
    figures = pd.DataFrame(rows).astype(float)
    means = figures.mean()
    if "n_found" in figures:
        n_false, n_found = figures[["n_false", "n_found"]].sum()
        means["false / found"] = n_false / n_found if n_found else 0.0
    names = ("recall", "first", "interactions", "false / found", "deletion", "share")
    return {name: float(means[name]) if name in means else "" for name in names}


def whistled(song, rng):
    """A clip with a whistle in it, and the segments in which it sounds."""
    waveform = waveform_of(song).copy()
    length = len(waveform) / N_SEGMENTS
    first = int(rng.integers(0, N_SEGMENTS - 1))
    start, stop = round(first * length), round((first + 2) * length)
    time = np.arange(stop - start) / RATE
    waveform[start:stop] += 0.1 * np.sin(2 * np.pi * WHISTLE_HZ * time).astype(np.float32)
    row = song[["audio", "lyrics"]].copy()
    cell = {"array": waveform, "sampling_rate": RATE}
    row["audio"] = pd.Series([cell], index=row.index, dtype=object)
    return row, [first, first + 1]


def whistle_rows(X, clips):
    """A classifier that has learnt to listen for a whistle, on clips with one."""
    rng = np.random.default_rng(0)
    # Every clip with a whistle and without: nothing else tells the classes apart.
    plain = [X.iloc[[row]][["audio", "lyrics"]] for row in range(len(X))]
    rows = [*plain, *(whistled(song, rng)[0] for song in plain)]
    hear = make_pipeline(SpectralStatistics(), StandardScaler())
    model = make_pipeline(
        make_column_transformer((hear, "audio"), (TfidfVectorizer(), "lyrics")),
        LogisticRegression(C=0.1, max_iter=2000),
    ).fit(pd.concat(rows), ["none"] * len(X) + ["whistle"] * len(X))
    # One more with as many calls as it needs to know its weights.
    explainers = EXPLAINERS | {f"ours, tol={TOL}": partial(ours, tol=TOL)}
    figures = {name: [] for name in explainers}
    for seed, clip in enumerate(clips):
        song, segments = whistled(clip, rng)
        explainer = MusicLimeExplainer(
            FrozenEstimator(model), segmenter=UniformSegmenter(N_SEGMENTS), random_state=0
        ).fit(song)
        function = next(explainer.mask_functions(song))
        column = function.column("whistle")
        planted = Planted("none", 0, 0, rng)
        names = function.components.names
        planted.main = [names.index(f"harmonic@{segment}") for segment in segments]

        def score(masks, function=function, column=column):
            return function(np.asarray(masks) > 0.5)[:, column]

        for name, explain in explainers.items():
            weights, _ = explain(model, song, "whistle", score, len(names), seed)
            figures[name].append(judge(planted, weights, None, score, names))
    return [{"model": "whistle", "explainer": name} | mean(rows) for name, rows in figures.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--songs", type=int, default=20, help="clips a model (default: 20)")
    parser.add_argument("--folder", type=Path, default=SONGS, help="a JamendoLyrics folder")
    options = parser.parse_args()
    folder = options.folder if options.folder.is_dir() else None
    X, _, _ = load_songs(folder)
    # Spread over the songs, with words enough to plant in.
    n_words = X["lyrics"].str.split().map(lambda words: len(set(words)))
    usable = X[n_words >= 8]
    rows = np.linspace(0, len(usable) - 1, options.songs).astype(int)
    clips = [usable.iloc[[row]][["audio", "lyrics"]] for row in rows]
    table = []
    for kind in KINDS:
        table += oracle_rows(kind, clips)
        print(f"{kind}: done", flush=True)
    table += whistle_rows(X, clips)
    name = "truth" if options.songs == 20 else "truth-quick"
    write_results(name, table, songs="JamendoLyrics" if folder else "made", calls=N_CALLS)


if __name__ == "__main__":
    main()
