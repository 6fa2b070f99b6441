"""What a simulation reads and writes: requests, replicas, stages, failures, bins of time.

Above each dashed line stand inputs and results, below it what the kernel remembers between
events.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats, Ints

Records = npt.NDArray[np.void]

#: state of a request: to be read, read elsewhere, swapped out; admitted and being read, decoding
FRESH, HANDED, SWAPPED, READING, DECODING = range(5)
ON, OFF, STARTING, DRAINING, DOWN = range(5)  #: state of a replica
PROMISE, RECOMPUTE, SWAP = range(3)  #: what happens when the KV cache is full
#: how requests are sent to replicas
SHORTEST, IN_TURN, SHARED, GIVEN, TWO_CHOICES, PREFIX = range(6)

#: One request: what is asked, and what happened. 64 bytes, so that ten million fit in memory.
REQUEST: Final = np.dtype(
    [
        ("arrival", "f8"),  # s; of a later stage: filled in when it is sent
        ("first", "f8"),  # first output token, s; inf if it was not reached
        ("finish", "f8"),  # last output token, s; inf if it was not reached
        ("prompt_tokens", "i4"),
        ("cached_tokens", "i4"),  # that need no prefill, less than the prompt; in the end: found
        ("output_tokens", "i4"),
        ("generated", "i4"),  # output tokens by the end
        ("replica", "i4"),  # where it was sent last; -1 for nowhere
        ("stage", "i4"),  # of a chain; -1 for none
        ("priority", "i2"),  # its lane: 0 goes first
        # ---
        ("state", "i2"),
        ("following", "i4"),  # behind it in a queue, or in its stage before it is sent
        ("older", "i4"),  # admitted before and after it, in its lane of its replica
        ("newer", "i4"),
    ]
)

#: The fields of `REQUEST` above the line.
OUTCOME: Final = tuple((REQUEST.names or ())[:9])

#: One replica: what it did.
REPLICA: Final = np.dtype(
    [
        ("busy_seconds", "f8"),  # steps in progress
        ("compute_seconds", "f8"),  # compute side of all steps, whether it bound or not
        ("memory_seconds", "f8"),  # memory side of all steps, whether it bound or not
        ("batch_seconds", "f8"),  # running sequences, integrated over time
        ("on_seconds", "f8"),  # paid for: from the start of its start-up until it is off
        ("iterations", "i8"),
        ("prefill_tokens", "i8"),  # prompt tokens processed, cached ones not counted
        ("decode_tokens", "i8"),  # output tokens after the first of each request
        ("peak_kv_tokens", "i8"),  # most KV cache ever held
        ("preemptions", "i8"),  # sequences that lost their place in the KV cache
        ("failures", "i8"),
        # ---
        ("start", "f8"),  # when the run of equal steps in progress began
        ("base", "f8"),  # fixed and wire seconds of each of its steps
        ("compute", "f8"),  # compute side of its first step, and growth per step
        ("compute_slope", "f8"),
        ("memory", "f8"),  # memory side of its first step, and growth per step
        ("memory_slope", "f8"),
        ("stall", "f8"),  # seconds of swapping before its first step
        ("on_since", "f8"),
        ("length", "i8"),  # steps in the run; 0 when idle
        ("chunk", "i8"),  # prompt tokens of each step
        ("completing", "i8"),  # prompts that are complete when the run ends
        ("reads", "i8"),  # prompts of which each step takes a chunk
        ("since", "i8"),  # steps since the last one that read a prompt
        ("room", "i8"),  # prompt tokens that a microbatch has room for
        ("decoding", "i8"),  # sequences whose prompt is read
        ("emitting", "i8"),  # of them, those that get a token in each step of the run: all or none
        ("running", "i8"),  # admitted sequences
        ("load", "i8"),  # requests sent here and not finished
        ("held", "i8"),  # KV cache that is taken, tokens
        ("promised", "i8"),  # KV cache that all requests sent here need to be admitted
        ("resident", "i8"),  # tokens in the KV cache of the decoding ones
        ("decoded", "i8"),  # steps since the beginning: the clock of the decodes
        ("head", "i8"),  # first admitted request whose prompt is not complete; -1 for none
        ("tail", "i8"),  # last one
        ("due", "i8"),  # 1 when it is about to start a step
        ("state", "i8"),
        ("kind", "i8"),  # row of its service
        ("pool", "i8"),  # 0 takes new requests, 1 those that were read elsewhere
        ("hands_over", "i8"),  # 1 when it reads prompts only
        ("blocks", "i8"),  # of the prefix cache that are taken
        ("lives", "i8"),  # failures and starts so far: after each of them it knows no prompt
        ("newest_block", "i8"),
        ("oldest_block", "i8"),
    ]
)
#: The fields of `REPLICA` above the line.
TOTALS: Final = tuple((REPLICA.names or ())[:11])

#: Requests that are sent together, some time after the last one of another stage has finished.
STAGE: Final = np.dtype(
    [
        ("pause", "f8"),  # seconds after the end of the stage before
        ("next", "i4"),  # stage that follows; -1 for none
        ("first", "i4"),  # first request; the others follow it by `following`
        ("left", "i4"),  # requests that are not finished
        ("shares", "i4"),  # 1 when its requests keep one copy of the prompt in the KV cache
        # ---
        ("active", "i4"),  # admitted requests that hold the shared prompt
        ("home", "i4"),  # replica of the shared prompt; -1 for none
        ("origin", "i4"),  # replica where the stage before ended; -1 for none
        ("life", "i4"),  # `lives` of that replica then
    ]
)

#: A replica fails.
FAILURE: Final = np.dtype([("time", "f8"), ("replica", "i8"), ("repair", "f8")])

#: What the replicas of one kind do in one interval of time.
BIN: Final = np.dtype(
    [
        ("prefill_seconds", "f8"),  # steps in which prompts are read, whatever decodes besides
        ("decode_seconds", "f8"),  # steps that only decode
        ("compute_seconds", "f8"),
        ("memory_seconds", "f8"),
        ("batch_seconds", "f8"),
        ("on_seconds", "f8"),
        ("prefill_tokens", "f8"),
        ("decode_tokens", "f8"),
    ]
)

#: Waiting requests of one priority at one replica, and the newest admitted one.
LANE: Final = np.dtype([("first", "i8"), ("last", "i8"), ("newest", "i8")])


#: How a pool is run; one record, for the kernel.
RULES: Final = np.dtype(
    [
        ("routing", "i8"),
        ("stop_after", "i8"),  # finished requests at which to stop
        ("lanes", "i8"),  # priorities
        ("slack", "i8"),  # outstanding requests by which a replica may be ahead of the shortest
        ("local", "i8"),  # 1: what a stage finds cached is on the replica of the stage before
        ("transfer_fixed", "f8"),  # from prefill to decode, s
        ("transfer_per_token", "f8"),  # s/token
        ("tick", "f8"),  # seconds between decisions of the autoscaler
        ("wanted", "f8"),  # outstanding requests of a replica that it aims at
        ("least", "i8"),  # replicas that it keeps
        ("patience", "i8"),  # decisions in a row to shrink before it does
        ("startup", "f8"),  # s
        ("bin", "f8"),  # seconds of an interval of the timeline; 0: no timeline
        ("block", "i8"),  # tokens of a block of the prefix cache
        ("cache_blocks", "i8"),  # blocks that a replica keeps; 0: no such cache
    ]
)


class Extras(NamedTuple):
    """Arrays that only some simulations need; the kernel is compiled without them for the others.

    One bundle, so that there are two compiled kernels and not one for every combination.
    """

    stages: Records  #: dtype `STAGE`
    phases: Ints  #: decodes of each replica by when they need a block, shape (replicas · block,)
    draws: npt.NDArray[np.int32]  #: two replicas of each request, shape (n, 2), of two choices
    blocks: npt.NDArray[np.int32]  #: prefix blocks of all requests, one after the other
    block_start: Ints  #: where those of each request begin, shape (n + 1,)
    links: npt.NDArray[np.int32]  #: newer and older cached block, shape (replicas, 2, blocks)
    failures: Records  #: dtype `FAILURE`, in order of time
    timeline: Records  #: dtype `BIN`, shape (kinds, bins)
    times: Floats  #: heap of requests that come back and of stages that follow, s
    codes: Ints  #: request, or number of requests + stage
    size: Ints  #: entries of this heap, shape (1,)
    plant_times: Floats  #: heap of failures and of replicas that are ready, s
    plant_codes: Ints  #: failure, or number of failures + replica
    plant_size: Ints  #: entries of this heap, shape (1,)
    patience: Ints  #: decisions in a row to shrink, shape (1,)
    missing: Ints  #: prompt tokens of each request that its replica had to read, shape (n,)
    unread: Ints  #: their sum over requests without a first token, shape (replicas,)
    sent: Ints  #: when a request was last sent to each, counted in requests, shape (replicas,)
