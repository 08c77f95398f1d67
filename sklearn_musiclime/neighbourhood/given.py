"""Check that the model scores the untouched row of X and the composed song alike.

The song that is explained is composed: its audio is read at the explainer's sampling rate, mixed to
mono and put into a row of X as an array. A model that reads files at another rate, uses stereo or
looks features up by the song's label may score that song differently from the row as it was given,
and the explanation would be of another song. So the model also scores the untouched row, and both
scores have to agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from sklearn_musiclime.neighbourhood.models import ScoreFunction
from sklearn_musiclime.neighbourhood.responses import Answer, check_n_labels, is_same_answer
from sklearn_musiclime.songs import Song

GROSS = 0.05
"""Largest relative difference of scores that is accepted before perturbed songs are scored."""

N_AGAIN = 8
"""Times that the row is scored again before its scores are taken for steady ones that differ."""


@dataclass(frozen=True, eq=False)
class GivenAnswer:
    """A model's answer for the row of X as it was given.

    Attributes
    ----------
    answer : Answer or None
        Scores of the row; None if the model raised an error for it.
    said : ndarray or None
        Output of the model's ``predict`` for the row; None if it was not called.
    trouble : str or None
        Type and message of the error that the model raised.
    is_steady : bool
        Whether the model scored the row alike when it was asked again. Noisy scores are not
        compared.
    ask_again : callable or None
        Scores the row once more and returns an Answer; None if the model raised an error for it.
    """

    answer: Answer | None
    said: np.ndarray | None = None
    trouble: str | None = None
    is_steady: bool = True
    ask_again: Callable[[], Answer] | None = None

    @property
    def check(self) -> str:
        """Result of the comparison, in words."""
        if self.answer is None:
            return f"the model can't take the row as it is: {self.trouble}"
        return "the same" if self.is_steady else "the model answers by chance"

    def scores(self, composed: np.ndarray) -> np.ndarray:
        """Return the scores of the row, or those of the composed song if the model raised an error.

        Parameters
        ----------
        composed : ndarray of shape (n_labels,)
            Scores of the composed song.

        Returns
        -------
        ndarray of shape (n_labels,)
            Scores of the song.
        """
        return composed if self.answer is None else self.answer.scores[0]

    def compare(self, song: Song, composed: np.ndarray, among: np.ndarray) -> GivenAnswer:
        """Check that the row and the composed song have the same scores.

        Nothing is checked if the model raised an error for the row, or if its scores are noisy.
        Whether they are is found out where the scores differ, by asking again some times: a model
        with few different answers may give the same one twice by chance.

        Parameters
        ----------
        song : Song
            The song that was read from the row.
        composed : ndarray of shape (n_labels,)
            Scores of the composed song with all components on.
        among : ndarray of shape (n_songs, n_labels)
            Scores of the song and its perturbed songs, whose range sets the tolerance, see
            :func:`~sklearn_musiclime.neighbourhood.is_same_answer`.

        Returns
        -------
        GivenAnswer
            This answer, or the same with `is_steady` False.

        Raises
        ------
        ValueError
            The scores differ; the message names likely causes and remedies.
        """
        if self.answer is None or not self.is_steady:
            return self
        assert self.ask_again is not None  # the row was scored, so that it can be again
        given = self.answer.scores[0]
        if is_same_answer(given, composed, among):
            return self
        for _ in range(N_AGAIN):
            again = self.ask_again().scores
            check_n_labels(again, len(composed))
            if not is_same_answer(given, again[0], np.vstack([given, again])):
                return replace(self, is_steady=False)
        raise ValueError(
            f"{song.name}: the model scores the row of X {_shown(given)}, and the same song "
            f"composed of its parts {_shown(composed)}, so another song would be explained. "
            + _causes(song)
        )


def ask_about_row(
    score: ScoreFunction,
    row: Any,
    song: Song,
    composed: np.ndarray,
    among: np.ndarray | None = None,
    *,
    with_predict: bool = False,
) -> GivenAnswer:
    """Score the row of X as it was given, and compare with the scores of the composed song.

    Parameters
    ----------
    score : ScoreFunction
        The model.
    row : DataFrame or object array of one row
        The untouched row.
    song : Song
        The song that was read from the row.
    composed : ndarray of shape (n_labels,)
        Scores of the composed song with all components on.
    among : ndarray of shape (n_songs, n_labels), or None, default=None
        Scores of the song and its perturbed songs, see :meth:`GivenAnswer.compare`. None: they are
        not known yet.
    with_predict : bool, default=False
        Whether to call the model's ``predict`` as well.

    Returns
    -------
    GivenAnswer
        Scores of the row, or the error that the model raised for it.

    Raises
    ------
    ValueError
        The number of labels differs from that of the composed song, or the scores differ, see
        :meth:`GivenAnswer.compare`. Without `among` differences of up to a twentieth of the largest
        score are accepted.
    """
    try:
        answer = score.answer(row)
        said = score.predict(row) if with_predict else None
    # A model may raise anything for cells that it can't read; it can read composed ones.
    except Exception as error:
        return GivenAnswer(None, trouble=f"{type(error).__name__}: {error}")
    check_n_labels(answer.scores, len(composed))
    given = GivenAnswer(answer, said, ask_again=partial(score.answer, row))
    if _is_near(answer.scores[0], composed, among):
        return given
    return given.compare(song, composed, answer.scores if among is None else among)


def _is_near(scores: np.ndarray, composed: np.ndarray, among: np.ndarray | None) -> bool:
    if among is not None:
        return is_same_answer(scores, composed, among)
    half = np.abs(composed).max(initial=0.0) / 2  # halves don't overflow
    return bool((np.abs(scores / 2 - composed / 2) <= GROSS * half).all())


def _shown(scores: np.ndarray) -> str:
    return np.array2string(scores, precision=4, threshold=6, separator=", ")


def _causes(song: Song) -> str:
    """Likely causes of different scores and their remedies, for the error message."""
    causes = []
    if song.waveform is not None:
        causes.append(
            f"the model may hear audio at another rate than {song.sampling_rate:g} Hz: set the "
            "explainer's sampling_rate to the rate at which it reads files, or give it a "
            "sampling_rate attribute"
        )
        causes.append(
            "it may read stereo, integers or another resampling than the explainer, which hands it "
            "mono float32 samples: give the explainer X with the audio as the model hears it"
        )
    causes.append(
        "it may look at the other songs of a call, or count rows: it must go by a song's own cells "
        "and its label in X.index"
    )
    return "Causes: " + "; ".join(f"({n}) {cause}" for n, cause in enumerate(causes, 1))
