"""Step time and layout of a serving replica."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, NamedTuple

from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import efficiency
from computesim.hardware.overlap import two_batches
from computesim.hardware.possible import divides, misfits
from computesim.hardware.replica import Replica, ServingLayout
from computesim.hardware.serving_efficiency import (
    GENERAL_ENGINE,
    GRAPH_TOKENS,
    Engine,
    ServingKernels,
    serving_kernels,
)
from computesim.hardware.serving_wire import latencies, wire_per_token
from computesim.hardware.step import StepModel, largest_batch
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
READING: Final = 1 / 2  #: of the time to the first token; others' prompts are read before
CHUNKS: Final = (2048, 512)  #: tokens of a microbatch that an operator may choose instead
KEPT: Final = 128  #: steps that are remembered: the layouts of a model on a machine, twice
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
    return _built(replica, each, batch, capacity)


@lru_cache(maxsize=KEPT)
def _built(replica: Replica, each: int, batch: int, capacity: float) -> StepModel:
    """Return the step of a replica; rankings ask for the same one with other promises."""
    load, layout, engine = replica.load, replica.layout, replica.engine
    if engine.two_batches and layout.ep > 1:
        plain = replace(replica, engine=replace(engine, two_batches=False))
        return two_batches(_built(plain, each, batch, capacity), replica)
    seconds, stream = replica.tables(each)
    return StepModel(
        fixed=replica.fixed_seconds() + latencies(replica),
        wire=wire_per_token(replica),
        compute_offset=0.0,
        per_token=replica.per_token(),
        per_pair=load.attention_flop_per_pair / replica.attention_rate() / layout.tp,
        per_kv_token=replica.per_kv_token(),
        per_sequence=replica.per_sequence(),
        weight_seconds=seconds,
        weight_stream=stream,
        kv_capacity_tokens=capacity,
        max_batch=batch,
        token_budget=each * layout.microbatches,
        n_accelerators=layout.n_accelerators,
        weight_hbm=replica.kernels.weight_hbm,
        kv_hbm=replica.kernels.kv_hbm,
        activation_seconds=replica.activation_seconds(),
        state_seconds=replica.state_seconds(),
        groups=layout.dp,
        stages=layout.pp,
        per_shared_token=replica.per_shared_token(),
        prompt_gap=engine.prompt_gap if layout.dp > 1 else 0,
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

    Tensor parallelism and, for experts, attention groups of 1, 2, 4 or 8 accelerators over 2, 4 …
    up to the scale-up domain; after that, where there is a NIC, experts over several domains and
    pipelines of whole domains. Only degrees that divide the model (`hardware.possible`).
    """
    domain = accelerator.scaleup_domain
    sizes = sorted({2**i for i in range(domain.bit_length()) if 2**i <= domain} | {domain})
    degrees = [n for n in sizes if n <= LARGEST_TP and divides(load, n)]
    for n in sizes:
        if n in degrees:
            yield ServingLayout(tp=n)
        if load.n_experts and 1 < n <= load.n_experts:
            yield from _groups(n)
    if accelerator.nic_bandwidth > 0:
        for domains in (2, 4, 8, 16):
            if 1 < domains * domain <= load.n_experts:
                yield from _groups(domains * domain, domain)
            if domains <= load.n_layers:
                yield ServingLayout(tp=max(degrees), pp=domains)


