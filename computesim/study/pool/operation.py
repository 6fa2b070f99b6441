"""How a simulated pool is run: the keys of a question as what the simulation takes."""

from __future__ import annotations

from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.collective import scaleout_link
from computesim.hardware.serving import ServingLayout
from computesim.quantities import ServingLoad
from computesim.sim.operation import Autoscaler, DecodePool, Operation, PrefixCache
from computesim.sim.records import PROMISE, RECOMPUTE, SWAP
from computesim.sim.service import Service
from computesim.sim.trace import BLOCK
from computesim.study.pool.question import INTERVAL, PATIENCE, PoolQuestion, Serving
from computesim.study.pool.traffic import Requests

_RULES = {"promise": PROMISE, "recompute": RECOMPUTE, "swap": SWAP}


def routing_of(serving: Serving, requests: Requests) -> str:
    """Return the name of the routing: prefix-aware where prefixes matter, if none is asked."""
    prefixes = serving.caches_prefixes or requests.has_prefixes
    return serving.routing or ("prefix-aware" if prefixes else "shortest-queue")


def service_of(
    serving: Serving, service: Service, load: ServingLoad, chip: Accelerator, layout: ServingLayout
) -> Service:
    """Return the service of a replica that is run as asked.

    Parameters
    ----------
    serving : Serving
    service : Service
        With the whole KV cache, which a prefix cache may take a share of.
    load : ServingLoad
    chip : Accelerator
    layout : ServingLayout

    Raises
    ------
    CapacityError
        If there is no link to swap over.
    """
    rule, seconds = _RULES[serving.when_full], 0.0
    if rule == SWAP:
        link = chip.host_bandwidth * layout.tp * layout.pp
        if not link > 0:
            raise CapacityError(f"{chip.name}: the link to host memory is not known: no swap")
        seconds = load.kv_bytes_per_token / link
    left = int(service.kv_capacity_tokens * (1.0 - serving.prefix_cache.share))
    return service._replace(
        block_tokens=min(serving.block, left),
        kv_capacity_tokens=left,
        when_full=rule,
        swap_seconds_per_token=seconds,
    )


def operation_of(
    question: PoolQuestion,
    requests: Requests,
    capacity: float,
    load: ServingLoad,
    decode_pool: DecodePool | None,
) -> Operation:
    """Return how the pool is run, failures and timeline left out.

    Parameters
    ----------
    question : PoolQuestion
    requests : Requests
    capacity : float, token
        KV cache of a replica before a prefix cache takes its share.
    load : ServingLoad
    decode_pool : DecodePool or None
    """
    scaling = question.serving.autoscale
    return Operation(
        # with separate pools the cache is one that all replicas reach
        local_prefix=requests.has_prefixes and not decode_pool,
        prefix_cache=_prefix_cache(question.serving, requests, capacity, load),
        decode_pool=decode_pool,
        autoscaler=None if scaling is None else Autoscaler(
            INTERVAL, scaling.load, scaling.least, scaling.startup, PATIENCE
        ),
        seed=question.seed,
    )  # fmt: skip


def _prefix_cache(
    serving: Serving, requests: Requests, capacity: float, load: ServingLoad
) -> PrefixCache | None:
    if not serving.caches_prefixes:
        return None
    cache, blocks = serving.prefix_cache, requests.trace.blocks
    assert blocks is not None
    if load.kv_bytes_per_token <= 0:
        raise CapacityError(f"{load.name} has no cache that grows: prefixes are not kept")
    tokens = capacity * cache.share + cache.memory / load.kv_bytes_per_token
    if tokens < BLOCK:
        raise CapacityError(f"a prefix cache of {tokens:,.0f} tokens holds no block of {BLOCK}")
    return PrefixCache(blocks.ids, blocks.offsets, BLOCK, int(tokens // BLOCK))


def transfer(load: ServingLoad, chip: Accelerator, layout: ServingLayout) -> tuple[float, float]:
    """Return latency and seconds per token of handing KV cache from one replica to another.

    Parameters
    ----------
    load : ServingLoad
    chip : Accelerator
    layout : ServingLayout
        Each accelerator that holds a part of a sequence sends it over its own NIC.

    Returns
    -------
    tuple of float, s and s/token

    Raises
    ------
    CapacityError
        If the accelerator has no NIC.
    """
    link = scaleout_link(chip)
    rate = link.all_to_all * layout.tp * layout.pp
    state = load.state_bytes_per_sequence / rate
    return link.latency / 4.0 + state, load.kv_bytes_per_token / rate  # α of two, half: see p2p
