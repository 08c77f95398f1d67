"""Hostile saved explanations: documents and arrays that someone tampered with."""

from __future__ import annotations

import copy
import io
import json
import math
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from hostile import LEGAL, REFUSED, Kind
from hypothesis import strategies as st
from odd import RATE, TEXT, folder, mutated

from sklearn_musiclime import (
    GlobalExplanation,
    LocalExplanation,
    MusicLimeExplainer,
    UniformSegmenter,
)


@cache
def saved_local() -> tuple[str, bytes]:
    """A small local explanation with everything in it, as it is saved."""
    X = np.empty((1, 3), dtype=object)
    words = "love is all\nlove"
    times = [(0.0, 0.01), (0.01, 0.02), (0.02, 0.03), (0.03, 0.04)]
    X[0] = [np.sin(np.arange(400.0)).astype(np.float32), words, times]

    def model(batch):
        return np.array(
            [[float(np.abs(y).mean()), 0.5 * ("love" in words)] for y, words, _ in batch]
        )

    explainer = MusicLimeExplainer(
        model, separator=None, segmenter=UniformSegmenter(3), interactions="all", n_samples=60,
        random_state=0, sampling_rate=RATE,
    )  # fmt: skip
    explanation = explainer.fit(X).explain(X, labels=[0, 1])[0]
    path = folder() / "base.json"
    explanation.save(path)
    return path.read_text(), path.with_suffix(".npz").read_bytes()


@cache
def saved_global() -> tuple[str, bytes]:
    """A small global explanation with everything in it, as it is saved."""
    path = folder() / "base.json"
    explanations = []
    for row in range(4):
        text, arrays = saved_local()
        path.write_text(text)
        path.with_suffix(".npz").write_bytes(arrays)
        one = LocalExplanation.load(path)
        noise = np.random.default_rng(row).normal(size=one.weights.shape)
        explanations.append(
            LocalExplanation(**(one.__dict__ | {"row": row, "weights": one.weights + noise}))
        )
    GlobalExplanation.from_local(explanations, groups=list("aabb")).save(path)
    return path.read_text(), path.with_suffix(".npz").read_bytes()


JSON_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 500),
    st.sampled_from([10**12, 10**30, 2**53, 2**63, -1, math.nan, math.inf, -math.inf, 1e308, 0.5]),
    TEXT,
    st.sampled_from(["../../etc/passwd", "/dev/zero", "<script>alert(1)</script>", "a" * 1000]),
    st.recursive(
        st.one_of(st.none(), st.integers(-2, 12), st.floats(), st.text(max_size=3)),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=12,
    ),
)


def places_in(value, at=()):
    """The places of all values in a document."""
    yield at
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places_in(inner, (*at, key))


def broken_document(data: st.DataObject, text: str) -> str:
    """A document with some values replaced, taken out, doubled, swapped, or with broken letters."""
    if data.draw(st.integers(0, 9), label="letters") == 0:
        return mutated(data, text.encode(), len(text)).decode("latin-1")
    document = json.loads(text)
    for _ in range(data.draw(st.integers(1, 3), label="changes")):
        places = list(places_in(document))[1:]
        # A kind of place first, so that long lists don't get it all.
        name = data.draw(st.sampled_from(sorted({str(place[0]) for place in places})))
        of_name = [place for place in places if str(place[0]) == name]
        place = data.draw(st.sampled_from(of_name), label="place")
        parent = document
        for key in place[:-1]:
            parent = parent[key]
        change = data.draw(
            st.sampled_from(["replace", "nudge", "nudge", "remove", "double", "other"])
        )
        if change == "replace":
            parent[place[-1]] = data.draw(JSON_VALUES, label="value")
        elif change == "nudge":
            value = parent[place[-1]]
            parent[place[-1]] = (
                f"{value}</script>{{{{7*7}}}}"
                if isinstance(value, str)
                else value * 1.5
                if isinstance(value, float)
                else value + 1
                if isinstance(value, int)
                else value
            )
        elif change == "remove":
            del parent[place[-1]]
        elif change == "double" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[place[-1]]))
        else:
            other = data.draw(st.sampled_from(places), label="other")
            value = document
            for key in other:
                value = value[key] if not isinstance(value, list) or key < len(value) else None
                if value is None:
                    break
            parent[place[-1]] = copy.deepcopy(value)
    return json.dumps(document)


