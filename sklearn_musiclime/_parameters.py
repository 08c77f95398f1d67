"""What the parameters of :class:`~sklearn_musiclime.MusicLimeExplainer` may be."""

from __future__ import annotations

from collections.abc import Hashable
from numbers import Integral, Real
from os import PathLike
from typing import Any

import numpy as np
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    StrOptions,
)

from sklearn_musiclime.components.fills import FILLS, Donors
from sklearn_musiclime.components.lyrics import LYRIC_UNITS
from sklearn_musiclime.neighbourhood import DESIGNS, check_design
from sklearn_musiclime.neighbourhood.amounts import EACH_TAKES
from sklearn_musiclime.surrogate import (
    FEATURE_SELECTION,
    KERNELS,
    LINKS,
    check_regressor,
    check_selection,
)

MIN_COMBINATIONS = 100
"""Fewest combinations of halves that say anything of weights, interactions and shares."""
CONSTRAINTS: dict[str, Any] = {
    "model": "no_validation",
    "separator": [HasMethods("separate"), None],
    "segmenter": [HasMethods("segment")],
    "lyric_units": [StrOptions(set(LYRIC_UNITS)), callable],
    "mask_token": [str, None],
    "fill": [StrOptions(set(FILLS)), Donors],
    "modality": [StrOptions({"both", "audio", "lyrics", "columns"})],
    "columns": ["array-like", None],
    "design": [StrOptions({"auto", *DESIGNS})],
    "n_samples": [Interval(Integral, 2, None, closed="left"), "array-like", StrOptions({"auto"})],
    "n_combinations": [
        Interval(Integral, MIN_COMBINATIONS, None, closed="left"),
        StrOptions({"auto"}),
    ],
    "kernel": [StrOptions(set(KERNELS))],
    "kernel_width": [Interval(Real, 0, np.inf, closed="right")],
    "link": [StrOptions(set(LINKS))],
    "regressor": [HasMethods("fit"), None],
    "feature_selection": [StrOptions(set(FEATURE_SELECTION))],
    "n_features": [Interval(Integral, 1, None, closed="left"), None],
    "interactions": [StrOptions({"auto", "cross", "all"}), None],
    "linked": ["boolean"],
    "tol": [Interval(Real, 0, None, closed="neither"), None],
    "proxy": [StrOptions({"auto"}), HasMethods(["fit", "predict"]), None],
    "max_samples": [Interval(Integral, 2, None, closed="left")],
    "sampling_rate": [Interval(Real, 0, None, closed="neither"), None],
    "output_names": ["array-like", None],
    "kind": [StrOptions({"classes", "outputs"}), None],
    "audio_column": [Hashable],
    "lyrics_column": [Hashable],
    "word_times_column": [Hashable],
    "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "memory": [str, PathLike, HasMethods("cache"), None],
    "memory_keeps": [StrOptions({"all", "explanations", "sources"})],
    "cache_version": [str, Integral, None],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}
"""Constraints on single parameters, as scikit-learn validates them."""


def check_parameters(explainer: Any) -> None:
    """Check what a constraint on a single parameter can't say.

    Parameters
    ----------
    explainer : MusicLimeExplainer
        The explainer, whose parameters satisfy `CONSTRAINTS`.

    Raises
    ------
    InvalidParameterError, ValueError
        A class was given instead of an estimator, or parameters contradict each other.
    """
    for name in ("separator", "segmenter", "regressor", "proxy"):
        if isinstance(getattr(explainer, name), type):
            raise InvalidParameterError(
                f"{name} must be an estimator, got a class: {getattr(explainer, name).__name__}"
            )
    is_given = not isinstance(explainer.n_samples, str)
    if is_given:
        # "auto" becomes "crossed" for factored models, the design that accepts every `n_samples`.
        design = "crossed" if explainer.design == "auto" else explainer.design
        check_design(design, explainer.n_samples)
    is_limited = not isinstance(explainer.n_combinations, str)
    if is_limited and explainer.design not in ("auto", "crossed"):
        raise ValueError(
            f"n_combinations={explainer.n_combinations} is for design='crossed', whose masks are "
            f"combined, and design={explainer.design!r} draws n_samples songs"
        )
    if (
        is_limited
        and is_given
        and explainer.n_combinations < EACH_TAKES * np.max(explainer.n_samples)
    ):
        raise ValueError(
            f"n_combinations={explainer.n_combinations} is less than {EACH_TAKES} for each mask of "
            f"n_samples={explainer.n_samples}: each is combined with two others, and as many "
            "combinations are for interactions and shares"
        )
    check_selection(explainer.feature_selection, explainer.n_features)
    check_regressor(explainer.regressor)
    is_plain = explainer.regressor is None and explainer.feature_selection == "none"
    if explainer.kernel == "shapley" and not is_plain:
        raise ValueError("kernel='shapley' takes neither a regressor nor a feature_selection")
    if (
        explainer.kernel == "shapley"
        and explainer.interactions in ("cross", "all")
        and explainer.design != "exhaustive"
    ):
        raise ValueError(
            f"interactions={explainer.interactions!r} with kernel='shapley' need all masks: use "
            "design='exhaustive' (up to 20 components), or interactions='auto', which goes "
            "without them where masks are drawn"
        )
    if explainer.design == "crossed" and (explainer.linked or explainer.kernel == "shapley"):
        raise ValueError(
            "design='crossed' draws audio and lyrics apart, which linked=True and "
            "kernel='shapley' can't have; use design='paired'"
        )
    if explainer.linked and explainer.modality != "both":
        raise ValueError(f"linked=True needs modality='both', got {explainer.modality!r}")
    has_columns = explainer.columns is not None and len(explainer.columns) > 0
    if explainer.modality == "columns" and not has_columns:
        raise ValueError("modality='columns' needs columns, the names of those that are explained")
    if explainer.design == "crossed" and has_columns:
        raise ValueError(
            "design='crossed' combines audio and lyrics, and columns are neither; use "
            "design='paired'"
        )
    is_bounded = is_given and explainer.tol is not None
    if is_bounded and explainer.max_samples < np.max(explainer.n_samples):
        raise ValueError(
            f"max_samples={explainer.max_samples} is less than n_samples={explainer.n_samples}"
        )
