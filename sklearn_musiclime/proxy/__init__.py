"""The proxy: a cheap model of one song's scores that makes few calls of a dear model go far."""

from sklearn_musiclime.proxy.features import sound_features
from sklearn_musiclime.proxy.weights import Sample, fit_with_proxy

__all__ = ["Sample", "fit_with_proxy", "sound_features"]