def broken_arrays(data: st.DataObject, content: bytes) -> bytes:
    """An archive with broken bytes, or with arrays that are not what they should be."""
    form = data.draw(st.sampled_from(["bytes", "replace", "header", "extra", "compress", "twice"]))
    if form == "bytes":
        return mutated(data, content, len(content))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = data.draw(st.sampled_from(sorted(members)), label="member")
    compression, more = zipfile.ZIP_STORED, []
    if form == "replace":
        array = np.load(io.BytesIO(members[name]), allow_pickle=False)
        dtype = data.draw(st.sampled_from(["f2", "f4", "f8", "i4", "i8", "u8", "O", "U2", "c16"]))
        values = data.draw(st.sampled_from([0.0, -1.0, 1e9, 3e18, np.nan, np.inf, None]))
        with np.errstate(all="ignore"):
            array = array.astype(dtype) if values is None else np.full_like(array, values)
        if data.draw(st.booleans(), label="longer"):
            array = np.concatenate([array, array])
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        members[name] = file.getvalue()
    elif form == "header":
        shape = data.draw(
            st.sampled_from([b"(1000000000000,)", b"(-1,)", b"()", b"(3, 3, 3)", b"(1e3,)", b"[5]",
                             b"(" * 5000, b"(99999999999999999999999,)", b"__import__('os')"])
        )  # fmt: skip
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + b", }\n"
        members[name] = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    elif form == "compress":
        compression = zipfile.ZIP_DEFLATED
    elif form == "extra":
        more = [(data.draw(st.sampled_from(["x.npy", "../x.npy", "run.py", "/etc/x"])), b"x")]
    else:
        more = [(name, members[name])]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for item in [*members.items(), *more]:
            archive.writestr(*item)
    return file.getvalue()


def without_digest(data: st.DataObject, text: str) -> str:
    """A document as it is, or of the version that did not tell broken arrays by their digest."""
    old = data.draw(st.booleans(), label="of version 2")
    return text.replace('"version": 3', '"version": 2') if old else text


def saved_local_explanations(data: st.DataObject) -> str:
    """Local explanations that someone tampered with: refused, or all that they offer works."""
    text, arrays = saved_local()
    path = folder() / "local.json"
    if data.draw(st.integers(0, 2), label="in the arrays") == 0:
        arrays = broken_arrays(data, arrays)
        text = without_digest(data, text)
    else:
        text = broken_document(data, text)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    path.with_suffix(".npz").write_bytes(arrays)
    return check_local(path)


def check_local(path: Path) -> str:
    """All that must hold of a file that is loaded as a local explanation."""
    try:
        explanation = LocalExplanation.load(path)
    except ValueError as error:
        assert path.stem in str(error)
        assert len(str(error)) < 2000
        return REFUSED
    for label in explanation.labels:
        assert len(explanation.to_frame(label)) == len(explanation.components)
        explanation.top(3, label)
        explanation.audio_map(label)
        explanation.modality_share(label)
        if explanation.interaction_terms is not None:
            explanation.interactions(label, fdr=None)
    if explanation.components.lyrics is not None:
        chunks = explanation.components.lyrics.chunks
        assert "".join(on for _, on, _ in chunks) == explanation.components.lyrics.text
    repr(explanation)
    assert "<script>" not in explanation._repr_html_()
    explanation.plot(n=3)
    audio = explanation.components.audio
    if audio is not None and audio.mix is not None:
        assert np.isfinite(explanation.sonify(2)).all()
    again = path.with_name("again.json")
    explanation.save(again)
    pd.testing.assert_frame_equal(LocalExplanation.load(again).to_frame(), explanation.to_frame())
    overall = GlobalExplanation.from_local([explanation])
    overall.importance("homogeneity")
    return LEGAL


def saved_global_explanations(data: st.DataObject) -> str:
    """Global explanations that someone tampered with: refused, or all that they offer works."""
    text, arrays = saved_global()
    path = folder() / "global.json"
    if data.draw(st.booleans(), label="in the arrays"):
        arrays = broken_arrays(data, arrays)
        text = without_digest(data, text)
    else:
        text = broken_document(data, text)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    path.with_suffix(".npz").write_bytes(arrays)
    return check_global(path)


def check_global(path: Path) -> str:
    """All that must hold of a file that is loaded as a global explanation."""
    try:
        explanation = GlobalExplanation.load(path)
    except ValueError as error:
        assert path.stem in str(error)
        assert len(str(error)) < 2000
        return REFUSED
    shape = (len(explanation.components), len(explanation.labels))
    for method in ("average", "lime", "homogeneity"):
        assert explanation.importance(method).shape == shape
    repr(explanation)
    assert "<script>" not in explanation._repr_html_()
    if explanation.labels:
        explanation.top(3)
        explanation.audio_map(explanation.labels[0])
        explanation.to_frame()
        explanation.plot(n=2)
    if explanation.songs is not None:
        explanation.modality_share()
        explanation.pick(2)
        explanation.group(words="lower")
    if explanation.pair_totals is not None and explanation.labels:
        explanation.interactions(fdr=None, min_count=1)
    explanation.save(path.with_name("again.json"))
    again = GlobalExplanation.load(path.with_name("again.json"))
    pd.testing.assert_frame_equal(again.importance(), explanation.importance())
    return LEGAL


KINDS = {
    "saved local explanations": Kind(saved_local_explanations),
    "saved global explanations": Kind(saved_global_explanations),
}
