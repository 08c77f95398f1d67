"""Audit a model that scores well for the wrong reason.

The class of the songs is confounded with their recording: the voice of all "wild" songs was
recorded by a microphone with a whine at 4.2 kHz. A model of these songs does well in
cross-validation, which does not show that it has learnt to recognise the microphone.

What one learns: to compute which components are important to a model over many songs, with
confidence intervals; to recognise a confounder; and to check that it has been removed. In the rule
that makes these songs "wild", the voice has no part.

What to expect: for "wild", the voice is more important than any other source or word, and its
interval does not overlap with theirs. After all songs have been recorded by that microphone, the
whine carries no information, and the model that is trained on them relies on the chords and the
drums. Takes ten seconds: ``python -m sklearn_musiclime.examples.bias_audit``.
"""

from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score

from sklearn_musiclime import (
    GlobalExplanation,
    MusicLimeExplainer,
    StemSeparator,
    UniformSegmenter,
    make_fusion_pipeline,
)
from sklearn_musiclime.datasets import make_songs, save_songs

RATE, WHINE = 22050, 4200.0


def record(
    songs: pd.DataFrame, stems: list[dict[str, np.ndarray]], whines: np.ndarray
) -> tuple[pd.DataFrame, list[dict[str, np.ndarray]]]:
    """Add the whine of the microphone to the voice of some songs."""
    whine = 0.02 * np.sin(2 * np.pi * WHINE * np.arange(len(stems[0]["voice"])) / RATE)
    stems = [s | {"voice": s["voice"] + on * whine} for s, on in zip(stems, whines, strict=True)]
    mixes = [np.sum(list(s.values()), axis=0) for s in stems]
    return songs.assign(audio=[{"array": mix, "sampling_rate": RATE} for mix in mixes]), stems


def audit(
    songs: pd.DataFrame, stems: list[dict[str, np.ndarray]], moods: np.ndarray
) -> GlobalExplanation:
    """Train a model, and print its accuracy and its most important components."""
    with TemporaryDirectory() as folder:
        songs = save_songs(songs, stems, folder)  # the stems beside them, as files
        model = make_fusion_pipeline()
        accuracy = cross_val_score(model, songs, moods).mean()
        print(f"accuracy in cross-validation: {accuracy:.2f}")
        explainer = MusicLimeExplainer(
            FrozenEstimator(model.fit(songs, moods)),
            separator=StemSeparator(sources=("drums", "bass", "chords", "voice")),
            segmenter=UniformSegmenter(2),
            n_samples=300,
            interactions=None,
            random_state=0,
        )
        overall = explainer.fit(songs).explain_global(songs)
    overall = overall.group(n_segments=1)  # a source over the whole song
    print(overall.top(4, "wild", min_count=5).drop(columns="segment"), "\n")
    return overall


def main() -> tuple[GlobalExplanation, GlobalExplanation]:
    """Audit a model of the confounded songs and one of the corrected songs."""
    songs, moods, stems, _ = make_songs(60, duration=1.0, random_state=8)
    before = audit(*record(songs, stems, moods == "wild"), moods)
    after = audit(*record(songs, stems, np.full(len(songs), True)), moods)
    return before, after


if __name__ == "__main__":
    main()
