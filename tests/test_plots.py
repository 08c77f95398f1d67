"""Figures, against pictures that were looked at; text is left out, since fonts differ."""

import io
import os
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.testing.compare import compare_images
from matplotlib.testing.decorators import remove_ticks_and_titles
from matplotlib.text import Text

from sklearn_musiclime import GlobalExplanation, LocalExplanation
from sklearn_musiclime.components import AudioComponents, Decomposition, split_lyrics
from sklearn_musiclime.report import (
    fonts,
    plot_audio,
    plot_class_audio,
    plot_class_words,
    plot_interactions,
    plot_lyrics,
    plot_top,
)
from sklearn_musiclime.report.canvas import new_figure
from sklearn_musiclime.report.lettering import draw_text
from sklearn_musiclime.surrogate.interactions import Interactions

BASELINE = Path(__file__).with_name("baseline")
TOLERANCE = 12
"""Root mean square of the difference of pixels, out of 255."""


def explanation(row=0, label="wild"):
    rng = np.random.default_rng(row)
    time = np.arange(22050 * 2) / 22050
    sources = np.stack([np.sin(2 * np.pi * 3 * time) * time, np.exp(-5 * (time % 0.5))])
    borders = np.linspace(0, 44100, 6).astype(int)
    components = Decomposition(
        AudioComponents(sources.sum(axis=0), ("voice", "drums"), sources, borders, 22050),
        split_lyrics("and everybody dreams of the storm\nof the sea\n\nand the sea dreams"),
    )
    weights = rng.normal(size=(1, len(components)))
    pairs = np.array([[0, 12], [7, 15]])
    return LocalExplanation(
        title="song", row=row, prediction={label: 0.7}, labels=[label], components=components,
        weights=weights, intercept=np.zeros(1), fidelity=np.ones(1), local_prediction=np.ones(1),
        std_err=np.full_like(weights, 0.1), shares=np.array([[0.6, 0.3, 0.1]]),
        shares_std_err=np.zeros((1, 3)), corner_scores=np.zeros((1, 4)),
        interaction_terms=Interactions(
            pairs, np.array([[1.0, -0.5]]), np.full((1, 2), 0.1), np.zeros((1, 2))
        ),
    )  # fmt: skip


def overall():
    explanations = [explanation(row, ("calm", "wild")[row % 2]) for row in range(8)]
    return GlobalExplanation.from_local(explanations)


FIGURES = {
    "local": lambda: explanation().plot(),
    "audio": lambda: plot_audio(explanation()).figure,
    "top": lambda: plot_top(explanation(), n=5).figure,
    "interactions": lambda: plot_interactions(explanation()).figure,
    "lyrics": lambda: plot_lyrics(explanation()).figure,
    "global": lambda: overall().plot(),
    "class_audio": lambda: plot_class_audio(overall(), "wild").figure,
    "class_words": lambda: plot_class_words(overall(), "wild").figure,
    "comparison": lambda: overall().plot_comparison("calm", "wild"),
}


def without_text(figure):
    """The figure in the layout that it has with text, without it."""
    figure.set_layout_engine(None)
    figure.set_size_inches(np.round(figure.get_size_inches(), 1))  # whole pixels
    figure.subplots_adjust(left=0.1, right=0.95, bottom=0.1, top=0.95, hspace=0.4, wspace=0.3)
    remove_ticks_and_titles(figure)
    for text in figure.findobj(Text):
        text.set_text("")
        if text.get_bbox_patch() is not None:
            text.set_bbox(None)
    return figure


@pytest.mark.parametrize("name", FIGURES)
def test_figures_look_as_they_did(name, tmp_path):
    with mpl.rc_context(mpl.rcParamsDefault):
        figure = without_text(FIGURES[name]())
        figure.savefig(tmp_path / f"{name}.png", dpi=60, metadata={"Software": None})
    expected = BASELINE / f"{name}.png"
    if os.environ.get("NEW_BASELINE"):  # to be looked at before it is committed
        BASELINE.mkdir(exist_ok=True)
        figure.savefig(expected, dpi=60, metadata={"Software": None})
    assert compare_images(str(expected), str(tmp_path / f"{name}.png"), tol=TOLERANCE) is None


def test_a_picture_of_something_else_is_told_apart(tmp_path):
    other = explanation()
    other.weights[:] *= -1
    with mpl.rc_context(mpl.rcParamsDefault):
        without_text(plot_audio(other).figure).savefig(tmp_path / "audio.png", dpi=60)
    found = compare_images(str(BASELINE / "audio.png"), str(tmp_path / "audio.png"), tol=TOLERANCE)
    assert found is not None


@pytest.mark.parametrize("name", ["audio", "top", "interactions", "lyrics"])
def test_one_column_is_legible(name):
    figure = FIGURES[name]()
    assert figure.get_figwidth() == 3.5
    figure.canvas.draw()
    box = figure.bbox
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip():
            assert text.get_fontsize() >= 7
            extent = text.get_window_extent()
            assert extent.x1 > box.x0 - 2
            assert extent.x0 < box.x1 + 2


@pytest.mark.parametrize("plot", [plot_audio, plot_top, plot_interactions, plot_lyrics])
def test_axes_are_drawn_into_and_pyplot_is_left_alone(plot):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    ax = Figure().add_subplot()
    assert plot(explanation(), ax=ax) is ax
    assert ax.has_data() or ax.texts
    assert plt.get_fignums() == before


def test_what_was_not_explained_is_not_drawn():
    of_audio = explanation()
    n_audio = of_audio.components.n_audio
    of_audio = LocalExplanation(**{
        **of_audio.__dict__, "components": Decomposition(of_audio.components.audio, None),
        "weights": of_audio.weights[:, :n_audio], "std_err": of_audio.std_err[:, :n_audio],
        "dof": None,
        "interaction_terms": None,
    })  # fmt: skip
    with pytest.raises(ValueError, match="lyrics were not explained"):
        plot_lyrics(of_audio)
    with pytest.raises(ValueError, match="not estimated"):
        plot_interactions(of_audio)
    assert len(of_audio.plot().axes) == 3  # lanes, their colour bar, bars


def test_letters_are_looked_for_in_every_installed_font(monkeypatch):
    """A font that has a letter is taken, preferred ones first; no other is."""
    letters = {"Plain": "ab", "Noto Sans": "ж", "Aaa": "жש", "Zzz": "ש"}
    monkeypatch.setattr(fonts, "_paths", lambda: dict.fromkeys(letters, ""))
    monkeypatch.setattr(fonts, "_letters", lambda family: frozenset(map(ord, letters[family])))
    fonts._others.cache_clear()
    found = fonts.fonts_for("a ж\u200dש\ufe0f愛", "Plain")
    fonts._others.cache_clear()
    assert found == (["Plain", "Noto Sans", "Aaa"], {"愛"})


def test_a_script_without_a_font_is_said_once():
    fonts._warn_of.cache_clear()
    figure = new_figure(2, 2)  # matplotlib warns of each letter, and each time
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(2):
            draw_text(figure.suptitle, "\U00012000 cuneiform \U00012001")
        figure.savefig(io.BytesIO())
    assert [str(w.message) for w in said] == [
        "no installed font has the letters of Cuneiform, which are drawn as boxes; install one "
        "that has them, such as 'Noto Sans Cuneiform'"
    ]
