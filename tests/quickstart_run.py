"""The quickstart in a process of its own: ``python quickstart_run.py FOLDER OUT [N_JOBS]``.

Trains a pipeline on a few made songs and explains them, with FOLDER/cache as memory. Each call of
the classifier writes a line to FOLDER/calls; OUT gets the weights.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_musiclime import MusicLimeExplainer, SpectralStatistics
from sklearn_musiclime.datasets import make_songs

N_SONGS = 8


class Logged(LogisticRegression):
    """A classifier that writes down each time it is asked."""

    def __init__(self, folder, max_iter=1000):
        super().__init__(max_iter=max_iter)
        self.folder = folder

    @property
    def moods(self):
        return [mood for mood in self.classes_ if mood in {"calm", "wild", "sad", "glad"}]

    def predict_proba(self, X):
        with Path(self.folder, "calls").open("a") as file:
            file.write("x\n")
        return super().predict_proba(X)


def main(folder, out, n_jobs=1):
    songs, classes, _, _ = make_songs(N_SONGS, duration=2.0, random_state=0)
    model = make_pipeline(
        make_column_transformer(
            (make_pipeline(SpectralStatistics(), StandardScaler()), "audio"),
            (TfidfVectorizer(), "lyrics"),
        ),
        Logged(folder),
    )
    explainer = MusicLimeExplainer(
        model, n_samples=100, random_state=0, memory=f"{folder}/cache", n_jobs=int(n_jobs)
    )
    explanations = explainer.fit(songs, classes).explain(songs)
    np.save(out, np.concatenate([e.weights.ravel() for e in explanations]))


if __name__ == "__main__":
    main(*sys.argv[1:])
