"""Two versions of a model on the same masks: what differs, how sure that is, and what is shown."""

import json
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import towers
from conftest import song_array
from populations import population_weights
from scipy import stats
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from sklearn_musiclime import (
    Contrast,
    GlobalDifference,
    GlobalExplanation,
    LocalDifference,
    LocalExplanation,
    MusicLimeExplainer,
    SpectralStatistics,
    explain_difference,
)
from sklearn_musiclime.neighbourhood import BothVersions, find_sampling_rate
from sklearn_musiclime.results.differences import group_means

OLD = towers.Towers(together=1.0)
NEW = towers.Towers(towers.logits(shift=0.5), together=1.0)
LOVE = towers.N_SEGMENTS + towers.WORDS.index("love")


def compare(old=OLD, new=NEW, labels="pop", X=None, **settings):
    X = towers.song() if X is None else X
    defaults = {"n_samples": (22, 36), "interactions": None}
    settings = towers.explainer(None, **defaults | settings)
    return explain_difference(old, new, X, labels, explainer=settings)


def local(*args, **settings):
    return compare(*args, **settings).explanations[0]


def probability(model, label="pop"):
    return lambda masks: model.of_masks(masks)[:, towers.CLASSES.index(label)]


def test_all_masks_give_the_difference_of_both_versions():
    found = local(design="exhaustive", n_samples=10_000)
    for part, model in ((found.old, OLD), (found.new, NEW)):
        truth = population_weights(probability(model), towers.N, 0.25)
        np.testing.assert_allclose(part.weights[0], truth, rtol=1e-6, atol=1e-9)
        assert part.labels == ["pop"]
        assert list(part.prediction) == list(towers.CLASSES)
        np.testing.assert_allclose(
            list(part.prediction.values()), model.of_masks(np.ones((1, towers.N)))[0]
        )
    frame = found.to_frame()
    np.testing.assert_allclose(frame["difference"], frame["new"] - frame["old"], atol=1e-12)
    assert not frame["std_err"].any()
    assert frame["significant"].all()
    assert found.difference.prediction["pop"] == pytest.approx(
        found.new.prediction["pop"] - found.old.prediction["pop"]
    )


def test_each_version_is_explained_as_it_is_alone():
    """With the same seed it gets the same masks."""
    X = towers.song()
    found = local(interactions="auto")
    for part, model in ((found.old, OLD), (found.new, NEW)):
        alone = towers.explainer(model, n_samples=(22, 36)).fit(X).explain(X, ["pop"])[0]
        for name in ("weights", "std_err", "shares", "corner_scores"):
            np.testing.assert_allclose(getattr(part, name), getattr(alone, name), atol=1e-9)
        terms = (e.interaction_terms.weights for e in (part, alone))
        np.testing.assert_allclose(*terms, atol=1e-9)
    np.testing.assert_allclose(
        found.difference.weights, found.new.weights - found.old.weights, atol=1e-9
    )


@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: m.predict_proba], ids=["apart", "whole"])
def test_a_version_does_not_differ_from_itself(wrap):
    names = {"output_names": towers.CLASSES}
    settings = {"n_samples": 60, "design": "paired", "proxy": None}
    found = compare(wrap(OLD), wrap(towers.Towers(together=1.0)), "all", **names, **settings)
    frame = found.explanations[0].to_frame("rock")
    assert not frame["difference"].any()
    assert (frame["p_value"] == 1).all()
    assert not found.to_frame()["significant"].any()
    assert "0 of 11 components differ" in repr(found.explanations[0])


def test_rounding_is_no_difference():
    """Of enumerated masks there is no error, and what rounding leaves is not told from 0 by it."""
    X = song_array((np.ones(10), "love the night"), (np.ones(10), "the night of love"))
    models = [
        lambda X, w=w: [0.1 * ("love" in t) + w * ("night" in t) / 3 for _, t in X]
        for w in (0.7, 0.7000001)
    ]
    settings = MusicLimeExplainer(models[0], modality="lyrics", random_state=0)
    found = explain_difference(*models, X, explainer=settings)
    for frame in (found.explanations[0].to_frame(), found.to_frame()):
        frame = frame.set_index("component")
        assert (frame["std_err"] == 0).all()
        assert frame.index[frame["significant"]].tolist() == ["night"]


def test_both_towers_encode_each_mask_once_and_one_black_box_makes_two():
    old, new = towers.Towers(), towers.Towers(towers.logits(shift=0.5))
    found = local(old, new)
    assert found.both.settings["model"] == "factored"
    assert old.n_encoded == new.n_encoded
    assert new.n_encoded["lyrics"] < 60
    black = local(old, new.predict_proba, output_names=towers.CLASSES, n_samples=60, proxy=None)
    assert "black box" in black.both.settings["model"]
    assert black.both.settings["design"] == "paired"


