"""LocalExplanation: the explanation of one song."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sklearn_musiclime.explanation.preference import Preference
from sklearn_musiclime.report.html import local_summary
from sklearn_musiclime.report.local_page import local_page, write_local_page
from sklearn_musiclime.report.notebook import show_page
from sklearn_musiclime.report.plots import plot_local
from sklearn_musiclime.results.exports import local_to_interaction_values, local_to_shap
from sklearn_musiclime.results.local import LocalResult
from sklearn_musiclime.results.local_files import load_local, save_local
from sklearn_musiclime.results.sets.finding import find_set
from sklearn_musiclime.results.sets.part_set import PartSet

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from sklearn_musiclime.neighbourhood import MaskFunction

_ASK_AGAIN: WeakKeyDictionary[LocalExplanation, Callable[[], MaskFunction]] = WeakKeyDictionary()
"""How the model is asked again: beside explanations, so that it gets into no file or worker."""


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

    def ask_by(self, ask_again: Callable[[], MaskFunction]) -> None:
        """Remember how the model is asked again about the song, for :meth:`mask_function`.

        Parameters
        ----------
        ask_again : callable
            Makes the function of masks. It is forgotten with the explanation, and neither saved nor
            copied or pickled with it.
        """
        _ASK_AGAIN[self] = ask_again

    def mask_function(self) -> MaskFunction:
        """Return the model's scores of the song as a function of masks.

        The song is read and split into components again. An explanation that
        :meth:`MusicLimeExplainer.explain <sklearn_musiclime.MusicLimeExplainer.explain>` returned
        keeps a reference to the model, the explainer's settings of then and the song's row of X.

        Returns
        -------
        MaskFunction
            As of :meth:`MusicLimeExplainer.mask_functions
            <sklearn_musiclime.MusicLimeExplainer.mask_functions>`.

        Raises
        ------
        ValueError
            The explanation was loaded, copied or unpickled, or is part of a global explanation, so
            it knows no model.
        """
        if self not in _ASK_AGAIN:
            raise ValueError(
                f"the explanation of {self.title!r} knows no model to ask: it was loaded, copied "
                "or unpickled, or not made by explain. Pass mask_function=, as "
                "next(explainer.mask_functions(song)) returns it"
            )
        return _ASK_AGAIN[self]()

    def sufficient(
        self,
        label: Hashable | None = None,
        *,
        target: float = 0.9,
        threshold: float | None = None,
        precision: float = 0.1,
        confidence: float = 0.95,
        max_calls: int = 5000,
        mask_function: Callable[..., np.ndarray] | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> PartSet:
        """Find a small set of parts that is enough for the model to keep a label.

        With the set on, and each other part on or off by a fair coin, the label is kept with at
        least probability `target`. This is tested on fresh masks that took no part in the search,
        see :mod:`sklearn_musiclime.results.sets`. It is the smallest set found, and there may be
        smaller ones.

        Parameters
        ----------
        label : label or None, default=None
            One of `labels`. None: the first.
        target : float, default=0.9
            Probability with which the label is kept.
        threshold : float or None, default=None
            Score whose side the label's score has to stay on. None: the label stays the one of the
            highest score among classes, and a label of a multilabel model on its side of a
            probability of 0.5. Outputs of regressors need a threshold.
        precision : float, default=0.1
            Precision e of the test, which takes ``ln(2 / d) / (2 e**2)`` masks, with d half of
            ``1 - confidence`` for the first set tested. Sets whose probability is higher than
            `target` by less than e may fail, so a smaller `precision` finds smaller sets, for more
            calls.
        confidence : float, default=0.95
            Probability with which what is claimed is true, however many sets were tested.
        max_calls : int, default=5000
            Largest number of perturbed songs that the model scores.
        mask_function : callable or None, default=None
            The model's scores of masks of this song, such as
            :meth:`MusicLimeExplainer.mask_functions
            <sklearn_musiclime.MusicLimeExplainer.mask_functions>` yields. None: that of
            :meth:`mask_function`. Pass one to ask several times without reading the song again, or
            for an explanation that was loaded.
        random_state : int, RandomState instance or None, default=0
            Seed of the search and of the test. An int gives the same set again.

        Returns
        -------
        PartSet
            ``found`` of it is False if no set but the whole song passed.

        Raises
        ------
        ValueError
            A parameter is out of range; another label has the highest score; the label is an output
            of its own and there is no threshold; the explanation knows no model; or the mask
            function is of another song or model.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_musiclime import MusicLimeExplainer
        >>> def is_loving(X):  # "love" decides, or both of "you" and "need"
        ...     words = [set(text.split()) for _, text in X]
        ...     loves = [0.9 * ("love" in w or {"you", "need"} <= w) for w in words]
        ...     return np.column_stack([loves, np.full(len(X), 0.5)])
        >>> X = np.empty((1, 2), dtype=object)
        >>> X[0] = [np.ones(10), "all you need is love"]
        >>> explainer = MusicLimeExplainer(is_loving, output_names=["loving", "not"])
        >>> explanation = explainer.set_params(modality="lyrics").fit(X).explain(X)[0]
        >>> enough = explanation.sufficient()
        >>> enough.components, enough.probability  # of all masks of the other words
        (('love',), 1.0)
        >>> explanation.counterfactual().components
        ('love', 'you')
        """
        return find_set(
            "sufficient", self, mask_function or self.mask_function(), label, target=target,
            threshold=threshold, precision=precision, confidence=confidence, max_calls=max_calls,
            random_state=random_state,
        )  # fmt: skip

    def counterfactual(
        self,
        label: Hashable | None = None,
        *,
        target: float = 0.9,
        threshold: float | None = None,
        precision: float = 0.1,
        confidence: float = 0.95,
        max_calls: int = 5000,
        mask_function: Callable[..., np.ndarray] | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> PartSet:
        """Find a small set of parts without which the model changes a label.

        Everything else is on, so this is one song, and the model has scored it. Where what is left
        out has several fills, from donors or columns, the label changes with at least probability
        `target` over fills: all of them, or fresh ones if they are many.

        Parameters
        ----------
        label : label or None, default=None
            One of `labels`. None: the first.
        target : float, default=0.9
            Probability over fills with which the label changes.
        threshold : float or None, default=None
            See :meth:`sufficient`.
        precision, confidence : float, default=0.1, 0.95
            As in :meth:`sufficient`; of use where there are many fills.
        max_calls : int, default=5000
            Largest number of perturbed songs that the model scores.
        mask_function, random_state
            See :meth:`sufficient`.

        Returns
        -------
        PartSet
            ``found`` of it is False if no set was found within the budget; ``is_smallest`` is True
            if all smaller sets were tried.

        Raises
        ------
        ValueError
            As :meth:`sufficient`.
        """
        return find_set(
            "counterfactual", self, mask_function or self.mask_function(), label, target=target,
            threshold=threshold, precision=precision, confidence=confidence, max_calls=max_calls,
            random_state=random_state,
        )  # fmt: skip

    def to_shap(self, label: Hashable | list[Hashable] | None = None) -> Any:
        """Return the weights as a ``shap.Explanation``, for the plots of shap.

        With ``kernel="shapley"`` the values are Shapley values. Else they are the weights of the
        surrogate near the song (with ``kernel_width=numpy.inf`` Banzhaf values); shap's plots draw
        them, but don't call them so. In either case base value and values add up to the surrogate's
        score of the song, on the scale that was explained: the score, or log-odds with
        ``link="logit"``.

        Parameters
        ----------
        label : label, list of label, or None, default=None
            One of `labels`, or several. None: the first.

        Returns
        -------
        shap.Explanation
            ``values`` of shape (n_components,), or (n_components, n_labels) for a list;
            ``base_values`` the surrogate's score with everything off; ``data`` 1 for each
            component, which is on; ``display_data`` its span of time, its number of occurrences or
            its value.

        Raises
        ------
        ImportError
            shap is not installed.
        ValueError
            A label was not explained.
        """
        return local_to_shap(self, label)

    def to_interaction_values(self, label: Hashable | None = None) -> Any:
        """Return weights and interactions as ``shapiq.InteractionValues``, for shapiq's plots.

        Players are the components in their order. With ``kernel="shapley"`` these are Shapley
        values and Shapley interaction indices ("SII"; "SV" without interactions). Else they are
        marked as Banzhaf's ("BII", "BV"), which interactions are with every other kernel, and
        weights with ``kernel_width=numpy.inf``; with a smaller width, weights count masks near the
        song more.

        Parameters
        ----------
        label : label or None, default=None
            One of `labels`. None: the first.

        Returns
        -------
        shapiq.InteractionValues
            Of the empty set: the surrogate's score with everything off. Pairs that were not
            estimated are not in it.

        Raises
        ------
        ImportError
            shapiq is not installed.
        ValueError
            The label was not explained.
        """
        return local_to_interaction_values(self, label)

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

    def to_html(
        self,
        path: str | PathLike[str],
        *,
        fills: Sequence[LocalExplanation] = (),
        sets: Sequence[PartSet] = (),
    ) -> Path:
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
        sets : sequence of PartSet, default=()
            Sets of this song that :meth:`sufficient` and :meth:`counterfactual` returned. Each is
            listed, with a button that plays it alone, or the song without it.

        Returns
        -------
        Path
            The HTML file.
        """
        return write_local_page(self, path, fills, sets)

    def rather_than(
        self,
        other: LocalExplanation,
        label: Hashable | None = None,
        *,
        other_label: Hashable | None = None,
    ) -> Preference:
        """Explain why this song has a higher score than another: the difference of both.

        The words of a query that both songs were compared with have the difference of their weights
        and errors that add in squares. With the same masks for both songs, errors are upper bounds:
        explain the songs with different seeds, so that they are independent.

        Parameters
        ----------
        other : LocalExplanation
            Explanation of the other song, by an explainer with the same settings.
        label : label or None, default=None
            The label that is compared. None: the first of this explanation.
        other_label : label or None, default=None
            The label of the other song. None: `label`.

        Returns
        -------
        Preference
            Tables of components, of interactions and of what each modality carries.

        Raises
        ------
        ValueError
            A label was not explained, or the explanations have different settings.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
        >>> def likes_loud(X):  # if it is asked for
        ...     return [("loud" in query) * float(np.std(y)) for y, query in X]
        >>> songs = np.empty((2, 2), dtype=object)
        >>> songs[0] = [np.sin(np.arange(2000.0)), "a loud song"]
        >>> songs[1] = [np.sin(np.arange(2000.0)) / 4, "a loud song"]
        >>> explainer = MusicLimeExplainer(
        ...     likes_loud, separator=None, segmenter=UniformSegmenter(1), kernel_width=np.inf
        ... )
        >>> first, second = explainer.fit(songs).explain(songs)
        >>> preference = first.rather_than(second)
        >>> preference.top(3)[["component", "song", "weight"]].round(2)
          component    song  weight
        0     mix@0   first    0.35
        1      loud    both    0.27
        2     mix@0  second   -0.09
        >>> preference.modality_parts().round(2)
                  first  second  difference
        modality
        audio      0.00    0.00        0.00
        lyrics     0.00    0.00        0.00
        together   0.71    0.18        0.53
        neither    0.00    0.00        0.00
        score      0.71    0.18        0.53
        """
        label = self.labels[0] if label is None else label
        return Preference(self, other, label, label if other_label is None else other_label)

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

    def show(self, *, height: int = 800) -> None:
        """Show the page in the notebook, or outside of one in a browser.

        In a notebook the page is in a frame of its own, with its sound and scripts, and can reach
        nothing outside of it.

        Parameters
        ----------
        height : int, default=800
            Height of the frame in a notebook, in pixels.

        See Also
        --------
        to_html : Write the page to a file.
        """
        show_page(local_page(self), height)

    def _repr_html_(self) -> str:
        return local_summary(self)
