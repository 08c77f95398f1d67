"""Classifiers that hear the audio and read the lyrics."""

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
