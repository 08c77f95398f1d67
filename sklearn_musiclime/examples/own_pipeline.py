"""Explain a scikit-learn pipeline of your own.

What one learns: a pipeline can be explained as it is. ``FrozenEstimator`` keeps it fitted. Since
each of its branches reads one column, a thousand masks of the audio and a thousand masks of the
lyrics are encoded separately, in a fraction of a second.

What to expect: the class of the songs depends on the words "dream" and "storm", among other things.
The explained song contains "storm", which has the largest weight of all words, against "wild".
Writes ``why.html``, a page with plots and audio, into the current folder. Takes five seconds:
``python -m sklearn_musiclime.examples.own_pipeline``.
"""

from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_musiclime import LocalExplanation, MusicLimeExplainer, SpectralStatistics
from sklearn_musiclime.datasets import make_songs


def main() -> LocalExplanation:
    """Train a pipeline, explain one song, and return the explanation."""
    # Instead: songs = pd.read_csv("songs.csv"), with columns "audio" (paths of files) and "lyrics".
    songs, moods, _, _ = make_songs(200, duration=1.0, random_state=0)

    hear = make_pipeline(SpectralStatistics(), StandardScaler())
    features = ColumnTransformer(
        [("audio", hear, "audio"), ("lyrics", TfidfVectorizer(), "lyrics")],
        transformer_weights={"audio": 0.1},  # scales 168 columns of audio to the size of TF-IDF
    )
    model = make_pipeline(features, LogisticRegression(C=10.0, max_iter=1000))
    model.fit(songs[:180], moods[:180])
    print(f"accuracy on songs it has not seen: {model.score(songs[180:], moods[180:]):.2f}\n")

    explainer = MusicLimeExplainer(FrozenEstimator(model), random_state=0).fit(songs)
    explanation = explainer.explain(songs[181:182], labels="wild")[0]
    print(explanation, "\n")
    print(explanation.top(10)[["component", "weight", "std_err"]], "\n")
    print(explanation.modality_share(), "\n")
    print(explanation.interactions().head())  # pairs with more or less effect than their sum
    explanation.to_html("why.html")
    return explanation


if __name__ == "__main__":
    main()
