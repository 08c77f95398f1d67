"""PartSet: a set of parts of a song that is enough for a label, or without which it changes."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sklearn_musiclime.components.readable import readable_names
from sklearn_musiclime.results.local import LocalResult
from sklearn_musiclime.results.sonification import audible, mix_of

MAX_NAMED = 12
"""Most components that a representation lists."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PartSet:
    """A set of parts of a song that keeps a label, or without which the label changes.

    It is made by :meth:`LocalExplanation.sufficient
    <sklearn_musiclime.LocalExplanation.sufficient>` and :meth:`LocalExplanation.counterfactual
    <sklearn_musiclime.LocalExplanation.counterfactual>`; :mod:`sklearn_musiclime.results.sets` says
    how.

    Attributes
    ----------
    kind : {"sufficient", "counterfactual"}
        Which of the two.
    label : label
        The label.
    condition : str
        What it means that the label is kept.
    found : bool
        Whether a set was found. If not, all that follows is empty or NaN.
    positions : tuple of int
        Positions of the set's components in ``explanation.components``, in descending order of the
        weight.
    n_parts : int
        Number of parts: of components, those that are linked counted once.
    probability : float
        Sufficient: part of the fresh masks of the rest with which the label was kept.
        Counterfactual: part of the fills with which the label changed; 1 where there is one fill.
    low : float
        Lower bound of the probability that holds with `confidence`; the probability itself if it
        is exact.
    is_exact : bool
        Whether all masks of the rest, or all fills, were scored, so that nothing is left to chance.
    target, confidence : float
        The probability that was asked for, and the confidence of the bound.
    n_masks : int
        Number of fresh masks, or of fills, that `probability` comes from.
    n_tries : int
        Number of sets that were tested, all but the last in vain.
    n_calls : int
        Number of perturbed songs that the model scored, those of the search included.
    is_smallest : bool
        Whether it is known that no smaller set does (if none was found: that none at all does),
        since all were tried. False: not all were.
    becomes : label or None
        Counterfactual: the label that the model says without the set, with the first fill. None: a
        threshold decides, or no set was found.
    seed : int
        Seed of the search and of the test.
    explanation : LocalExplanation
        The explanation that the set is of.
    """

    kind: str
    label: Hashable
    condition: str
    found: bool
    positions: tuple[int, ...]
    n_parts: int
    probability: float
    low: float
    is_exact: bool
    target: float
    confidence: float
    n_masks: int
    n_tries: int
    n_calls: int
    is_smallest: bool
    becomes: Hashable | None
    seed: int
    explanation: LocalResult = field(repr=False)

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the set's components, in descending order of the weight."""
        names = self.explanation.components.names
        return tuple(names[position] for position in self.positions)

    def to_frame(self) -> pd.DataFrame:
        """Return a table of the set's components.

        Returns
        -------
        DataFrame
            Their rows of :meth:`LocalExplanation.to_frame
            <sklearn_musiclime.LocalExplanation.to_frame>` for the label, in descending order of the
            weight.
        """
        frame = self.explanation.to_frame(self.label)
        return frame.iloc[list(self.positions)].reset_index(drop=True)

    def sonify(self) -> np.ndarray:
        """Return the waveform of the set, or of the song without it.

        Returns
        -------
        ndarray of shape (n_samples,), dtype float32
            Sufficient: the set's audio components alone, each at its time. Counterfactual: the song
            without them. As long as the song, faded over 5 ms.

        Raises
        ------
        ValueError
            No set was found, the audio was not explained, or the explanation has no waveforms.
        """
        if not self.found:
            raise ValueError("no set was found, so there is nothing to hear")
        audio = audible(self.explanation.components)
        return mix_of(audio, self.heard().reshape(len(audio.source_names), audio.n_segments))

    def heard(self) -> np.ndarray:
        """Tell which audio components :meth:`sonify` lets hear.

        Returns
        -------
        ndarray of shape (n_audio_components,), dtype bool
        """
        n_audio = self.explanation.components.n_audio
        inside = np.isin(np.arange(n_audio), self.positions)
        return inside if self.kind == "sufficient" else ~inside

    @property
    def shown(self) -> list[str]:
        """What the set's components are called in texts, the text of lyrics for them."""
        shown = readable_names(self.explanation.components)
        return [shown[position] for position in self.positions]

    def describe(self) -> tuple[str, str]:
        """Say in plain text what was found.

        Returns
        -------
        finding : str
            What was found, to be followed by the list of the parts; without a full stop.
        evidence : str
            What this rests on.
        """
        n, n_components = self.n_parts, len(self.explanation.components)
        what = f"{n} part{'' if n == 1 else 's'}"
        calls = f"{self.n_calls:,} calls of the model"
        if self.kind == "sufficient" and not self.found:
            return (
                f"No set of fewer than all {n_components} components was found that is enough for "
                f"{self.label!r}",
                f"With a probability of {self.target:g} {self.condition} ({calls}).",
            )
        if self.kind == "sufficient":
            finding = f"{what} {'is' if n == 1 else 'are'} enough for {self.label!r}"
            if not n:
                finding = f"No part is needed for {self.label!r}"
            rest, often = "the others" if n else "all parts", self._how_often("masks")
            return finding, f"With {rest} on or off by chance, {self.condition} {often} ({calls})."
        if not self.found:
            known = "There is none" if self.is_smallest else "That is no proof that there is none"
            return f"No set was found without which {self.label!r} is lost", f"{known} ({calls})."
        then = "the score changes sides" if self.becomes is None else f"it is {self.becomes!r}"
        often = "" if self.n_masks == 1 else f" {self._how_often('fills')}"
        smaller = "No smaller set does it" if self.is_smallest else "A smaller set may do it, too"
        return (
            f"Without {what} {self.label!r} is lost",
            f"With everything else on, {then}{often}. {smaller} ({calls}).",
        )

    def _how_often(self, cases: str) -> str:
        n = round(self.probability * self.n_masks)
        if self.is_exact:
            return f"with {n} of all {self.n_masks} {cases}"
        return (
            f"with {n} of {self.n_masks} fresh {cases}: with a probability of at least "
            f"{self.low:.3g}, at {100 * self.confidence:g} % confidence"
        )

    def __repr__(self) -> str:
        finding, evidence = self.describe()
        names = self.shown[:MAX_NAMED]
        more = len(self.positions) - len(names)
        listed = ", ".join([*names, *([f"and {more} more"] if more > 0 else [])])
        return f"<{finding}{': ' if listed else ''}{listed}. {evidence}>"
