"""Differences between two versions of a model: for a song, and over many songs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pandas as pd

from sklearn_musiclime.explanation.global_ import GlobalExplanation
from sklearn_musiclime.explanation.local import LocalExplanation
from sklearn_musiclime.neighbourhood import (
    NEW,
    OLD,
    Contrast,
    difference_of,
    of_version,
    version_and_label,
)
from sklearn_musiclime.report.difference_page import (
    write_global_difference_page,
    write_local_difference_page,
)
from sklearn_musiclime.report.difference_plots import plot_differences
from sklearn_musiclime.report.page import song_page
from sklearn_musiclime.results.differences import global_differences, local_differences
from sklearn_musiclime.surrogate.confidence import CONFIDENCE_LEVEL
from sklearn_musiclime.surrogate.interactions import FALSE_DISCOVERIES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def compared_labels(labels: Sequence[Hashable]) -> list[Hashable]:
    """Find the labels whose difference between two versions was explained.

    Parameters
    ----------
    labels : sequence of label
        Labels of an explanation of both versions.

    Returns
    -------
    list of label
        In the order of `labels`.

    Raises
    ------
    ValueError
        A label is of no version, or lacks the difference, the old or the new score; or there are
        none.
    """
    found = []
    for label in labels:
        if isinstance(label, Contrast):
            (new, own), (old, other) = map(version_and_label, (label.label, label.other))
            if (new, old, own) != (NEW, OLD, other):
                raise ValueError(f"{label} is no difference of two versions")
            found.append(own)
    needed = {
        part
        for own in found
        for part in (of_version(OLD, own), of_version(NEW, own), difference_of(own))
    }
    if not found or needed != set(labels):
        raise ValueError(f"labels {list(labels)} are not those of two versions and differences")
    return found


@dataclass(frozen=True, eq=False)
class LocalDifference:
    """What differs for a song between two versions of a model, from masks that both scored.

    It is an item of ``explanations`` of a :class:`GlobalDifference`, which
    :func:`explain_difference <sklearn_musiclime.explain_difference>` returns.

    Attributes
    ----------
    both : LocalExplanation
        Explanation of both versions as one model, whose labels are the old and the new score and
        their difference for each label.

    Raises
    ------
    ValueError
        The labels are others.
    """

    both: LocalExplanation

    def __post_init__(self) -> None:
        compared_labels(self.both.labels)

    @property
    def title(self) -> str:
        """The song's file name, or its row in X."""
        return self.both.title

    @property
    def labels(self) -> list[Hashable]:
        """The labels that are compared; the first is the default of every method."""
        return compared_labels(self.both.labels)

    @cached_property
    def old(self) -> LocalExplanation:
        """The explanation of the old version."""
        return self._of_version(OLD)

    @cached_property
    def new(self) -> LocalExplanation:
        """The explanation of the new version."""
        return self._of_version(NEW)

    @cached_property
    def difference(self) -> LocalExplanation:
        """The explanation of the new version's score less the old one's.

        Its labels are those that are compared, its prediction the differences of the scores, with
        ``link="logit"`` of the log-odds.
        """
        pairs = [difference_of(label) for label in self.labels]
        found = self.both.of_rows([self.both.label_index(pair) for pair in pairs])
        prediction = {
            label: self.both.prediction[pair]
            for label, pair in zip(self.labels, pairs, strict=True)
        }
        return replace(
            found,
            title=f"{self.title}: new less old",
            labels=self.labels,
            prediction=prediction,
        )

    def to_frame(
        self,
        label: Hashable | None = None,
        *,
        fdr: float = FALSE_DISCOVERIES,
        interval: float = CONFIDENCE_LEVEL,
    ) -> pd.DataFrame:
        """Return a table of the components with the weights of both versions.

        Parameters
        ----------
        label : label or None, default=None
            One of `labels`. None: the first.
        fdr : float, default=0.05
            False-discovery rate: the expected share of false ones among the significant
            differences of the label.
        interval : float, default=0.95
            Confidence level of the intervals of the differences.

        Returns
        -------
        DataFrame
            One row per component, with columns ``component`` to ``text`` of
            :meth:`LocalExplanation.to_frame`, the weights ``old`` and ``new``, ``difference`` (new
            less old), its ``std_err``, ``low`` and ``high``, and ``p_value``, ``q_value`` and
            ``significant`` of the test of whether it is 0.

        Raises
        ------
        ValueError
            The label is not compared, or a rate is not between 0 and 1.
        """
        return local_differences(self.both, self._known(label), fdr=fdr, interval=interval)

    def plot(self, label: Hashable | None = None, *, n: int = 12) -> Figure:
        """Plot the components whose weights differ most.

        Parameters
        ----------
        label : label or None, default=None
            One of `labels`. None: the first.
        n : int, default=12
            Number of components.

        Returns
        -------
        matplotlib.figure.Figure
            Bars of the old and the new weight, and beside them the difference with its 95 %
            interval, in colour where it is significant.
        """
        label = self._known(label)
        return plot_differences([(label, self.to_frame(label))], title=self.title, n=n)

    def to_html(self, path: str | PathLike[str]) -> Path:
        """Write the differences to an HTML page with sound.

        It is the page of :meth:`LocalExplanation.to_html`, in which the difference, the new and the
        old version can be chosen, and a table of the weights of both.

        Parameters
        ----------
        path : path-like
            The HTML file.

        Returns
        -------
        Path
            The HTML file.
        """
        tables = [(label, self.to_frame(label)) for label in self.labels]
        return write_local_difference_page(self.both, tables, path)

    def save(self, path: str | PathLike[str]) -> None:
        """Save to the files of :meth:`LocalExplanation.save`.

        Parameters
        ----------
        path : path-like
            The JSON file.
        """
        self.both.save(path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Load what :meth:`save` wrote.

        Parameters
        ----------
        path : path-like
            The JSON file.

        Returns
        -------
        LocalDifference

        Raises
        ------
        FileNotFoundError, ValueError
            As :meth:`LocalExplanation.load`; or the file is not of two versions.
        """
        return cls(LocalExplanation.load(path))

    def __repr__(self) -> str:
        label = self.labels[0]
        old, new = (self.both.prediction[of_version(v, label)] for v in (OLD, NEW))
        n = int(self.to_frame(label)["significant"].sum())
        return (
            f"<{type(self).__name__} of {self.title!r}: {label!r} {old:.3g} -> {new:.3g}, "
            f"{n} of {len(self.both.components)} components differ>"
        )

    def _known(self, label: Hashable | None) -> Hashable:
        return self.labels[0] if label is None else _compared(label, self.labels)

    def _of_version(self, version: str) -> LocalExplanation:
        names = [of_version(version, label) for label in self.labels]
        found = self.both.of_rows([self.both.label_index(name) for name in names])
        scores = ((version_and_label(n), score) for n, score in self.both.prediction.items())
        return replace(
            found,
            title=f"{self.title}: {version} version",
            labels=self.labels,
            prediction={label: score for (own, label), score in scores if own == version},
        )


@dataclass(frozen=True, eq=False)
class GlobalDifference:
    """What differs between two versions of a model over many songs.

    It is made by :func:`explain_difference <sklearn_musiclime.explain_difference>`.

    Attributes
    ----------
    both : GlobalExplanation
        Explanation of both versions as one model, whose labels are the old and the new score and
        their difference for each label.

    Raises
    ------
    ValueError
        The labels are others.
    """

    both: GlobalExplanation

    def __post_init__(self) -> None:
        compared_labels(self.both.labels)

    @property
    def labels(self) -> list[Hashable]:
        """The classes that are compared; each over the songs in which it was explained."""
        return compared_labels(self.both.labels)

    @property
    def failures(self) -> pd.DataFrame:
        """Songs that could not be explained: ``row``, ``track_id``, ``title``, ``reason``."""
        return self.both.failures

    @cached_property
    def explanations(self) -> list[LocalDifference] | None:
        """The differences of each song, if they were kept; else None."""
        kept = self.both.explanations
        if kept is None:
            return None
        return [LocalDifference(e) for e in kept if isinstance(e, LocalExplanation)]

    def to_frame(
        self,
        label: Hashable | None = None,
        *,
        fdr: float = FALSE_DISCOVERIES,
        min_groups: int = 2,
    ) -> pd.DataFrame:
        """Return a table of the components with their mean weights by both versions.

        Parameters
        ----------
        label : label or None, default=None
            One of `labels`. None: all, one after the other.
        fdr : float, default=0.05
            False-discovery rate: the expected share of false ones among the significant
            differences of a class.
        min_groups : int, default=2
            Smallest number of groups of songs with the component.

        Returns
        -------
        DataFrame
            One row per class and component, with columns ``label``, ``component``, ``modality``,
            ``source``, ``segment``; the mean weights ``old`` and ``new`` over groups of songs;
            ``difference`` (new less old); ``n_groups`` and ``count`` (of explanations); and its
            ``std_err``, ``low``, ``high``, ``p_value``, ``q_value`` and ``significant``, see
            :mod:`sklearn_musiclime.results.differences`. In descending order of
            ``|difference|``, class by class.

        Raises
        ------
        ValueError
            The label is not compared, or the rate is not between 0 and 1.
        """
        frames = []
        for own in self.labels if label is None else [_compared(label, self.labels)]:
            frame = global_differences(self.both, own, fdr=fdr, min_groups=min_groups)
            frame.insert(0, "label", pd.Series([own] * len(frame), dtype=object))
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def plot(
        self, labels: Sequence[Hashable] | None = None, *, n: int = 12, min_groups: int = 2
    ) -> Figure:
        """Plot the components whose mean weights differ most, a row for each class.

        Parameters
        ----------
        labels : sequence of label, or None, default=None
            The classes. None: all.
        n : int, default=12
            Number of components per class.
        min_groups : int, default=2
            See :meth:`to_frame`.

        Returns
        -------
        matplotlib.figure.Figure
            See :meth:`LocalDifference.plot`.
        """
        wanted = self.labels if labels is None else labels
        tables = [(label, self.to_frame(label, min_groups=min_groups)) for label in wanted]
        return plot_differences(tables, title="New version less old", n=n)

    def to_html(
        self,
        path: str | PathLike[str],
        *,
        title: str = "What the new version goes by, and the old one did not",
        n_songs: int = 5,
        min_groups: int = 2,
    ) -> Path:
        """Write the differences to an HTML page, with both versions side by side.

        If the differences of each song were kept, pages of those songs that differ most are written
        to the same folder.

        Parameters
        ----------
        path : path-like
            The HTML file.
        title : str, default="What the new version goes by, and the old one did not"
            Heading of the page.
        n_songs : int, default=5
            Largest number of songs with a page.
        min_groups : int, default=2
            See :meth:`to_frame`.

        Returns
        -------
        Path
            The HTML file.
        """
        path = Path(path)
        songs = [(s, s.to_html(song_page(path, s.both.row))) for s in self._most_different(n_songs)]
        tables = [(label, self.to_frame(label, min_groups=min_groups)) for label in self.labels]
        return write_global_difference_page(
            self.both,
            tables,
            path,
            title=title,
            songs=[
                (song.title, label, song.both.prediction[difference_of(label)], page)
                for song, page in songs
                for label in song.labels[:1]
            ],
        )

    def save(self, path: str | PathLike[str]) -> None:
        """Save to the files of :meth:`GlobalExplanation.save`.

        Parameters
        ----------
        path : path-like
            The JSON file.
        """
        self.both.save(path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Load what :meth:`save` wrote.

        Parameters
        ----------
        path : path-like
            The JSON file.

        Returns
        -------
        GlobalDifference

        Raises
        ------
        FileNotFoundError, ValueError
            As :meth:`GlobalExplanation.load`; or the file is not of two versions.
        """
        return cls(GlobalExplanation.load(path))

    def __repr__(self) -> str:
        frame = self.to_frame()
        return (
            f"<{type(self).__name__} of {len(self.labels)} classes: "
            f"{int(frame['significant'].sum())} of {len(frame)} components differ>"
        )

    def _most_different(self, n_songs: int) -> list[LocalDifference]:
        """The songs whose scores differ most between the versions."""
        return sorted(
            self.explanations or [],
            key=lambda song: -max(abs(score) for score in song.difference.prediction.values()),
        )[:n_songs]


def _compared(label: Hashable, labels: list[Hashable]) -> Hashable:
    """Return the label; raise if it is none of those that are compared."""
    if label not in labels:
        raise ValueError(f"{label!r} was not compared; {labels} were")
    return label
