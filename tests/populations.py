"""Populations so small that all of them is known: every mask, and what follows from it."""

import numpy as np

from sklearn_musiclime.neighbourhood import draw_masks, draw_neighbourhood
from sklearn_musiclime.surrogate import kernel_weights


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def ask(drawn, model):
    """What a model of masks says of a neighbourhood."""
    pairs = drawn.all_pairs
    masks = np.hstack([drawn.audio_masks[pairs[:, 0]], drawn.lyric_masks[pairs[:, 1]]])
    return drawn.split(np.asarray(model(masks.astype(float)), dtype=float).reshape(len(masks), -1))


def draw(design, n_audio, n_lyrics, n_samples, seed=0, **options):
    options = {"with_grid": True, "with_shares": True} | options
    rng = np.random.default_rng([seed, 7])
    return draw_neighbourhood(design, n_audio, n_lyrics, n_samples, rng, **options)


def words(*texts):
    X = np.empty((len(texts), 2), dtype=object)
    X[:] = [[np.ones(10, dtype=np.float32), text] for text in texts]
    return X


def all_masks(p):
    return draw_masks("exhaustive", p, 2, None)


def population_weights(model, p, kernel_width):
    """Weighted least squares over all masks."""
    masks = all_masks(p)
    X, w = np.column_stack([np.ones(2**p), masks]), kernel_weights(masks, kernel_width)
    return np.linalg.solve((X.T * w) @ X, X.T @ (w * model(masks.astype(float))))[1:]


def sobol(model, n_audio, n_lyrics):
    """Variances of audio, lyrics and both over all masks, as parts of their sum."""
    masks = all_masks(n_audio + n_lyrics).astype(float)
    codes = (
        masks[:, :n_audio] @ (1 << np.arange(n_audio)),
        masks[:, n_audio:] @ (1 << np.arange(n_lyrics)),
    )
    grid = np.empty((2**n_audio, 2**n_lyrics))
    grid[codes[0].astype(int), codes[1].astype(int)] = model(masks)
    rows, columns = grid.mean(axis=1, keepdims=True), grid.mean(axis=0, keepdims=True)
    rest = grid - rows - columns + grid.mean()
    variances = np.array([rows.var(), columns.var(), rest.var()])
    return variances / variances.sum()
