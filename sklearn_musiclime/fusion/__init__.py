"""Multimodal models, which combine the audio and the lyrics of songs.

How to choose:

- :func:`make_fusion_pipeline` (early fusion) concatenates the features of both modalities for one
  classifier. It is a plain scikit-learn pipeline, and the first thing to try.
- :class:`LateFusionClassifier` combines the class probabilities of an audio classifier and a lyrics
  classifier.
- :class:`TransformerFusionClassifier` fine-tunes an audio transformer and a text transformer
  together. It is the model of the MusicLIME paper, for many songs and a GPU.
- :class:`TorchModel` is for a model in torch that was trained elsewhere: two encoders and a head.
- :class:`SimilarityModel` trains nothing: it compares audio with texts by towers that are trained
  already, such as CLAP's, for retrieval and zero-shot tagging.

All have one branch per modality, so an explanation encodes each distinct perturbed audio and each
distinct perturbed lyrics once. The exception is :class:`TransformerFusionClassifier` with
``fusion="cross_attention"``, which is explained as a black box.

:func:`compare_modalities` measures what each modality contributes to the accuracy. On synthetic
songs whose classes depend on both (:func:`~sklearn_musiclime.datasets.make_songs`), the accuracy is
0.69 with lyrics alone, 0.72 with audio alone, 0.84 with early fusion and 0.80 with averaged
probabilities (``benchmarks/results/models.json``). ``compare_modalities(..., emap=True)`` adds the
accuracy of the additive projection of the model of both (:func:`additive_projection`, EMAP), which
tells whether it profits from interactions at all.

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
from sklearn_musiclime.fusion.projection import additive_projection
from sklearn_musiclime.fusion.similarity import SimilarityModel
from sklearn_musiclime.fusion.torch_model import TorchModel
from sklearn_musiclime.fusion.transformer import TransformerFusionClassifier

__all__ = [
    "LateFusionClassifier",
    "SimilarityModel",
    "TorchModel",
    "TransformerFusionClassifier",
    "additive_projection",
    "compare_modalities",
    "make_fusion_pipeline",
    "only",
]
