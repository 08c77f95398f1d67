"""Hostile behaviour: models that raise, change their songs, roll dice, or say far too little."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from hostile import LEGAL, REFUSED, Kind
from hypothesis import strategies as st
from oracle import SHARP, Towers, assert_linear, assert_sound, draw_world, quiet_is_right, same
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import BayesianRidge, Lasso

# Models that raise.


class WithoutText(Exception):
    def __str__(self):
        raise RuntimeError("no text either")


class OfThreeArguments(Exception):
    def __init__(self, a, b, c):
        super().__init__(a)


ERRORS = {
    "value": lambda: ValueError("no such artist"),
    "key": lambda: KeyError("artist"),
    "index": lambda: IndexError("artist"),
    "stop": lambda: StopIteration("artist"),
    "assertion": lambda: AssertionError(),
    "recursion": lambda: RecursionError("artist"),
    "system": lambda: OSError(28, "No space left on device"),
    "memory": lambda: MemoryError("artist"),
    "unicode": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "artist"),
    "warning": lambda: UserWarning("artist"),
    "without text": WithoutText,
    "of three": lambda: OfThreeArguments(1, 2, 3),
    "group": lambda: ExceptionGroup("artists", [ValueError("one"), KeyError("two")]),
}


def chain(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def raising(data):
    """A model that raises in the middle of one of three songs."""
    world = draw_world(data, n_segments=3, n_words=3)
    world = replace(world, as_frame=True)
    make = ERRORS[data.draw(st.sampled_from(list(ERRORS)))]
    bad, when = data.draw(st.integers(0, 2)), data.draw(st.sampled_from([1, 2, 5]))
    X = world.songs(3).assign(number=range(3))
    n_calls = [0]

    def model(X):
        if X["number"].iloc[0] == bad:
            n_calls[0] += 1
            if n_calls[0] >= when:
                raise make()
        return world.scores(X[["audio", "lyrics"]])

    ours = world.explainer(model, batch_size=20).fit(X)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        try:
            ours.explain(X)
        except Exception as error:
            found = list(chain(error))
            assert any(type(e) is type(make()) for e in found), found
            notes = "\n".join(note for e in found for note in getattr(e, "__notes__", ()))
            assert f"row {bad}" in notes, notes
            assert "batch" in notes or "the song itself" in notes, notes
        else:
            raise AssertionError("an error was swallowed")
        alone = [e for row in range(3) if row != bad for e in ours.explain(X[row : row + 1])]
    n_calls[0] = 0
    as_global = data.draw(st.booleans())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if as_global:
            overall = ours.explain_global(X, on_error="warn", keep_explanations=True)
            together = overall.explanations
            assert overall.failures["row"].tolist() == [bad]
        else:
            together = ours.explain(X, on_error="warn")
    told = [str(w.message) for w in caught if "could not be explained" in str(w.message)]
    assert len(told) == 1, told
    assert f"row {bad}" in told[0], told
    assert [e.row for e in together] == [row for row in range(3) if row != bad]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
    return REFUSED


# Models that change what they are given.


def _change_waveform(cell):
    y = cell["array"] if isinstance(cell, dict) else cell
    y *= 0
    y += 1e6
    if isinstance(cell, dict):
        cell["sampling_rate"] = -1
        cell["array"] = None


def mutating(data):
    """Samples, cells, columns and whole frames are changed, and kept."""
    world = draw_world(data, n_words=data.draw(st.integers(1, 4)))
    how = data.draw(st.sampled_from(["samples", "cells", "columns", "extra", "keep"]))
    modality = data.draw(st.sampled_from(["both", "audio", "lyrics"]))
    kept = []

    def model(X):
        scores = world.scores(X.iloc[:, :2] if world.as_frame else X[:, :2])
        cells = X.to_numpy(dtype=object) if world.as_frame else X
        if how in ("samples", "keep"):
            for cell in cells[:, 0]:
                _change_waveform(cell)
        if how == "cells":
            for row in range(len(X)):
                for column in range(2):
                    if world.as_frame:
                        X.iat[row, column] = None
                    else:
                        X[row, column] = None
        if how == "columns" and world.as_frame:
            for name in list(X):
                del X[name]
        if how == "extra":
            for times in cells[:, 2]:
                times += 1.0
        if how == "keep":
            kept.extend([X, cells])
        return scores

    X = world.songs()
    times = 1e-6 * np.arange(2.0 * world.n_words).reshape(-1, 2)  # within the audio
    if world.as_frame:
        X["word_times"] = [times]
    else:
        X = np.hstack([X, np.empty((1, 1), dtype=object)])
        X[0, 2] = times
    before = pickle_of(X)
    own = world.scores(X.iloc[:, :2] if world.as_frame else X[:, :2])
    with quiet_is_right():
        ours = world.explainer(
            model, modality=modality, batch_size=data.draw(st.sampled_from([4, 64]))
        )
        explanation = ours.fit(X).explain(X)[0]
    assert pickle_of(X) == before
    assert_sound(explanation, own)
    n_audio = world.n_sources * world.n_segments
    part = {"both": slice(None), "audio": slice(n_audio), "lyrics": slice(n_audio, None)}[modality]
    rest = world.coefficients.sum(axis=1) - world.coefficients[:, part].sum(axis=1)
    seen = replace(world, coefficients=world.coefficients[:, part], base=world.base + rest)
    assert_linear(explanation, seen)
    if explanation.components.lyrics is not None:
        found = [times for spans in explanation.components.lyrics.span_times for times in spans]
        np.testing.assert_array_equal(found, times)
    return LEGAL


def pickle_of(X):
    cells = X.to_numpy(dtype=object) if isinstance(X, pd.DataFrame) else X
    return repr([[np.asarray(c["array"]).tolist() if isinstance(c, dict) else np.asarray(c).tolist() for c in row] for row in cells])  # fmt: skip # noqa: E501


# Models that answer differently each time.


def random_models(data):
    """One warning says so, and standard errors hold."""
    world = draw_world(data, n_labels=1, n_words=data.draw(st.integers(1, 4)))
    noise = data.draw(st.sampled_from([0.02, 0.1, 1.0]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    X = world.songs()
    kernel = data.draw(st.sampled_from(["exponential", "shapley"]))
    options = {"kernel": kernel, "regressor": None if kernel == "shapley" else SHARP}
    ours = world.explainer(
        lambda X: world.scores(X) + rng.normal(0, noise, (len(X), 1)),
        n_samples=data.draw(st.sampled_from([200, 400])),
        design=data.draw(st.sampled_from(["paired", "independent"])),
        **options,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", ".*count for nothing")
        explanation = ours.fit(X).explain(X)[0]
    scale = abs(world.base + world.coefficients.sum())[0] + 3 * noise
    told = [w for w in caught if "scored the same song" in str(w.message)]
    few = [w for w in caught if "masks decide" in str(w.message)]
    assert len(told) <= 1
    assert len(told) + len(few) == len(caught)
    if not told:  # the two answers happened to be near each other
        return LEGAL
    assert_sound(explanation)
    if kernel == "exponential":
        # Wide: a false alarm in millions, and small samples of heavy leverage.
        error = np.abs(explanation.weights - world.coefficients)
        assert (error < 8 * explanation.std_err + 1e-9 * scale).all(), (error, explanation.std_err)
        assert (explanation.std_err > 0).all()
    return LEGAL


# Scales and constants.


def scales(data):
    """Scores of any size are explained alike."""
    world = draw_world(data, n_words=data.draw(st.integers(1, 4)))
    exponent = data.draw(st.integers(-1060, 1015))
    factor = 2.0**exponent
    design = data.draw(st.sampled_from(["paired", "independent", "exhaustive"]))
    options = {
        "design": design,
        "n_samples": 60,
        "kernel": data.draw(st.sampled_from(["exponential", "shapley"])),
    }
    options["regressor"] = None if options["kernel"] == "shapley" else SHARP
    pairs = ["auto", None] if options["kernel"] == "shapley" else ["auto", "cross", "all", None]
    options["interactions"] = data.draw(st.sampled_from(pairs))
    X = world.songs()
    labels = list(range(world.n_labels))
    with quiet_is_right():
        usual = world.explainer(lambda X: world.scores(X), **options).fit(X).explain(X, labels)[0]
        ours = world.explainer(lambda X: world.scores(X) * factor, **options).fit(X)
        explanation = ours.explain(X, labels)[0]
    assert_sound(explanation, world.scores(X) * factor)
    lost = 2.0**-1074 * 4  # of what is denormal
    for name in ("weights", "std_err", "intercept", "local_prediction"):
        mine, theirs = getattr(explanation, name), getattr(usual, name)
        np.testing.assert_allclose(mine, theirs * factor, rtol=1e-6, atol=1e-9 * factor + lost)
    if exponent > -1000:
        np.testing.assert_allclose(explanation.fidelity, usual.fidelity, atol=1e-9)
        np.testing.assert_allclose(explanation.shares, usual.shares, atol=1e-6)
        if explanation.interaction_terms is not None:
            found, known = explanation.interaction_terms, usual.interaction_terms
            np.testing.assert_allclose(found.q_values, known.q_values, atol=1e-6)
    return LEGAL


def constants(data):
    """A model that always says the same: nothing speaks for anything, and that is certain."""
    world = draw_world(data)
    value = data.draw(st.sampled_from([0.0, -0.0, 1.0, 0.1, -7.3, 1e-300, -1e300, 5e-324, 1 / 3]))
    world.coefficients[:] = 0
    world.base[:] = value
    X = world.songs()
    is_factored = world.n_words > 0 and data.draw(st.booleans())
    model = lambda X: np.full((len(X), world.n_labels), value)  # noqa: E731
    if is_factored:
        model = FrozenEstimator(Towers(world, same, same, lambda s: np.full(s.shape, value)))
    kernel = data.draw(st.sampled_from(["exponential", "shapley"]))
    plain = {"kernel": kernel, "regressor": None, "design": "auto"}
    if kernel == "exponential":
        plain["regressor"] = data.draw(st.sampled_from([None, SHARP, Lasso(0.1), BayesianRidge()]))
        plain["feature_selection"] = data.draw(
            st.sampled_from(["none", "highest_weights", "forward_selection", "lasso_path"])
        )
        plain["n_features"] = 2
    tol = data.draw(st.sampled_from([None, 0.1]))
    pairs = ["auto", None] if kernel == "shapley" else ["auto", "cross", "all", None]
    interactions = data.draw(st.sampled_from(pairs))
    with quiet_is_right():
        ours = world.explainer(model, tol=tol, interactions=interactions, **plain)
        explanation = ours.fit(X).explain(X)[0]
    assert_sound(explanation)
    assert (np.abs(explanation.weights) <= 1e-12 * abs(value)).all()
    assert (np.nan_to_num(explanation.std_err) <= 1e-12 * abs(value)).all()
    assert (explanation.fidelity == 1).all()
    assert (np.nan_to_num(explanation.shares) == 0).all()
    assert tol is None or explanation.settings["converged"]
    if explanation.interaction_terms is not None:
        assert (explanation.interaction_terms.weights == 0).all()
        assert (explanation.interaction_terms.q_values == 1).all()
    return LEGAL


KINDS = {
    "model: raising": Kind(raising, 0.15),
    "model: mutating": Kind(mutating, 0.6),
    "model: random": Kind(random_models, 0.4),
    "model: scales": Kind(scales, 0.6),
    "model: constant": Kind(constants, 0.6),
}
