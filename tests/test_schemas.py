"""JSON schemas of saved explanations, and files that release 0.1.0 saved."""

import copy
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from made_explanations import local

from sklearn_musiclime import GlobalExplanation, LocalExplanation

jsonschema = pytest.importorskip("jsonschema")

SAVED = Path(__file__).with_name("saved")


def schema(name):
    return json.loads((files("sklearn_musiclime.results.schemas") / f"{name}.json").read_text())


def check(name, path):
    document = json.loads(path.read_text())
    jsonschema.Draft202012Validator(schema(name)).validate(document)
    return document


@pytest.mark.parametrize("name", ["local", "global"])
def test_they_are_schemas_that_describe_every_entry(name):
    jsonschema.Draft202012Validator.check_schema(schema(name))
    assert all(
        entry.keys() & {"description", "const", "anyOf"}
        for entry in schema(name)["properties"].values()
    )


@pytest.fixture(scope="module")
def made():
    """Explanations of many shapes, made of weights."""
    plain = local(0, {"vocals@0": 1.0}, "love me\udc80", pairs={("vocals@0", "love"): 0.5})
    linked = replace(plain, links=[0, 1, 1, 2], corner_scores=np.zeros((1, 0)))
    unknown = replace(plain, shares=np.full((1, 3), np.nan), settings={"a": [1, None], "b": True})
    return [
        plain, linked, unknown, local(1, {}, "", sources=(), borders=(0, 1)),
        replace(local(2, {"kiss": 1.0}, "kiss", label=("a", 1)), track_id=("x", 2)),
        local(3, {"love": 2.5}, "love", label=7),
    ]  # fmt: skip


def test_what_is_saved_is_what_they_describe(made, tmp_path):
    path = tmp_path / "one.json"
    for explanation in made[:3] + made[4:]:
        explanation.save(path)
        check("local", path)
        again = LocalExplanation.load(path)
        np.testing.assert_array_equal(again.weights, explanation.weights)
    for some in ([made[0]], [made[0], made[5]], [made[4]]):
        GlobalExplanation.from_local(some, n_segments=2).save(path)
        check("global", path)
        GlobalExplanation.load(path)


@pytest.mark.parametrize(
    ("entry", "value"),
    [("version", 4), ("labels", []), ("weights", [1.0]), ("row", -1), ("track_id", None),
     ("audio", {"source_names": []}), ("settings", {"x": {}}), ("new", 1), ("components", None)],
)  # fmt: skip
def test_they_refuse_what_is_none(entry, value):
    document = json.loads((SAVED / "local-0.1.0.json").read_text())
    validator = jsonschema.Draft202012Validator(schema("local"))
    assert validator.is_valid(document)
    assert not validator.is_valid(copy.deepcopy(document) | {entry: value})
    without = {name: entry for name, entry in document.items() if name != "fidelity"}
    assert not validator.is_valid(without)


# Files of 0.1.0: never write them anew, since they stand for those that users have.


def test_local_files_of_0_1_0():
    check("local", SAVED / "local-0.1.0.json")
    found = LocalExplanation.load(SAVED / "local-0.1.0.json")
    assert found.labels == ["loud", ("of", "love")]
    assert found.components.names == ("mix@0", "mix@1", "love", "is", "all")
    assert found.track_id == "a"
    assert found.components.audio.mix.shape == (60,)
    weights = found.to_frame(("of", "love"))["weight"]
    assert weights.round(3).tolist() == [-0.391, -0.45, 1.045, -0.013, 0.003]
    document = check("local", SAVED / "columns-0.1.0.json")
    found = LocalExplanation.load(SAVED / "columns-0.1.0.json")
    assert found.components.columns.names == ("column[year]",)
    assert document["columns"]["texts"] == ["4"]


def test_global_files_of_0_1_0():
    check("global", SAVED / "global-0.1.0.json")
    found = GlobalExplanation.load(SAVED / "global-0.1.0.json")
    assert found.songs["track_id"].tolist() == ["a", "a", "b", "b", "c", "c", "d", "d"]
    assert found.importance().loc["love"].round(3).tolist() == [0.773, 1.002]
    assert found.pair_totals is not None
    check("global", SAVED / "totals-0.1.0.json")
    found = GlobalExplanation.load(SAVED / "totals-0.1.0.json")
    assert found.importance()["rock"].to_dict() == {"drums0": 2.0, "love": 0.25}
