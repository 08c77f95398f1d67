"""The surrogate against LIME's own, and against closed forms."""

import numpy as np
import pytest
from lime.lime_base import LimeBase
from scipy import stats
from sklearn.linear_model import BayesianRidge, Lasso, LinearRegression, Ridge
from sklearn.metrics import pairwise_distances

from sklearn_musiclime.neighbourhood import draw_masks
from sklearn_musiclime.surrogate import fit_surrogate, kernel_weights
from sklearn_musiclime.surrogate.hat_matrix import left_out_residuals, projection, with_intercept

LIMES = Ridge(alpha=1.0)
"""What LIME fits where it is given no regressor."""


def neighbourhood(seed, n_samples=300, n_components=15, n_labels=3):
    """Masks and scores with main effects, one interaction, a bend and noise."""
    rng = np.random.default_rng(seed)
    masks = draw_masks("independent", n_components, n_samples, rng)
    effects = rng.normal(size=(n_labels, n_components)) * (rng.random(n_components) < 0.5)
    linear = masks @ effects.T + 0.7 * (masks[:, 0] & masks[:, 1])[:, np.newaxis]
    return masks, np.tanh(linear / 2) + 0.05 * rng.normal(size=linear.shape)


def lime_explanation(masks, predictions, label, kernel_width, method, n_features, regressor):
    base = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / kernel_width**2)), random_state=0)
    data = masks.astype(float)
    distances = pairwise_distances(data, data[:1], metric="cosine").ravel()
    intercept, pairs, score, local = base.explain_instance_with_data(
        data,
        predictions,
        distances,
        label,
        n_features,
        feature_selection=method,
        model_regressor=regressor,
    )
    weights = np.zeros(masks.shape[1])
    for feature, weight in pairs:
        weights[feature] = weight
    return weights, intercept, score, local


