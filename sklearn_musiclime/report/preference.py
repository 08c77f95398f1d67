"""HTML summary of the difference of two explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sklearn_musiclime.report.colours import weight_colours
from sklearn_musiclime.report.html import environment

if TYPE_CHECKING:
    from sklearn_musiclime.results.between import PreferenceResult


def preference_summary(preference: PreferenceResult, n: int = 12) -> str:
    """Summarise the difference of two explanations for a notebook.

    Parameters
    ----------
    preference : Preference
        The difference.
    n : int, default=12
        Number of components.

    Returns
    -------
    str
        An HTML fragment without script: both scores, the part of each modality in their difference,
        and the components and interactions that make most of it.
    """
    first, second = preference.first, preference.second
    top = preference.top(n)
    top = top[top["weight"] != 0]
    names = top["text"].where(top["modality"] == "lyrics", top["component"])
    reaches = _reaches(top["high"] - top["weight"])
    colours = weight_colours(top["weight"].to_numpy(), top["weight"].abs().max())
    parts = []
    if first.corner_scores.shape[1] and second.corner_scores.shape[1]:
        carried = preference.modality_parts()
        shades = weight_colours(carried["difference"].to_numpy(), carried["difference"].abs().max())
        parts = [(*row, shade) for row, shade in zip(carried.itertuples(), shades, strict=True)]
    pairs = []
    if first.interaction_terms is not None and second.interaction_terms is not None:
        found = preference.interactions().head(n // 2)
        pairs = list(
            zip(found.itertuples(), _reaches(found["high"] - found["weight"]), strict=True)
        )
    return (
        environment()
        .get_template("preference_summary.html.jinja")
        .render(
            preference=preference,
            scores=(
                first.prediction[preference.label],
                second.prediction[preference.second_label],
            ),
            parts=parts,
            rows=list(zip(names, top["song"], top["weight"], reaches, colours, strict=True)),
            pairs=pairs,
        )
    )


def _reaches(values: np.ndarray) -> list[str]:
    """Half-widths of intervals in words; a dash where there is none."""
    return ["–" if np.isnan(value) else f"{value:.2g}" for value in values]
