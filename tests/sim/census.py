"""How many are inside, jump by jump: what means over time are held against."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats
from computesim.errors import SimulationError


def number_in_system(
    arrival: npt.ArrayLike, departure: npt.ArrayLike
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return when the number in a system changes, and the number from then on.

    Parameters
    ----------
    arrival, departure : array_like of float, shape (n,), s
        Of each entity; infinite departures are left out.

    Returns
    -------
    tuple of ndarray of float64, shape (m,), s and ndarray of int64, shape (m,)
    """
    came = np.asarray(arrival, dtype=np.float64)
    left = np.asarray(departure, dtype=np.float64)
    left = left[np.isfinite(left)]
    times = np.concatenate((came, left))
    steps = np.concatenate((np.ones(came.size, np.int64), np.full(left.size, -1)))
    order = np.argsort(times, kind="stable")
    return times[order], np.cumsum(steps[order])


def time_weighted_mean(time: Floats, value: npt.ArrayLike, start: float, end: float) -> float:
    """Return the mean over time of a quantity that jumps.

    Parameters
    ----------
    time : ndarray of float64, shape (m,), s
        When it changes, not decreasing.
    value : array_like of float, shape (m,)
        Its value from then on; it is 0 before the first change.
    start, end : float, s
        The interval.

    Returns
    -------
    float
    """
    if not end > start:
        raise SimulationError(f"no time between {start} s and {end} s")
    level = np.asarray(value, dtype=np.float64)
    first, last = np.searchsorted(time, start, "right"), np.searchsorted(time, end, "left")
    held = np.concatenate(([level[first - 1] if first else 0.0], level[first:last]))
    edges = np.concatenate(([start], time[first:last], [end]))
    return float((held * np.diff(edges)).sum() / (end - start))
