"""Draw how it works, for the README: a made song on its way through the package.

Everything in the picture is computed: the song's components, masks drawn over them, what a trained
model says of the perturbed songs, the weights. ``python benchmarks/picture.py`` writes
``results/how.png``.
"""

import tempfile
from itertools import pairwise

import numpy as np
from _results import FOLDER
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyArrowPatch
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import (
    MusicLimeExplainer,
    StemSeparator,
    UniformSegmenter,
    make_fusion_pipeline,
)
from sklearn_musiclime.datasets import make_songs, save_songs
from sklearn_musiclime.neighbourhood import draw_masks
from sklearn_musiclime.report.canvas import colour_map
from sklearn_musiclime.report.colours import AGAINST, DIVERGING, FOR, weight_colours

N_SONGS, SECONDS, N_SEGMENTS, N_MASKS = 120, 6.0, 8, 12
WORDS_SHOWN = 8
SOURCE_COLOURS = ("#4c78a8", "#72b7b2", "#b279a2", "#e0a13c")
GREY = "#444444"


def main():
    songs, classes, stems, truth = make_songs(N_SONGS, duration=SECONDS, random_state=0)
    chosen = int(np.argmax(truth.decision_function(songs)))
    others = np.arange(N_SONGS) != chosen
    model = make_fusion_pipeline().fit(songs[others], classes[others])
    with tempfile.TemporaryDirectory() as folder:
        song = save_songs(songs.iloc[[chosen]], [stems[chosen]], folder)
        explainer = MusicLimeExplainer(
            FrozenEstimator(model),
            separator=StemSeparator(sources=tuple(stems[chosen])),
            segmenter=UniformSegmenter(N_SEGMENTS),
            random_state=0,
        ).fit(song)
        explanation = explainer.explain(song)[0]
        masks = draw_masks("paired", len(explanation.components), N_MASKS, np.random.default_rng(1))
        ask = next(explainer.mask_functions(song))
        scores = ask(masks)[:, ask.column(explanation.labels[0])]

    figure, axes = plt.subplots(
        1, 5, figsize=(13, 3.3), width_ratios=[1.5, 1.9, 2.3, 0.9, 2.0], layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.16)
    draw_song(axes[0], explanation.components)
    draw_components(axes[1], explanation.components)
    draw_masks_as_rows(axes[2], explanation.components, masks)
    draw_scores(axes[3], scores, explanation.labels[0])
    draw_weights(axes[4], explanation)
    titles = (
        "a song",
        "its components:\nsources x segments, words",
        "masks leave some of them out,\na perturbed song each",
        "the model\nscores these",
        "a weighted linear model\nof the scores: the weights",
    )
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, fontsize=10, color=GREY)
    figure.canvas.draw()  # which lays the panels out
    figure.set_layout_engine("none")
    for left, right in pairwise(axes):
        arrow(figure, left, right)
    figure.savefig(FOLDER / "how.png", dpi=110)
    print(f"Wrote {FOLDER / 'how.png'}")


def draw_song(ax: Axes, components):
    """The waveform over the first lines of the lyrics."""
    mix = components.audio.mix
    columns = np.array_split(mix, 400)
    ax.fill_between(
        np.linspace(0, 1, 400), [c.min() for c in columns], [c.max() for c in columns], color=GREY
    )
    top = np.abs(mix).max()
    ax.set_ylim(-4.2 * top, 1.3 * top)
    lines = [line for line in components.lyrics.text.splitlines() if line][:5]
    ax.text(0.5, -1.6 * top, "\n".join(lines), ha="center", va="top", fontsize=8.5, color=GREY)
    ax.axis("off")


def draw_components(ax: Axes, components):
    """A lane a source, cut into segments; the words as tiles."""
    audio = components.audio
    for lane, (name, waveform) in enumerate(zip(audio.source_names, audio.sources, strict=True)):
        columns = np.array_split(waveform / (2.4 * np.abs(audio.sources).max()), 400)
        ax.fill_between(
            np.linspace(0, N_SEGMENTS, 400),
            [lane - c.max() for c in columns],
            [lane - c.min() for c in columns],
            color=SOURCE_COLOURS[lane],
        )
        ax.text(-0.15, lane, name, ha="right", va="center", fontsize=8.5, color=GREY)
    n_lanes = len(audio.source_names)
    ax.vlines(np.arange(N_SEGMENTS + 1), -0.5, n_lanes - 0.5, color="#bbbbbb", linewidth=0.8)
    for number, word in enumerate(components.lyrics.names[:WORDS_SHOWN]):
        row, column = divmod(number, 4)
        tile = {"facecolor": "#f2f2f2", "edgecolor": "#bbbbbb", "boxstyle": "round,pad=0.25"}
        ax.text(
            column * 2.05 + 0.9,
            n_lanes + 0.2 + 0.75 * row,
            word,
            ha="center",
            va="center",
            fontsize=8,
            bbox=tile,
            color=GREY,
        )
    ax.set_xlim(-1.6, N_SEGMENTS)
    ax.set_ylim(n_lanes + 1.4, -0.7)
    ax.axis("off")


