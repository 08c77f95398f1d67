"""Transformers of the audio and lyrics columns.

Which one for a model of your own:

- :class:`SpectralStatistics` hears timbre and loudness, averaged over the song. No model to load,
  and the cheapest to explain: thousands of masks share a table of frames
  (:mod:`~sklearn_musiclime.featurizers.audio.table`). It does not hear when something happens.
- :class:`AudioEmbedder` hears what a Hugging Face model has learnt to hear. Each distinct window of
  the masks is encoded once (:mod:`~sklearn_musiclime.featurizers.audio.windows`); of a clip that is
  a single window nearly all masks are distinct, so explain with hundreds of them, not thousands.
- :class:`~sklearn.feature_extraction.text.TfidfVectorizer` counts words, and needs no model;
  explain it by ``lyric_units="words"``, as it knows no order.
- :class:`LyricsEmbedder` reads meaning. Each distinct text is encoded once.

On songs whose class is told by single words it need not pay: made songs are told by TF-IDF with an
accuracy of 0.69, and by MiniLM's vectors with 0.71; with the audio, 0.84 and 0.82. On real songs,
French or not, it was 0.70 ± 0.21 and 0.80 ± 0.25 over three folds
(``benchmarks/results/models.json``): seven songs tell little.

Any transformer that takes a column of audio cells, or of texts, has its place beside these; what a
cell of audio is tells :mod:`sklearn_musiclime.songs`.

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