@pytest.mark.slow
@pytest.mark.parametrize("kernel_width", [0.25, 25])
@pytest.mark.parametrize(
    "regressor", [Ridge(alpha=1.0), Ridge(alpha=0.1), LinearRegression(), BayesianRidge()]
)
@pytest.mark.parametrize(
    ("method", "n_features"),
    [
        ("none", None),
        ("highest_weights", 5),
        ("forward_selection", 5),
        ("lasso_path", 5),
        ("lasso_path", 1),
        ("highest_weights", 99),
    ],
)
def test_equals_lime(method, n_features, regressor, kernel_width):
    for seed in range(3):
        masks, predictions = neighbourhood(seed)
        ours = fit_surrogate(
            masks,
            predictions,
            kernel_width=kernel_width,
            feature_selection=method,
            n_features=n_features,
            regressor=regressor,
        )
        for label in range(predictions.shape[1]):
            weights, intercept, score, local = lime_explanation(
                masks, predictions, label, kernel_width, method, n_features, regressor
            )
            np.testing.assert_allclose(ours.weights[label], weights, rtol=1e-8, atol=1e-10)
            np.testing.assert_allclose(ours.intercept[label], intercept, rtol=1e-8)
            np.testing.assert_allclose(ours.score[label], score, rtol=1e-8)
            np.testing.assert_allclose(ours.local_prediction[label], local[0], rtol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("n_features", [1, 3, 8, 99])
@pytest.mark.parametrize("method", ["highest_weights", "forward_selection", "lasso_path"])
def test_selects_as_lime_where_masks_are_few(method, n_features):
    """25 masks of 8 components: what is selected depends on every detail."""
    for seed in range(3):
        masks, predictions = neighbourhood(seed, n_samples=25, n_components=8)
        ours = fit_surrogate(
            masks, predictions, feature_selection=method, n_features=n_features, regressor=LIMES
        )
        for label in range(predictions.shape[1]):
            weights = lime_explanation(masks, predictions, label, 0.25, method, n_features, None)[0]
            np.testing.assert_allclose(ours.weights[label], weights, rtol=1e-8, atol=1e-10)


def test_forward_selection_does_not_choose_what_repeats_the_chosen():
    masks, _ = neighbourhood(0)
    masks[:, 1], masks[:, 2] = masks[:, 0], True
    scores = 3.0 * masks[:, 0] + 0.01 * masks[:, 7]
    ours = fit_surrogate(masks, scores, feature_selection="forward_selection", n_features=2)
    assert np.flatnonzero(ours.weights[0]).tolist() == [0, 7]


@pytest.mark.parametrize(("regressor", "alpha"), [(None, 0.0), (LIMES, 1.0)])
def test_equals_the_weighted_normal_equations(regressor, alpha):
    masks, predictions = neighbourhood(0)
    A = np.column_stack([masks, np.ones(len(masks))])
    w = kernel_weights(masks)[:, np.newaxis]
    penalty = np.diag([alpha] * masks.shape[1] + [0.0])
    solution = np.linalg.solve(A.T @ (w * A) + penalty, A.T @ (w * predictions))
    ours = fit_surrogate(masks, predictions, regressor=regressor)
    np.testing.assert_allclose(ours.weights, solution[:-1].T, rtol=1e-9)
    np.testing.assert_allclose(ours.intercept, solution[-1], rtol=1e-9)
    residual = predictions - A @ solution
    spread = predictions - np.average(predictions, axis=0, weights=w[:, 0])
    expected = 1 - (w * residual**2).sum(axis=0) / (w * spread**2).sum(axis=0)
    np.testing.assert_allclose(ours.score, expected, rtol=1e-9)


@pytest.mark.parametrize("regressor", [None, Lasso(alpha=0.01)])
def test_a_label_does_not_depend_on_the_labels_beside_it(regressor):
    masks, predictions = neighbourhood(1)
    together = fit_surrogate(masks, predictions, regressor=regressor)
    for label in range(3):
        alone = fit_surrogate(masks, predictions[:, label], regressor=regressor)
        np.testing.assert_allclose(alone.weights[0], together.weights[label], rtol=1e-10)


def test_labels_may_be_of_any_size():
    """Scores of a label may be a billion times those of another; each fit is its own."""
    masks, predictions = neighbourhood(1)
    sizes = np.array([1e-9, 1.0, -1e9])
    ours, scaled = fit_surrogate(masks, predictions), fit_surrogate(masks, predictions * sizes)
    for name in ("weights", "std_err"):
        expected = (getattr(ours, name).T * (sizes if name == "weights" else abs(sizes))).T
        np.testing.assert_allclose(getattr(scaled, name), expected, rtol=1e-9)
    np.testing.assert_allclose(scaled.score, ours.score, rtol=1e-9)
    np.testing.assert_allclose(scaled.relative_error, ours.relative_error, rtol=1e-9)


def test_the_relative_error_is_that_of_the_largest_weight():
    masks, predictions = neighbourhood(0)
    ours = fit_surrogate(masks, -np.abs(predictions))
    for found, w, e, dof in zip(
        ours.relative_error, ours.weights, ours.std_err, ours.dof, strict=True
    ):
        large = np.abs(w) >= 0.3 * np.abs(w).max()
        # Squares of normal errors, by their estimated variance: Fisher's F.
        worst = np.mean(e[large] ** 2) * stats.f.ppf(0.95, large.sum(), dof[large].min())
        np.testing.assert_allclose(found, max(max(e), np.sqrt(worst)) / max(abs(w)))
    silent = fit_surrogate(masks, np.zeros((len(masks), 2)))
    np.testing.assert_array_equal(silent.relative_error, [0, 0])
    nothing = fit_surrogate(np.empty((2, 0)), [[0.2, 0.8]] * 2)
    np.testing.assert_array_equal(nothing.relative_error, [0, 0])
    np.testing.assert_array_equal(nothing.spread(np.empty(0, dtype=int)).weights.shape, (2, 0))


def test_linked_units_share_their_weight_evenly():
    masks, predictions = neighbourhood(0, n_components=3)
    ours = fit_surrogate(masks, predictions)
    spread = ours.spread(np.array([0, 2, 0, 1, 0]))
    for name in ("weights", "std_err"):
        one, two, three = getattr(ours, name).T
        expected = np.stack([one / 3, three, one / 3, two, one / 3], axis=1)
        np.testing.assert_allclose(getattr(spread, name), expected)


def test_sample_weights_are_repetitions():
    masks, predictions = neighbourhood(2, n_samples=40)
    once = fit_surrogate(masks, predictions, sample_weight=np.full(40, 3))
    thrice = fit_surrogate(np.repeat(masks, 3, axis=0), np.repeat(predictions, 3, axis=0))
    np.testing.assert_allclose(once.weights, thrice.weights, rtol=1e-9)
    np.testing.assert_allclose(once.score, thrice.score, rtol=1e-9)


def test_kernel():
    masks = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    distance = pairwise_distances(masks, masks[:1], metric="cosine").ravel()
    np.testing.assert_allclose(
        kernel_weights(masks, 0.5), np.sqrt(np.exp(-(distance**2) / 0.25)), rtol=1e-12
    )
    np.testing.assert_array_equal(kernel_weights(masks, np.inf), np.ones(4))
    np.testing.assert_allclose(kernel_weights(np.empty((3, 0))), np.exp(-8))  # nothing to keep


@pytest.mark.parametrize("method", ["none", "highest_weights", "forward_selection", "lasso_path"])
def test_a_constant_model_has_no_weights(method):
    masks, _ = neighbourhood(0)
    ours = fit_surrogate(masks, np.full(len(masks), 0.3), feature_selection=method, n_features=2)
    np.testing.assert_allclose(ours.weights, 0, atol=1e-12)
    np.testing.assert_allclose(ours.local_prediction, 0.3)


@pytest.mark.parametrize("method", ["none", "highest_weights", "forward_selection", "lasso_path"])
def test_no_components_leave_the_mean(method):
    ours = fit_surrogate(
        np.empty((2, 0)), [[0.2, 0.8], [0.2, 0.8]], feature_selection=method, n_features=3
    )
    assert ours.weights.shape == (2, 0)
    np.testing.assert_allclose(ours.local_prediction, [0.2, 0.8])


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"feature_selection": "best"}, "feature_selection must be"),
        ({"feature_selection": "lasso_path"}, "needs n_features"),
        ({"feature_selection": "lasso_path", "n_features": 0}, "needs n_features"),
        ({"kernel_width": 0}, "kernel_width"),
        ({"predictions": np.zeros(7)}, "don't match"),
        ({"masks": np.ones(5)}, "masks must be of shape"),
    ],
)
def test_bad_arguments(arguments, cause):
    with pytest.raises(ValueError, match=cause):
        fit_surrogate(**({"masks": np.ones((5, 2)), "predictions": np.zeros(5)} | arguments))


