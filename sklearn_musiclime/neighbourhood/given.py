"""The song as it was given: the model is asked about it beside the one that is explained.

What is explained is composed anew: its audio is read at the explainer's rate, mixed to mono and put
into a row of X as an array. A model that reads files at another rate, hears stereo, or looks things
up by a label hears another song then, and its explanation would be that song's. So the model is
asked about the untouched row of X as well, and has to say the same of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_musiclime.neighbourhood.models import (
    Answer,
    ScoreFunction,
    check_n_labels,
    is_same_answer,
)
from sklearn_musiclime.songs import Song

GROSS = 0.05
"""Two answers that differ by this part of the largest score differ, whatever else is known."""


@dataclass(frozen=True, eq=False)
class GivenAnswer:
    """What a model says of the row of X as it was given.

    Attributes
    ----------
    answer : Answer or None
        What it says; None if it can't take the row as it is.
    said : ndarray or None
        What its ``predict`` says of the row.
    trouble : str or None
        Why it can't take the row.
    is_steady : bool
        Whether it says the same of the same row; what answers by chance can't be compared.
    """

    answer: Answer | None
    said: np.ndarray | None = None
    trouble: str | None = None
    is_steady: bool = True

    @property
    def check(self) -> str:
        """What became of the comparison, in words."""
        if self.answer is None:
            return f"the model can't take the row as it is: {self.trouble}"
        return "the same" if self.is_steady else "the model answers by chance"

    def scores(self, composed: np.ndarray) -> np.ndarray:
        """Return the model's scores of the row; of the composed song, if it can't take the row.

        Parameters
        ----------
        composed : ndarray of shape (n_labels,)
            The scores of the composed song.

        Returns
        -------
        ndarray of shape (n_labels,)
        """
        return composed if self.answer is None else self.answer.scores[0]

    def compare(self, song: Song, composed: np.ndarray, among: np.ndarray) -> None:
        """Raise if the model says something else of the composed song.

        Parameters
        ----------
        song : Song
            The song that was read.
        composed : ndarray of shape (n_labels,)
            The scores of the composed song with everything on.
        among : ndarray of shape (n_songs, n_labels)
            Scores of the song and its like: by how much they vary is what a difference is held
            against.

        Raises
        ------
        ValueError
            It does; the message names what may be the cause, and the cure.
        """
        if self.answer is None or not self.is_steady:
            return
        given = self.answer.scores[0]
        if not is_same_answer(given, composed, among):
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
    """Ask a model about the row of X as it was given, beside the composed song.

    Parameters
    ----------
    score : ScoreFunction
        The model.
    row : DataFrame or object array of one row
        The untouched row.
    song : Song
        The song that was read of it.
    composed : ndarray of shape (n_labels,)
        The scores of the composed song with everything on.
    among : ndarray of shape (n_songs, n_labels), or None, default=None
        Scores of the song and its like, see :meth:`GivenAnswer.compare`. None: not known yet.
    with_predict : bool, default=False
        Whether to ask its ``predict`` too.

    Returns
    -------
    GivenAnswer

    Raises
    ------
    ValueError
        It scores other labels than of the composed song; or the answers differ, see
        :meth:`GivenAnswer.compare`: where nothing else is known yet, by a twentieth of the largest
        score.
    """
    try:
        answer = score.answer(row)
        said = score.predict(row) if with_predict else None
    # Whatever a model raises of cells that it does not know: it takes the composed ones.
    except Exception as error:
        return GivenAnswer(None, trouble=f"{type(error).__name__}: {error}")
    check_n_labels(answer.scores, len(composed))
    given, scores = GivenAnswer(answer, said), answer.scores[0]
    if _is_near(scores, composed, among):
        return given
    again = score.answer(row).scores
    check_n_labels(again, len(composed))
    if not is_same_answer(scores, again[0], np.vstack([scores, again])):
        return GivenAnswer(answer, said, is_steady=False)
    given.compare(song, composed, np.vstack([scores, again]) if among is None else among)
    return given


def _is_near(scores: np.ndarray, composed: np.ndarray, among: np.ndarray | None) -> bool:
    if among is not None:
        return is_same_answer(scores, composed, among)
    half = np.abs(composed).max(initial=0.0) / 2  # which don't overflow
    return bool((np.abs(scores / 2 - composed / 2) <= GROSS * half).all())


def _shown(scores: np.ndarray) -> str:
    return np.array2string(scores, precision=4, threshold=6, separator=", ")


def _causes(song: Song) -> str:
    """What may make a model hear another song, and what to do about it."""
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
