"""LocalExplanation: the explanation of one song."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from sklearn_musiclime.report.html import local_summary
from sklearn_musiclime.report.page import write_local_page
from sklearn_musiclime.report.plots import plot_local
from sklearn_musiclime.results.local import LocalResult
from sklearn_musiclime.results.local_files import load_local, save_local

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class LocalExplanation(LocalResult):
    """Explanation of a model's scores for one song: weights of its components, and interactions.

    It is made by :meth:`MusicLimeExplainer.explain
    <sklearn_musiclime.MusicLimeExplainer.explain>`.

    Attributes
    ----------
    title : str
        The song's file name, or its row in X.
    row : int
        The song's position in X.
    prediction : dict of label to float
        The model's score of every label for the unperturbed song. That of a contrast is looked up
        as a difference.
    labels : list
        The explained labels; the first is the default of every method.
    components : Decomposition
        The components, with their names, waveforms and texts.
    weights : ndarray of shape (n_labels, n_components)
        Weights of the components: how much each adds to the score of a label, or to its log-odds
        with ``link="logit"``.
    intercept : ndarray of shape (n_labels,)
        The surrogate's score with all components off, in the unit of the weights.
    fidelity : ndarray of shape (n_labels,)
        Weighted R^2 of the surrogate over all masks. Where masks are a random sample, each is
        predicted by a fit without it. At most 1; negative where the surrogate predicts worse than
        the mean.
    local_prediction : ndarray of shape (n_labels,)
        The surrogate's score of the unperturbed song, in the unit of `prediction`.
    std_err : ndarray of shape (n_labels, n_components)
        Standard errors of `weights`, due to the random draw of masks. 0 if all masks were scored,
        NaN for components that ``feature_selection`` left out.
    interaction_terms : Interactions or None
        Interactions of pairs of components, see :meth:`interactions`. None: not estimated.
    shares, shares_std_err : ndarray of shape (n_labels, 3), or (n_labels, 4) with columns
        Modality shares and their standard errors, see :meth:`modality_share`.
    corner_scores : ndarray of shape (n_labels, 4)
        Scores of the song, of its audio alone, of its lyrics alone and of neither, see
        :meth:`modality_scores`. Of shape (n_labels, 0) if components were linked.
    links : list of int, or None
        Number of the linked unit of each component, if vocals and lyrics were linked.
    settings : dict
        Settings of the explainer: design, number of samples, kernel and so on. "model" is
        "factored", or "black box" with the reason.
    dof : ndarray of shape (n_labels, n_components), or None, default=None
        Degrees of freedom of `std_err`; below 1 where no interval can be given. None: the largest
        number in use, for intervals of the normal distribution.
    penalty : ndarray of shape (n_labels,), or None, default=None
        Penalty of the ridge regression that shrinks the weights if there are too few masks for
        least squares, otherwise 0. None: 0.
    shares_dof : ndarray of shape (n_labels,), or None, default=None
        Degrees of freedom of `shares_std_err`. None: as for `dof`.
    track_id : label or None, default=None
        The song's label in the index of X. None: `row`.
    contrasts : Contrasts or None, default=None
        The contrasts of every two of `labels`, of up to five, see :meth:`contrast`. None: there are
        none.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
    >>> def loves(X):  # a model that goes by one word and by how loud the first half is
    ...     return [0.5 * ("love" in words) + float(np.std(y[:500])) for y, words in X]
    >>> X = np.empty((1, 2), dtype=object)
    >>> X[0] = [np.sin(np.arange(1000.0)), "all you need is love"]
    >>> explainer = MusicLimeExplainer(loves, separator=None, segmenter=UniformSegmenter(2))
    >>> explanation = explainer.fit(X).explain(X)[0]
    >>> explanation.top(2)[["component", "modality", "weight"]].round(2)
      component modality  weight
    0     mix@0    audio    0.71
    1      love   lyrics    0.50
    """

    def plot(self, label: Hashable | None = None, *, n: int = 12) -> Figure:
        """Plot the explanation.

        The figure shows sources x segments coloured by weight with the waveform of each source, the
        components of the largest weights as bars with their 95 % intervals, the significant
        interactions, and the lyrics with every word coloured by its weight.

        Parameters
        ----------
        label : label or None, default=None
            One of `labels`, or a contrast of two. None: the first.
        n : int, default=12
            Number of bars per modality.

        Returns
        -------
        matplotlib.figure.Figure
            Figure made without pyplot; save it with ``figure.savefig(path)``.
        """
        return plot_local(self, label, n=n)

    def to_html(self, path: str | PathLike[str], *, fills: Sequence[LocalExplanation] = ()) -> Path:
        """Write the explanation to an HTML page with sound.

        The page is one file that opens from disk without a network. A click on a component of the
        audio plays it alone, or the song without it. Words are coloured by weight and, if their
        times are known, are highlighted as they are sung. Audio with a sampling rate below 8 kHz or
        above 48 kHz is resampled for the page.

        Parameters
        ----------
        path : path-like
            The HTML file.
        fills : sequence of LocalExplanation, default=()
            Explanations of the same song with other fills. A table tells which weights stand
            whatever the fill, see :meth:`compare_fills`.

        Returns
        -------
        Path
            The HTML file.
        """
        return write_local_page(self, path, fills)

    def save(self, path: str | PathLike[str]) -> None:
        """Save the explanation to a JSON file, and its waveforms to an ``.npz`` file beside it.

        Neither file contains code or pickled objects.

        Parameters
        ----------
        path : path-like
            The JSON file. The arrays of "song.json" are in "song.npz". For a name that does not end
            in ".json", ".npz" is appended: the arrays of "run.1" are in "run.1.npz".

        See Also
        --------
        load : Read it back.
        """
        save_local(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> LocalExplanation:
        """Load an explanation that :meth:`save` wrote.

        The files may come from anyone: every value is checked, and nothing in them is executed.

        Parameters
        ----------
        path : path-like
            The JSON file.

        Returns
        -------
        LocalExplanation

        Raises
        ------
        FileNotFoundError
            One of the two files is missing.
        ValueError
            A file is not that of a local explanation, has a later version of the format, or is
            inconsistent; or the two files were not saved together.
        """
        return cls(**load_local(path))

    def _repr_html_(self) -> str:
        return local_summary(self)
