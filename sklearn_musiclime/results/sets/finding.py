"""From an explanation and a function of masks to a set of parts."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np
from sklearn.utils import check_random_state

from sklearn_musiclime.neighbourhood import MaskFunction
from sklearn_musiclime.neighbourhood.decisions import Decision
from sklearn_musiclime.results.local import LocalResult
from sklearn_musiclime.results.sets.certificate import n_masks_needed
from sklearn_musiclime.results.sets.counterfactual import CounterfactualSearch
from sklearn_musiclime.results.sets.part_set import PartSet
from sklearn_musiclime.results.sets.questions import Questions
from sklearn_musiclime.results.sets.sufficient import SufficientSearch

SEARCHES: dict[str, type[SufficientSearch] | type[CounterfactualSearch]] = {
    "sufficient": SufficientSearch,
    "counterfactual": CounterfactualSearch,
}
SAME = 0.02
"""Part of the largest score up to which a song's scores count as those of the explanation."""


def find_set(
    kind: str,
    explanation: LocalResult,
    score: Callable[..., np.ndarray],
    label: Hashable | None,
    *,
    target: float,
    threshold: float | None,
    precision: float,
    confidence: float,
    max_calls: int,
    random_state: int | np.random.RandomState | None,
) -> PartSet:
    """Find a set that is enough for a label, or without which it changes.

    Parameters
    ----------
    kind : {"sufficient", "counterfactual"}
        Which of the two.
    explanation : LocalExplanation
        The explanation, whose weights say which parts are tried first.
    score : MaskFunction or callable
        Scores of masks of the song, of shape (n_masks, n_labels). Labels are in the order of
        ``explanation.prediction``.
    label, target, threshold, precision, confidence, max_calls, random_state
        See :meth:`LocalExplanation.sufficient <sklearn_musiclime.LocalExplanation.sufficient>`.

    Returns
    -------
    PartSet

    Raises
    ------
    ValueError
        As the method.
    """
    index = explanation.label_index(label)
    label, components = explanation.labels[index], explanation.components
    for name, value in (("target", target), ("precision", precision), ("confidence", confidence)):
        if not 0 < value < 1:
            raise ValueError(f"{name} must be between 0 and 1, got {value!r}")
    n_test = n_masks_needed(precision, (1 - confidence) / 2)
    if kind == "sufficient" and max_calls < n_test:
        raise ValueError(
            f"max_calls={max_calls} is fewer than the {n_test} masks of a test with "
            f"precision={precision} and confidence={confidence}"
        )
    n_before = getattr(score, "n_calls", 0)
    decision = _decision(score, explanation, label).at(threshold)
    n_fills = score.components.n_fills if isinstance(score, MaskFunction) else (1, 1)
    everything = np.ones((1, len(components)), dtype=bool)
    # With everything on any fill will do.
    one_fill = (np.zeros((1, len(n_fills)), dtype=int),) if isinstance(score, MaskFunction) else ()
    whole = np.asarray(score(everything, *one_fill))
    _check_song(score, explanation, whole)
    is_said = bool(decision.is_said(whole)[0])
    if not is_said and decision.threshold is None:
        said = list(explanation.prediction)[decision.winner(whole[0]) or 0]
        raise ValueError(
            f"the model's highest score of {explanation.title!r} is that of {said!r}, not of "
            f"{label!r}; threshold= asks for a side of a score instead"
        )
    links = explanation.links
    parts = np.arange(len(components)) if links is None else np.asarray(links, dtype=int)
    n_asked = getattr(score, "n_calls", n_before + 1) - n_before
    questions = Questions(score, parts, decision, is_said, n_fills, max_calls, n_asked)
    weights = np.bincount(parts, explanation.weights[index], minlength=questions.n_parts)
    order = np.argsort(-weights if is_said else weights, kind="stable")
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    search = SEARCHES[kind](
        questions, order, target, precision, 1 - confidence, np.random.SeedSequence(seed)
    )
    tested = search.run()
    becomes = None
    if tested is None:
        inside = np.zeros(questions.n_parts, dtype=bool)
    elif kind == "sufficient":
        inside = tested.kept
    else:
        inside = ~tested.kept
        questions.budget = questions.n_calls + 1
        column = decision.winner(questions.scores(tested.kept[np.newaxis])[0])
        becomes = None if column is None else list(explanation.prediction)[column]
    own = explanation.weights[index]
    positions = np.flatnonzero(inside[parts])
    side = "at or above" if is_said else "below"
    return PartSet(
        kind=kind,
        label=label,
        condition=(
            "its score stays the highest"
            if decision.threshold is None
            else f"its score stays {side} {decision.threshold:g}"
        ),
        found=tested is not None,
        positions=tuple(positions[np.argsort(-own[positions], kind="stable")].tolist()),
        n_parts=int(inside.sum()),
        probability=np.nan if tested is None else tested.probability,
        low=np.nan if tested is None else tested.low,
        is_exact=tested is not None and tested.is_exact,
        target=target,
        confidence=confidence,
        n_masks=0 if tested is None else tested.n_masks,
        n_tries=0 if tested is None else tested.n_tries,
        n_calls=questions.n_calls,
        is_smallest=(
            search.is_smallest
            if isinstance(search, CounterfactualSearch)
            else tested is not None and not inside.any()
        ),
        becomes=becomes,
        seed=seed,
        explanation=explanation,
    )


def _decision(
    score: Callable[..., np.ndarray], explanation: LocalResult, label: Hashable
) -> Decision:
    """Return how it is decided that a label is said; by the highest score, for any function."""
    if isinstance(score, MaskFunction):
        if score.components.names != explanation.components.names:
            raise ValueError(
                f"the mask function has other components than the explanation of "
                f"{explanation.title!r}: it is of another song or of other settings"
            )
        return score.decision(label)
    known = list(explanation.prediction)
    return Decision(known.index(label), tuple(range(len(known))) if len(known) > 1 else ())


def _check_song(
    score: Callable[..., np.ndarray], explanation: LocalResult, whole: np.ndarray
) -> None:
    """Raise a ValueError unless a function scores the song as the explanation says."""
    expected = np.array([list(explanation.prediction.values())], dtype=float)
    if whole.shape != expected.shape:
        raise ValueError(
            f"the mask function returned shape {whole.shape} for a mask; scores of "
            f"{expected.shape[1]} labels were expected"
        )
    allowed = SAME * np.abs(expected).max()
    if not np.allclose(whole, expected, rtol=0, atol=allowed):
        raise ValueError(
            f"the model scores {explanation.title!r} {np.round(whole[0], 4)} now, and "
            f"{np.round(expected[0], 4)} when it was explained: it is another song or model"
        )
