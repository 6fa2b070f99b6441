"""What a simulation gives back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from computesim.arrays import Floats
from computesim.sim.records import Records


@dataclass(frozen=True, slots=True)
class QueueRun:
    """Start and finish of every job of a queue, in order of arrival."""

    arrival: Floats  #: s
    start: Floats  #: s
    finish: Floats  #: s
    servers: int

    @property
    def wait(self) -> Floats:
        """Waiting time of each job, s."""
        return self.start - self.arrival

    @property
    def sojourn(self) -> Floats:
        """Time from arrival to finish of each job, s."""
        return self.finish - self.arrival


@dataclass(frozen=True, slots=True)
class Timeline:
    """What replicas do in intervals of time."""

    width: float  #: of an interval, s
    bins: Records  #: dtype `records.BIN`, shape (kinds, intervals)

    @property
    def start(self) -> Floats:
        """Begin of each interval, s."""
        return np.asarray(np.arange(self.bins.shape[1]) * self.width, dtype=np.float64)

    def share(self, name: str) -> Floats:
        """Return seconds of a kind of work over those that are paid for, of each interval.

        Parameters
        ----------
        name : str
            A field of `records.BIN` in seconds.

        Returns
        -------
        ndarray of float64, shape (kinds, intervals)
            0 where nothing is on.
        """
        on = np.asarray(self.bins["on_seconds"], dtype=np.float64)
        return np.asarray(np.divide(self.bins[name], on, out=np.zeros_like(on), where=on > 0))


@dataclass(frozen=True, slots=True)
class ServingRun:
    """What a pool of replicas did with a trace."""

    requests: Records  #: fields `records.OUTCOME`, in order of the trace
    replicas: Records  #: fields `records.TOTALS`, one per replica
    timeline: Timeline | None = None

    @property
    def makespan(self) -> float:
        """When the last request finished, s."""
        finish = _column(self.requests, "finish")
        return float(finish[np.isfinite(finish)].max(initial=0.0))

    @property
    def ttft(self) -> Floats:
        """Time to first token of each request, s."""
        return _column(self.requests, "first") - _column(self.requests, "arrival")

    @property
    def tpot(self) -> Floats:
        """Mean time per output token after the first, s/token; 0 where there is only one token."""
        later = np.maximum(_column(self.requests, "output_tokens") - 1.0, 1.0)
        return (_column(self.requests, "finish") - _column(self.requests, "first")) / later

    @property
    def e2e(self) -> Floats:
        """Time from arrival to last token of each request, s."""
        return _column(self.requests, "finish") - _column(self.requests, "arrival")

    @property
    def utilisation(self) -> float:
        """Share of the time that is paid for in which a replica had a step in progress."""
        return float(self.replicas["busy_seconds"].sum() / self.replicas["on_seconds"].sum())

    @property
    def mean_batch(self) -> float:
        """Running sequences of a busy replica, weighted by time."""
        return float(self.replicas["batch_seconds"].sum() / self.replicas["busy_seconds"].sum())

    @property
    def preemptions(self) -> int:
        """How often a sequence lost its place in the KV cache."""
        return int(self.replicas["preemptions"].sum())


@dataclass(frozen=True, slots=True)
class RolloutRun:
    """What a pool of replicas did with a closed batch of generations."""

    requests: Records  #: fields `records.OUTCOME`, in the order given
    replicas: Records  #: fields `records.TOTALS`, one per replica
    makespan: float  #: when the rollout ended, s

    @property
    def tokens(self) -> int:
        """Output tokens of all sequences, those of unfinished ones included."""
        return int(self.requests["generated"].sum(dtype=np.int64))

    @property
    def utilisation(self) -> float:
        """Share of the makespan in which a replica had a step in progress."""
        return float(self.replicas["busy_seconds"].mean()) / self.makespan

    @property
    def mean_batch(self) -> float:
        """Running sequences of a replica, weighted by time over the whole makespan."""
        return float(self.replicas["batch_seconds"].mean()) / self.makespan


def _column(records: Records, name: str) -> Floats:
    """Return one field of records as an array of its own type."""
    return np.asarray(records[name], dtype=np.float64)
