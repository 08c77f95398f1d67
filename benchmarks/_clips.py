"""A clip of a song and a model of it, in the forms in which explainers ask."""

from time import perf_counter

import numpy as np
import pandas as pd
from _games import all_masks
from _models import checked, some_songs
from _reference import Precomputed

from sklearn_musiclime import HPSSSeparator, MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime.components import decompose, split_lyrics
from sklearn_musiclime.songs import SongTable

N_SEGMENTS = 10
"""Of two sources each: 20 audio components."""
N_SPOTS = 8
"""Samples of a segment by which its sources are told from one another."""


def take_apart(model, X, row, n_segments=N_SEGMENTS):
    """Read a song at the rate of a model, and decompose it."""
    modalities = ("audio", "lyrics") if model.modality == "both" else ("audio",)
    song = SongTable(X, modalities=modalities).read(row, model.rate)
    return song, decompose(
        song,
        separator=HPSSSeparator(),
        segmenter=UniformSegmenter(n_segments),
        modality=model.modality,
    )


class Clip:
    """The score of the label that a model predicts for a clip: a function of masks.

    Parameters
    ----------
    model : object
        A model of ``_models.py``.
    X : DataFrame
        Songs.
    row : int
        The clip's.

    Attributes
    ----------
    components : Decomposition
        Columns of the masks.
    n_calls : int
        Masks and songs that have been scored.
    seconds : float
        Time that this took.
    """

    def __init__(self, model, X, row):
        song, self.components = take_apart(model, X, row)
        self.model, self._answers = model, checked(model, self.components)
        cell = {"array": song.waveform, "sampling_rate": model.rate}
        self._song = pd.DataFrame({"audio": [cell], "lyrics": [song.lyrics or ""]})
        self.n_calls, self.seconds = 0, 0.0
        self._spots, self._sounds = self._landmarks()
        masks, songs = some_songs(self.components, model.rate)
        scores = self._scores_of_songs(songs)
        np.testing.assert_allclose(scores, self._answers(masks), rtol=1e-6)
        self.label = int(np.argmax(scores[0]))

    def __len__(self):
        return len(self.components)

    def __call__(self, masks):
        """Score masks, (n_masks,)."""
        return self._scored(np.asarray(masks) > 0.5)[:, self.label]

    def _scored(self, masks):
        start = perf_counter()
        scores = self._answers(masks)
        self.seconds += perf_counter() - start
        self.n_calls += len(masks)
        return scores

    def explain(self, **parameters):
        """Explain the clip with this package, to which the model is a function of songs."""
        audio = self.components.audio
        explainer = MusicLimeExplainer(
            self._scores_of_songs,
            separator=Precomputed(audio.source_names, audio.sources),
            segmenter=UniformSegmenter(N_SEGMENTS),
            modality=self.model.modality,
            kind=self.model.kind,
            sampling_rate=self.model.rate,
            batch_size=1000,  # the fewer calls, the sooner the table is built
            **parameters,
        )
        return explainer.fit(self._song).explain(self._song, labels=[self.label])[0]

    def _scores_of_songs(self, songs):
        """Score songs, of which some samples and the words tell which components are on."""
        start = perf_counter()
        waveforms = (cell["array"] if isinstance(cell, dict) else cell for cell in songs["audio"])
        heard = np.stack([waveform[self._spots] for waveform in waveforms])[:, :, np.newaxis]
        case = np.abs(heard - self._sounds).sum(axis=3).argmin(axis=2)  # of each segment
        bits = case[:, np.newaxis] >> np.arange(len(self.components.audio.sources))[:, np.newaxis]
        masks = (bits & 1).reshape(len(songs), -1).astype(bool)
        if self.components.lyrics is not None:
            words = self.components.lyrics.names
            read = [set(split_lyrics(lyrics).names) for lyrics in songs["lyrics"]]
            masks = np.hstack([masks, [[word in some for word in words] for some in read]])
        self.seconds += perf_counter() - start
        return self._scored(masks)

    def _landmarks(self):
        """Samples of each segment, and what they are in each case of its sources."""
        audio = self.components.audio
        quietest = np.abs(audio.sources).min(axis=0)
        spots = np.stack(
            [
                start + np.argsort(-part, kind="stable")[:N_SPOTS]
                for start, part in zip(
                    audio.borders, np.split(quietest, audio.borders[1:-1]), strict=False
                )
            ]
        )
        cases = all_masks(len(audio.sources))
        return spots, np.einsum("cs,sgk->gck", cases, audio.sources[:, spots])
