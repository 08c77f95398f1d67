"""Searches over the settings of explainers, on real songs: against what is computed by hand."""

from itertools import combinations

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import entropy, loguniform, randint
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import r2_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_validate,
)

from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime.metrics import SCORERS
from sklearn_musiclime.neighbourhood import draw_masks

SECONDS = 2.0
CV = KFold(2)


@pytest.fixture(scope="module")
def clips(real_clips):
    """The first seconds of windows of some real songs."""
    some = real_clips.iloc[[2, 20, 38, 58]]
    assert some["song"].nunique() == len(some)
    shorter = [c | {"array": c["array"][: int(SECONDS * 22050)]} for c in some["audio"]]
    return some.assign(audio=shorter)


@pytest.fixture(scope="module")
def ours(real_model):
    return MusicLimeExplainer(
        real_model, separator=None, segmenter=UniformSegmenter(4), n_samples=40, random_state=0
    )


# The metrics, as their papers have them and in as simple a way as can be.


def kernel_of(mask, width):
    distance = 1 - np.sqrt(mask.mean())  # the cosine of a mask and that of all components
    return np.sqrt(np.exp(-(distance**2) / width**2))


def fidelity(explanation, score, rng):
    masks = draw_masks("independent", len(explanation.components), 500, rng)
    fitted = [explanation.intercept[0] + explanation.weights[0][mask].sum() for mask in masks]
    kernel = [kernel_of(mask, explanation.settings["kernel_width"]) for mask in masks]
    return r2_score(score(masks), fitted, sample_weight=kernel)


def infidelity(explanation, score, rng):
    masks = draw_masks("independent", len(explanation.components), 500, rng)
    masks[0] = True  # nothing is left out of the first
    lost, scores = [explanation.weights[0][~mask].sum() for mask in masks], score(masks)
    return np.mean((lost - (scores[0] - scores)) ** 2)


def curve(explanation, score, *, back):
    masks = [np.full(len(explanation.components), not back)]
    for component in np.argsort(-explanation.weights[0], kind="stable"):
        masks.append(masks[-1].copy())
        masks[-1][component] = back
    shares = np.linspace(0, 1, len(masks))
    return trapezoid(score(np.array(masks)), shares)


BY_HAND = {
    "fidelity": fidelity,
    "deletion": lambda e, score, rng: -curve(e, score, back=False),
    "insertion": lambda e, score, rng: curve(e, score, back=True),
    "infidelity": lambda e, score, rng: -infidelity(e, score, rng),
    "complexity": lambda e, score, rng: -entropy(np.abs(e.weights[0]), base=2),
}


