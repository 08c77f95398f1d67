"""Explanations: of one song."""

from sklearn_musiclime.explanation.local import LocalExplanation

__all__ = ["LocalExplanation"]
