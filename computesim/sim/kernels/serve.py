"""Replicas with continuous batching, chunked prefill and a KV budget.

While the batch of a replica stays the same, both sides of the roofline grow by
the same amount in every step, so that a run of k steps is two arithmetic
series: it is summed at once, and a request costs the same whatever its length.
A run ends with the first sequence that finishes, before the step that completes
a prompt, or with the first step after which an arriving request is admitted.

Each replica has one next event. A tournament finds the earliest, another one
the replica with the fewest outstanding requests. Records instead of tuples of
arrays: numba counts references of arrays that it takes from a tuple, which
costs more than the event.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]
Service = Any  # service.Service
Record = Any  # one row of an array of dtype service.REPLICA


@njit(cache=True, nogil=True)
def serve(
    requests: Records,
    service: Service,
    weight_seconds: Floats,
    routing: int,
    stop_after: int,
    replicas: Records,
) -> float:
    """Play requests on replicas until `stop_after` of them are finished, and return the time.

    Parameters
    ----------
    requests : ndarray of service.REQUEST, shape (n,)
        Arrivals, not decreasing, and lengths. `first`, `finish`, `generated` and `replica` are
        filled in; they stay as they are for a request that does not get there.
    service : service.Service
        Step time and limits of one replica.
    weight_seconds : ndarray of float64, shape (token_budget + 1,), s
        Seconds of reading the weights in a step of T tokens.
    routing : int
        0: fewest outstanding requests; 1: in turn; 2: shared queue, the head goes to the replica
        with the fewest requests among those with room; 3: as `replica` of the request says.
    stop_after : int
        Finished requests at which to stop, 1 to n.
    replicas : ndarray of service.REPLICA, shape (r,)
        Filled in; zero at the start.

    Returns
    -------
    float, s
        When the last step ended.
    """
    n, width = requests.size, min(service.max_batch, requests.size)
    following = np.full(n, -1)  # the request behind each request in its queue
    heap = np.empty(replicas.size * width, np.int64)  # decoding sequences, by their last step
    due = np.empty(replicas.size, np.int64)  # replicas that start a step now
    leaves = 1
    while leaves < replicas.size:
        leaves *= 2
    end, ends = np.full(leaves, np.inf), np.arange(2 * leaves) % leaves
    load, loads = np.full(leaves, n + 1), np.arange(2 * leaves) % leaves
    load[: replicas.size] = 0
    for r in range(leaves):
        replay(ends, end, r)
        replay(loads, load, r)
    for r in range(replicas.size):
        replicas[r]["head"] = replicas[r]["waiting"] = -1
    now, arrived, sent, finished = 0.0, 0, 0, 0
    while finished < stop_after:
        now = end[ends[1]]
        if arrived < n:
            now = min(now, requests[arrived]["arrival"])
        n_due = 0
        # Steps end: every replica whose run is over delivers its tokens.
        while end[ends[1]] == now:
            r = ends[1]
            settle(replicas[r], replicas[r]["length"])
            gone = deliver(replicas[r], heap, r * width, requests, following, now)
            finished += gone
            load[r] -= gone
            end[r] = np.inf
            replay(ends, end, r)
            replay(loads, load, r)
            n_due = mark_due(replicas[r], due, n_due, r)
        if finished >= stop_after:
            break
        # Requests arrive and are sent to a replica, whose run they may cut short.
        while arrived < n and requests[arrived]["arrival"] == now:
            arrived += 1
        while sent < arrived:
            r = choose(routing, requests, sent, service, replicas, load, loads)
            if r < 0:
                break
            requests[sent]["replica"] = r
            load[r] += 1
            replay(loads, load, r)
            admissible = join(replicas[r], requests, following, sent, service)
            if end[r] == np.inf:
                n_due = mark_due(replicas[r], due, n_due, r)
            elif admissible and replicas[r]["length"] > 1:
                replicas[r]["length"] = steps_until(replicas[r], now)
                end[r] = replicas[r]["start"] + elapsed(replicas[r], replicas[r]["length"])
                replay(ends, end, r)
            sent += 1
        # Steps start.
        for j in range(n_due):
            r = due[j]
            replicas[r]["due"] = 0
            admit(replicas[r], requests, following, service)
            last_step = heap[r * width] // n
            compose(replicas[r], last_step, requests, following, service, weight_seconds)
            if replicas[r]["length"] > 0:
                replicas[r]["start"] = now
                end[r] = now + elapsed(replicas[r], replicas[r]["length"])
                replay(ends, end, r)
    for r in range(replicas.size):
        if end[r] < np.inf:
            cut_off(replicas[r], now)
        count(replicas[r], heap, r * width, requests)
    return now


@njit(cache=True, nogil=True)
def mark_due(run: Record, due: Ints, n_due: int, replica: int) -> int:
    """Note that a replica has to start a step now, and return how many have."""
    if run["due"] == 0:
        run["due"] = 1
        due[n_due] = replica
        n_due += 1
    return n_due


@njit(cache=True, nogil=True)
def choose(
    routing: int,
    requests: Records,
    request: int,
    service: Service,
    replicas: Records,
    load: Ints,
    loads: Ints,
) -> int:
    """Return the replica of a request, or -1 if it has to wait in the shared queue."""
    if routing == 0:
        return int(loads[1])
    if routing == 1:
        return request % replicas.size
    if routing == 3:
        return int(requests[request]["replica"])
    best = -1
    need = requests[request]["prompt_tokens"] + requests[request]["output_tokens"]
    for r in range(replicas.size):
        room = replicas[r]["promised"] + need <= service.kv_capacity_tokens
        if room and load[r] < service.max_batch and (best < 0 or load[r] < load[best]):
            best = r
    return best


@njit(cache=True, nogil=True)
def join(run: Record, requests: Records, following: Ints, request: int, service: Service) -> bool:
    """Put a request at the end of a replica's queue; tell whether the next step can admit it."""
    need = requests[request]["prompt_tokens"] + requests[request]["output_tokens"]
    run["promised"] += need
    first_in_line = run["waiting"] < 0
    if first_in_line:
        run["waiting"] = request
    if run["head"] < 0:
        run["head"] = request
        run["done"] = requests[request]["cached_tokens"]
    else:
        following[run["tail"]] = request
    run["tail"] = request
    fits = run["reserved"] + need <= service.kv_capacity_tokens
    return bool(first_in_line and fits and run["running"] < service.max_batch)


