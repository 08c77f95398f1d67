"""Transformers of the audio and lyrics columns into features.

How to choose them for a model of your own:

- :class:`SpectralStatistics`: timbre and loudness, pooled over the song, so without the order of
  events. It needs no pretrained model and is the fastest to explain, since thousands of masks share
  a table of frames (:mod:`~sklearn_musiclime.featurizers.audio.table`).
- :class:`AudioEmbedder`: embeddings of a pretrained Hugging Face model. Each distinct window of the
  perturbed songs is encoded once (:mod:`~sklearn_musiclime.featurizers.audio.windows`). In a clip
  of a single window nearly all masks give distinct windows, so explain it with hundreds of masks
  rather than thousands.
- :class:`~sklearn.feature_extraction.text.TfidfVectorizer`: weighted word counts, without a
  pretrained model. Word order is ignored, so ``lyric_units="words"`` is the matching choice.
- :class:`LyricsEmbedder`: sentence embeddings, which represent meaning. Each distinct text is
  encoded once.

Embeddings of lyrics need not be better where single words decide the class: on synthetic songs,
TF-IDF has an accuracy of 0.69 and MiniLM of 0.71; together with the audio, 0.84 and 0.82. At
telling French from other real songs they had 0.70 ± 0.21 and 0.80 ± 0.25 over three folds
(``benchmarks/results/models.json``), but these were only seven songs.

Any other transformer that takes a column of audio cells or of texts can be used in their place;
:mod:`sklearn_musiclime.songs` describes what an audio cell can be.

>>> import pandas as pd
>>> from sklearn.compose import make_column_transformer
>>> from sklearn.feature_extraction.text import TfidfVectorizer
>>> from sklearn_musiclime import SpectralStatistics
>>> from sklearn_musiclime.datasets import make_songs
>>> songs, _, _, _ = make_songs(3, duration=1.0, random_state=0)
>>> hear = SpectralStatistics(features=("mel", "centroid"), statistics=("mean", "std", "max"))
>>> features = make_column_transformer((hear, "audio"), (TfidfVectorizer(), "lyrics"))
>>> features.fit_transform(songs).shape[0]
3
>>> len(hear.get_feature_names_out())  # (64 mel bands + 1) x 3
195
"""

from sklearn_musiclime.featurizers.audio import AudioEmbedder, SpectralStatistics
from sklearn_musiclime.featurizers.lyrics import LyricsEmbedder

__all__ = ["AudioEmbedder", "LyricsEmbedder", "SpectralStatistics"]
