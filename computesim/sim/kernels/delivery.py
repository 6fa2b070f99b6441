"""What happens at the end of a run of steps: tokens are delivered, requests finish."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from computesim.sim.kernels.admission import decode
from computesim.sim.kernels.cache import phase, promise, release, unlink
from computesim.sim.kernels.heap import pop, schedule
from computesim.sim.kernels.prefix import use

Ints = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]
Record = Any  # one row of records.REPLICA or service.SERVICE
Rules = Any  # one row of records.RULES
Extras = Any  # records.Extras or None


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def deliver(
    run: Record,
    r: int,
    requests: Records,
    lanes: Records,
    heap: Ints,
    base: int,
    service: Record,
    rules: Rules,
    extras: Extras,
    now: float,
) -> int:
    """End a run: sequences finish, complete prompts emit a token; return how many finished."""
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
        leave(run, r, requests, i, lanes, service, rules, extras)
        finish(run, r, requests, i, extras, now)
        finished += 1
    for _ in range(run["completing"]):
        i = run["head"]
        run["head"] = requests[i]["following"]
        if requests[i]["generated"] == 0:
            requests[i]["first"] = now
        if extras is not None:
            if rules["cache_blocks"] > 0:
                keep(run, r, i, rules, extras)
        if requests[i]["generated"] + 1 == requests[i]["output_tokens"]:
            leave(run, r, requests, i, lanes, service, rules, extras)
            requests[i]["generated"] += 1
            finish(run, r, requests, i, extras, now)
            finished += 1
            continue
        if extras is not None:
            if run["hands_over"] == 1:
                hand_over(run, r, requests, i, lanes, service, rules, extras, now)
                continue
        requests[i]["generated"] += 1
        decode(run, r, requests, i, heap, base, service, extras)
    if run["completing"] > 0 and run["head"] >= 0:
        partial = run["partial"]
        run["done"] = partial if partial > 0 else requests[run["head"]]["cached_tokens"]
    return finished


@njit(cache=True, nogil=True, _nrt=False)
def keep(run: Record, r: int, i: int, rules: Rules, extras: Extras) -> None:
    """Put the blocks of a prompt into the prefix cache, its end first: that leaves first."""
    for j in range(extras.block_start[i + 1] - 1, extras.block_start[i] - 1, -1):
        use(run, extras.links, r, extras.blocks[j], rules["cache_blocks"])


@njit(cache=True, nogil=True, _nrt=False)
def hand_over(
    run: Record,
    r: int,
    requests: Records,
    i: int,
    lanes: Records,
    service: Record,
    rules: Rules,
    extras: Extras,
    now: float,
) -> None:
    """Send a request whose prompt is read, with its KV cache, to where it decodes."""
    leave(run, r, requests, i, lanes, service, rules, extras)
    tokens = requests[i]["prompt_tokens"] + requests[i]["generated"]
    seconds = rules["transfer_fixed"] + rules["transfer_per_token"] * tokens
    requests[i]["generated"] += 1
    requests[i]["state"] = 1
    schedule(extras.times, extras.codes, extras.size, now + seconds, i)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def leave(
    run: Record,
    r: int,
    requests: Records,
    i: int,
    lanes: Records,
    service: Record,
    rules: Rules,
    extras: Extras,
) -> None:
    """Free the place of a request at its replica."""
    release(run, requests, i, service, extras)
    run["load"] -= 1
    run["promised"] -= promise(requests[i], service)
    if extras is not None:
        if service["when_full"] > 0:
            unlink(requests, lanes[r * rules["lanes"] + requests[i]["priority"]], i)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def finish(run: Record, r: int, requests: Records, i: int, extras: Extras, now: float) -> None:
    """Write down that a request is finished; the last one of a stage lets the next one come."""
    requests[i]["finish"] = now
    if extras is not None:
        s = requests[i]["stage"]
        if s >= 0:
            stages = extras.stages
            stages[s]["left"] -= 1
            following = stages[s]["next"]
            if stages[s]["left"] == 0 and following >= 0:
                stages[following]["origin"], stages[following]["life"] = r, run["lives"]
                later = now + stages[following]["pause"]
                code = requests.size + following
                schedule(extras.times, extras.codes, extras.size, later, code)