@njit(cache=True, nogil=True)
def admit(run: Record, requests: Records, following: Ints, service: Service) -> None:
    """Admit waiting requests, first come first served, while batch and KV cache have room."""
    while run["waiting"] >= 0 and run["running"] < service.max_batch:
        i = run["waiting"]
        need = requests[i]["prompt_tokens"] + requests[i]["output_tokens"]
        if run["reserved"] + need > service.kv_capacity_tokens:
            break
        run["reserved"] += need
        run["running"] += 1
        run["waiting"] = following[i]
    run["peak_kv_tokens"] = max(run["peak_kv_tokens"], run["reserved"])


@njit(cache=True, nogil=True)
def compose(
    run: Record,
    last_step: int,
    requests: Records,
    following: Ints,
    service: Service,
    weight_seconds: Floats,
) -> None:
    """Set the next run of equal steps; its length is 0 if there is no work."""
    n, i = run["decoding"], run["head"]
    left = service.token_budget - n
    length = last_step - run["decoded"] if n > 0 else 0
    chunk, completing, partial = 0, 0, 0
    pairs, pair_slope = run["resident"] + n, n
    if i != run["waiting"]:  # there is an admitted prompt to read
        rest = requests[i]["prompt_tokens"] - run["done"]
        if rest > left:  # it fills the budget for some steps
            steps = (rest - 1) // left
            length = min(length, steps) if n > 0 else steps
            chunk = left
            pairs += chunk * run["done"] + chunk * (chunk + 1) // 2
            pair_slope += chunk * chunk
        else:  # the budget reaches to its end, and into the following ones
            length, done = 1, run["done"]
            while left > 0 and i != run["waiting"]:
                take = min(left, requests[i]["prompt_tokens"] - done)
                pairs += take * done + take * (take + 1) // 2
                chunk += take
                left -= take
                if done + take < requests[i]["prompt_tokens"]:
                    partial = done + take
                else:
                    completing += 1
                    i = following[i]
                    done = requests[i]["cached_tokens"] if i >= 0 else 0
    tokens = n + chunk
    run["length"], run["chunk"] = length, chunk
    run["completing"], run["partial"] = completing, partial
    run["base"] = service.fixed + service.wire * tokens
    run["compute"] = service.compute_offset + service.per_token * tokens + service.per_pair * pairs
    run["compute_slope"] = service.per_pair * pair_slope
    reading = service.per_kv_token * run["resident"] + service.per_sequence * n
    run["memory"] = weight_seconds[tokens] + reading
    run["memory_slope"] = service.per_kv_token * n


