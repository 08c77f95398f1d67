"""scikit-learn's contract: the checks that ``python tests/contract.py`` prints, and what is routed.

Metadata, configuration and sparse features go through more than one estimator, and stand here.
"""

import contract
import contract_songs
import joblib
import numpy as np
import pytest
import sklearn
from black_boxes import assert_as_black_box
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_musiclime
import sklearn_musiclime.components
import sklearn_musiclime.featurizers
import sklearn_musiclime.fusion
import sklearn_musiclime.surrogate
from sklearn_musiclime import LateFusionClassifier, MusicLimeExplainer, make_fusion_pipeline

PACKAGES = (
    sklearn_musiclime,
    sklearn_musiclime.components,
    sklearn_musiclime.featurizers,
    sklearn_musiclime.fusion,
    sklearn_musiclime.surrogate,
)


SLOW = ("MusicLimeExplainer", "TransformerFusionClassifier")
"""Estimators whose checks take a minute together."""


def checks():
    for number, entry in enumerate(contract.entries()):
        name = type(entry.estimator).__name__
        for at, check in enumerate(contract.checks_of(entry)):
            marks = []
            if check.reason is not None:
                marks = [pytest.mark.xfail(reason=check.reason, strict=True)]
            if name in SLOW:
                marks.append(pytest.mark.slow)
            yield pytest.param(check.run, id=f"{number}-{name}-{at}-{check.name}", marks=marks)


def pytest_generate_tests(metafunc):
    """Not as the module is imported, which workers do as well."""
    if "run" in metafunc.fixturenames:
        metafunc.parametrize("run", list(checks()))


@pytest.mark.filterwarnings("ignore")  # some checks provoke them
def test_contract(run):
    run()


def test_every_public_estimator_is_checked():
    public = {
        cls
        for package in PACKAGES
        for cls in (getattr(package, name) for name in package.__all__)
        if hasattr(cls, "get_params")
    }
    checked = {type(entry.estimator) for entry in contract.entries()}
    assert public == checked - {type(make_fusion_pipeline())}


def test_a_check_that_fails_or_should_not_apply_is_reported():
    def fail():
        raise AssertionError("so it is")

    assert contract.outcome_of(contract.Check("a", fail)) == ("FAILED", "AssertionError: so it is")
    assert contract.outcome_of(contract.Check("a", fail, "why")) == ("not applicable", "why")
    assert contract.outcome_of(contract.Check("a", list, "why"))[0] == "FAILED"
    assert contract.outcome_of(contract.Check("a", list)) == ("passed", "")


# Metadata.


@pytest.fixture(scope="module")
def songs(made_songs):
    """X, y, weights and groups of some songs."""
    X, y, _, _ = made_songs
    weight = np.linspace(0.2, 3, len(X))
    return X, y, weight, np.arange(len(X)) // 3


def exact(**parameters):
    return LogisticRegression(solver="newton-cholesky", tol=1e-10, **parameters)


def words(classifier):
    return make_pipeline(make_column_transformer((TfidfVectorizer(), "lyrics")), classifier)


def explainer(model, **parameters):
    defaults = {"separator": None, "n_samples": 16, "random_state": 0, "proxy": None}
    return MusicLimeExplainer(model, **(defaults | parameters))


class Folds(GroupKFold):
    """Remembers what it was asked to keep together."""

    seen = None

    def split(self, X, y=None, groups=None):
        type(self).seen = groups
        return super().split(X, y, groups)


@pytest.mark.slow
def test_metadata_are_routed_to_the_model_of_an_explainer(songs):
    X, y, weight, groups = songs
    plain = words(exact())
    expected = plain.fit(X, y, logisticregression__sample_weight=weight)[-1].coef_
    assert not np.allclose(expected, words(exact()).fit(X, y)[-1].coef_, rtol=1e-3)
    passed = explainer(words(exact())).fit(X, y, logisticregression__sample_weight=weight)
    np.testing.assert_array_equal(passed.model_[-1].coef_, expected)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = explainer(words(exact().set_fit_request(sample_weight=True)))
        renamed = explainer(words(exact().set_fit_request(sample_weight="count")))
        search = GridSearchCV(
            routed, {"kernel_width": [0.2, 0.3]}, cv=Folds(2), error_score="raise"
        ).fit(X, y, sample_weight=weight, groups=groups)
        final = LogisticRegression().set_fit_request(sample_weight=True)
        pipeline = make_pipeline(routed, final).fit(X, y, sample_weight=weight)
        for found in (
            routed.fit(X, y, sample_weight=weight),
            renamed.fit(X, y, count=weight),
            search.best_estimator_,
            pipeline[0],
        ):
            np.testing.assert_array_equal(found.model_[-1].coef_, expected)
        np.testing.assert_array_equal(Folds.seen, groups)
        transformed = routed.fit_transform(X, y, sample_weight=weight)
        np.testing.assert_array_equal(transformed, routed.transform(X))
        with pytest.raises(ValueError, match="not explicitly set as requested"):
            explainer(words(exact())).fit(X, y, sample_weight=weight)
        with pytest.raises(TypeError, match=r"unexpected argument.*'groups'"):
            routed.fit(X, y, groups=groups)


