"""What a serving replica is to the simulation: a handful of numbers.

One step of a replica processes T tokens: one of each decoding sequence, and a
chunk of prompts that are being read. It takes

    fixed + wire·T + max(compute_offset + per_token·T + per_pair·A,
                         weight_seconds[T] + per_kv_token·R + per_sequence·n)

seconds, where `A` sums over those tokens the context that each attends to, `R`
is the KV cache that decodes read and `n` the number of decoding sequences.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.errors import SimulationError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]


class Service(NamedTuple):
    """Step time and limits of one serving replica.

    Notes
    -----
    A token with x tokens of context before it attends to x + 1 (itself
    included), so a prompt chunk of c tokens that starts at x adds
    ``c·x + c·(c + 1)/2`` to A, and a decode adds its context and one. R counts the
    tokens in the cache of the decoding sequences when the step starts.
    """

    fixed: float  #: seconds of every step whatever it holds, s
    wire: float  #: collectives that do not overlap, s/token
    compute_offset: float  #: cost of a small matrix multiplication, s
    per_token: float  #: matrix multiplications, s/token
    per_pair: float  #: attention scores, s per (token, context token)
    per_kv_token: float  #: reading the KV cache, s/token
    per_sequence: float  #: reading state that does not grow with the context, s/sequence
    kv_capacity_tokens: int  #: KV cache that the replica holds, token
    max_batch: int  #: running sequences at most
    token_budget: int  #: tokens of one step at most


#: One request: what is asked, and what happened.
REQUEST = np.dtype(
    [
        ("arrival", "f8"),  # s
        ("first", "f8"),  # first output token, s; inf if it was not reached
        ("finish", "f8"),  # last output token, s; inf if it was not reached
        ("prompt_tokens", "i8"),
        ("cached_tokens", "i8"),  # that need no prefill, less than the prompt
        ("output_tokens", "i8"),
        ("generated", "i8"),  # output tokens by the end
        ("replica", "i8"),  # where it was sent; -1 for nowhere
    ]
)

#: One replica: what it did, and below the line what the kernel remembers between two events.
REPLICA = np.dtype(
    [
        ("busy_seconds", "f8"),  # steps in progress
        ("compute_seconds", "f8"),  # compute side of all steps, whether it bound or not
        ("memory_seconds", "f8"),  # memory side of all steps, whether it bound or not
        ("batch_seconds", "f8"),  # running sequences, integrated over time
        ("iterations", "i8"),
        ("prefill_tokens", "i8"),  # prompt tokens processed, cached ones not counted
        ("decode_tokens", "i8"),  # output tokens after the first of each request
        ("peak_kv_tokens", "i8"),  # most KV cache ever reserved
        # ---
        ("start", "f8"),  # when the run of equal steps in progress began
        ("base", "f8"),  # fixed and wire seconds of each of its steps
        ("compute", "f8"),  # compute side of its first step, and growth per step
        ("compute_slope", "f8"),
        ("memory", "f8"),  # memory side of its first step, and growth per step
        ("memory_slope", "f8"),
        ("length", "i8"),  # steps in the run; 0 when idle
        ("chunk", "i8"),  # prompt tokens of each step
        ("completing", "i8"),  # prompts that are complete when the run ends
        ("partial", "i8"),  # tokens of the next prompt that are in cache by then
        ("decoding", "i8"),  # sequences that produce a token in each step
        ("running", "i8"),  # admitted sequences
        ("reserved", "i8"),  # KV cache reserved for them
        ("promised", "i8"),  # KV cache that all requests sent here need
        ("resident", "i8"),  # KV cache of the decoding ones
        ("decoded", "i8"),  # steps since the beginning: the clock of the decodes
        ("head", "i8"),  # first request whose prompt is not complete; -1 for none
        ("done", "i8"),  # its tokens in cache
        ("waiting", "i8"),  # first request that is not admitted; -1 for none
        ("tail", "i8"),  # last request of the queue
        ("due", "i8"),  # 1 when it is about to start a step
    ]
)
#: The fields of `REPLICA` above the line.
TOTALS = tuple((REPLICA.names or ())[:8])

_COSTS = (
    "fixed",
    "wire",
    "compute_offset",
    "per_token",
    "per_pair",
    "per_kv_token",
    "per_sequence",
)


def check_service(service: Service, weight_seconds: npt.ArrayLike) -> tuple[Service, Floats]:
    """Return the service with plain numbers and its weight table as an array, or say what is wrong.

    Parameters
    ----------
    service : Service
        Costs must be finite and not negative, limits positive; `max_batch` may not exceed
        `token_budget`, or a prompt could wait for ever behind decodes.
    weight_seconds : array_like of float, shape (token_budget + 1,), s
        Seconds of reading the weights in a step of T tokens.

    Returns
    -------
    tuple of Service and ndarray

    Raises
    ------
    SimulationError
        If a number is impossible or the table has the wrong length.
    """
    plain = Service(*map(float, service[:7]), *map(int, service[7:]))  # type: ignore[arg-type]
    table = np.ascontiguousarray(weight_seconds, dtype=np.float64)
    if not all(0.0 <= getattr(plain, name) < np.inf for name in _COSTS):
        raise SimulationError(f"step costs must be finite and not negative: {plain}")
    if not 1 <= plain.max_batch <= plain.token_budget or plain.kv_capacity_tokens < 1:
        raise SimulationError(f"expected 1 <= max_batch <= token_budget and some KV cache: {plain}")
    if table.shape != (plain.token_budget + 1,) or not 0.0 <= table.min() <= table.max() < np.inf:
        raise SimulationError(
            f"weight_seconds needs {plain.token_budget + 1} finite entries that are not negative, "
            f"one for each number of tokens; found shape {table.shape}"
        )
    shortest = (
        plain.fixed + plain.wire + max(plain.compute_offset + plain.per_token, table[1:].min())
    )
    if shortest <= 0.0:
        raise SimulationError("a step must take time; all its costs are zero")
    return plain, table
