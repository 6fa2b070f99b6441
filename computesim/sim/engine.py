"""The public face of the simulation: check, allocate, play, wrap.

`engine="numba"` plays the compiled kernels, `engine="simpy"` their readable
twins in `reference`; both give the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapreplace
from types import ModuleType
from typing import Literal

import numpy as np
import numpy.typing as npt

from computesim.errors import SimulationError
from computesim.sim.service import (
    REPLICA,
    REQUEST,
    TOTALS,
    Floats,
    Ints,
    Records,
    Service,
    check_service,
)
from computesim.sim.trace import Trace

Engine = Literal["numba", "simpy"]
Routing = Literal["shortest-queue", "round-robin"]
Assignment = Literal["round-robin", "least-tokens", "shared-queue"]

_ROUTING = {"shortest-queue": 0, "round-robin": 1}  # codes of the kernel
_SHARED, _GIVEN = 2, 3


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
class ServingRun:
    """What a pool of replicas did with a trace; every request is served to its end."""

    requests: Records  #: dtype `service.REQUEST`, in order of arrival
    replicas: Records  #: fields `service.TOTALS`, one per replica

    @property
    def makespan(self) -> float:
        """When the last request finished, s."""
        return float(self.requests["finish"].max(initial=0.0))

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
        """Share of the makespan in which a replica had a step in progress."""
        return float(self.replicas["busy_seconds"].mean()) / self.makespan

    @property
    def mean_batch(self) -> float:
        """Running sequences of a busy replica, weighted by time."""
        return float(self.replicas["batch_seconds"].sum() / self.replicas["busy_seconds"].sum())


@dataclass(frozen=True, slots=True)
class RolloutRun:
    """What a pool of replicas did with a closed batch of generations."""

    requests: Records  #: dtype `service.REQUEST`, in the order given
    replicas: Records  #: fields `service.TOTALS`, one per replica
    makespan: float  #: when the rollout ended, s

    @property
    def n_finished(self) -> int:
        """Sequences that were generated to their end."""
        return int(np.isfinite(self.requests["finish"]).sum())

    @property
    def tokens(self) -> int:
        """Output tokens of all sequences, those of unfinished ones included."""
        return int(self.requests["generated"].sum())

    @property
    def idle_seconds(self) -> Floats:
        """Seconds that each replica waited for the longest sequences of the others."""
        return self.makespan - _column(self.replicas, "busy_seconds")

    @property
    def utilisation(self) -> float:
        """Share of the makespan in which a replica had a step in progress."""
        return float(self.replicas["busy_seconds"].mean()) / self.makespan

    @property
    def mean_batch(self) -> float:
        """Running sequences of a replica, weighted by time over the whole makespan."""
        return float(self.replicas["batch_seconds"].mean()) / self.makespan


def simulate_queue(
    arrival: npt.ArrayLike, service: npt.ArrayLike, servers: int, engine: Engine = "numba"
) -> QueueRun:
    """Play a first-come-first-served queue with several servers.

    Parameters
    ----------
    arrival : array_like of float, shape (n,), s
        Arrival times, not decreasing.
    service : array_like of float, shape (n,), s
        Service times, not negative.
    servers : int
        Servers, at least one.
    engine : {"numba", "simpy"}
        The compiled kernel or its twin.

    Returns
    -------
    QueueRun

    Raises
    ------
    SimulationError
        If the input cannot be played.
    """
    arrivals = np.ascontiguousarray(arrival, dtype=np.float64)
    services = np.ascontiguousarray(service, dtype=np.float64)
    if arrivals.ndim != 1 or arrivals.shape != services.shape or servers < 1:
        raise SimulationError(
            "a queue needs arrivals and service times of one length, and a server"
        )
    if not _is_clock(arrivals) or not np.all((services >= 0) & (services < np.inf)):
        raise SimulationError("arrivals must not decrease, and no time may be negative or infinite")
    start, finish = np.empty_like(arrivals), np.empty_like(arrivals)
    _player(engine).queue(arrivals, services, int(servers), start, finish)
    return QueueRun(arrivals, start, finish, int(servers))


def simulate_serving(
    trace: Trace,
    service: Service,
    weight_seconds: npt.ArrayLike,
    n_replicas: int,
    routing: Routing = "shortest-queue",
    engine: Engine = "numba",
) -> ServingRun:
    """Play a trace on replicas with continuous batching and chunked prefill.

    Parameters
    ----------
    trace : Trace
        The requests.
    service : Service
        Step time and limits of one replica.
    weight_seconds : array_like of float, shape (token_budget + 1,), s
        Seconds of reading the weights in a step of T tokens.
    n_replicas : int
        Replicas, at least one.
    routing : {"shortest-queue", "round-robin"}
        An arriving request goes to the replica with the fewest outstanding requests (lowest
        index on ties), or to each replica in turn.
    engine : {"numba", "simpy"}
        The compiled kernel, which jumps over equal steps, or its twin, which plays each of them.

    Returns
    -------
    ServingRun

    Raises
    ------
    SimulationError
        If the input cannot be played, for instance a request longer than the KV cache.

    Notes
    -----
    Requests are admitted first come first served, while the batch has room and the KV cache can
    be promised to prompt and output. A step takes one token of each decoding sequence; the rest
    of the token budget reads prompts, the earliest first. The step that completes a prompt
    emits its first output token. Cached prompt tokens are not read again (but the last one of a
    prompt always is) and occupy KV cache. At equal times steps end first, then requests arrive,
    then steps start.
    """
    plain, table = check_service(service, weight_seconds)
    _check_fit(trace.prompt_tokens, trace.output_tokens, plain, n_replicas)
    requests = _requests(trace)
    replicas, _ = _play(requests, plain, table, n_replicas, _ROUTING[routing], len(trace), engine)
    return ServingRun(requests, replicas)


def simulate_rollout(
    prompt_tokens: npt.ArrayLike,
    output_tokens: npt.ArrayLike,
    service: Service,
    weight_seconds: npt.ArrayLike,
    n_replicas: int,
    cached_tokens: npt.ArrayLike | None = None,
    assignment: Assignment = "shared-queue",
    stop_after: int | None = None,
    engine: Engine = "numba",
) -> RolloutRun:
    """Play the generation phase of one reinforcement-learning step.

    Parameters
    ----------
    prompt_tokens, output_tokens : array_like of int, shape (n,), token
        Lengths of the sequences; all of them are there at time zero.
    service : Service
        Step time and limits of one replica.
    weight_seconds : array_like of float, shape (token_budget + 1,), s
        Seconds of reading the weights in a step of T tokens.
    n_replicas : int
        Replicas, at least one.
    cached_tokens : array_like of int, shape (n,), token, optional
        Prompt tokens that another sequence of the same group has read; none by default.
    assignment : {"shared-queue", "round-robin", "least-tokens"}
        A sequence goes to a replica when one has room (the one with the fewest sequences), or is
        dealt in turn beforehand, or beforehand to the replica with the fewest tokens so far.
    stop_after : int, optional
        Stop when so many sequences are finished (partial rollouts); all of them by default.
    engine : {"numba", "simpy"}
        The compiled kernel, which jumps over equal steps, or its twin, which plays each of them.

    Returns
    -------
    RolloutRun

    Raises
    ------
    SimulationError
        If the input cannot be played.

    Notes
    -----
    Steps are those of `simulate_serving`. When the rollout stops, a step in progress counts as
    busy until then, and its tokens are not generated.
    """
    plain, table = check_service(service, weight_seconds)
    prompt = np.ascontiguousarray(prompt_tokens, dtype=np.int64)
    cached = np.zeros_like(prompt) if cached_tokens is None else cached_tokens
    batch = Trace(np.zeros(prompt.size), prompt, np.asarray(cached), np.asarray(output_tokens))
    _check_fit(batch.prompt_tokens, batch.output_tokens, plain, n_replicas)
    if stop_after is not None and not 1 <= stop_after <= len(batch):
        raise SimulationError(f"stop_after is {stop_after}; expected 1 to {len(batch)} sequences")
    requests = _requests(batch)
    routing = _SHARED if assignment == "shared-queue" else _GIVEN
    if routing == _GIVEN:
        requests["replica"] = _assign(batch, n_replicas, assignment)
    target = stop_after or len(batch)
    replicas, makespan = _play(requests, plain, table, n_replicas, routing, target, engine)
    return RolloutRun(requests, replicas, makespan)


def _column(records: Records, name: str) -> Floats:
    """Return one field of records as an array of its own type."""
    return np.asarray(records[name], dtype=np.float64)


def _requests(trace: Trace) -> Records:
    """Return a trace as records of which nothing has happened yet."""
    requests = np.empty(len(trace), REQUEST)
    for name in ("arrival", "prompt_tokens", "output_tokens"):
        requests[name] = getattr(trace, name)
    requests["cached_tokens"] = trace.computed_from
    requests["first"] = requests["finish"] = np.inf
    requests["generated"], requests["replica"] = 0, -1
    return requests


def _play(
    requests: Records,
    service: Service,
    weight_seconds: Floats,
    n_replicas: int,
    routing: int,
    stop_after: int,
    engine: Engine,
) -> tuple[Records, float]:
    """Let the kernel or its twin play, and return what the replicas did and the last time."""
    replicas = np.zeros(n_replicas, REPLICA)
    serve = _player(engine).serve
    last = serve(requests, service, weight_seconds, routing, stop_after, replicas)
    return replicas[list(TOTALS)], float(last)


def _assign(batch: Trace, n_replicas: int, assignment: Assignment) -> Ints:
    """Return the replica that each sequence is dealt to beforehand."""
    if assignment == "round-robin":
        return np.arange(len(batch), dtype=np.int64) % n_replicas
    if assignment != "least-tokens":
        raise SimulationError(f"unknown assignment '{assignment}'")
    loads = [(0, index) for index in range(n_replicas)]  # a heap already
    replica = []
    for tokens in (batch.prompt_tokens + batch.output_tokens).tolist():
        load, index = loads[0]
        heapreplace(loads, (load + tokens, index))
        replica.append(index)
    return np.array(replica, dtype=np.int64)


def _check_fit(prompt: Ints, output: Ints, service: Service, n_replicas: int) -> None:
    """Refuse a pool without replicas, and requests that never fit into the KV cache."""
    if n_replicas < 1:
        raise SimulationError(f"{n_replicas} replicas; expected at least one")
    too_long = int(np.count_nonzero(prompt + output > service.kv_capacity_tokens))
    if too_long:
        raise SimulationError(
            f"{too_long} of {prompt.size} requests never fit: the longest needs "
            f"{int((prompt + output).max())} tokens of KV cache, a replica has "
            f"{service.kv_capacity_tokens}"
        )


def _is_clock(times: Floats) -> bool:
    """Tell whether times are finite, not negative and do not decrease."""
    finite = times.size == 0 or (times[0] >= 0.0 and times[-1] < np.inf)
    return bool(finite and np.all(times[1:] >= times[:-1]))


def _player(engine: Engine) -> ModuleType:
    """Return the module that plays: importing numba takes a third of a second, so only if asked."""
    if engine == "numba":
        from computesim.sim import kernels

        return kernels
    if engine == "simpy":
        from computesim.sim import reference

        return reference
    raise SimulationError(f"unknown engine '{engine}'; expected numba or simpy")
