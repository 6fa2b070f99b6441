"""A benchmark with a fixed number of clients, played on one serving replica.

Every client sends its next request when its last one is answered, as the
benchmarks behind published serving figures do: all of them start together, and
each sends `ROUNDS` requests. Plain Python over numpy arrays and numbers, so that a
calibration may compile it. Steps, admission and chunks follow the serving
simulation; steps between two changes of the batch are summed at their middle,
which is exact as long as one side of the step binds.
"""

from __future__ import annotations

import heapq
import math
from typing import Final, NamedTuple

import numpy as np

from computesim.arrays import Floats, Ints
from computesim.sim.service import Service

ROUNDS: Final = 10  #: requests of a client: num-prompts = 10 · concurrency in InferenceX


class Played(NamedTuple):
    """What the clients saw."""

    ttft: Floats  #: from sending to the end of the step of the first token, s; shape (n,)
    tpot: Floats  #: mean time between the tokens of a request, s; shape (n,)
    seconds: float  #: until the last answer
    batch: float  #: decoding sequences, mean over time


def play(
    service: Service,
    weight_seconds: Floats,
    prompt_tokens: Ints,
    output_tokens: Ints,
    clients: int,
    mixes: bool,
    delay: float,
) -> Played:
    """Play a closed loop to its end.

    Parameters
    ----------
    service : Service
        The replica; its limits hold.
    weight_seconds : array, s
        As `check_service` returns it, shape (3, rows).
    prompt_tokens, output_tokens : array of int, token
        Of the requests, in the order in which they are sent; outputs of at least 1.
    clients : int
        Requests that are in the system at all times, at most as many as there are requests.
    mixes : bool
        Prompts are read in the steps that decode; else they go first, in steps of their own.
    delay : float, s
        From sending a request to its arrival at the scheduler.

    Notes
    -----
    A request is admitted when its whole prompt and output fit into the cache, in order, and a
    request that alone is too large runs alone.
    """
    n = len(prompt_tokens)
    sent, first, finish = np.zeros(n), np.zeros(n), np.zeros(n)
    # requests in order: finished, decoding, `reading`, admitted, arrived, sent; `pending` are read
    issued = arrived = clients
    admitted = reading = finished = 0
    done = np.zeros(n, np.int64)  # tokens of prompts that are partly read
    pending = [0]
    pending.pop()
    clock, area, since = 0.0, 0.0, 0
    steps, decoding, resident, reserved = 0, 0, 0.0, 0.0
    ends = [(0, 0)]  # step after which a decoding request ends, request
    ends.pop()
    parts, stages = service.groups * service.stages, service.stages
    budget = service.token_budget // parts
    everything, experts = weight_seconds[0], weight_seconds[1]
    while finished < n:
        while arrived < issued and sent[arrived] + delay <= clock:
            arrived += 1
        while admitted < arrived and admitted - finished < service.max_batch:
            need = prompt_tokens[admitted] + output_tokens[admitted]
            if reserved + need > service.kv_capacity_tokens and admitted > finished:
                break
            reserved += need
            admitted += 1
        begun, running = clock, decoding
        pauses = decoding > 0 and len(pending) == 0 and since < service.prompt_gap
        if (reading < admitted or len(pending) > 0) and not pauses:
            since = 0
            beside = decoding if mixes else 0
            fullest = -(-beside // parts)
            room = max(budget - fullest, 1)
            left = room * parts
            tokens, pairs, longest, chunks = 0, 0.0, 0, 1
            complete, partly = [0], [0]  # numba wants to see what lists hold
            complete.pop()
            partly.pop()
            while left > 0 and (len(pending) > 0 or reading < admitted):
                if len(pending) > 0:
                    i = pending.pop(0)
                else:
                    i = reading
                    reading += 1
                chunk = min(left, prompt_tokens[i] - done[i], room * stages)
                pairs += chunk * done[i] + chunk * (chunk + 1) / 2
                tokens += chunk
                longest = max(longest, min(chunk, room))
                left -= chunk
                done[i] += chunk
                if done[i] == prompt_tokens[i]:
                    complete.append(i)
                    chunks = max(chunks, -(-chunk // room))
                else:
                    partly.append(i)
            pending = partly + pending
            pace = max(longest, -(-tokens // parts))
            cache = resident * fullest / max(beside, 1) if mixes else 0.0
            total = pace + fullest
            shared = beside / parts + max(pace, tokens / stages) / service.groups
            compute = service.per_token * total + service.per_shared_token * shared
            compute += service.per_pair * (pairs * pace / tokens + cache + fullest)
            index, below = min(total, budget), min(int(shared), budget - 1)
            memory = everything[index] - experts[index] + experts[below]
            memory += (shared - below) * (experts[below + 1] - experts[below])
            memory = max(memory, weight_seconds[2, index])
            memory += service.per_kv_token * cache + service.per_sequence * fullest
            seconds = service.fixed + service.wire * total
            seconds += max(service.compute_offset + compute, memory)
            if len(pending) == 0 and reading == admitted:
                seconds += (chunks - 1) / stages * seconds
            clock += seconds
            if mixes:
                steps += 1
                resident += decoding
            for i in complete:
                first[i] = clock
                decoding += 1
                resident += prompt_tokens[i]
                heapq.heappush(ends, (steps + output_tokens[i] - 1, i))
        elif decoding == 0:
            clock = max(clock, sent[arrived] + delay)
        else:
            jump = ends[0][0] - steps
            if reading < admitted:
                jump = min(jump, service.prompt_gap - since)
            fullest = -(-decoding // parts)
            part, shared = fullest / decoding, decoding / parts
            base = service.fixed + service.wire * fullest
            constant = service.compute_offset + service.per_shared_token * shared
            constant += service.per_token * fullest + service.per_pair * fullest
            index, below = min(fullest, budget), min(int(shared), budget - 1)
            floor = everything[index] - experts[index] + experts[below]
            floor += (shared - below) * (experts[below + 1] - experts[below])
            floor = max(floor, weight_seconds[2, index])
            floor += service.per_sequence * fullest
            if arrived < issued and admitted == arrived:
                compute = constant + service.per_pair * resident * part
                memory = floor + service.per_kv_token * resident * part
                wait = sent[arrived] + delay - clock
                jump = max(1, min(jump, math.ceil(wait / (base + max(compute, memory)))))
            middle = part * (resident + decoding * (jump - 1) / 2)
            compute = constant + service.per_pair * middle
            memory = floor + service.per_kv_token * middle
            clock += jump * (base + max(compute, memory))
            steps += jump
            since += jump
            resident += jump * decoding
        area += running * (clock - begun)
        while len(ends) > 0 and ends[0][0] <= steps:
            i = heapq.heappop(ends)[1]
            finish[i] = clock
            finished += 1
            decoding -= 1
            resident -= prompt_tokens[i] + output_tokens[i] - 1
            reserved -= prompt_tokens[i] + output_tokens[i]
            if issued < n:
                sent[issued] = clock
                issued += 1
    ttft = first - sent
    ttft[:clients] += delay
    tpot = (finish - first) / np.maximum(output_tokens - 1, 1)
    return Played(ttft, tpot, clock, area / clock)
