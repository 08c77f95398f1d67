"""Reports of explanations: figures with matplotlib, HTML pages, and summaries for notebooks.

- ``explanation.to_html("why.html")`` writes a page to explore a song: each component of the audio
  can be heard alone, or the song without it. The page is one file that opens without a network.
- ``explanation.plot()`` makes a figure for a paper. The functions of this package plot its parts,
  each onto given axes.
- In a notebook, an explanation on the last line of a cell is displayed as a summary.

``overall.to_html``, ``overall.plot`` and ``overall.plot_comparison`` do the same for a
:class:`~sklearn_musiclime.GlobalExplanation`. Positive weights are blue, negative ones orange;
whiskers are 95 % intervals. Figures are made without pyplot, so they need not be closed.

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
'“love”'
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
