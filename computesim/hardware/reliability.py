"""Time that failures take from a job: checkpoint intervals, effective time, availability."""

from __future__ import annotations

import math

from computesim.calendar import DAY
from computesim.traced import named


def failures_per_second(n_nodes: float, failures_per_node_day: float) -> float:
    """Return the failure rate of a job on n nodes, 1/s: a gang fails when any node does."""
    return n_nodes * failures_per_node_day / DAY


def young_interval(checkpoint_seconds: float, mtbf: float) -> float:
    """Return the checkpoint interval of least waste, first order.

    Parameters
    ----------
    checkpoint_seconds : float, s
        Time in which one checkpoint stalls the job.
    mtbf : float, s
        Mean time between failures of the whole job.

    Returns
    -------
    float, s

    Notes
    -----
    ``√(2 C M)``. For C much shorter than M; `daly_interval` is the better approximation.

    Source
    ------
    Young 1974.
    """
    return math.sqrt(2.0 * checkpoint_seconds * mtbf)


def daly_interval(checkpoint_seconds: float, mtbf: float) -> float:
    """Return the checkpoint interval of least waste, higher order.

    Parameters
    ----------
    checkpoint_seconds : float, s
        Time in which one checkpoint stalls the job.
    mtbf : float, s
        Mean time between failures of the whole job.

    Returns
    -------
    float, s
        The mean time between failures itself once a checkpoint takes twice as long as that.

    Notes
    -----
    ``√(2CM) [1 + √(C/2M)/3 + C/(18M)] − C``.

    Source
    ------
    Daly 2006, equation 37.
    """
    if checkpoint_seconds >= 2.0 * mtbf:
        return mtbf
    ratio = checkpoint_seconds / (2.0 * mtbf)
    series = 1.0 + math.sqrt(ratio) / 3.0 + ratio / 9.0
    return young_interval(checkpoint_seconds, mtbf) * series - checkpoint_seconds


@named()
def effective_time(
    n_nodes: float,
    failures_per_node_day: float,
    restart: float,
    checkpoint_interval: float,
    checkpoint_stall: float = 0.0,
) -> float:
    """Return the share of wall time in which a job makes progress (ETTR).

    Parameters
    ----------
    n_nodes : float
        Nodes of the job.
    failures_per_node_day : float, 1/day
        Failures that stop the job, per node; 2 to 25 per thousand in published fleets.
    restart : float, s
        From the failure until the job trains again.
    checkpoint_interval : float, s
        Between checkpoints; half of it is lost on the average.
    checkpoint_stall : float, s
        Time in which one checkpoint stalls the job.

    Returns
    -------
    float
        Between 0 and 1; 0 where a job fails faster than it recovers.

    Notes
    -----
    ``(1 − N r (u + Δt/2)) / (1 + w/Δt)``. Valid while failures are rare within one recovery;
    waiting for spare nodes comes on top.

    Source
    ------
    Kokolis 2024, Revisiting Reliability in Large-Scale Machine Learning Research Clusters.
    """
    if not checkpoint_interval > 0:
        raise ValueError("the checkpoint interval must be above 0 s")
    rate = failures_per_second(n_nodes, failures_per_node_day)
    lost = rate * (restart + checkpoint_interval / 2.0)
    return max(1.0 - lost, 0.0) / (1.0 + checkpoint_stall / checkpoint_interval)


@named()
def availability(failures_per_node_day: float, repair: float) -> float:
    """Return the share of time in which a node is in service.

    Parameters
    ----------
    failures_per_node_day : float, 1/day
        Failures that take a node out of service.
    repair : float, s
        Mean time until it is back.

    Returns
    -------
    float

    Notes
    -----
    ``MTBF / (MTBF + MTTR)``, the alternating renewal process in equilibrium.
    """
    return 1.0 / (1.0 + failures_per_second(1.0, failures_per_node_day) * repair)
