"""Rollouts produce batches, a learner consumes them, and each step ends at some time.

    generation i starts   when the engine is free and the weights are new enough
    learner i starts      when batch i is there and step i − 1 is done
    new weights reach the engine some seconds after each step

`reference.rollout_loop` is the readable twin, event by event.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats
from computesim.errors import SimulationError


@dataclass(frozen=True, slots=True)
class LoopRun:
    """When every batch was generated and learnt from, s."""

    start: Floats  #: of the generation
    ready: Floats  #: judged, at the learner's door
    begin: Floats  #: of the learner
    finish: Floats  #: of the learner

    def period(self) -> float:
        """Return the mean seconds of a step once the loop has settled (the second half), s."""
        half = len(self.finish) // 2
        steps = len(self.finish) - 1 - half
        if steps < 1:
            return float(self.finish[-1])
        return float(self.finish[-1] - self.finish[half]) / steps


def rollout_loop(
    latency: npt.ArrayLike,
    occupancy: npt.ArrayLike,
    learner: npt.ArrayLike,
    sync: float,
    staleness: float,
    engine: Literal["numba", "simpy"] = "numba",
) -> LoopRun:
    """Play the recursion of rollout engine and learner.

    Parameters
    ----------
    latency : array_like of float, shape (n,), s
        From the start of a batch to the verdict on its last rollout.
    occupancy : array_like of float, shape (n,), s
        From the start of a batch until the engine has room for the next; at most `latency` where
        batches overlap, equal to it where they do not.
    learner : array_like of float, shape (n,), s
        Of one step, log-probabilities included.
    sync : float, s
        After each step until the engine has the new weights.
    staleness : float
        k: batch i starts with the weights of step i − 1 − k at the earliest. With a fraction f
        beyond whole steps, the share f of a batch is generated with weights one step older.
    engine : {"numba", "simpy"}
        The recursion, or its twin; the recursion itself is plain Python, n steps in n operations.

    Raises
    ------
    SimulationError
        If the lengths differ or a time is negative.
    """
    made, taken, taught = (
        np.ascontiguousarray(x, dtype=np.float64) for x in (latency, occupancy, learner)
    )
    times = (made, taken, taught)
    if times[0].ndim != 1 or len({x.shape for x in times}) > 1 or not times[0].size:
        raise SimulationError("a loop needs latency, occupancy and learner times of one length")
    if min(float(x.min()) for x in times) < 0 or sync < 0 or not 0 <= staleness < math.inf:
        raise SimulationError("times and staleness of a loop are not negative")
    if engine == "simpy":
        from computesim.sim import reference

        return LoopRun(*reference.rollout_loop(made, taken, taught, sync, staleness))
    return _recursion(made, taken, taught, sync, staleness)


def _recursion(
    latency: Floats, occupancy: Floats, learner: Floats, sync: float, staleness: float
) -> LoopRun:
    """Fill in the times of all batches, the earliest first."""
    n, whole = len(latency), math.floor(staleness)
    share = staleness - whole
    start, ready, begin, finish = np.zeros((4, n))
    free = done = 0.0
    for i in range(n):
        newer = finish[i - 1 - whole] + sync if i - 1 - whole >= 0 else 0.0
        older = finish[i - 2 - whole] + sync if i - 2 - whole >= 0 else 0.0
        start[i] = max(free, older if share else newer)
        ahead = share * occupancy[i]
        resumed = max(start[i] + ahead, newer)
        free = resumed + occupancy[i] - ahead
        ready[i] = resumed + latency[i] - min(ahead, latency[i])
        begin[i] = max(done, ready[i])
        done = finish[i] = begin[i] + learner[i]
    return LoopRun(start, ready, begin, finish)
