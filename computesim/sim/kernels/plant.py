"""The replicas as machines: which one takes a request, which ones fail, start and stop."""

from __future__ import annotations

import numpy as np
from numba import njit

from computesim.sim.kernels.cache import promise, sharing
from computesim.sim.kernels.heap import replay, schedule, unschedule
from computesim.sim.kernels.pool import Extras, Pool, Record, Records, Rules
from computesim.sim.kernels.prefix import forget, matched
from computesim.sim.kernels.steps import elapsed, lost, owned, settle, steps_until


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def rank(pool: Pool, r: int) -> None:
    """Bring the place of a replica among those that take requests up to date."""
    run, load = pool.replicas[r], pool.load
    leaf = run["pool"] * pool.end.size + r
    load[leaf] = run["load"] if run["state"] == 0 else np.iinfo(np.int64).max
    replay(pool.loads, load, leaf)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def choose(pool: Pool, i: int, extras: Extras) -> int:
    """Return the replica of a request, or -1 if it has to wait until one can take it."""
    requests, load, loads, leaves = pool.requests, pool.load, pool.loads, pool.end.size
    which = 1 if load.size > leaves and requests[i]["state"] == 1 else 0
    shortest = loads[1] if load.size == leaves else loads[2 + which] - which * leaves
    if load[which * leaves + shortest] == np.iinfo(np.int64).max:
        return -1  # none is on
    if pool.rules["routing"] == 0 and extras is None:
        return int(shortest)
    if extras is not None:
        home = at_home(requests[i], pool.replicas, extras)
        if home >= 0:
            return int(home)
    chosen = shortest
    if pool.rules["routing"] == 1:
        chosen = in_turn(pool, which)
    elif pool.rules["routing"] == 2:
        chosen = with_room(pool, i, which)
    elif pool.rules["routing"] == 3:
        dealt = requests[i]["replica"]
        if dealt >= 0 and takes(pool.replicas[dealt], which):
            chosen = dealt
    if extras is not None:
        if pool.rules["routing"] == 4:
            chosen = of_two(pool.replicas, i, which, shortest, extras)
        elif pool.rules["routing"] == 5:
            chosen = with_prefix(pool, i, which, shortest, extras)
        if chosen >= 0 and sharing(requests[i], extras):
            extras.stages[requests[i]["stage"]]["home"] = chosen
    return int(chosen)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def at_home(request: Record, replicas: Records, extras: Extras) -> int:
    """Return the replica that has the prompt which a request shares, or -1.

    One that drains takes the late ones of a stage, too, so that all of it is in one place.
    """
    if not sharing(request, extras):
        return -1
    stage = extras.stages[request["stage"]]
    if stage["home"] >= 0:
        state = replicas[stage["home"]]["state"]
        if state == 0 or state == 3:
            return int(stage["home"])
    return -1


@njit(cache=True, nogil=True, _nrt=False)
def takes(run: Record, which: int) -> bool:
    """Tell whether a replica takes requests of a pool."""
    return bool(run["state"] == 0 and run["pool"] == which)


@njit(cache=True, nogil=True, _nrt=False)
def in_turn(pool: Pool, which: int) -> int:
    """Return the next replica that is on."""
    replicas, r = pool.replicas, pool.turns[which]
    while not takes(replicas[r % replicas.size], which):
        r += 1
    pool.turns[which] = r + 1
    return int(r % replicas.size)


@njit(cache=True, nogil=True, _nrt=False)
def with_room(pool: Pool, i: int, which: int) -> int:
    """Return the replica with the fewest requests among those that admit one more at once."""
    replicas, best = pool.replicas, -1
    for r in range(replicas.size):
        if takes(replicas[r], which):
            service = pool.services[replicas[r]["kind"]]
            need = replicas[r]["promised"] + promise(pool.requests[i], service)
            room = need <= service["kv_capacity_tokens"]
            room = room and replicas[r]["load"] < service["max_batch"]
            if room and (best < 0 or replicas[r]["load"] < replicas[best]["load"]):
                best = r
    return best


@njit(cache=True, nogil=True, _nrt=False)
def of_two(replicas: Records, i: int, which: int, shortest: int, extras: Extras) -> int:
    """Return the less loaded one of two replicas that were drawn beforehand."""
    best = -1
    for j in range(2):
        r = extras.draws[i, j]
        less = best < 0 or replicas[r]["load"] < replicas[best]["load"]
        if less and takes(replicas[r], which):
            best = r
    return int(best if best >= 0 else shortest)


