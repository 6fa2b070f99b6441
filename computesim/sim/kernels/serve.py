"""Replicas with continuous batching, chunked prefill and a KV cache.

Every replica has one next event, the end of its run of equal steps. A run ends
with the first sequence that finishes, before the step that completes a prompt,
before the KV cache is full, or with the first step after which an arriving
request may be admitted. A tournament finds the earliest end, another one the
replica with the fewest outstanding requests. Records instead of tuples of
arrays: numba counts references of arrays that it takes from a tuple, which
costs more than the event.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from computesim.sim.kernels.admission import begin, join
from computesim.sim.kernels.delivery import deliver
from computesim.sim.kernels.heap import replay, schedule, unschedule
from computesim.sim.kernels.plant import (
    choose,
    cut_off,
    decide,
    machine_event,
    rank,
    switch_off,
)
from computesim.sim.kernels.pool import Extras, Floats, Ints, Numbers, Pool, Record, Records, Rules
from computesim.sim.kernels.steps import elapsed, lost, settle, steps_until


@njit(cache=True, nogil=True)
def serve(
    requests: Records,
    fresh: Numbers,
    services: Records,
    weight_seconds: Floats,
    rules: Records,
    replicas: Records,
    lanes: Records,
    extras: Extras,
) -> float:
    """Play requests on replicas until `stop_after` of them are finished, and return the time.

    Parameters
    ----------
    requests : ndarray of records.REQUEST, shape (n,)
        Lengths, and arrivals of those that follow none. `first`, `finish`, `generated`,
        `replica` and `cached_tokens` are filled in.
    fresh : ndarray of int32, shape (f,)
        Requests that follow none, by arrival; empty if these are all, in order.
    services : ndarray of service.SERVICE, shape (k,)
        Step times and limits of the kinds of replicas.
    weight_seconds : ndarray of float64, shape (k, 3, widest), s
        Tables of `service.check_service`.
    rules : ndarray of records.RULES, shape (1,)
        How the pool is run.
    replicas : ndarray of records.REPLICA, shape (r,)
        `kind`, `pool`, `hands_over` and `state` given; the totals are filled in.
    lanes : ndarray of records.LANE, shape (r · lanes,)
        Filled with -1.
    extras : records.Extras or None
        What only some rules need.

    Returns
    -------
    float, s
        When the last step ended.
    """
    width = 0
    for k in range(services.size):
        width = max(width, min(services[k]["max_batch"], requests.size))
    leaves = 1
    while leaves < replicas.size:
        leaves *= 2
    pools = replicas["pool"].max() + 1
    load = np.full(pools * leaves, np.iinfo(np.int64).max)
    pool = Pool(
        requests,
        services,
        weight_seconds,
        rules[0],
        replicas,
        lanes,
        np.zeros(replicas.size * width, np.int64),
        width,
        np.full(leaves, np.inf),
        np.arange(2 * leaves) % leaves,
        load,
        np.arange(2 * load.size) % load.size,
        np.full((rules[0]["lanes"], 2), -1),
        np.empty(replicas.size, np.int64),
        np.zeros(2, np.int64),
        np.zeros(requests.size, np.int32),
    )
    return float(play(pool, fresh, extras))


@njit(cache=True, nogil=True, _nrt=False)
def play(pool: Pool, fresh: Numbers, extras: Extras) -> float:
    """Play from event to event, on arrays that `serve` has allocated."""
    requests, replicas, rules = pool.requests, pool.replicas, pool.rules
    end, ends, line, due = pool.end, pool.ends, pool.line, pool.due
    n_fresh = fresh.size if fresh.size > 0 else requests.size
    prepare(pool, extras)
    now, tick, arrived, n_line, finished = 0.0, rules["tick"], 0, 0, 0
    while finished < rules["stop_after"]:
        now = end[ends[1]]
        if arrived < n_fresh:
            now = min(now, requests[fresh[arrived] if fresh.size > 0 else arrived]["arrival"])
        if extras is not None:
            now = min(now, next_extra(extras), tick)
        if now == np.inf:
            break
        n_due = 0
        # Steps end: every replica whose run is over delivers its tokens.
        while end[ends[1]] == now:
            r = ends[1]
            run = replicas[r]
            settle(pool, r, run["length"], extras)
            finished += deliver(pool, r, extras, now)
            rank(pool, r)
            end[r] = np.inf
            replay(ends, end, r)
            n_due = mark_due(run, due, n_due, r)
            if extras is not None:
                if run["state"] == 3 and run["load"] == 0:
                    switch_off(run, rules, extras, now)
        if finished >= rules["stop_after"]:
            break
        # Replicas fail, and others are ready; the autoscaler decides.
        if extras is not None:
            while extras.plant_size[0] > 0 and extras.plant_times[0] == now:
                machine_event(pool, extras, now)
            if tick == now:
                decide(pool, n_line, extras, now)
                tick += rules["tick"]
        # Requests arrive: in order of their number, then those of stages that follow.
        while arrived < n_fresh:
            i = fresh[arrived] if fresh.size > 0 else arrived
            if requests[i]["arrival"] > now:
                break
            if extras is not None:
                n_line += come_back(requests, line, extras, i, now)
            queue_up(requests, line, i)
            n_line += 1
            arrived += 1
        if extras is not None:
            n_line += come_back(requests, line, extras, requests.size, now)
            n_line += follow(requests, line, extras, now)
        # They are sent to replicas, whose run they may cut short.
        while n_line > 0:
            lane = 0
            while line[lane, 0] < 0:
                lane += 1
            i = line[lane, 0]
            r = choose(pool, i, extras)
            if r < 0:
                break
            line[lane, 0] = requests[i]["following"]
            n_line -= 1
            requests[i]["replica"] = r
            run = replicas[r]
            admissible = join(pool, r, i, extras)
            rank(pool, r)
            if end[r] == np.inf:
                n_due = mark_due(run, due, n_due, r)
            elif admissible and run["length"] > 1:
                run["length"] = steps_until(run, now)
                end[r] = run["start"] + elapsed(run, run["length"])
                replay(ends, end, r)
        # Steps start.
        for j in range(n_due):
            r = due[j]
            run = replicas[r]
            run["due"] = 0
            if run["state"] == 1 or run["state"] == 4:
                continue
            begin(pool, r, extras)
            if run["length"] > 0:
                run["start"] = now
                if extras is not None:
                    stall(run, rules, extras, now)
                end[r] = run["start"] + elapsed(run, run["length"])
                replay(ends, end, r)
    for r in range(replicas.size):
        if end[r] < np.inf:
            cut_off(pool, r, extras, now)
        close(pool, r, extras, now)
    return now


@njit(cache=True, nogil=True, _nrt=False)
def prepare(pool: Pool, extras: Extras) -> None:
    """Bring tournaments, replicas and the list of failures to their first state."""
    replicas = pool.replicas
    for leaf in range(pool.load.size):
        replay(pool.loads, pool.load, leaf)
    for leaf in range(pool.end.size):
        replay(pool.ends, pool.end, leaf)
    for r in range(replicas.size):
        replicas[r]["head"] = replicas[r]["tail"] = -1
        replicas[r]["newest_block"] = replicas[r]["oldest_block"] = -1
        rank(pool, r)
    if extras is not None:
        for f in range(extras.failures.size):
            time = extras.failures[f]["time"]
            schedule(extras.plant_times, extras.plant_codes, extras.plant_size, time, f)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def next_extra(extras: Extras) -> float:
    """Return when a request comes back, a stage follows or a machine changes, s."""
    time = np.inf
    if extras.size[0] > 0:
        time = extras.times[0]
    if extras.plant_size[0] > 0:
        time = min(time, extras.plant_times[0])
    return float(time)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def come_back(requests: Records, line: Ints, extras: Extras, before: int, now: float) -> int:
    """Put the requests below a number that come back now into the line; return how many."""
    n = 0
    while extras.size[0] > 0 and extras.times[0] == now and extras.codes[0] < before:
        queue_up(requests, line, unschedule(extras.times, extras.codes, extras.size))
        n += 1
    return n


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def follow(requests: Records, line: Ints, extras: Extras, now: float) -> int:
    """Put the requests of stages that follow now into the line; return how many."""
    n = 0
    while extras.size[0] > 0 and extras.times[0] == now:
        s = unschedule(extras.times, extras.codes, extras.size) - requests.size
        i = extras.stages[s]["first"]
        while i >= 0:
            behind = requests[i]["following"]
            requests[i]["arrival"] = now
            queue_up(requests, line, i)
            n, i = n + 1, behind
    return n


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def stall(run: Record, rules: Rules, extras: Extras, now: float) -> None:
    """Let a run begin after the seconds that swapping takes."""
    seconds = run["stall"]
    if seconds > 0.0:
        run["start"] = now + seconds
        run["busy_seconds"] += seconds
        run["batch_seconds"] += run["running"] * seconds
        if rules["bin"] > 0.0:
            lost(run, now, run["start"], rules["bin"], extras.timeline)


@njit(cache=True, nogil=True, _nrt=False)
def close(pool: Pool, r: int, extras: Extras, now: float) -> None:
    """Write down what is owed at the end: time paid for, tokens of sequences that still decode."""
    run, requests = pool.replicas[r], pool.requests
    heap, base = pool.heap, r * pool.width
    for slot in range(base, base + run["decoding"]):
        i = heap[slot] % requests.size
        missing = heap[slot] // requests.size - run["decoded"]
        requests[i]["generated"] = requests[i]["output_tokens"] - missing
    if extras is not None:
        if run["state"] != 1:
            switch_off(run, pool.rules, extras, now)
    else:
        run["on_seconds"] += now


@njit(cache=True, nogil=True, _nrt=False)
def mark_due(run: Record, due: Ints, n_due: int, replica: int) -> int:
    """Note that a replica has to start a step now, and return how many have."""
    if run["due"] == 0:
        run["due"] = 1
        due[n_due] = replica
        n_due += 1
    return n_due


@njit(cache=True, nogil=True, _nrt=False)
def queue_up(requests: Records, line: Ints, i: int) -> None:
    """Put a request at the end of those that are to be sent, in its lane."""
    lane = requests[i]["priority"]
    requests[i]["following"] = -1
    if line[lane, 0] < 0:
        line[lane, 0] = i
    else:
        requests[line[lane, 1]]["following"] = i
    line[lane, 1] = i