def test_groups_and_weights_are_routed_to_late_fusion(songs):
    X, y, weight, groups = songs
    hearer = make_pipeline(contract_songs.Powers(), StandardScaler(), exact())
    reader = make_pipeline(TfidfVectorizer(), exact())
    late = LateFusionClassifier(hearer, reader, method="stacking", cv=Folds(2))
    expected = late.fit(X, y, weight, groups).predict_proba(X)
    Folds.seen = None
    with sklearn.config_context(enable_metadata_routing=True):
        hearer["standardscaler"].set_fit_request(sample_weight=True)
        for classifier in (hearer, reader):
            classifier[-1].set_fit_request(sample_weight=True)
        late.set_fit_request(sample_weight=True, groups=True).set_score_request(sample_weight=True)
        params = {"sample_weight": weight, "groups": groups}
        for n_jobs in (1, 2):  # workers know of routing, too
            search = GridSearchCV(
                late.set_params(n_jobs=n_jobs), {"weights": [None]}, cv=GroupKFold(2),
                error_score="raise",
            ).fit(X, y, **params)  # fmt: skip
            np.testing.assert_allclose(search.predict_proba(X), expected, rtol=1e-10)
        np.testing.assert_array_equal(Folds.seen, groups)
        explained = explainer(late).fit(X, y, **params)
        np.testing.assert_allclose(explained.model_.predict_proba(X), expected, rtol=1e-10)


@pytest.mark.parametrize("method", ["average", "stacking"])
def test_default_classifiers_of_late_fusion_ask_for_weights(method, songs):
    X, y, weight, _ = songs
    late = LateFusionClassifier(method=method, cv=2)
    expected = late.fit(X, y, weight).predict_proba(X)
    assert not np.allclose(expected, late.fit(X, y).predict_proba(X), rtol=1e-3)
    with sklearn.config_context(enable_metadata_routing=True):
        late.set_fit_request(sample_weight=True)
        np.testing.assert_array_equal(late.fit(X, y, weight).predict_proba(X), expected)


# Configuration.


@pytest.mark.parametrize(
    ("backend", "n_songs", "n_jobs"),
    [("loky", 2, 2), ("threading", 2, 2), ("threading", 1, 3)],  # the last one: batches of a song
)
def test_workers_have_the_configuration_of_who_asks(backend, n_songs, n_jobs, songs):
    X, y, _, _ = songs
    model = make_pipeline(make_column_transformer((contract_songs.Configured(), "lyrics")), exact())
    with sklearn.config_context(assume_finite=True):
        model.fit(X, y)
        ours = explainer(model.predict_proba, n_jobs=n_jobs, batch_size=4).fit(X)
        with joblib.parallel_config(backend=backend):
            explanations = ours.explain(X[:n_songs])
    for explanation in explanations:
        assert np.isfinite(explanation.weights).all()
    with pytest.raises(AssertionError):
        ours.set_params(n_jobs=1).explain(X[:1])


# Sparse features.


@pytest.mark.parametrize("sparse_threshold", [0.0, 1.0])
@pytest.mark.parametrize("kind", ["early", "late"])
def test_sparse_lyrics_apart_are_what_they_are_together(kind, sparse_threshold, songs):
    X, y, _, _ = songs
    if kind == "early":
        model = make_fusion_pipeline(contract_songs.Powers())
        model["features"].set_params(sparse_threshold=sparse_threshold)
        model.fit(X, y)
        assert model["features"].sparse_output_ == (sparse_threshold == 1)
    else:
        reader = make_pipeline(TfidfVectorizer(), StandardScaler(with_mean=False), exact())
        reader.set_params(tfidfvectorizer__binary=sparse_threshold == 1)
        hearer = make_pipeline(contract_songs.Powers(), exact())
        model = LateFusionClassifier(hearer, reader).fit(X, y)
    assert_as_black_box(model, X)
