"""Runs of equal steps: how long they last, and what they add up to.

While the batch of a replica stays the same, both sides of the roofline grow by
the same amount in every step, so that a run of k steps is two arithmetic
series: it is summed at once, and a request costs the same whatever its length.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from computesim.sim.kernels.pool import Extras, Ints, Pool, Record, Records


@njit(cache=True, nogil=True, _nrt=False)
def series(level: float, slope: float, count: float) -> float:
    """Return the sum of `level + slope·j` over j from 0 to count - 1."""
    return count * level + slope * (0.5 * (count * (count - 1.0)))


@njit(cache=True, nogil=True, _nrt=False)
def elapsed(run: Record, steps: int) -> float:
    """Return the seconds of the first steps of a run."""
    if steps == 0:
        return 0.0
    upper, upper_slope = run["compute"], run["compute_slope"]
    lower, lower_slope = run["memory"], run["memory_slope"]
    if lower > upper:
        upper, lower = lower, upper
        upper_slope, lower_slope = lower_slope, upper_slope
    count = float(steps)
    split = count  # steps before the lower side overtakes the upper one
    if upper + upper_slope * (count - 1.0) < lower + lower_slope * (count - 1.0):
        split = np.floor((upper - lower) / (lower_slope - upper_slope)) + 1.0
    seconds = count * run["base"] + series(upper, upper_slope, split)
    if split < count:
        seconds += series(lower + lower_slope * split, lower_slope, count - split)
    return float(seconds)


@njit(cache=True, nogil=True, _nrt=False)
def steps_until(run: Record, time: float) -> int:
    """Return the number of the first step of a run that ends at `time` or later."""
    early, late = 0, run["length"]
    while late - early > 1:
        middle = (early + late) // 2
        if run["start"] + elapsed(run, middle) < time:
            early = middle
        else:
            late = middle
    return int(late)


@njit(cache=True, nogil=True, _nrt=False)
def growth(phases: Ints, base: int, run: Record, steps: int, block: int) -> int:
    """Return the tokens of KV cache, in whole blocks, that decodes take in the next steps."""
    if block == 1:
        return int(steps * run["decoding"])
    taken = steps // block * run["decoding"]
    for j in range(steps % block):
        taken += phases[base + (run["decoded"] + j) % block]
    return int(taken * block)


@njit(cache=True, nogil=True, _nrt=False)
def steps_that_fit(phases: Ints, base: int, run: Record, most: int, block: int, room: int) -> int:
    """Return how many steps, at most `most`, the free KV cache has room for."""
    n = run["emitting"]
    if n == 0 or growth(phases, base, run, most, block) <= room:
        return most
    if block == 1:
        return int(room // n)
    whole = room // (n * block)
    steps, room = whole * block, room - whole * n * block
    while steps < most:
        room -= block * phases[base + (run["decoded"] + steps) % block]
        if room < 0:
            break
        steps += 1
    return int(steps)


@njit(cache=True, nogil=True, _nrt=False, forceinline=True)
def settle(pool: Pool, r: int, steps: int, extras: Extras) -> None:
    """Book the first steps of a run of replica r."""
    run, service = pool.replicas[r], pool.services[pool.replicas[r]["kind"]]
    n, seconds = run["emitting"], elapsed(run, steps)
    run["busy_seconds"] += seconds
    run["batch_seconds"] += run["running"] * seconds
    run["compute_seconds"] += series(run["compute"], run["compute_slope"], float(steps))
    run["memory_seconds"] += series(run["memory"], run["memory_slope"], float(steps))
    run["iterations"] += steps
    run["prefill_tokens"] += steps * run["chunk"]
    run["decode_tokens"] += steps * n
    if extras is not None:
        if pool.rules["bin"] > 0.0:
            spread(run, steps, pool.rules["bin"], extras.timeline)
        if service["when_full"] > 0 and n > 0:
            block = service["block_tokens"]
            run["held"] += growth(extras.phases, r * block, run, steps, block)
            run["peak_kv_tokens"] = max(run["peak_kv_tokens"], run["held"])
    if n > 0:
        run["decoded"] += steps
    run["resident"] += steps * n


@njit(cache=True, nogil=True, _nrt=False)
def spread(run: Record, steps: int, width: float, timeline: Records) -> None:
    """Add the first steps of a run to the intervals of the timeline that they lie in."""
    end = run["start"] + elapsed(run, steps)
    k, time = 0.0, run["start"]
    place = int(time // width)
    while time < end or k < steps:
        edge = (place + 1) * width
        upto = float(steps)
        if edge < end:
            whole = steps_until(run, edge)  # the step in progress counts by its time
            begun = run["start"] + elapsed(run, whole - 1)
            ended = run["start"] + elapsed(run, whole)
            upto = whole - 1 + (edge - begun) / (ended - begun)
        last = min(edge, end)
        into(run, timeline, place, last - time, k, upto)
        if edge >= end:
            break
        k, time, place = upto, last, place + 1


@njit(cache=True, nogil=True, _nrt=False)
def into(
    run: Record, timeline: Records, place: int, seconds: float, since: float, upto: float
) -> None:
    """Add the steps from `since` to `upto`, which may be fractions, to one interval."""
    cell = timeline[run["kind"], min(place, timeline.shape[1] - 1)]
    if run["chunk"] > 0:
        cell["prefill_seconds"] += seconds
    else:
        cell["decode_seconds"] += seconds
    cell["batch_seconds"] += run["running"] * seconds
    compute, memory = run["compute"], run["memory"]
    cell["compute_seconds"] += partial_sum(compute, run["compute_slope"], upto) - partial_sum(
        compute, run["compute_slope"], since
    )
    cell["memory_seconds"] += partial_sum(memory, run["memory_slope"], upto) - partial_sum(
        memory, run["memory_slope"], since
    )
    cell["prefill_tokens"] += (upto - since) * run["chunk"]
    cell["decode_tokens"] += (upto - since) * run["emitting"]


@njit(cache=True, nogil=True, _nrt=False)
def partial_sum(level: float, slope: float, count: float) -> float:
    """Return the sum over the first steps, the last of them in part."""
    whole = np.floor(count)
    return float(series(level, slope, whole) + (count - whole) * (level + slope * whole))


@njit(cache=True, nogil=True, _nrt=False)
def owned(timeline: Records, kind: int, since: float, until: float, width: float) -> None:
    """Add an interval in which a replica was paid for to the timeline."""
    place = int(since // width)
    while since < until:
        edge = min((place + 1) * width, until)
        timeline[kind, min(place, timeline.shape[1] - 1)]["on_seconds"] += edge - since
        since, place = edge, place + 1


@njit(cache=True, nogil=True, _nrt=False)
def lost(run: Record, since: float, until: float, width: float, timeline: Records) -> None:
    """Add the time of swapping, or of a step that does not end, to the intervals it lies in.

    It is taken back if `until` comes first: of swapping that does not come to its end.
    """
    begin, end = min(since, until), max(since, until)
    sign = 1.0 if since <= until else -1.0
    place = int(begin // width)
    while begin < end:
        edge = min((place + 1) * width, end)
        cell = timeline[run["kind"], min(place, timeline.shape[1] - 1)]
        seconds = sign * (edge - begin)
        if run["chunk"] > 0:
            cell["prefill_seconds"] += seconds
        else:
            cell["decode_seconds"] += seconds
        cell["batch_seconds"] += run["running"] * seconds
        begin, place = edge, place + 1
