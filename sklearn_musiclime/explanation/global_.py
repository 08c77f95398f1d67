"""GlobalExplanation: the importance of components for each class, over many songs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn_musiclime.report.global_page import write_global_page
from sklearn_musiclime.report.global_plots import plot_comparison, plot_global
from sklearn_musiclime.report.html import global_summary
from sklearn_musiclime.results.exports import global_to_shap
from sklearn_musiclime.results.global_files import load_global, save_global
from sklearn_musiclime.results.global_tables import GlobalResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class GlobalExplanation(GlobalResult):
    """Global explanation of a model: the importance of components for each class, over many songs.

    It aggregates local explanations, and is made by :meth:`MusicLimeExplainer.explain_global
    <sklearn_musiclime.MusicLimeExplainer.explain_global>`, :meth:`from_local` or
    :meth:`from_totals`.

    Attributes
    ----------
    labels : list
        The classes, sorted; for regressors the outputs.
    components : list of Component
        Name, modality, source and relative segment of each component. Audio components come first,
        by source and segment, then lyric components in the order of their text, then columns.
    sums : ndarray of shape (n_labels, n_components)
        Sums of the positive parts of the weights over the explanations of each class.
    counts : ndarray of shape (n_labels, n_components)
        Number of explanations of the class that contain the component.
    songs : DataFrame or None
        One row per explanation: ``title``, ``row`` (position in X), ``track_id`` (label in the
        index of X), ``group`` (of the song; equal to ``row`` if no groups were given), ``label``,
        ``score`` of the model, ``fidelity``, and the modality shares ``audio``, ``lyrics``,
        ``columns`` if any are explained, and ``interaction``. None if made from totals.
    weights : csr_array of shape (n_explanations, n_components), or None
        The weights that were summed. A stored entry, even a zero, means that the song contains the
        component. None if made from totals.
    pair_totals : PairTotals or None
        Sums of interactions over songs. None if there are no interactions.
    failures : DataFrame
        Songs that could not be explained: ``row``, ``track_id``, ``title``, ``reason``.
    explanations : list of LocalExplanation or None
        The local explanations, if they were kept.
    run : RunReport or None
        What the run that made it did and cost, see :class:`~sklearn_musiclime.songs.run.RunReport`.
        None: it was not made by a run. It is not saved.

    See Also
    --------
    sklearn_musiclime.results.importance : Definitions of the importances.
    sklearn_musiclime.results.intervals : Confidence intervals of importances.
    sklearn_musiclime.results.summaries : Components that songs share.

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
        """Plot the most important components of each class.

        Each class has one row: a heat map of the importance of sources x relative segments, and
        bars for the most important words, and for columns if any are explained, with their 95 %
        intervals if `songs` is not None.

        Parameters
        ----------
        labels : sequence of label, or None, default=None
            The classes. None: all.
        method, min_count
            See :meth:`importance`.
        n : int, default=10
            Number of words per class.

        Returns
        -------
        matplotlib.figure.Figure
            Figure made without pyplot; save it with ``figure.savefig(path)``.
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
        """Plot the differences between the importances of two classes, see :meth:`compare`.

        Parameters
        ----------
        first, second : label
            The classes.
        method, min_count
            See :meth:`importance`.
        n : int, default=12
            Number of components per modality. Up to a quarter as many components that have an
            importance for only one of the two classes are listed below them, without bars.

        Returns
        -------
        matplotlib.figure.Figure
            Bars to the right are more important for the first class, bars to the left for the
            second. Whiskers are 95 % intervals, cut at three times the length of the longest bar.
        """
        return plot_comparison(self, first, second, method=method, n=n, min_count=min_count)

    def to_shap(self, label: Hashable | None = None) -> Any:
        """Return the weights of a class in each song as a ``shap.Explanation``.

        For shap's plots of many songs, such as ``shap.plots.beeswarm`` and ``shap.plots.bar``. The
        values are weights as in :meth:`LocalExplanation.to_shap
        <sklearn_musiclime.LocalExplanation.to_shap>`.

        Parameters
        ----------
        label : label or None, default=None
            The class. None: the first of `labels`.

        Returns
        -------
        shap.Explanation
            One row an explanation of the class. ``values`` of shape (n_explanations,
            n_components), 0 where a song lacks a component; ``data`` 1 where it has it, else 0;
            ``base_values`` NaN, since they are not kept.

        Raises
        ------
        ImportError
            shap is not installed.
        ValueError
            The class was not explained, or the explanation was made from totals.
        """
        return global_to_shap(self, label)

    def to_html(
        self,
        path: str | PathLike[str],
        *,
        title: str = "What the model goes by",
        n_songs: int = 5,
        min_count: int = 1,
    ) -> Path:
        """Write the explanation to an HTML page.

        The page shows a heat map and the words of each class, a comparison of two classes, and the
        songs chosen by :meth:`pick`. If the local explanations were kept, each of these songs has
        a page of its own, which is written to the same folder.

        Parameters
        ----------
        path : path-like
            The HTML file.
        title : str, default="What the model goes by"
            Heading of the page.
        n_songs : int, default=5
            Largest number of songs chosen.
        min_count : int, default=1
            See :meth:`importance`.

        Returns
        -------
        Path
            The HTML file.
        """
        return write_global_page(self, path, title=title, n_songs=n_songs, min_count=min_count)

    def save(self, path: str | PathLike[str]) -> None:
        """Save the explanation to a JSON file, and its arrays to an ``.npz`` file beside it.

        The local explanations in `explanations` are not saved; save them one by one.

        Parameters
        ----------
        path : path-like
            The JSON file. The arrays of "song.json" are in "song.npz". For a name that does not end
            in ".json", ".npz" is appended: the arrays of "run.1" are in "run.1.npz".

        See Also
        --------
        load : Read it back.
        """
        save_global(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> GlobalExplanation:
        """Load an explanation that :meth:`save` wrote.

        Parameters
        ----------
        path : path-like
            The JSON file.

        Returns
        -------
        GlobalExplanation

        Raises
        ------
        FileNotFoundError
            One of the two files is missing.
        ValueError
            A file is not that of a global explanation, has a later version of the format, or is
            inconsistent; or the two files were not saved together.
        """
        return cls(**load_global(path))

    def _repr_html_(self) -> str:
        return global_summary(self)