def draw_masks_as_rows(ax: Axes, components, masks):
    """A row a perturbed song; what is kept is coloured by its source, words are grey."""
    n_audio = components.n_audio
    shown = np.r_[:n_audio, n_audio : n_audio + 2 * WORDS_SHOWN]
    image = np.ones((*masks[:, shown].shape, 3))
    for column, component in enumerate(shown):
        source = component // N_SEGMENTS
        colour = SOURCE_COLOURS[source] if component < n_audio else "#777777"
        image[masks[:, component], column] = to_rgb(colour)
    ax.imshow(image, aspect="auto", interpolation="nearest")
    ax.set_xticks(np.arange(-0.5, len(shown)), minor=True)
    ax.set_yticks(np.arange(-0.5, len(masks)), minor=True)
    ax.grid(which="minor", color="#ffffff", linewidth=1)
    ax.tick_params(which="both", length=0, labelleft=False, labelbottom=False)
    ax.spines[:].set_visible(False)


def draw_scores(ax: Axes, scores, label):
    """What the model says of each."""
    rows = np.arange(len(scores))
    ax.barh(rows, np.ones(len(scores)), color="#eeeeee", height=0.7)
    ax.barh(rows, scores, color=GREY, height=0.7)
    ax.set_ylim(len(scores) - 0.5, -0.5)
    ax.set_xlim(0, 1)
    ax.set_xlabel(f"P({label})", fontsize=9, color=GREY)
    ax.tick_params(labelleft=False, length=0, labelsize=8)
    ax.spines[:].set_visible(False)


def draw_weights(ax: Axes, explanation):
    """The audio's weights as a map, the words' as bars with their 95 % intervals."""
    audio_map = explanation.audio_map()
    n_lanes = len(audio_map)
    largest = np.abs(explanation.weights[0]).max()
    ax.imshow(
        audio_map,
        cmap=colour_map(DIVERGING),
        vmin=-largest,
        vmax=largest,
        extent=(0, N_SEGMENTS, n_lanes, 0),
        aspect="auto",
    )
    ax.vlines(np.arange(N_SEGMENTS + 1), 0, n_lanes, color="#ffffff", linewidth=1)
    ax.hlines(np.arange(n_lanes + 1), 0, N_SEGMENTS, color="#ffffff", linewidth=1)
    for lane, name in enumerate(audio_map.index):
        ax.text(-0.15, lane + 0.5, name, ha="right", va="center", fontsize=8.5, color=GREY)
    words = explanation.top(4, modality="lyrics")
    scale = 0.42 * N_SEGMENTS / words["weight"].abs().max()
    middle = N_SEGMENTS / 2
    for row, word in enumerate(words.itertuples()):
        y = n_lanes + 0.7 + 0.62 * row
        (colour,) = weight_colours(np.array([word.weight]), abs(word.weight))
        ax.barh(y, scale * word.weight, left=middle, height=0.45, color=colour)
        ax.errorbar(
            middle + scale * word.weight, y, xerr=1.96 * scale * word.std_err, color=GREY, capsize=2
        )
        ax.text(-0.15, y, word.component, ha="right", va="center", fontsize=8.5, color=GREY)
    ax.vlines(middle, n_lanes + 0.4, n_lanes + 2.85, color=GREY, linewidth=0.8)
    ax.text(middle + 0.15, n_lanes + 3.2, "for", color=FOR, fontsize=9, va="center")
    ax.text(
        middle - 0.15, n_lanes + 3.2, "against", color=AGAINST, fontsize=9, ha="right", va="center"
    )
    ax.set_xlim(-1.6, N_SEGMENTS)
    ax.set_ylim(n_lanes + 3.5, -0.2)
    ax.axis("off")


def arrow(figure, left: Axes, right: Axes):
    """From a panel to the next."""
    start, end = left.get_position().x1, right.get_position().x0
    middle = (start + end) / 2
    figure.add_artist(
        FancyArrowPatch(
            (middle - 0.008, 0.45),
            (middle + 0.008, 0.45),
            transform=figure.transFigure,
            arrowstyle="-|>",
            mutation_scale=14,
            color=GREY,
        )
    )


if __name__ == "__main__":
    main()
