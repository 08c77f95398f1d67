"""Metrics of the quality of explanations: fidelity, stability and complexity.

Each metric takes a fitted explainer and songs, and returns one number per song. It refers to the
predicted label and to the scale that is explained (log-odds with ``link="logit"``):

- :func:`fidelity`: R^2 of the surrogate on masks that it was not fitted to. If it is low, the
  weights do not describe the model. If it is high, the components may still be uninformative: a
  surrogate with the whole song as its only component is perfect.
- :func:`stability`: agreement of explanations with different seeds, corrected for chance. If it is
  low, draw more samples. If it is high, the explanation may still be biased, as a bias is the same
  for all seeds. Components of negligible weight have a random order, so with `n_top` above the
  number of relevant components, stability is low even for the best of explanations.
- :func:`deletion_auc`, :func:`insertion_auc`: how fast the score falls (rises) as components are
  removed (added) in the order of their weights (Petsiuk, Das, Saenko 2018). They evaluate the
  *order* of the components rather than the sizes of the weights. Their values are comparable
  between explanations of the same model only.
- :func:`infidelity`: mean squared difference between the sum of the weights of the components that
  are left out and the drop of the score (Yeh et al. 2019). All masks count equally, however near to
  the song they are.
- :func:`complexity`: entropy of the weights, as in audioLIME: over how many components they are
  spread. A low value means that the explanation is easy to read, and nothing about its fidelity.
- :func:`randomisation`: similarity to the explanation of the same model with shuffled parameters
  (Adebayo et al. 2018), which should be low. A sanity check that is made once per model.

They compare an explanation with the model; whether the *model* is right is another question. They
need more model evaluations than the explanation itself: `n_samples` per song for fidelity and
infidelity, one per component for deletion and insertion, a whole explanation per run for stability.
Linked components (``linked=True``) count as one component, whose weight is their sum.

:data:`SCORERS` contains them as scikit-learn scorers, for which larger is better:
``GridSearchCV(explainer, grid, scoring=SCORERS["fidelity"])``, or ``scoring=SCORERS`` with
``refit="fidelity"``.

References
----------
Petsiuk, Das, Saenko, "RISE: randomized input sampling for explanation of black-box models", 2018.

Yeh, Hsieh, Suggala, Inouye, Ravikumar, "On the (in)fidelity and sensitivity of explanations", 2019.

Adebayo et al., "Sanity checks for saliency maps", 2018.

Haunschmid, Manilow, Widmer, "audioLIME: listenable explanations using source separation", 2020.

Nogueira, Sechidis, Brown, "On the stability of feature selection algorithms", JMLR 18 (174), 2018.
"""

from sklearn_musiclime.metrics.agreement import rank_correlation, stability, top_overlap
from sklearn_musiclime.metrics.faithfulness import (
    complexity,
    deletion_auc,
    deletion_curve,
    fidelity,
    infidelity,
    insertion_auc,
    weight_entropy,
)
from sklearn_musiclime.metrics.sanity import randomisation
from sklearn_musiclime.metrics.scorers import SCORERS
from sklearn_musiclime.metrics.shuffling import SHUFFLED

__all__ = [
    "SCORERS",
    "SHUFFLED",
    "complexity",
    "deletion_auc",
    "deletion_curve",
    "fidelity",
    "infidelity",
    "insertion_auc",
    "randomisation",
    "rank_correlation",
    "stability",
    "top_overlap",
    "weight_entropy",
]
