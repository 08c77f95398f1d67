"""A few cases of every kind of hostile input; ``hostile.py`` runs as many as are asked for."""

import hostile
import pytest

CASES_PER_SHARE = 25


@pytest.mark.slow
@pytest.mark.parametrize("name", hostile.kinds())
def test_kind(name):
    kind = hostile.kinds()[name]
    outcomes = hostile.run(kind, max(3, round(CASES_PER_SHARE * kind.share)))
    assert outcomes.total() > 0
