"""The list of explanations that :meth:`MusicLimeExplainer.explain` returns."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

import pandas as pd

from sklearn_musiclime._runtime.fingerprint import fingerprint
from sklearn_musiclime.explanation.local import LocalExplanation
from sklearn_musiclime.results.record.rows import json_of, song_rows
from sklearn_musiclime.results.record.writing import RecordWriter
from sklearn_musiclime.songs.corpus import FAILURE_COLUMNS
from sklearn_musiclime.songs.run import RunReport

OF_A_RUN = (
    "version", "model_digest", "kernel", "kernel_width", "link", "regressor", "feature_selection",
    "n_features", "interactions", "linked", "proxy", "tol", "separator", "segmenter", "lyric_units",
    "mask_token", "fill", "modality", "columns", "sampling_rate", "seed",
)  # fmt: skip
"""Settings in which the explanations of a record agree."""


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

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """Write the explanations to a record, a row a song, label and component.

        A run of many songs writes one while songs finish: ``explain_global(songs, out=path)``.

        Parameters
        ----------
        path : path-like
            The record: one file if the name ends in ".parquet", else a folder of parts, see
            :mod:`sklearn_musiclime.results.record`. Songs that it holds already are left out.

        Raises
        ------
        ImportError
            pyarrow is not installed.
        ValueError
            There are no explanations; they, or those in the record, were made with unlike
            settings; or two have the same label of the index of X.
        """
        if not self:
            raise ValueError("there are no explanations to write")
        kinds = [{name: repr(e.settings.get(name)) for name in OF_A_RUN} for e in self]
        for explanation, settings in zip(self, kinds, strict=True):
            unlike = [name for name in OF_A_RUN if settings[name] != kinds[0][name]]
            if unlike:
                raise ValueError(
                    f"{explanation.title!r} was explained with another {unlike[0]} than "
                    f"{self[0].title!r}; write them to records of their own"
                )
        digest = fingerprint(kinds[0])
        with RecordWriter(path, settings_digest=digest, settings=kinds[0]) as writer:
            written: set[str] = set()
            for explanation in self:
                track = json_of(explanation.track_id)
                if track in written:
                    raise ValueError(f"two songs have the label {explanation.track_id!r}")
                written.add(track)
                if track not in writer.known:
                    of_song = explanation.settings.get("song_digest")
                    writer.add(song_rows(explanation, song_digest=of_song, settings_digest=digest))
