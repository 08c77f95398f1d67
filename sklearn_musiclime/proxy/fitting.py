"""Fit of one song's surrogate with a proxy, whatever has been scored so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_musiclime.components.decomposition import Decomposition
from sklearn_musiclime.neighbourhood import Neighbourhood, Scores
from sklearn_musiclime.proxy.features import sound_features
from sklearn_musiclime.proxy.interactions import interactions_with_proxy
from sklearn_musiclime.proxy.predictions import Predictions, Sample
from sklearn_musiclime.proxy.shares import shares_with_proxy
from sklearn_musiclime.proxy.weights import Fit, fit_with_proxy
from sklearn_musiclime.surrogate import Interactions, Shares, Surrogate

N_FREE = 20_000
"""Number of perturbed songs that the proxy predicts."""
N_KEPT = 3
"""Sets of perturbed songs whose features are kept for contrasts of labels."""


@dataclass(eq=False)
class ProxyFit:
    """Fits the surrogate of a song's scores with a proxy.

    Attributes
    ----------
    fit, correct : callable
        Fit of the surrogate, and estimator of the same weights, see
        :func:`~sklearn_musiclime.proxy.fit_with_proxy`.
    components : Decomposition
        Components of the song.
    links : ndarray of shape (n_components,) of int, or None
        Linked unit of each component, if the columns of masks are linked units.
    free : Neighbourhood
        Masks whose songs the proxy predicts, drawn by the design of the masks to come.
    regressor : estimator or None, default=None
        Regressor that is the proxy. None: a kernel ridge.
    predictions : Predictions or None
        Predictions of the last fit; None before it, and of masks that are enumerated.
    """

    fit: Fit
    correct: Fit
    components: Decomposition
    links: np.ndarray | None
    free: Neighbourhood
    regressor: BaseEstimator | None = None
    predictions: Predictions | None = None
    _kept: dict[bytes, np.ndarray] = field(default_factory=dict, init=False)

    def __call__(self, neighbourhood: Neighbourhood, scores: np.ndarray) -> Surrogate:
        """Fit the surrogate of a neighbourhood.

        Parameters
        ----------
        neighbourhood : Neighbourhood
            Masks of a joint design.
        scores : ndarray of shape (n_samples, n_labels)
            The model's scores of their perturbed songs.

        Returns
        -------
        Surrogate
            Without a proxy where all masks are enumerated.
        """
        if neighbourhood.is_exhaustive:
            self.predictions = None
            return self.fit(neighbourhood, scores)
        scored = self._sample(neighbourhood)
        self.predictions = Predictions.fit(scored, scores, self._free_sample, self.regressor)
        return fit_with_proxy(self.fit, self.correct, self.predictions)

    def interactions(self, surrogate: Surrogate, which: str) -> Interactions | None:
        """Estimate interactions from what was fitted last.

        Parameters
        ----------
        surrogate : Surrogate
            The surrogate.
        which : {"cross", "all"}
            Pairs of components.

        Returns
        -------
        Interactions or None
            None without a proxy, and where there are no such pairs.
        """
        has_pairs = which == "all" or len(set(self.components.modalities)) > 1
        if self.predictions is None or not has_pairs:
            return None
        return interactions_with_proxy(self.predictions, surrogate, which=which)

    def shares(self, neighbourhood: Neighbourhood, scores: Scores, plain: Shares) -> Shares:
        """Estimate modality shares.

        Parameters
        ----------
        neighbourhood : Neighbourhood
            The masks that were fitted last.
        scores : Scores
            Their scores.
        plain : Shares
            Shares without a proxy.

        Returns
        -------
        Shares
            See :func:`~sklearn_musiclime.proxy.shares_with_proxy`. With columns: `plain`.
        """
        has_columns = neighbourhood.column_masks is not None
        if self.predictions is None or self.links is not None or has_columns:
            return plain
        return shares_with_proxy(self._features, neighbourhood, scores, plain, self.regressor)

    @cached_property
    def _free_sample(self) -> Sample:
        return self._sample(self.free)

    def _sample(self, neighbourhood: Neighbourhood) -> Sample:
        return Sample(neighbourhood, self._features(neighbourhood.masks, neighbourhood.pair_fills))

    def _features(self, masks: np.ndarray, fills: np.ndarray | None) -> np.ndarray:
        digest = blake2b(masks.tobytes())
        digest.update(b"" if fills is None else fills.tobytes())
        key = digest.digest()
        if key not in self._kept:
            of_components = masks if self.links is None else masks[:, self.links]
            audio_masks = of_components[:, : self.components.n_audio]
            audio_fills = None if fills is None else fills[:, 0]
            sound = sound_features(self.components, audio_masks, audio_fills)
            self._kept[key] = np.hstack([sound, masks])
            for oldest in list(self._kept)[:-N_KEPT]:
                del self._kept[oldest]
        return self._kept[key]
