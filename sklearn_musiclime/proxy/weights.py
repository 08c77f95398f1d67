"""Weights of the surrogate with a proxy: those of its predictions and those of their errors.

With f the model's scores of n perturbed songs, h the proxy's predictions for N songs more, h_out
its predictions for the n songs, each by a fit without the song's cluster, T the fit of the
surrogate, and C the estimator of the same weights by the known moments of the masks
(:mod:`sklearn_musiclime.surrogate.moments`), both linear in the scores::

    weights   = T_N(c h) + C_n(f - c h_out)
    std_err^2 = c^2 std_err_N(h)^2 + std_err_n(f - c h_out)^2

The second term estimates the error of the first from the model's own scores and removes it, so that
weights are unbiased whatever the proxy, up to the choice of c; and C does so with fewer songs than
components, too. The factor c, between 0 and 1, and the scale on which the proxy is fitted
(log-odds, or the scores themselves) are those of the least estimated variance of the weights, label
by label. Where least squares without a proxy has less, its weights are taken.

References
----------
Särndal, Swensson, Wretman, "Model assisted survey sampling", Springer, 1992.

Angelopoulos, Bates, Fannjiang, Jordan, Zrnic, "Prediction-powered inference", Science 382, 2023.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from sklearn_musiclime.neighbourhood import Neighbourhood
from sklearn_musiclime.proxy.predictions import FACTORS, Predictions
from sklearn_musiclime.surrogate import Surrogate
from sklearn_musiclime.surrogate.fidelity import estimate_fidelity, weighted_r2

BY_LABEL = (
    "weights", "intercept", "score", "fidelity", "local_prediction", "std_err", "dof", "penalty",
    "left_out",
)  # fmt: skip
"""Attributes of a surrogate that differ from label to label."""
N_CHOICES = 4
"""Degrees of freedom that the choice of scale, factor, bandwidth and penalty takes."""


Fit = Callable[[Neighbourhood, np.ndarray], Surrogate]
"""Masks and scores of shape (n_samples, n_labels) -> the surrogate."""


def fit_with_proxy(fit: Fit, correct: Fit, predictions: Predictions) -> Surrogate:
    """Fit the surrogate with a proxy, where that makes its error smaller.

    Parameters
    ----------
    fit : callable
        Fits the surrogate to a neighbourhood and to scores of shape (n_samples, n_columns). Each
        column is fitted for itself, and linearly.
    correct : callable
        Estimates the same weights without bias for any number of samples, linearly as well.
    predictions : Predictions
        The scores, and what proxies predict.

    Returns
    -------
    Surrogate
        The combined weights and their errors. `score` and `fidelity` are of the combined weights on
        the scored songs, `proxy_factor` is the factor c of each label.
    """
    scored, scores = predictions.scored, predictions.scores
    best, factors = fit(scored, scores), np.zeros(scores.shape[1])
    least = _variance(best) if best.is_sufficient else np.full(scores.shape[1], np.inf)
    for expected, known in _known(fit, predictions):
        for factor in FACTORS:
            of_rest = correct(scored, scores - factor * expected)
            combined = _combined(of_rest, known, factor, scored, expected, scores)
            error = _variance(combined)
            better = error < least
            best = _choose(better, combined, best)
            least[better], factors[better] = error[better], factor
    return replace(best, proxy_factor=factors)


def _known(fit: Fit, predictions: Predictions) -> Iterator[tuple[np.ndarray, Surrogate]]:
    """Each proxy's predictions of the scored songs, and the surrogate of those of the free songs.

    All are fitted at once, since the decomposition of the free masks takes longest. There is none
    for a kernel so narrow that they don't suffice.
    """
    proxies = predictions.of_proxies
    if not proxies:
        return
    known = fit(predictions.free, np.hstack([of_free for _, of_free in proxies]))
    n_labels = predictions.scores.shape[1]
    for number, (expected, _) in enumerate(proxies if known.is_sufficient else []):
        yield expected, _labels(known, slice(number * n_labels, (number + 1) * n_labels))


def _combined(
    of_rest: Surrogate,
    known: Surrogate,
    factor: float,
    scored: Neighbourhood,
    expected: np.ndarray,
    scores: np.ndarray,
) -> Surrogate:
    """Add the weights of the proxy's predictions to those of what they leave."""
    weights = of_rest.weights + factor * known.weights
    intercept = of_rest.intercept + factor * known.intercept
    residual = scores - scored.masks @ weights.T - intercept
    fitted = scored.masks @ known.weights.T + known.intercept
    left_out = of_rest.left_out + factor * (expected - fitted)
    own, other = np.square(of_rest.std_err), np.square(factor * known.std_err)
    n_clusters = len(np.unique(scored.sampling.sides[0].clusters[scored.n_known :]))
    own = own * n_clusters / (n_clusters - N_CHOICES)
    total = own + other
    # Welch and Satterthwaite: the degrees of freedom of a sum of two variances.
    parts = np.square(own) / np.maximum(of_rest.dof - N_CHOICES, 1.0)
    parts = parts + np.square(other) / np.maximum(known.dof, 1.0)
    dof = np.divide(np.square(total), parts, out=of_rest.dof.copy(), where=parts > 0)
    return replace(
        of_rest,
        weights=weights,
        intercept=intercept,
        score=weighted_r2(scores, residual, of_rest.weight),
        fidelity=estimate_fidelity(scores, residual, left_out, of_rest.weight, scored.sampling),
        local_prediction=of_rest.local_prediction + factor * known.local_prediction,
        std_err=np.sqrt(total),
        dof=dof,
        left_out=left_out,
    )


def _variance(surrogate: Surrogate) -> np.ndarray:
    """Estimated squared error of each label's weights, (n_labels,)."""
    return np.square(surrogate.std_err).sum(axis=1)


def _labels(surrogate: Surrogate, own: slice) -> Surrogate:
    """The surrogate of some of the labels."""
    parts = {
        name: getattr(surrogate, name)[:, own]
        if name == "left_out"
        else getattr(surrogate, name)[own]
        for name in BY_LABEL
    }
    return replace(surrogate, **parts)


def _choose(better: np.ndarray, one: Surrogate, other: Surrogate) -> Surrogate:
    """Take the labels that are `better` from one surrogate and the rest from the other."""

    def pick(name: str) -> np.ndarray:
        a, b = getattr(one, name), getattr(other, name)
        if name == "left_out":
            return np.where(better, a, b)
        return np.where(better if a.ndim == 1 else better[:, np.newaxis], a, b)

    chosen: dict[str, Any] = {name: pick(name) for name in BY_LABEL}
    is_sufficient = other.is_sufficient or (bool(better.all()) and one.is_sufficient)
    return replace(other, is_sufficient=is_sufficient, **chosen)
