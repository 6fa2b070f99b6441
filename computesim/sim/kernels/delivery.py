"""What happens at the end of a run of steps: tokens are delivered, requests finish."""

from __future__ import annotations

from numba import njit

from computesim.sim.kernels.admission import decode
from computesim.sim.kernels.cache import phase, promise, release, unlink
from computesim.sim.kernels.heap import pop, schedule
from computesim.sim.kernels.pool import Extras, Pool
from computesim.sim.kernels.prefix import use


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def deliver(pool: Pool, r: int, extras: Extras, now: float) -> int:
    """End a run: sequences finish, complete prompts emit a token; return how many finished."""
    run, requests = pool.replicas[r], pool.requests
    service, heap, base = pool.services[run["kind"]], pool.heap, r * pool.width
    n, finished = requests.size, 0
    while run["decoding"] > 0 and heap[base] // n == run["decoded"]:
        i = heap[base] % n
        pop(heap, base, run["decoding"])
        requests[i]["generated"] = requests[i]["output_tokens"]
        run["decoding"] -= 1
        run["resident"] -= requests[i]["prompt_tokens"] + requests[i]["output_tokens"] - 1
        if extras is not None:
            if service["when_full"] > 0:
                block = service["block_tokens"]
                extras.phases[r * block + phase(requests[i], run, extras, block)] -= 1
        leave(pool, r, i, extras)
        finish(pool, r, i, extras, now)
        finished += 1
    most = run["room"] * service["stages"]  # of one prompt in each step, as `compose` has it
    left = most * service["groups"]
    before, i = -1, run["head"]
    run["since"] = 0 if run["reads"] > 0 else run["since"] + run["length"]
    for _ in range(run["reads"]):
        behind = requests[i]["following"]
        rest = requests[i]["prompt_tokens"] + requests[i]["generated"] - pool.done[i]
        take = min(rest, most, left)
        left -= take
        if take < rest:
            pool.done[i] += take * run["length"]
            before = i
        else:
            if before < 0:
                run["head"] = behind
            else:
                requests[before]["following"] = behind
            if behind < 0:
                run["tail"] = before
            finished += complete(pool, r, i, extras, now)
        i = behind
    return finished


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def complete(pool: Pool, r: int, i: int, extras: Extras, now: float) -> int:
    """Emit a token of a prompt that is read; return 1 if it was the last one."""
    run, requests = pool.replicas[r], pool.requests
    if requests[i]["generated"] == 0:
        requests[i]["first"] = now
    if extras is not None:
        if pool.rules["routing"] == 5:
            extras.unread[r] -= extras.missing[i]
            extras.missing[i] = 0
        if pool.rules["cache_blocks"] > 0:
            keep(pool, r, i, extras)
    if requests[i]["generated"] + 1 == requests[i]["output_tokens"]:
        leave(pool, r, i, extras)
        requests[i]["generated"] += 1
        finish(pool, r, i, extras, now)
        return 1
    if extras is not None:
        if run["hands_over"] == 1:
            hand_over(pool, r, i, extras, now)
            return 0
    requests[i]["generated"] += 1
    decode(pool, r, i, extras)
    return 0


@njit(cache=True, nogil=True, _nrt=False)
def keep(pool: Pool, r: int, i: int, extras: Extras) -> None:
    """Put the blocks of a prompt into the prefix cache, its end first: that leaves first."""
    for j in range(extras.block_start[i + 1] - 1, extras.block_start[i] - 1, -1):
        use(pool.replicas[r], extras.links, r, extras.blocks[j], pool.rules["cache_blocks"])


@njit(cache=True, nogil=True, _nrt=False)
def hand_over(pool: Pool, r: int, i: int, extras: Extras, now: float) -> None:
    """Send a request whose prompt is read, with its KV cache, to where it decodes."""
    requests, rules = pool.requests, pool.rules
    leave(pool, r, i, extras)
    tokens = requests[i]["prompt_tokens"] + requests[i]["generated"]
    seconds = rules["transfer_fixed"] + rules["transfer_per_token"] * tokens
    requests[i]["generated"] += 1
    requests[i]["state"] = 1
    schedule(extras.times, extras.codes, extras.size, now + seconds, i)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def leave(pool: Pool, r: int, i: int, extras: Extras) -> None:
    """Free the place of a request at its replica."""
    run, requests = pool.replicas[r], pool.requests
    service = pool.services[run["kind"]]
    release(run, requests, i, service, extras)
    run["load"] -= 1
    run["promised"] -= promise(requests[i], service)
    if extras is not None:
        if service["when_full"] > 0:
            lane = r * pool.rules["lanes"] + requests[i]["priority"]
            unlink(requests, pool.lanes[lane], i)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def finish(pool: Pool, r: int, i: int, extras: Extras, now: float) -> None:
    """Write down that a request is finished; the last one of a stage lets the next one come."""
    requests = pool.requests
    requests[i]["finish"] = now
    if extras is not None:
        s = requests[i]["stage"]
        if s >= 0:
            stages = extras.stages
            stages[s]["left"] -= 1
            following = stages[s]["next"]
            if stages[s]["left"] == 0 and following >= 0:
                stages[following]["origin"] = r
                stages[following]["life"] = pool.replicas[r]["lives"]
                later = now + stages[following]["pause"]
                code = requests.size + following
                schedule(extras.times, extras.codes, extras.size, later, code)
