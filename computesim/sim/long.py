"""Traces that are too long to be held besides their records: ten million requests in a gigabyte."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from computesim.errors import SimulationError
from computesim.sim.opening import Opened, check_fit, fill, kinds_of, play_pool, player
from computesim.sim.operation import Operation, Routing
from computesim.sim.records import REQUEST, STAGE
from computesim.sim.runs import ServingRun
from computesim.sim.service import Replicas
from computesim.sim.trace import Trace


def simulate_pieces(
    pieces: Iterable[Trace],
    replicas: Replicas,
    routing: Routing = "shortest-queue",
    operation: Operation | None = None,
) -> ServingRun:
    """Play a trace that comes in pieces, and gives what `simulate_serving` gives for the whole.

    Parameters
    ----------
    pieces : iterable of Trace
        Traces that follow one another, as `trace.iter_traces` yields them from a file; each one
        is let go when its requests are written down.
    replicas : Replicas
        Of one kind.
    routing : str
        As for `simulate_serving`.
    operation : Operation, optional
        As for `simulate_serving`; a timeline doubles the memory.

    Raises
    ------
    SimulationError
        If there are no requests, if they are out of order, or if one cannot be played.

    Notes
    -----
    A request takes 64 bytes from the beginning to the end; the columns of a whole `Trace` would
    take half as much besides.
    """
    how = operation or Operation()
    kinds = kinds_of(replicas, how)
    requests, size, last = np.empty(0, REQUEST), 0, 0.0
    for piece in pieces:
        if piece.arrival[0] < last:
            raise SimulationError("a piece of a trace begins before the end of the one before")
        for plain, _, count in kinds:
            check_fit(piece, plain, count)
        last, size = float(piece.arrival[-1]), size + len(piece)
        requests.resize(size, refcheck=False)  # pages are moved, not copied
        fill(requests[size - len(piece) :], piece)
    if not size:
        raise SimulationError("a trace needs at least one request")
    opened = Opened(np.zeros(0, STAGE), np.zeros(0, np.int32), requests)
    serve = player("numba").serve
    return play_pool(serve, opened, kinds, how, routing, 1, None, last)
