"""Figures and colour maps of matplotlib, which is imported when one is first needed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from io import BytesIO
from typing import TYPE_CHECKING

from sklearn_musiclime.report.colours import N_STEPS

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, made without pyplot, which notebooks draw."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    vars(figure)["_repr_png_"] = partial(_as_png, figure)  # as pyplot's figures have in notebooks
    return figure


def _as_png(figure: Figure) -> bytes:
    picture = BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


@cache
def colour_map(colours: Sequence[str]) -> Colormap:
    """Return the matplotlib colour map of a scale: ``DIVERGING`` or ``SEQUENTIAL``."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("weights", colours, N_STEPS)
