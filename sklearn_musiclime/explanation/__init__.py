"""Explanations: of one song, and of a model over many."""

from sklearn_musiclime.explanation.global_ import GlobalExplanation
from sklearn_musiclime.explanation.grouping import group_words
from sklearn_musiclime.explanation.local import LocalExplanation

__all__ = ["GlobalExplanation", "LocalExplanation", "group_words"]
