"""Songs that were explained before: their explanations are found again instead of made anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tqdm.auto import tqdm

from sklearn_musiclime._explain_one import SongExplainer
from sklearn_musiclime._runtime.cache import ResultCache
from sklearn_musiclime._runtime.fingerprint import fingerprint
from sklearn_musiclime._runtime.parallel import StreamingParallel
from sklearn_musiclime.components.separation import read_beside
from sklearn_musiclime.explanation import LocalExplanation
from sklearn_musiclime.songs import SongTable


class Outcome(NamedTuple):
    """What a song that was explained leaves behind.

    Attributes
    ----------
    result : object
        What was made of its explanation.
    trouble : str or None
        What keeps the worker's cache from keeping results.
    name : str
        What messages call the song.
    way : str
        How the model was asked: "factored", or "black box" and why.
    notes : dict of str to str
        What there is to warn of, by topic.
    """

    result: Any
    trouble: str | None
    name: str
    way: str
    notes: dict[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptExplanations:
    """Explains songs, or finds them explained: what a worker does with a song.

    Attributes
    ----------
    explainer : SongExplainer
        Explains the song.
    cache : ResultCache
        Where explanations are kept.
    key : str or None
        Hash of all that decides an explanation but for the song. None: none are kept.
    version : str, int or None
        What stands for what can't be identified.
    provenance : dict
        What settings say of the model.
    finish : callable or None
        What is made of an explanation. None: itself.
    needs_waveforms : bool
        Whether its components need their waveforms.
    """

    explainer: SongExplainer
    cache: ResultCache
    key: str | None
    version: str | int | None
    provenance: dict[str, Any] = field(default_factory=dict)
    finish: Callable[[LocalExplanation], Any] | None = None
    needs_waveforms: bool = True

    def __call__(
        self,
        table: SongTable,
        *,
        parallel: StreamingParallel | None = None,
        progress: tqdm | None = None,
    ) -> Outcome:
        """Explain the one song of a table, or find it explained.

        Parameters
        ----------
        table : SongTable
            The song.
        parallel : StreamingParallel or None, default=None
            Runs the batches of a black box. None: one after the other.
        progress : tqdm or None, default=None
            Is told of what has been scored.

        Returns
        -------
        Outcome
        """
        parallel = parallel or StreamingParallel(1)
        progress = tqdm(disable=True) if progress is None else progress
        digest = identify(self.key is not None, self.version, song=table.content(0))
        key, kept, notes = None, None, {}
        if self.key is not None:
            beside = read_beside(self.explainer.separator, table.path(0))
            key = fingerprint(self.key, digest, beside, version=self.version)
            kept = self.cache.find("explanation", key)
        if kept is not None:
            explanation = self._as_of(kept, table)
        else:
            explanation, notes = self.explainer.explain(table, parallel, progress)
            time = datetime.now(UTC).isoformat(timespec="seconds")
            about = self.provenance | {"song_digest": digest, "time": time}
            explanation = replace(explanation, settings=dict(explanation.settings) | about)
            if key is not None:
                bare = explanation.components.without_waveforms()
                self.cache.keep("explanation", key, replace(explanation, components=bare))
        result = explanation if self.finish is None else self.finish(explanation)
        way = explanation.settings["model"]
        return Outcome(result, self.cache.trouble, table.name(0), way, notes)

    def _as_of(self, kept: LocalExplanation, table: SongTable) -> LocalExplanation:
        """A kept explanation as that of a row of this X."""
        components = self.explainer.read(table)[1] if self.needs_waveforms else kept.components
        return replace(
            kept, title=table.title(0), row=table.first_row, track_id=table.track_id(0),
            components=components,
        )  # fmt: skip


def identify(is_needed: bool, version: str | int | None, **named: Any) -> str | None:
    """Hash a model or a song.

    Parameters
    ----------
    is_needed : bool
        Whether it must have an identity.
    version : str, int or None
        What stands for what can't be identified.
    **named : object
        The model or the song, by what an error calls it.

    Returns
    -------
    str or None
        None of one that has no identity, and needs none.

    Raises
    ------
    ValueError
        It has no identity and needs one.
    """
    try:
        return fingerprint(version=version, **named)
    except ValueError:
        if is_needed:
            raise
        return None
