"""Sources: what sounds together in the mix, taken apart."""

from sklearn_musiclime.components.separation.hpss import HPSSSeparator
from sklearn_musiclime.components.separation.neural import TorchSeparator
from sklearn_musiclime.components.separation.sources import (
    RESIDUAL,
    Separator,
    Sources,
    read_beside,
    recall_sources,
    separate_sources,
)
from sklearn_musiclime.components.separation.stems import StemSeparator

__all__ = [
    "RESIDUAL",
    "HPSSSeparator",
    "Separator",
    "Sources",
    "StemSeparator",
    "TorchSeparator",
    "read_beside",
    "recall_sources",
    "separate_sources",
]
