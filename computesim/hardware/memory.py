"""Bytes that training holds on one accelerator, and whether they fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from computesim.arrays import Floats
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import Efficiency
from computesim.hardware.layout import LayoutGrid
from computesim.quantities import TrainingLoad

LOGIT_BYTES: Final = 6.0  #: of one logit at the last stage: bf16 and its fp32 gradient, B


@dataclass(frozen=True, slots=True)
class Recipe:
    """Bytes of the training state and the price of recomputation.

    Mixed precision with Adam: Rajbhandari 2020 (ZeRO) section 3.1, gradients in fp32 as
    Megatron-LM accumulates them. The selective row stands for recomputing norms, activations and
    projections (estimate); Korthikanti 2022 gives 2–5 % of FLOP for selective recomputation.
    """

    weight_bytes: float = 2.0  #: B/parameter
    gradient_bytes: float = 4.0  #: B/parameter
    optimiser_bytes: float = 12.0  #: master weight and two moments, B/parameter
    kept: tuple[float, float, float] = (1.0, 0.4, 0.0)  #: activations kept, by recompute
    extra_flop: tuple[float, float, float] = (0.0, 0.05, 1.0 / 3.0)
    """FLOP computed again ÷ model FLOP, by recompute: the forward pass is a third"""
    gradient_wire_bytes: float = 2.0  #: of a gradient when it is summed over replicas, B/parameter


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """Bytes on the fullest accelerator of a job."""

    weights: float
    gradients: float
    optimiser: float
    activations: float
    capacity: float  #: what the runtime leaves, B
    host: float = 0.0  #: in the memory of its CPU, B
    host_capacity: float = 0.0  #: what the system leaves there, B

    @property
    def total(self) -> float:
        """All bytes held on the accelerator."""
        return self.weights + self.gradients + self.optimiser + self.activations

    @property
    def shortage(self) -> float:
        """Bytes that do not fit, on the accelerator or its host; 0 when all do."""
        here, there = self.total - self.capacity, self.host - self.host_capacity
        return max(here, 0.0) + max(there, 0.0)

    @property
    def fits(self) -> bool:
        """Whether all fits."""
        return self.shortage == 0.0

    @property
    def verdict(self) -> str:
        """Whether all fits, or by how much it does not, in words."""
        where = " of host memory" if self.total <= self.capacity else ""
        return "fits" if self.fits else f"does not fit, by {self.shortage / 1e9:.1f} GB{where}"


@dataclass(frozen=True, slots=True)
class MemoryGrid:
    """`TrainingMemory` of many layouts, arrays of their length."""

    weights: Floats
    gradients: Floats
    optimiser: Floats
    activations: Floats
    capacity: float
    host: Floats
    host_capacity: float

    @property
    def total(self) -> Floats:
        """All bytes held on the accelerator."""
        return self.weights + self.gradients + self.optimiser + self.activations

    @property
    def shortage(self) -> Floats:
        """Bytes that do not fit, on the accelerator or its host."""
        there = np.maximum(self.host - self.host_capacity, 0.0)
        return np.maximum(self.total - self.capacity, 0.0) + there

    def at(self, index: int) -> TrainingMemory:
        """Return the memory of one layout."""
        return TrainingMemory(
            float(self.weights[index]),
            float(self.gradients[index]),
            float(self.optimiser[index]),
            float(self.activations[index]),
            self.capacity,
            float(self.host[index]),
            self.host_capacity,
        )


def stage_stretch(load: TrainingLoad, grid: LayoutGrid) -> Floats:
    """Return the layers of the fullest model piece ÷ the mean, at least 1."""
    pieces = grid.pp * grid.vp
    return np.asarray(np.ceil(load.n_layers / pieces) * pieces / load.n_layers)


def time_stretch(load: TrainingLoad, grid: LayoutGrid) -> Floats:
    """Return the time of the slowest model piece ÷ the mean, at least 1.

    The LM head and prediction layers weigh as many layers as their FLOP are worth, and fill up
    the pieces that have a layer less.
    """
    embedding = 6.0 * load.d_model * load.vocab_size
    layers = load.flop_per_token - load.extra_flop_per_token - embedding
    worth = load.n_layers * load.flop_per_token / max(layers, 0.5 * load.flop_per_token)
    pieces = grid.pp * grid.vp
    return np.asarray(np.maximum(np.ceil(load.n_layers / pieces) * pieces / worth, 1.0))


def expert_pieces(grid: LayoutGrid) -> Floats:
    """Return the pieces of one stage's experts: ep, or tp where experts are split like matrices."""
    return np.where(grid.ep > 1, grid.ep, grid.tp).astype(np.float64)


def parameters_per_rank(load: TrainingLoad, grid: LayoutGrid) -> tuple[Floats, Floats]:
    """Return the (dense, expert) parameters of one accelerator before ZeRO."""
    dense = (load.n_params - load.n_expert_params) / (grid.tp * grid.pp)
    return dense, load.n_expert_params / (expert_pieces(grid) * grid.pp)


