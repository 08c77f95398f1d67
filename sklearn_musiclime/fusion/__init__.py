"""Classifiers that hear the audio and read the lyrics.

Which one:

- :func:`make_fusion_pipeline` puts the features of both side by side for one classifier: a plain
  scikit-learn pipeline, the first thing to try.
- :class:`LateFusionClassifier` joins the probabilities of two classifiers: where each modality has
  a classifier of its own.
- :class:`TransformerFusionClassifier` fine-tunes an audio transformer and a text encoder together:
  the paper's model, for many songs and a GPU.

All have one branch a modality, so an explanation encodes each half once; a cross-attention
(``fusion="cross_attention"``) reads both together and is a black box.

:func:`compare_modalities` tells what the second modality is worth before anything is explained. On
made songs whose rule needs both (:func:`~sklearn_musiclime.datasets.make_songs`), lyrics alone come
to 0.69, audio alone to 0.72, side by side to 0.84, and averaged late to 0.80
(``benchmarks/results/models.json``).

>>> from sklearn_musiclime.datasets import make_songs
>>> from sklearn_musiclime.fusion import make_fusion_pipeline, only
>>> songs, moods, _, _ = make_songs(12, duration=1.0, random_state=0)
>>> model = make_fusion_pipeline()
>>> reader = only(model, "lyrics").fit(songs, moods)  # the same model, of one modality
>>> reader.predict(songs[["lyrics"]]).shape
(12,)
"""

from sklearn_musiclime.fusion.early import make_fusion_pipeline
from sklearn_musiclime.fusion.late import LateFusionClassifier
from sklearn_musiclime.fusion.modality import compare_modalities, only
from sklearn_musiclime.fusion.transformer import TransformerFusionClassifier

__all__ = [
    "LateFusionClassifier",
    "TransformerFusionClassifier",
    "compare_modalities",
    "make_fusion_pipeline",
    "only",
]
