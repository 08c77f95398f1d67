"""Metrics of explanations, against models whose answer is known.

Over 400 lines since all metrics are asked about the same models.
"""

import pickle
import warnings
from itertools import combinations, product

import numpy as np
import pytest
from conftest import VocalsAndRest, song_array
from scipy.integrate import trapezoid
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime.metrics import (
    SCORERS,
    complexity,
    deletion_auc,
    deletion_curve,
    fidelity,
    infidelity,
    insertion_auc,
    randomisation,
    rank_correlation,
    stability,
    top_overlap,
    weight_entropy,
)
from sklearn_musiclime.metrics.shuffling import shuffled_copy

TEXT = "one two three four five six seven eight nine ten eleven twelve"


def additive(X):
    """Words count 1, 2, 3, ... by their place."""
    return [sum(i + 1 for i, w in enumerate(TEXT.split()) if w in t.split()) for _, t in X]


def parity(X):
    """Nothing that a linear model could say."""
    return [float(len(text.split()) % 2) for _, text in X]


@pytest.fixture
def songs(noise):
    return song_array((noise, TEXT), (noise, TEXT.upper()))


def words_explainer(model, **parameters):
    defaults = {"modality": "lyrics", "n_samples": 300, "random_state": 0}
    return MusicLimeExplainer(model, **(defaults | parameters))


def test_a_linear_model(songs):
    X = songs[:1]
    ours = words_explainer(additive).fit(X)
    assert fidelity(ours, X)[0] > 0.999
    assert infidelity(ours, X)[0] < 1e-2 * 78**2
    # Largest first: what is left after k words is the sum of the small ones.
    left = [sum(range(1, n + 1)) for n in range(12, -1, -1)]
    area = trapezoid(left, np.linspace(0, 1, 13))
    assert deletion_auc(ours, X)[0] == pytest.approx(area)
    assert insertion_auc(ours, X)[0] == pytest.approx(78 - area)
    shares = np.arange(1, 13) / 78
    assert complexity(ours, X)[0] == pytest.approx(-(shares * np.log2(shares)).sum(), rel=1e-2)
    assert stability(ours, X, n_runs=3, n_top=5)[0] == 1
    assert stability(ours, X, n_runs=3, measure="rank")[0] == pytest.approx(1)


@pytest.mark.parametrize("design", ["independent", "paired"])
def test_fidelity_is_that_on_fresh_masks(songs, design):
    """Of twelve weights for samples of nothing as well: there is nothing to foretell."""
    ours = words_explainer(parity, n_samples=100, design=design).fit(songs[:1])
    explanation = ours.explain(songs[:1])[0]
    assert explanation.fidelity[0] < 0
    assert fidelity(ours, songs[:1])[0] < 0
    assert ours.score(songs[:1]) == explanation.fidelity[0]


def test_fidelity_of_a_constant_model(songs):
    assert fidelity(words_explainer(lambda X: np.full(len(X), 0.3)).fit(songs), songs)[0] == 1


def test_a_better_order_has_less_deletion_and_more_insertion():
    weights = np.array([3.0, 1.0, 2.0])

    def score(masks):
        return masks @ weights

    np.testing.assert_allclose(deletion_curve(weights, score), [6, 3, 1, 0])
    np.testing.assert_allclose(deletion_curve(weights, score, back=True), [0, 3, 5, 6])
    assert deletion_curve(-weights, score).mean() > deletion_curve(weights, score).mean()


@pytest.mark.parametrize("n_words", [1, 2, 5, 12])
def test_areas_in_closed_form(n_words, noise):
    """The score falls from 1 to 0 (rises) in the first of n steps: a triangle of width 1 / n."""
    X = song_array((noise, " ".join(TEXT.split()[:n_words])))
    ours = words_explainer(lambda X: [float("one" in t.split()) for _, t in X]).fit(X)
    assert deletion_auc(ours, X)[0] == pytest.approx(1 / (2 * n_words))
    assert insertion_auc(ours, X)[0] == pytest.approx(1 - 1 / (2 * n_words))


