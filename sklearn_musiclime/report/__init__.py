"""Explanations to look at: figures for papers, a part of one a function, and pages."""

from sklearn_musiclime.report.global_plots import plot_class_audio, plot_class_words
from sklearn_musiclime.report.plots import plot_audio, plot_interactions, plot_lyrics, plot_top

__all__ = [
    "plot_audio",
    "plot_class_audio",
    "plot_class_words",
    "plot_interactions",
    "plot_lyrics",
    "plot_top",
]
