"""Explain a model that is only a function: a web service, or a network in any framework.

What one learns: a function from songs to scores is a model. It gets a DataFrame like yours, a batch
of perturbed songs at a time, and returns one row of scores a song; labels are the numbers of its
columns. A model that waits for a network is asked several times at once by threads.

What to expect: the service goes by what sounds at certain times, and by two words. The explanation
finds them, though it sees nothing of the service but its answers. Takes five seconds:
``python -m sklearn_musiclime.examples.black_box``.
"""

import base64
import json

import numpy as np
import pandas as pd
from joblib import parallel_config

from sklearn_musiclime import LocalExplanation, MusicLimeExplainer
from sklearn_musiclime.datasets import make_songs

SONGS, _, _, RULE = make_songs(3, duration=2.0, random_state=0)


def service(request: str) -> str:
    """Stand in for what runs elsewhere: JSON in, JSON out."""
    rows = [
        {
            "audio": {
                "array": np.frombuffer(base64.b64decode(song["audio"]), dtype=np.int16),
                "sampling_rate": song["sampling_rate"],
            },
            "lyrics": song["lyrics"],
        }
        for song in json.loads(request)
    ]
    return json.dumps(RULE.predict_proba(pd.DataFrame(rows)).tolist())


def scores(songs: pd.DataFrame) -> np.ndarray:
    """Ask the service about a batch of songs: the part to write for a model of your own."""
    request = json.dumps(
        [
            {
                "audio": base64.b64encode((32767 * audio["array"]).astype(np.int16)).decode(),
                "sampling_rate": audio["sampling_rate"],
                "lyrics": lyrics,
            }
            for audio, lyrics in zip(songs["audio"], songs["lyrics"], strict=True)
        ]
    )
    return np.array(json.loads(service(request)))  # requests.post(url, data=request).json()


def main() -> LocalExplanation:
    """Explain what the service says of a song, and return the explanation."""
    explainer = MusicLimeExplainer(
        scores,
        separator=None,  # the mix as one source; any separator will do
        n_samples=600,  # songs that the service is asked about
        batch_size=50,  # songs of a request
        n_jobs=2,  # requests at a time
        random_state=0,
    )
    explainer.fit(SONGS)  # learns nothing but the words: a function is taken as it is
    with parallel_config(backend="threading"):
        explanation = explainer.explain(SONGS[:1], labels=[1])[0]
    print(explanation, "\n")
    print(explanation.top(6)[["component", "weight", "std_err"]])
    return explanation


if __name__ == "__main__":
    main()
