"""The columns of a model's scores: their labels, and which of them are explained by default."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ScoreColumns:
    """What the columns of a model's scores stand for, as far as the model and the user tell.

    Attributes
    ----------
    output_names : list of label, or None, default=None
        Names of the columns that the user gave.
    classes : list of label, or None, default=None
        Class names of a classifier of one output. None: it has several outputs, or is no
        classifier.
    classes_of_outputs : list of list of label, or None, default=None
        Class names of each output of a multi-output classifier.
    are_pairs : bool, default=False
        Whether columns are pairs of `classes`, of which positive scores favour the first.
    are_outputs : bool, default=False
        Whether columns are separate outputs, such as valence and arousal, all of which are
        predicted.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_musiclime.neighbourhood.columns import ScoreColumns
    >>> columns = ScoreColumns(classes=["pop", "rock"])
    >>> columns.labels(2)
    ['pop', 'rock']
    >>> columns.predicted(np.array([0.7, 0.3]))
    [0]
    """

    output_names: Sequence[Hashable] | None = None
    classes: list[Hashable] | None = None
    classes_of_outputs: list[list[Hashable]] | None = None
    are_pairs: bool = False
    are_outputs: bool = False

    @property
    def known_labels(self) -> list[Hashable] | None:
        """Labels of the columns, if they are known before the model is called; else None."""
        if self.output_names is not None:
            return list(self.output_names)
        if self.classes_of_outputs is not None:
            return list(_labels_of_outputs(self.classes_of_outputs))
        if self.classes is None:
            return None
        if self.are_pairs:
            return list(combinations(self.classes, 2))
        # 0 and 1 may be those of each output.
        return None if _is_switch(self.classes) else self.classes

    def labels(
        self, n_columns: int, names: Sequence[Hashable] | None = None, said: Any = None
    ) -> list[Hashable]:
        """Return the labels of the columns.

        Parameters
        ----------
        n_columns : int
            Number of columns.
        names : sequence or None, default=None
            Names from the model's DataFrame, see
            :class:`~sklearn_musiclime.neighbourhood.Answer`.
        said : ndarray of shape (1, ...), or None, default=None
            Output of ``predict`` for a song.

        Returns
        -------
        list
            `output_names`, if given. Else the class names: of a multi-output classifier
            ``(output, class)`` for each class of each output, of a support vector classifier with
            ``decision_function_shape="ovo"`` the pairs of classes ``(class, other)``. Without
            classes, `names` or the columns' numbers; numbers also for multilabel outputs: if there
            are not as many columns as classes, but `said` has one value for each column.

        Raises
        ------
        ValueError
            The number of names or of classes is not `n_columns`, or two are the same.
        """
        if self.output_names is not None:
            if len(self.output_names) != n_columns:
                raise ValueError(
                    f"output_names has {len(self.output_names)} names, and the model returns "
                    f"{n_columns} columns"
                )
            return list(self.output_names)
        labels: list[Hashable]
        if self.classes_of_outputs is not None:
            labels = list(_labels_of_outputs(self.classes_of_outputs))
            if n_columns == len(self.classes_of_outputs) != len(labels):
                # One score an output: its last class.
                labels = [(k, classes[-1]) for k, classes in enumerate(self.classes_of_outputs)]
        elif self.classes is None:
            return list(range(n_columns)) if names is None else list(names)
        elif self.are_pairs:
            labels = list(combinations(self.classes, 2))
        else:
            labels = list(self.classes)
        if len(labels) != n_columns:
            if np.shape(said) == (1, n_columns):  # multilabel
                return list(range(n_columns))
            raise ValueError(
                f"the model has {len(labels)} classes but scores {n_columns} columns, which are "
                "none of them; output_names= says what they are"
            )
        if len(set(labels)) != len(labels):
            raise ValueError(f"the model has classes of the same name: {labels}")
        return labels

    def has_a_column_each(self, n_columns: int) -> bool:
        """Return whether the number of columns fits the classes.

        Parameters
        ----------
        n_columns : int
            Number of columns.

        Returns
        -------
        bool
            False if the model has the classes of a single output, and another number of columns;
            else True.
        """
        return self.classes is None or len(self.classes) == n_columns

    def outputs(self, n_columns: int) -> list[int]:
        """Return the columns to explain, without those of the negative class of binary outputs.

        Parameters
        ----------
        n_columns : int
            Number of columns.

        Returns
        -------
        list of int
            All columns; in a multi-output classifier, only the column of class 1 of outputs with
            the classes 0 and 1.
        """
        classes = self.classes_of_outputs or []
        labels = _labels_of_outputs(classes)
        if len(labels) != n_columns:
            return list(range(n_columns))
        return [i for i, (k, name) in enumerate(labels) if name or not _is_switch(classes[k])]

    def predicted(
        self, scores: np.ndarray, said: Any = None, names: Sequence[Hashable] | None = None
    ) -> list[int]:
        """Return the columns that are explained by default.

        Parameters
        ----------
        scores : ndarray of shape (n_labels,)
            Scores of the unperturbed song.
        said : ndarray of shape (1,) or (1, n_outputs), or None, default=None
            Output of ``predict`` for the song. None: predictions are taken from the scores.
        names : sequence or None, default=None
            Names from the model's DataFrame, see
            :class:`~sklearn_musiclime.neighbourhood.Answer`.

        Returns
        -------
        list of int
            The predicted class of a classifier. In a multi-output classifier, the predicted class
            of each output; of outputs with the classes 0 and 1 only those that are predicted to be
            1, or the one with the highest score if none is. All columns of a regressor.
        """
        n_columns = len(scores)
        if self.are_outputs or n_columns == 1:
            return self.outputs(n_columns)
        if said is not None and np.ndim(said) not in (1, 2):
            said = None
        if self.classes_of_outputs is not None:
            return self._predicted_outputs(scores, said, self.classes_of_outputs)
        highest = int(np.argmax(scores))
        if said is None:
            return [highest]
        if np.shape(said) == (1, n_columns):
            return np.flatnonzero(np.ravel(said)).tolist() or [highest]
        (name,) = np.ravel(said).tolist() if np.size(said) == 1 else (None,)
        labels = self.classes or names or list(range(n_columns))
        if self.are_pairs:
            return [i for i, pair in enumerate(combinations(labels, 2)) if name in pair]
        return [labels.index(name)] if name in labels[:n_columns] else [highest]

    def rivals(self, column: int, n_columns: int, said: Any = None) -> tuple[int, ...]:
        """Return the columns of the labels of which one is predicted, that of a column among them.

        Parameters
        ----------
        column : int
            The column.
        n_columns : int
            Number of columns.
        said : ndarray of shape (1,) or (1, n_outputs), or None, default=None
            Output of ``predict`` for a song.

        Returns
        -------
        tuple of int
            The columns of the classes; in a multi-output classifier, of those of the same output.
            Empty for what is no class among several: outputs of regressors, labels of a multilabel
            model, pairs of classes, the only column of a function.

        Examples
        --------
        >>> from sklearn_musiclime.neighbourhood.columns import ScoreColumns
        >>> ScoreColumns(classes_of_outputs=[["pop", "rock"], ["sad", "glad"]]).rivals(2, 4)
        (2, 3)
        """
        is_multilabel = np.shape(said) == (1, n_columns)
        if self.are_outputs or self.are_pairs or n_columns == 1:
            return ()
        if self.classes_of_outputs is not None:
            owners = [output for output, _ in _labels_of_outputs(self.classes_of_outputs)]
            if len(owners) != n_columns:  # a column an output
                return ()
            return tuple(i for i, output in enumerate(owners) if output == owners[column])
        return () if is_multilabel else tuple(range(n_columns))

    def _predicted_outputs(
        self, scores: np.ndarray, said: Any, classes: list[list[Hashable]]
    ) -> list[int]:
        """Columns of the predicted classes of a multi-output classifier, see :meth:`predicted`."""
        labels = _labels_of_outputs(classes)
        has_column_each = len(scores) == len(labels)
        if not has_column_each and len(scores) != len(classes):
            return [int(np.argmax(scores))]
        if said is None or np.size(said) != len(classes):
            if not has_column_each:
                return [int(np.argmax(scores))]
            starts = np.cumsum([0, *map(len, classes)])
            said = [
                names[int(np.argmax(scores[start : start + len(names)]))]
                for start, names in zip(starts, classes, strict=False)
            ]
        else:
            said = np.ravel(said).tolist()
        if has_column_each:
            columns = [labels.index((k, name)) for k, name in enumerate(said)]
            on = [c for c, k in zip(columns, range(len(said)), strict=True)
                  if said[k] or not _is_switch(classes[k])]  # fmt: skip
        else:
            on = [k for k, name in enumerate(said) if name == classes[k][-1]]
        if on:
            return on
        outputs = self.outputs(len(scores))
        return [outputs[int(np.argmax(scores[outputs]))]]


def _labels_of_outputs(classes: list[list[Hashable]]) -> list[tuple[int, Hashable]]:
    """Labels ``(output, class)`` for each class of each output."""
    return [(k, name) for k, names in enumerate(classes) for name in names]


def _is_switch(classes: list[Hashable]) -> bool:
    """Whether the classes of an output are 0 and 1, so that the output is a label itself."""
    return set(classes) <= {0, 1}