def expert_replicas(grid: LayoutGrid) -> Floats:
    """Return the ranks that hold the same experts and sum their gradients."""
    return grid.tp * grid.cp * grid.dp / expert_pieces(grid)


def updated_parameters(load: TrainingLoad, grid: LayoutGrid, from_stage: int = 1) -> Floats:
    """Return the parameters of one accelerator where ZeRO shards from `from_stage` on.

    By default those whose optimiser state it holds.
    """
    sharded, whole = _updated(load, grid)
    return np.where(grid.zero >= from_stage, sharded, whole)


def _updated(load: TrainingLoad, grid: LayoutGrid) -> tuple[Floats, Floats]:
    """Return the parameters of one accelerator, sharded by ZeRO and not."""
    dense, expert = parameters_per_rank(load, grid)
    return dense / (grid.dp * grid.cp) + expert / expert_replicas(grid), dense + expert


def training_memory(
    load: TrainingLoad,
    accelerator: Accelerator,
    grid: LayoutGrid,
    n_microbatches: Floats,
    recipe: Recipe,
    coefficients: Efficiency,
) -> MemoryGrid:
    """Return the bytes on the fullest accelerator of each layout.

    Parameters
    ----------
    load : TrainingLoad
        The model.
    accelerator : Accelerator
        The machine.
    grid : LayoutGrid
        Layouts, length k.
    n_microbatches : array of float64, shape (k,)
        Microbatches of one pipeline in one step.
    recipe : Recipe
        Bytes per parameter and recomputation.
    coefficients : Efficiency
        For the share of memory that the runtime keeps.

    Notes
    -----
    ZeRO shards dense parameters over dp · cp and experts over the ranks that hold the same ones.
    ZeRO-3 holds the gathered weights of one layer and its gradients, not yet scattered (frameworks
    gather ahead by anything from a matrix to a layer). The first stage of 1F1B holds min(pp, M)
    microbatches, ``1 + (pp − 1)/(pp · vp)`` as much when interleaved. The embedding is spread
    evenly over stages.
    What is offloaded is in host memory; weights and gradients pass through layer by layer.

    Source
    ------
    Rajbhandari 2020 (ZeRO), Zhao 2023 (FSDP), Ren 2021 (ZeRO-Offload).
    """
    stage = stage_stretch(load, grid)
    sharded, whole = _updated(load, grid)
    layer = np.where(grid.zero >= 3, np.minimum(grid.pp / load.n_layers, 1.0), 0.0) * whole

    moved, nothing = bool(grid.offload.any()), np.zeros(len(grid))

    def held(size: float, from_stage: int, kept_below: int) -> tuple[Floats, Floats]:
        """Return the bytes on the accelerator and those in host memory."""
        state = size * np.where(grid.zero >= from_stage, sharded, whole) * stage
        if not moved:
            return state, nothing
        here = grid.offload < kept_below
        return np.where(here, state, 0.0), np.where(here, 0.0, state)

    weights, weights_away = held(recipe.weight_bytes, 3, 2)
    gradients, gradients_away = held(recipe.gradient_bytes, 2, 2)
    optimiser, optimiser_away = held(recipe.optimiser_bytes, 1, 1)
    # the CPU reads gradients and writes new weights in host memory, whoever holds the originals
    updated = np.where(grid.zero >= 1, sharded, whole)
    passing = np.where(grid.offload == 1, updated * stage, 0.0)
    passing *= recipe.gradient_bytes + recipe.weight_bytes
    return MemoryGrid(
        weights=weights + layer * recipe.weight_bytes,
        gradients=gradients + layer * recipe.gradient_wire_bytes,
        optimiser=optimiser,
        activations=_activations(load, grid, n_microbatches, recipe) * stage,
        capacity=accelerator.memory_bytes * (1.0 - coefficients.memory_reserve),
        host=weights_away + gradients_away + optimiser_away + passing,
        host_capacity=accelerator.host_memory * (1.0 - coefficients.host_reserve),
    )


def _activations(
    load: TrainingLoad, grid: LayoutGrid, n_microbatches: Floats, recipe: Recipe
) -> Floats:
    """Return the bytes of activations on the first stage, or of the logits on the last."""
    tokens = grid.microbatch * load.seq_len / (grid.cp * grid.tp)
    whole = load.activation_bytes_per_token_layer
    inputs = 2.0 * load.d_model  # what a recomputed layer keeps: its input
    kept = np.maximum(whole * np.array(recipe.kept)[grid.recompute], inputs)
    interleaved = np.where(grid.vp > 1, 1.0 + (grid.pp - 1) / (grid.pp * grid.vp), 1.0)
    waiting = np.minimum(grid.pp, n_microbatches) * interleaved
    layers = load.n_layers / grid.pp
    first = tokens * (kept * layers * waiting + np.where(grid.recompute == 2, whole, 0.0))
    logits = tokens * load.vocab_size * LOGIT_BYTES
    return np.asarray(np.maximum(first, tokens * kept * layers + logits))
