"""Explanations to look at: figures for papers, a part of one a function, and pages.

- ``explanation.to_html("why.html")``: to understand a song, since a source at a time can be heard
  there alone, or taken out. One file, which opens without a network and can be sent to someone.
- ``explanation.plot()``: for papers. The functions here draw its parts onto axes of your own.
- in a notebook, an explanation as the last line of a cell shows a summary of itself.

``overall.to_html``, ``overall.plot`` and ``overall.plot_comparison`` do the same for a
:class:`~sklearn_musiclime.GlobalExplanation`. Blue speaks for, orange against; whiskers are 95 %
intervals. Figures are made without pyplot: nothing has to be closed.

>>> import numpy as np
>>> from matplotlib.figure import Figure
>>> from sklearn_musiclime import MusicLimeExplainer
>>> from sklearn_musiclime.report import plot_top
>>> song = np.empty((1, 2), dtype=object)
>>> song[0] = [np.ones(10), "all you need is love"]
>>> explainer = MusicLimeExplainer(lambda songs: ["love" in words for _, words in songs])
>>> explanation = explainer.set_params(modality="lyrics").fit(song).explain(song)[0]
>>> ax = Figure(figsize=(4, 2)).add_subplot()
>>> _ = plot_top(explanation, n=3, ax=ax)
>>> [label.get_text() for label in ax.get_yticklabels()][0]
'love'
"""

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
