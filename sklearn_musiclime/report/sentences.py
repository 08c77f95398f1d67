"""What the first screen of a page says: the question, how it comes about, how sure it is."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from sklearn_musiclime.neighbourhood import Contrast

if TYPE_CHECKING:
    from sklearn_musiclime.results.local import LocalResult

GOOD, FAIR = 0.8, 0.5
"""Lowest fidelity of an explanation that is called good, and of one that is called fair."""

Text = tuple[str, bool]
"""A piece of a sentence, and whether it is emphasised."""
Step = tuple[str, float, float, str, str]
"""Name of a step, score before and after it, its text, and "for", "against" or "whole"."""


def question(explanation: LocalResult, label: Hashable) -> list[Text]:
    """Return the question that the explanation of a label answers.

    Parameters
    ----------
    explanation : LocalExplanation
        The explanation.
    label : label
        The explained label.

    Returns
    -------
    list of (str, bool)
        The pieces of one or two sentences, and whether each is emphasised.
    """
    score = explanation.prediction[label]
    if isinstance(label, Contrast):
        return [("Why ", False), (f"{label} ({score:+.3g})".replace("-", "−"), True), ("?", False)]
    said = max(explanation.prediction, key=lambda name: explanation.prediction[name])
    if explanation.settings.get("kind") == "outputs":
        return [
            ("What adds to ", False),
            (str(label), True),
            (f"? The model gives {score:.3g}.", False),
        ]
    if not _exclude_each_other(explanation.prediction.values()):
        return [("What speaks for ", False), (f"{label} ({score:.3g})", True), ("?", False)]
    if label == said:
        return [("Why did the model say ", False), (f"{label} ({score:.3g})", True), ("?", False)]
    return [
        ("What speaks for ", False),
        (f"{label} ({score:.3g})", True),
        ("? The model said ", False),
        (f"{said} ({explanation.prediction[said]:.3g})", True),
        (".", False),
    ]


def _exclude_each_other(scores: Iterable[float]) -> bool:
    """Whether a model says one label only: of several at once the probabilities add up to no 1."""
    values = np.array([*scores])
    are_probabilities = bool(((values >= 0) & (values <= 1)).all())
    return not are_probabilities or bool(np.isclose(values.sum(), 1, atol=1e-3))


def versions(explanation: LocalResult, label: Hashable) -> list[Text]:
    """Return what the explanation of two versions of a model shows for a label.

    Parameters
    ----------
    explanation : LocalExplanation
        Explanation of both versions.
    label : label
        A version's label, or the difference of both.

    Returns
    -------
    list of (str, bool)
        The pieces of the sentence, and whether each is emphasised.
    """
    score = f"{explanation.prediction[label]:.3g}".replace("-", "−")
    return [("Old version and new: ", False), (f"{label} ({score})", True), (".", False)]


def certainty(fidelity: float) -> tuple[str, str, str]:
    """Say how much of the model a sum of weights tells.

    Parameters
    ----------
    fidelity : float
        Weighted R^2 of the surrogate.

    Returns
    -------
    grade : {"good", "fair", "care"}
        The grade.
    word : str
        The grade as it is shown.
    sentence : str
        What it means.

    Examples
    --------
    >>> from sklearn_musiclime.report.sentences import certainty
    >>> certainty(0.93)
    ('good', 'Good', 'A sum of parts tells 93 % of what the model does.')
    >>> certainty(0.13)[1:]
    ('Care', 'A sum of parts tells only 13 % of what the model does: the weights are its shadow.')
    """
    if np.isnan(fidelity):
        return "care", "Care", "How much a sum of parts tells is not known."
    if fidelity <= 0:
        return "care", "Care", "There are too few masks to say what a sum of parts tells."
    part = f"{100 * fidelity:.0f} % of what the model does"
    if fidelity >= GOOD:
        return "good", "Good", f"A sum of parts tells {part}."
    if fidelity >= FAIR:
        return "fair", "Fair", f"A sum of parts tells {part}; see what is together."
    return "care", "Care", f"A sum of parts tells only {part}: the weights are its shadow."


def steps(explanation: LocalResult, label: Hashable) -> list[Step] | None:
    """Return the steps from the score of a song without audio and lyrics to that of the song.

    Parameters
    ----------
    explanation : LocalExplanation
        The explanation.
    label : label
        The explained label.

    Returns
    -------
    list of Step, or None
        Neither, what lyrics and audio add alone, what they add together, and both. None where
        audio and lyrics were not scored alone.
    """
    components = explanation.components
    if components.audio is None or components.lyrics is None:
        return None
    if not explanation.corner_scores.shape[1]:
        return None
    scores = explanation.modality_scores(label)
    neither, both = float(scores["neither"]), float(scores["both"])
    found: list[Step] = [("neither", 0.0, neither, f"{neither:.3g}", "whole")]
    at = neither
    alone = {"+ lyrics": scores["lyrics"] - neither, "+ audio": scores["audio"] - neither}
    alone["+ together"] = both - neither - sum(alone.values())
    for name, added in alone.items():
        kind = "for" if added >= 0 else "against"
        found.append((name, at, at + float(added), f"{added:+.3g}".replace("-", "−"), kind))
        at += float(added)
    return [*found, ("= both", 0.0, both, f"{both:.3g}", "whole")]
