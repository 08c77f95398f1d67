"""Weights of many songs as a matrix, with a column for each component that the songs may have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_musiclime.results.local import LocalResult


@dataclass(frozen=True)
class MatrixColumns:
    """Columns of a matrix of weights: sources x segments, lyric components, columns of X.

    Attributes
    ----------
    source_names : tuple of str
        Names of the sources; empty if the audio is not explained.
    n_segments : int
        Number of columns of each source. The segments of a song are spread over them.
    vocabulary : tuple of str
        Names of the lyric components; empty if the lyrics are not explained.
    beside : tuple of str, default=()
        Names of further columns of X that are explained.
    """

    source_names: tuple[str, ...]
    n_segments: int
    vocabulary: tuple[str, ...]
    beside: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names: ``source@segment``, source by source, the vocabulary, ``column[name]``."""
        audio = (f"{source}@{t}" for source in self.source_names for t in range(self.n_segments))
        return (*audio, *self.vocabulary, *(f"column[{name}]" for name in self.beside))

    def matrix_row(self, explanation: LocalResult) -> np.ndarray:
        """Return the weights of the first explained label.

        Parameters
        ----------
        explanation : LocalExplanation
            The explanation of a song.

        Returns
        -------
        ndarray of shape (n_columns,)
            The weights. Components that the song lacks have weight 0; lyric components that are not
            in `vocabulary` are left out.

        Raises
        ------
        ValueError
            A source is not one of `source_names`.
        """
        columns = {name: column for column, name in enumerate(self.names)}
        found = np.zeros(len(self.names))
        audio_map = explanation.audio_map()
        for segment in range(audio_map.shape[1]):
            # Equal to `segment` if the song has as many segments as there are columns.
            at = segment * self.n_segments // audio_map.shape[1]
            for source, weight in audio_map[segment].items():
                if f"{source}@{at}" not in columns:
                    raise ValueError(
                        f"row {explanation.row}: source {source!r} is not one of the separator's "
                        f"source_names {self.source_names}"
                    )
                found[columns[f"{source}@{at}"]] += weight
        n_audio = explanation.components.n_audio
        names, weights = explanation.components.names[n_audio:], explanation.weights[0, n_audio:]
        for name, weight in zip(names, weights, strict=True):
            if name in columns:
                found[columns[name]] = weight
        return found
