"""The KV cache of a replica: what a sequence takes, and who leaves when it is full."""

from __future__ import annotations

from numba import njit

from computesim.sim.kernels.heap import remove
from computesim.sim.kernels.pool import Extras, Pool, Record, Records


@njit(cache=True, nogil=True, _nrt=False)
def whole(tokens: int, block: int) -> int:
    """Return the tokens of the blocks that some tokens need."""
    if block == 1:
        return tokens
    return (tokens + block - 1) // block * block


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def sharing(request: Record, extras: Extras) -> bool:
    """Tell whether the prompt of a request is kept once for all of its stage."""
    if extras is None:
        return False
    return bool(request["stage"] >= 0 and extras.stages[request["stage"]]["shares"] == 1)


@njit(cache=True, nogil=True, _nrt=False)
def own_tokens(request: Record, service: Record) -> int:
    """Return the tokens besides its prompt for which a request takes cache in its state.

    0: fresh, 1: read elsewhere, 2: swapped out, 3: being read, 4: decoding. The newest token of
    a decoding sequence is not in the cache yet; one that was preempted reads all of them again.
    """
    if service["when_full"] == 0:
        return int(request["output_tokens"])
    if request["state"] == 0 or request["state"] == 3:
        return int(request["generated"])
    return int(request["generated"] - 1)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def taken(request: Record, service: Record, extras: Extras) -> int:
    """Return the KV cache that a request takes, a prompt shared with running ones not counted."""
    block, own = service["block_tokens"], own_tokens(request, service)
    if extras is not None:
        if sharing(request, extras):
            tokens = whole(own, block)
            if extras.stages[request["stage"]]["active"] == 0:
                tokens += whole(request["prompt_tokens"], block)
            return int(tokens)
    return int(whole(request["prompt_tokens"] + own, block))


@njit(cache=True, nogil=True, _nrt=False)
def promise(request: Record, service: Record) -> int:
    """Return the KV cache that a request needs to be admitted to an empty replica."""
    tokens = request["prompt_tokens"]
    if service["when_full"] == 0:
        tokens += request["output_tokens"]
    return int(whole(tokens, service["block_tokens"]))


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def phase(request: Record, run: Record, extras: Extras, block: int) -> int:
    """Return when, on the clock of the decodes modulo a block, a decoding sequence needs one."""
    tokens = request["generated"] - 1
    if not sharing(request, extras):
        tokens += request["prompt_tokens"]
    return int((run["decoded"] - tokens) % block)


@njit(cache=True, nogil=True, _nrt=False)
def link(requests: Records, lane: Record, i: int) -> None:
    """Note that a request is the newest admitted one of its lane."""
    newest = lane["newest"]
    requests[i]["older"], requests[i]["newer"] = newest, -1
    if newest >= 0:
        requests[newest]["newer"] = i
    lane["newest"] = i


@njit(cache=True, nogil=True, _nrt=False)
def unlink(requests: Records, lane: Record, i: int) -> None:
    """Take a request out of the order of admission."""
    older, newer = requests[i]["older"], requests[i]["newer"]
    if newer >= 0:
        requests[newer]["older"] = older
    else:
        lane["newest"] = older
    if older >= 0:
        requests[older]["newer"] = newer


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def release(run: Record, requests: Records, i: int, service: Record, extras: Extras) -> None:
    """Give back what an admitted request takes."""
    if extras is not None:
        if sharing(requests[i], extras):
            extras.stages[requests[i]["stage"]]["active"] -= 1
    run["held"] -= taken(requests[i], service, extras)
    run["running"] -= 1


@njit(cache=True, nogil=True, _nrt=False)
def moved(request: Record, shared: bool) -> int:
    """Return the tokens that are swapped; a prompt that running ones share stays where it is."""
    tokens = request["generated"] - 1
    if not shared:
        tokens += request["prompt_tokens"]
    return int(tokens)


@njit(cache=True, nogil=True, _nrt=False)
def preempt(pool: Pool, r: int, extras: Extras) -> None:
    """Let the newest sequence of the lowest priority lose its place; it waits in front again."""
    run, requests = pool.replicas[r], pool.requests
    service, lanes = pool.services[run["kind"]], pool.lanes
    k = (r + 1) * pool.rules["lanes"] - 1
    while lanes[k]["newest"] < 0:
        k -= 1
    i = lanes[k]["newest"]
    unlink(requests, lanes[k], i)
    if requests[i]["state"] == 3:
        drop_reading(run, requests, i)
        release(run, requests, i, service, extras)
        requests[i]["state"] = 0
    else:
        drop_decoding(pool, r, i, extras)
        if service["when_full"] == 2:
            shared = False
            if sharing(requests[i], extras):
                shared = extras.stages[requests[i]["stage"]]["active"] > 1
            run["stall"] += service["swap_seconds_per_token"] * moved(requests[i], shared)
        release(run, requests, i, service, extras)
        requests[i]["state"] = 2 if service["when_full"] == 2 else 0
    if sharing(requests[i], extras):
        requests[i]["cached_tokens"] = 0  # unless the others still hold the prompt then
    run["preemptions"] += 1
    requests[i]["following"] = lanes[k]["first"]
    if lanes[k]["first"] < 0:
        lanes[k]["last"] = i
    lanes[k]["first"] = i


@njit(cache=True, nogil=True, _nrt=False)
def drop_reading(run: Record, requests: Records, i: int) -> None:
    """Take a request out of those whose prompt is being read."""
    before, at = -1, run["head"]
    while at != i:
        before, at = at, requests[at]["following"]
    after = requests[i]["following"]
    if before >= 0:
        requests[before]["following"] = after
    else:
        run["head"] = after
    if after < 0:
        run["tail"] = before


@njit(cache=True, nogil=True, _nrt=False)
def drop_decoding(pool: Pool, r: int, i: int, extras: Extras) -> None:
    """Take a sequence out of those that decode, and note what it has generated."""
    run, requests = pool.replicas[r], pool.requests
    heap, base = pool.heap, r * pool.width
    n, slot = requests.size, 0
    while heap[base + slot] % n != i:
        slot += 1
    missing = heap[base + slot] // n - run["decoded"]
    remove(heap, base, run["decoding"], slot)
    requests[i]["generated"] = requests[i]["output_tokens"] - missing
    run["decoding"] -= 1
    run["resident"] -= requests[i]["prompt_tokens"] + requests[i]["generated"] - 1
    block = pool.services[run["kind"]]["block_tokens"]
    extras.phases[r * block + phase(requests[i], run, extras, block)] -= 1
