"""What a serving replica is to the simulation: a handful of numbers.

One step of a replica is a round of `groups · stages` microbatches: each takes
one token of each of its decoding sequences, and chunks of prompts that are
being read, through all layers. A sequence lies in one microbatch, a prompt in
those of one attention group, and the fullest microbatch sets the pace:

    fixed + wire·b + max(compute_offset + per_token·b + per_shared_token·t + per_pair·A,
                         weights(b, t) + per_kv_token·R + per_sequence·n)

seconds, where `b` counts the tokens of the fullest one, `A` sums over them the
context that each attends to, `R` is the KV cache that its decodes read and `n`
the number of its decoding sequences. Attention groups share experts, which take
the `t` tokens that the mean group has. With one microbatch b and t are T, the
tokens of the step, and the weights a table of T. Where prompts are not read in
the steps that decode, they are read first, in steps of their own.

Decodes are spread evenly: the fullest microbatch has ``ceil(N / (groups · stages))`` of N. Of X
prompt tokens it has as much as the longest chunk in the round, and never less than an even part.
Chunks of a prompt pass the stages one behind the other: where no prompt waits behind the last
one, the round lasts until the last of its k chunks is through, ``(k - 1) / stages`` longer.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats
from computesim.errors import SimulationError
from computesim.sim.records import PROMISE, RECOMPUTE, SWAP, Records


class Service(NamedTuple):
    """Step time and limits of one serving replica.

    Notes
    -----
    Costs count what the fullest microbatch holds, limits what the replica does. A token with x
    tokens of context before it attends to x + 1 (itself
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
    block_tokens: int = 1  #: KV cache is taken in blocks of so many tokens
    when_full: int = PROMISE
    """PROMISE: a request is admitted when its whole output fits, so that nothing is ever evicted;
    RECOMPUTE or SWAP: when its prompt fits, and the newest sequence goes when the cache is full"""
    watermark_tokens: int = 0  #: free KV cache that admission leaves, where nothing is promised
    swap_seconds_per_token: float = 0.0  #: to the host's memory, or back, s/token
    groups: int = 1  #: attention groups: a sequence lies in one of them
    stages: int = 1  #: of the pipeline, each of which works on a microbatch of its own
    per_shared_token: float = 0.0  #: experts that groups share, s per token of the mean group
    prompt_gap: int = 0
    """Steps without prompts after one that reads some, while sequences decode: all microbatches
    wait for the fullest one, so that prompts of several are better read together. A prompt that
    is partly read goes on"""
    mixes: int = 1
    """1: prompts are read in the steps that decode; 0: first, in steps of their own"""
    request_seconds: float = 0.0  #: from sending a request until the replica sees it, s
    held_steps: float = 0.0  #: steps after the first token until the client has it

    @property
    def microbatches(self) -> int:
        """Parts of a round that run by themselves."""
        return self.groups * self.stages


_OUTSIDE: Final = ("request_seconds", "held_steps")  # what only clients notice
_COSTS: Final = (
    *Service._fields[:7], "swap_seconds_per_token", "per_shared_token", *_OUTSIDE
)  # fmt: skip
#: `Service` as a record, for the kernel.
SERVICE: Final = np.dtype(
    [(n, "f8" if n in _COSTS else "i8") for n in Service._fields if n not in _OUTSIDE]
)


class Replicas(NamedTuple):
    """Replicas that are alike."""

    service: Service  #: step time and limits of one
    weight_seconds: npt.ArrayLike  #: of weights, see `check_service`, s
    n: int  #: at least one


def check_service(service: Service, weight_seconds: npt.ArrayLike) -> tuple[Service, Floats]:
    """Return the service with plain numbers and its weight table as an array, or say what is wrong.

    Parameters
    ----------
    service : Service
        Costs must be finite and not negative, limits positive; `max_batch` may not exceed
        `token_budget`, or a prompt could wait for ever behind decodes.
    weight_seconds : array_like of float, shape (rows,) or (3, rows), s
        Multiplications of b tokens in every microbatch, b from 0 to its share of the budget;
        second the part of it in experts that attention groups share, third the least that any
        share of them leaves.

    Returns
    -------
    tuple of Service and ndarray of shape (3, rows)

    Raises
    ------
    SimulationError
        If a number is impossible or the table has the wrong length.
    """
    plain = Service(
        **{n: (float if n in _COSTS else int)(getattr(service, n)) for n in Service._fields}  # type: ignore[arg-type]
    )
    table = np.array(weight_seconds, dtype=np.float64, ndmin=2)
    if table.shape[0] == 1:
        table = np.concatenate((table, np.zeros((2, table.shape[1]))))
    if not all(0.0 <= getattr(plain, name) < np.inf for name in _COSTS):
        raise SimulationError(f"step costs must be finite and not negative: {plain}")
    if not 1 <= plain.max_batch <= plain.token_budget or plain.kv_capacity_tokens < 1:
        raise SimulationError(f"expected 1 <= max_batch <= token_budget and some KV cache: {plain}")
    if plain.prompt_gap < 0:
        raise SimulationError(f"a gap of {plain.prompt_gap} steps; expected 0 or more")
    _check_cache(plain)
    rows = _rows(plain)
    if table.shape != (3, rows) or not 0.0 <= table.min() <= table.max() < np.inf:
        raise SimulationError(
            f"weight_seconds needs {rows} finite entries that are not negative, one for each "
            f"number of tokens of a microbatch; found shape {np.shape(weight_seconds)}"
        )
    if np.any(table[1] > table[0]):
        raise SimulationError("the experts' part of weight_seconds exceeds the whole")
    shortest = (
        plain.fixed + plain.wire + max(plain.compute_offset + plain.per_token, table[0, 1:].min())
    )
    if shortest <= 0.0:
        raise SimulationError("a step must take time; all its costs are zero")
    return plain, table


def _rows(service: Service) -> int:
    """Return the entries of a weight table; refuse microbatches that do not divide the budget."""
    if min(service.groups, service.stages) < 1 or service.token_budget % service.microbatches:
        raise SimulationError(
            f"{service.groups} groups and {service.stages} stages; expected at least 1 of each, "
            f"and a multiple of their product as the budget of {service.token_budget} tokens"
        )
    return service.token_budget // service.microbatches + 1


def _check_cache(service: Service) -> None:
    """Refuse an impossible KV cache."""
    if not 1 <= service.block_tokens <= service.kv_capacity_tokens:
        raise SimulationError(
            f"blocks of {service.block_tokens} tokens; expected 1 to the KV cache of "
            f"{service.kv_capacity_tokens}"
        )
    if service.when_full not in (PROMISE, RECOMPUTE, SWAP):
        raise SimulationError(
            f"when_full is {service.when_full}; expected PROMISE, RECOMPUTE, SWAP"
        )
    if service.mixes not in (0, 1):
        raise SimulationError(f"mixes is {service.mixes}; expected 0 or 1")
    if not 0 <= service.watermark_tokens < service.kv_capacity_tokens:
        raise SimulationError(
            f"a watermark of {service.watermark_tokens} tokens leaves nothing of "
            f"{service.kv_capacity_tokens}"
        )


def service_rows(services: list[tuple[Service, Floats]]) -> tuple[Records, Floats]:
    """Return checked services as records, and their weight tables as rows of one array.

    Parameters
    ----------
    services : list of tuple of Service and ndarray
        As `check_service` returns them.

    Returns
    -------
    tuple of ndarray of SERVICE, shape (k,) and ndarray of float64, shape (k, 3, widest), s
        Capacity and watermark are rounded to whole blocks, in tokens.
    """
    rows = np.zeros(len(services), SERVICE)
    tables = np.zeros((len(services), 3, max(table.shape[1] for _, table in services)))
    for k, (service, table) in enumerate(services):
        rows[k] = tuple(getattr(service, name) for name in SERVICE.names or ())
        block = service.block_tokens
        rows[k]["kv_capacity_tokens"] -= service.kv_capacity_tokens % block
        rows[k]["watermark_tokens"] = -(-service.watermark_tokens // block) * block
        tables[k, :, : table.shape[1]] = table
    return rows, tables
