"""Why one label rather than another: contrasts of labels against what all masks give."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import towers
from populations import population_weights, sobol
from scipy.special import logit
from sklearn.base import clone

from sklearn_musiclime import Contrast, GlobalExplanation, LocalExplanation
from sklearn_musiclime import _explain_one as one_song
from sklearn_musiclime.proxy import shares
from sklearn_musiclime.report.local_page import local_page
from sklearn_musiclime.report.terminal import print_local

POP_FOLK = Contrast("pop", "folk")
LARGE = 0.3


def explain(labels, model=None, **settings):
    model = towers.Towers() if model is None else model
    X = towers.song()
    return towers.explainer(model, **settings).fit(X).explain(X, labels)[0]


def difference(model, link="identity"):
    """Function from masks to the difference of the scores of pop and folk."""

    def scores(masks):
        p = model.of_masks(masks)
        p = logit(p) if link == "logit" else p
        return p[:, 1] - p[:, 0]

    return scores


def black_box(model):
    return lambda X: model.predict_proba(X)


def test_a_contrast_is_a_label():
    assert str(POP_FOLK) == "pop rather than folk"
    assert POP_FOLK == Contrast("pop", "folk") != Contrast("folk", "pop")
    assert len({POP_FOLK, Contrast("pop", "folk"), Contrast(np.int64(1), 0), Contrast(1, 0)}) == 2
    assert sorted([Contrast("b", "a"), Contrast("a", "b")])[0].label == "a"
    assert pickle.loads(pickle.dumps(POP_FOLK)) == POP_FOLK
    with pytest.raises(ValueError, match="two labels, got 'pop' twice"):
        Contrast("pop", "pop")
    with pytest.raises(TypeError, match="is a contrast"):
        Contrast(POP_FOLK, "rock")


@pytest.mark.parametrize("wrong", [Contrast("pop", "polka"), Contrast("polka", "pop")])
def test_both_of_its_labels_must_be_known(wrong):
    with pytest.raises(ValueError, match="the model has no label 'polka'"):
        explain([wrong])


@pytest.mark.parametrize("link", ["identity", "logit"])
def test_all_masks_give_the_weights_of_the_difference(link):
    model = towers.Towers(together=1.0)
    found = explain([POP_FOLK, "pop"], model, design="exhaustive", link=link, n_samples=10_000)
    truth = population_weights(difference(model, link), towers.N, 0.25)
    np.testing.assert_allclose(found.weights[0], truth, rtol=1e-6, atol=1e-9)
    assert not found.std_err.any()
    everything = difference(model, link)(np.ones((1, towers.N)))
    assert found.prediction[POP_FOLK] == pytest.approx(everything[0])
    assert found.modality_scores()["both"] == pytest.approx(everything[0])
    np.testing.assert_allclose(
        found.modality_share()["share"],
        sobol(difference(model, link), towers.N_SEGMENTS, len(towers.WORDS)),
        atol=1e-6,
    )
    masks = towers.masks_of_all()
    one, other = masks[:, 0] * 2 - 1, masks[:, towers.N_SEGMENTS + 4] * 2 - 1
    together = 4 * (one * other * difference(model, link)(masks)).mean()
    pairs = found.interactions(fdr=None).set_index(["first", "second"])["weight"]
    assert pairs["mix@0", "love"] == pytest.approx(together)


@pytest.mark.parametrize(
    ("design", "settings"),
    [
        ("crossed", {"n_samples": (24, 30)}),
        ("paired", {"n_samples": 80, "proxy": None}),
        ("paired", {"n_samples": 80}),
        ("independent", {"n_samples": 80, "proxy": None, "link": "logit"}),
        ("exhaustive", {"kernel": "shapley", "proxy": None}),
    ],
)
def test_one_run_gives_what_naming_the_contrast_gives(design, settings):
    both = explain(["pop", "folk"], design=design, **settings)
    named = explain([POP_FOLK], design=design, **settings)
    found = both.contrast("pop", "folk")
    assert found.labels == named.labels == [POP_FOLK]
    for name in ("weights", "std_err", "dof", "fidelity", "local_prediction", "shares",
                 "shares_std_err", "corner_scores"):  # fmt: skip
        np.testing.assert_allclose(
            getattr(found, name), getattr(named, name), rtol=1e-6, atol=1e-9, err_msg=name
        )
    for name in ("weights", "std_err", "q_values"):
        terms = (e.interaction_terms for e in (found, named))
        np.testing.assert_allclose(*(getattr(t, name) for t in terms), rtol=1e-6, atol=1e-9)
    if settings.get("proxy", "auto") is None or design == "crossed":
        np.testing.assert_allclose(found.weights[0], both.weights[0] - both.weights[1], atol=1e-9)
    assert found.prediction[POP_FOLK] == pytest.approx(named.prediction[POP_FOLK])
    reverse = both.contrast("folk", "pop")
    np.testing.assert_array_equal(reverse.weights, -found.weights)
    np.testing.assert_array_equal(reverse.std_err, found.std_err)
    np.testing.assert_array_equal(
        reverse.interaction_terms.weights, -found.interaction_terms.weights
    )
    assert reverse.prediction[reverse.labels[0]] == -found.prediction[POP_FOLK]


def test_contrasts_change_nothing_else(monkeypatch):
    for settings in ({"n_samples": (16, 24)}, {"design": "paired", "n_samples": 80}):
        with_pairs = explain(["pop", "folk", "rock"], **settings)
        with monkeypatch.context() as patched:
            patched.setattr(one_song, "MOST_PAIRED", 0)
            without = explain(["pop", "folk", "rock"], **settings)
        assert with_pairs.contrasts.labels == [
            POP_FOLK, Contrast("pop", "rock"), Contrast("folk", "rock")
        ]  # fmt: skip
        assert without.contrasts is None
        assert with_pairs.labels == without.labels == ["pop", "folk", "rock"]
        for name in ("weights", "std_err", "dof", "shares", "shares_std_err", "fidelity"):
            np.testing.assert_array_equal(getattr(with_pairs, name), getattr(without, name))


def spread_over_seeds(n_seeds, link="identity", wrap=lambda model: model, **settings):
    """Weights and errors of the contrast, (n_seeds, N), errors if they were independent, truth."""
    model = towers.Towers(together=1.0)
    X = towers.song()
    names = {} if hasattr(wrap(model), "classes_") else {"output_names": towers.CLASSES}
    explainer = towers.explainer(wrap(model), link=link, **names, **settings)
    rows = []
    for seed in range(n_seeds):
        found = clone(explainer).set_params(random_state=seed).fit(X).explain(X, ["pop", "folk"])[0]
        own = found.contrast("pop", "folk")
        frame = own.to_frame()
        rows.append([
            own.weights[0], own.std_err[0], np.hypot(*found.std_err), frame["low"], frame["high"]
        ])  # fmt: skip
    truth = population_weights(difference(model, link), towers.N, 0.25)
    return *np.moveaxis(np.array(rows, dtype=float), 1, 0), truth


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"n_samples": (28, 48)},
        {"n_samples": (28, 48), "link": "logit"},
        {"n_samples": 80, "wrap": black_box, "proxy": None},
        pytest.param({"n_samples": 80, "wrap": black_box}, marks=pytest.mark.long),
        {"n_samples": 80, "wrap": black_box, "link": "logit", "design": "independent",
         "proxy": None},
    ],
    ids=["crossed", "crossed logit", "paired", "proxy", "independent logit"],
)  # fmt: skip
def test_errors_are_those_of_repetitions(settings, monkeypatch):
    """And not those of labels that were asked about apart, whose masks were not shared."""
    monkeypatch.setattr(one_song, "N_FREE", 500)  # quick rather than good
    monkeypatch.setattr(shares, "N_GRID", 10)
    weights, std_err, apart, low, high, truth = spread_over_seeds(64, interactions=None, **settings)
    is_large = np.abs(truth) >= LARGE * np.abs(truth).max()
    covered = ((low <= truth) & (truth <= high))[:, is_large]
    assert covered.mean() > 0.9
    assert covered.mean(axis=0).min() > 0.85  # 64 seeds: 0.95 less four errors
    spread = np.sqrt(np.square(weights - truth).mean(axis=0))
    error = np.sqrt(np.square(std_err).mean(axis=0))
    ratio = np.median((error / np.maximum(spread, 1e-12))[is_large])
    assert 0.7 < ratio < 1.5
    wrong = np.median(
        (np.sqrt(np.square(apart).mean(axis=0)) / np.maximum(spread, 1e-12))[is_large]
    )
    assert wrong > 1.5


def test_what_is_the_same_for_both_labels_is_no_reason():
    """Two labels of the same score up to rounding."""

    def scores(X):
        p = towers.Towers().predict_proba(X)[:, :1]
        return np.hstack([p, (p * 3.0) / 3.0, 1 - p])

    found = explain(["a", "b"], scores, output_names=["a", "b", "c"], n_samples=60)
    same = found.contrast("a", "b")
    assert not same.weights.any()
    assert not same.std_err.any()
    assert same.interactions().empty


def test_only_what_was_explained_can_be_contrasted():
    found = explain(["pop", "folk"], n_samples=(12, 12))
    with pytest.raises(ValueError, match=r"'rock' was not explained.*labels=\[Contrast"):
        found.contrast("pop", "rock")
    with pytest.raises(ValueError, match="two labels"):
        found.contrast("pop", "pop")
    named = explain(["pop", "folk", Contrast("rock", "folk")], n_samples=(12, 12))
    assert named.contrasts is None
    assert named.contrast("folk", "rock").weights[0] == pytest.approx(-named.weights[2])
    with pytest.raises(ValueError, match=r"not all contrasts .* were estimated"):
        named.contrast("pop", "folk")

    def many(X):
        return np.array([[float(k in text) for k in "abcdef"] for _, text in X])

    X = towers.song()
    six = towers.explainer(many, n_samples=60).fit(X).explain(X, "all")[0]
    with pytest.raises(ValueError, match=r"labels=\[Contrast\(label=0, other=1\)\]"):
        six.contrast(0, 1)


def test_tables_plots_and_pages_take_a_contrast(capsys):
    found = explain(["pop", "folk"], n_samples=(12, 24))
    own = found.contrast("pop", "folk")
    for name, *first in (
        ("to_frame",), ("top", 3), ("audio_map",), ("interactions",), ("modality_share",)
    ):  # fmt: skip
        mine, theirs = (getattr(e, name)(*first, POP_FOLK) for e in (found, own))
        assert mine.equals(theirs), name
    assert found.modality_scores(POP_FOLK).equals(own.modality_scores())
    np.testing.assert_array_equal(found.sonify(2, POP_FOLK), own.sonify(2))
    title = found.plot(label=POP_FOLK)._suptitle.get_text()
    assert "pop rather than folk" in title
    page = local_page(found)
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert [label["name"] for label in data["labels"]] == ["pop", "folk", "pop rather than folk"]
    assert data["labels"][2]["weights"] == own.weights[0].tolist()
    assert data["labels"][2]["of"] == ["pop", "folk"]
    assert dict(data["prediction"]).keys() == {"folk", "pop", "rock"}
    print_local(own)
    assert "Why pop rather than folk" in capsys.readouterr().out
    assert "pop rather than folk" in own._repr_html_()


def test_files_keep_contrasts(tmp_path):
    for labels in (["pop", "folk"], [POP_FOLK, "rock"], [Contrast((0, "a"), (1, "b"))]):
        settings = {"n_samples": (12, 24)}
        if labels[0] != "pop" and labels[0] != POP_FOLK:
            settings["output_names"] = [(0, "a"), (1, "b"), "c"]
        found = explain(labels, **settings)
        found.save(tmp_path / "song.json")
        loaded = LocalExplanation.load(tmp_path / "song.json")
        assert loaded.labels == labels
        for one in (found, loaded):
            assert one.prediction[labels[0]] == found.prediction[labels[0]]
            assert labels[0] not in loaded.prediction or labels[0] == "pop"
        if labels[0] == "pop":
            one, other = (e.contrast("folk", "pop") for e in (found, loaded))
            assert one.to_frame().equals(other.to_frame())
            assert one.interactions(fdr=None).equals(other.interactions(fdr=None))


def changed(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["contrasts"].update(labels=[{"label": "pop", "other": "polka"}]),
         "not of two of the labels"),
        (lambda d: d["contrasts"].update(labels=["pop"]), "not of two of the labels"),
        (lambda d: d["contrasts"].update(labels=[{"label": "pop", "other": "pop"}]), "itself"),
        (lambda d: d["contrasts"].update(labels=[{"label": "pop", "rather": "folk"}]),
         "neither a label nor a contrast"),
        (lambda d: d["contrasts"].update(labels=[{"label": {"label": 1, "other": 2}, "other": 3}]),
         "neither a label nor a contrast"),
        (lambda d: d["contrasts"]["weights"][0].pop(), "not of shape"),
        (lambda d: d["contrasts"].pop("std_err"), "missing"),
        (lambda d: d.update(contrasts=3), "an object"),
        (lambda d: d["labels"].append({"label": "pop", "other": "polka"}), "none of the label"),
    ],
)  # fmt: skip
def test_wrong_contrasts_of_files_are_refused(tmp_path, change, message):
    path = tmp_path / "song.json"
    explain(["pop", "folk"], n_samples=(12, 12)).save(path)
    changed(path, change)
    with pytest.raises(ValueError, match=message):
        LocalExplanation.load(path)


def test_over_many_songs_a_contrast_is_a_class(tmp_path):
    X = np.vstack([towers.song()] * 4)
    explainer = towers.explainer(towers.Towers(), n_samples=(12, 24)).fit(X)
    overall = explainer.explain_global(X, [POP_FOLK, "rock"])
    assert set(overall.labels) == {POP_FOLK, "rock"}
    overall.save(tmp_path / "overall.json")
    loaded = GlobalExplanation.load(tmp_path / "overall.json")
    assert loaded.importance().equals(overall.importance())
    assert loaded.importance()[POP_FOLK].notna().all()
    overall.to_html(tmp_path / "overall.html")
    assert "pop rather than folk" in (tmp_path / "overall.html").read_text()


def test_tol_and_the_cache_know_contrasts(tmp_path):
    model = towers.Towers(together=1.0)
    settings = {"design": "paired", "n_samples": 40, "proxy": None, "tol": 0.05}
    found = explain([POP_FOLK], model, max_samples=2000, memory=str(tmp_path), **settings)
    assert found.settings["converged"]
    assert found.settings["n_samples"] > 40
    truth = population_weights(difference(model), towers.N, 0.25)
    np.testing.assert_allclose(found.weights[0], truth, atol=0.2 * np.abs(truth).max())
    calls = model.n_encoded["audio"]
    again = explain([POP_FOLK], model, max_samples=2000, memory=str(tmp_path), **settings)
    assert model.n_encoded["audio"] == calls
    assert again.labels == [POP_FOLK]
    np.testing.assert_array_equal(again.weights, found.weights)


def test_labels_that_are_replaced_take_their_contrasts_away():
    found = explain(["pop", "folk"], n_samples=(12, 12))
    renamed = replace(found, labels=["a", "b"], prediction={"a": 0.5, "b": 0.2})
    assert renamed.contrasts is None
    assert renamed.prediction[Contrast("a", "b")] == pytest.approx(0.3)
    with pytest.raises(KeyError):
        renamed.prediction["c"]
    copied = pickle.loads(pickle.dumps(found))
    assert copied.prediction[POP_FOLK] == found.prediction[POP_FOLK]
