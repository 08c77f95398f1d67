"""Hostile input by the thousand: ``python tests/hostile.py --cases 20000 [--kind NAME]``.

A kind is a function of hypothesis' interactive draws. It makes one case, asserts all that must
hold of it, and returns ``LEGAL`` if the case had to be taken (and what came of it is right) or
``REFUSED`` if it had to be refused (and one clear error was). Kinds stand in the tables ``KINDS``
of the modules ``hostile_*.py`` beside this one; ``test_hostile.py`` runs a few cases of each.
"""

from __future__ import annotations

import argparse
import faulthandler
import resource
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

LEGAL, REFUSED = "legal", "refused"
HANG_SECONDS = 300
"""A single case that takes longer hangs: the run dumps where, and ends."""
MEMORY_GIB = 8
"""What the run may ask of the system in all; a case that wants more fails."""


class Kind(NamedTuple):
    """A kind of hostile input.

    Attributes
    ----------
    case : callable (hypothesis data) -> LEGAL or REFUSED
        One case.
    share : float
        Cases for each that others get; less for what is slow.
    """

    case: Callable[[st.DataObject], str]
    share: float = 1.0


def kinds() -> dict[str, Kind]:
    """All kinds by their names."""
    tables = [path.stem for path in sorted(Path(__file__).parent.glob("hostile_*.py"))]
    return {name: kind for table in tables for name, kind in import_module(table).KINDS.items()}


def run(kind: Kind, n_cases: int, *, random_seed: int | None = None) -> Counter[str]:
    """Run cases of a kind; raise what the first that fails raises, made as small as can be.

    Parameters
    ----------
    kind : Kind
        What to run.
    n_cases : int
        How many.
    random_seed : int or None, default=None
        Draws them. None: always the same ones.

    Returns
    -------
    Counter
        Cases that were run to their end, by their outcome.
    """
    outcomes: Counter[str] = Counter()

    def case(data: st.DataObject) -> None:
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True, file=sys.__stderr__)
        try:
            outcome = kind.case(data)
        finally:
            faulthandler.cancel_dump_traceback_later()
        assert outcome in (LEGAL, REFUSED)
        outcomes[outcome] += 1

    checked = settings(
        max_examples=n_cases,
        deadline=None,
        database=None,
        derandomize=random_seed is None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )(given(st.data())(case))
    (checked if random_seed is None else seed(random_seed)(checked))()
    return outcomes


def main(arguments: list[str] | None = None) -> int:
    """Run kinds, print how many cases of each were run and what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=20_000, help="in all")
    parser.add_argument("--kind", action="append", help="run these alone (may be repeated)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    found = kinds()
    chosen = {name: found[name] for name in options.kind or found}
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_GIB * 2**30,) * 2)
    warnings.simplefilter("ignore")
    per_share = options.cases / sum(kind.share for kind in chosen.values())
    total: Counter[str] = Counter()
    n_failed = 0
    print(f"{'kind':32} {'cases':>7} {'legal':>7} {'refused':>7} {'s':>7}")
    for name, kind in chosen.items():
        begin = time.perf_counter()
        try:
            outcomes = run(kind, max(1, round(per_share * kind.share)), random_seed=options.seed)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            n_failed += 1
            traceback.print_exc()
            print(f"{name:32} FAILED")
            continue
        total += outcomes
        print(
            f"{name:32} {outcomes.total():7} {outcomes[LEGAL]:7} {outcomes[REFUSED]:7} "
            f"{time.perf_counter() - begin:7.1f}",
            flush=True,
        )
    print(f"{'all':32} {total.total():7} {total[LEGAL]:7} {total[REFUSED]:7}")
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
