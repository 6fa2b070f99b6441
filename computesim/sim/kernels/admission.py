"""What happens before a step: room is made, requests are admitted, the step is composed."""

from __future__ import annotations

from numba import njit

from computesim.sim.kernels.cache import (
    link,
    moved,
    phase,
    preempt,
    promise,
    sharing,
    taken,
)
from computesim.sim.kernels.heap import push
from computesim.sim.kernels.pool import Extras, Floats, Numbers, Pool, Record, Records
from computesim.sim.kernels.prefix import matched, use
from computesim.sim.kernels.steps import growth, steps_that_fit


@njit(cache=True, nogil=True, _nrt=False)
def waiting(lanes: Records, base: int, n_lanes: int) -> int:
    """Return the first lane in which somebody waits, or -1."""
    for k in range(base, base + n_lanes):
        if lanes[k]["first"] >= 0:
            return int(k)
    return -1


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def join(pool: Pool, r: int, i: int, extras: Extras) -> bool:
    """Put a request at the end of its lane; tell whether the next step might admit it."""
    run, requests = pool.replicas[r], pool.requests
    service, lanes = pool.services[run["kind"]], pool.lanes
    lane = r * pool.rules["lanes"] + requests[i]["priority"]
    run["promised"] += promise(requests[i], service)
    run["load"] += 1
    requests[i]["following"] = -1
    first_in_line = lanes[lane]["first"] < 0
    if first_in_line:
        lanes[lane]["first"] = i
    else:
        requests[lanes[lane]["last"]]["following"] = i
    lanes[lane]["last"] = i
    fits = run["held"] + taken(requests[i], service, extras) <= service["kv_capacity_tokens"]
    return bool(first_in_line and fits and run["running"] < service["max_batch"])


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def begin(pool: Pool, r: int, extras: Extras) -> None:
    """Make room, admit, and set the next run of equal steps; its length is 0 without work."""
    run, service = pool.replicas[r], pool.services[pool.replicas[r]["kind"]]
    run["stall"] = 0.0
    evicted = 0
    if extras is not None:
        if service["when_full"] > 0:
            evicted = make_room(pool, r, extras)
    if evicted == 0:
        admit(pool, r, extras)
    last_step = pool.heap[r * pool.width] // pool.requests.size
    weights = pool.weight_seconds[run["kind"]]
    compose(run, last_step, pool.requests, pool.done, service, weights)
    if extras is not None:
        if service["when_full"] > 0 and run["length"] > 1:
            block = service["block_tokens"]
            room = service["kv_capacity_tokens"] - run["held"]
            most = 1 if evicted > 0 else run["length"]  # who waits may enter after a step
            run["length"] = steps_that_fit(extras.phases, r * block, run, most, block, room)


@njit(cache=True, nogil=True, _nrt=False)
def make_room(pool: Pool, r: int, extras: Extras) -> int:
    """Preempt sequences until the next step has room for its tokens; return how many went."""
    run, service = pool.replicas[r], pool.services[pool.replicas[r]["kind"]]
    evicted, block = 0, service["block_tokens"]
    room = service["kv_capacity_tokens"]
    while run["held"] + growth(extras.phases, r * block, run, 1, block) > room:
        preempt(pool, r, extras)
        evicted += 1
    return evicted


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def admit(pool: Pool, r: int, extras: Extras) -> None:
    """Admit waiting requests, the highest priority first, while batch and KV cache have room."""
    run, requests = pool.replicas[r], pool.requests
    service, lanes = pool.services[run["kind"]], pool.lanes
    while run["running"] < service["max_batch"]:
        k = waiting(lanes, r * pool.rules["lanes"], pool.rules["lanes"])
        if k < 0:
            break
        i = lanes[k]["first"]
        need = taken(requests[i], service, extras)
        free = service["kv_capacity_tokens"] - run["held"] - need
        if extras is not None:
            free -= kept_free(run, r, requests[i], service, extras)
        if free < 0:
            break
        lanes[k]["first"] = requests[i]["following"]
        requests[i]["following"] = -1
        run["held"] += need
        run["running"] += 1
        if extras is not None:
            if service["when_full"] > 0:
                link(requests, lanes[k], i)
            if prepared(pool, r, i, extras):
                continue
        read(run, requests, pool.done, i)
    run["peak_kv_tokens"] = max(run["peak_kv_tokens"], run["held"])


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def kept_free(run: Record, r: int, request: Record, service: Record, extras: Extras) -> int:
    """Return the KV cache that admission leaves for the next step and as a watermark."""
    if service["when_full"] == 0:
        return 0
    block = service["block_tokens"]
    free = growth(extras.phases, r * block, run, 1, block)
    if run["running"] > 0:
        free += service["watermark_tokens"]
    if request["state"] != 0:  # it goes on decoding at once
        tokens = request["generated"] - 1
        if not sharing(request, extras):
            tokens += request["prompt_tokens"]
        if tokens % block == 0:
            free += block
    return int(free)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def prepared(pool: Pool, r: int, i: int, extras: Extras) -> bool:
    """Find what is cached of an admitted request; tell whether it decodes without being read."""
    run, requests = pool.replicas[r], pool.requests
    held_by, s = 0, requests[i]["stage"]
    if sharing(requests[i], extras):
        held_by = extras.stages[s]["active"]
        extras.stages[s]["active"] += 1
    if requests[i]["state"] != 0:
        if requests[i]["state"] == 2:
            tokens = moved(requests[i], held_by > 0)
            run["stall"] += pool.services[run["kind"]]["swap_seconds_per_token"] * tokens
        decode(pool, r, i, extras)
        return True
    if held_by > 0:
        requests[i]["cached_tokens"] = requests[i]["prompt_tokens"] - 1
    elif pool.rules["cache_blocks"] > 0:
        look_up(pool, r, i, extras)
    elif pool.rules["local"] == 1 and s >= 0 and extras.stages[s]["origin"] >= 0:
        if extras.stages[s]["origin"] != r or extras.stages[s]["life"] != run["lives"]:
            requests[i]["cached_tokens"] = 0
    return False


