"""A queue with several servers: first come, first served."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]


@njit(cache=True, nogil=True)
def queue(arrival: Floats, service: Floats, servers: int, start: Floats, finish: Floats) -> int:
    """Fill in start and finish of each job and return their number.

    Parameters
    ----------
    arrival, service : ndarray of float64, shape (n,), s
        Arrivals, not decreasing, and service times.
    servers : int
        Servers, at least one.
    start, finish : ndarray of float64, shape (n,), s
        Filled in.

    Returns
    -------
    int
        Jobs served.

    Notes
    -----
    Only the times at which servers become free matter; an arriving job takes the earliest.

    Source
    ------
    Kiefer and Wolfowitz, On the theory of queues with many servers, Trans. AMS 78 (1955).
    """
    free = np.zeros(servers)  # a binary heap: the server that is free first is at the root
    for job in range(arrival.size):
        start[job] = max(arrival[job], free[0])
        finish[job] = start[job] + service[job]
        replace_root(free, finish[job])
    return arrival.size


@njit(cache=True, nogil=True)
def replace_root(heap: Floats, value: float) -> None:
    """Replace the smallest entry of a binary heap."""
    hole, child, size = 0, 1, heap.size
    while child < size:
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[hole] = heap[child]
        hole, child = child, 2 * child + 1
    heap[hole] = value
