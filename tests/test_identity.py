"""What counts for the key of a kept result, and what does not, in whatever process."""

import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("identities.py")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Keys of two processes that hash text differently."""
    folder = tmp_path_factory.mktemp("files")
    outputs = [
        subprocess.run(
            [sys.executable, str(SCRIPT), str(folder)],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True, check=True, text=True,
        ).stdout
        for seed in range(2)
    ]  # fmt: skip
    return [json.loads(output) for output in outputs]


def test_what_differs_has_different_keys(found):
    keys = found[0]["different"]
    alike = [
        (name, i, j)
        for name, group in keys.items()
        for (i, one), (j, two) in combinations(enumerate(group), 2)
        if one == two
    ]
    assert alike == []
    assert sum(len(group) - 1 for group in keys.values()) >= 25


def test_what_is_equal_has_one_key(found):
    unlike = [
        (name, at)
        for name, groups in found[0]["equal"].items()
        for at, group in enumerate(groups)
        if len(set(group)) != 1
    ]
    assert unlike == []
    assert sum(len(groups) for groups in found[0]["equal"].values()) >= 15


@pytest.mark.parametrize("kind", ["different", "equal"])
def test_keys_hold_in_other_processes(found, kind):
    one, two = (keys[kind] for keys in found)
    assert one.keys() == two.keys()
    assert [
        (name, at) for name in one for at, (a, b) in enumerate(zip(one[name], two[name], strict=True))
        if a != b
    ] == []  # fmt: skip
