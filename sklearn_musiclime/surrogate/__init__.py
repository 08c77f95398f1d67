"""Surrogates: from masks and scores to weights, their standard errors, and interactions."""

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
from sklearn_musiclime.surrogate.shapley import (
    fit_shapley,
    shapley_kernel_weights,
)
from sklearn_musiclime.surrogate.shares import fit_shares, joint_shares, modality_shares

__all__ = [
    "FEATURE_SELECTION",
    "KERNELS",
    "Interactions",
    "Surrogate",
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
    "joint_interactions",
    "joint_shares",
    "kernel_weights",
    "modality_shares",
    "safe_exponents",
    "shapley_interactions",
    "shapley_kernel_weights",
]
