"""Hostile factored models: what their encoders and their heads return."""

from __future__ import annotations

import itertools
import math
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import scipy.sparse
import torch
from hostile import LEGAL, REFUSED, Kind
from hostile_answers import ILLEGAL_FORMS, Buffer, read_only
from hypothesis import strategies as st
from oracle import (
    SAMPLES,
    Towers,
    assert_linear,
    assert_sound,
    draw_world,
    quiet_is_right,
    refused,
    same,
)
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

ENCODINGS = {
    "array": same,
    "float32": lambda e: e.astype(np.float32),
    "sparse": scipy.sparse.csr_array,
    "coo": scipy.sparse.coo_matrix,
    "tensor": lambda e: torch.tensor(e),
    "tensor with gradient": lambda e: torch.tensor(e, requires_grad=True),
    "list": lambda e: e.tolist(),
    "frame": lambda e: pd.DataFrame(e, index=[5] * len(e)),
    "booleans": lambda e: e.astype(bool),
    "read only": read_only,
}


def factored(data):
    world = draw_world(data, n_words=data.draw(st.integers(1, 4)))
    parts = {}
    for half in ("audio", "lyrics"):
        name = data.draw(st.sampled_from([*ENCODINGS, "buffer"]))
        parts[half] = Buffer() if name == "buffer" else ENCODINGS[name]
    X = world.songs()
    model = FrozenEstimator(Towers(world, head=same, **parts))
    design = data.draw(st.sampled_from(["auto", "crossed", "paired", "independent"]))
    with quiet_is_right():
        ours = world.explainer(
            model, design=design, batch_size=data.draw(st.sampled_from([3, "auto"]))
        )
        explanation = ours.fit(X).explain(X)[0]
    assert explanation.settings["model"] == "factored"
    assert_sound(explanation, world.scores(X))
    assert_linear(explanation, world)
    return LEGAL


BAD_ENCODINGS = {
    "a row too few": lambda e: e[1:],
    "a row too many": lambda e: np.vstack([e, e[:1]]),
    "NaN": lambda e: e * np.nan,
    "a number": lambda e: 1.0,
    "None": lambda e: None,
    "ragged": lambda e: [[1.0], *([1.0, 2.0] for _ in e)],
    "strings": lambda e: "encoded",
    "raises": lambda e: [][1],
    "other columns": lambda e: e if len(e) == 1 else np.hstack([e, e])[:, : len(e) % 2],
    "random": lambda e: e + np.random.default_rng().normal(0, 100, e.shape),
    "of the batch": lambda e: e * len(e),
}


def bad_factored(data):
    """Encodings, or a head, that can't be right."""
    world = draw_world(data, n_segments=3, n_words=4)
    world.coefficients[world.coefficients == 0] = 1.0
    name = data.draw(st.sampled_from(list(BAD_ENCODINGS)))
    where = data.draw(st.sampled_from(["audio", "lyrics"]))
    parts = {"audio": same, "lyrics": same, "head": same} | {where: BAD_ENCODINGS[name]}
    is_head = data.draw(st.integers(0, 3)) == 0
    if is_head:
        form = ILLEGAL_FORMS[
            data.draw(st.sampled_from(["NaN", "3-D", "a row too few", "None", "strings"]))
        ]
        rng = np.random.default_rng(0)
        calls = itertools.count()
        parts = {"audio": same, "lyrics": same}
        parts["head"] = lambda s: s if next(calls) < 1 else form(s, rng)
    X = world.songs()
    ours = world.explainer(FrozenEstimator(Towers(world, **parts)), design="auto")
    if is_head:  # which the whole model has, too
        return refused(lambda: ours.fit(X).explain(X), Exception, row=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        explanation = ours.fit(X).explain(X)[0]
    others = ("masks decide", "count for nothing")
    told = [str(w.message) for w in caught]
    told = [text for text in told if not any(other in text for other in others)]
    assert len(told) == 1, told
    assert told[0].startswith("row 0: the model is scored as a black box"), told
    assert explanation.settings["model"].startswith("black box: ")
    assert_sound(explanation, world.scores(X))
    assert_linear(explanation, world)
    return REFUSED


def pipelines(data):
    """A ColumnTransformer of branches whose outputs are all that scikit-learn takes."""
    world = draw_world(data, n_words=data.draw(st.integers(1, 4)), n_labels=1)
    world = replace(world, as_frame=True)
    world.coefficients[0, :2] = 1.0, -1.0
    forms = {name: ENCODINGS[name] for name in ("array", "float32", "sparse", "frame", "read only")}
    forms["NaN"] = BAD_ENCODINGS["NaN"]
    forms["a row too few"] = BAD_ENCODINGS["a row too few"]
    audio, lyrics = (data.draw(st.sampled_from(list(forms))) for _ in range(2))
    is_fit = [False]

    def branch(masks, form):
        def transform(column):
            if isinstance(column, pd.DataFrame):
                column = column.iloc[:, 0]
            encoded = masks(column).astype(float)
            return forms[form](encoded) if is_fit[0] or form in ENCODINGS else encoded

        return FunctionTransformer(transform)

    selection = data.draw(st.sampled_from([("audio", "lyrics"), (["audio"], ["lyrics"])]))
    columns = make_column_transformer(
        (branch(world.audio_masks, audio), selection[0]),
        (branch(world.lyric_masks, lyrics), selection[1]),
        sparse_threshold=data.draw(st.sampled_from([0, 1])),
    )
    steps = [StandardScaler(with_mean=False)] if data.draw(st.booleans()) else []
    rng = np.random.default_rng(0)
    X = pd.concat([world.songs()] * 40, ignore_index=True)
    for row in range(1, len(X)):  # songs that differ, to learn from
        keep = rng.integers(0, 2, world.n_words).astype(bool)
        X.at[row, "lyrics"] = " ".join(f"w{i}" for i in np.flatnonzero(keep))
        y = rng.integers(0, 2**world.n_sources, world.n_segments).astype(np.float32)
        y = np.repeat(y, SAMPLES)
        X.at[row, "audio"] = {"array": y, "sampling_rate": 22050} if world.as_mapping else y
    model = make_pipeline(columns, *steps, Ridge(alpha=1e-10, solver="sparse_cg", tol=1e-13))
    model.fit(X, world.scores(X)[:, 0])
    is_fit[0] = True
    ours = world.explainer(FrozenEstimator(model), design="auto").fit(X)
    if {audio, lyrics} & {"NaN", "a row too few"}:
        return refused(lambda: ours.explain(X[:1]), row=0)
    with quiet_is_right():
        explanation = ours.explain(X[:1])[0]
    assert explanation.settings["model"] == "factored"
    assert_sound(explanation)
    assert math.isclose(explanation.prediction[0], world.scores(X[:1])[0, 0], abs_tol=1e-6)
    assert_linear(explanation, world, rtol=1e-4)
    return LEGAL


KINDS = {
    "model: factored": Kind(factored, 0.8),
    "model: bad factored": Kind(bad_factored, 0.8),
    "model: pipelines": Kind(pipelines, 0.4),
}
