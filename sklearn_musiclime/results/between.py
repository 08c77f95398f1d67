"""The difference of two explanations: why a song has a higher score than another.

Weights of the first song count as they are, those of the second with the sign turned, so that all
that is positive speaks for the first. Components that both songs have, such as the words of one
query, count with the difference of their weights.

Standard errors of independent masks add in squares. Two songs of the same length and with the same
text that were explained with the same seed have the same masks, however, and their errors go
together in a way that the two explanations don't tell. The error of a component of both is then at
most the sum of its two errors, which is what the tables give; mostly it is far smaller. With
different seeds the masks are independent, and the error that is told is smaller.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd
from scipy import stats

from sklearn_musiclime.components.decomposition import AudioComponents, Decomposition
from sklearn_musiclime.components.lyrics import LyricComponents
from sklearn_musiclime.results.dataframes import (
    check_modality_filter,
    largest_first,
    pair_dataframe,
)
from sklearn_musiclime.results.fills import ROUNDING
from sklearn_musiclime.results.local import LocalResult
from sklearn_musiclime.surrogate import margin
from sklearn_musiclime.surrogate.confidence import CONFIDENCE_LEVEL, MOST_DOF
from sklearn_musiclime.surrogate.interactions import FALSE_DISCOVERIES
from sklearn_musiclime.surrogate.interactions.pairs import without_rounding

BOTH, FIRST, SECOND = "both", "first", "second"
"""Songs that a component is of."""
MUST_AGREE = ("link", "kernel", "kernel_width", "fill", "mask_token", "modality", "linked")
"""Settings that the meaning of a weight depends on."""

Key = tuple[str, ...]
"""What tells components, or pairs of them, of two songs apart: song, modality and name of each."""


@dataclass(frozen=True, eq=False)
class PreferenceResult:
    """Data and tables of a :class:`~sklearn_musiclime.explanation.Preference`."""

    first: LocalResult
    second: LocalResult
    label: Hashable
    second_label: Hashable

    def __post_init__(self) -> None:
        for explanation, label in self._sides:
            explanation.label_index(label)  # raises for a label that was not explained
        for name in MUST_AGREE:
            one, other = (e.settings.get(name) for e in (self.first, self.second))
            if one != other:
                raise ValueError(
                    f"weights of {self.first.title!r}, with {name}={one!r}, and of "
                    f"{self.second.title!r}, with {name}={other!r}, can't be compared"
                )

    @property
    def difference(self) -> float:
        """The model's score of the first song less that of the second."""
        (first, label), (second, second_label) = self._sides
        return float(first.prediction[label] - second.prediction[second_label])

    @property
    def masks_are_shared(self) -> bool:
        """Whether both songs were explained with the same random masks."""
        first, second = (e.settings.get("masks") for e, _ in self._sides)
        is_exact = not (self.first.std_err.any() or self.second.std_err.any())
        return first is not None and first == second and not is_exact

    def to_frame(self, *, interval: float = CONFIDENCE_LEVEL) -> pd.DataFrame:
        """Return a table of the components of both songs and what they add to the difference.

        Parameters
        ----------
        interval : float, default=0.95
            Confidence level of the intervals.

        Returns
        -------
        DataFrame
            One row per component, with columns ``component``; ``song``: "first", "second", or
            "both" for a component of both; ``modality`` to ``text`` as in
            :meth:`LocalExplanation.to_frame <sklearn_musiclime.LocalExplanation.to_frame>`;
            ``weight``: that in the first song less that in the second, each 0 where the song lacks
            the component; ``std_err``; ``low`` and ``high``, the bounds of the interval.

        Raises
        ------
        ValueError
            `interval` is not between 0 and 1.
        """
        keys, frames = self._keys(), []
        for (explanation, label), own in zip(self._sides, keys, strict=True):
            frame = explanation.to_frame(label)
            frame.insert(1, "song", [song for song, *_ in own])
            frame["dof"] = explanation.dof[explanation.label_index(label)]
            frames.append(frame)
        described = ["component", "song", "modality", "source", "segment", "start", "end", "text"]
        return self._subtract(keys, frames, described, interval).drop(columns="dof")

    def top(
        self,
        n: int = 10,
        *,
        modality: str | None = None,
        interval: float = CONFIDENCE_LEVEL,
    ) -> pd.DataFrame:
        """Return a table of the components that add most to the difference, or take most from it.

        Parameters
        ----------
        n : int, default=10
            Largest number of components.
        modality : {"audio", "lyrics", "columns"} or None, default=None
            Modality of the components. None: all.
        interval : float, default=0.95
            See :meth:`to_frame`.

        Returns
        -------
        DataFrame
            Rows of :meth:`to_frame` in descending order of ``|weight|``, with a new index.
        """
        check_modality_filter(modality)
        frame = self.to_frame(interval=interval)
        if modality is not None:
            frame = frame[frame["modality"] == modality]
        return largest_first(frame, "weight")[:n]

    def interactions(
        self, *, fdr: float | None = FALSE_DISCOVERIES, interval: float = CONFIDENCE_LEVEL
    ) -> pd.DataFrame:
        """Return a table of the interactions in both songs and what they add to the difference.

        Parameters
        ----------
        fdr : float or None, default=0.05
            False-discovery rate among the rows, for the pairs of both songs taken together. None:
            all pairs.
        interval : float, default=0.95
            See :meth:`to_frame`.

        Returns
        -------
        DataFrame
            Columns ``first`` and ``second`` (names of components), ``song`` (a pair is of "both"
            if both of its components are), ``modalities``, ``weight``, ``std_err``, ``low``,
            ``high`` and ``q_value``, in descending order of ``|weight|``.

        Raises
        ------
        ValueError
            Interactions were not estimated.
        """
        keys, frames = [], []
        for (explanation, label), own in zip(self._sides, self._keys(), strict=True):
            terms, parts = explanation.interaction_terms, explanation.components
            if terms is None:
                raise ValueError(f"interactions of {explanation.title!r} were not estimated")
            at = explanation.label_index(label)
            frame = pair_dataframe(
                parts.names, parts.modalities, terms.pairs, None, weight=terms.weights[at],
                std_err=terms.std_err[at], dof=terms.dof[at], row=np.arange(len(terms.pairs)),
            )  # fmt: skip
            pairs = [[own[i] for i in terms.pairs[row]] for row in frame.pop("row")]
            songs = [{one[0], other[0]} for one, other in pairs]
            frame["song"] = [BOTH if song == {BOTH} else min(song - {BOTH}) for song in songs]
            keys.append([(*one, *other) for one, other in pairs])
            frames.append(frame)
        described = ["first", "second", "song", "modalities"]
        table = self._subtract(keys, frames, described, interval)
        table["q_value"] = _q_values(table["weight"], table["std_err"], table.pop("dof"))
        if fdr is not None:
            table = table[table["q_value"] <= fdr]
        return largest_first(table, "weight")

    def modality_parts(self) -> pd.DataFrame:
        """Return the part of the difference that each modality carries.

        The parts are differences of four scores of the model for each song: of the song, of its
        audio alone, of its text alone and of neither. Masks have no part in them, and so they have
        no standard error.

        Returns
        -------
        DataFrame of shape (5, 3)
            Columns ``first`` and ``second``, the parts of each song's score, and ``difference``.
            Rows are "audio" and "lyrics", what each adds alone; "together", what both add beyond
            that; "neither", the score without both; and "score", the sum of the other rows.

        Raises
        ------
        ValueError
            Components were linked, so audio and lyrics were not scored alone.
        """
        table = pd.DataFrame(
            {
                song: _parts(explanation.modality_scores(label))
                for song, (explanation, label) in zip((FIRST, SECOND), self._sides, strict=True)
            }
        )
        table["difference"] = table[FIRST] - table[SECOND]
        return table.rename_axis("modality")

    def __repr__(self) -> str:
        (first, label), (second, second_label) = self._sides
        names = repr(label) if label == second_label else f"{label!r} and {second_label!r}"
        return (
            f"<{type(self).__name__} for {first.title!r} rather than {second.title!r}: {names} "
            f"{first.prediction[label]:.3g} - {second.prediction[second_label]:.3g} = "
            f"{self.difference:+.3g}>"
        )

    @property
    def _sides(self) -> tuple[tuple[LocalResult, Hashable], tuple[LocalResult, Hashable]]:
        return (self.first, self.label), (self.second, self.second_label)

    def _keys(self) -> list[list[Key]]:
        """Keys of the components of each song: those of both songs are the same."""
        common = _common(self.first.components, self.second.components)
        return [
            [
                (BOTH if (modality, name) in common else song, modality, name)
                for name, modality in zip(parts.names, parts.modalities, strict=True)
            ]
            for song, parts in ((FIRST, self.first.components), (SECOND, self.second.components))
        ]

    def _subtract(
        self,
        keys: Sequence[Sequence[Key]],
        frames: Sequence[pd.DataFrame],
        described: list[str],
        interval: float,
    ) -> pd.DataFrame:
        """Subtract the weights of the second song from those of the first, key by key."""
        row_of = {key: row for row, key in enumerate(dict.fromkeys(chain(*keys)))}
        weights = np.zeros((2, len(row_of)))
        errors, dof = np.zeros_like(weights), np.full_like(weights, MOST_DOF)
        for side, (own, frame) in enumerate(zip(keys, frames, strict=True)):
            rows = [row_of[key] for key in own]
            weights[side, rows], errors[side, rows] = frame["weight"], frame["std_err"]
            dof[side, rows] = frame["dof"]
        known = set(keys[0])
        is_new = [key not in known for key in keys[1]]
        table = pd.concat([frames[0], frames[1][is_new]], ignore_index=True)[described]
        floor = ROUNDING * np.abs(weights).max(initial=0.0)
        table["weight"] = without_rounding(weights[0] - weights[1], floor)
        table["std_err"], table["dof"] = _joined(errors, dof, together=self.masks_are_shared)
        reach = margin(table["std_err"].to_numpy(), table["dof"].to_numpy(), interval)
        table["low"], table["high"] = table["weight"] - reach, table["weight"] + reach
        return table


