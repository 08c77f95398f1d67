"""librosa's compiled functions, whose files on disk are written before processes share them.

numba compiles functions of librosa when they are first used in an environment, and keeps them in
files for later processes. Processes that compile the same functions at the same time mix these
files up, and then they and every later process crash when they call one (issues 4807 and 10128 of
numba). So a process compiles first, then starts others.
"""

from __future__ import annotations

from functools import cache

import numpy as np


@cache
def compile_librosa() -> None:
    """Compile the functions of librosa that the package uses, or load them if they are compiled.

    The first time in an environment takes about half a minute, later times a second or two.

    Examples
    --------
    >>> from sklearn_musiclime._runtime.compilation import compile_librosa
    >>> compile_librosa()
    """
    # Importing these compiles all that they declare the types of.
    import librosa.beat
    import librosa.core.audio
    import librosa.core.pitch
    import librosa.util.utils

    for dtype in (np.float32, np.float64):  # the others are compiled for types they are called with
        spectrum = librosa.stft(np.zeros(4096, dtype=dtype))
        librosa.istft(spectrum, dtype=dtype)
        librosa.istft(spectrum, dtype=dtype, center=False)