@pytest.mark.parametrize("penalty", [0.0, 0.5])
@pytest.mark.parametrize(
    "shape", [(30, 4), pytest.param((30, -4), id="a column twice"), (8, 20)], ids=str
)
def test_rows_of_weight_zero_are_projected(shape, penalty):
    """By an orthogonal basis, by the normal equations, and by those of rows."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=np.abs(shape))
    if shape[1] < 0:
        rows[:, 1] = rows[:, 0]
    weight = rng.random(len(rows))
    weight[[0, 3, 7]] = 0
    gram = (rows.T * weight) @ rows + penalty * np.eye(rows.shape[1])
    expected = rows @ np.linalg.pinv(gram, rcond=1e-10, hermitian=True)
    np.testing.assert_allclose(projection(rows, weight, penalty), expected, rtol=1e-7, atol=1e-9)


def test_the_left_out_residual_of_a_row_of_weight_zero_is_of_a_fit_without_its_mate():
    rng = np.random.default_rng(0)
    masks, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    weight, clusters = rng.random(30), np.arange(30) // 2
    weight[[0, 7]] = 0  # the first of a pair, and the second of another

    def residual(kept):
        model = LinearRegression().fit(masks[kept], y[kept], weight[kept])
        return y - model.predict(masks)

    about = masks - np.average(masks, axis=0, weights=weight)
    hat = with_intercept(about, projection(about, weight), weight)
    found = left_out_residuals(residual(clusters >= 0)[:, np.newaxis], *hat, weight, clusters)
    expected = [residual(clusters != cluster)[row] for row, cluster in enumerate(clusters)]
    np.testing.assert_allclose(found[:, 0], expected)
