"""Explanations as objects of other packages: shap, shapiq."""

from __future__ import annotations

from collections.abc import Hashable
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np

from sklearn_musiclime.components.decomposition import Decomposition
from sklearn_musiclime.results.global_tables import GlobalResult
from sklearn_musiclime.results.local import LocalResult


def local_to_shap(explanation: LocalResult, label: Hashable | list[Hashable] | None) -> Any:
    """Make a ``shap.Explanation`` of the weights of a song.

    Parameters
    ----------
    explanation : LocalExplanation
        The explanation.
    label : label, list of label, or None
        See :meth:`LocalExplanation.to_shap <sklearn_musiclime.LocalExplanation.to_shap>`.

    Returns
    -------
    shap.Explanation
    """
    several = isinstance(label, list)
    wanted = label if isinstance(label, list) else [label]
    rows = [explanation.label_index(one) for one in wanted]
    values, base = explanation.weights[rows].T, explanation.intercept[rows]
    names = [str(explanation.labels[row]) for row in rows]
    return needed("shap").Explanation(
        values=values if several else values[:, 0],
        base_values=base if several else float(base[0]),
        data=np.ones(len(values)),
        display_data=np.array(_contents(explanation.components), dtype=object),
        feature_names=list(explanation.components.shown),
        output_names=names if several else None,
    )


def global_to_shap(explanation: GlobalResult, label: Hashable | None) -> Any:
    """Make a ``shap.Explanation`` of the weights of a class in many songs.

    Parameters
    ----------
    explanation : GlobalExplanation
        The explanation.
    label : label or None
        See :meth:`GlobalExplanation.to_shap <sklearn_musiclime.GlobalExplanation.to_shap>`.

    Returns
    -------
    shap.Explanation
    """
    if explanation.songs is None or explanation.weights is None:
        raise ValueError("an explanation made from totals has no weights of single songs")
    label = explanation.labels[0] if label is None else label
    if label not in explanation.labels:
        raise ValueError(f"{label!r} was not explained; {explanation.labels} were")
    rows = np.flatnonzero([own == label for own in explanation.songs["label"]])
    weights = explanation.weights[rows]
    contains = weights.copy()
    contains.data = np.ones(len(contains.data))  # stored zeros are of components that songs have
    return needed("shap").Explanation(
        values=weights.toarray(),
        base_values=np.full(len(rows), np.nan),
        data=contains.toarray(),
        feature_names=[component.name for component in explanation.components],
    )


def local_to_interaction_values(explanation: LocalResult, label: Hashable | None) -> Any:
    """Make ``shapiq.InteractionValues`` of the weights and interactions of a song.

    Parameters
    ----------
    explanation : LocalExplanation
        The explanation.
    label : label or None
        One of its labels. None: the first.

    Returns
    -------
    shapiq.InteractionValues
    """
    row, terms, settings = (
        explanation.label_index(label), explanation.interaction_terms, explanation.settings,
    )  # fmt: skip
    base = float(explanation.intercept[row])
    values: dict[tuple[int, ...], float] = {(): base}
    values |= {(i,): float(weight) for i, weight in enumerate(explanation.weights[row])}
    if terms is not None:
        values |= {
            (min(i, k), max(i, k)): float(weight)
            for (i, k), weight in zip(terms.pairs.tolist(), terms.weights[row], strict=True)
        }
    index = "SII" if settings.get("kernel") == "shapley" else "BII"
    if terms is None:
        index = {"SII": "SV", "BII": "BV"}[index]
    return needed("shapiq").InteractionValues(
        values,
        index=index,
        n_players=len(explanation.components),
        min_order=0,
        max_order=1 if terms is None else 2,
        estimated=settings.get("design") != "exhaustive",
        estimation_budget=settings.get("n_combinations"),
        baseline_value=base,
    )


def needed(package: str) -> Any:
    """Import a package that this one does without.

    Parameters
    ----------
    package : str
        Its name.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        It is not installed.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise ImportError(
            f"this needs {package}, which is not installed: pip install {package}"
        ) from error


def _contents(components: Decomposition) -> list[str]:
    """What each component is in the song: a span of time, a number of times, a value."""
    contents = []
    if components.audio is not None:
        times = components.audio.times
        spans = [f"{a:.1f}-{b:.1f} s" for a, b in pairwise(times)]
        contents += spans * len(components.audio.source_names)
    if components.lyrics is not None:
        contents += [f"{len(spans)} x" for spans in components.lyrics.spans]
    if components.columns is not None:
        contents += list(components.columns.texts)
    return contents
