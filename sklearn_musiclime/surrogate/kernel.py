"""The exponential kernel: how much a mask weighs by its distance to the whole song.

The weight of a sample is ``sqrt(exp(-d ** 2 / kernel_width ** 2))``, where d is the cosine distance
of its mask to the mask that keeps everything: ``1 - sqrt(k / p)`` where k of p components are kept.

With half of the components on d is 0.29, so at the default width of 0.25 such a sample weighs 0.50;
with a quarter of them on it weighs 0.14. Among 100 components nearly all masks keep 40 to
60, which weigh 0.36 to 0.65: the neighbourhood is then hardly local. With ``numpy.inf`` all masks
weigh the same, as they do to four digits with MusicLIME's width of 25, and the weights are Banzhaf
values.

References
----------
Hammer, Holzman, "Approximations of pseudo-Boolean functions; applications to game theory", ZOR 36,
1992: the weights of least squares over all masks are Banzhaf values.
"""

from __future__ import annotations

import warnings

import numpy as np

from sklearn_musiclime.surrogate.checks import check_masks


def kernel_weights(masks: np.ndarray, kernel_width: float = 0.25) -> np.ndarray:
    """Compute the kernel weights of masks, by their distance to the mask that keeps everything.

    The weight is ``sqrt(exp(-d ** 2 / kernel_width ** 2))`` with d the cosine distance.

    Parameters
    ----------
    masks : array-like of shape (n_samples, n_components), bool
        The masks.
    kernel_width : float, default=0.25
        Width of the kernel, in cosine distance; ``numpy.inf`` weighs all masks the same.

    Returns
    -------
    ndarray of shape (n_samples,)
        Weights from 0 to 1; 1 for the mask that keeps everything.

    Raises
    ------
    ValueError
        `kernel_width` is not positive, or `masks` is not a two-dimensional array of 0 and 1.

    Examples
    --------
    >>> from sklearn_musiclime.surrogate import kernel_weights
    >>> kernel_weights([[1, 1, 1, 1], [1, 0, 0, 1], [0, 0, 0, 0]]).round(2)
    array([1. , 0.5, 0. ])
    """
    if not kernel_width > 0:
        raise ValueError(f"kernel_width must be positive, got {kernel_width}")
    masks = check_masks(masks)
    return kernel_of_sizes(masks.sum(axis=1), masks.shape[1], kernel_width)


def kernel_of_sizes(n_kept: np.ndarray, n_components: int, kernel_width: float) -> np.ndarray:
    """Kernel weights of masks that keep these numbers of components."""
    distance = 1 - np.sqrt(n_kept / max(n_components, 1))
    return np.sqrt(np.exp(-((distance / kernel_width) ** 2)))


def check_reach(weight: np.ndarray, kernel_width: float) -> None:
    """Warn if the kernel is so narrow that perturbed songs have nearly no weight."""
    others = weight.sum() - weight.max()
    if len(weight) > 1 and others < 1e-4 * weight.max():
        warnings.warn(
            f"kernel_width={kernel_width} is so narrow that all perturbed songs together weigh "
            f"{others / weight.max():.1g} times what the song weighs: there is nothing to tell "
            "weights from",
            UserWarning,
            stacklevel=3,
        )
