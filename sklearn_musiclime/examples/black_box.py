"""Explain a model that is only a function: a web service, or a network in any framework.

What one learns: any function from songs to scores can be explained. It gets batches of perturbed
songs as DataFrames like yours, and returns one row of scores per song; the labels are the numbers
of its columns. If the model waits for a network, threads send several requests in parallel.

What to expect: the service depends on certain sources at certain times and on two words. The
explanation finds them from the service's answers alone. Takes five seconds:
``python -m sklearn_musiclime.examples.black_box``.
"""

import base64
import json

import numpy as np
import pandas as pd
from joblib import parallel_config

from sklearn_musiclime import LocalExplanation, MusicLimeExplainer
from sklearn_musiclime.datasets import make_songs

SONGS, *_, RULE = make_songs(3, duration=2.0, random_state=0)


def service(request: str) -> str:
    """Stand in for a web service, with JSON as request and response."""
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
    """Send a batch of songs to the service. Replace this function for a model of your own."""
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
    """Explain the service's scores of a song, and return the explanation."""
    explainer = MusicLimeExplainer(
        scores,
        separator=None,  # the mix as the only source; any separator can be used
        n_samples=600,  # perturbed songs that the service scores
        batch_size=50,  # songs in a request
        n_jobs=2,  # requests in parallel
        random_state=0,
    )
    explainer.fit(SONGS)  # collects the vocabulary of the lyrics; the function is not fitted
    with parallel_config(backend="threading"):
        explanation = explainer.explain(SONGS[:1], labels=[1])[0]
    print(explanation, "\n")
    print(explanation.top(6)[["component", "weight", "std_err"]])
    return explanation


if __name__ == "__main__":
    main()
