"""The proxy: a cheap model of one song's scores, which makes the most of few calls of the model.

A black box is asked about every perturbed song, which may be dear: that is why there are few of
them, and why weights of full songs with hundreds of components are then mostly noise. The proxy is
fitted to the model's scores of one song's perturbed songs. It sees how a perturbed song sounds
(pooled log-mel power) and its mask, both of which cost nearly nothing, so it can predict the scores
of tens of thousands of songs more. The surrogate is fitted to these predictions, and the model's
own scores correct it: see :mod:`~sklearn_musiclime.proxy.weights` for the formula. The proxy need
not be right; a poor one is given little weight, or none.

- :mod:`~sklearn_musiclime.proxy.features`: what the proxy sees;
- :mod:`~sklearn_musiclime.proxy.kernel_ridge`: the proxy itself;
- :mod:`~sklearn_musiclime.proxy.predictions`: the scores that it predicts;
- :mod:`~sklearn_musiclime.proxy.weights`: the weights with a proxy;
- :mod:`~sklearn_musiclime.proxy.folds`: any other regressor in its place;
- :mod:`~sklearn_musiclime.proxy.interactions`, :mod:`~sklearn_musiclime.proxy.shares`: interactions
  and modality shares with a proxy;
- :mod:`~sklearn_musiclime.proxy.fitting`: the fit of one song.
"""

from sklearn_musiclime.proxy.fitting import ProxyFit
from sklearn_musiclime.proxy.interactions import interactions_with_proxy
from sklearn_musiclime.proxy.predictions import Predictions, Sample
from sklearn_musiclime.proxy.shares import shares_with_proxy
from sklearn_musiclime.proxy.weights import fit_with_proxy

__all__ = [
    "Predictions",
    "ProxyFit",
    "Sample",
    "fit_with_proxy",
    "interactions_with_proxy",
    "shares_with_proxy",
]
