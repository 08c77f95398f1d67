"""Hostile weights: files of weights, and folders of a saved classifier."""

from __future__ import annotations

import shutil
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from hostile import LEGAL, REFUSED, Kind
from hostile_saved import broken_document
from hypothesis import strategies as st
from odd import folder, mutated


@cache
def saved_classifier() -> Path | None:
    """A transformer of next to no size, as it is saved; None where there is no torch."""
    if not has_torch():
        return None
    import tiny_models

    from sklearn_musiclime import TransformerFusionClassifier

    made = folder() / "tiny"
    for name in ("ast", "roberta"):
        (made / name).mkdir(parents=True, exist_ok=True)
    audio = tiny_models.ast(made / "ast", 100, 16, num_hidden_layers=1)
    text = tiny_models.roberta(made / "roberta")
    X = pd.DataFrame(
        {"audio": [{"array": np.ones(800), "sampling_rate": 16_000}] * 4, "lyrics": ["la"] * 4}
    )
    model = TransformerFusionClassifier(audio, text, n_epochs=1, random_state=0)
    model.fit(X, ["a", "b"] * 2).save(made / "saved")
    return made / "saved"


def has_torch() -> bool:
    return all(find_spec(name) is not None for name in ("torch", "transformers", "tokenizers"))


def saved_classifiers(data: st.DataObject) -> str:
    """Folders of a saved classifier with a broken file: refused, or a classifier that predicts."""
    from sklearn_musiclime import TransformerFusionClassifier

    source, path = saved_classifier(), folder() / "classifier"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(source, path)
    files = sorted(f.relative_to(path).as_posix() for f in path.rglob("*") if f.is_file())
    files += 5 * ["classifier.json"]
    broken = path / data.draw(st.sampled_from(files), label="file")
    change = data.draw(st.sampled_from(["none", "bytes", "values", "gone", "code"]), label="change")
    if change == "gone":
        broken.unlink()
    elif change == "code":
        name = data.draw(st.sampled_from(["audio/model.py", "lyrics/pytorch_model.bin"]))
        (path / name).write_bytes(b"raise SystemExit")
    elif change == "none":
        pass
    elif broken.suffix == ".json" and change == "values" and broken.stat().st_size < 5000:
        broken.write_text(broken_document(data, broken.read_text()), errors="replace")
    else:
        broken.write_bytes(mutated(data, broken.read_bytes()))
    X = pd.DataFrame(
        {"audio": [{"array": np.ones(800), "sampling_rate": 16_000}], "lyrics": ["la la"]}
    )
    try:
        model = TransformerFusionClassifier.load(path)
    except (ValueError, OSError) as error:
        assert change != "none"
        assert str(error)
        return REFUSED
    assert change != "code"
    try:
        probabilities = model.predict_proba(X)
    except (ValueError, KeyError, RuntimeError, TypeError, OverflowError):
        return REFUSED  # a tokenizer or an extractor that is another one now
    assert probabilities.shape == (1, len(model.classes_))
    if change == "bytes" and broken.suffix == ".safetensors":
        return LEGAL  # other weights, which no file can tell from the right ones
    np.testing.assert_allclose(probabilities.sum(), 1, rtol=1e-6)
    return LEGAL


def weights(data: st.DataObject) -> str:
    """Files of weights that are broken: weights by their names, or refused. No code runs."""
    import torch
    from safetensors.torch import save_file

    from sklearn_musiclime.fusion.checkpoint import read_state_dict

    state = {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(3), "module.b": torch.ones(())}
    form = data.draw(st.sampled_from(["pt", "legacy", "safetensors", "pickle", "object"]))
    path = folder() / f"weights.{'safetensors' if form == 'safetensors' else 'pt'}"
    if form == "safetensors":
        save_file(state, path)
    elif form == "pickle":
        path.write_bytes(b"cos\nsystem\n(S'touch " + str(folder() / "ran").encode() + b"'\ntR.")
    elif form == "object":
        value = data.draw(st.sampled_from([1, [1], {"a": 1}, {1: state["a.bias"]}, "x", None]))
        torch.save(value, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "pt")
    if form not in ("pickle", "object"):
        path.write_bytes(mutated(data, path.read_bytes(), 1000))
    try:
        found = read_state_dict(path)
    except ValueError as error:
        assert str(path) in str(error)
        return REFUSED
    finally:
        assert not (folder() / "ran").exists()
    assert form not in ("pickle", "object")
    assert all(isinstance(name, str) for name in found)
    assert all(isinstance(tensor, torch.Tensor) for tensor in found.values())
    return LEGAL


KINDS = (
    {"weights": Kind(weights), "saved classifiers": Kind(saved_classifiers, 0.03)}
    if has_torch()
    else {}
)
