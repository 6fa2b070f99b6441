"""Seconds of a training step under a layout, its MFU, and the best layout of a job."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import Efficiency, efficiency
from computesim.hardware.layout import LayoutGrid, TrainingLayout, candidates
from computesim.hardware.memory import (
    MemoryGrid,
    Recipe,
    TrainingMemory,
    parameters_per_rank,
    time_stretch,
    training_memory,
)
from computesim.hardware.training_compute import Compute
from computesim.hardware.training_wire import (
    Wires,
    context_seconds,
    data_seconds,
    expert_seconds,
    stage_seconds,
    tensor_seconds,
)
from computesim.quantities import TrainingLoad

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """One optimiser step of a job and where its time goes."""

    layout: TrainingLayout
    seconds: float  #: s/step
    tokens: float  #: of one step
    n_accelerators: int  #: paid for, idle ones included
    mfu: float  #: model FLOP (causal, nothing recomputed) ÷ dense bf16 peak
    hfu: float  #: the same with recomputed FLOP
    bubble: float  #: share of the pipeline time in which a stage waits for the first microbatches
    compute_seconds: float  #: matrix multiplications, scores and elementwise work, s/step
    exposed_seconds: float  #: collectives that nothing hides, s/step
    memory: TrainingMemory

    @property
    def tokens_per_second(self) -> float:
        """Tokens per second and accelerator."""
        return self.tokens / self.seconds / self.n_accelerators

    @property
    def busy(self) -> float:
        """Share of the step in which an accelerator computes."""
        return self.compute_seconds / self.seconds

    def accelerator_hours(self, tokens: float) -> float:
        """Return the accelerator-hours of `tokens` trained without interruption."""
        return tokens / self.tokens_per_second / 3600.0


@dataclass(frozen=True, slots=True)
class _Job:
    """Everything about a job but its layout."""

    load: TrainingLoad
    accelerator: Accelerator
    batch_tokens: float
    dtype: str
    recipe: Recipe
    own: Efficiency
    wires: Wires

    def microbatches(self, grid: LayoutGrid) -> Floats:
        """Return the microbatches of one pipeline in one step, shape (k,)."""
        whole = self.batch_tokens / (grid.dp * grid.microbatch * self.load.seq_len)
        return np.ceil(np.maximum(whole, 1.0) - 1e-9)

    def compute(self, grid: LayoutGrid) -> Floats:
        """Return the compute seconds of one microbatch on the mean stage, shape (k,)."""
        own, recipe = self.own, self.recipe
        return Compute.of(self.load, self.accelerator, own, self.dtype, recipe).seconds(grid)

    def optimiser(self, grid: LayoutGrid) -> Floats:
        """Return the seconds in which the optimiser reads and writes its share of state."""
        dense, expert = parameters_per_rank(self.load, grid)
        share = np.where(grid.zero >= 1, grid.dp * grid.cp, 1)
        recipe = self.recipe
        moved = 2.0 * recipe.optimiser_bytes + recipe.gradient_bytes + recipe.weight_bytes
        rate = self.accelerator.memory_bandwidth * self.own.hbm
        return (dense + expert) / share * moved / rate

    def memory(self, grid: LayoutGrid) -> MemoryGrid:
        """Return the bytes on the fullest accelerator."""
        count = self.microbatches(grid)
        return training_memory(self.load, self.accelerator, grid, count, self.recipe, self.own)

    def times(self, grid: LayoutGrid) -> _Times:
        """Return the parts of the step time, arrays of shape (k,)."""
        count = self.microbatches(grid)
        stretch = time_stretch(self.load, grid)
        compute = self.compute(grid) * stretch
        exposed = tensor_seconds(self.wires, grid) + context_seconds(self.wires, grid)
        routing = expert_seconds(self.wires, grid, self.dtype) * stretch
        exposed = exposed * stretch + stage_seconds(self.wires, grid)
        exposed += routing - np.minimum(routing * self.own.ep_overlap, compute)
        bubble = (grid.pp - 1) / (grid.vp * count)
        pipeline = count * (compute + exposed) * (1.0 + bubble)
        gradients = data_seconds(self.wires, grid, count, self.recipe)
        overlap = np.where(grid.zero >= 3, self.own.shard_overlap, self.own.dp_overlap)
        # gradients wait for the last microbatch, weights for the first: one hides both
        room = np.where(grid.zero >= 3, count, 1.0) * compute
        hidden = np.minimum(gradients * overlap, room)
        total = pipeline + gradients - hidden + self.optimiser(grid)
        members = grid.tp * grid.cp * grid.dp * grid.pp
        doublings = np.log2(np.maximum(members / 8.0, 1.0))
        jitter = self.own.training_jitter + self.own.straggling * doublings
        return _Times(
            total=total * (1.0 + jitter),
            compute=count * compute,
            exposed=count * exposed + gradients - hidden,
            bubble=bubble / (1.0 + bubble),
        )

    def step(self, grid: LayoutGrid, index: int, n_accelerators: int) -> TrainingStep:
        """Return the step of one layout of the grid."""
        times = self.times(grid)
        layout, seconds = grid.at(index), float(times.total[index])
        peak = self.accelerator.peak("bf16") * n_accelerators * seconds
        mfu = self.load.flop_per_token * self.batch_tokens / peak
        return TrainingStep(
            layout=layout,
            seconds=seconds,
            tokens=self.batch_tokens,
            n_accelerators=n_accelerators,
            mfu=mfu,
            hfu=mfu * (1.0 + self.recipe.extra_flop[int(grid.recompute[index])]),
            bubble=float(times.bubble[index]),
            compute_seconds=float(times.compute[index]),
            exposed_seconds=float(times.exposed[index]),
            memory=self.memory(grid).at(index),
        )


@dataclass(frozen=True, slots=True)
class _Times:
    """Parts of the step time of many layouts, s."""

    total: Floats
    compute: Floats
    exposed: Floats
    bubble: Floats


def _job(
    load: TrainingLoad,
    accelerator: Accelerator,
    batch_tokens: float,
    dtype: str,
    recipe: Recipe | None,
    congestion: float,
    coefficients: Efficiency | None,
) -> _Job:
    """Return a job with its defaults filled in."""
    if not batch_tokens >= load.seq_len:
        raise ValueError(
            f"a step of {batch_tokens:g} tokens is shorter than a sequence of {load.seq_len}"
        )
    own = coefficients or efficiency(accelerator)
    wires = Wires.of(load, accelerator, own, congestion)
    return _Job(load, accelerator, batch_tokens, dtype, recipe or Recipe(), own, wires)


def training_step(
    load: TrainingLoad,
    accelerator: Accelerator,
    layout: TrainingLayout,
    global_batch_tokens: float,
    dtype: str = "bf16",
    recipe: Recipe | None = None,
    congestion: float = 1.0,
    coefficients: Efficiency | None = None,
) -> TrainingStep:
    """Return the optimiser step of a job under a given layout.

    Parameters
    ----------
    load : TrainingLoad
        The model and its sequence length.
    accelerator : Accelerator
        The machine.
    layout : TrainingLayout
        Degrees of parallelism; their product is the number of accelerators.
    global_batch_tokens : float, token
        Tokens of one optimiser step.
    dtype : str
        Of the matrix multiplications: bf16, fp8 or fp4; attention scores and the LM head stay in
        bf16.
    recipe : Recipe, optional
        Bytes per parameter and the price of recomputation.
    congestion : float
        Share of the NIC rate that the fabric delivers, above 0 to 1.
    coefficients : Efficiency, optional
        Another table than the one of the machine's generation.

    Returns
    -------
    TrainingStep
        `memory.fits` says whether the layout can run at all; the time is given either way.

    Raises
    ------
    CapacityError
        If tensor parallelism leaves the scale-up domain.

    Notes
    -----
    ``M (compute + exposed) (1 + (pp − 1)/(vp M)) + exposed gradients + optimiser``, stretched by
    uneven stages and by jitter, which grows with the logarithm of the job. M is rounded up to whole
    microbatches.

    Source
    ------
    Narayanan 2021 (interleaved pipelines), Korthikanti 2022 (sequence parallelism, selective
    recomputation), Rajbhandari 2020 (ZeRO), DeepSeek-V3 report (expert all-to-all).
    """
    if layout.tp > accelerator.scaleup_domain:
        raise CapacityError(
            f"tensor parallelism {layout.tp} leaves the scale-up domain of {accelerator.name} "
            f"({accelerator.scaleup_domain} accelerators)"
        )
    job = _job(load, accelerator, global_batch_tokens, dtype, recipe, congestion, coefficients)
    return job.step(LayoutGrid.of([layout]), 0, layout.n_accelerators)


def best_layout(
    load: TrainingLoad,
    accelerator: Accelerator,
    n_accelerators: int,
    global_batch_tokens: float,
    dtype: str = "bf16",
    recipe: Recipe | None = None,
    congestion: float = 1.0,
    coefficients: Efficiency | None = None,
) -> TrainingStep:
    """Return the fastest step of a job over the layouts that fit.

    Parameters
    ----------
    load : TrainingLoad
        The model and its sequence length.
    accelerator : Accelerator
        The machine.
    n_accelerators : int
        Accelerators of the job; those that no layout divides are idle but counted in MFU.
    global_batch_tokens : float, token
        Tokens of one optimiser step.
    dtype, recipe, congestion, coefficients
        As for `training_step`.

    Returns
    -------
    TrainingStep

    Raises
    ------
    CapacityError
        If no layout fits, saying how many GB the nearest one lacks on each accelerator.

    Notes
    -----
    All candidates (up to some ten thousand) are evaluated at once in numpy, in a few ms.
    """
    job = _job(load, accelerator, global_batch_tokens, dtype, recipe, congestion, coefficients)
    grid = candidates(
        int(n_accelerators),
        load.n_layers,
        load.n_moe_layers,
        accelerator.scaleup_domain,
        load.seq_len,
        global_batch_tokens / load.seq_len,
    )
    if not len(grid.tp):
        raise CapacityError(f"{n_accelerators} accelerators are too few for any layout")
    shortage = job.memory(grid).shortage
    if np.all(shortage > 0):
        lacking = float(shortage.min()) / 1e9
        raise CapacityError(
            f"{load.name} does not fit on {n_accelerators} x {accelerator.name} in training: "
            f"{lacking:.1f} GB too much on each under the leanest layout"
        )
    grid = grid.select(shortage == 0)
    best = grid.select(np.arange(len(grid.tp)) == np.argmin(job.times(grid).total))
    return job.step(best, 0, int(n_accelerators))
