"""Time that failures take from a job: checkpoint intervals, effective time, spares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from scipy.special import betainc, lambertw

from computesim.calendar import DAY
from computesim.traced import named

NODE: Final = 8  #: accelerators of the node for which failure rates are published
SHORTEST_INTERVAL: Final = 1.0  #: s, about a step: state is saved between steps
SPARE_POOL: Final = 512  #: nodes that share their spares, at least: a cluster's (estimate)
_AT_ONCE: Final = 1e-12  #: stalls over time between failures below which Young's form is exact


def failures_per_second(n_nodes: float, failures_per_node_day: float) -> float:
    """Return the failure rate of a job on n nodes, 1/s: a gang fails when any node does."""
    return n_nodes * failures_per_node_day / DAY


def best_interval(rate: float, checkpoint_stall: float) -> float:
    """Return the checkpoint interval of least waste.

    Parameters
    ----------
    rate : float, 1/s
        Failures of the whole job.
    checkpoint_stall : float, s
        Time in which one checkpoint stalls the job.

    Returns
    -------
    float, s
        Infinite where nothing fails.

    Notes
    -----
    ``(1 + W(−exp(−1 − λ w))) / λ``, W the principal branch of Lambert's function: where the
    derivative of `effective_time` by the interval is nil. For rare failures it is Young's
    ``√(2 w / λ)``.

    Source
    ------
    Daly 2006, A higher order estimate of the optimum checkpoint interval for restart dumps.
    """
    if rate == 0:
        return math.inf
    stalls = rate * checkpoint_stall
    if stalls < _AT_ONCE:
        return math.sqrt(2.0 * stalls) / rate
    return (1.0 + float(lambertw(-math.exp(-1.0 - stalls)).real)) / rate


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
        From the failure until the job trains again; a failure meanwhile starts it anew.
    checkpoint_interval : float, s
        Between checkpoints; what was done since the last finished one is lost.
    checkpoint_stall : float, s
        Time in which one checkpoint stalls the job.

    Returns
    -------
    float
        Between 0 and 1; never 0 but for underflow.

    Notes
    -----
    ``λ τ exp(−λ R) / (exp(λ (τ + w)) − 1)``, exact for exponential failures at any rate: a stretch
    without failure saves τ for each interval and stall that it holds after the restart. For rare
    failures it is ``(1 − λ (R + τ/2)) / (1 + w/τ)`` of Kokolis 2024. Waiting for spare nodes
    comes on top: `waiting_share`.

    Source
    ------
    Daly 2006, the complete model.
    """
    if not checkpoint_interval > 0:
        raise ValueError("the checkpoint interval must be above 0 s")
    rate = failures_per_second(n_nodes, failures_per_node_day)
    cycle = checkpoint_interval + checkpoint_stall
    if rate * cycle == 0:
        return checkpoint_interval / cycle
    saved = checkpoint_interval * rate / -math.expm1(-rate * cycle)
    return saved * math.exp(-rate * (restart + cycle))


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


def waiting_share(n_nodes: float, spare_nodes: float, in_service: float) -> float:
    """Return the share of time in which a job waits for a node because no spare is left.

    Parameters
    ----------
    n_nodes : float
        Nodes of the job.
    spare_nodes : float
        Further ones that stand in for those in repair; they fail as often.
    in_service : float
        Share of time in which a node is in service: `availability`.

    Returns
    -------
    float

    Notes
    -----
    The chance that more nodes are in repair than are spare: the binomial tail
    ``I_{1−A}(S + 1, N)``, for parts of a node as well.

    Source
    ------
    The machine repair model with a crew for every machine.
    """
    return float(betainc(spare_nodes + 1.0, n_nodes, 1.0 - in_service))


@dataclass(frozen=True, slots=True)
class Failures:
    """How often nodes fail and what a failure costs a job."""

    per_node_day: float = 0.0  #: failures that stop the job, of a node of eight accelerators, 1/day
    restart: float = 0.0  #: s
    checkpoint_interval: float = 1800.0  #: s, the longest; jobs that fail often save more often
    checkpoint_stall: float = 0.0  #: s
    repair: float = 0.0  #: s until a failed node is back
    spare_share: float = 0.0  #: spare nodes over nodes in use

    def rate(self, accelerators: float) -> float:
        """Return the failures of a job of so many accelerators, 1/s."""
        return failures_per_second(accelerators / NODE, self.per_node_day)

    def interval(self, accelerators: float) -> float:
        """Return the time between checkpoints of a job of so many accelerators, s.

        That of least waste, but no longer than operators leave between two.
        """
        best = best_interval(self.rate(accelerators), self.checkpoint_stall)
        return max(min(best, self.checkpoint_interval), SHORTEST_INTERVAL)

    def waiting(self, accelerators: float) -> float:
        """Return the share of time in which a job of so many accelerators waits for a spare.

        Small jobs share the spares of a cluster. Where spares do not cover what is in repair on
        the average, as many nodes as that stand by: a fleet is bought with what is missing.
        """
        in_service = availability(self.per_node_day, self.repair)
        spares = max(self.spare_share, 1.0 / in_service - 1.0)
        nodes = max(accelerators / NODE, SPARE_POOL)
        return waiting_share(nodes, spares * nodes, in_service)

    def effective_time(self, accelerators: float) -> float:
        """Return the share of wall time in which a job of so many accelerators makes progress.

        Parameters
        ----------
        accelerators : float

        Returns
        -------
        float
            Failures, restarts, checkpoints and waiting for spare nodes included.

        Notes
        -----
        `effective_time` at the best interval, times the share of time that is not spent waiting:
        while it waits a job loses time, but nothing that it has saved.
        """
        running = effective_time(
            accelerators / NODE,
            self.per_node_day,
            self.restart,
            self.interval(accelerators),
            self.checkpoint_stall,
        )
        return running * (1.0 - self.waiting(accelerators))
