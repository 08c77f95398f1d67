"""The list of explanations that :meth:`MusicLimeExplainer.explain` returns."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from sklearn_musiclime.explanation.local import LocalExplanation
from sklearn_musiclime.songs.corpus import FAILURE_COLUMNS
from sklearn_musiclime.songs.run import RunReport


class Explanations(list[LocalExplanation]):
    """A list of local explanations, with a table of the songs that could not be explained.

    Parameters
    ----------
    explanations : iterable of LocalExplanation, default=()
        The explanations.
    failures : DataFrame or None, default=None
        The songs that failed. None: an empty table.

    run : RunReport or None, default=None
        Report of the run that made them.

    Attributes
    ----------
    failures : DataFrame
        The songs that failed, one per row, with columns ``row`` (position in X), ``track_id``
        (label in the index of X), ``title`` and ``reason``.
    run : RunReport or None
        What the run did and cost, see :class:`~sklearn_musiclime.songs.run.RunReport`. None: they
        were not made by a run.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime import MusicLimeExplainer
    >>> songs = np.empty((2, 2), dtype=object)
    >>> songs[:] = [[np.ones(10), "love is all"], [np.ones(10), None]]
    >>> explainer = MusicLimeExplainer(lambda X: [1.0 * ("love" in words) for _, words in X])
    >>> explainer = explainer.set_params(modality="lyrics").fit(songs[:1])
    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     explanations = explainer.explain(songs, on_error="warn")
    >>> len(explanations), explanations.failures["row"].tolist()
    (1, [1])
    """

    def __init__(
        self,
        explanations: Iterable[LocalExplanation] = (),
        failures: pd.DataFrame | None = None,
        run: RunReport | None = None,
    ):
        super().__init__(explanations)
        self.run = run
        self.failures = pd.DataFrame(columns=FAILURE_COLUMNS) if failures is None else failures