@njit(cache=True, nogil=True, _nrt=False)
def look_up(pool: Pool, r: int, i: int, extras: Extras) -> None:
    """Find the leading blocks of a prompt in the prefix cache, and use them."""
    first, last = extras.block_start[i], extras.block_start[i + 1]
    n = matched(extras.links, r, extras.blocks, first, last)
    for j in range(first, first + n):
        use(pool.replicas[r], extras.links, r, extras.blocks[j], pool.rules["cache_blocks"])
    request = pool.requests[i]
    request["cached_tokens"] = min(n * pool.rules["block"], request["prompt_tokens"] - 1)


@njit(cache=True, nogil=True, _nrt=False)
def read(run: Record, requests: Records, done: Numbers, i: int) -> None:
    """Put an admitted request behind those whose prompts are being read."""
    requests[i]["state"] = 3
    done[i] = requests[i]["cached_tokens"]
    if run["head"] < 0:
        run["head"] = i
    else:
        requests[run["tail"]]["following"] = i
    run["tail"] = i


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def decode(pool: Pool, r: int, i: int, extras: Extras) -> None:
    """Add a sequence to those that decode."""
    run, requests = pool.replicas[r], pool.requests
    service = pool.services[run["kind"]]
    last_step = run["decoded"] + requests[i]["output_tokens"] - requests[i]["generated"]
    push(pool.heap, r * pool.width, run["decoding"], last_step * requests.size + i)
    run["decoding"] += 1
    run["resident"] += requests[i]["prompt_tokens"] + requests[i]["generated"] - 1
    requests[i]["state"] = 4
    if extras is not None:
        if service["when_full"] > 0:
            block = service["block_tokens"]
            extras.phases[r * block + phase(requests[i], run, extras, block)] += 1


@njit(cache=True, nogil=True, _nrt=False)
def compose(
    run: Record, last_step: int, requests: Records, done: Numbers, service: Record, weights: Floats
) -> None:
    """Set the next run of equal steps; its length is 0 if there is no work."""
    n, i, groups, stages = run["decoding"], run["head"], service["groups"], service["stages"]
    wait = 0
    if n > 0 and i >= 0 and run["since"] < service["prompt_gap"]:
        if done[i] == requests[i]["cached_tokens"]:  # it is not begun yet
            wait, i = service["prompt_gap"] - run["since"], -1
    if service["mixes"] == 0 and i >= 0:  # prompts first: who decodes waits
        n = 0
    parts = groups * stages
    budget = service["token_budget"] // parts
    decoding = (n + parts - 1) // parts  # of the fullest microbatch
    room = max(budget - decoding, 1)
    most, left = room * stages, room * parts  # of one prompt, of all prompts
    length = last_step - run["decoded"] if n > 0 else 0
    reads, completing, chunk, pairs, longest, chunks = 0, 0, 0, 0, 0, 1
    if wait > 0:
        length = min(length, wait)
    while left > 0 and i >= 0:  # there is an admitted prompt to read
        rest = requests[i]["prompt_tokens"] + requests[i]["generated"] - done[i]
        take = min(rest, most, left)
        pairs += take * done[i] + take * (take + 1) // 2
        longest = max(longest, min(take, room))
        chunk += take
        left -= take
        reads += 1
        if take == rest:
            completing += 1
            chunks = max(chunks, (take + room - 1) // room)
        else:  # it takes as much for some steps
            steps = (rest - 1) // take
            length = min(length, steps) if length > 0 else steps
        i = requests[i]["following"]
    pace = longest
    if chunk > 0:
        pace = max(longest, (chunk + parts - 1) // parts)
        pairs = pairs * pace // chunk
    if completing > 0:
        length = 1
    run["length"], run["chunk"], run["room"] = length, chunk, room
    run["completing"], run["reads"], run["emitting"] = completing, reads, n
    tokens, resident = decoding + pace, 0
    if n > 0:
        resident = run["resident"] * decoding // n
    shared = n / parts + max(float(pace), chunk / stages) / groups
    pairs += resident + decoding
    run["base"] = service["fixed"] + service["wire"] * tokens
    run["compute"] = (
        service["compute_offset"]
        + service["per_token"] * tokens
        + service["per_shared_token"] * shared
        + service["per_pair"] * pairs
    )
    pair_slope = decoding
    if completing == 0 and reads > 0:
        pair_slope += most * pace
    run["compute_slope"] = service["per_pair"] * pair_slope
    reading = service["per_kv_token"] * resident + service["per_sequence"] * decoding
    run["memory"] = multiplications(tokens, shared, groups, budget, weights) + reading
    run["memory_slope"] = service["per_kv_token"] * decoding
    if chunks > 1 and completing == reads and i < 0:  # no prompt follows the last chunk
        seconds = run["base"] + max(run["compute"], run["memory"])
        run["base"] += (chunks - 1) / stages * seconds


@njit(cache=True, nogil=True, _nrt=False)
def multiplications(tokens: int, shared: float, groups: int, budget: int, weights: Floats) -> float:
    """Return the seconds of the multiplications of a step, shared experts by the mean group."""
    index = min(tokens, budget)
    seconds = weights[0, index]
    if groups > 1:
        below = min(int(shared), budget - 1)
        before, after = weights[1, below], weights[1, below + 1]
        seconds += before + (shared - below) * (after - before) - weights[1, index]
        seconds = max(seconds, weights[2, index])
    return float(seconds)
