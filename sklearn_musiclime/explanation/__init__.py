"""Explanations of one song, and of a model over many songs.

How to read the explanation of one song, in this order:

- ``prediction``: the model's score of each label for the song. If the prediction is wrong, the
  explanation is that of a mistake.
- ``fidelity``: the weighted R^2 of the surrogate near the song, on masks that it was not fitted to.
  At 0.9 the weights explain nine tenths of the variance of the score there. At 0.3 the score is far
  from a sum over components: look at the interactions, or use fewer and larger components. Below 0
  there are too few samples for a surrogate.
- ``weight``: how much a component adds to the score near the song, in the unit of the score (a
  probability, for ``predict_proba``; log-odds, with ``link="logit"``). It is the coefficient of a
  linear model, an average over masks (see :mod:`sklearn_musiclime.surrogate`), and not the change
  of the score when that component alone is left out.
- ``low`` and ``high``: the 95 % confidence interval of the weight that all masks would give. If
  the interval contains 0, the component may have no effect. ``std_err`` is the standard error of
  the weight due to the random masks; more samples make it smaller. How well a linear model fits is
  told by the fidelity alone. The interval is NaN where there are too few masks; then weights are
  shrunk by a ridge of the given ``penalty``.
- ``interactions()``: pairs of components whose effect together is larger (positive) or smaller
  (negative) than the sum of their effects. It is negative, for example, if either of the two is
  enough. Listed are the significant pairs, at a false-discovery rate of 5 %. An empty list means
  that none was significant; with a black box weak interactions are easily missed.
- ``modality_share()``: the shares of the score's variance over masks that are due to the audio, to
  the lyrics and to their interaction. They tell what moves the score, not whether it is right.
- ``sufficient()`` and ``counterfactual()``: few parts that are enough for the label, and parts
  without which it changes. The model is asked about them, so they hold whatever the fidelity
  (:mod:`~sklearn_musiclime.results.sets`).

A model that scores one word, and twice as high if the song begins loudly, explained on all masks:

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

Explanations over many songs are described in :mod:`~sklearn_musiclime.results.importance` (the
importance of a component for a class), :mod:`~sklearn_musiclime.results.intervals` (how to read its
confidence interval) and :mod:`~sklearn_musiclime.results.summaries` (which components of two songs
are the same). :mod:`~sklearn_musiclime.explanation.grouping` makes groups of words.
"""

from sklearn_musiclime.explanation.collection import Explanations
from sklearn_musiclime.explanation.difference import GlobalDifference, LocalDifference
from sklearn_musiclime.explanation.global_ import GlobalExplanation
from sklearn_musiclime.explanation.grouping import group_words
from sklearn_musiclime.explanation.local import LocalExplanation
from sklearn_musiclime.explanation.preference import Preference

__all__ = [
    "Explanations",
    "GlobalDifference",
    "GlobalExplanation",
    "LocalDifference",
    "LocalExplanation",
    "Preference",
    "group_words",
]