@njit(cache=True, nogil=True)
def series(level: float, slope: float, count: float) -> float:
    """Return the sum of `level + slope·j` over j from 0 to count - 1."""
    return count * level + slope * (0.5 * (count * (count - 1.0)))


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def settle(run: Record, steps: int) -> None:
    """Book the first steps of a run."""
    n, seconds = run["decoding"], elapsed(run, steps)
    run["busy_seconds"] += seconds
    run["batch_seconds"] += run["running"] * seconds
    run["compute_seconds"] += series(run["compute"], run["compute_slope"], float(steps))
    run["memory_seconds"] += series(run["memory"], run["memory_slope"], float(steps))
    run["iterations"] += steps
    run["prefill_tokens"] += steps * run["chunk"]
    run["decode_tokens"] += steps * n
    run["decoded"] += steps
    run["resident"] += steps * n
    if run["completing"] == 0:
        run["done"] += steps * run["chunk"]


@njit(cache=True, nogil=True)
def deliver(
    run: Record, heap: Ints, base: int, requests: Records, following: Ints, now: float
) -> int:
    """End a run: sequences finish, complete prompts emit a token; return how many finished."""
    n, finished = requests.size, 0
    while run["decoding"] > 0 and heap[base] // n == run["decoded"]:
        i = heap[base] % n
        pop(heap, base, run["decoding"])
        run["decoding"] -= 1
        run["resident"] -= requests[i]["prompt_tokens"] + requests[i]["output_tokens"] - 1
        leave(run, requests, i, now)
        finished += 1
    for _ in range(run["completing"]):
        i = run["head"]
        run["head"] = following[i]
        requests[i]["first"] = now
        if requests[i]["output_tokens"] == 1:
            leave(run, requests, i, now)
            finished += 1
        else:
            last_step = run["decoded"] + requests[i]["output_tokens"] - 1
            push(heap, base, run["decoding"], last_step * n + i)
            run["decoding"] += 1
            run["resident"] += requests[i]["prompt_tokens"]
    if run["completing"] > 0 and run["head"] >= 0:
        partial = run["partial"]
        run["done"] = partial if partial > 0 else requests[run["head"]]["cached_tokens"]
    return finished


@njit(cache=True, nogil=True)
def leave(run: Record, requests: Records, request: int, now: float) -> None:
    """Write down that a request is finished and free its place."""
    need = requests[request]["prompt_tokens"] + requests[request]["output_tokens"]
    run["running"] -= 1
    run["reserved"] -= need
    run["promised"] -= need
    requests[request]["finish"] = now
    requests[request]["generated"] = requests[request]["output_tokens"]


@njit(cache=True, nogil=True)
def cut_off(run: Record, now: float) -> None:
    """Book the steps of a run that ended by now, and the part of the one that is in progress."""
    steps = steps_until(run, now)
    if run["start"] + elapsed(run, steps) > now:
        steps -= 1
    settle(run, steps)
    rest = now - (run["start"] + elapsed(run, steps))
    run["busy_seconds"] += rest
    run["batch_seconds"] += run["running"] * rest


@njit(cache=True, nogil=True)
def count(run: Record, heap: Ints, base: int, requests: Records) -> None:
    """Write down the tokens of sequences that are still decoding."""
    n = requests.size
    for slot in range(base, base + run["decoding"]):
        i = heap[slot] % n
        missing = heap[slot] // n - run["decoded"]
        requests[i]["generated"] = requests[i]["output_tokens"] - missing


@njit(cache=True, nogil=True)
def replay(tree: Ints, key: npt.NDArray[Any], leaf: int) -> None:
    """Play the matches of one leaf of a tournament again; the smaller key wins, then the index."""
    node = (leaf + key.size) // 2
    while node > 0:
        left, right = tree[2 * node], tree[2 * node + 1]
        tree[node] = left if key[left] <= key[right] else right
        node //= 2


@njit(cache=True, nogil=True)
def push(heap: Ints, base: int, size: int, value: int) -> None:
    """Add a value to the binary heap of `size` entries at `base`, the smallest first."""
    hole = size
    while hole > 0 and heap[base + (hole - 1) // 2] > value:
        heap[base + hole] = heap[base + (hole - 1) // 2]
        hole = (hole - 1) // 2
    heap[base + hole] = value


@njit(cache=True, nogil=True)
def pop(heap: Ints, base: int, size: int) -> None:
    """Remove the smallest value from the binary heap of `size` entries at `base`."""
    value, hole, child = heap[base + size - 1], 0, 1
    while child < size - 1:
        if child + 1 < size - 1 and heap[base + child + 1] < heap[base + child]:
            child += 1
        if heap[base + child] >= value:
            break
        heap[base + hole] = heap[base + child]
        hole, child = child, 2 * child + 1
    heap[base + hole] = value
