"""Models of both modalities: what they say is what their branches say, joined as they should be.

Over 400 lines since early and late fusion are held to the same songs.
"""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from black_boxes import assert_as_black_box, explained
from conftest import song_array
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from sklearn_musiclime import (
    InvalidSongError,
    LateFusionClassifier,
    MusicLimeExplainer,
    SpectralStatistics,
    UniformSegmenter,
    make_fusion_pipeline,
)
from sklearn_musiclime.commands import demo_model
from sklearn_musiclime.datasets import make_songs
from sklearn_musiclime.fusion import compare_modalities, only
from sklearn_musiclime.neighbourhood import find_factored
from sklearn_musiclime.songs import SongTable

METHODS = ("average", "product", "stacking")


class Energy(TransformerMixin, BaseEstimator):
    """A quick featurizer of the audio column: the power of some bands."""

    def __init__(self, n_bands=8):
        self.n_bands = n_bands

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        cells = [cell["array"] if isinstance(cell, dict) else cell for cell in X]
        bands = [np.array_split(np.abs(np.fft.rfft(cell)) ** 2, self.n_bands) for cell in cells]
        return np.log([[float(band.mean()) + 1e-9 for band in song] for song in bands])


def hearer(**parameters):
    return make_pipeline(Energy(), StandardScaler(), LogisticRegression(**parameters))


def reader(**parameters):
    return make_pipeline(TfidfVectorizer(), LogisticRegression(C=10, **parameters))


def late(**parameters):
    return LateFusionClassifier(hearer(), reader(), **parameters)


@pytest.fixture(scope="module")
def songs(made_songs):
    """X and y, with three classes."""
    X, y, _, _ = made_songs
    return X, np.where(X["lyrics"].str.contains("river"), "wet", y)


# Late fusion: the join.


@pytest.fixture(scope="module")
def halves(songs):
    """The probabilities of each classifier, fitted on its own."""
    X, y = songs
    fitted = (hearer().fit(X["audio"], y), reader().fit(X["lyrics"], y))
    return [c.predict_proba(X[h]) for c, h in zip(fitted, ("audio", "lyrics"), strict=True)]


@pytest.mark.parametrize("weights", [None, (1, 1), (1, 3), (0.2, 0.0), np.array([5.0, 1.0])])
def test_average_and_product_by_hand(weights, songs, halves):
    X, y = songs
    audio, lyrics = halves
    a, b = (0.5, 0.5) if weights is None else np.asarray(weights) / np.sum(weights)
    average = late(weights=weights).fit(X, y)
    np.testing.assert_allclose(average.predict_proba(X), a * audio + b * lyrics, atol=1e-12)
    product = audio**a * lyrics**b
    product /= product.sum(axis=1, keepdims=True)
    model = late(method="product", weights=weights).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), product, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), model.classes_[product.argmax(axis=1)])


def test_average_equals_scikit_learns_voting(songs):
    """Which needs classifiers that take the column out of X themselves."""
    X, y = songs
    take = [(h, make_pipeline(FunctionTransformer(column(h)), c)) for h, c in (
        ("audio", hearer()), ("lyrics", reader()),
    )]  # fmt: skip
    voting = VotingClassifier(take, voting="soft", weights=(1, 3)).fit(X, y)
    ours = late(weights=(1, 3)).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), voting.predict_proba(X), atol=1e-12)
    np.testing.assert_array_equal(ours.predict(X), voting.predict(X))


def column(name):
    return lambda X: X[name]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_stacking_equals_scikit_learns(n_classes, songs, made_songs):
    X, y = songs
    if n_classes == 2:
        y = made_songs[1]
    take = [(h, make_pipeline(FunctionTransformer(column(h)), c)) for h, c in (
        ("audio", hearer()), ("lyrics", reader()),
    )]  # fmt: skip
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    theirs = StackingClassifier(take, LogisticRegression(C=5), cv=cv).fit(X, y)
    ours = late(method="stacking", final_estimator=LogisticRegression(C=5), cv=cv).fit(X, y)
    np.testing.assert_allclose(
        ours.final_estimator_.coef_, theirs.final_estimator_.coef_, atol=1e-9
    )
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)