def _common(first: Decomposition, second: Decomposition) -> set[tuple[str, str]]:
    """Modalities and names of the components that two songs have in common."""
    is_common = {
        "audio": _is_same_audio(first.audio, second.audio),
        "lyrics": _are_same_units(first.lyrics, second.lyrics),
        "columns": True,
    }
    one, other = (set(zip(p.modalities, p.names, strict=True)) for p in (first, second))
    return {(modality, name) for modality, name in one & other if is_common[modality]}


def _is_same_audio(first: AudioComponents | None, second: AudioComponents | None) -> bool:
    if first is None or second is None or first.mix is None or second.mix is None:
        return False
    return np.array_equal(first.mix, second.mix) and np.array_equal(first.borders, second.borders)


def _are_same_units(first: LyricComponents | None, second: LyricComponents | None) -> bool:
    """Whether lyric components of the same name are the same: words, or places of one text."""
    if first is None or second is None or first.units != second.units:
        return False
    return first.units == "words" or first.text == second.text


def _joined(
    errors: np.ndarray, dof: np.ndarray, *, together: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Standard error of a difference and its degrees of freedom, from two errors (2, n) each."""
    dof = np.where(errors == 0, MOST_DOF, dof)
    if together:
        return errors.sum(axis=0), dof.min(axis=0)
    squares = np.square(errors)
    parts = np.divide(squares, squares.sum(axis=0), out=np.zeros_like(squares), where=squares > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        known = 1 / (np.square(parts) / dof).sum(axis=0)  # Welch and Satterthwaite
    known = np.where((dof < 1).any(axis=0), 0.0, np.minimum(known, MOST_DOF))
    return np.sqrt(squares.sum(axis=0)), known


def _q_values(weights: pd.Series, std_err: pd.Series, dof: pd.Series) -> np.ndarray:
    """Benjamini-Hochberg q-values of t-tests."""
    if not len(weights):
        return np.empty(0)
    ratio = np.abs(
        np.divide(weights, std_err, out=np.full(len(weights), np.inf), where=std_err > 0)
    )
    is_tested = (weights != 0) & (dof >= 1)
    p_values = np.where(is_tested, 2 * stats.t.sf(ratio, np.maximum(dof, 1.0)), 1.0)
    return stats.false_discovery_control(p_values)


def _parts(scores: pd.Series) -> dict[str, float]:
    """Parts of a song's score from the scores of what is kept."""
    neither = scores["neither"]
    audio, lyrics = scores["audio"] - neither, scores["lyrics"] - neither
    together = scores["both"] - neither - audio - lyrics
    return {
        "audio": audio,
        "lyrics": lyrics,
        "together": together,
        "neither": neither,
        "score": scores["both"],
    }
