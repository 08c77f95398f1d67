"""What a model of genres goes by that is told the artist: audio, lyrics, or columns beside them.

Clips of the real songs, with two further columns: the artist, and the number of the track, which
counts up with the date of its upload (the songs have no year). One clip of each song is explained
by its genre. The table has the mean share of the variance of the log-odds of each modality, and the
columns' mean weight and rank among the components of a clip.

    python benchmarks/columns.py
"""

import re

import pandas as pd
from _cases import SONGS
from _results import write_results
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, OneHotEncoder, StandardScaler

from sklearn_musiclime import MusicLimeExplainer, SpectralStatistics
from sklearn_musiclime.datasets import load_jamendo_lyrics

COLUMNS = ("artist", "track")


def clips_with_columns():
    clips = load_jamendo_lyrics(SONGS)
    about = pd.read_csv(SONGS / "JamendoLyrics.csv")
    about["song"] = about["Artist"] + " - " + about["Title"]
    about = about.set_index("song").loc[clips["song"]]
    tracks = [int(re.search(r"/track/(\d+)", url).group(1)) for url in about["URL"]]
    return clips.assign(artist=about["Artist"].to_numpy(), track=tracks)


def main():
    clips = clips_with_columns()
    hear = make_pipeline(SpectralStatistics(), StandardScaler(), Normalizer())
    features = make_column_transformer(
        (hear, "audio"),
        (TfidfVectorizer(), "lyrics"),
        (OneHotEncoder(handle_unknown="ignore"), ["artist"]),
        (StandardScaler(), ["track"]),
    )
    model = make_pipeline(features, LogisticRegression(max_iter=1000)).fit(clips, clips["genre"])
    explainer = MusicLimeExplainer(
        FrozenEstimator(model), columns=list(COLUMNS), link="logit", random_state=0
    ).fit(clips)
    chosen = clips.groupby("song", sort=True).nth(1)
    shares, columns = [], []
    for explanation in explainer.explain(chosen):
        shares.append(explanation.modality_share()["share"])
        ordered = explanation.top(len(explanation.components))
        own = ordered[ordered["modality"] == "columns"]
        columns.append(pd.DataFrame({"weight": own["weight"], "rank": own.index + 1}))
        columns[-1].index = own["component"]
    mean = pd.concat(shares, axis=1).mean(axis=1)
    by_column = pd.concat(columns).groupby(level=0).mean()
    rows = [
        {"part": name, "share": share, "weight": "", "rank": ""} for name, share in mean.items()
    ]
    rows += [
        {"part": name, "share": "", "weight": own["weight"], "rank": own["rank"]}
        for name, own in by_column.iterrows()
    ]
    write_results("columns", rows, clips=len(chosen))


if __name__ == "__main__":
    main()
