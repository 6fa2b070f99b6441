"""A pool before it is played: its requests and replicas as records, and what cannot be played."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats
from computesim.errors import SimulationError
from computesim.sim.chains import Chains
from computesim.sim.clients import delayed, show_to_clients
from computesim.sim.operation import Operation
from computesim.sim.records import OUTCOME, REPLICA, REQUEST, STAGE, TOTALS, Records
from computesim.sim.runs import ServingRun, Timeline
from computesim.sim.service import Replicas, Service, check_service, service_rows
from computesim.sim.trace import Trace

MOST_LANES: Final = 64  #: priorities
#: A kind of replicas: its service, its weight table and how many there are.
Kind = tuple[Service, Floats, int]


class Opened(NamedTuple):
    """Requests before they are played, nothing done yet."""

    stages: Records  #: of `STAGE`, shape (s,)
    fresh: npt.NDArray[np.int32]  #: requests that follow none, shape (f,); empty for all
    requests: Records  #: of `REQUEST`, shape (n,); they are filled in


def kinds_of(replicas: Replicas, how: Operation) -> list[Kind]:
    """Return the kinds of replicas of a pool, checked: those of all, or of prefill and decode."""
    kinds = [(*check_service(replicas.service, replicas.weight_seconds), replicas.n)]
    if how.decode_pool:
        pool = how.decode_pool
        kinds.append((*check_service(pool.service, pool.weight_seconds), pool.n_replicas))
    if len({plain.block_tokens for plain, _, _ in kinds}) > 1:
        raise SimulationError("replicas that hand KV cache over need blocks of one size")
    return kinds


def play_pool(
    serve: Callable[..., float],
    opened: Opened,
    kinds: list[Kind],
    how: Operation,
    routing: str,
    lanes: int,
    stop_after: int | None,
    last_arrival: float,
) -> ServingRun:
    """Play requests on a pool, and return what happened, as its clients see it.

    Parameters
    ----------
    serve : callable
        The kernel or its twin.
    opened : Opened
    kinds : list of Kind
    how : Operation
    routing : str
    lanes : int
        Priorities.
    stop_after : int, optional
    last_arrival : float, s
        For a guess how many intervals a timeline has.
    """
    stages, fresh, requests = opened
    n, n_all = requests.size, sum(count for _, _, count in kinds)
    how.check(n, n_all, bool(stages["shares"].any()))
    target = n if stop_after is None else stop_after
    if not 1 <= target <= n:
        raise SimulationError(f"stop_after is {target}; expected 1 to {n} requests")
    rows, tables = service_rows([(plain, table) for plain, table, _ in kinds])
    rules, width, front = how.rules(routing, target, lanes), how.bin_seconds, kinds[0][0]
    n_bins = _likely_bins(last_arrival, width)
    while True:
        replicas = replicas_of([count for _, _, count in kinds], how)
        played = requests.copy() if width else requests
        extras = how.extras(routing, delayed(stages, front), played, rows, n_all, n_bins)
        last = serve(played, fresh, rows, tables, rules, replicas, extras)
        seen, totals = played[list(OUTCOME)], replicas[list(TOTALS)]
        if extras is None or not width:
            show_to_clients(played, front)
            return ServingRun(seen, totals)
        if last <= n_bins * width:
            show_to_clients(played, front)
            bins = extras.timeline[:, : max(math.ceil(last / width), 1)].copy()
            return ServingRun(seen, totals, Timeline(width, bins))
        n_bins = int(last // width) + 1  # now that the end is known


def _likely_bins(last_arrival: float, width: float) -> int:
    """Return how many intervals a timeline takes if the run ends soon after the last arrival.

    Memory of intervals that are never reached is never touched.
    """
    if not width:
        return 1
    return int(min(2.0 * last_arrival / width + 1024.0, 4e6))


def fill(requests: Records, trace: Trace) -> None:
    """Write a trace into as many records, nothing done yet."""
    for name in ("arrival", "prompt_tokens", "output_tokens"):
        requests[name] = getattr(trace, name)
    requests["cached_tokens"] = trace.computed_from
    requests["first"] = requests["finish"] = np.inf
    for name in ("replica", "stage", "following", "older", "newer"):
        requests[name] = -1
    for name in ("generated", "priority", "state"):
        requests[name] = 0


def requests_of(trace: Trace, chains: Chains | None) -> Opened:
    """Return a trace and its chains as records, nothing done yet."""
    requests = np.empty(len(trace), REQUEST)
    fill(requests, trace)
    if chains is None:
        return Opened(np.zeros(0, STAGE), np.zeros(0, np.int32), requests)
    if chains.stage.size != len(trace):
        raise SimulationError(f"chains of {chains.stage.size} requests, a trace of {len(trace)}")
    _check_shared(trace, chains)
    requests["stage"] = chains.stage
    stages, requests["following"] = chains.records()
    requests["arrival"][chains.follows] = np.inf
    return Opened(stages, np.flatnonzero(~chains.follows).astype(np.int32), requests)


def _check_shared(trace: Trace, chains: Chains) -> None:
    """Refuse stages that share a prompt but whose prompts have several lengths."""
    mine = np.flatnonzero((chains.stage >= 0) & np.append(chains.shares, False)[chains.stage])
    longest = np.zeros(chains.after.size, np.int64)
    np.maximum.at(longest, chains.stage[mine], trace.prompt_tokens[mine])
    if np.any(longest[chains.stage[mine]] != trace.prompt_tokens[mine]):
        raise SimulationError("requests that share a prompt need prompts of one length")


def check_one_lane(stages: Records, requests: Records) -> None:
    """Refuse stages that share a prompt but whose requests have several priorities.

    Those of low priority lose their place first, also where the others wait for their reading.
    """
    mine = requests[requests["stage"] >= 0]
    mine = mine[stages["shares"][mine["stage"]] == 1]
    first = requests["priority"][stages["first"][mine["stage"]]]
    if np.any(mine["priority"] != first):
        raise SimulationError("requests that share a prompt need one priority")


def lanes_of(requests: Records, priority: npt.ArrayLike | None) -> int:
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


def replicas_of(counts: list[int], how: Operation) -> Records:
    """Return replicas of each pool that have done nothing yet."""
    replicas = np.zeros(sum(counts), REPLICA)
    kind = np.repeat(np.arange(len(counts)), counts)
    replicas["kind"] = replicas["pool"] = kind
    replicas["hands_over"] = (kind == 0) & (len(counts) > 1)
    if how.autoscaler:
        replicas["state"][how.autoscaler.least :] = 1
    return replicas


def check_fit(
    trace: Trace, service: Service, n_replicas: int, chains: Chains | None = None
) -> None:
    """Refuse a pool without replicas, and requests that never fit into the KV cache."""
    if n_replicas < 1:
        raise SimulationError(f"{n_replicas} replicas; expected at least one")
    block = service.block_tokens
    need = -(-(trace.prompt_tokens + trace.output_tokens) // block)
    if chains is not None and chains.shares.any():  # own tokens begin in a block of their own
        need = -(-trace.prompt_tokens // block) - (-trace.output_tokens // block)
    most = service.kv_capacity_tokens // service.groups  # a sequence lies in one group
    if int(need.max()) > most // block:
        too_long = int(np.count_nonzero(need > most // block))
        holder = "a replica" if service.groups == 1 else "an attention group"
        raise SimulationError(
            f"{too_long} of {len(trace)} requests never fit: the longest needs "
            f"{int(need.max()) * block} tokens of KV cache, {holder} has {most}"
        )


def player(engine: str) -> ModuleType | Any:
    """Return the module that plays: importing numba takes a third of a second, so only if asked."""
    if engine == "numba":
        from computesim.sim import kernels

        return kernels
    if engine == "simpy":
        from computesim.sim import reference

        return reference
    raise SimulationError(f"unknown engine '{engine}'; expected numba or simpy")
