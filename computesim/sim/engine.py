"""The public face of the simulation: check, allocate, play, wrap.

`engine="numba"` plays the compiled kernels, `engine="simpy"` their readable
twins in `reference`; both give the same numbers.
"""

from __future__ import annotations

import math
from heapq import heapreplace
from types import ModuleType
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from computesim.errors import SimulationError
from computesim.sim.chains import Chains
from computesim.sim.operation import Operation, Routing
from computesim.sim.records import (
    LANE,
    OUTCOME,
    REPLICA,
    REQUEST,
    STAGE,
    TOTALS,
    Floats,
    Ints,
    Records,
)
from computesim.sim.runs import QueueRun, RolloutRun, ServingRun, Timeline
from computesim.sim.service import Service, check_service, service_rows
from computesim.sim.trace import Trace

__all__ = [
    "Assignment",
    "Engine",
    "QueueRun",
    "RolloutRun",
    "Routing",
    "ServingRun",
    "simulate_queue",
    "simulate_rollout",
    "simulate_serving",
]

Engine = Literal["numba", "simpy"]
Assignment = Literal["round-robin", "least-tokens", "shared-queue"]
MOST_LANES: Final = 64  #: priorities


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
    service : Service
        Step time and limits of one replica.
    weight_seconds : array_like of float, shape (token_budget + 1,), s
        Seconds of reading the weights in a step of T tokens.
    n_replicas : int
        Replicas, at least one.
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

    Returns
    -------
    ServingRun

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
    pools = [(*check_service(service, weight_seconds), n_replicas)]
    if how.decode_pool:
        pool = how.decode_pool
        pools.append((*check_service(pool.service, pool.weight_seconds), pool.n_replicas))
    for plain, _, count in pools:
        _check_fit(trace, plain, count, chains)
    if len({plain.block_tokens for plain, _, _ in pools}) > 1:
        raise SimulationError("replicas that hand KV cache over need blocks of one size")
    stages, fresh, requests = _requests(trace, chains)
    lanes = _lanes(requests, priority)
    _check_one_lane(stages, requests)
    n_all = sum(count for _, _, count in pools)
    how.check(len(trace), n_all, bool(stages["shares"].any()))
    target = len(trace) if stop_after is None else stop_after
    if not 1 <= target <= len(trace):
        raise SimulationError(f"stop_after is {target}; expected 1 to {len(trace)} requests")
    rows, tables = service_rows([(plain, table) for plain, table, _ in pools])
    rules, width = how.rules(routing, target, lanes), how.bin_seconds
    serve, n_bins = _player(engine).serve, _likely_bins(trace, width)
    while True:
        replicas = _replicas([count for _, _, count in pools], how)
        played = requests.copy() if width else requests
        extras = how.extras(routing, stages.copy(), played, rows, n_all, n_bins)
        queues = _empty_lanes(n_all, lanes)
        last = serve(played, fresh, rows, tables, rules, replicas, queues, extras)
        seen, totals = played[list(OUTCOME)], replicas[list(TOTALS)]
        if extras is None or not width:
            return ServingRun(seen, totals)
        if last <= n_bins * width:
            bins = extras.timeline[:, : max(math.ceil(last / width), 1)].copy()
            return ServingRun(seen, totals, Timeline(width, bins))
        n_bins = int(last // width) + 1  # now that the end is known


def _likely_bins(trace: Trace, width: float) -> int:
    """Return how many intervals a timeline takes if the run ends soon after the last arrival.

    Memory of intervals that are never reached is never touched.
    """
    if not width:
        return 1
    return int(min(2.0 * float(trace.arrival[-1]) / width + 1024.0, 4e6))


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
    chains: Chains | None = None,
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
    chains : Chains, optional
        The turns of an agent follow one another, with the seconds of its tools between them.

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
    _check_fit(batch, plain, n_replicas)
    if stop_after is not None and not 1 <= stop_after <= len(batch):
        raise SimulationError(f"stop_after is {stop_after}; expected 1 to {len(batch)} sequences")
    stages, fresh, requests = _requests(batch, chains)
    how, routing = Operation(), "shared-queue"
    if assignment != "shared-queue":
        routing = "given"
        requests["replica"] = _assign(batch, n_replicas, assignment)
    rows, tables = service_rows([(plain, table)])
    replicas = _replicas([n_replicas], how)
    rules = how.rules(routing, stop_after or len(batch), 1)
    extras = how.extras(routing, stages, requests, rows, n_replicas, 1)
    queues = _empty_lanes(n_replicas, 1)
    last = _player(engine).serve(requests, fresh, rows, tables, rules, replicas, queues, extras)
    return RolloutRun(requests[list(OUTCOME)], replicas[list(TOTALS)], float(last))


def _requests(
    trace: Trace, chains: Chains | None
) -> tuple[Records, npt.NDArray[np.int32], Records]:
    """Return stages, the requests that follow none, and all as records, nothing done yet."""
    requests = np.empty(len(trace), REQUEST)
    for name in ("arrival", "prompt_tokens", "output_tokens"):
        requests[name] = getattr(trace, name)
    requests["cached_tokens"] = trace.computed_from
    requests["first"] = requests["finish"] = np.inf
    for name in ("replica", "stage", "following", "older", "newer"):
        requests[name] = -1
    for name in ("generated", "priority", "state"):
        requests[name] = 0
    if chains is None:
        return np.zeros(0, STAGE), np.zeros(0, np.int32), requests
    if chains.stage.size != len(trace):
        raise SimulationError(f"chains of {chains.stage.size} requests, a trace of {len(trace)}")
    _check_shared(trace, chains)
    requests["stage"] = chains.stage
    stages, requests["following"] = chains.records()
    requests["arrival"][chains.follows] = np.inf
    return stages, np.flatnonzero(~chains.follows).astype(np.int32), requests


def _check_shared(trace: Trace, chains: Chains) -> None:
    """Refuse stages that share a prompt but whose prompts have several lengths."""
    mine = np.flatnonzero((chains.stage >= 0) & np.append(chains.shares, False)[chains.stage])
    longest = np.zeros(chains.after.size, np.int64)
    np.maximum.at(longest, chains.stage[mine], trace.prompt_tokens[mine])
    if np.any(longest[chains.stage[mine]] != trace.prompt_tokens[mine]):
        raise SimulationError("requests that share a prompt need prompts of one length")


def _check_one_lane(stages: Records, requests: Records) -> None:
    """Refuse stages that share a prompt but whose requests have several priorities.

    Those of low priority lose their place first, also where the others wait for their reading.
    """
    mine = requests[requests["stage"] >= 0]
    mine = mine[stages["shares"][mine["stage"]] == 1]
    first = requests["priority"][stages["first"][mine["stage"]]]
    if np.any(mine["priority"] != first):
        raise SimulationError("requests that share a prompt need one priority")


def _lanes(requests: Records, priority: npt.ArrayLike | None) -> int:
    """Write the priorities into the records, and return how many there are."""
    if priority is None:
        return 1
    given = np.asarray(priority, dtype=np.int64)
    if given.shape != requests.shape or given.min() < 0 or given.max() >= MOST_LANES:
        raise SimulationError(
            f"priorities: expected 0 to {MOST_LANES - 1}, one for each of {requests.size} requests"
        )
    requests["priority"] = given
    return int(given.max()) + 1


def _replicas(counts: list[int], how: Operation) -> Records:
    """Return replicas of each pool that have done nothing yet."""
    replicas = np.zeros(sum(counts), REPLICA)
    kind = np.repeat(np.arange(len(counts)), counts)
    replicas["kind"] = replicas["pool"] = kind
    replicas["hands_over"] = (kind == 0) & (len(counts) > 1)
    if how.autoscaler:
        replicas["state"][how.autoscaler.least :] = 1
    return replicas


def _empty_lanes(n_replicas: int, lanes: int) -> Records:
    """Return the queues of all replicas, nobody in them."""
    empty = np.empty(n_replicas * lanes, LANE)
    for name in LANE.names or ():
        empty[name] = -1
    return empty


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


def _check_fit(
    trace: Trace, service: Service, n_replicas: int, chains: Chains | None = None
) -> None:
    """Refuse a pool without replicas, and requests that never fit into the KV cache."""
    if n_replicas < 1:
        raise SimulationError(f"{n_replicas} replicas; expected at least one")
    block = service.block_tokens
    need = -(-(trace.prompt_tokens + trace.output_tokens) // block)
    if chains is not None and chains.shares.any():  # own tokens begin in a block of their own
        need = -(-trace.prompt_tokens // block) - (-trace.output_tokens // block)
    if int(need.max()) > service.kv_capacity_tokens // block:
        too_long = int(np.count_nonzero(need > service.kv_capacity_tokens // block))
        raise SimulationError(
            f"{too_long} of {len(trace)} requests never fit: the longest needs "
            f"{int(need.max()) * block} tokens of KV cache, a replica has "
            f"{service.kv_capacity_tokens}"
        )


def _is_clock(times: Floats) -> bool:
    """Tell whether times are finite, not negative and do not decrease."""
    finite = times.size == 0 or (times[0] >= 0.0 and times[-1] < np.inf)
    return bool(finite and np.all(times[1:] >= times[:-1]))


def _player(engine: Engine) -> ModuleType | Any:
    """Return the module that plays: importing numba takes a third of a second, so only if asked."""
    if engine == "numba":
        from computesim.sim import kernels

        return kernels
    if engine == "simpy":
        from computesim.sim import reference

        return reference
    raise SimulationError(f"unknown engine '{engine}'; expected numba or simpy")
