"""Preference: why a song has a higher score than another."""

from __future__ import annotations

from sklearn_musiclime.report.preference import preference_summary
from sklearn_musiclime.results.between import PreferenceResult


class Preference(PreferenceResult):
    """Why a model prefers one song to another: the difference of two explanations.

    It is made by :meth:`LocalExplanation.rather_than
    <sklearn_musiclime.LocalExplanation.rather_than>`. What is positive speaks for the first song.

    Attributes
    ----------
    first, second : LocalExplanation
        The explanations of the two songs.
    label, second_label : label
        The label of each explanation that is compared.

    Notes
    -----
    ``difference`` is the model's score of the first song less that of the second. If
    ``masks_are_shared``, both songs were explained with the same random masks, as they are with the
    same seed, text, length and names of sources: intervals of components of both songs are then
    upper bounds, which different seeds make smaller.
    """

    def _repr_html_(self) -> str:
        return preference_summary(self)
