"""Two versions of a model as one, so that both get the very same perturbed songs.

The scores of both stand side by side. A label is ``("old", label)`` or ``("new", label)``, and the
difference of the versions is a :class:`~sklearn_musiclime.Contrast` of two of these. Two factored
models are a factored model: the branches of both encode each mask, a branch that is the same in
both once. If one of the two is a black box, both are.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_musiclime.neighbourhood.columns import ScoreColumns
from sklearn_musiclime.neighbourhood.labels import (
    Column,
    Contrast,
    check_labels,
    is_number_of_labels,
    listed,
)
from sklearn_musiclime.neighbourhood.models import ScoreFunction
from sklearn_musiclime.neighbourhood.responses import Answer

OLD, NEW = "old", "new"
VERSIONS = (OLD, NEW)


def of_version(version: str, label: Hashable) -> tuple[Hashable, ...]:
    """Return the name of a version's label.

    Parameters
    ----------
    version : {"old", "new"}
        The version.
    label : label
        The label, as the version's own.

    Returns
    -------
    tuple
        The version and the label; of a label that is a tuple, its parts.

    Examples
    --------
    >>> from sklearn_musiclime.neighbourhood.versions import of_version
    >>> of_version("old", "Pop"), of_version("new", (0, "loud"))
    (('old', 'Pop'), ('new', 0, 'loud'))
    """
    return (version, *label) if isinstance(label, tuple) else (version, label)


def version_and_label(name: Any) -> tuple[str, Hashable]:
    """Return the version and the label that :func:`of_version` put together.

    Parameters
    ----------
    name : tuple
        Name of a version's label.

    Returns
    -------
    version : {"old", "new"}
        The version.
    label : label
        The label.

    Raises
    ------
    ValueError
        It is the name of no version's label.
    """
    if not isinstance(name, tuple) or len(name) < 2 or name[0] not in VERSIONS:
        raise ValueError(f"{name!r} is no label of an old or a new version")
    return name[0], name[1] if len(name) == 2 else name[1:]


def difference_of(label: Hashable) -> Contrast:
    """Return the contrast of a label's score by the new version with that by the old one.

    Parameters
    ----------
    label : label
        A label of both versions.

    Returns
    -------
    Contrast
    """
    return Contrast(of_version(NEW, label), of_version(OLD, label))


class BothVersions(BaseEstimator):
    """Two fitted models as a model whose scores are those of both, side by side.

    It has no ``fit``: both models are used as they are.

    Parameters
    ----------
    old, new : estimator or callable
        The models, see :class:`~sklearn_musiclime.neighbourhood.ScoreFunction`.
    output_names, kind : object, default=None
        Of both models, see :class:`~sklearn_musiclime.neighbourhood.ScoreFunction`.
    labels : label, list or set of labels, int, "all" or None, default=None
        Labels to explain of those that both models have. An int n: the n labels of the highest
        scores by either. None: those that either of the two predicts.
    """

    def __init__(
        self,
        old: Any,
        new: Any,
        *,
        output_names: Sequence[Hashable] | None = None,
        kind: str | None = None,
        labels: Any = None,
    ):
        self.old = old
        self.new = new
        self.output_names = output_names
        self.kind = kind
        self.labels = labels

    @property
    def score_functions(self) -> tuple[ScoreFunction, ScoreFunction]:
        """Both models as functions from songs to scores."""
        old, new = (ScoreFunction(m, self.output_names, self.kind) for m in (self.old, self.new))
        return old, new

    def with_models(self, old: Any, new: Any) -> BothVersions:
        """Return the same of two other models, such as the heads of both.

        Parameters
        ----------
        old, new : estimator
            The models.

        Returns
        -------
        BothVersions
        """
        return BothVersions(
            old, new, output_names=self.output_names, kind=self.kind, labels=self.labels
        )

    def predict(self, X: Any) -> np.ndarray:
        """Score songs by both models.

        Parameters
        ----------
        X : DataFrame or object array
            The songs.

        Returns
        -------
        ndarray of shape (n_songs, n_old_labels + n_new_labels)
            The scores.
        """
        return np.hstack([score(X) for score in self.score_functions])


class VersionScores(ScoreFunction):
    """A :class:`BothVersions` as a function from songs to an array of scores."""

    @property
    def columns(self) -> Any:
        """What the columns of the scores stand for."""
        old, new = (score.columns for score in self.model.score_functions)
        return VersionColumns(old, new, self.model.labels)

    def answer(self, X: Any) -> Answer:
        """Score songs by both models, see :meth:`ScoreFunction.answer`.

        Parameters
        ----------
        X : DataFrame or object array
            The songs.

        Returns
        -------
        Answer
            Its names are pairs of a version and the name that it gave the column, or None.
        """
        answers = [score.answer(X) for score in self.model.score_functions]
        names: list[Hashable] = [
            (version, name)
            for version, answer in zip(VERSIONS, answers, strict=True)
            for name in answer.names or [None] * answer.scores.shape[1]
        ]
        return Answer(np.hstack([answer.scores for answer in answers]), names)

    def predict(self, X: Any) -> Any:
        """Call both models' ``predict``, see :meth:`ScoreFunction.predict`.

        Parameters
        ----------
        X : DataFrame or object array
            The songs.

        Returns
        -------
        list
            The predictions of both.
        """
        return [score.predict(X) for score in self.model.score_functions]


@dataclass(frozen=True)
class VersionColumns:
    """The columns of two versions' scores, with the methods of ``ScoreColumns``.

    Attributes
    ----------
    old, new : ScoreColumns
        Columns of each version.
    wanted : object
        Labels to explain, see :class:`BothVersions`.
    """

    old: ScoreColumns
    new: ScoreColumns
    wanted: Any

    known_labels = None

    @property
    def are_outputs(self) -> bool:
        """Whether the labels are separate outputs, such as valence and arousal."""
        return self.old.are_outputs and self.new.are_outputs

    def has_a_column_each(self, n_columns: int) -> bool:
        """Return True: labels are told by the names of an answer.

        Parameters
        ----------
        n_columns : int
            Number of columns.

        Returns
        -------
        bool
        """
        return True

    def outputs(self, n_columns: int) -> list[int]:
        """Return all columns.

        Parameters
        ----------
        n_columns : int
            Number of columns.

        Returns
        -------
        list of int
        """
        return list(range(n_columns))

    def labels(self, n_columns: int, names: Any, said: Any = None) -> list[Hashable]:
        """Return the labels of the columns.

        Parameters
        ----------
        n_columns : int
            Number of columns.
        names : list of (str, label)
            Names of an answer of :class:`VersionScores`.
        said : list or None, default=None
            Predictions of both versions for a song.

        Returns
        -------
        list of tuple
            See :func:`of_version`.
        """
        return [
            of_version(version, label)
            for version, own in zip(VERSIONS, self._own_labels(names, said), strict=True)
            for label in own
        ]

    def predicted(self, scores: np.ndarray, said: Any, names: Any) -> list[Column]:
        """Return the columns to explain: for each wanted label the difference, the old, the new.

        Parameters
        ----------
        scores : ndarray of shape (n_columns,)
            Scores of the unperturbed song.
        said : list or None
            Predictions of both versions for the song.
        names : list of (str, label)
            Names of an answer of :class:`VersionScores`.

        Returns
        -------
        list of int or Contrast

        Raises
        ------
        ValueError
            The versions have no label in common, or not the wanted ones.
        """
        old, new = self._own_labels(names, said)
        common = common_labels(old, new)
        of_old, of_new = np.split(scores, [len(old)])
        highest = {label: max(of_old[old.index(label)], of_new[new.index(label)])
                   for label in common}  # fmt: skip
        ranked = sorted(common, key=lambda label: -highest[label])
        if self.wanted is None:
            said_old, said_new = said if said is not None else (None, None)
            plain_old, plain_new = (_plain_names(names, version) for version in VERSIONS)
            either = {
                *(old[at] for at in self.old.predicted(of_old, said_old, plain_old)),
                *(new[at] for at in self.new.predicted(of_new, said_new, plain_new)),
            }
            chosen = [label for label in ranked if label in either] or ranked[:1]
        elif isinstance(self.wanted, str) and self.wanted == "all" and "all" not in common:
            shown = {new[at] for at in self.new.outputs(len(new))}
            chosen = [label for label in common if label in shown]
        elif is_number_of_labels(self.wanted):
            chosen = ranked[: int(self.wanted)]
        else:
            check_labels(self.wanted, common)
            chosen = listed(self.wanted, common)
        columns: list[Column] = []
        for label in chosen:
            own_old, own_new = old.index(label), len(old) + new.index(label)
            columns += [Contrast(own_new, own_old), own_old, own_new]
        return columns

    def _own_labels(self, names: Any, said: Any) -> tuple[list[Hashable], list[Hashable]]:
        """Labels of each version, as its own."""
        said_old, said_new = said if said is not None else (None, None)
        n_old = sum(version == OLD for version, _ in names)
        return (
            self.old.labels(n_old, _plain_names(names, OLD), said_old),
            self.new.labels(len(names) - n_old, _plain_names(names, NEW), said_new),
        )


def common_labels(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Hashable]:
    """Return the labels that both versions have, in the order of the new one's.

    Parameters
    ----------
    old, new : sequence of label
        Labels of each version.

    Returns
    -------
    list of label

    Raises
    ------
    ValueError
        There are none.
    """
    common = [label for label in new if label in old]
    if not common:
        raise ValueError(
            f"the two models have no label in common: the old one has {list(old)}, the new one "
            f"{list(new)}"
        )
    return common


def score_function(
    model: Any, output_names: Sequence[Hashable] | None = None, kind: str | None = None
) -> ScoreFunction:
    """Return a model as a function from songs to scores.

    Parameters
    ----------
    model : estimator or callable
        The model.
    output_names : sequence of label, or None, default=None
        See :class:`~sklearn_musiclime.neighbourhood.ScoreFunction`.
    kind : {"classes", "outputs"} or None, default=None
        See :class:`~sklearn_musiclime.neighbourhood.ScoreFunction`.

    Returns
    -------
    ScoreFunction
        A :class:`VersionScores`, if the model is a :class:`BothVersions`.
    """
    kind_of_function = VersionScores if isinstance(model, BothVersions) else ScoreFunction
    return kind_of_function(model, output_names, kind)


def _plain_names(names: Any, version: str) -> list[Hashable] | None:
    """Names that a version gave its columns; None if it gave none."""
    own = [name for of, name in names if of == version]
    return None if None in own else own
