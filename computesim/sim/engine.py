"""The public face of the simulation: check, allocate, play, wrap.

`engine="numba"` plays the compiled kernels, `engine="simpy"` their readable
twins in `reference`; both give the same numbers.
"""

from __future__ import annotations

from heapq import heapreplace
from typing import Literal

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats, Ints
from computesim.errors import SimulationError
from computesim.sim.chains import Chains
from computesim.sim.opening import (
    check_fit,
    check_one_lane,
    kinds_of,
    lanes_of,
    play_pool,
    player,
    requests_of,
)
from computesim.sim.operation import Operation, Routing
from computesim.sim.runs import QueueRun, RolloutRun, ServingRun
from computesim.sim.service import Replicas
from computesim.sim.trace import Trace

Engine = Literal["numba", "simpy"]
Assignment = Literal["round-robin", "least-tokens", "shared-queue"]


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
    player(engine).queue(arrivals, services, int(servers), start, finish)
    return QueueRun(arrivals, start, finish, int(servers))


def simulate_serving(
    trace: Trace,
    replicas: Replicas,
    routing: Routing = "shortest-queue",
    engine: Engine = "numba",
    chains: Chains | None = None,
    priority: npt.ArrayLike | None = None,
    operation: Operation | None = None,
    stop_after: int | None = None,
) -> ServingRun:
    """Play a trace on replicas with continuous batching and chunked prefill.

    Parameters
    ----------
    trace : Trace
        The requests.
    replicas : Replicas
        Of one kind.
    routing : {"shortest-queue", "round-robin", "two-choices", "prefix-aware", "shared-queue"}
        An arriving request goes to the replica with the fewest outstanding requests (lowest
        index on ties), to each replica in turn, to the less loaded of two that are drawn, to the
        one that knows most of its prompt, or waits in one queue until a replica has room.
    engine : {"numba", "simpy"}
        The compiled kernel, which jumps over equal steps, or its twin, which plays each of them.
    chains : Chains, optional
        Requests that follow others (sessions, closed loops, searches) or share a prompt.
    priority : array_like of int, shape (n,), optional
        0 goes first; all the same by default.
    operation : Operation, optional
        Prefix cache, separate decode replicas, autoscaler, failures, timeline.
    stop_after : int, optional
        Stop when so many requests are finished; all of them by default.

    Raises
    ------
    SimulationError
        If the input cannot be played, for instance a request longer than the KV cache.

    Notes
    -----
    Requests are admitted by priority, then first come first served, while the batch has room and
    the KV cache has too: for prompt and output, or (`Service.when_full`) for the prompt alone. A
    step takes one token of each decoding sequence; the rest of the token budget reads prompts,
    the earliest admitted first. The step that completes a prompt emits its first output token.
    Cached prompt tokens are not read again (but the last one of a prompt always is) and occupy
    KV cache. At equal times steps end first, then replicas fail or are ready, the autoscaler
    decides, requests arrive and are sent, steps start.
    """
    how = operation or Operation()
    kinds = kinds_of(replicas, how)
    for plain, _, count in kinds:
        check_fit(trace, plain, count, chains)
    opened = requests_of(trace, chains)
    lanes = lanes_of(opened.requests, priority)
    check_one_lane(opened.stages, opened.requests)
    last = float(trace.arrival[-1])
    return play_pool(player(engine).serve, opened, kinds, how, routing, lanes, stop_after, last)


def simulate_rollout(
    batch: Trace,
    replicas: Replicas,
    assignment: Assignment = "shared-queue",
    stop_after: int | None = None,
    engine: Engine = "numba",
    chains: Chains | None = None,
    priority: npt.ArrayLike | None = None,
) -> RolloutRun:
    """Play the generation phase of one reinforcement-learning step.

    Parameters
    ----------
    batch : Trace
        The sequences, all of them there at time zero (`Trace.at_once`); cached are the prompt
        tokens that another sequence of the same group has read.
    replicas : Replicas
        Of one kind.
    assignment : {"shared-queue", "round-robin", "least-tokens"}
        A sequence goes to a replica when one has room (the one with the fewest sequences), or is
        dealt in turn beforehand, or beforehand to the replica with the fewest tokens so far.
    stop_after : int, optional
        Stop when so many sequences are finished (partial rollouts); all of them by default.
    engine : {"numba", "simpy"}
        The compiled kernel, which jumps over equal steps, or its twin, which plays each of them.
    chains : Chains, optional
        The turns of an agent follow one another, with the seconds of its tools between them.
    priority : array_like of int, shape (n,), optional
        0 goes first; all the same by default.

    Raises
    ------
    SimulationError
        If the input cannot be played.

    Notes
    -----
    Steps are those of `simulate_serving`. When the rollout stops, a step in progress counts as
    busy until then, and its tokens are not generated.
    """
    how, routing = Operation(), "shared-queue"
    kinds = kinds_of(replicas, how)
    check_fit(batch, kinds[0][0], replicas.n, chains)
    opened = requests_of(batch, chains)
    lanes = lanes_of(opened.requests, priority)
    if assignment != "shared-queue":
        routing = "given"
        opened.requests["replica"] = _assign(batch, replicas.n, assignment)
    run = play_pool(player(engine).serve, opened, kinds, how, routing, lanes, stop_after, 0.0)
    return RolloutRun(run.requests, run.replicas, run.makespan)


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


def _is_clock(times: Floats) -> bool:
    """Tell whether times are finite, not negative and do not decrease."""
    finite = times.size == 0 or (times[0] >= 0.0 and times[-1] < np.inf)
    return bool(finite and np.all(times[1:] >= times[:-1]))