class Counting(SpectralStatistics):
    calls: ClassVar[list[int]] = []

    def transform(self, X):
        self.calls.append(len(X))
        return super().transform(X)


def fusion(audio, X, y):
    columns = make_column_transformer((audio, "audio"), (CountVectorizer(), "lyrics"))
    return make_pipeline(columns, LogisticRegression(max_iter=300)).fit(X, y)


def test_a_branch_that_both_share_encodes_once(made_songs):
    X, y, _, _ = made_songs
    old = fusion(Counting(), X, y)
    new = fusion(Counting(), X, np.where(X["lyrics"].str.contains("silver"), "wild", y))
    calls = {}
    for name, other in (("alone", old), ("both", new)):
        Counting.calls.clear()
        settings = MusicLimeExplainer(old, n_samples=(40, 240), random_state=0, separator=None)
        if name == "both":
            both = explain_difference(old, other, X[:1], "wild", explainer=settings)
        else:
            alone = settings.set_params(model=FrozenEstimator(old)).fit(X).explain(X[:1], "wild")
        calls[name] = [n for n in Counting.calls if n > 1]
    assert calls["both"] == calls["alone"]
    assert both.explanations[0].both.settings["model"] == "factored"
    np.testing.assert_allclose(both.explanations[0].old.weights, alone[0].weights, atol=1e-9)


class Fixed:
    """A function of the words with the given classes; the last is of songs with love."""

    def __init__(self, *classes):
        self.classes_ = np.array(classes, dtype=object)

    def predict_proba(self, X):
        p = np.full((len(X), len(self.classes_)), 0.2 / (len(self.classes_) - 1))
        p[:, -1] = [0.8 if "love" in text else 0.3 for _, text in np.asarray(X, dtype=object)]
        return p

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def test_labels_are_those_of_both_versions():
    old, new = Fixed("folk", "rock", "pop"), Fixed("pop", "soul", "rock")
    settings = {"n_samples": 40, "proxy": None, "modality": "lyrics"}
    assert compare(old, new, None, **settings).labels == ["pop", "rock"]  # each predicts one
    assert compare(old, new, "all", **settings).labels == ["pop", "rock"]
    assert compare(old, new, 1, **settings).labels == ["pop"]
    assert compare(old, new, ["rock"], **settings).labels == ["rock"]
    with pytest.raises(ValueError, match=r"no label 'folk'.*\['pop', 'rock'\]"):
        compare(old, new, "folk", **settings)
    with pytest.raises(ValueError, match="no label in common: the old one has"):
        compare(old, Fixed("soul", "punk"), **settings)
    # Predicted by each is what the other does not have: the highest score that both have.
    assert compare(Fixed("pop", "folk"), Fixed("pop", "soul"), None, **settings).labels == ["pop"]


@pytest.mark.parametrize(
    ("answer", "labels", "expected"),
    [
        (lambda p: pd.DataFrame(p, columns=["a", "b", "c"]), "b", ["b"]),
        (lambda p: p, [2], [2]),
        (lambda p: p[:, 1], None, [0]),
    ],
    ids=["names", "numbers", "one output"],
)
def test_functions_tell_their_labels_when_they_are_called(answer, labels, expected):
    old, new = (lambda X, m=m: answer(m.predict_proba(X)) for m in (OLD, NEW))
    found = compare(old, new, labels, n_samples=60, proxy=None)
    assert found.labels == expected
    with pytest.raises(ValueError, match="'z'"):
        compare(old, new, "z", n_samples=60, proxy=None)


def test_regressors_and_outputs_are_compared(made_songs):
    X, _, _, _ = made_songs
    values = np.column_stack([X["lyrics"].str.count("silver"), X["lyrics"].str.len()]).astype(float)
    columns = make_column_transformer(
        (SpectralStatistics(), "audio"), (CountVectorizer(), "lyrics")
    )
    old = make_pipeline(columns, Ridge()).fit(X, values)
    new = make_pipeline(columns, Ridge(100.0)).fit(X, values)
    settings = MusicLimeExplainer(old, n_samples=(60, 60), separator=None, interactions=None)
    found = explain_difference(old, new, X[:1], explainer=settings)
    assert found.labels == [0, 1]


def test_what_can_not_be_compared_is_refused():
    X = towers.song()
    with pytest.raises(ValueError, match="the new version is not fitted"):
        explain_difference(OLD, make_pipeline(CountVectorizer(), Ridge()), X)
    with pytest.raises(ValueError, match="sampling rates differ"):
        find_sampling_rate(BothVersions(SpectralStatistics(sampling_rate=16000),
                                        SpectralStatistics(sampling_rate=8000)))  # fmt: skip
    with pytest.raises(ValueError, match="'rock' was not compared"):
        local().to_frame("rock")
    with pytest.raises(ValueError, match="fdr must be between"):
        local().to_frame(fdr=1.5)
    with pytest.raises(ValueError, match=r"labels .* are not those of two versions"):
        LocalDifference(local().old)
    named = towers.explainer(OLD, n_samples=(22, 36)).fit(X)
    with pytest.raises(ValueError, match="no label of an old or a new version"):
        LocalDifference(named.explain(X, [Contrast("pop", "folk")])[0])


