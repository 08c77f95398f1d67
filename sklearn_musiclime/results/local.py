"""The explanation of one song as data, tables and sound."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from sklearn_musiclime._runtime.frames import as_index, as_series
from sklearn_musiclime.components.decomposition import Decomposition
from sklearn_musiclime.neighbourhood import Contrast
from sklearn_musiclime.results.dataframes import (
    SHARES,
    SHARES_WITH_COLUMNS,
    check_modality_filter,
    largest_first,
    pair_dataframe,
)
from sklearn_musiclime.results.fills import tabulate_fills
from sklearn_musiclime.results.sonification import audible, mix_of
from sklearn_musiclime.surrogate import apply_link, margin, share_bounds
from sklearn_musiclime.surrogate.confidence import CONFIDENCE_LEVEL, MOST_DOF
from sklearn_musiclime.surrogate.interactions import FALSE_DISCOVERIES, Interactions
from sklearn_musiclime.surrogate.interactions.pairs import DERIVED

SIGNED = ("weights", "intercept", "local_prediction", "corner_scores")
"""Arrays of an explanation that change their sign with the scores."""
BY_LABEL = (
    *SIGNED, "fidelity", "std_err", "shares", "shares_std_err", "dof", "penalty", "shares_dof",
)  # fmt: skip
"""Arrays of an explanation with one row for each label."""


class Prediction(dict[Hashable, float]):
    """The scores of a song by label; that of a :class:`Contrast` is looked up as a difference.

    Parameters
    ----------
    scores : mapping of label to float
        The model's scores.
    link : {"identity", "logit"}
        Scale on which they are explained, and subtracted.
    """

    def __init__(self, scores: Mapping[Hashable, float], link: str):
        super().__init__(scores)
        self._link = link

    def __missing__(self, label: Hashable) -> float:
        if not isinstance(label, Contrast):
            raise KeyError(label)
        linked = apply_link(self._link, np.array([self[label.label], self[label.other]]))
        return float(linked[0] - linked[1])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self), self._link)


@dataclass(frozen=True, eq=False)
class Contrasts:
    """What a :class:`~sklearn_musiclime.LocalExplanation` holds of contrasts of its labels.

    All but `labels` are fields of an explanation, with one row for each contrast.

    Attributes
    ----------
    labels : list of Contrast
        The contrasts.
    weights, std_err, dof : ndarray of shape (n_contrasts, n_components)
        Weights of the components, their standard errors and the degrees of freedom of these.
    intercept, fidelity, local_prediction, penalty : ndarray of shape (n_contrasts,)
        Of each surrogate.
    shares, shares_std_err : ndarray of shape (n_contrasts, n_parts)
        Modality shares and their standard errors.
    shares_dof : ndarray of shape (n_contrasts,)
        Degrees of freedom of these.
    corner_scores : ndarray of shape (n_contrasts, 4)
        Differences of the scores of the song, of its audio, of its lyrics and of neither.
    interaction_terms : Interactions or None
        Interactions, if they were estimated.
    """

    labels: list[Any]
    weights: np.ndarray
    intercept: np.ndarray
    fidelity: np.ndarray
    local_prediction: np.ndarray
    std_err: np.ndarray
    shares: np.ndarray
    shares_std_err: np.ndarray
    corner_scores: np.ndarray
    interaction_terms: Interactions | None
    dof: np.ndarray
    penalty: np.ndarray
    shares_dof: np.ndarray

    @classmethod
    def of(cls, explanation: LocalResult) -> Self:
        """Keep of an explanation of contrasts what differs from one to the other.

        Parameters
        ----------
        explanation : LocalResult
            Its labels are contrasts.

        Returns
        -------
        Contrasts
        """
        return cls(**{own.name: getattr(explanation, own.name) for own in fields(cls)})


@dataclass(frozen=True, eq=False)
class LocalResult:
    """Data and tables of a :class:`~sklearn_musiclime.LocalExplanation`, which lists the fields."""

    title: str
    row: int
    prediction: Mapping[Hashable, float]
    labels: list[Hashable]
    components: Decomposition
    weights: np.ndarray
    intercept: np.ndarray
    fidelity: np.ndarray
    local_prediction: np.ndarray
    std_err: np.ndarray
    shares: np.ndarray
    shares_std_err: np.ndarray
    corner_scores: np.ndarray
    interaction_terms: Interactions | None = None
    links: list[int] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    dof: np.ndarray = DERIVED
    penalty: np.ndarray = DERIVED
    shares_dof: np.ndarray = DERIVED
    track_id: Hashable = None
    contrasts: Contrasts | None = None

    def __post_init__(self) -> None:
        link = self.settings.get("link", "identity")
        object.__setattr__(self, "prediction", Prediction(self.prediction, link))
        pairs = [] if self.contrasts is None else self.contrasts.labels
        if not {part for pair in pairs for part in (pair.label, pair.other)} <= set(self.labels):
            object.__setattr__(self, "contrasts", None)  # of labels before they were replaced
        derived = {
            "dof": np.full(np.shape(self.std_err), MOST_DOF),
            "penalty": np.zeros(len(self.labels)),
            "shares_dof": np.full(len(self.labels), MOST_DOF),
            "track_id": self.row,
        }
        for name, value in derived.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    def label_index(self, label: Hashable | None = None) -> int:
        """Return the position of a label in `labels`, which is its row in `weights`.

        Parameters
        ----------
        label : label or None, default=None
            One of `labels`. None: the first.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            The label was not explained.
        """
        if label is None:
            return 0
        if label not in self.labels:
            raise ValueError(f"{label!r} was not explained; {self.labels} were")
        return self.labels.index(label)

    def contrast(self, label: Hashable, other: Hashable) -> Self:
        """Return the explanation of why the model says one label rather than another.

        It is of the same masks as this one, and so are its errors: what the masks do to both labels
        alike is not in them. It is the explanation that ``labels=[Contrast(label, other)]`` would
        have given.

        Parameters
        ----------
        label, other : label
            Two of `labels`. See :class:`~sklearn_musiclime.Contrast`.

        Returns
        -------
        LocalExplanation
            Its only label is ``Contrast(label, other)``.

        Raises
        ------
        ValueError
            One of them was not explained, or more than five were, or ``labels=`` named other
            contrasts: then only those that it names are estimated.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_musiclime import MusicLimeExplainer
        >>> def scores(X):  # of pop and of rock
        ...     return [[("love" in w) + ("la" in w), 1.0 * ("la" in w)] for _, w in X]
        >>> X = np.empty((1, 2), dtype=object)
        >>> X[0] = [np.ones(10), "la la love"]
        >>> explainer = MusicLimeExplainer(scores, modality="lyrics", output_names=["pop", "rock"])
        >>> explanation = explainer.fit(X).explain(X, labels=["pop", "rock"])[0]
        >>> explanation.contrast("pop", "rock").top(1)[["component", "weight"]].round(6)
          component  weight
        0      love     1.0
        """
        wanted, reverse = Contrast(label, other), Contrast(other, label)
        for holder in (self, self.contrasts):
            for own, sign in ((wanted, 1), (reverse, -1)):
                if holder is not None and own in holder.labels:
                    found = self.of_rows([holder.labels.index(own)], holder)
                    return found if sign == 1 else found._negative()
        missing = [part for part in (label, other) if part not in self.labels]
        if missing:
            reason = f"{missing[0]!r} was not explained; {self.labels} were"
        else:
            reason = f"not all contrasts of {self.labels} were estimated"
        raise ValueError(f"{reason}. Name the contrast to explain: labels=[{wanted!r}]")

    def holding(self, label: Hashable | None) -> tuple[Self, int]:
        """Return the explanation whose arrays hold a label, and the label's row in them.

        Parameters
        ----------
        label : label or None
            One of `labels`, or a :class:`~sklearn_musiclime.Contrast` of two of them. None: the
            first.

        Returns
        -------
        explanation : LocalExplanation
            This one, or that of the contrast.
        row : int

        Raises
        ------
        ValueError
            The label was not explained.
        """
        if isinstance(label, Contrast) and label not in self.labels:
            return self.contrast(label.label, label.other), 0
        return self, self.label_index(label)

    def of_rows(self, rows: list[int], holder: LocalResult | Contrasts | None = None) -> Self:
        """Return the explanation of some of the labels.

        Parameters
        ----------
        rows : list of int
            Positions of the labels.
        holder : LocalExplanation, Contrasts or None, default=None
            Explanation of the same song that has the labels. None: this one.

        Returns
        -------
        LocalExplanation
        """
        holder = self if holder is None else holder
        terms = holder.interaction_terms
        return replace(
            self,
            labels=[holder.labels[row] for row in rows],
            interaction_terms=None if terms is None else terms.of_labels(rows),
            contrasts=None,
            **{name: getattr(holder, name)[rows] for name in BY_LABEL},
        )

    def _negative(self) -> Self:
        """The explanation of a contrast's reverse."""
        (label,) = self.labels
        assert isinstance(label, Contrast)
        terms = self.interaction_terms
        return replace(
            self,
            labels=[Contrast(label.other, label.label)],
            interaction_terms=None if terms is None else replace(terms, weights=-terms.weights),
            **{name: -getattr(self, name) for name in SIGNED},
        )

    def to_frame(
        self, label: Hashable | None = None, *, interval: float = CONFIDENCE_LEVEL
    ) -> pd.DataFrame:
        """Return a table of the components and their weights.

        Parameters
        ----------
        label : label or None, default=None
            One of `labels`, or a contrast of two. None: the first.
        interval : float, default=0.95
            Confidence level of the intervals for the weight that all masks would give.

        Returns
        -------
        DataFrame
            One row per component, with columns ``component``; ``modality`` ("audio", "lyrics" or
            "columns"); ``source`` and ``segment`` (audio only); ``start`` and ``end`` in seconds
            (of the segment, or of the first time that the words are sung, if known); ``text`` (of
            lyrics, or the song's value in a column); ``weight``; ``std_err``; ``low`` and ``high``,
            the bounds of the interval, NaN where there are too few masks for one. If there were too
            few masks for least squares, also ``penalty``: the penalty of the ridge regression that
            shrinks the weights. If components were linked, also ``unit``: the number of the linked
            unit, whose weight is divided equally among its components.

        Raises
        ------
        ValueError
            The label was not explained, or `interval` is not between 0 and 1.
        """
        audio, lyrics = self.components.audio, self.components.lyrics
        rows: list[dict[str, Any]] = []
        if audio is not None:
            rows += [
                {
                    "modality": "audio",
                    "source": source,
                    "segment": segment,
                    "start": audio.times[segment],
                    "end": audio.times[segment + 1],
                }
                for source in audio.source_names
                for segment in range(audio.n_segments)
            ]
        if lyrics is not None:
            for text, times in zip(lyrics.texts(), lyrics.times, strict=True):
                start, end = times or (np.nan, np.nan)
                rows.append({"modality": "lyrics", "text": text, "start": start, "end": end})
        if self.components.columns is not None:
            rows += [
                {"modality": "columns", "text": text} for text in self.components.columns.texts
            ]
        columns = ["modality", "source", "segment", "start", "end", "text"]
        frame = pd.DataFrame(rows, columns=columns, dtype=object)
        frame["segment"] = frame["segment"].astype("Int64")
        frame = frame.astype({"start": float, "end": float})
        frame.insert(0, "component", as_series(self.components.names))
        own, row = self.holding(label)
        frame["weight"], frame["std_err"] = own.weights[row], own.std_err[row]
        reach = margin(own.std_err[row], own.dof[row], interval)
        frame["low"], frame["high"] = frame["weight"] - reach, frame["weight"] + reach
        if own.penalty[row] > 0:
            frame["penalty"] = own.penalty[row]
        if self.links is not None:
            frame["unit"] = self.links
        return frame

    def top(
        self,
        n: int = 10,
        label: Hashable | None = None,
        *,
        modality: str | None = None,
        interval: float = CONFIDENCE_LEVEL,
    ) -> pd.DataFrame:
        """Return a table of the components with the largest absolute weights.

        Parameters
        ----------
        n : int, default=10
            Largest number of components.
        label : label or None, default=None
            One of `labels`, or a contrast of two. None: the first.
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
        frame = self.to_frame(label, interval=interval)
        if modality is not None:
            frame = frame[frame["modality"] == modality]
        return largest_first(frame, "weight")[:n]

    def audio_map(self, label: Hashable | None = None) -> pd.DataFrame:
        """Return the weights of the audio components as a table of sources x segments.

        Parameters
        ----------
        label : label or None, default=None
            One of `labels`, or a contrast of two. None: the first.

        Returns
        -------
        DataFrame of shape (n_sources, n_segments)
            One row per source, one column per segment. Empty if the audio was not explained.
        """
        own, row = self.holding(label)
        weights = own.weights[row, : self.components.n_audio]
        audio = self.components.audio
        if audio is None:
            return pd.DataFrame()
        return pd.DataFrame(
            weights.reshape(len(audio.source_names), audio.n_segments),
            index=as_index(audio.source_names, name="source"),
            columns=pd.RangeIndex(audio.n_segments, name="segment"),
        )

    def interactions(
        self,
        label: Hashable | None = None,
        *,
        fdr: float | None = FALSE_DISCOVERIES,
        interval: float = CONFIDENCE_LEVEL,
    ) -> pd.DataFrame:
        """Return a table of interactions: joint effects of two components beyond their own.

        An interaction is the average of ``f(both) - f(one) - f(other) + f(neither)`` over masks of
        the other components, see :mod:`sklearn_musiclime.surrogate.interactions`.

        Parameters
        ----------
        label : label or None, default=None
            One of `labels`, or a contrast of two. None: the first.
        fdr : float or None, default=0.05
            False-discovery rate: the expected share of false interactions among the rows. None:
            all pairs that were estimated.
        interval : float, default=0.95
            See :meth:`to_frame`.

        Returns
        -------
        DataFrame
            Columns ``first`` and ``second`` (names of components), ``modalities`` ("audio x lyrics"
            and so on), ``weight``, ``std_err``, ``low``, ``high`` and ``q_value``, in descending
            order of ``|weight|``.

        Raises
        ------
        ValueError
            Interactions were not estimated.
        """
        own, row = self.holding(label)
        terms = own.interaction_terms
        if terms is None:
            raise ValueError(
                "interactions were not estimated (interactions=None, linked=True, or masks drawn "
                "for kernel='shapley')"
            )
        reach = margin(terms.std_err[row], terms.dof[row], interval)
        return pair_dataframe(
            self.components.names,
            self.components.modalities,
            terms.pairs,
            fdr,
            weight=terms.weights[row],
            std_err=terms.std_err[row],
            low=terms.weights[row] - reach,
            high=terms.weights[row] + reach,
            q_value=terms.q_values[row],
        )

    def compare_fills(
        self,
        *others: LocalResult,
        label: Hashable | None = None,
        interval: float = CONFIDENCE_LEVEL,
    ) -> pd.DataFrame:
        """Compare the weights with those of other fills: what stands whatever the fill.

        Parameters
        ----------
        *others : LocalExplanation
            Explanations of the same song by explainers with another `fill`.
        label : label or None, default=None
            One of `labels`, or a contrast of two. None: the first.
        interval : float, default=0.95
            Probability of the intervals that tell a weight from 0.

        Returns
        -------
        DataFrame
            One row a component: ``component`` to ``text`` of :meth:`to_frame`; the weight with each
            fill, in a column with its name; and ``finding``: "stands" if the weight is told from 0
            by its interval with every fill and has the same sign, "depends" if it is so with some
            fills, "none" if with none. What stands comes first, in descending order of the weight
            with the fill where it is nearest to 0.

        Raises
        ------
        ValueError
            No other fill is given, two are the same, or an explanation has other components or does
            not explain the label.

        Examples
        --------
        A model that goes by loudness hears what is left out as silence, but not as noise:

        >>> import numpy as np
        >>> from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
        >>> def is_loud(X):
        ...     return [float(np.std(y) > 0.6) + ("love" in words) for y, words in X]
        >>> X = np.empty((1, 2), dtype=object)
        >>> X[0] = [np.sin(np.arange(2000.0)), "all you need is love"]
        >>> explainer = MusicLimeExplainer(
        ...     is_loud, separator=None, segmenter=UniformSegmenter(1), kernel_width=np.inf
        ... )
        >>> silence = explainer.fit(X).explain(X)[0]
        >>> noise = explainer.set_params(fill="noise").fit(X).explain(X)[0]
        >>> table = silence.compare_fills(noise)
        >>> table[["component", "silence", "noise", "finding"]].round(1).head(2)
          component  silence  noise  finding
        0      love      1.0    1.0   stands
        1     mix@0      1.0    0.0  depends
        """
        label = self.labels[0] if label is None else label
        frames: dict[str, pd.DataFrame] = {}
        for explanation in (self, *others):
            fill = explanation.settings.get("fill", "silence")
            if fill in frames:
                raise ValueError(f"fills are compared, and two explanations have {fill}")
            if explanation.components.names != self.components.names:
                raise ValueError(
                    f"{explanation.title!r} with {fill} has other components than {self.title!r}: "
                    "they must be of the same song, separator, segmenter and lyric_units"
                )
            frames[fill] = explanation.to_frame(label, interval=interval)
        if not others:
            raise ValueError("an explanation with another fill is needed to compare this one with")
        return tabulate_fills(frames)

    def modality_share(
        self, label: Hashable | None = None, *, interval: float = CONFIDENCE_LEVEL
    ) -> pd.DataFrame:
        """Return the shares of the score's variance due to modalities and their interaction.

        The variance is that of a label's score over fair masks, in which each component is on with
        probability 1/2, whatever the design. The shares are Sobol indices, see
        :mod:`sklearn_musiclime.surrogate.shares`.

        Parameters
        ----------
        label : label or None, default=None
            One of `labels`, or a contrast of two. None: the first.
        interval : float, default=0.95
            See :meth:`to_frame`.

        Returns
        -------
        DataFrame of shape (3 or 4, 4)
            Rows "audio", "lyrics", "columns" if any are explained, and "interaction", which is all
            that is due to several modalities; columns ``share`` (the shares add up to 1),
            ``std_err``, and ``low`` and ``high``, the bounds of the interval. NaN if components
            were linked, or masks were drawn for ``kernel="shapley"``.
        """
        own, row = self.holding(label)
        share, std_err = own.shares[row], own.shares_std_err[row]
        low, high = share_bounds(share, std_err, own.shares_dof[row], interval)
        return pd.DataFrame(
            {
                "share": share,
                "std_err": std_err,
                "low": low,
                "high": high,
            },
            index=pd.Index(
                SHARES if self.components.columns is None else SHARES_WITH_COLUMNS, name="modality"
            ),
        )

    def modality_scores(self, label: Hashable | None = None) -> pd.Series:
        """Return the model's score of the song, of its audio alone and of its lyrics alone.

        Parameters
        ----------
        label : label or None, default=None
            One of `labels`, or a contrast of two. None: the first.

        Returns
        -------
        Series
            Scores for "both", "audio" (without the lyrics), "lyrics" (without the audio) and
            "neither", as the model returns them, whatever the link; of a contrast the differences
            on the scale of the link. Columns are the song's.

        Raises
        ------
        ValueError
            Components were linked, so audio and lyrics were not scored alone.
        """
        if not self.corner_scores.shape[1]:
            raise ValueError("audio and lyrics were linked; neither was scored alone")
        own, row = self.holding(label)
        return pd.Series(
            own.corner_scores[row],
            index=pd.Index(["both", "audio", "lyrics", "neither"], name="kept"),
            name="score",
        )

    def sonify(
        self, n: int = 5, label: Hashable | None = None, *, direction: str = "for"
    ) -> np.ndarray:
        """Return a waveform of the audio components with the largest weights for a label.

        Parameters
        ----------
        n : int, default=5
            Largest number of components; fewer if fewer have a weight of the sign.
        label : label or None, default=None
            One of `labels`, or a contrast of two. None: the first.
        direction : {"for", "against"}, default="for"
            "for": components with the largest positive weights. "against": components with the
            lowest negative weights.

        Returns
        -------
        ndarray of shape (n_samples,), dtype float32
            Waveform as long as the song, with each component at its time, faded in and out over
            5 ms. Silence if no component has a weight of the sign.

        Raises
        ------
        ValueError
            The audio was not explained, the explanation has no waveforms, or `direction` is
            unknown.

        See Also
        --------
        to_frame : The weights.
        """
        signs = {"for": 1, "against": -1}
        if direction not in signs:
            raise ValueError(f"direction must be 'for' or 'against', got {direction!r}")
        audio = audible(self.components)
        weights = signs[direction] * self.audio_map(label).to_numpy()
        order = np.argsort(-weights, axis=None, kind="stable")[:n]
        kept = np.zeros(weights.shape, dtype=bool)
        kept.flat[order] = weights.flat[order] > 0
        return mix_of(audio, kept)

    def __repr__(self) -> str:
        label, parts = self.labels[0], self.components
        beside = "" if parts.columns is None else f" and {parts.n_columns} columns"
        return (
            f"<{type(self).__name__} of {self.title!r}: {label!r} {self.prediction[label]:.3g}, "
            f"{parts.n_audio} audio and {parts.n_lyrics} lyric components{beside}, "
            f"fidelity {self.fidelity[0]:.2f}>"
        )
