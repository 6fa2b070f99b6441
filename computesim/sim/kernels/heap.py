"""What comes first: heaps of sequences and of events, and tournaments."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
from numba import njit

from computesim.sim.kernels.pool import Floats, Ints


@njit(cache=True, nogil=True, _nrt=False)
def replay(tree: Ints, key: npt.NDArray[Any], leaf: int) -> None:
    """Play the matches of one leaf of a tournament again; the smaller key wins, then the index."""
    node = (leaf + key.size) // 2
    while node > 0:
        left, right = tree[2 * node], tree[2 * node + 1]
        tree[node] = left if key[left] <= key[right] else right
        node //= 2


@njit(cache=True, nogil=True, _nrt=False)
def push(heap: Ints, base: int, size: int, value: int) -> None:
    """Add a value to the binary heap of `size` entries at `base`, the smallest first."""
    hole = size
    while hole > 0 and heap[base + (hole - 1) // 2] > value:
        heap[base + hole] = heap[base + (hole - 1) // 2]
        hole = (hole - 1) // 2
    heap[base + hole] = value


@njit(cache=True, nogil=True, _nrt=False)
def pop(heap: Ints, base: int, size: int) -> None:
    """Remove the smallest value from the binary heap of `size` entries at `base`."""
    value, hole, child = heap[base + size - 1], 0, 1
    while child < size - 1:
        if child + 1 < size - 1 and heap[base + child + 1] < heap[base + child]:
            child += 1
        if heap[base + child] >= value:
            break
        heap[base + hole] = heap[base + child]
        hole, child = child, 2 * child + 1
    heap[base + hole] = value


@njit(cache=True, nogil=True, _nrt=False)
def remove(heap: Ints, base: int, size: int, slot: int) -> None:
    """Remove the value in one slot of the binary heap of `size` entries at `base`."""
    while slot > 0:  # let it rise to the top, as if it were the smallest
        heap[base + slot] = heap[base + (slot - 1) // 2]
        slot = (slot - 1) // 2
    pop(heap, base, size)


@njit(cache=True, nogil=True, _nrt=False)
def schedule(times: Floats, codes: Ints, size: Ints, time: float, code: int) -> None:
    """Add an event; the earliest comes first, then the smaller code."""
    hole = size[0]
    size[0] += 1
    while hole > 0:
        above = (hole - 1) // 2
        if times[above] < time or (times[above] == time and codes[above] < code):
            break
        times[hole], codes[hole] = times[above], codes[above]
        hole = above
    times[hole], codes[hole] = time, code


@njit(cache=True, nogil=True, _nrt=False)
def unschedule(times: Floats, codes: Ints, size: Ints) -> int:
    """Remove the first event and return its code."""
    first = codes[0]
    size[0] -= 1
    last = size[0]
    time, code, hole, child = times[last], codes[last], 0, 1
    while child < last:
        right = child + 1
        if right < last and (
            times[right] < times[child]
            or (times[right] == times[child] and codes[right] < codes[child])
        ):
            child = right
        if times[child] > time or (times[child] == time and codes[child] > code):
            break
        times[hole], codes[hole] = times[child], codes[child]
        hole, child = child, 2 * child + 1
    times[hole], codes[hole] = time, code
    return int(first)
