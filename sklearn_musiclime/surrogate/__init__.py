"""Surrogates: from masks and scores to weights, their standard errors, and interactions.

What a weight is. ``kernel="exponential"`` asks what matters *near* the song, and `kernel_width`
says how near: at 0.25, the default, a mask that keeps half of the components counts half
(:mod:`~sklearn_musiclime.surrogate.linear`). How much of a weight is what a component adds to the
whole song, and how much what it adds to half of it, depends on how many components there are: each
of three that only count together has 0.55 as one of three components, and 0.27 as one of fifty,
where nearly all masks keep about half and a width of 0.25 is hardly local. With
``kernel_width=numpy.inf`` it is 0.25 whatever else there is: the Banzhaf value, what a component
adds on average over all that may be left out. ``kernel="shapley"`` gives shares that add up to what
the song scores more than silence (:mod:`~sklearn_musiclime.surrogate.shapley`), here a third each.
A smaller width looks closer, and since fewer of the samples count, standard errors grow.

Which scale. ``link="logit"`` explains log-odds in place of probabilities
(:mod:`~sklearn_musiclime.surrogate.links`): at a probability of 0.99 nothing seems to matter, and
what a curve bends looks like parts that act together.

Which regressor. None, least squares, has weights without bias, and intervals that hold; where masks
are too few for it a ridge is fitted, which warns. ``Ridge(alpha=1.0)`` is LIME's, to the last
digits: it takes off more of large weights than their standard errors know, and of a song of few
components most. Any linear regressor of scikit-learn will do. A Lasso sets small weights to 0, but
by how much it biases the others no standard error tells.

Which features. ``feature_selection="none"``: all components keep their weight and their standard
error, and :meth:`~sklearn_musiclime.LocalExplanation.top` shows the largest. Choose `n_features` of
them only where an explanation must be that short by itself: "highest_weights" is fast;
"forward_selection" and "lasso_path" are LIME's other ways, and take longer.

What components do together is in :mod:`~sklearn_musiclime.surrogate.interactions`, how sure weights
are in :mod:`~sklearn_musiclime.surrogate.errors`, and the parts of audio and lyrics in
:mod:`~sklearn_musiclime.surrogate.shares`.

Three components that only count together, near the song, all over, and as shares:

>>> import numpy as np
>>> from sklearn_musiclime.surrogate import fit_shapley, fit_surrogate, shapley_kernel_weights
>>> masks = np.indices((2, 2, 2)).reshape(3, -1).T[::-1]  # all of three components
>>> scores = 1.0 * masks.all(axis=1, keepdims=True)
>>> fit_surrogate(masks, scores).weights.round(2)
array([[0.55, 0.55, 0.55]])
>>> fit_surrogate(masks, scores, kernel_width=np.inf).weights.round(2)
array([[0.25, 0.25, 0.25]])
>>> shapley = fit_shapley(masks, scores, sample_weight=shapley_kernel_weights(masks))
>>> shapley.weights.round(2)
array([[0.33, 0.33, 0.33]])
"""

from sklearn_musiclime.surrogate.errors import margin
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
from sklearn_musiclime.surrogate.linear import (
    FEATURE_SELECTION,
    Surrogate,
    check_regressor,
    check_selection,
    fit_crossed_surrogate,
    fit_surrogate,
    kernel_weights,
)
from sklearn_musiclime.surrogate.links import LINKS, apply_link, invert_link, n_without_odds
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
