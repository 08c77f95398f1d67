"""Interactions: the effect of two components together beyond the sum of their effects.

The interaction of two components is the average of ``f(both) - f(one) - f(other) + f(neither)``
over all masks of the other components, equally weighted: the Banzhaf interaction index
(Grabisch and Roubens 1999). It is the coefficient of the product of the two components in a
least-squares fit to all masks. The kernel of the weights is not used here, so that all interactions
of a model whose score is additive in the components are 0.

There are three estimators.

*Crossed grid.* Masks of the audio are crossed with masks of the lyrics, both with complements. The
four scores of an audio mask and its complement with a lyric mask and its complement are folded into
``R = (f11 - f12 - f21 + f22) / 4``: effects of the audio alone and of the lyrics alone cancel
exactly. With masks A and L coded -1/2 and 1/2, all interactions of the two modalities are
``B = (A'A)^-1 A' R L (L'L)^-1``. Standard errors are two-way clustered, since all scores of a row
share an audio mask and all of a column a lyric mask (Cameron, Gelbach, Miller 2011).

*Joint masks.* In the mean of the scores of a mask and its complement the effects of single
components cancel; of independent masks, the linear effects of the components are regressed out of
the scores and of the products. Products of two columns are nearly orthogonal to each other, so each
interaction is first estimated by itself. Those that are significant are then fitted jointly and
subtracted, and the others are tested again on what remains. With a proxy
(:mod:`sklearn_musiclime.proxy`) these are corrections of the interactions of its predictions, which
are fitted all together where they are enough.

*All masks.* On an enumeration the fit is exact. Shapley's interaction index is computed in this
case only: a sample that is drawn for Shapley values leaves out components by other chances than
fair coins, and estimates of interactions from it are dominated by other effects.

Among thousands of pairs, significance is judged by the Benjamini-Hochberg q-value: of the
interactions whose q-value is at most 0.05, a twentieth is expected to be false.

References
----------
Grabisch, Roubens, "An axiomatic approach to the concept of interaction among players in cooperative
games", International Journal of Game Theory 28, 1999.

Benjamini, Hochberg, "Controlling the false discovery rate", JRSS B 57, 1995.

Cameron, Gelbach, Miller, "Robust inference with multiway clustering", JBES 29, 2011.
"""

from sklearn_musiclime.surrogate.interactions.all_pairs import AllPairs
from sklearn_musiclime.surrogate.interactions.crossed import crossed_interactions
from sklearn_musiclime.surrogate.interactions.enumerated import shapley_interactions
from sklearn_musiclime.surrogate.interactions.fitting import check_n_pairs, fit_interactions
from sklearn_musiclime.surrogate.interactions.joint import joint_interactions
from sklearn_musiclime.surrogate.interactions.pairs import Interactions
from sklearn_musiclime.surrogate.interactions.significance import FALSE_DISCOVERIES

__all__ = [
    "FALSE_DISCOVERIES",
    "AllPairs",
    "Interactions",
    "check_n_pairs",
    "crossed_interactions",
    "fit_interactions",
    "joint_interactions",
    "shapley_interactions",
]
