"""What a model goes by over many songs, class by class."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from sklearn_musiclime.report.global_plots import plot_comparison, plot_global
from sklearn_musiclime.report.html import global_summary
from sklearn_musiclime.report.page import write_global_page
from sklearn_musiclime.results.global_files import load_global, save_global
from sklearn_musiclime.results.global_tables import GlobalResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class GlobalExplanation(GlobalResult):
    """What a model goes by over many songs, class by class.

    Made by :meth:`MusicLimeExplainer.explain_global
    <sklearn_musiclime.MusicLimeExplainer.explain_global>`, :meth:`from_local` or
    :meth:`from_totals`.

    Attributes
    ----------
    labels : list
        The classes, sorted; numbers of outputs for regressors.
    components : list of Component
        Name, modality, source and relative segment of each: audio first, by source and segment,
        then lyrics by their text.
    sums : ndarray of shape (n_labels, n_components)
        Sums of the positive parts of weights over the explanations of each class.
    counts : ndarray of shape (n_labels, n_components)
        Explanations of the class that contain the component.
    songs : DataFrame or None
        A row an explanation: ``title``, ``row`` in X, ``track_id`` (label in its index),
        ``group`` (of songs that belong together: the row, if no groups were given), ``label``,
        ``score`` of the model, ``fidelity``, and the modality shares ``audio``, ``lyrics``,
        ``interaction``. None if made from totals.
    weights : csr_array of shape (n_explanations, n_components), or None
        The weights behind the sums; what is stored is contained, zeros too.
    pair_totals : PairTotals or None
        Sums of interactions.
    failures : DataFrame
        Songs that could not be explained: ``row``, ``track_id``, ``title``, ``reason``.
    explanations : list of LocalExplanation or None
        The local explanations, if they were asked for.

    See Also
    --------
    sklearn_musiclime.results.importance : What importances are.
    sklearn_musiclime.results.intervals : How far they would vary with other songs.
    sklearn_musiclime.results.summaries : What songs share.

    References
    ----------
    Sotirou et al., "MusicLIME", arXiv 2409.10496.
    van der Linden, Haned, Kanoulas, "Global aggregations of local explanations for black box
    models", 2019.

    Examples
    --------
    >>> from sklearn_musiclime import GlobalExplanation
    >>> totals = {
    ...     "rock": {"drums0": (4.0, 2), "love": (1.0, 4)},
    ...     "folk": {"drums0": (1.0, 2), "love": (1.0, 1)},
    ... }
    >>> explanation = GlobalExplanation.from_totals(totals)
    >>> explanation.importance()
               folk  rock
    component
    drums0      0.5  2.00
    love        1.0  0.25
    >>> explanation.importance("homogeneity")  # love speaks for both alike
               folk  rock
    component
    drums0      1.0   2.0
    love        0.0   0.0
    """

    def plot(
        self,
        labels: Sequence[Hashable] | None = None,
        *,
        method: str = "average",
        n: int = 10,
        min_count: int = 1,
    ) -> Figure:
        """Draw what each class is recognised by.

        A row a class: the importance of sources x relative segments as a heat map, and the words of
        the largest importance as bars, with their 95 % intervals if the songs are known.

        Parameters
        ----------
        labels : sequence of label, or None, default=None
            The classes. None: all.
        method, min_count
            See :meth:`importance`.
        n : int, default=10
            Words a class.

        Returns
        -------
        matplotlib.figure.Figure
            Not known to pyplot: save it with ``figure.savefig(path)``.
        """
        return plot_global(self, labels, method=method, n=n, min_count=min_count)

    def plot_comparison(
        self,
        first: Hashable,
        second: Hashable,
        *,
        method: str = "average",
        n: int = 12,
        min_count: int = 1,
    ) -> Figure:
        """Draw what tells two classes apart, see :meth:`compare`.

        Parameters
        ----------
        first, second : label
            The classes.
        method, min_count
            See :meth:`importance`.
        n : int, default=12
            Components a modality; and below them, without bars, a quarter as many of those that
            count for one of the two classes alone.

        Returns
        -------
        matplotlib.figure.Figure
            Bars to the right speak for the first class, bars to the left for the second. Whiskers
            are cut at three times the length of the longest bar.
        """
        return plot_comparison(self, first, second, method=method, n=n, min_count=min_count)

    def to_html(
        self,
        path: str | PathLike[str],
        *,
        title: str = "What the model goes by",
        n_songs: int = 5,
        min_count: int = 1,
    ) -> Path:
        """Write the explanation as a page.

        A heat map and words of each class, two classes side by side, and the songs of :meth:`pick`:
        if the local explanations were kept, with a page each, which is written beside.

        Parameters
        ----------
        path : path-like
            The HTML file.
        title : str, default="What the model goes by"
            Its heading.
        n_songs : int, default=5
            Songs that are picked, at most.
        min_count : int, default=1
            See :meth:`importance`.

        Returns
        -------
        Path
            The file.
        """
        return write_global_page(self, path, title=title, n_songs=n_songs, min_count=min_count)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the explanation: JSON, and its numbers beside it as ``.npz``.

        Local explanations that it holds are not written; save them one by one.

        Parameters
        ----------
        path : path-like
            The JSON file. The arrays of "song.json" are in "song.npz", those of a name that ends
            otherwise in a file of that name with ".npz" behind it: "run.1", "run.1.npz".

        See Also
        --------
        load : Read it back.
        """
        save_global(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> GlobalExplanation:
        """Read an explanation back.

        Parameters
        ----------
        path : path-like
            The JSON file that :meth:`save` wrote.

        Returns
        -------
        GlobalExplanation

        Raises
        ------
        FileNotFoundError
            One of the two files is missing.
        ValueError
            A file is none of a global explanation, or of a later version; what it says does not
            fit together; or the two were not saved together.
        """
        return cls(**load_global(path))

    def _repr_html_(self) -> str:
        return global_summary(self)