def _groups(n: int, domain: int = LARGEST_TP) -> Iterator[ServingLayout]:
    """Yield the attention groups that share experts spread over n accelerators, small ones first.

    A larger group reads a prompt sooner, and keeps fewer copies of the dense weights.
    """
    for tp in (1, 2, 4, 8):
        if tp < n and n % tp == 0 and tp <= domain:
            yield ServingLayout(tp=tp, ep=n, dp=n // tp)


@dataclass(frozen=True, slots=True)
class Requests:
    """What a layout reads and writes of a request, and how soon it has to begin."""

    prompt: float  #: new tokens to read, mean
    output: float  #: tokens, mean
    longest: float = 0.0  #: new tokens of a prompt that still has to keep `ttft`
    cached: float = 0.0  #: tokens before these, which they attend to
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
        Layouts of a model without experts differ by so little there that they are ranked by
        decodes, as far as they keep the time to the first token.

    Raises
    ------
    CapacityError
        If no layout holds the weights and one sequence, saying by how many GB the best fails.

    Notes
    -----
    A prompt finds the step of another one in progress: layouts that take more than half of the
    time to the first token for the longest prompt alone count only if all do. Within 5 % the
    smaller replica wins: it fails and scales in smaller pieces. Layouts over
    several scale-up domains are considered only where nothing inside one of them fits, and then
    those of the least size.
    """
    if requests is not None and not load.n_experts:
        requests = replace(requests, prompt=0.0)
    ranked: list[tuple[ServingLayout, _Ranked]] = []
    shortage = ""
    for layout in serving_layouts(load, accelerator):
        if max_accelerators and layout.n_accelerators > max_accelerators:
            continue
        beyond = layout.pp > 1 or layout.n_accelerators > accelerator.scaleup_domain
        if ranked and beyond and layout.n_accelerators > ranked[0][0].n_accelerators:
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
            variants = _variants(step, tpot, requests)
            best = max(
                (_ranked(one, context, tpot, requests) for one in variants),
                key=lambda one: one.order(tpot),
            )
            ranked.append((layout, best))
    if not ranked:
        raise CapacityError(shortage or f"{load.name} leaves no room for {context:g} tokens")
    return _choose(ranked, tpot)


def tuned(step: StepModel, context: float, tpot: float, requests: Requests) -> StepModel:
    """Return a replica of several microbatches, run as suits its requests best.

    Parameters
    ----------
    step : StepModel
        As its engine runs it by default.
    context : float, token
        Mean context of a decoding sequence.
    tpot : float, s/token
        Time per output token that its steps must keep.
    requests : Requests

    Returns
    -------
    StepModel
        With the tokens of a step, and the steps between those that read prompts, that decode most
        in time; as it is where it has one microbatch.

    Notes
    -----
    All microbatches wait for the one that reads a prompt. Operators make its chunks small
    (chunked prefill, ``max_num_batched_tokens``), or let prompts wait until several are read
    together, as long as the time to the first token allows: of that comes off what reading the
    longest prompt takes, twice, and three quarters of the rest may be waited.
    """
    variants = _variants(step, tpot, requests)
    return max(variants, key=lambda one: _ranked(one, context, tpot, requests).order(tpot))


def _variants(step: StepModel, tpot: float, requests: Requests | None) -> list[StepModel]:
    """Return ways to run a replica, that of its engine first."""
    if requests is None or step.microbatches == 1:
        return [step]
    variants = []
    for tokens in (step.token_budget // step.microbatches, *CHUNKS):
        if tokens * step.microbatches < step.max_batch or tokens >= step.weight_stream.size:
            continue
        one = replace(
            step,
            token_budget=tokens * step.microbatches,
            weight_seconds=step.weight_seconds[:, : tokens + 1],
            weight_stream=step.weight_stream[: tokens + 1],
        )
        left = requests.ttft - one.prefill_seconds(requests.longest, requests.cached) / READING
        gap = int(0.75 * min(max(left, 0.0), 1e9) / tpot)
        waits = tokens > GRAPH_TOKENS  # small chunks of one prompt or another are always read
        variants.append(replace(one, prompt_gap=min(step.prompt_gap, gap) if waits else 0))
    return variants


class _Ranked(NamedTuple):
    """What a replica does at the largest batch that keeps the time per output token."""

    rate: float  #: tokens/s per accelerator
    seconds: float  #: of a step
    prompt: bool  #: whether the longest prompt is read in time

    def order(self, tpot: float) -> tuple[bool, bool, float]:
        """Return a key that is largest for the best."""
        kept = self.seconds <= tpot
        return self.prompt, kept, self.rate if kept else -self.seconds


def _choose(ranked: list[tuple[ServingLayout, _Ranked]], tpot: float) -> ServingLayout:
    """Return the best of some layouts."""
    prompt, kept, rate = max(one.order(tpot) for _, one in ranked)
    least = NEAR_TIE * rate if kept else rate
    return next(layout for layout, one in ranked if one.order(tpot) >= (prompt, kept, least))


def _ranked(step: StepModel, context: float, tpot: float, requests: Requests | None) -> _Ranked:
    """Return what a replica does at the largest batch that keeps `tpot`."""

    def step_seconds(batch: int) -> float:
        if requests is None:
            return step.decode_seconds(batch, context)
        if step.room(batch) < 1:
            return math.inf
        prompt, output = requests.prompt, requests.output
        cached = max(context - prompt - output / 2.0, 0.0)
        return step.steady_seconds(batch, prompt, output, cached, requests.longest)

    most = int(max(min(step.max_batch, step.kv_capacity_tokens / context), 1))
    low, seconds = largest_batch(step_seconds, most, tpot)
    prompt = True
    if requests is not None and requests.ttft < math.inf:
        alone = step.prefill_seconds(requests.longest, requests.cached)
        prompt = alone <= READING * requests.ttft
    return _Ranked(low / seconds / step.n_accelerators, seconds, prompt)
