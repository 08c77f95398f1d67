"""Surrogates: from masks and scores to weights, their standard errors, and interactions.

Which kernel. ``kernel="exponential"`` asks what matters *near* the song. `kernel_width` says how
near: at 0.25, the default, a mask that keeps half of the components counts half
(:mod:`~sklearn_musiclime.surrogate.linear`). A smaller width looks closer, and since fewer of the
samples count, standard errors grow; ``numpy.inf`` is the average over all that can be left out.
``kernel="shapley"`` gives shares that add up to what the song scores more than silence
(:mod:`~sklearn_musiclime.surrogate.shapley`), for those who need weights that add up.

Which regressor. None, a ridge of alpha 1, is LIME's, and the one whose penalty standard errors know
of; it shrinks weights by little once samples are many times the components. Any linear regressor of
scikit-learn will do. A Lasso sets small weights to 0, but by how much it biases the others no
standard error tells.

Which features. ``feature_selection="none"``: all components keep their weight and their standard
error, and :meth:`~sklearn_musiclime.LocalExplanation.top` shows the largest. Choose `n_features` of
them only where an explanation must be that short by itself: "highest_weights" is fast;
"forward_selection" and "lasso_path" are LIME's other ways, and take longer.

What components do together is in :mod:`~sklearn_musiclime.surrogate.interactions`, how sure weights
are in :mod:`~sklearn_musiclime.surrogate.errors`, and the parts of audio and lyrics in
:mod:`~sklearn_musiclime.surrogate.shares`.

A model that doubles its score where two components meet, seen near the song and all over:

>>> import numpy as np
>>> from sklearn_musiclime.surrogate import fit_shapley, fit_surrogate, shapley_kernel_weights
>>> masks = np.indices((2, 2, 2)).reshape(3, -1).T[::-1]  # all of three components
>>> scores = 1.0 * masks[:, [0]] + 1.0 * masks[:, [0]] * masks[:, [1]]
>>> repeats = np.full(len(masks), 1000)  # as if each had been drawn that often
>>> fit_surrogate(masks, scores, sample_weight=repeats).weights.round(2)
array([[1.77, 0.77, 0.01]])
>>> everywhere = fit_surrogate(masks, scores, sample_weight=repeats, kernel_width=np.inf)
>>> everywhere.weights.round(2) + 0.0
array([[1.5, 0.5, 0. ]])
>>> shapley = fit_shapley(masks, scores, sample_weight=shapley_kernel_weights(masks))
>>> shapley.weights.round(2) + 0.0
array([[1.5, 0.5, 0. ]])
"""

from sklearn_musiclime.surrogate.errors import margin
from sklearn_musiclime.surrogate.fitting import KERNELS, fit_neighbourhood, safe_exponents
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
