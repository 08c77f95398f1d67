"""Explanation of one song, from a row of X to a LocalExplanation, with one method per stage.

The stages, in their order:

1. :meth:`SongExplainer.scorer` reads the song, splits it into components, and finds out whether
   the model is factored;
2. :meth:`SongExplainer.choose_labels` scores the unperturbed song, composed of its components and
   as the row of X, and selects the labels to explain;
3. :meth:`SongExplainer.first_answers` draws masks and scores their perturbed songs;
4. :meth:`SongExplainer.fit_surrogate` fits the surrogate, and draws more masks until its standard
   errors satisfy `tol`;
5. :meth:`SongExplainer.explanation` estimates interactions and modality shares, and makes the
   explanation.

The file is longer than others because the stages share one class: each hands over what the next
needs, and all read the same parameters, so that they are best read in one go.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from sklearn_musiclime._runtime.parallel import StreamingParallel
from sklearn_musiclime._runtime.progress import tqdm
from sklearn_musiclime.components.decomposition import (
    Decomposition,
    Modalities,
    decompose,
    link_components,
)
from sklearn_musiclime.components.fills import Fill
from sklearn_musiclime.components.lyrics import LyricUnits
from sklearn_musiclime.components.segmentation import Segmenter
from sklearn_musiclime.components.separation import Separator
from sklearn_musiclime.explanation import LocalExplanation
from sklearn_musiclime.neighbourhood import (
    Column,
    Contrast,
    Drawing,
    GivenAnswer,
    Neighbourhood,
    NotApartError,
    ScoreFunction,
    Scorer,
    Scores,
    ask_about_row,
    automatic_batch_size,
    automatic_n_samples,
    blind_spots,
    check_n_labels,
    columns_read,
    fallback_message,
    find_factored,
    is_same_answer,
    label_of,
    n_corners,
    n_more_samples,
    select_labels,
    song_generator,
)
from sklearn_musiclime.proxy import ProxyFit
from sklearn_musiclime.proxy.fitting import N_FREE
from sklearn_musiclime.proxy.weights import Fit
from sklearn_musiclime.results.local import Contrasts
from sklearn_musiclime.songs import Song, SongTable
from sklearn_musiclime.surrogate import (
    LinkedScores,
    Surrogate,
    apply_link,
    check_n_pairs,
    fit_by_moments,
    fit_interactions,
    fit_neighbourhood,
    fit_shares,
    n_without_odds,
)

MOST_PAIRED = 5
"""Largest number of labels whose contrasts are all estimated, unless some were named."""
FEW_DOF = 20
"""Fewest degrees of freedom of a large weight for which its interval is trusted."""
FEW_DOF_WITH_PROXY = 8
"""The same with a proxy, which leaves a few large errors and many small ones."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """The model's scores of the unperturbed song, and the labels to explain.

    Attributes
    ----------
    known : list of label
        Labels of all columns of the scores.
    columns : list of int or Contrast
        Columns to explain, and contrasts of two columns.
    scores : ndarray of shape (n_columns,)
        Scores of the song composed of all its components.
    given : GivenAnswer
        The model's scores of the unchanged row of X.
    """

    known: list[Any]
    columns: list[Column]
    scores: np.ndarray
    given: GivenAnswer


@dataclass(frozen=True, kw_only=True, eq=False)
class SongExplainer:
    """Explains one song at a time, with settings that are the same for all songs.

    Attributes
    ----------
    score : ScoreFunction
        The model as a function from songs to scores.
    model : estimator or callable
        The fitted model itself, whose branches are found if it is factored.
    sampling_rate : float
        Rate, in Hz, at which songs are perturbed.
    labels : object
        Argument `labels` of :meth:`MusicLimeExplainer.explain
        <sklearn_musiclime.MusicLimeExplainer.explain>`.
    seed : int
        Seed of the masks.
    separator : estimator with ``separate``, or None
        Separates the sources, with a cache if it is a
        :class:`~sklearn_musiclime.components.separation.RecallingSeparator`.
    background : DataFrame or None
        Values of other songs in the columns that are explained. None: none are.

    The other attributes are parameters of
    :class:`~sklearn_musiclime.MusicLimeExplainer` with the same names.
    """

    score: ScoreFunction
    model: Any
    sampling_rate: float
    labels: Any
    seed: int
    separator: Separator | None
    background: pd.DataFrame | None
    segmenter: Segmenter
    lyric_units: LyricUnits
    mask_token: str | None
    fill: Fill
    modality: Modalities
    design: str
    n_samples: int | tuple[int, int] | Literal["auto"]
    n_combinations: int | Literal["auto"]
    kernel: str
    kernel_width: float
    link: str
    regressor: BaseEstimator | None
    feature_selection: str
    n_features: int | None
    interactions: str | None
    linked: bool
    tol: float | None
    max_samples: int
    proxy: BaseEstimator | Literal["auto"] | None
    batch_size: int | Literal["auto"]

    @classmethod
    def of(cls, explainer: Any, **known: Any) -> Self:
        """Make a SongExplainer with the parameters of a MusicLimeExplainer.

        Parameters
        ----------
        explainer : MusicLimeExplainer
            The explainer.
        **known : object
            Attributes that are not parameters of `explainer`, or that override them.

        Returns
        -------
        SongExplainer
        """
        names = [f.name for f in fields(cls) if f.name not in known]
        return cls(**known, **{name: getattr(explainer, name) for name in names})

    def explain(
        self, table: SongTable, parallel: StreamingParallel, progress: tqdm
    ) -> tuple[LocalExplanation, dict[str, str]]:
        """Explain a song.

        A factored model whose branches and head turn out to give other scores than the whole model
        is explained as a black box instead.

        Parameters
        ----------
        table : SongTable
            Table of the one song.
        parallel : StreamingParallel
            Runs the batches of a black box.
        progress : tqdm
            Progress bar, updated by the number of scored samples.

        Returns
        -------
        explanation : LocalExplanation
            The explanation.
        notes : dict of str to str
            Warnings by topic, to be issued once for all songs.
        """
        scorer = self.scorer(table, parallel, progress)
        try:
            return self._explain(scorer, table)
        except NotApartError as error:
            if self.design == "crossed":
                raise
            scorer = scorer.whole(str(error))
        explanation, notes = self._explain(scorer, table)
        n_songs = explanation.settings["n_combinations"]
        return explanation, notes | {"black box": fallback_message(scorer.reason, n_songs)}

    def _explain(self, scorer: Scorer, table: SongTable) -> tuple[LocalExplanation, dict[str, str]]:
        drawing = self._drawing(scorer)
        which = self._which_interactions(scorer.links)
        if which is not None:
            n_audio, n_lyrics = scorer.components.n_audio, scorer.components.n_lyrics
            check_n_pairs(n_audio, n_lyrics, which, n_columns=scorer.components.n_columns)
        labelled = self.choose_labels(scorer, table)
        first, scores, is_steady = self.first_answers(scorer, drawing, labelled)
        if not is_steady:
            given = replace(labelled.given, is_steady=False)
        else:
            given = labelled.given.compare(scorer.song, labelled.scores, scores)
        self._check_odds(scores[:, columns_read(labelled.columns)], scorer.song.name)
        linked = LinkedScores.of(scores, labelled.columns, self.link)
        fit = self._fit(scorer, drawing)
        neighbourhood, answers, surrogate, converged = self.fit_surrogate(
            fit, scorer, drawing, first, first.split(linked(scores)), linked
        )
        corners = first.split(linked.shown(scores)).corners
        explanation = self.explanation(
            fit, scorer, labelled, neighbourhood, answers, surrogate, corners, linked
        )
        are_named = any(isinstance(column, Contrast) for column in linked.columns)
        if 2 <= len(linked.columns) <= MOST_PAIRED and not are_named:
            linked, answers = linked.paired(answers)
            contrasts = self.explanation(
                fit, scorer, replace(labelled, columns=linked.columns), neighbourhood, answers,
                fit(neighbourhood, answers.pairs), np.ldexp(answers.corners, linked.exponents),
                linked,
            )  # fmt: skip
            explanation = replace(explanation, contrasts=Contrasts.of(contrasts))
        factor = surrogate.proxy_factor
        about = self._settings(neighbourhood, scorer.way, converged) | {
            "row_check": given.check,
            "proxy_factor": None if factor is None else factor.tolist(),
        }
        explanation = replace(explanation, title=table.title(0), settings=about)
        return explanation, scorer.song.doubts() | blind_spots(scorer, first, scores)

    def read(self, table: SongTable) -> tuple[Song, Decomposition]:
        """Read the song of a table and split it into components.

        Parameters
        ----------
        table : SongTable
            Table of the one song.

        Returns
        -------
        song : Song
            The song.
        components : Decomposition
            Its components.
        """
        song = table.read(0, self.sampling_rate)
        return song, decompose(
            song,
            separator=self.separator,
            segmenter=self.segmenter,
            lyric_units=self.lyric_units,
            mask_token=self.mask_token,
            modality=self.modality,
            fill=self.fill,
            background=self.background,
        )

    def scorer(self, table: SongTable, parallel: StreamingParallel, progress: tqdm) -> Scorer:
        """Read a song, split it into components, and find out whether the model is factored.

        Parameters
        ----------
        table : SongTable
            Table of the one song.
        parallel : StreamingParallel
            Runs the batches of a black box.
        progress : tqdm
            Progress bar, updated by the number of scored samples.

        Returns
        -------
        Scorer
        """
        song, components = self.read(table)
        factored, reason = None, "it is given columns beside audio and lyrics, which are explained"
        if components.columns is None:
            factored, reason = find_factored(self.model, song)
        return Scorer(
            self.score,
            factored,
            song,
            components,
            link_components(components, song) if self.linked else None,
            automatic_batch_size(song) if self.batch_size == "auto" else self.batch_size,
            parallel,
            progress,
            reason,
        )

    def choose_labels(self, scorer: Scorer, table: SongTable) -> Labelled:
        """Score the unperturbed song and select the labels to explain.

        Errors of the model on this song are thus raised before many masks are scored.

        Parameters
        ----------
        scorer : Scorer
            The model and the song.
        table : SongTable
            Table of the one song, with the row of X.

        Returns
        -------
        Labelled

        Raises
        ------
        ValueError
            A label is unknown, or the model's scores of the row of X are quite different.
        """
        answer = scorer.score_song()
        columns, scores = self.score.columns, answer.scores[0]
        with_predict = self.labels is None or not columns.has_a_column_each(len(scores))
        given = ask_about_row(
            self.score, table.given(0), scorer.song, scores, with_predict=with_predict
        )
        said = given.said
        if with_predict and given.answer is None:
            said = scorer.predict_song()
        known = columns.labels(len(scores), answer.names, said)
        selected = select_labels(
            self.labels,
            known,
            partial(columns.predicted, scores, said, answer.names),
            scores,
            columns.outputs(len(scores)),
        )
        return Labelled(known, selected, scores, given)

    def first_answers(
        self, scorer: Scorer, drawing: Drawing, labelled: Labelled
    ) -> tuple[Neighbourhood, np.ndarray, bool]:
        """Draw the first masks and score them, and check whether the scores are deterministic.

        Parameters
        ----------
        scorer : Scorer
            The model and the song.
        drawing : Drawing
            Draws the masks.
        labelled : Labelled
            Scores of the unperturbed song.

        Returns
        -------
        neighbourhood : Neighbourhood
            The masks.
        scores : ndarray of shape (n_pairs, n_columns)
            Scores of all pairs of audio and lyric masks of the neighbourhood.
        is_steady : bool
            Whether the model gave the song itself the same scores twice.
        """
        first, scores = _ask(scorer, drawing.first(), labelled)
        scorer.check_parts(first, scores, labelled.scores)
        if is_same_answer(scores[0], labelled.scores, scores):
            return first, scores, True
        warnings.warn(
            f"{scorer.song.name}: the model scored the same song {labelled.scores}, then "
            f"{scores[0]}. What is explained is the average of its answers; standard errors "
            "tell how much they vary. A torch module in training mode answers by chance: call "
            ".eval() on it",
            UserWarning,
            stacklevel=2,
        )
        if first.is_exhaustive and self.design != "exhaustive":  # draw with replacement
            return *_ask(scorer, drawing.first(replacement=True), labelled), False
        return replace(first, is_noisy=True), scores, False

    def fit_surrogate(
        self,
        fit: Fit,
        scorer: Scorer,
        drawing: Drawing,
        neighbourhood: Neighbourhood,
        answers: Scores,
        linked: LinkedScores,
    ) -> tuple[Neighbourhood, Scores, Surrogate, bool | None]:
        """Fit the surrogate, and draw more masks until its errors are at most `tol`.

        Parameters
        ----------
        fit : callable
            Fits the surrogate to masks and scores.
        scorer : Scorer
            The model and the song.
        drawing : Drawing
            Draws the masks.
        neighbourhood : Neighbourhood
            The first masks.
        answers : Scores
            Their scores, transformed by the link.
        linked : LinkedScores
            Transforms the scores of further masks by the link.

        Returns
        -------
        neighbourhood : Neighbourhood
            All masks.
        answers : Scores
            Their scores, transformed by the link.
        surrogate : Surrogate
            The surrogate, fitted to all masks.
        converged : bool or None
            Whether `tol` was reached; None if `tol` is None.
        """
        surrogate, converged, name = fit(neighbourhood, answers.pairs), None, scorer.song.name
        while self.tol is not None:
            # Errors are unreliable with too few masks, or if a few masks determine a large weight.
            is_told = surrogate.is_sufficient and surrogate.fewest_dof() >= _few_dof(surrogate)
            error = float(surrogate.relative_error.max(initial=0.0))
            converged = bool(is_told and error <= self.tol)
            if converged or neighbourhood.is_exhaustive:
                break
            wanted = error if is_told else np.inf
            n_more = n_more_samples(
                neighbourhood, wanted, self.tol, self.max_samples,
                n_left=drawing.n_left(neighbourhood),
            )  # fmt: skip
            if n_more is None:
                bounds = f"max_samples={self.max_samples}"
                if drawing.n_combinations is not None:
                    bounds += f" or n_combinations={drawing.n_combinations}"
                warnings.warn(
                    f"{name}: errors are up to {error:.3g} of the largest weight, not "
                    f"tol={self.tol}, at {bounds}",
                    ConvergenceWarning,
                    stacklevel=2,
                )
                break
            more = drawing.more(n_more, neighbourhood)
            scores = scorer.score_pairs(more, more.pairs[more.n_known :])
            answers = replace(answers, pairs=np.vstack([answers.pairs, linked(scores)]))
            neighbourhood = neighbourhood.extended(more)
            surrogate = fit(neighbourhood, answers.pairs)
        self._warn_of_few(surrogate, name, drawing.n_samples)
        return neighbourhood, answers, surrogate, converged

    def explanation(
        self,
        fit: Fit,
        scorer: Scorer,
        labelled: Labelled,
        neighbourhood: Neighbourhood,
        answers: Scores,
        surrogate: Surrogate,
        corners: np.ndarray,
        linked: LinkedScores,
    ) -> LocalExplanation:
        """Estimate interactions and modality shares, and make the explanation.

        Parameters
        ----------
        fit : callable
            The fit of the surrogate.
        scorer : Scorer
            The model and the song.
        labelled : Labelled
            Scores of the unperturbed song.
        neighbourhood : Neighbourhood
            All masks.
        answers : Scores
            Their scores, transformed by the link and scaled.
        surrogate : Surrogate
            The surrogate, fitted to these scores.
        corners : ndarray of shape (4 or more, n_explained)
            Scores of the song, of its audio alone, of its lyrics alone and of neither, in which
            columns are the song's; further ones are not used.
        linked : LinkedScores
            The columns that are explained, and the powers of two that scores were divided by.

        Returns
        -------
        LocalExplanation
            Explanation without title and settings.

        Raises
        ------
        ValueError
            Weights are too large for double precision.
        """
        links, interactions = scorer.links, None
        which = self._which_interactions(links)
        proxy = fit if isinstance(fit, ProxyFit) else None
        is_fair = self.kernel != "shapley"
        if which is not None and is_fair and proxy is not None:
            interactions = proxy.interactions(surrogate, which)
        can_be_told = is_fair or neighbourhood.design == "exhaustive"
        if which is not None and interactions is None and can_be_told:
            interactions = fit_interactions(
                neighbourhood, answers.pairs, surrogate, answers.grid, which=which,
                kernel=self.kernel,
            )  # fmt: skip
        shares = fit_shares(neighbourhood, answers, interactions, linked=links is not None)
        if proxy is not None:
            shares = proxy.shares(neighbourhood, answers, shares)
        if links is not None:
            surrogate = surrogate.spread(links)
        with np.errstate(over="ignore"):
            surrogate = surrogate.scaled(linked.exponents)
            interactions = None if interactions is None else interactions.scaled(linked.exponents)
        if not np.isfinite(surrogate.weights).all():
            raise ValueError(f"scores of up to {np.abs(labelled.scores).max():.1g} are too large")
        prediction = labelled.given.scores(labelled.scores).tolist()
        return LocalExplanation(
            title="",
            row=scorer.song.row,
            track_id=scorer.song.track_id,
            prediction=dict(zip(labelled.known, prediction, strict=True)),
            labels=[label_of(column, labelled.known) for column in linked.columns],
            components=scorer.components.without_fills(),
            weights=surrogate.weights,
            std_err=surrogate.std_err,
            dof=surrogate.dof,
            penalty=surrogate.penalty,
            intercept=surrogate.intercept,
            fidelity=surrogate.fidelity,
            local_prediction=linked.unlinked(surrogate.local_prediction),
            interaction_terms=interactions,
            shares=shares.values,
            shares_std_err=shares.std_err,
            shares_dof=shares.dof,
            # Linked components are of both modalities.
            corner_scores=corners[: 4 if links is None else 0].T,
            links=None if links is None else links.tolist(),
        )

    def _drawing(self, scorer: Scorer) -> Drawing:
        """Return the generator of masks, after resolving ``design="auto"``."""
        components, links, design = scorer.components, scorer.links, self.design
        if design == "auto":
            apart = scorer.factored is not None and not self.linked and self.kernel != "shapley"
            design = "crossed" if apart else "paired"
        elif design == "crossed" and scorer.factored is None:
            raise ValueError(
                "design='crossed' needs a model with one branch a modality, and this one is a "
                f"{scorer.way} (see sklearn_musiclime.neighbourhood.factored); use design='paired'"
            )
        if np.ndim(self.n_samples) and design != "crossed":
            raise ValueError(
                f"n_samples={self.n_samples} is for design='crossed', and design={self.design!r} "
                f"is {design!r} for this model"
            )
        n_combinations = None if isinstance(self.n_combinations, str) else self.n_combinations
        if n_combinations is not None and design != "crossed":
            raise ValueError(
                f"n_combinations={n_combinations} is for design='crossed', and "
                f"design={self.design!r} is {design!r} for this model, a {scorer.way}; n_samples "
                "is the number of perturbed songs that it scores"
            )
        sizes = components.sizes
        if links is not None:
            sizes = (int(links.max(initial=-1)) + 1, *[0] * (len(sizes) - 1))
        n_samples = self.n_samples
        if isinstance(n_samples, str):
            n_samples = automatic_n_samples(
                design, sizes, scorer.factored,
                has_proxy=self._takes_proxy(design), n_fills=components.n_fills,
                most=None if self.tol is None else self.max_samples,
                n_combinations=n_combinations and n_combinations - n_corners(components.n_fills),
            )  # fmt: skip
        rng = song_generator(self.seed, scorer.song, components)
        return Drawing(
            design, sizes, n_samples, rng, self.kernel, self.interactions is not None,
            components.n_fills, n_combinations,
        )  # fmt: skip

    def _fit(self, scorer: Scorer, drawing: Drawing) -> Fit:
        """Return the fit of the surrogate, with a proxy if it takes one."""
        fit = partial(
            fit_neighbourhood,
            kernel=self.kernel,
            kernel_width=self.kernel_width,
            feature_selection=self.feature_selection,
            n_features=self.n_features,
            regressor=self.regressor,
        )
        if not self._takes_proxy(drawing.design):
            return fit
        correct = partial(fit_by_moments, kernel=self.kernel, kernel_width=self.kernel_width)
        regressor = None if isinstance(self.proxy, str) else self.proxy
        return ProxyFit(
            fit, correct, scorer.components, scorer.links, drawing.free(N_FREE), regressor
        )

    def _takes_proxy(self, design: str) -> bool:
        """Whether weights are estimated with a proxy: by least squares, from joint masks."""
        is_linear = self.regressor is None and self.feature_selection == "none"
        return self.proxy is not None and is_linear and design in ("paired", "independent")

    def _which_interactions(self, links: np.ndarray | None) -> str | None:
        """Return the pairs of components to estimate: "cross", "all" or None (if linked)."""
        if links is not None:
            return None
        return "cross" if self.interactions == "auto" else self.interactions

    def _check_odds(self, scores: np.ndarray, name: str) -> None:
        """With ``link="logit"``, raise for scores outside 0 to 1, and warn of infinite log-odds."""
        apply_link(self.link, scores)
        n_without = n_without_odds(self.link, scores)
        if n_without:
            warnings.warn(
                f"{name}: {n_without} of {scores.size} probabilities are 0 or 1, or nearer to "
                "it than 1e-9, and are taken as that near: their log-odds are infinite. "
                "link='identity' explains the probability itself",
                UserWarning,
                stacklevel=2,
            )

    def _warn_of_few(
        self, surrogate: Surrogate, name: str, n_samples: int | tuple[int, int]
    ) -> None:
        """Warn if there are too few masks to separate the weights, or for reliable intervals."""
        if not surrogate.is_sufficient:
            message = (
                f"{name}: n_samples={n_samples} draws too few masks for so many components: their "
                "weights can't well be told apart"
            )
            if surrogate.penalty.any():
                message += ", so they are shrunk by a penalty and have no intervals"
            message += ". Draw more, or use fewer segments or larger lyric_units"
        elif surrogate.fewest_dof() < _few_dof(surrogate):
            message = (
                f"{name}: a few of n_samples={n_samples} masks decide on a large weight, as if "
                f"there were {surrogate.fewest_dof():.0f}: its interval may be too narrow. Draw "
                "more, use a larger kernel_width, or explain log-odds (link='logit')"
            )
        else:
            return
        warnings.warn(message, ConvergenceWarning, stacklevel=2)

    def _settings(
        self, neighbourhood: Neighbourhood, way: str, converged: bool | None
    ) -> dict[str, Any]:
        return {
            "model": way,
            "kind": "outputs" if self.score.columns.are_outputs else "classes",
            "design": neighbourhood.design,
            "n_samples": len(neighbourhood),
            "n_audio_masks": neighbourhood.n_masks[0],
            "n_lyric_masks": neighbourhood.n_masks[1],
            "n_combinations": len(neighbourhood.all_pairs),
            "masks": neighbourhood.digest(),
            "proxy": self.proxy if isinstance(self.proxy, str | None) else repr(self.proxy),
            "tol": self.tol,
            "converged": converged,
            "kernel": self.kernel,
            "kernel_width": self.kernel_width,
            "link": self.link,
            "regressor": None if self.regressor is None else repr(self.regressor),
            "feature_selection": self.feature_selection,
            "n_features": self.n_features,
            "interactions": self.interactions,
            "linked": self.linked,
            "separator": None if self.separator is None else repr(self.separator),
            "segmenter": repr(self.segmenter),
            "lyric_units": (
                self.lyric_units
                if isinstance(self.lyric_units, str)
                else getattr(self.lyric_units, "__qualname__", repr(self.lyric_units))
            ),
            "mask_token": self.mask_token,
            "fill": self.fill if isinstance(self.fill, str) else self.fill.name,
            "modality": self.modality,
            "columns": None if self.background is None else [str(c) for c in self.background],
            "sampling_rate": self.sampling_rate,
            "seed": self.seed,
        }


def _few_dof(surrogate: Surrogate) -> int:
    has_proxy = surrogate.proxy_factor is not None and bool((surrogate.proxy_factor > 0).all())
    return FEW_DOF_WITH_PROXY if has_proxy else FEW_DOF


def _ask(
    scorer: Scorer, drawn: Neighbourhood, labelled: Labelled
) -> tuple[Neighbourhood, np.ndarray]:
    """Score masks, to which the corners are added: masks without a modality or without all."""
    if scorer.links is None or drawn.fills is not None:
        drawn = drawn.with_corners()
    scores = scorer.score_pairs(drawn, drawn.all_pairs)
    check_n_labels(scores, len(labelled.scores))
    return drawn, scores
