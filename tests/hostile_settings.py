"""Hostile settings: parameters that are none, and all combinations of those that are."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from hostile import LEGAL, REFUSED, Kind
from hypothesis import strategies as st
from oracle import SAMPLES, SHARP, Giving, Levels, Towers, assert_sound, draw_world, refused, same
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from sklearn_musiclime import UniformSegmenter

ILLEGAL_SETTINGS = {
    "separator": ["hpss", 3, len, Levels],
    "segmenter": [None, "uniform", 10, UniformSegmenter],
    "lyric_units": ["letters", None, 3, ["words"]],
    "mask_token": [3, b"[MASK]", ["[MASK]"]],
    "modality": ["video", None, "Audio", 1],
    "design": ["fair", None, 2, "Paired"],
    "n_samples": [1, 0, -5, 2.5, "100", None, (100,), (1, 5), (5, 5, 5), np.nan, True, [], 8.0],
    "kernel": ["linear", None, abs, 1],
    "kernel_width": [0, -1, np.nan, "wide", None, -np.inf, [0.25]],
    "regressor": ["ridge", 3, Ridge, KNeighborsRegressor(), len],
    "feature_selection": ["best", None, 1, "lasso_path"],
    "n_features": [0, -1, 2.5, "all", np.inf],
    "interactions": ["some", True, 2, "both"],
    "linked": ["yes", None, 2],
    "tol": [0, -0.1, np.nan, "small", [0.1]],
    "max_samples": [0, -1, None, 2.5, "many", np.inf],
    "sampling_rate": [0, -1, "44.1 kHz", np.nan, [22050]],
    "output_names": ["valence", 3, ["a", "a"]],
    "kind": ["regression", 2, ["classes"]],
    "audio_column": [[], {}, ["audio"]],
    "batch_size": [0, -1, 2.5, "all", None, np.inf],
    "memory": [3, 2.5, ["cache"]],
    "n_jobs": ["all", 2.5, [1]],
    "random_state": [-1, "seed", 2.5, np.random.default_rng(0), [1]],
    "verbose": ["loud", -1, None],
}  # fmt: skip


def illegal_settings(data):
    """One error that names the parameter, in fit, before the model is asked."""
    world = draw_world(data)
    name = data.draw(st.sampled_from(list(ILLEGAL_SETTINGS)))
    value = data.draw(st.sampled_from(ILLEGAL_SETTINGS[name]))
    X = world.songs()
    ours = world.explainer(world.scores, **{name: value})
    match = "n_features" if isinstance(value, str) and value == "lasso_path" else name
    outcome = refused(lambda: ours.fit(X), match=match)
    # Nor after a fit with other parameters.
    ours = world.explainer(world.scores).fit(X).set_params(**{name: value})
    refused(lambda: ours.explain(X), match=match)
    assert not world.calls
    return outcome


def legal_settings(data):
    """Every combination is explained, or refused before the model is asked for much."""
    draw = lambda *values: data.draw(st.sampled_from(values))  # noqa: E731
    world = draw_world(data)
    X = world.songs()
    anything = data.draw(st.integers(0, 5)) == 5  # also what does not go together
    is_factored = world.n_words > 0 and draw(True, False)
    options = {
        "kernel": draw("exponential", "shapley"),
        "kernel_width": draw(0.25, 1, 25.0, np.inf),
        "lyric_units": draw("words", "word_positions", "lines", "sections"),
        "mask_token": draw(None, "", "[MASK]"),
        "interactions": draw("auto", "cross", "all", None),
        "linked": draw(False, False, False, True),
        "n_features": draw(1, 2, 50),
        "tol": draw(None, None, 0.5),
        "max_samples": draw(100, 200),
        "batch_size": draw(1, 16, "auto"),
    }
    is_shapley = options["kernel"] == "shapley"
    apart = is_factored and not is_shapley and not options["linked"]
    options["design"] = draw("auto", "paired", "independent", "exhaustive")
    if anything or (apart and draw(True, False)):
        options["design"] = "crossed"
    selections = ["none", "none", "highest_weights", "forward_selection", "lasso_path"]
    options["modality"] = draw(*["both"] * 3, *["audio", "lyrics"][: 2 * (not options["linked"])])
    options["feature_selection"] = draw(*selections[: None if anything or not is_shapley else 2])
    options["regressor"] = draw(None, *[SHARP] * (anything or not is_shapley))
    pairs = [(10, 20), [8, 6]] if anything or options["design"] == "crossed" else []
    options["n_samples"] = draw(2, 3, 20, 81, 81, *pairs)
    if options["linked"]:  # what it needs
        times = np.linspace(0, world.n_segments * SAMPLES / 22050, 2 * world.n_words).reshape(-1, 2)
        X = X if world.as_frame else pd.DataFrame(X, columns=["audio", "lyrics"])
        X["word_times"] = [times.tolist()]
        options["separator"] = Giving(lambda y: (["vocals"], y[np.newaxis]))
        world = replace(world, as_frame=True, n_sources=1, coefficients=world.coefficients * 0)
    model = world.scores
    if options["linked"]:
        model = lambda X: np.ones((len(X), 2))  # noqa: E731
    elif is_factored:
        model = FrozenEstimator(Towers(world, same, same, same))
    ours = world.explainer(model, **options)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            explanation = ours.fit(X).explain(X)[0]
    except ValueError as error:
        text = str(error)
        reasons = (
            "design='crossed'", "neither a regressor", "linked=True", "n_samples", "max_samples",
            "black box", "takes at most 20", "Shapley values need", "need all masks",
        )  # fmt: skip
        assert any(reason in text for reason in reasons), text
        assert sum(world.calls) <= 10
        return REFUSED
    told = {str(w.message) for w in caught}
    assert len(told) == len(caught), told
    reasons = ("too few masks", "not tol=", "masks decide", "count for nothing", "no score")
    assert all(any(reason in text for reason in reasons) for text in told), told
    assert_sound(explanation)
    own = model(X) if callable(model) else model.predict(X)
    np.testing.assert_allclose(list(explanation.prediction.values()), np.ravel(own))
    if options["linked"]:
        return LEGAL
    if options["lyric_units"] not in ("words", "word_positions"):
        return LEGAL
    n_audio = world.n_sources * world.n_segments
    part = {"both": slice(None), "audio": slice(n_audio), "lyrics": slice(n_audio, None)}
    known = world.coefficients[explanation.labels][:, part[options["modality"]]]
    enough = (
        explanation.settings["design"] == "exhaustive" or explanation.settings["n_samples"] >= 80
    )
    if is_shapley:  # they add up to how far the song is above its silence, however few the masks
        np.testing.assert_allclose(explanation.weights.sum(axis=1), known.sum(axis=1), atol=1e-8)
    is_plain = options["feature_selection"] == "none" and options["regressor"] is SHARP
    if enough and (is_shapley or is_plain):
        np.testing.assert_allclose(explanation.weights, known, atol=1e-5)
    return LEGAL


KINDS = {
    "settings: illegal": Kind(illegal_settings, 1.2),
    "settings: legal": Kind(legal_settings, 1.2),
}
