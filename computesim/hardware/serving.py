"""Step time and layout of a serving replica."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import efficiency
from computesim.hardware.overlap import two_batches
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

__all__ = ["ServingLayout", "StepModel", "serving_layout", "serving_layouts", "serving_step"]

LARGEST_TP: Final = 16  #: beyond it heads no longer divide
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
        Most tokens of one step, whole replica; 8,192 per attention group.
    max_batch : int, optional
        Sequences that may decode together, whole replica; 512 per attention group.
    kernels : ServingKernels, optional
        Other coefficients than those of the machine's generation.
    engine : Engine
        The program that serves.
    memory_reserve : float, optional
        Share of the memory that is not the engine's; that of the generation by default.

    Raises
    ------
    CapacityError
        If the weights do not fit, saying by how many GB, or if the layout leaves the scale-up
        domain with tensor parallelism.

    Notes
    -----
    Dense weights are split over tp and copied in each attention group; experts are split over
    all accelerators of a stage. Pipeline stages work on pp microbatches at once: they divide
    compute and cache reads, and not the reading of weights. Attention decode of latent caches is
    taken to wait for memory. Multiplications stand in the table `weight_seconds`, between their
    memory and their compute bound; the compute side holds their limit for many tokens.
    """
    layout = layout or serving_layout(load, accelerator, kernels=kernels, engine=engine)
    replica = _replica(load, accelerator, layout, kernels, engine)
    if memory_reserve is not None:
        replica = replace(replica, own=replace(replica.own, memory_reserve=memory_reserve))
    _check(replica)
    groups = layout.dp * layout.pp
    batch = max_batch or BATCH_PER_GROUP * groups
    budget = max(token_budget or engine.token_budget * layout.dp, batch)
    batch, capacity = _cache(replica, batch)
    step = StepModel(
        fixed=replica.fixed_seconds() + latencies(replica),
        wire=wire_per_token(replica),
        compute_offset=0.0,
        per_token=replica.per_token(),
        per_pair=load.attention_flop_per_pair / replica.attention_rate() / layout.n_accelerators,
        per_kv_token=replica.per_kv_token(),
        per_sequence=replica.per_sequence(),
        weight_seconds=replica.weight_seconds(budget),
        weight_stream=replica.weight_stream(budget),
        kv_capacity_tokens=capacity,
        max_batch=batch,
        token_budget=budget,
        n_accelerators=layout.n_accelerators,
        weight_hbm=replica.kernels.weight_hbm,
        kv_hbm=replica.kernels.kv_hbm,
        activation_seconds=replica.activation_seconds(),
        state_seconds=replica.state_seconds(),
    )
    return two_batches(step, replica) if engine.two_batches and layout.ep > 1 else step


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
    """Refuse a layout whose weights do not fit or whose matrices would cross the NIC."""
    layout, machine, name = replica.layout, replica.machine, replica.load.name
    if layout.tp > machine.scaleup_domain:
        raise CapacityError(
            f"tensor parallelism {layout.tp} leaves the scale-up domain of {machine.name} "
            f"({machine.scaleup_domain} accelerators)"
        )
    if layout.dp > 1 and not replica.load.n_experts:
        raise CapacityError(f"{name} has no experts: attention groups would be separate replicas")
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
    pipelines of whole domains.
    """
    domain = accelerator.scaleup_domain
    sizes = sorted({2**i for i in range(domain.bit_length()) if 2**i <= domain} | {domain})
    for n in sizes:
        if n <= LARGEST_TP:
            yield ServingLayout(tp=n)
        if load.n_experts and 1 < n <= load.n_experts:
            yield ServingLayout(ep=n, dp=n)
    if accelerator.nic_bandwidth > 0:
        widest = max(n for n in sizes if n <= LARGEST_TP)
        for domains in (2, 4, 8, 16):
            if 1 < domains * domain <= load.n_experts:
                yield ServingLayout(ep=domains * domain, dp=domains * domain)
            yield ServingLayout(tp=widest, pp=domains)


def serving_layout(
    load: ServingLoad,
    accelerator: Accelerator,
    context: float = 4096.0,
    tpot: float = 0.05,
    max_accelerators: int = 0,
    kernels: ServingKernels | None = None,
    engine: Engine = GENERAL_ENGINE,
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

    Raises
    ------
    CapacityError
        If no layout holds the weights and one sequence, saying by how many GB the best fails.

    Notes
    -----
    Within 5 % the smaller replica wins: it fails and scales in smaller pieces. Layouts over
    several scale-up domains are considered only where nothing inside one of them fits.
    """
    found: list[tuple[float, float, ServingLayout]] = []
    shortage = ""
    for layout in serving_layouts(load, accelerator):
        if max_accelerators and layout.n_accelerators > max_accelerators:
            continue
        if found and (layout.pp > 1 or layout.n_accelerators > accelerator.scaleup_domain):
            break
        try:
            replica = _replica(load, accelerator, layout, kernels, engine)
            _check(replica)
            most, capacity = _cache(replica, BATCH_PER_GROUP * replica.groups)
            most = max(1, min(most, int(capacity / context)))  # a table no longer than needed
            step = serving_step(load, accelerator, layout, 1, most, kernels, engine)
        except CapacityError as error:
            shortage = str(error)
            continue
        if step.kv_capacity_tokens >= context:
            found.append((*_goodput(step, context, tpot), layout))
    if not found:
        raise CapacityError(shortage or f"{load.name} leaves no room for {context:g} tokens")
    return _choose(found, tpot)


def _choose(found: list[tuple[float, float, ServingLayout]], tpot: float) -> ServingLayout:
    """Return the best of (tokens/s per accelerator, seconds, layout)."""
    keeping = [row for row in found if row[1] <= tpot]
    if not keeping:
        return min(found, key=lambda row: row[1])[2]
    best = max(row[0] for row in keeping)
    return next(row[2] for row in keeping if row[0] >= NEAR_TIE * best)


def _goodput(step: StepModel, context: float, tpot: float) -> tuple[float, float]:
    """Return tokens/s per accelerator and seconds at the largest batch that keeps `tpot`."""
    low, high = 1, int(max(min(step.max_batch, step.kv_capacity_tokens / context), 1))
    while low < high:  # step time grows with the batch
        middle = (low + high + 1) // 2
        if step.decode_seconds(middle, context) <= tpot:
            low = middle
        else:
            high = middle - 1
    seconds = step.decode_seconds(low, context)
    return low / seconds / step.n_accelerators, seconds