@pytest.mark.slow
@pytest.mark.parametrize("design", ["crossed", "paired"])
def test_differences_are_covered_and_known_better_than_from_two_explanations(design):
    """Of components that do not differ, few are said to: their true weights are known to be 0."""
    rng = np.random.default_rng(0)
    # Three words and two segments work together, only in the new version; the rest is the same.
    members = np.array([[0, LOVE], [2, LOVE - 1], [2, LOVE]])

    class Additive(towers.Towers):
        def __init__(self, more):
            super().__init__()
            self.more = more

        def of_masks(self, masks):
            signs = 2 * masks - 1
            score = masks @ self.coefficients[1] + np.sin(masks @ self.coefficients[2])
            score += self.more * sum(signs[:, pair].prod(axis=1) for pair in members)
            score += self.more * masks[:, LOVE]
            return np.column_stack([score, score, score])

    old, new = Additive(0.0), Additive(1.0)
    truth = np.zeros(towers.N)
    truth[LOVE] = 1.0
    n_samples = (22, 36) if design == "crossed" else 120
    covered, false, found_any, ratios = [], [], [], []
    for seed in rng.integers(0, 2**31, 40).tolist():
        # Banzhaf values, whose truth is known: products of signs have none.
        one = local(old, new, kernel_width=np.inf, design=design, n_samples=n_samples, proxy=None,
                    random_state=seed)  # fmt: skip
        frame = one.to_frame()
        covered.append((frame["low"] <= truth + 1e-9) & (truth - 1e-9 <= frame["high"]))
        is_false = frame["significant"].to_numpy() & (truth == 0)
        false.append(is_false.sum() / max(frame["significant"].sum(), 1))
        found_any.append(frame["significant"][LOVE])
        apart = np.hypot(one.old.std_err[0], one.new.std_err[0])
        ratios.append(np.median(apart / frame["std_err"]))
    assert np.mean(covered) > 0.92
    assert np.mean(false) <= stats.binom.ppf(0.999, 40, 0.05) / 40
    assert np.mean(found_any) > 0.9
    assert np.median(ratios) > 1.1


def songs_with(rng, n_songs):
    """Songs of noise with random words."""
    texts = [" ".join(rng.permutation(towers.WORDS)[:5]) for _ in range(n_songs)]
    waves = [np.ones(towers.N_SEGMENTS * 20, dtype=np.float32) for _ in range(n_songs)]
    return song_array(*zip(waves, texts, strict=True))


@pytest.mark.slow
def test_over_songs_false_discoveries_are_few_and_what_changed_is_found():
    """The new version goes by "love" more; by other words as often more as less, song by song."""

    class Version(towers.Towers):
        def __init__(self, size):
            super().__init__()
            self.size = size

        def predict_proba(self, X):
            return [self.one(y, text) for y, text in X]

        def one(self, wave, text):
            words = text.split()
            score = 0.3 * ("love" in words) * self.size
            # What differs has no mean over songs, as the song's place in X decides on its sign.
            sign = 1 if wave[0] > 0 else -1
            score += 0.2 * sign * self.size * (("need" in words) - ("is" in words))
            return [0.5 + 0.1 * ("all" in words) + score, 0.5]

        classes_ = np.array(["pop", "folk"])
        encode_audio = None

    false, found = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = songs_with(rng, 10)
        for y in X[:, 0]:
            y *= rng.choice([-1.0, 1.0])
        names = {"output_names": ["pop", "folk"]}
        settings = towers.explainer(
            None, modality="lyrics", n_samples=30, proxy=None, interactions=None, **names
        )
        old, new = Version(0.0).predict_proba, Version(1.0).predict_proba
        overall = explain_difference(
            lambda Z, f=old: f(Z), lambda Z, f=new: f(Z), X, "pop", explainer=settings,
            keep_explanations=False,
        )  # fmt: skip
        frame = overall.to_frame().set_index("component")
        significant = frame.index[frame["significant"]]
        false.append(len(set(significant) - {"love"}) / max(len(significant), 1))
        found.append("love" in significant)
    assert np.mean(false) <= stats.binom.ppf(0.999, 20, 0.05) / 20
    assert np.mean(found) == 1


