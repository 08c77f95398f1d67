"""Approximators of shapiq, run in a Python of its own by :class:`_peers.Shapiq`.

shapiq 1.8 needs Python 3.12 or newer. This script gets requests through a socket, asks for the
scores of the coalitions that shapiq chooses, and sends back what it found. All approximators are as
they are by default, but that ProxySPEX fits one set of trees: its search among eight, five-fold,
takes minutes.
"""

import itertools
import sys
import warnings
from multiprocessing.connection import Client

import numpy as np
import shapiq

SHAPLEY = {
    "KernelSHAP": shapiq.KernelSHAP,
    "LeverageSHAP": shapiq.LeverageSHAP,
    "OddSHAP": shapiq.OddSHAP,
    "ProxySHAP": lambda n, **how: shapiq.ProxySHAP(n, max_order=1, index="SV", **how),
    "RegressionMSR": lambda n, **how: shapiq.RegressionMSR(n, index="SV", **how),
    "ProxySPEX": lambda n, **how: shapiq.ProxySPEX(n=n, max_order=1, index="SV", hpo=False, **how),
}
# The pairs of the faithful Banzhaf index of order 2 are the pairwise Banzhaf indices.
PAIRS = {
    "ProxySHAP": lambda n, **how: shapiq.ProxySHAP(n, max_order=2, index="FBII", **how),
    "ProxySPEX": lambda n, **how: shapiq.ProxySPEX(
        n=n, max_order=2, index="FBII", hpo=False, **how
    ),
    "RegressionFBII": lambda n, **how: shapiq.RegressionFBII(n, max_order=2, **how),
    "SVARMIQ": lambda n, **how: shapiq.SVARMIQ(n, max_order=2, index="BII", **how),
    "SHAPIQ": lambda n, **how: shapiq.SHAPIQ(n, max_order=2, index="BII", **how),
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
