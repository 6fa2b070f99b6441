"""Seconds that offloading to host memory costs a training step, for many layouts at once."""

from __future__ import annotations

import numpy as np

from computesim.arrays import Floats
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import Efficiency
from computesim.hardware.layout import LayoutGrid
from computesim.hardware.memory import Recipe, updated_parameters
from computesim.quantities import TrainingLoad


def optimiser_bytes_moved(recipe: Recipe) -> float:
    """Return the bytes of memory traffic of an Adam step, B/parameter.

    State is read and written, gradients are read, weights are written.
    """
    return 2.0 * recipe.optimiser_bytes + recipe.gradient_bytes + recipe.weight_bytes


def host_optimiser_seconds(
    load: TrainingLoad, accelerator: Accelerator, own: Efficiency, recipe: Recipe, grid: LayoutGrid
) -> Floats:
    """Return the seconds of an optimiser step on the CPU.

    Parameters
    ----------
    load : TrainingLoad
        The model.
    accelerator : Accelerator
        For its share of the CPU's memory bandwidth and for its link to the CPU.
    own : Efficiency
        For the attained fractions of both.
    recipe : Recipe
        Bytes per parameter.
    grid : LayoutGrid
        Layouts, length k.

    Returns
    -------
    array of float64, shape (k,), s
        0 where nothing is offloaded.

    Notes
    -----
    ``max(Adam, gradients down, weights up)``: buckets of parameters follow one another, so that the
    slowest of the three is what counts. Adam is bound by the memory of the CPU. Gradients that
    were streamed away during the backward pass (offload `all`) do not cross here again.

    Source
    ------
    Ren 2021 (ZeRO-Offload), section 4 and table 4; `overlap_cpu_optimizer_d2h_h2d` of
    Megatron-Core.
    """
    if not accelerator.host_bandwidth > 0 or not accelerator.host_memory_bandwidth > 0:
        return np.where(grid.offload > 0, np.inf, 0.0)
    params = updated_parameters(load, grid)
    adam = optimiser_bytes_moved(recipe) / (accelerator.host_memory_bandwidth * own.host_adam)
    link = accelerator.host_bandwidth * own.host_link
    crossing = max(recipe.gradient_bytes, recipe.weight_bytes) / link
    each = np.choose(grid.offload, [0.0, max(adam, crossing), adam])
    return np.asarray(params * each)


def stream_seconds(
    accelerator: Accelerator,
    own: Efficiency,
    recipe: Recipe,
    grid: LayoutGrid,
    n_microbatches: Floats,
    params: Floats,
) -> Floats:
    """Return the seconds of one step in which weights and gradients cross the host link.

    Parameters
    ----------
    accelerator, own, recipe
        As for `host_optimiser_seconds`.
    grid : LayoutGrid
        Layouts, length k.
    n_microbatches : array of float64, shape (k,)
        Microbatches of one step.
    params : array of float64, shape (k,)
        Sharded parameters of one accelerator.

    Returns
    -------
    array of float64, shape (k,), s
        0 where weights stay on the accelerator.

    Notes
    -----
    Weights come twice per microbatch, three times where the forward pass is recomputed; gradients
    go once, in the other direction at the same time.

    Source
    ------
    Rajbhandari 2021 (ZeRO-Infinity), section 5; the same count as the gathers of ZeRO-3.
    """
    if not accelerator.host_bandwidth > 0:
        return np.where(grid.offload == 2, np.inf, 0.0)
    weights = np.where(grid.recompute == 2, 3.0, 2.0) * recipe.weight_bytes
    most = np.maximum(weights, recipe.gradient_bytes)
    seconds = n_microbatches * params * most / (accelerator.host_bandwidth * own.host_link)
    return np.where(grid.offload == 2, seconds, 0.0)
