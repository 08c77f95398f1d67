"""Sets of parts of a song: what is enough for a label, and what would change it.

:meth:`LocalExplanation.sufficient <sklearn_musiclime.LocalExplanation.sufficient>` and
:meth:`LocalExplanation.counterfactual <sklearn_musiclime.LocalExplanation.counterfactual>` return a
:class:`PartSet`. Weights say how much each part adds on average. These sets say what the model
does: it keeps its label with these few parts, whatever the others are; it changes its label
without those.

**Sufficient.** A set S of parts is sufficient at the target t if the model keeps its label with at
least probability t when S is on and each of the other parts is on or off by a fair coin, with a
random fill where there are several. This is the anchor of Ribeiro 2018, and a probabilistic
sufficient reason in the literature on formal explanations. The search orders parts by weight,
finds the shortest beginning of this order that keeps the label, and leaves out what is not needed,
again and again in other orders, all by calls of the model. What is claimed is tested on fresh masks
that took no part in the search: the claim is the exact lower bound of Clopper and Pearson. If a set
fails, the next larger one is tried on fresh masks, and try number i may be wrong with probability
``(1 - confidence) / 2**i`` only, so that all tries together are wrong with at most
``1 - confidence``. The number of masks of a try follows from `precision`, e: by Hoeffding's bound
``N = ln(2 / d) / (2 e**2)`` masks tell a probability to within e but for a chance d, here that of
the try: 220 masks for the first at the defaults. A set of probability t + e then passes in 8 of 10
cases at a target of 0.5 and in 97 of 100 at 0.8 or more; one that is nearer to the target fails
more often. If the other parts have no more than N masks, all of them are scored, and the
probability is exact.

**Counterfactual.** A set is counterfactual if the model changes its label when the set is off and
everything else is on. That is one call, so nothing is left to chance; where there are several fills
(donors, or columns), the label must change with at least probability `target` over fills. The
search takes the best of three: the shortest beginning of the order of weights, the same greedily by
the model's scores, and all small sets as far as the budget of calls goes. ``is_smallest`` tells
that all smaller sets were tried.

Neither search promises the smallest set of all, which is a hard problem. The number of sets grows
as 2 to the number of parts.

References
----------
Ribeiro, Singh, Guestrin, "Anchors: High-Precision Model-Agnostic Explanations", AAAI 2018.

Wäldchen, Macdonald, Hauch, Kutyniok, "The Computational Complexity of Understanding Binary
Classifier Decisions", JAIR 2021: sets that keep a label with a probability.

Clopper, Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 1934.
"""

from sklearn_musiclime.results.sets.certificate import lower_bound, n_masks_needed
from sklearn_musiclime.results.sets.part_set import PartSet

__all__ = ["PartSet", "lower_bound", "n_masks_needed"]