def test_what_one_modality_rules_out_is_out():
    model = LateFusionClassifier(method="product")
    model.classifiers_ = {}
    audio = np.array([[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=np.float32)
    lyrics = np.array([[0.9, 0.1, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    with np.errstate(all="raise"):
        joined = model.predict_encoded(audio, lyrics)
    # In the second row each rules out what the other is sure of: the two share.
    np.testing.assert_allclose(joined, [[0, 1, 0], [0.5, 0.5, 0], [0, 0, 1]], atol=1e-12)


def test_method_decides_only_what_joins_the_halves(songs):
    X, y = songs
    encoded = [
        (model.encode_audio(X["audio"]), model.encode_lyrics(X["lyrics"]))
        for model in (late(method=method, cv=3).fit(X, y) for method in METHODS)
    ]
    for audio, lyrics in encoded[1:]:
        np.testing.assert_array_equal(audio, encoded[0][0])
        np.testing.assert_array_equal(lyrics, encoded[0][1])


@pytest.mark.slow
def test_n_jobs_changes_nothing(songs):
    X, y = songs
    expected, found = (
        LateFusionClassifier(
            make_pipeline(SpectralStatistics(), StandardScaler(), LogisticRegression()),
            reader(), method="stacking", cv=3, n_jobs=n_jobs,
        ).fit(X, y).predict_proba(X)
        for n_jobs in (None, 2)
    )  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-10)


# Late fusion: one modality.


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("modality", ["audio", "lyrics"])
def test_one_modality_needs_one_classifier_and_one_column(modality, method, songs, halves):
    X, y = songs
    model = late(method=method, modality=modality)
    model.set_params(**{f"{'lyrics' if modality == 'audio' else 'audio'}_classifier": LinearSVC()})
    model.fit(X[[modality]], y)
    assert list(model.classifiers_) == [modality]
    alone = halves[modality == "lyrics"]
    np.testing.assert_allclose(model.predict_proba(X), alone, atol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X[[modality]]), alone, atol=1e-12)
    bad = X.assign(**{"lyrics" if modality == "audio" else "audio": np.nan})
    np.testing.assert_allclose(model.predict_proba(bad), alone, atol=1e-12)
    assert model.encode_audio(X["audio"]).shape == (len(X), 3 * (modality == "audio"))
    assert model.encode_lyrics(X["lyrics"]).shape == (len(X), 3 * (modality == "lyrics"))


# Late fusion: scikit-learn's ways.


def test_defaults_are_the_halves_of_early_fusion(songs):
    X, y = songs
    for modality in ("audio", "lyrics"):
        early = make_fusion_pipeline(modality=modality).fit(X, y)
        ours = LateFusionClassifier(modality=modality).fit(X, y)
        np.testing.assert_allclose(ours.predict_proba(X), early.predict_proba(X), atol=2e-2)


def test_attributes_clone_pickle_and_arrays(songs):
    X, y = songs
    model = late(method="stacking", cv=3)
    assert clone(model).get_params()["lyrics_classifier__logisticregression__C"] == 10
    model.fit(X, y)
    assert (model.n_features_in_, list(model.feature_names_in_)) == (3, list(X))
    assert list(model.classes_) == ["calm", "wet", "wild"]
    expected = model.predict_proba(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), expected)
    np.testing.assert_array_equal(model.predict_proba(X[["lyrics", "audio"]]), expected)
    renamed = X.rename(columns={"audio": "sound", "lyrics": "text"})
    other = clone(model).set_params(audio_column="sound", lyrics_column="text").fit(renamed, y)
    np.testing.assert_array_equal(other.predict_proba(renamed), expected)
    array = X[["audio", "lyrics"]].to_numpy()
    on_array = model.fit(array, list(y))
    assert on_array.n_features_in_ == 2
    assert not hasattr(on_array, "feature_names_in_")
    np.testing.assert_array_equal(on_array.predict_proba(array), expected)


def test_grid_search(songs):
    X, y = songs
    grid = [
        {"method": ["average", "product"], "weights": [None, (1, 3)], "modality": ["both"]},
        {"modality": ["audio", "lyrics"], "lyrics_classifier__tfidfvectorizer__min_df": [1, 2]},
    ]
    search = GridSearchCV(late(), grid, cv=2).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 8
    assert np.isfinite(scores).all()
    assert scores[4] == scores[6]  # the lyrics' min_df, where only the audio is heard
    for params, score in list(zip(search.cv_results_["params"], scores, strict=True))[::3]:
        assert cross_val_score(late().set_params(**params), X, y, cv=2).mean() == score


def test_sample_weights_reach_every_step_that_takes_them(songs):
    """A weight of 2 is a song that is there twice, and of 0 one that is not."""
    X, y = songs
    weight = np.tile([2, 1, 0], len(X) // 3)
    rows = np.repeat(np.arange(len(X)), weight)
    words = make_pipeline(CountVectorizer(vocabulary=["fire", "river", "the"]), MultinomialNB())
    model = LateFusionClassifier(hearer(solver="newton-cholesky", tol=1e-10), words)
    weighted = clone(model).fit(X, y, sample_weight=weight)
    repeated = clone(model).fit(X.iloc[rows], y[rows])
    scaler = [m.classifiers_["audio"]["standardscaler"].mean_ for m in (weighted, repeated)]
    np.testing.assert_allclose(*scaler, rtol=1e-10)
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-9)


def test_sample_weights_of_stacking(songs):
    X, y = songs
    weight = np.linspace(0.5, 2, len(X))
    model = late(method="stacking", cv=3).fit(X, y, sample_weight=weight)
    steps = {"standardscaler__sample_weight": weight, "logisticregression__sample_weight": weight}
    audio = cross_val_predict(hearer(), X["audio"], y, cv=3, method="predict_proba", params=steps)
    lyrics = cross_val_predict(
        reader(), X["lyrics"], y, cv=3, method="predict_proba",
        params={"logisticregression__sample_weight": weight},
    )  # fmt: skip
    final = LogisticRegression().fit(np.hstack([audio, lyrics]), y, sample_weight=weight)
    np.testing.assert_allclose(model.final_estimator_.coef_, final.coef_, atol=1e-9)


def test_sample_weights_with_metadata_routing(songs):
    X, y = songs
    weight = np.linspace(0.5, 2, len(X))
    expected = LateFusionClassifier(
        make_pipeline(Energy(), LogisticRegression(max_iter=2000)), reader()
    ).fit(X, y, sample_weight=weight)  # fmt: skip
    with sklearn.config_context(enable_metadata_routing=True):
        model = LateFusionClassifier(
            *(
                make_pipeline(
                    f, LogisticRegression(C=C, max_iter=2000).set_fit_request(sample_weight=True)
                )
                for f, C in ((Energy(), 1), (TfidfVectorizer(), 10))
            )
        )
        routed = clone(model).fit(X, y, sample_weight=weight).predict_proba(X)
        outer = make_pipeline("passthrough", model.set_fit_request(sample_weight=True))
        nested = outer.fit(X, y, sample_weight=weight).predict_proba(X)
    np.testing.assert_allclose(routed, expected.predict_proba(X), atol=1e-12)
    np.testing.assert_allclose(nested, routed, atol=1e-12)


def test_stacking_keeps_groups_together(songs):
    X, y = songs
    groups = np.arange(len(X)) // 2
    expected = late(method="stacking", cv=list(StratifiedGroupKFold(3).split(X, y, groups)))
    expected.fit(X, y)
    for cv in (3, StratifiedGroupKFold(3)):
        model = late(method="stacking", cv=cv).fit(X, y, groups=groups)
        np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    assert not np.allclose(
        late(method="stacking", cv=3).fit(X, y).predict_proba(X), expected.predict_proba(X)
    )


def test_frozen_classifiers_stay_as_they_are(songs):
    X, y = songs
    fitted = FrozenEstimator(reader().fit(X["lyrics"], y))
    model = LateFusionClassifier(hearer(), fitted).fit(X[:15], y[:15])
    np.testing.assert_array_equal(
        model.encode_lyrics(X["lyrics"]), fitted.predict_proba(X["lyrics"])
    )
    with pytest.raises(ValueError, match="lyrics classifier has the classes"):
        LateFusionClassifier(hearer(), fitted).fit(X, np.where(y == "wet", "damp", y))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"method": "vote"}, ValueError, "method must be one of"),
        ({"modality": "text"}, ValueError, "modality must be one of"),
        ({"weights": (1, 2, 3)}, ValueError, "weights must be two numbers"),
        ({"weights": (0, 0)}, ValueError, "weights must be two numbers"),
        ({"weights": (2, -1)}, ValueError, "weights must be two numbers"),
        ({"weights": (1, np.nan)}, ValueError, "weights must be two numbers"),
        ({"audio_classifier": Ridge()}, TypeError, "audio_classifier must be .*Ridge"),
        (
            {"lyrics_classifier": make_pipeline(TfidfVectorizer(), LinearSVC())},
            TypeError,
            "lyrics_classifier must be a classifier with predict_proba",
        ),
        (
            {"method": "stacking", "final_estimator": LinearSVC()},
            TypeError,
            "final_estimator must be",
        ),
        ({"lyrics_column": "text"}, ValueError, "X has no column 'text'"),
    ],
)
def test_bad_parameters(parameters, error, message, songs):
    with pytest.raises(error, match=message):
        late().set_params(**parameters).fit(*songs)