def stability(ours, X):
    """Kuncheva's index of the ten largest weights, of half of them if that is less."""
    agreements = []
    for row in range(len(X)):
        weights = [
            clone(ours).set_params(random_state=seed).fit(X).explain(X.iloc[[row]])[0].weights[0]
            for seed in range(5)
        ]
        p = len(weights[0])
        k = min(10, p // 2)
        tops = [set(np.argsort(-np.abs(w))[:k]) for w in weights]
        agreements += [(len(a & b) * p - k**2) / (k * (p - k)) for a, b in combinations(tops, 2)]
    return np.mean(agreements)


def by_hand(ours, X, names=tuple(BY_HAND)):
    """The mean of metrics over songs."""
    ours = clone(ours).fit(X)
    values = []
    for row, explanation in enumerate(ours.explain(X)):
        function = next(ours.mask_functions(X.iloc[[row]]))
        column = list(explanation.prediction).index(explanation.labels[0])

        def score(masks, function=function, column=column):
            return function(masks)[:, column]

        values.append(
            [BY_HAND[n](explanation, score, np.random.default_rng([0, row])) for n in names]
        )
    return dict(zip(names, np.mean(values, axis=0), strict=True))


def hand_scores(ours, X, candidates, names):
    """By metric, candidate and fold."""
    folds = [
        [by_hand(clone(ours).set_params(**c), X.iloc[test], names) for _, test in CV.split(X)]
        for c in candidates
    ]
    return {name: np.array([[f[name] for f in fold] for fold in folds]) for name in names}


def assert_same_results(searches):
    """But for how long it took."""
    first, second = (
        {k: v for k, v in s.cv_results_.items() if "time" not in k and k != "params"}
        for s in searches
    )
    assert list(first) == list(second)
    for name in first:
        if "score" in name:
            np.testing.assert_allclose(first[name], second[name], rtol=1e-9, err_msg=name)
        else:
            assert list(first[name]) == list(second[name])
    assert searches[0].best_params_ == searches[1].best_params_


@pytest.mark.long
def test_grid_search_with_every_scorer(ours, clips):
    grid = [
        {"kernel_width": [0.1], "segmenter__n_segments": [2]},
        {"kernel_width": [1.0], "segmenter__n_segments": [4]},
    ]
    X = clips.iloc[:2]
    searches = [
        GridSearchCV(
            ours, grid, scoring=SCORERS, refit="fidelity", cv=CV, n_jobs=n, error_score="raise"
        ).fit(X)
        for n in (1, 2)
    ]
    assert_same_results(searches)
    results = searches[1].cv_results_
    expected = hand_scores(ours, X, results["params"], list(BY_HAND))
    for name, by_fold in expected.items():
        found = np.transpose([results[f"split{k}_test_{name}"] for k in range(2)])
        np.testing.assert_allclose(found, by_fold, rtol=1e-6, atol=1e-9, err_msg=name)
    assert searches[1].best_index_ == expected["fidelity"].mean(axis=1).argmax()
    candidate = clone(ours).set_params(**results["params"][1])
    for fold, (_, test) in enumerate(CV.split(X)):
        found = results[f"split{fold}_test_stability"][1]
        assert found == pytest.approx(stability(candidate, X.iloc[test]))
    # The refitted explainer is the one that its parameters make.
    best = searches[1].best_estimator_
    again = clone(ours).set_params(**searches[1].best_params_).fit(X)
    np.testing.assert_allclose(
        best.explain(X[:1])[0].weights, again.explain(X[:1])[0].weights, rtol=1e-9
    )
    assert searches[1].score(X) == SCORERS["fidelity"](again, X)


@pytest.mark.slow
def test_randomized_search(ours, clips):
    X = clips.iloc[:2]
    settings = {"kernel_width": loguniform(0.05, 2), "n_samples": randint(10, 60)}
    searches = [
        RandomizedSearchCV(
            ours, settings, n_iter=3, scoring=SCORERS["fidelity"], cv=CV, n_jobs=n, random_state=0
        ).fit(X)
        for n in (1, 2)
    ]
    assert_same_results(searches)
    results = searches[1].cv_results_
    expected = hand_scores(ours, X, results["params"], ["fidelity"])["fidelity"].mean(axis=1)
    np.testing.assert_allclose(results["mean_test_score"], expected, rtol=1e-6)
    assert searches[1].best_index_ == expected.argmax()


@pytest.mark.slow
def test_cross_validate(ours, clips):
    options = {"scoring": SCORERS, "cv": CV, "return_estimator": True, "error_score": "raise"}
    X = clips.iloc[:2]
    parallel = cross_validate(ours, X, n_jobs=2, **options)
    for fold, (train, test) in enumerate(CV.split(X)):
        explainer = parallel["estimator"][fold]
        assert explainer.vocabulary_ == clone(ours).fit(X.iloc[train]).vocabulary_
        for name, scorer in SCORERS.items():
            assert parallel[f"test_{name}"][fold] == pytest.approx(scorer(explainer, X.iloc[test]))


def test_score_is_what_is_searched_for_by_default(ours, clips):
    X = clips.iloc[:2]
    search = GridSearchCV(ours, {"kernel_width": [0.1, 1.0]}, cv=CV).fit(X)
    for found, width in zip(search.cv_results_["mean_test_score"], (0.1, 1.0), strict=True):
        fits = [
            clone(ours).set_params(kernel_width=width).fit(X).explain(X.iloc[test])
            for _, test in CV.split(X)
        ]
        expected = np.mean([[e.fidelity[0] for e in fit] for fit in fits])
        assert found == pytest.approx(expected)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("resource", ["n_samples", "max_samples"])
def test_halving(resource, ours, clips):
    """On more and more songs, or with more and more perturbed songs as long as `tol` asks."""
    options = {"resource": resource, "factor": 2, "scoring": SCORERS["deletion"], "cv": CV}
    explainer, X = ours, clips
    if resource == "n_samples":
        options["min_resources"] = 2  # songs
    else:
        X = clips.iloc[:2]
        explainer = clone(ours).set_params(design="paired", tol=1e-9)
        options |= {"min_resources": 60, "max_resources": 120}
    grid = {"kernel_width": [0.1, 1.0], "segmenter__n_segments": [2, 4]}
    searches = [
        HalvingGridSearchCV(
            explainer, grid, n_jobs=n, random_state=0, error_score="raise", **options
        ).fit(X)
        for n in (1, 2)
    ]
    assert_same_results(searches)
    results = searches[1].cv_results_
    assert searches[1].n_resources_ == [options["min_resources"], 2 * options["min_resources"]]
    last = np.flatnonzero(results["iter"] == 1)
    assert len(last) == 2
    settings = [results["params"][i] for i in last]
    expected = hand_scores(explainer, X, settings, ["deletion"])["deletion"].mean(axis=1)
    np.testing.assert_allclose(results["mean_test_score"][last], expected, rtol=1e-6)
    assert searches[1].best_params_ == settings[expected.argmax()]
