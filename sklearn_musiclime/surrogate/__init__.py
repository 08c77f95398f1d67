"""Surrogates: from masks and scores to weights, their standard errors, and interactions.

Kernel. With ``kernel="exponential"`` masks near the song count more, and `kernel_width` sets how
quickly their weight falls: at 0.25, the default, a mask that keeps half of the components weighs
0.5 (:mod:`~sklearn_musiclime.surrogate.kernel`). A weight then lies between what a component adds
to the whole song and what it adds to half of it, depending on the number of components. Say three
components raise the score by 1 when all of them are on, and by nothing otherwise. Each has a weight
of 0.55 when they are the only components, and of 0.27 among fifty, where nearly all masks keep
about half and a width of 0.25 is hardly local. With ``kernel_width=numpy.inf`` all masks weigh
alike, and the weight is the Banzhaf value, the average of what a component adds over all masks of
the others: here 0.25, whatever else there is. With ``kernel="shapley"`` it is the Shapley value
(:mod:`~sklearn_musiclime.surrogate.shapley`), a share of the difference in score between the song
and silence: here a third each. A smaller width is more local, and gives larger standard errors,
since fewer samples count.

Link. ``link="logit"`` explains log-odds in place of probabilities
(:mod:`~sklearn_musiclime.surrogate.links`). Near 0 and 1 a probability saturates: at 0.99 every
component seems to matter little, and the curvature looks like interactions.

Regressor. The default, None, is least squares: its weights are unbiased and their intervals hold.
Where there are too few masks for it, a ridge is fitted and the explainer warns.
``Ridge(alpha=1.0)`` is LIME's, to the last digits: it shrinks large weights by more than their
standard errors, most of all for songs of few components. Any linear regressor of scikit-learn will
do. A Lasso sets small weights to 0, but its standard errors do not include the bias of the others.

Feature selection. With ``feature_selection="none"`` all components keep their weight and standard
error, and :meth:`~sklearn_musiclime.LocalExplanation.top` shows the largest. Select `n_features` of
them where the explanation itself has to be that short: "highest_weights" is fast;
"forward_selection" and "lasso_path" are LIME's other methods, and take longer.

Pairs of components are the subject of :mod:`~sklearn_musiclime.surrogate.interactions`, standard
errors of :mod:`~sklearn_musiclime.surrogate.errors`, and the shares of audio and lyrics of
:mod:`~sklearn_musiclime.surrogate.shares`.

The three components of above, as weights near the song, Banzhaf values and Shapley values:

>>> import numpy as np
>>> from sklearn_musiclime.surrogate import fit_shapley, fit_surrogate, shapley_kernel_weights
>>> masks = np.indices((2, 2, 2)).reshape(3, -1).T[::-1]  # all masks of three components
>>> scores = 1.0 * masks.all(axis=1, keepdims=True)
>>> fit_surrogate(masks, scores).weights.round(2)
array([[0.55, 0.55, 0.55]])
>>> fit_surrogate(masks, scores, kernel_width=np.inf).weights.round(2)
array([[0.25, 0.25, 0.25]])
>>> shapley = fit_shapley(masks, scores, sample_weight=shapley_kernel_weights(masks))
>>> shapley.weights.round(2)
array([[0.33, 0.33, 0.33]])
"""

from sklearn_musiclime.surrogate.checks import check_regressor
from sklearn_musiclime.surrogate.confidence import margin
from sklearn_musiclime.surrogate.crossed import fit_crossed_surrogate
from sklearn_musiclime.surrogate.estimate import Surrogate
from sklearn_musiclime.surrogate.fitting import (
    KERNELS,
    LinkedScores,
    fit_neighbourhood,
    safe_exponents,
)
from sklearn_musiclime.surrogate.interactions import (
    Interactions,
    check_n_pairs,
    crossed_interactions,
    fit_interactions,
    joint_interactions,
    shapley_interactions,
)
from sklearn_musiclime.surrogate.kernel import kernel_weights
from sklearn_musiclime.surrogate.linear import fit_surrogate
from sklearn_musiclime.surrogate.links import LINKS, apply_link, invert_link, n_without_odds
from sklearn_musiclime.surrogate.moments import fit_by_moments
from sklearn_musiclime.surrogate.selection import FEATURE_SELECTION, check_selection
from sklearn_musiclime.surrogate.shapley import fit_shapley, shapley_kernel_weights
from sklearn_musiclime.surrogate.shares import Shares, fit_shares, modality_shares, share_bounds

__all__ = [
    "FEATURE_SELECTION",
    "KERNELS",
    "LINKS",
    "Interactions",
    "LinkedScores",
    "Shares",
    "Surrogate",
    "apply_link",
    "check_n_pairs",
    "check_regressor",
    "check_selection",
    "crossed_interactions",
    "fit_by_moments",
    "fit_crossed_surrogate",
    "fit_interactions",
    "fit_neighbourhood",
    "fit_shapley",
    "fit_shares",
    "fit_surrogate",
    "invert_link",
    "joint_interactions",
    "kernel_weights",
    "margin",
    "modality_shares",
    "n_without_odds",
    "safe_exponents",
    "shapley_interactions",
    "shapley_kernel_weights",
    "share_bounds",
]
