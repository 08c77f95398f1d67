"""Public names, signatures and defaults: users know them, and they change on purpose only."""

from pathlib import Path

import api


def test_public_names_and_signatures():
    known = Path(__file__).with_name("api.txt").read_text(encoding="utf-8").splitlines()
    found = list(api.describe())
    assert sorted(set(found) - set(known)) == [], "new: python tests/api.py > tests/api.txt"
    assert sorted(set(known) - set(found)) == [], "gone, or changed"
