"""Explanations: of one song, and of a model over many.

How to read one, in this order:

- ``prediction``: the model's own score of the song. If it is wrong, you explain a mistake.
- ``fidelity``: the weighted R^2 of the surrogate near the song, on masks that it was not fitted to.
  At 0.9 the weights foretell nine tenths of how the score varies there. At 0.3 the model does not
  add its parts up; look at the interactions, or ask about fewer and larger components. Below 0
  there are too few samples to foretell anything.
- ``weight``: what a component adds to the score near the song, in its unit (probability, for
  ``predict_proba``; log-odds, with ``link="logit"``): the slope of a linear model, not what its
  absence alone would take off. :mod:`sklearn_musiclime.surrogate` says what kind of mean it is.
- ``low`` and ``high``: the weight that all masks would give lies between them in 95 of 100 cases.
  An interval over 0 may be of no weight. ``std_err`` is by how much the weight varies with the
  masks that happened to be drawn; more samples shrink it. It says nothing of whether a linear model
  is a good one: that is the fidelity. Where no interval is known, NaN, masks were too few, and
  ``penalty`` tells that weights are shrunk.
- ``interactions()``: pairs that do more together than each alone (positive), or less (negative),
  where either would do. Listed are those that stand out at a false-discovery rate of 5 %. None
  listed means none was seen, which for a black box says little of weak ones.
- ``modality_share()``: of what makes the score vary as parts are left out, how much is the audio,
  the lyrics, and how they meet. It is about variance, not about what is right.

A model that goes by a word, and twice as much if the song begins loudly, explained on all masks:

>>> import numpy as np
>>> from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
>>> def scores(songs):
...     return [("love" in words) * (1.0 + (np.std(y[:500]) > 0.1)) for y, words in songs]
>>> song = np.empty((1, 2), dtype=object)
>>> song[0] = [np.sin(np.arange(1000.0)), "all you need is love"]
>>> explainer = MusicLimeExplainer(scores, separator=None, segmenter=UniformSegmenter(2))
>>> explanation = explainer.fit(song).explain(song)[0]
>>> explanation.fidelity.round(2)
array([0.92])
>>> explanation.top(2)[["component", "weight", "std_err"]].round(2)
  component  weight  std_err
0      love    1.61      0.0
1     mix@0    0.61      0.0
>>> explanation.interactions()[["first", "second", "weight"]].round(2)
   first second  weight
0  mix@0   love     1.0
>>> explanation.modality_share()["share"].round(2)
modality
audio          0.09
lyrics         0.82
interaction    0.09
Name: share, dtype: float64
>>> explanation.modality_scores().to_dict()  # "love" in silence, and the audio without words
{'both': 2.0, 'audio': 0.0, 'lyrics': 1.0, 'neither': 0.0}

Over many songs, :mod:`~sklearn_musiclime.results.importance` says what counts for a class,
:mod:`~sklearn_musiclime.results.intervals`, how to read its intervals, and
:mod:`~sklearn_musiclime.results.summaries`, when components of two songs are the same one;
:mod:`~sklearn_musiclime.explanation.grouping` makes groups of words.
"""

from sklearn_musiclime.explanation.collection import Explanations
from sklearn_musiclime.explanation.global_ import GlobalExplanation
from sklearn_musiclime.explanation.grouping import group_words
from sklearn_musiclime.explanation.local import LocalExplanation

__all__ = ["Explanations", "GlobalExplanation", "LocalExplanation", "group_words"]
