"""A training job: its candidate layouts, their memory and the parts of their step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats
from computesim.errors import CapacityError, near_miss
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import Efficiency, efficiency
from computesim.hardware.layout import OFFLOAD, LayoutGrid, TrainingLayout, candidates
from computesim.hardware.layout_degrees import SEARCHED, FixedDegrees
from computesim.hardware.memory import (
    MemoryGrid,
    Recipe,
    TrainingMemory,
    expert_replicas,
    time_stretch,
    training_memory,
    updated_parameters,
)
from computesim.hardware.training_compute import Compute
from computesim.hardware.training_host import (
    host_optimiser_seconds,
    optimiser_bytes_moved,
    stream_seconds,
)
from computesim.hardware.training_wire import (
    Wires,
    context_seconds,
    data_seconds,
    expert_seconds,
    stage_seconds,
    tensor_seconds,
)
from computesim.quantities import TrainingLoad

OFFLOADING: Final = ("auto", "never", *OFFLOAD[1:])  #: when host memory is used


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
    jitter: float = 0.0  #: input, launches and stragglers ÷ the rest of the step
    host_seconds: float = 0.0  #: of them an optimiser step on the CPU, s/step
    bandwidth: float = 0.0  #: fraction of the memory bandwidth in use, mean of the step

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
class StepTimes:
    """Parts of the step time of many layouts, arrays of shape (k,)."""

    total: Floats  #: s/step
    compute: Floats  #: matrix multiplications, scores and elementwise work, s/step
    exposed: Floats  #: collectives and host traffic that nothing hides, s/step
    optimiser: Floats  #: s/step
    bubble: Floats  #: share of the pipeline time


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """Everything about a job but its layout, of which some degrees may be settled."""

    load: TrainingLoad
    accelerator: Accelerator
    batch_tokens: float
    dtype: str
    recipe: Recipe
    own: Efficiency
    wires: Wires
    fixed: FixedDegrees = SEARCHED  #: what of its layout is settled

    @classmethod
    def of(
        cls,
        load: TrainingLoad,
        accelerator: Accelerator,
        batch_tokens: float,
        dtype: str = "bf16",
        recipe: Recipe | None = None,
        congestion: float = 1.0,
        coefficients: Efficiency | None = None,
    ) -> TrainingJob:
        """Return a job with its defaults filled in.

        Parameters
        ----------
        load : TrainingLoad
            The model and its sequence length.
        accelerator : Accelerator
            The machine.
        batch_tokens : float, token
            Tokens of one optimiser step.
        dtype : str
            Of the matrix multiplications: bf16, fp8 or fp4; attention scores and the LM head stay
            in bf16.
        recipe : Recipe, optional
            Bytes per parameter and the price of recomputation.
        congestion : float
            Share of the NIC rate that the fabric delivers, above 0 to 1.
        coefficients : Efficiency, optional
            Another table than the one of the machine's generation.

        Raises
        ------
        ValueError
            If a step is shorter than a sequence.
        """
        if not batch_tokens >= load.seq_len:
            raise ValueError(
                f"a step of {batch_tokens:g} tokens is shorter than a sequence of {load.seq_len}"
            )
        own = coefficients or efficiency(accelerator)
        wires = Wires.of(load, accelerator, own, congestion)
        return cls(load, accelerator, batch_tokens, dtype, recipe or Recipe(), own, wires)

    def layouts(self, n_accelerators: int, offload: str = "never") -> LayoutGrid:
        """Return the layouts worth evaluating on so many accelerators.

        Parameters
        ----------
        n_accelerators : int
            At hand.
        offload : str
            never; optimiser or all, which move that much to host memory; or auto, which does so
            only where nothing fits without: first the optimiser, then all.

        Returns
        -------
        LayoutGrid
            With auto, first the layouts without offloading, then those that were tried after them.

        Raises
        ------
        ValueError
            If `offload` is none of these.
        CapacityError
            If something must be offloaded and no host memory is known.
        """
        if offload not in OFFLOADING:
            hint = near_miss(offload, OFFLOADING)
            known = ", ".join(OFFLOADING)
            raise ValueError(f"{offload!r} is not one of {known}. {hint}".strip())
        load, chip = self.load, self.accelerator
        sequences = self.batch_tokens / load.seq_len
        grid = candidates(load, chip.scaleup_domain, int(n_accelerators), sequences, self.fixed)
        has_host = min(chip.host_bandwidth, chip.host_memory, chip.host_memory_bandwidth) > 0
        if offload in OFFLOAD:
            if not has_host:
                raise CapacityError(f"{chip.name} has no known host memory to offload to")
            return self._distinct(grid.offloaded(offload))
        if offload == "auto" and has_host:
            for what in OFFLOAD[1:]:
                if self.fitting(grid).any():
                    break
                grid = grid.joined(grid.select(grid.offload == 0).offloaded(what))
        return self._distinct(grid)

    def _distinct(self, grid: LayoutGrid) -> LayoutGrid:
        """Return a grid without ZeRO-3 where one rank holds all; offloading `all` needs it."""
        if self.fixed.zero is not None:
            return grid
        alone = (grid.dp * grid.cp == 1) & (expert_replicas(grid) <= 1)
        return grid.select((grid.offload == 2) | (grid.zero < 3) | ~alone)

    def fitting(self, grid: LayoutGrid) -> npt.NDArray[np.bool_]:
        """Return which layouts fit into memory, shape (k,)."""
        return np.asarray(self.memory(grid).shortage == 0)

    def fastest(self, grid: LayoutGrid) -> LayoutGrid:
        """Return the fastest layout of a grid, as a grid of one."""
        return grid.select(np.arange(len(grid)) == np.argmin(self.times(grid).total))

    def microbatches(self, grid: LayoutGrid) -> Floats:
        """Return the microbatches of one pipeline in one step, shape (k,)."""
        whole = self.batch_tokens / (grid.dp * grid.microbatch * self.load.seq_len)
        return np.ceil(np.maximum(whole, 1.0) - 1e-9)

    def compute(self, grid: LayoutGrid) -> Floats:
        """Return the compute seconds of one microbatch on the mean stage, shape (k,)."""
        return self._computing.seconds(grid)

    @property
    def highest_rate(self) -> float:
        """FLOP/s of model work that one accelerator exceeds under no layout."""
        return self._computing.highest_rate

    @property
    def _computing(self) -> Compute:
        """What computes."""
        return Compute.of(self.load, self.accelerator, self.own, self.dtype, self.recipe)

    def traffic_seconds(self, grid: LayoutGrid) -> Floats:
        """Return the seconds in which memory at its full bandwidth would move a step's bytes.

        Weights, gradients and activations of all microbatches, and the state of an optimiser that
        is not on the host; shape (k,). What multiplications read again is left to caches.
        """
        moved = self.microbatches(grid) * self._computing.moved_bytes(grid)
        state = updated_parameters(self.load, grid) * optimiser_bytes_moved(self.recipe)
        moved = moved + np.where(grid.offload > 0, 0.0, state)
        return np.asarray(moved / self.accelerator.memory_bandwidth)

    def optimiser(self, grid: LayoutGrid) -> Floats:
        """Return the seconds in which the optimiser reads and writes its share of state."""
        moved = updated_parameters(self.load, grid) * optimiser_bytes_moved(self.recipe)
        here = moved / (self.accelerator.memory_bandwidth * self.own.hbm)
        args = (self.load, self.accelerator, self.own, self.recipe, grid)
        return np.where(grid.offload > 0, host_optimiser_seconds(*args), here)

    def memory(self, grid: LayoutGrid) -> MemoryGrid:
        """Return the bytes on the fullest accelerator."""
        count = self.microbatches(grid)
        return training_memory(self.load, self.accelerator, grid, count, self.recipe, self.own)

    def times(self, grid: LayoutGrid) -> StepTimes:
        """Return the parts of the step time, arrays of shape (k,)."""
        count = self.microbatches(grid)
        stretch = time_stretch(self.load, grid)
        compute = self.compute(grid) * stretch
        exposed = tensor_seconds(self.wires, grid) + context_seconds(self.wires, grid)
        routing = expert_seconds(self.wires, grid, self.dtype) * stretch
        exposed = exposed * stretch + stage_seconds(self.wires, grid)
        exposed += routing - np.minimum(routing * self.own.ep_overlap, compute)
        bubble = pipeline_bubble(grid, count)
        pipeline = count * (compute + exposed) * (1.0 + bubble)
        gradients = data_seconds(self.wires, grid, count, self.recipe)
        shard = updated_parameters(self.load, grid)
        host = (self.accelerator, self.own, self.recipe)
        gradients += stream_seconds(*host, grid, count, shard)
        overlap = np.where(grid.zero >= 3, self.own.shard_overlap, self.own.dp_overlap)
        # whole gradients wait for the last microbatch; sharded ones leave after every one
        room = np.where(grid.zero >= 2, count, 1.0) * compute
        hidden = np.minimum(gradients * overlap, room)
        optimiser = self.optimiser(grid)
        total = pipeline + gradients - hidden + optimiser
        return StepTimes(
            total=total * (1.0 + self.jitter(grid)),
            compute=count * compute,
            exposed=count * exposed + gradients - hidden,
            optimiser=optimiser,
            bubble=bubble / (1.0 + bubble),
        )

    def jitter(self, grid: LayoutGrid) -> Floats:
        """Return the time of input, launches and stragglers ÷ that of the rest of the step."""
        doublings = np.log2(np.maximum(grid.n_accelerators / 8.0, 1.0))
        return self.own.training_jitter + self.own.straggling * doublings

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
            jitter=float(self.jitter(grid)[index]),
            host_seconds=float(times.optimiser[index]) if grid.offload[index] else 0.0,
            bandwidth=min(float(self.traffic_seconds(grid)[index]) / seconds, 1.0),
        )


def pipeline_bubble(grid: LayoutGrid, n_microbatches: Floats) -> Floats:
    """Return the time in which a stage waits ÷ the time in which it works.

    Parameters
    ----------
    grid : LayoutGrid
        Layouts, length k.
    n_microbatches : array of float64, shape (k,)
        M, of one pipeline in one step.

    Returns
    -------
    array of float64, shape (k,)

    Notes
    -----
    ``(pp − 1) / (vp M)`` where M is at least pp. With fewer microbatches the last one still passes
    all stages one after another, however they are interleaved:
    ``(pp − M + (M − 1)/vp) / M``.

    Source
    ------
    Narayanan 2021, section 2.2; fewer microbatches by counting.
    """
    turns = (np.minimum(n_microbatches, grid.pp) - 1.0) / grid.vp
    return np.asarray((np.maximum(grid.pp - n_microbatches, 0.0) + turns) / n_microbatches)
