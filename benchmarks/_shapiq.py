"""Approximators of shapiq, run in a Python of its own by :class:`_peers.Shapiq`.

shapiq 1.8 needs Python 3.12 or newer. This script gets requests through a socket, asks for the
scores of the coalitions that shapiq chooses, and sends back what it found. Approximators are as
they are by default, but that ProxySPEX gets one member of the grid of trees that it would search:
of a game of 41 players the search took 155 s at 200 calls, for an error of 0.43; without it 0.42.

Left out: SVARMIQ, whose pairs took 20 to 109 s and were worse than nothing (errors 1.2 to 35);
SPEX, which refuses 200 calls and takes 86 s for 1,000; KernelSHAPIQ and other estimators of
Shapley's interaction indices, which are not Banzhaf's.
"""

import itertools
import sys
import warnings
from functools import partial
from multiprocessing.connection import Client

import numpy as np
import shapiq
from lightgbm import LGBMRegressor


def proxy_spex(n, **how):
    """ProxySPEX with trees of its own grid."""
    trees = LGBMRegressor(max_depth=3, n_estimators=500, learning_rate=0.1, n_jobs=1, verbose=-1)
    return shapiq.ProxySPEX(n=n, proxy_model=trees, hpo=False, **how)


SHAPLEY = {
    "KernelSHAP": shapiq.KernelSHAP,
    "LeverageSHAP": shapiq.LeverageSHAP,
    "OddSHAP": shapiq.OddSHAP,
    "ProxySHAP": partial(shapiq.ProxySHAP, max_order=1, index="SV"),
    "RegressionMSR": partial(shapiq.RegressionMSR, index="SV"),
    "ProxySPEX": partial(proxy_spex, max_order=1, index="SV"),
}
# The pairs of the faithful Banzhaf index of order 2 are the pairwise Banzhaf indices.
PAIRS = {
    "ProxySHAP": partial(shapiq.ProxySHAP, max_order=2, index="FBII"),
    "ProxySPEX": partial(proxy_spex, max_order=2, index="FBII"),
    "RegressionFBII": partial(shapiq.RegressionFBII, max_order=2),
    "SHAPIQ": partial(shapiq.SHAPIQ, max_order=2, index="BII"),
}


def approximate(target, name, n_components, n_calls, seed, game):
    """Shapley values, or the interactions of all pairs in the order of ``numpy.triu_indices``."""
    order, approximators = (1, SHAPLEY) if target == "Shapley values" else (2, PAIRS)
    approximator = approximators[name](n_components, random_state=seed)
    found = approximator.approximate(n_calls, game).interactions
    subsets = itertools.combinations(range(n_components), order)
    return np.array([found.get(subset, 0.0) for subset in subsets])


def main(address):
    """Serve requests until the other side is gone."""
    warnings.simplefilter("ignore")
    with Client(address) as connection:

        def game(coalitions):
            connection.send(("ask", np.asarray(coalitions, dtype=bool)))
            return connection.recv()

        while True:
            try:
                request = connection.recv()
            except EOFError:
                return
            try:
                connection.send(("found", approximate(*request, game)))
            except Exception as error:  # too few calls for an approximator, say
                connection.send(("failed", f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    main(sys.argv[1])