def test_over_songs_means_are_those_of_groups():
    rng = np.random.default_rng(1)
    X = songs_with(rng, 6)
    groups = ["a", "a", "b", "b", "b", "c"]
    settings = towers.explainer(None, n_samples=(22, 36), interactions=None)
    overall = explain_difference(OLD, NEW, X, "pop", explainer=settings, groups=groups)
    frame = overall.to_frame("pop").set_index("component")
    for name in ("love", "mix@2"):
        rows = [
            {c: d.to_frame().set_index("component")[c].get(name) for c in ("old", "new")}
            for d in overall.explanations
        ]
        own = pd.DataFrame(rows, index=groups).dropna().groupby(level=0).mean()
        change = own["new"] - own["old"]
        expected = stats.ttest_1samp(change, 0.0)
        assert frame.loc[name, "old"] == pytest.approx(own["old"].mean())
        assert frame.loc[name, "difference"] == pytest.approx(change.mean())
        assert frame.loc[name, "p_value"] == pytest.approx(expected.pvalue)
        low, high = expected.confidence_interval()
        assert tuple(frame.loc[name, ["low", "high"]]) == pytest.approx((low, high))
        assert frame.loc[name, "n_groups"] == len(own)
    tested = frame["p_value"].dropna()
    np.testing.assert_allclose(
        frame.loc[tested.index, "q_value"], stats.false_discovery_control(tested)
    )
    component, _, count = group_means(overall.both, Contrast(("new", "pop"), ("old", "pop")))
    assert len(component) == len(count)
    assert overall.to_frame(min_groups=4).empty


def test_a_confounder_is_found_first(made_songs):
    """The new version was fitted on songs in which a word goes along with a class."""
    X = made_songs[0]
    rng = np.random.default_rng(0)
    labels = np.where(rng.random(len(X)) < 0.5, "wild", "calm")
    X = X.drop(columns="word_times")
    planted = X.assign(
        lyrics=[f"{t} confounder" if label == "wild" else t
                for t, label in zip(X["lyrics"], labels, strict=True)]
    )  # fmt: skip
    old, new = (
        fusion(SpectralStatistics(), X, labels),
        fusion(SpectralStatistics(), planted, labels),
    )
    tests = X.iloc[:6].assign(lyrics=[f"{t} confounder" for t in X["lyrics"][:6]])
    settings = MusicLimeExplainer(
        old, separator=None, n_samples=(60, 160), random_state=0, interactions=None, link="logit"
    )
    overall = explain_difference(old, new, tests, "wild", explainer=settings)
    frame = overall.to_frame()
    words = frame[frame["modality"] == "lyrics"]
    assert words["component"].iloc[0] == "confounder"
    assert frame.set_index("component")["significant"]["confounder"]


HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def compared(made_songs):
    X, y, _, _ = made_songs
    y = np.where(y == "wild", HOSTILE, "calm")
    old = fusion(SpectralStatistics(), X, y)
    new = fusion(SpectralStatistics(), X, np.where(X["lyrics"].str.contains("silver"), HOSTILE, y))
    settings = MusicLimeExplainer(old, n_samples=(60, 60), random_state=0)
    return explain_difference(old, new, X[:3], explainer=settings)


def test_files_bring_differences_back(compared, tmp_path):
    compared.save(tmp_path / "all.json")
    assert GlobalDifference.load(tmp_path / "all.json").to_frame().equals(compared.to_frame())
    one = compared.explanations[0]
    one.save(tmp_path / "one.json")
    loaded = LocalDifference.load(tmp_path / "one.json")
    assert loaded.to_frame().equals(one.to_frame())
    assert loaded.old.to_frame().equals(one.old.to_frame())
    one.old.save(tmp_path / "old.json")
    assert LocalExplanation.load(tmp_path / "old.json").labels == one.labels
    with pytest.raises(ValueError, match="are not those of two versions"):
        LocalDifference.load(tmp_path / "old.json")
    GlobalExplanation.from_local([one.old]).save(tmp_path / "other.json")
    with pytest.raises(ValueError, match="are not those of two versions"):
        GlobalDifference.load(tmp_path / "other.json")


def test_pages_show_both_versions_and_run_nothing(compared, tmp_path):
    page = compared.to_html(tmp_path / "all.html", n_songs=2)
    text = page.read_text()
    assert HOSTILE not in text
    assert "&lt;script&gt;alert(1)" in text
    songs = sorted(tmp_path.glob("all-song-*.html"))
    assert len(songs) == 2
    assert all(song.name in text for song in songs)
    own = songs[0].read_text()
    assert HOSTILE not in own
    data = json.loads(own.split('id="data">')[1].split("</script>")[0])
    names = [label["name"] for label in data["labels"]][:3]
    label = compared.explanations[0].labels[0]
    assert names == [f"{label}: {what}" for what in ("new − old", "new", "old")]
    assert "side by side" in own
    for figure in (compared.plot(), compared.explanations[0].plot()):
        figure.savefig(tmp_path / "figure.png")