@njit(cache=True, nogil=True, _nrt=False)
def with_prefix(pool: Pool, i: int, which: int, shortest: int, extras: Extras) -> int:
    """Return the replica with the fewest tokens to read until the first token of a request.

    Those of its prompt that are not cached there, and of the requests before it; equals take
    turns. Replicas too far ahead of the shortest queue take none.
    """
    if which == 1:
        return int(shortest)  # nothing is read where it decodes
    replicas, best, most = pool.replicas, shortest, np.iinfo(np.int64).max
    longest = replicas[shortest]["load"] + pool.rules["slack"]
    for r in range(replicas.size):
        if takes(replicas[r], which) and replicas[r]["load"] <= longest:
            tokens = extras.unread[r] + to_read(pool, i, r, extras)
            if tokens < most or (tokens == most and extras.sent[r] < extras.sent[best]):
                best, most = r, tokens
    extras.missing[i] = most - extras.unread[best]
    extras.unread[best] = most
    pool.turns[which] += 1
    extras.sent[best] = pool.turns[which]
    return int(best)


@njit(cache=True, nogil=True, _nrt=False)
def to_read(pool: Pool, i: int, r: int, extras: Extras) -> int:
    """Return the prompt tokens of a request that are not cached at a replica."""
    request, rules = pool.requests[i], pool.rules
    cached = request["cached_tokens"]
    if rules["cache_blocks"] > 0:
        first, last = extras.block_start[i], extras.block_start[i + 1]
        cached = matched(extras.links, r, extras.blocks, first, last) * rules["block"]
    elif rules["local"] == 1 and request["stage"] >= 0:
        stage = extras.stages[request["stage"]]
        if stage["origin"] >= 0:
            if stage["origin"] != r or stage["life"] != pool.replicas[r]["lives"]:
                cached = 0
    return int(request["prompt_tokens"] - min(cached, request["prompt_tokens"] - 1))


@njit(cache=True, nogil=True, _nrt=False)
def cut_off(pool: Pool, r: int, extras: Extras, now: float) -> None:
    """Book the steps of a run that ended by now, and the part of the one that is in progress."""
    run, width = pool.replicas[r], pool.rules["bin"]
    steps = steps_until(run, now)
    if run["start"] + elapsed(run, steps) > now:
        steps -= 1
    settle(pool, r, steps, extras)
    ended = run["start"] + elapsed(run, steps)  # later than now while it still swaps
    rest = now - ended
    run["busy_seconds"] += rest
    run["batch_seconds"] += run["running"] * rest
    if extras is not None:
        if width > 0.0:
            lost(run, ended, now, width, extras.timeline)


@njit(cache=True, nogil=True, _nrt=False)
def machine_event(pool: Pool, extras: Extras, now: float) -> None:
    """Let the next replica fail, or be ready."""
    n_failures = extras.failures.size
    code = unschedule(extras.plant_times, extras.plant_codes, extras.plant_size)
    r = code - n_failures if code >= n_failures else extras.failures[code]["replica"]
    run, end = pool.replicas[r], pool.end
    if code >= n_failures:
        run["state"] = 0
    elif run["state"] == 0 or run["state"] == 3:
        if end[r] < np.inf:
            cut_off(pool, r, extras, now)
            end[r] = np.inf
            replay(pool.ends, end, r)
        fail(pool, r, extras, now)
        if run["state"] == 3:
            switch_off(run, pool.rules, extras, now)
        else:
            run["state"] = 4
            ready = now + extras.failures[code]["repair"]
            schedule(
                extras.plant_times, extras.plant_codes, extras.plant_size, ready, n_failures + r
            )
    rank(pool, r)