def test_bad_songs_are_named(songs):
    X, y = songs
    model = late().fit(X, y)
    with pytest.raises(InvalidSongError, match="row 1: lyrics: missing"):
        model.predict(X[:3].assign(lyrics=["la", None, "lo"]))
    with pytest.raises(InvalidSongError, match=r"row 2: audio: file .* does not exist"):
        late().fit(song_array(*[[X["audio"][0], "la"]] * 2, ["gone.mp3", "lo"]), y[:3])
    neighbours = make_pipeline(TfidfVectorizer(), KNeighborsClassifier())
    with pytest.raises(ValueError, match="sample_weight was given, and KNeighbors"):
        LateFusionClassifier(hearer(), neighbours).fit(X, y, sample_weight=np.ones(len(X)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        late().fit(X, y[:-1])


# Explaining.


class Whole(ClassifierMixin, BaseEstimator):
    """A model as a black box, asked for the same pairs of halves as if it were none."""

    def __init__(self, model):
        self.model = model
        self.classes_ = model.classes_

    def fit(self, X, y=None):
        return self

    def encode_audio(self, column):
        return pd.Series(list(column), dtype=object).to_numpy()

    encode_lyrics = encode_audio

    def predict_encoded(self, audio, lyrics):
        return self.model.predict_proba(pd.DataFrame({"audio": audio, "lyrics": lyrics}))

    def predict_proba(self, X):
        return self.model.predict_proba(X)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_explained_as_a_black_box(method, songs):
    X, y = songs
    model = LateFusionClassifier(method=method, cv=3).fit(X, y)
    assert find_factored(model, SongTable(X).read(0, 22050))[0] is not None
    assert_as_black_box(model, X)
    assert_as_black_box(model, X[["audio", "lyrics"]].to_numpy())
    options = {"n_samples": 24, "interactions": None}
    ours = explained(FrozenEstimator(model), X, **options)
    theirs = explained(FrozenEstimator(Whole(model)), X, **options)
    assert ours.settings["design"] == theirs.settings["design"] == "crossed"
    assert ours.settings["masks"] == theirs.settings["masks"]
    scale = np.abs(theirs.weights).max()
    np.testing.assert_allclose(ours.weights, theirs.weights, atol=1e-5 * scale)


@pytest.mark.parametrize("modality", ["audio", "lyrics"])
def test_what_is_not_read_has_no_weight(modality, songs):
    X, y = songs
    model = FrozenEstimator(LateFusionClassifier(modality=modality).fit(X, y))
    other = "lyrics" if modality == "audio" else "audio"
    # A local kernel weighs masks unevenly, which leaves some noise; without one hardly any is left.
    for kernel_width, noise in ((0.25, 0.1), (np.inf, 5e-3)):
        table = explained(model, X, n_samples=200, kernel_width=kernel_width).to_frame()
        size = table.groupby("modality")["weight"].agg(lambda w: np.abs(w).max())
        assert size[other] < noise * size[modality]
    score = next(MusicLimeExplainer(model, segmenter=UniformSegmenter(4)).fit(X).mask_functions(X))
    masks = np.random.default_rng(0).random((20, len(table))) < 0.5
    blind = masks | (table["modality"] == other).to_numpy()
    np.testing.assert_allclose(score(masks), score(blind), atol=1e-12)
    # Songs of one column can be explained too.
    options = {"modality": modality, "n_samples": 256, "lyric_units": "sections"}  # all masks
    alone, whole = explained(model, X[[modality]], **options), explained(model, X, **options)
    np.testing.assert_allclose(alone.weights, whole.weights, atol=1e-9)


def test_explainer_fits_it_and_finds_its_sampling_rate(songs):
    X, y = songs
    slow = make_pipeline(SpectralStatistics(sampling_rate=16000), LogisticRegression(max_iter=5000))
    model = LateFusionClassifier(slow, reader())
    explainer = MusicLimeExplainer(model, n_samples=20, segmenter=UniformSegmenter(2))
    explainer.fit(X, y)
    assert explainer.sampling_rate_ == 16000
    assert explainer.explain(X[:1])[0].settings["model"] == "factored"


# Early fusion.


def test_the_demo_is_a_fusion_pipeline(made_songs):
    """Standardised statistics, a tenth of them, beside TF-IDF."""
    X, y, _, _ = made_songs
    audio = make_pipeline(SpectralStatistics(), StandardScaler()).fit_transform(X["audio"])
    lyrics = TfidfVectorizer(sublinear_tf=True).fit_transform(X["lyrics"]).toarray()
    classifier = LogisticRegression(C=10.0, max_iter=2000)
    features = np.hstack([0.1 * audio, lyrics])
    expected = classifier.fit(features, y).predict_proba(features)
    for model in (demo_model(), make_fusion_pipeline()):
        np.testing.assert_allclose(model.fit(X, y).predict_proba(X), expected, atol=1e-12)


@pytest.mark.slow
def test_fusion_pipeline_of_parts(songs):
    X, y = songs
    model = make_fusion_pipeline(
        Energy(), CountVectorizer(), RandomForestClassifier(5, random_state=0),
        weights=(2.0, 1.0), memory=None, verbose=False,
    ).set_params(features__lyrics__min_df=2)  # fmt: skip
    model.fit(X, y)
    assert list(model.named_steps) == ["features", "classifier"]
    features = model["features"].transform(X)
    np.testing.assert_allclose(features[:, :8], 2 * Energy().transform(X["audio"]))
    assert_as_black_box(model, X)
    assert_as_black_box(
        make_fusion_pipeline(audio_column=0, lyrics_column=1).fit(X.to_numpy(), y), X.to_numpy()
    )
    grid = {"features__lyrics__binary": [True, False], "classifier__max_depth": [1, 3]}
    assert len(GridSearchCV(model, grid, cv=2).fit(X, y).cv_results_["params"]) == 4


@pytest.mark.parametrize("modality", ["audio", "lyrics"])
def test_fusion_pipeline_of_one_modality(modality, songs):
    X, y = songs
    model = make_fusion_pipeline(modality=modality).fit(X[[modality]], y)
    assert [name for name, _, _ in model["features"].transformers] == [modality]
    dropped = only(make_fusion_pipeline(), modality).fit(X[[modality]], y)
    np.testing.assert_array_equal(dropped.predict_proba(X), model.predict_proba(X))
    with pytest.raises(ValueError, match="modality must be one of"):
        make_fusion_pipeline(modality="text")


# Comparing.


def test_only_reads_one_modality(songs):
    X, y = songs
    model = late()
    assert only(model, "audio").modality == "audio"
    assert (model.modality, only(only(model, "audio"), "both").modality) == ("both", "both")
    names = make_column_transformer(
        (Energy(), "audio"), (TfidfVectorizer(), "lyrics"), ("passthrough", ["year"])
    )
    pipeline = make_pipeline(names, LogisticRegression(max_iter=2000))
    X = X.assign(year=1.0)
    reader = only(pipeline, "lyrics").fit(X[["lyrics", "year"]], y)
    assert len(reader[0].transformers_) == 2
    assert len(pipeline[0].transformers) == 3
    rest = make_column_transformer(
        (Energy(), "audio"), (TfidfVectorizer(), "lyrics"), remainder="passthrough"
    )
    rest = only(make_pipeline(rest, LogisticRegression(max_iter=2000)), "audio")
    assert rest.fit(X[["audio", "lyrics", "year"]], y)[0].transform(X).shape[1] == 8 + 1
    positions = make_column_transformer((Energy(), 0), (TfidfVectorizer(), 1))
    pipeline = make_pipeline(positions, LogisticRegression(max_iter=2000))
    hearer = only(pipeline, "audio", audio_column=0, lyrics_column=1)
    assert hearer.fit(X[["audio"]].to_numpy(), y)[0].transformers_[0][2] == 0
    assert isinstance(only(pipeline, "both"), Pipeline)


def test_only_says_what_it_can_t_take_apart():
    both = make_column_transformer((Energy(), ["audio", "lyrics"]))
    callables = make_column_transformer((Energy(), column("audio")))
    for branches, message in (
        (both, "reads both"),
        (callables, "names or positions"),
        (make_column_transformer((Energy(), slice(0, 1))), "names or positions"),
        (make_column_transformer((Energy(), [True, False])), "names or positions"),
        (make_column_transformer((Energy(), "sound")), "no branch .* reads 'audio'"),
    ):
        with pytest.raises(ValueError, match=message):
            only(make_pipeline(branches, LogisticRegression()), "audio")
    with pytest.raises(TypeError, match="RandomForestClassifier has no parameter modality"):
        only(RandomForestClassifier(), "audio")
    with pytest.raises(ValueError, match="modality must be one of"):
        only(late(), "text")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["early", "late"])
def test_compare_modalities_is_cross_validation(kind, songs):
    X, y = songs
    model = late() if kind == "late" else make_fusion_pipeline(Energy())
    table = compare_modalities(model, X, y, cv=3)
    for modality in ("lyrics", "audio", "both"):
        for score in ("accuracy", "f1_macro"):
            folds = cross_val_score(only(model, modality), X, y, cv=3, scoring=score)
            assert table.loc[modality, score] == folds.mean()
            assert table.loc[modality, f"{score}_std"] == folds.std()
    assert list(compare_modalities(model, X, y, cv=2, scoring="accuracy")) == [
        "accuracy", "accuracy_std",
    ]  # fmt: skip


class Songs(ClassifierMixin, BaseEstimator):
    """Remembers which songs it was fitted to, and must not be asked about them."""

    def __init__(self, modality="both"):
        self.modality = modality

    def fit(self, X, y, groups=None):
        self.classes_ = np.unique(y)
        self.seen_ = set(X["song"])
        assert self.seen_ == set(groups)
        return self

    def predict(self, X):
        assert not self.seen_ & set(X["song"])
        return np.repeat(self.classes_[:1], len(X))


@pytest.mark.parametrize("cv", [2, None, GroupKFold(3)])
def test_compare_modalities_splits_no_song(cv):
    X = pd.DataFrame({"song": np.repeat(np.arange(10), 4)})
    y = np.where(X["song"] % 2, "calm", "wild")
    table = compare_modalities(Songs(), X, y, groups=X["song"], cv=cv)
    assert table["accuracy"].between(0, 1).all()
    with pytest.raises(AssertionError):
        compare_modalities(Songs(), X, y, groups=np.arange(len(X)), cv=cv)


@pytest.mark.slow
def test_both_beat_each_alone():
    """The planted rule needs the sources and the words."""
    X, y, _, _ = make_songs(240, duration=1.0, random_state=3)
    audio = make_pipeline(Energy(40), StandardScaler())
    for model in (
        make_fusion_pipeline(audio),
        LateFusionClassifier(make_pipeline(audio, LogisticRegression(C=0.1))),
    ):
        table = compare_modalities(model, X, y, cv=3)["accuracy"]
        assert table["both"] > table.drop("both").max() + 0.03, table
