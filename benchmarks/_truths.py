"""What explainers would find with very many calls, and how far that may be off."""

import numpy as np
from _cases import KERNEL_WIDTH

from sklearn_musiclime.neighbourhood import draw_neighbourhood
from sklearn_musiclime.surrogate import fit_neighbourhood

N_MASKS = 100_000
BLOCK = 4096


def _drawn(clip, kernel):
    shape = clip.components.n_audio, clip.components.n_lyrics
    return draw_neighbourhood("paired", *shape, N_MASKS, np.random.default_rng(99), kernel=kernel)


def _linear(clip, kernel):
    drawn = _drawn(clip, kernel)
    scores = clip(drawn.masks)[:, np.newaxis]
    fit = fit_neighbourhood(drawn, scores, kernel=kernel, kernel_width=KERNEL_WIDTH)
    return fit.weights[0], float(np.square(fit.std_err[0]).sum())


def true_weights(clip):
    """Weights of the exponential kernel, and their expected squared error, summed."""
    return _linear(clip, "exponential")


def true_values(clip):
    """Shapley values, and their expected squared error, summed."""
    return _linear(clip, "shapley")


def true_interactions(clip):
    """Banzhaf indices of all pairs, and their expected squared error, summed.

    By least squares: with fair masks coded -1/2 and 1/2, these are the coefficients of the products
    of two columns. Half the sum of the scores of a mask and of its complement has no odd part.
    """
    masks = _drawn(clip, "exponential").masks[2:]  # the song and silence are not drawn
    assert (masks[::2] != masks[1::2]).all()
    even = clip(masks).reshape(-1, 2).mean(axis=1)
    coded, (first, second) = masks[::2] - 0.5, np.triu_indices(len(clip), 1)

    def columns(block):
        products = coded[block][:, first] * coded[block][:, second]
        return np.column_stack([np.ones(len(products)), products])

    blocks = [slice(start, start + BLOCK) for start in range(0, len(coded), BLOCK)]
    gram = sum((x := columns(block)).T @ x for block in blocks)
    inverse = np.linalg.inv(gram)
    solution = inverse @ sum(columns(block).T @ even[block] for block in blocks)
    residual = sum(np.square(even[block] - columns(block) @ solution).sum() for block in blocks)
    variance = residual / (len(coded) - len(solution))
    return solution[1:], float(variance * np.diag(inverse)[1:].sum())


TRUTHS = {
    "weights": true_weights,
    "Shapley values": true_values,
    "interactions": true_interactions,
}
