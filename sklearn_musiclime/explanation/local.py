"""The explanation of one song."""

from __future__ import annotations

from collections.abc import Hashable
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
    """Why a model said what it said of one song.

    Made by :meth:`MusicLimeExplainer.explain <sklearn_musiclime.MusicLimeExplainer.explain>`.

    Attributes
    ----------
    title : str
        The song's file name, or its row in X.
    row : int
        The song's position in X.
    prediction : dict of label to float
        The model's score of every label for the song itself.
    labels : list
        The labels that are explained; the first is the default of every method.
    components : Decomposition
        The components, their names, waveforms and texts.
    weights : ndarray of shape (n_labels, n_components)
        What each component adds to a label's score (to its log-odds, with ``link="logit"``):
        positive speaks for it, negative against.
    intercept : ndarray of shape (n_labels,)
        The surrogate's score with everything off, in the unit of the weights.
    fidelity : ndarray of shape (n_labels,)
        Weighted R^2 of the surrogate over all masks: those drawn are foretold by fits that have not
        seen them. 1 where it says all; below 0 where the mean says more.
    local_prediction : ndarray of shape (n_labels,)
        The surrogate's score of the song itself, beside `prediction`, in the unit of that.
    std_err : ndarray of shape (n_labels, n_components)
        Standard errors of `weights`: by how much they vary with the masks that were drawn. 0 where
        all masks were, NaN where ``feature_selection`` left a component out.
    interaction_terms : Interactions or None
        Pairs of components and what they do together, see :meth:`interactions`. None: not asked
        for.
    shares, shares_std_err : ndarray of shape (n_labels, 3)
        See :meth:`modality_share`.
    corner_scores : ndarray of shape (n_labels, 4)
        See :meth:`modality_scores`; of shape (n_labels, 0) where components were linked.
    links : list of int, or None
        The linked unit of each component, if vocals and lyrics were left out together.
    settings : dict
        How it was made: design, number of samples, kernel and so on. "model" is "factored", or
        "black box" and why.
    dof : ndarray of shape (n_labels, n_components), or None, default=None
        Degrees of freedom of `std_err`; below 1 where no interval is known. None: as many as there
        can be.
    penalty : ndarray of shape (n_labels,), or None, default=None
        Of the ridge that was fitted where masks are too few for least squares, which shrinks
        weights; 0, as of None, where there is none.
    shares_dof : ndarray of shape (n_labels,), or None, default=None
        Degrees of freedom of `shares_std_err`. None: as many as there can be.
    track_id : label or None, default=None
        The song's label in the index of X. None: its position.

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
        """Draw the explanation.

        Sources x segments coloured by weight with each source's waveform over them, the components
        of the largest weights as bars with their 95 % intervals, the interactions that stand out,
        and the lyrics with every word coloured by its weight.

        Parameters
        ----------
        label : label or None, default=None
            One of `labels`. None: the first.
        n : int, default=12
            Bars a modality.

        Returns
        -------
        matplotlib.figure.Figure
            Not known to pyplot: save it with ``figure.savefig(path)``.
        """
        return plot_local(self, label, n=n)

    def to_html(self, path: str | PathLike[str]) -> Path:
        """Write the explanation as a page to look at and to listen to.

        One file that opens from disk without a network. A click on a source at a time plays it
        alone, or the song without it; words are coloured by weight and, where their times are
        known, follow the sound. Songs of a sampling rate below 8 kHz or above 48 kHz are resampled
        for the page.

        Parameters
        ----------
        path : path-like
            The HTML file.

        Returns
        -------
        Path
            The file.
        """
        return write_local_page(self, path)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the explanation: JSON, and its waveforms beside it as ``.npz``.

        Nothing in either file is code; no pickle.

        Parameters
        ----------
        path : path-like
            The JSON file. The arrays of "song.json" are in "song.npz", those of a name that ends
            otherwise in a file of that name with ".npz" behind it: "run.1", "run.1.npz".

        See Also
        --------
        load : Read it back.
        """
        save_local(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> LocalExplanation:
        """Read an explanation back.

        Parameters
        ----------
        path : path-like
            The JSON file that :meth:`save` wrote.

        Returns
        -------
        LocalExplanation

        Raises
        ------
        FileNotFoundError
            One of the two files is missing.
        ValueError
            A file is none of an explanation, or of a later version; what it says does not fit
            together; or the two were not saved together. Nothing in it is run, and nothing is
            believed that was not checked.
        """
        return cls(**load_local(path))

    def _repr_html_(self) -> str:
        return local_summary(self)