def test_songs_of_no_or_one_component(noise):
    X = song_array((noise, ""), (noise, "one"), (noise, TEXT))
    ours = words_explainer(lambda X: [3.0 + 2 * ("one" in t.split()) for _, t in X]).fit(X)
    np.testing.assert_allclose(deletion_auc(ours, X), [3, 4, 3 + 2 / 24])
    np.testing.assert_allclose(insertion_auc(ours, X), [3, 4, 5 - 2 / 24])
    np.testing.assert_array_equal(complexity(ours, X[:2]), 0)
    for measure in ("overlap", "rank"):  # what has no order can't agree in it
        values = stability(ours, X, n_runs=2, n_top=1, measure=measure)
        assert np.isnan(values).tolist() == [True, True, False]
    assert SCORERS["stability"](ours, X) == pytest.approx(stability(ours, X)[2])
    assert np.isnan(SCORERS["stability"](ours, X[:2]))


def tops_of(n_components, n_top):
    """Weights for every set of the largest."""
    for top in combinations(range(n_components), n_top):
        weights = np.linspace(0.1, 0.2, n_components)
        weights[list(top)] += 1
        yield set(top), weights


@pytest.mark.parametrize(("p", "k"), [(2, 1), (3, 1), (5, 2), (6, 3), (7, 2)])
def test_overlap_is_kunchevas_and_0_by_chance(p, k):
    """Over all pairs of sets, each as likely as the other."""
    found = []
    for (a, first), (b, second) in product(tops_of(p, k), repeat=2):
        found.append(top_overlap(first, second, k))
        assert found[-1] == pytest.approx((len(a & b) * p - k**2) / (k * (p - k)))
        assert (found[-1] == 1) == (a == b)
        assert top_overlap(first, -second, p) == top_overlap(first, second, p // 2)
    assert np.mean(found) == pytest.approx(0, abs=1e-12)


def test_overlap_of_sets_of_unlike_size_is_nogueiras():
    """By his formula for M sets, from the variance of each component's membership."""
    for n_first, n_second in product(range(4), repeat=2):
        Z = np.zeros((2, 8))
        Z[0, :n_first] = Z[1, 2 : 2 + n_second] = 1
        if not Z.any():
            continue
        share = Z.mean()
        expected = 1 - np.var(Z, axis=0, ddof=1).mean() / (share * (1 - share))
        assert top_overlap(3 * Z[0], -2 * Z[1], 4) == pytest.approx(expected)


def test_components_without_weight_and_ties_agree_in_nothing():
    """Where a top had to be filled up in some order, that order would be the same in both."""
    first, second = np.zeros(20), np.zeros(20)
    first[[15, 16]], second[[17, 18]] = 1, 1
    assert top_overlap(first, second, 10) == pytest.approx(-1 / 9)  # Kuncheva's, of two and two
    assert top_overlap(first, first, 10) == 1
    assert top_overlap(np.zeros(4), np.zeros(4)) == 1
    tied, other = np.array([1.0, 1, 1, 1, 0, 0, 0, 0]), np.array([9.0, 8, 1, 1, 0, 0, 0, 0])
    assert top_overlap(tied, other, 2) < 0
    assert top_overlap(tied[::-1], other[::-1], 2) == top_overlap(tied, other, 2)


@pytest.mark.slow
@pytest.mark.parametrize("n_words", [4, 7, 10, 12])
def test_noise_is_not_stable(n_words, noise):
    """A score that has nothing to do with the words has no largest of them."""
    texts = [" ".join(f"w{song}v{i}" for i in range(n_words)) for song in range(8)]
    X = song_array(*[(noise, text) for text in texts])

    def by_chance(X):
        return [np.random.default_rng(list(text.encode())).normal() for _, text in X]

    ours = words_explainer(by_chance, n_samples=min(40, 2**n_words // 2), design="independent")
    assert abs(stability(ours.fit(X), X, n_runs=6).mean()) < 0.3
    assert stability(words_explainer(additive).fit(X), X, n_runs=2)[0] == 1  # constant for these


def test_agreement():
    a, b = np.array([3.0, -2.0, 1.0, 0.0]), np.array([3.0, 0.0, 1.0, -2.0])
    assert top_overlap(a, a, 2) == 1
    assert top_overlap(a, b, 2) == 0  # one in two, as chance has it
    assert rank_correlation(a, -a) == pytest.approx(-1)
    assert rank_correlation(a, np.zeros(4)) == 0
    assert rank_correlation(np.zeros(4), np.zeros(4)) == 1
    assert rank_correlation(np.array([1, 1 + 1e-15, 2]), np.array([1, 1 - 1e-15, 2])) == 1
    tied = np.array([1, 1, 1, 0.5, 0.0, 0.0])
    rounded = tied + np.array([1e-16, 3e-16, -2e-16, 0, 1e-17, -1e-17])
    for n_top in (2, 3):  # of three alike none is among the first two
        assert top_overlap(rounded, tied, n_top) == top_overlap(tied, tied, n_top) == 1
    assert top_overlap(rounded[::-1], tied, 3) == top_overlap(tied[::-1], tied, 3)
    for agree in (rank_correlation, top_overlap):
        assert np.isnan(agree(a[:1], b[:1]))
        assert np.isnan(agree(a[:0], b[:0]))
        assert np.isnan(agree(a, np.array([1.0, np.nan, 0.0, 2.0])))


def test_entropy_of_weights():
    assert weight_entropy(np.zeros(3)) == 0
    assert weight_entropy(np.zeros(0)) == 0
    assert weight_entropy(np.array([-0.3])) == 0
    assert weight_entropy(np.ones(8)) == pytest.approx(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert weight_entropy(np.full(4, 1e308)) == pytest.approx(2)  # their sum is infinite
        assert weight_entropy(np.full(4, 5e-324)) == pytest.approx(2)
        assert weight_entropy(np.array([1e200, 1e-200])) == 0  # a share that is 0 but for rounding


@pytest.mark.parametrize(
    ("settings", "cause"),
    [({"measure": "jaccard"}, "measure"), ({"n_runs": 1}, "n_runs"), ({"n_top": 0}, "n_top")],
)
def test_bad_settings_of_stability(settings, cause, songs):
    with pytest.raises(ValueError, match=cause):
        stability(words_explainer(additive).fit(songs), songs, **settings)


def test_a_shuffled_model_gets_another_explanation(made_songs, made_model):
    X = made_songs[0].iloc[:3]
    ours = MusicLimeExplainer(made_model, n_samples=200, random_state=0).fit(X)
    before = ours.explain(X[:1])[0].weights
    assert randomisation(ours, X).mean() < 0.6
    np.testing.assert_array_equal(ours.explain(X[:1])[0].weights, before)  # the model is as it was


class CountsWords(ClassifierMixin, BaseEstimator):
    """Scores by the number of words, and by what it learnt, added to it where told so."""

    def __init__(self, uses_coef=True):
        self.uses_coef = uses_coef

    def fit(self, X, y=None):
        self.classes_ = np.array(["a", "b"])
        self.coef_ = np.array([0.0, 0.1, 0.2])
        return self

    def predict_proba(self, X):
        more = self.coef_[0] if self.uses_coef else 0.0
        p = np.array([0.01 * sum(len(w) for w in text.split()) + more for text in X[:, 1]])
        return np.stack([1 - p, p], axis=1)


def test_a_model_that_ignores_its_input_would_be_found_out(songs):
    """The check compares explanations, so one that is the same for any model scores 1."""
    ours = words_explainer(CountsWords()).fit(songs)
    assert randomisation(ours, songs)[0] == pytest.approx(1)


def test_what_can_not_be_shuffled_is_refused(songs):
    y = ["a", "b"]
    with pytest.raises(ValueError, match="could be shuffled"):
        randomisation(words_explainer(additive).fit(songs), songs)
    deaf = words_explainer(CountsWords(uses_coef=False), random_state=None).fit(songs)
    with pytest.raises(ValueError, match="nothing that has an effect could be shuffled"):
        randomisation(deaf, songs)
    words = make_column_transformer((CountVectorizer(), 1))
    ours = words_explainer(make_pipeline(words, LogisticRegression())).fit(songs, y)
    ours.model_[-1].coef_[:] = 0.1
    with pytest.raises(ValueError, match="could be shuffled, or they are all alike"):
        randomisation(ours, songs)
    one_word = make_column_transformer((CountVectorizer(max_features=1), 1))
    ours = words_explainer(make_pipeline(one_word, LogisticRegression())).fit(songs, y)
    with pytest.raises(ValueError, match="could be shuffled"):
        randomisation(ours, songs)


@pytest.mark.parametrize(
    "head", [SVC(), SVC(kernel="linear"), LinearSVC(), MLPClassifier((8,), max_iter=1000)]
)
def test_explanations_of_shuffled_heads(head, noise):
    words = make_column_transformer((CountVectorizer(lowercase=False), 1))
    X = song_array(*[(noise, " ".join(np.roll(TEXT.split(), k)[:6])) for k in range(12)])
    ours = words_explainer(make_pipeline(words, head)).fit(X, np.arange(12) < 6)
    assert randomisation(ours, X[:4]).mean() < 0.8


def linear_data(n_classes=2):
    rng = np.random.default_rng(0)
    X = rng.random((60, 6))
    y = np.digitize(X @ [3, -2, 1, 0.5, 0, 0], np.linspace(0, 2, n_classes + 1)[1:-1])
    return X, y


def grid_search(estimator):
    return GridSearchCV(estimator, {"C": [0.1, 1.0]}, cv=2)


LEARNERS = [
    SVC(), SVC(kernel="linear"), NuSVC(nu=0.2), SVC(probability=True, random_state=0), LinearSVC(),
    LogisticRegression(), RidgeClassifier(), SGDClassifier(random_state=0), Perceptron(),
    MLPClassifier((5,), max_iter=20), LinearDiscriminantAnalysis(), QuadraticDiscriminantAnalysis(),
    NearestCentroid(), GaussianNB(), MultinomialNB(), BernoulliNB(binarize=0.5), ComplementNB(),
    DecisionTreeClassifier(), RandomForestClassifier(5), ExtraTreesClassifier(5),
    GradientBoostingClassifier(n_estimators=5), HistGradientBoostingClassifier(max_iter=5),
    AdaBoostClassifier(n_estimators=5), BaggingClassifier(SVC(), 3),
    OneVsRestClassifier(LinearSVC()), grid_search(SVC()), CalibratedClassifierCV(LinearSVC(), cv=2),
    VotingClassifier([("svc", SVC()), ("nb", GaussianNB())]),
    StackingClassifier([("svc", SVC()), ("nb", GaussianNB())], cv=2),
    make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), SVC())),
    RFE(LogisticRegression(), n_features_to_select=3),
]  # fmt: skip
REGRESSORS = [
    SVR(), LinearRegression(), Lasso(0.01), KernelRidge(), PLSRegression(),
    TransformedTargetRegressor(SVR()), HistGradientBoostingRegressor(max_iter=5),
]  # fmt: skip


def answers(model, X):
    for method in ("predict_proba", "decision_function", "predict"):
        if hasattr(model, method):
            return np.asarray(getattr(model, method)(X), dtype=float)
    raise AssertionError


def assert_shuffles(model, X):
    before, kept = answers(model, X), pickle.dumps(model)
    for seed in range(3):
        shuffled = shuffled_copy(model, np.random.default_rng(seed))
        assert type(shuffled) is type(model)
        assert not np.allclose(answers(shuffled, X), before, rtol=1e-6), seed
    np.testing.assert_array_equal(answers(model, X), before)
    assert pickle.dumps(model) == kept


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("model", LEARNERS, ids=lambda m: type(m).__name__)
def test_every_kind_of_classifier_answers_otherwise_when_shuffled(model, n_classes):
    X, y = linear_data(n_classes)
    model = clone(model).fit(X, y)
    assert_shuffles(model, X)
    assert_shuffles(FrozenEstimator(make_pipeline(FrozenEstimator(model))), X)


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_every_kind_of_regressor_answers_otherwise_when_shuffled(model):
    X, y = linear_data(9)
    assert_shuffles(clone(model).fit(X, y / 2), X)


def test_sparse_and_read_only_parameters_are_shuffled():
    X, y = linear_data(3)
    for model in (SVC(), SVC(kernel="linear"), LinearSVC()):
        assert_shuffles(model.fit(csr_array(X), y), csr_array(X))
        assert_shuffles(model.fit(csr_array(X), y > 0), csr_array(X))
    sparse = SGDClassifier(penalty="l1", alpha=0.05, random_state=0).fit(X, y).sparsify()
    assert issparse(sparse.coef_)
    shuffled = shuffled_copy(sparse, np.random.default_rng(0)).coef_
    assert (shuffled != 0).toarray().tolist() != (sparse.coef_ != 0).toarray().tolist()
    assert sorted(shuffled.toarray().flat) == sorted(sparse.coef_.toarray().flat)
    assert_shuffles(sparse, X)
    read_only = LogisticRegression().fit(X, y)
    read_only.coef_.flags.writeable = False
    assert_shuffles(read_only, X)
    assert_shuffles(CategoricalNB().fit((X * 3).astype(int), y), (X * 3).astype(int))
    assert_shuffles(FixedThresholdClassifier(LogisticRegression()).fit(X, y > 0), X)
    two = LogisticRegression().fit(X[:, :2], y > 0)  # every other permutation of two is none
    assert_shuffles(two, X[:, :2])


def test_shuffled_numbers_are_the_same_numbers():
    X, y = linear_data(3)
    model = LogisticRegression().fit(X, y)
    shuffled = shuffled_copy(model, np.random.default_rng(0))
    assert sorted(shuffled.coef_.flat) == sorted(model.coef_.flat)
    tree = DecisionTreeClassifier().fit(X, y)
    values = [t.tree_.value[t.tree_.children_left == -1][:, 0].tolist()
              for t in (tree, shuffled_copy(tree, np.random.default_rng(0)))]  # fmt: skip
    assert sorted(values[0]) == sorted(values[1])


def test_networks_of_torch_are_shuffled():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)

    class Network(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            self.network_ = torch.nn.Sequential(
                torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)
            )
            return self

        def predict_proba(self, X):
            with torch.no_grad():
                return self.network_(torch.as_tensor(X).float()).softmax(1).numpy()

    X, y = linear_data()
    model = Network().fit(X, y)
    before = answers(model, X)
    shuffled = shuffled_copy(model, np.random.default_rng(0))
    assert not np.allclose(answers(shuffled, X), before, rtol=1e-3)
    np.testing.assert_array_equal(answers(model, X), before)
    for a, b in zip(model.network_.parameters(), shuffled.network_.parameters(), strict=True):
        assert torch.equal(a.flatten().sort().values, b.flatten().sort().values)


