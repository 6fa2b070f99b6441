"""Step time and layout of a serving replica."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np

from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import efficiency
from computesim.hardware.possible import divides, misfits
from computesim.hardware.replica import Replica, ServingLayout
from computesim.hardware.serving_efficiency import (
    GENERAL_ENGINE,
    Engine,
    ServingKernels,
    serving_kernels,
)
from computesim.hardware.serving_wire import latencies, wire_per_token
from computesim.hardware.step import StepModel
from computesim.quantities import ServingLoad

__all__ = [
    "Requests",
    "ServingLayout",
    "StepModel",
    "serving_layout",
    "serving_layouts",
    "serving_step",
]

LARGEST_TP: Final = 16  #: that is tried; hardly a model gains from more
UNBOUNDED_TOKENS: Final = 1e15  #: cache capacity of a model without a growing cache
BATCH_PER_GROUP: Final = 512  #: default decoding sequences per attention group
NEAR_TIE: Final = 0.95  #: a smaller replica wins within this share of the best throughput


def serving_step(
    load: ServingLoad,
    accelerator: Accelerator,
    layout: ServingLayout | None = None,
    token_budget: int | None = None,
    max_batch: int | None = None,
    kernels: ServingKernels | None = None,
    engine: Engine = GENERAL_ENGINE,
    memory_reserve: float | None = None,
) -> StepModel:
    """Return the step time of a replica.

    Parameters
    ----------
    load : ServingLoad
        What the model asks per token and per sequence.
    accelerator : Accelerator
        The machine.
    layout : ServingLayout, optional
        How the replica is spread; `serving_layout` chooses where it is not given.
    token_budget : int, optional
        Most tokens of one step, whole replica, rounded up to whole microbatches; 8,192 for each
        microbatch by default.
    max_batch : int, optional
        Sequences that may decode together, whole replica; 512 for each microbatch by default.
    kernels : ServingKernels, optional
        Other coefficients than those of the machine's generation.
    engine : Engine
        The program that serves.
    memory_reserve : float, optional
        Share of the memory that is not the engine's; that of the generation by default.

    Raises
    ------
    CapacityError
        If the weights do not fit, saying by how many GB, or if the model or the machine does not
        allow the layout (`hardware.possible.misfits`).

    Notes
    -----
    Dense weights are split over tp and copied in each attention group; experts are split over
    all accelerators of a stage. A token passes all pipeline stages one after another, so that
    they shorten no step: they work on pp microbatches at once. Attention decode of latent caches
    is taken to wait for memory. Multiplications stand in the table `weight_seconds`, between
    their memory and their compute bound; the compute side holds their limit for many tokens.
    """
    layout = layout or serving_layout(load, accelerator, kernels=kernels, engine=engine)
    replica = _replica(load, accelerator, layout, kernels, engine)
    if memory_reserve is not None:
        replica = replace(replica, own=replace(replica.own, engine_reserve=memory_reserve))
    _check(replica)
    n = layout.microbatches
    batch = max_batch or BATCH_PER_GROUP * n
    each = -(-max(token_budget or engine.token_budget * n, batch) // n)  # of a microbatch
    batch, capacity = _cache(replica, batch)
    tokens = np.arange(each + 1, dtype=np.float64)
    return StepModel(
        fixed=replica.fixed_seconds() + latencies(replica),
        wire=wire_per_token(replica),
        compute_offset=0.0,
        per_token=replica.per_token(),
        per_pair=load.attention_flop_per_pair / replica.attention_rate() / layout.tp,
        per_kv_token=replica.per_kv_token(),
        per_sequence=replica.per_sequence(),
        weight_seconds=replica.weight_seconds(tokens),
        weight_stream=replica.weight_stream(tokens),
        kv_capacity_tokens=capacity,
        max_batch=batch,
        token_budget=each * n,
        n_accelerators=layout.n_accelerators,
        weight_hbm=replica.kernels.weight_hbm,
        kv_hbm=replica.kernels.kv_hbm,
        activation_seconds=replica.activation_seconds(),
        state_seconds=replica.state_seconds(),
        groups=layout.dp,
        stages=layout.pp,
        per_shared_token=replica.per_shared_token(),
    )


def held_bytes(load: ServingLoad, accelerator: Accelerator, layout: ServingLayout) -> float:
    """Return the bytes of weights that one accelerator of a replica holds, B.

    Parameters
    ----------
    load : ServingLoad
    accelerator : Accelerator
    layout : ServingLayout
    """
    replica = _replica(load, accelerator, layout, None, GENERAL_ENGINE)
    left = accelerator.memory_bytes * (1.0 - replica.own.engine_reserve)
    return left - replica.free_bytes()


def _replica(
    load: ServingLoad,
    accelerator: Accelerator,
    layout: ServingLayout,
    kernels: ServingKernels | None,
    engine: Engine,
) -> Replica:
    """Return a replica with the coefficients of its machine."""
    own = efficiency(accelerator)
    kernels = kernels or serving_kernels(accelerator)
    return Replica(load, accelerator, layout, own, kernels, engine)


def _check(replica: Replica) -> None:
    """Refuse a layout that no engine starts with, or whose weights do not fit."""
    layout, machine, name = replica.layout, replica.machine, replica.load.name
    for misfit in misfits(replica.load, layout, machine):
        raise CapacityError(str(misfit))
    free = replica.free_bytes()
    if free <= 0:
        raise CapacityError(
            f"{name} in {replica.load.weight_dtype} does not fit on {layout.n_accelerators} x "
            f"{machine.name}: {-free / 1e9:.1f} GB too much on each"
        )


def _cache(replica: Replica, max_batch: int) -> tuple[int, float]:
    """Return how many sequences fit and how many context tokens fit beside their fixed state."""
    load, layout = replica.load, replica.layout
    room = replica.free_bytes() * replica.kv_pieces * layout.pp * layout.dp
    if load.state_bytes_per_sequence > 0:  # half of the room at most is for fixed-size state
        max_batch = max(min(max_batch, int(0.5 * room / load.state_bytes_per_sequence)), 1)
        room -= max_batch * load.state_bytes_per_sequence
    if load.kv_bytes_per_token <= 0:
        return max_batch, UNBOUNDED_TOKENS
    return max_batch, max(room / load.kv_bytes_per_token, 0.0)


def serving_layouts(load: ServingLoad, accelerator: Accelerator) -> Iterator[ServingLayout]:
    """Yield the layouts worth considering, small replicas first.

    Tensor parallelism and, for experts, one attention group per accelerator over 1, 2, 4 … up to
    the scale-up domain; after that, where there is a NIC, experts over several domains and
    pipelines of whole domains. Only degrees that divide the model (`hardware.possible`).
    """
    domain = accelerator.scaleup_domain
    sizes = sorted({2**i for i in range(domain.bit_length()) if 2**i <= domain} | {domain})
    degrees = [n for n in sizes if n <= LARGEST_TP and divides(load, n)]
    for n in sizes:
        if n in degrees:
            yield ServingLayout(tp=n)
        if load.n_experts and 1 < n <= load.n_experts:
            yield ServingLayout(ep=n, dp=n)
    if accelerator.nic_bandwidth > 0:
        for domains in (2, 4, 8, 16):
            if 1 < domains * domain <= load.n_experts:
                yield ServingLayout(ep=domains * domain, dp=domains * domain)
            if domains <= load.n_layers:
                yield ServingLayout(tp=max(degrees), pp=domains)


@dataclass(frozen=True, slots=True)
class Requests:
    """What a layout reads and writes of a request, and how soon it has to begin."""

    prompt: float  #: new tokens to read, mean
    output: float  #: tokens, mean
    longest: float = 0.0  #: new tokens of a prompt that still has to keep `ttft`
    ttft: float = math.inf  #: time to its first token, s


def serving_layout(
    load: ServingLoad,
    accelerator: Accelerator,
    context: float = 4096.0,
    tpot: float = 0.05,
    max_accelerators: int = 0,
    kernels: ServingKernels | None = None,
    engine: Engine = GENERAL_ENGINE,
    requests: Requests | None = None,
) -> ServingLayout:
    """Return the layout that decodes most tokens per second and accelerator.

    Parameters
    ----------
    load : ServingLoad
        What the model asks.
    accelerator : Accelerator
        The machine.
    context : float, token
        Mean context of a decoding sequence.
    tpot : float, s/token
        Time per output token that the step must keep; where no layout can, the fastest is taken.
    max_accelerators : int
        Largest replica; 0 for no bound.
    kernels : ServingKernels, optional
        Other coefficients than those of the machine's generation.
    engine : Engine
        The program that serves.
    requests : Requests, optional
        Their prompts are read in the steps that decode; without them somebody else reads them.

    Raises
    ------
    CapacityError
        If no layout holds the weights and one sequence, saying by how many GB the best fails.

    Notes
    -----
    A prompt finds the step of another one in progress: layouts that take more than half of the
    time to the first token for the longest prompt alone count only if all do. Of 96 pools (six
    models, four machines, four mixes) the choice serves 98 % of what the best layout does in the
    simulation, 86 % where prompts are left out. Within 5 % the smaller replica wins: it fails and scales in smaller pieces. Layouts over
    several scale-up domains are considered only where nothing inside one of them fits.
    """
    ranked: list[_Ranked] = []
    shortage = ""
    for layout in serving_layouts(load, accelerator):
        if max_accelerators and layout.n_accelerators > max_accelerators:
            continue
        if ranked and (layout.pp > 1 or layout.n_accelerators > accelerator.scaleup_domain):
            break
        try:
            replica = _replica(load, accelerator, layout, kernels, engine)
            _check(replica)
            most, capacity = _cache(replica, BATCH_PER_GROUP * layout.microbatches)
            most = max(1, min(most, int(capacity / context)))  # a table no longer than needed
            budget = None if requests else 1
            step = serving_step(load, accelerator, layout, budget, most, kernels, engine)
        except CapacityError as error:
            shortage = str(error)
            continue
        if step.sequence_tokens >= context:
            ranked.append(_ranked(layout, step, context, tpot, requests))
    if not ranked:
        raise CapacityError(shortage or f"{load.name} leaves no room for {context:g} tokens")
    return _choose(ranked, tpot)


class _Ranked(NamedTuple):
    """A layout at the largest batch that keeps the time per output token."""

    layout: ServingLayout
    rate: float  #: tokens/s per accelerator
    seconds: float  #: of a step
    prompt: bool  #: whether the longest prompt is read in time


def _choose(ranked: list[_Ranked], tpot: float) -> ServingLayout:
    """Return the best of some layouts."""
    in_time = [row for row in ranked if row.prompt] or ranked
    keeping = [row for row in in_time if row.seconds <= tpot]
    if not keeping:
        return min(in_time, key=lambda row: row.seconds).layout
    best = max(row.rate for row in keeping)
    return next(row.layout for row in keeping if row.rate >= NEAR_TIE * best)


def _ranked(
    layout: ServingLayout, step: StepModel, context: float, tpot: float, requests: Requests | None
) -> _Ranked:
    """Return what a layout does at the largest batch that keeps `tpot`."""

    def step_seconds(batch: int) -> float:
        if requests is None:
            return step.decode_seconds(batch, context)
        if step.room(batch) < 1:
            return math.inf
        cached = max(context - requests.prompt - requests.output / 2.0, 0.0)
        return step.steady_seconds(batch, requests.prompt, requests.output, cached)

    low, high = 1, int(max(min(step.max_batch, step.kv_capacity_tokens / context), 1))
    while low < high:  # step time grows with the batch
        middle = (low + high + 1) // 2
        if step_seconds(middle) <= tpot:
            low = middle
        else:
            high = middle - 1
    seconds, prompt = step_seconds(low), True
    if requests is not None and requests.ttft < math.inf:
        prompt = step.prefill_seconds(requests.longest) <= requests.ttft / 2.0
    return _Ranked(layout, low / seconds / step.n_accelerators, seconds, prompt)