@njit(cache=True, nogil=True, _nrt=False)
def fail(pool: Pool, r: int, extras: Extras, now: float) -> None:
    """Let a replica lose all that it holds; its requests are sent again, to be read anew."""
    run, requests, lanes, rules = pool.replicas[r], pool.requests, pool.lanes, pool.rules
    heap, base, service = pool.heap, r * pool.width, pool.services[run["kind"]]
    n = requests.size
    for slot in range(base, base + run["decoding"]):
        i = heap[slot] % n
        missing = heap[slot] // n - run["decoded"]
        requests[i]["generated"] = requests[i]["output_tokens"] - missing
        again(requests, i, extras, now)
    i = run["head"]
    while i >= 0:
        i = again(requests, i, extras, now)
    for k in range(r * rules["lanes"], (r + 1) * rules["lanes"]):
        i = lanes[k]["first"]
        while i >= 0:
            i = again(requests, i, extras, now)
        lanes[k]["first"] = lanes[k]["last"] = lanes[k]["newest"] = -1
    if service["when_full"] > 0:
        block = service["block_tokens"]
        for j in range(r * block, (r + 1) * block):
            extras.phases[j] = 0
    run["decoding"] = run["running"] = run["load"] = run["held"] = run["promised"] = 0
    run["resident"] = run["length"] = run["reads"] = run["since"] = 0
    run["head"] = run["tail"] = -1
    run["failures"] += 1
    run["lives"] += 1
    if rules["routing"] == 5:
        extras.unread[r] = 0
    if rules["cache_blocks"] > 0:
        forget(run, extras.links, r)


@njit(cache=True, nogil=True, _nrt=False)
def again(requests: Records, i: int, extras: Extras, now: float) -> int:
    """Send a request once more, and return the one that stood behind it."""
    behind = requests[i]["following"]
    if requests[i]["state"] >= 3 and requests[i]["stage"] >= 0:
        extras.stages[requests[i]["stage"]]["active"] = 0
    requests[i]["state"] = 0
    if extras.missing.size > 0:
        extras.missing[i] = 0
    if sharing(requests[i], extras):
        requests[i]["cached_tokens"] = 0  # what the others had read is gone
        extras.stages[requests[i]["stage"]]["home"] = -1
    schedule(extras.times, extras.codes, extras.size, now, i)
    return int(behind)


@njit(cache=True, nogil=True, _nrt=False)
def decide(pool: Pool, n_line: int, extras: Extras, now: float) -> None:
    """Start or drain replicas, so that each has about as many requests as wanted.

    States: 0 on, 1 off, 2 starting, 3 draining, 4 down.
    """
    replicas, rules = pool.replicas, pool.rules
    outstanding, kept = n_line, 0
    for r in range(replicas.size):
        outstanding += replicas[r]["load"]
        if replicas[r]["state"] != 1 and replicas[r]["state"] != 3:
            kept += 1
    target = int(np.ceil(outstanding / rules["wanted"]))
    target = max(rules["least"], min(target, replicas.size))
    extras.patience[0] = 0 if target >= kept else extras.patience[0] + 1
    for state in (3, 1):  # those that drain come back first
        for r in range(replicas.size):
            if kept < target and replicas[r]["state"] == state:
                kept += 1
                if state == 3:
                    replicas[r]["state"] = 0
                else:
                    start_up(replicas[r], r, rules, extras, now)
    if extras.patience[0] >= rules["patience"]:
        for r in range(replicas.size - 1, -1, -1):
            if kept > target and replicas[r]["state"] == 0:
                kept -= 1
                replicas[r]["state"] = 3
                if replicas[r]["load"] == 0:
                    switch_off(replicas[r], rules, extras, now)
    for r in range(replicas.size):
        rank(pool, r)


@njit(cache=True, nogil=True, _nrt=False)
def start_up(run: Record, r: int, rules: Rules, extras: Extras, now: float) -> None:
    """Begin to pay for a replica, which takes requests after its start-up."""
    run["state"], run["on_since"] = 2, now
    run["lives"] += 1
    if rules["cache_blocks"] > 0:
        forget(run, extras.links, r)
    ready, code = now + rules["startup"], extras.failures.size + r
    schedule(extras.plant_times, extras.plant_codes, extras.plant_size, ready, code)


@njit(cache=True, nogil=True, _nrt=False)
def switch_off(run: Record, rules: Rules, extras: Extras, now: float) -> None:
    """Stop paying for a replica."""
    run["state"] = 1
    run["on_seconds"] += now - run["on_since"]
    if rules["bin"] > 0.0:
        owned(extras.timeline, run["kind"], run["on_since"], now, rules["bin"])