def test_linked_components_are_scored_linked(noise):
    times = [(i / 12, (i + 1) / 12) for i in range(12)]
    X = song_array((noise, TEXT, times))
    ours = MusicLimeExplainer(
        lambda X: [float("three" in text.split()) for _, text, _ in X],
        separator=VocalsAndRest(),
        segmenter=UniformSegmenter(6),
        linked=True,
        n_samples=300,
        random_state=0,
    ).fit(X)
    assert fidelity(ours, X)[0] > 0.99
    # Six units of a segment and two words, and six segments of the rest; one of them is all.
    assert deletion_auc(ours, X)[0] == pytest.approx(1 / 24)
    assert insertion_auc(ours, X)[0] == pytest.approx(1 - 1 / 24)
    assert complexity(ours, X)[0] < 0.5
    assert stability(ours, X, n_runs=3, n_top=1)[0] == 1


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_in_a_grid_search(name, songs):
    ours = words_explainer(additive, n_samples=60)
    search = GridSearchCV(
        ours, {"kernel_width": [0.1, 1.0]}, scoring=SCORERS[name], cv=2, n_jobs=2
    ).fit(songs)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    # The scorer's own figure, on the fold that was left out.
    left_out = ours.set_params(kernel_width=0.1).fit(songs[1:])
    assert search.cv_results_["split0_test_score"][0] == pytest.approx(
        SCORERS[name](left_out, songs[:1])
    )


def test_mask_functions_count_their_calls(songs):
    function = next(words_explainer(additive).fit(songs).mask_functions(songs[:1]))
    masks = np.eye(12, dtype=bool)
    order = [TEXT.split().index(name) + 1 for name in function.components.names]
    np.testing.assert_array_equal(function(masks)[:, 0], order)
    assert function.n_calls == 12
