"""A proxy of a function of masks, which has no sound to hear."""

from functools import partial

import numpy as np

from sklearn_musiclime.neighbourhood import draw_neighbourhood
from sklearn_musiclime.proxy import Predictions, Sample, fit_with_proxy
from sklearn_musiclime.surrogate import fit_by_moments, fit_neighbourhood

N_FREE = 5000


def fit_by_masks(drawn, scores, **kernel):
    """The surrogate of joint masks with a proxy, and the proxy's predictions."""
    seed = int.from_bytes(bytes.fromhex(drawn.digest()[:8]))
    sizes = drawn.audio_masks.shape[1], drawn.lyric_masks.shape[1]
    free = draw_neighbourhood(
        drawn.design, *sizes, N_FREE, np.random.default_rng(seed), kernel=drawn.kernel
    )
    scored, others = (Sample(n, n.masks.astype(float)) for n in (drawn, free))
    predictions = Predictions.fit(scored, scores, others)
    fits = (partial(f, **kernel) for f in (fit_neighbourhood, fit_by_moments))
    return fit_with_proxy(*fits, predictions), predictions
