"""Files and pictures of global explanations."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_explanations import local

from sklearn_musiclime import GlobalExplanation, LocalExplanation


def test_saved_and_loaded(tmp_path):
    rng = np.random.default_rng(0)
    songs = [
        local(i, {"love": rng.normal()}, "love <b>\udc80", label=("genre", i % 2),
              pairs={("vocals@0", "love"): rng.normal()})
        for i in range(6)
    ]  # fmt: skip
    saved = GlobalExplanation.from_local(songs, groups=list("aabbcc"))
    saved.save(tmp_path / "global.json")
    loaded = GlobalExplanation.load(tmp_path / "global.json")
    assert loaded.labels == [("genre", 0), ("genre", 1)]
    assert loaded.components == saved.components
    for method in ("average", "lime", "homogeneity"):
        pd.testing.assert_frame_equal(loaded.importance(method), saved.importance(method))
    pd.testing.assert_frame_equal(loaded.interval()[0], saved.interval()[0])
    pd.testing.assert_frame_equal(loaded.interactions(fdr=None), saved.interactions(fdr=None))
    pd.testing.assert_frame_equal(loaded.modality_share(), saved.modality_share())
    pd.testing.assert_frame_equal(loaded.pick(2), saved.pick(2))
    np.testing.assert_array_equal(loaded.pair_totals.n_groups, saved.pair_totals.n_groups)
    with pytest.raises(ValueError, match="not a saved LocalExplanation"):
        LocalExplanation.load(tmp_path / "global.json")
    totals = GlobalExplanation.from_totals({"a": {"x": (1.0, 1)}})
    totals.save(tmp_path / "totals.json")
    loaded = GlobalExplanation.load(tmp_path / "totals.json")
    pd.testing.assert_frame_equal(loaded.importance(), totals.importance())
    assert loaded.songs is None


@pytest.mark.parametrize("groups", [None, list("aabbcc")])
def test_files_of_version_1_have_interactions_where_they_are_by_group(groups, tmp_path):
    songs = [local(i, {}, "love", pairs={("vocals@0", "love"): 1.0 + i}) for i in range(6)]
    saved = GlobalExplanation.from_local(songs, groups=groups)
    path = tmp_path / "global.json"
    saved.save(path)
    path.write_text(path.read_text().replace('"version": 3', '"version": 1'))
    arrays = dict(np.load(path.with_suffix(".npz")))
    del arrays["pair_n_groups"]
    np.savez(path.with_suffix(".npz"), **arrays)
    loaded = GlobalExplanation.load(path)
    pd.testing.assert_frame_equal(loaded.interval()[0], saved.interval()[0])
    if groups is None:
        pd.testing.assert_frame_equal(loaded.interactions(fdr=None), saved.interactions(fdr=None))
    else:  # sums over clips do not tell those over recordings
        with pytest.raises(ValueError, match="earlier release"):
            loaded.interactions()
    path.write_text(path.read_text().replace('"version": 1', '"version": 4'))
    with pytest.raises(ValueError, match=r"version 4 .* up to 3"):
        GlobalExplanation.load(path)


def test_numbers_of_another_explanation_are_refused(tmp_path):
    one, other = (
        GlobalExplanation.from_local([local(0, {"love": weight}, "love")]) for weight in (1.0, 2.0)
    )
    one.save(tmp_path / "run.1")
    other.save(tmp_path / "run.2")
    loaded = GlobalExplanation.load(tmp_path / "run.1")
    pd.testing.assert_frame_equal(loaded.importance(), one.importance())
    (tmp_path / "run.2.npz").replace(tmp_path / "run.1.npz")
    with pytest.raises(ValueError, match=r"run\.1'.*run\.1\.npz'.*not saved together"):
        GlobalExplanation.load(tmp_path / "run.1")


def texts_of(figure):
    figure.savefig(Path("/dev/null"), format="png")
    return [text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text"))]


def test_pictures_show_what_counts():
    songs = [local(i, {"vocals@1": 2.0, "love": 3.0 + i}, "love me") for i in range(3)]
    songs += [local(3 + i, {"vocals@0": 1.0}, "$x^2$ hate", label="<rock>$") for i in range(3)]
    found = GlobalExplanation.from_local(songs)
    figure = found.plot()
    texts = texts_of(figure)
    assert {"pop", "<rock>$", "love", "hate", "vocals"} <= set(texts)
    heat = [
        mesh for ax in figure.axes for mesh in ax.collections if hasattr(mesh, "get_coordinates")
    ]
    np.testing.assert_allclose(heat[0].get_array().ravel(), [1.0, 0.0])  # <rock>$, sorted first
    np.testing.assert_allclose(heat[1].get_array().ravel(), [0.0, 2.0])
    assert "love" in texts_of(found.plot(["pop"]))
    bars = found.plot_comparison("pop", "<rock>$")
    assert {"vocals@1", "love"} <= set(texts_of(bars))


def test_a_picture_of_two_classes_shows_what_is_not_known_without_bars():
    found = GlobalExplanation.from_totals({
        "pop": {"love": (9.0, 1), "night": (1.0, 1), "road": (2.0, 1)},
        "rock": {"night": (3.0, 1), "$x$": (4.0, 2), "road": (1.0, 1)},
    })  # fmt: skip
    figure = found.plot_comparison("pop", "rock", n=4)
    assert {"love", "only in pop: 9", "night", "road"} <= set(texts_of(figure))
    (ax,) = figure.axes
    assert [bar.get_width() for bar in ax.patches][:2] == [-2.0, 1.0]
    assert np.isnan([bar.get_width() for bar in ax.patches][2])
    both = found.plot_comparison("pop", "rock", n=8)
    assert {"only in pop: 9", "only in rock: 2"} <= set(texts_of(both))


@pytest.mark.parametrize("totals", [
    {"a": {"x": (1.0, 1)}},
    {"a": {"drums0": (1.0, 1), "drums1": (0.0, 1)}},
    {"a": {"drums0": (1.0, 1)}, "b": {"x": (1.0, 2)}},
])  # fmt: skip
def test_pictures_of_little(totals):
    found = GlobalExplanation.from_totals(totals)
    assert "a" in texts_of(found.plot())
    assert texts_of(found.plot(min_count=10))
    if len(totals) > 1:
        assert texts_of(found.plot_comparison("a", "b"))


def test_frame_lists_all():
    songs = [local(i, {"vocals@1": 2.0, "love": 3.0 + i}, "love me") for i in range(3)]
    frame = GlobalExplanation.from_local(songs).to_frame()
    love = frame.set_index("component").loc["love"]
    assert love["average"] == 4.0
    assert love["lime"] == pytest.approx(12**0.5)
    assert love["low"] < 4.0 < love["high"]
    assert len(frame) == 4
    top = GlobalExplanation.from_local(songs).top(1, modality="lyrics")
    assert top["component"].tolist() == ["love"]
    with pytest.raises(ValueError, match="modality"):
        GlobalExplanation.from_local(songs).top(1, modality="words")
    with pytest.raises(ValueError, match="no explanations"):
        GlobalExplanation.from_local([])


def test_notebooks_show_what_counts_and_no_markup():
    hostile = "<script>alert(1)</script>"
    songs = [local(i, {"vocals@1": 2.0, "love": 3.0}, "love", label=hostile) for i in range(2)]
    shown = GlobalExplanation.from_local(songs, sources=lambda name: hostile)._repr_html_()
    assert "<script" not in shown
    assert "love 3" in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;@1 2" in shown
