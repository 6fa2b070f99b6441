"""Exposed seconds of the collectives of training, for many layouts at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.collective import (
    Link,
    all_gather,
    all_reduce,
    scaleout_link,
    scaleup_link,
)
from computesim.hardware.efficiency import Efficiency
from computesim.hardware.layout import LayoutGrid
from computesim.hardware.memory import Recipe, expert_replicas, parameters_per_rank
from computesim.quantities import TrainingLoad

ACTIVATION_BYTES: Final = 2.0  #: of one activation on the wire, bf16, B
FP8_DISPATCH_BYTES: Final = 1.5  #: mean of fp8 dispatch and bf16 combine, B


@dataclass(frozen=True, slots=True)
class Wires:
    """A job's model and machine with its two networks."""

    load: TrainingLoad
    accelerator: Accelerator
    own: Efficiency
    inner: Link
    outer: Link

    @classmethod
    def of(
        cls, load: TrainingLoad, accelerator: Accelerator, own: Efficiency, congestion: float
    ) -> Wires:
        """Return the networks of a machine; a missing one is infinitely slow, not an error."""
        none = Link(1e-30, 1e-30, 1e-30, 0.0)
        inner = scaleup_link(accelerator, own) if accelerator.scaleup_bandwidth > 0 else none
        outer = none
        if accelerator.nic_bandwidth > 0:
            outer = scaleout_link(accelerator, own, congestion)
        return cls(load, accelerator, own, inner, outer)

    def inside(self, members: Floats, beneath: npt.NDArray[np.int64]) -> Floats:
        """Return how many of `members` share a domain when `beneath` ranks sit closer together."""
        fit = np.maximum(self.accelerator.scaleup_domain // np.maximum(beneath, 1), 1)
        return np.asarray(np.minimum(fit, members), dtype=np.float64)


def tensor_seconds(wires: Wires, grid: LayoutGrid) -> Floats:
    """Return the exposed tensor-parallel seconds of one microbatch on one stage.

    Two all-reduces per layer forward and two backward (or the all-gather and reduce-scatter that
    sequence parallelism puts in their place), two more when the forward pass is recomputed. A
    layer of spread experts has one instead of two: its experts are not split.
    """
    load = wires.load
    size = grid.microbatch * load.seq_len / grid.cp * load.d_model * ACTIVATION_BYTES
    experts = np.where(grid.ep > 1, load.n_moe_layers, 0)
    passes = np.where(grid.recompute == 2, 3, 2)
    count = passes * (2 * load.n_layers - experts) / grid.pp
    seconds = count * all_reduce(size, grid.tp.astype(np.float64), wires.inner)
    return np.asarray(seconds * (1.0 - wires.own.tp_overlap))


def context_seconds(wires: Wires, grid: LayoutGrid) -> Floats:
    """Return the exposed seconds of the key-value ring of one microbatch on one stage.

    Keys and values pass all cp ranks forward (again when recomputed); with their gradients they
    pass twice backward.
    """
    load = wires.load
    shard = grid.microbatch * load.seq_len / grid.cp * load.kv_width * ACTIVATION_BYTES / grid.tp
    size = np.where(grid.recompute == 2, 4.0, 3.0) * shard * (grid.cp - 1) * load.n_layers / grid.pp
    inside = grid.tp * grid.cp <= wires.accelerator.scaleup_domain
    rate = np.where(inside, wires.inner.all_to_all, wires.outer.all_to_all)
    return np.asarray(size / rate * (1.0 - wires.own.cp_overlap))


def expert_seconds(wires: Wires, grid: LayoutGrid, dtype: str) -> Floats:
    """Return the expert-parallel seconds of one microbatch on one stage, before overlap.

    Dispatch and combine, forward and backward (and forward again when recomputed). A token goes
    once to each distinct accelerator of its experts (and of their pieces), once over the NIC to
    each distinct domain; the pieces of an expert share one.
    """
    load = wires.load
    element = ACTIVATION_BYTES if dtype in ("bf16", "fp16", "fp32") else FP8_DISPATCH_BYTES
    tokens = grid.microbatch * load.seq_len / (grid.cp * grid.tp)
    size = tokens * load.d_model * element
    domain = wires.accelerator.scaleup_domain
    pieces = load.experts_per_token * np.maximum(grid.ep / max(load.n_experts, 1), 1.0)
    inner = _destinations(pieces, np.minimum(grid.ep, domain))
    outer = _destinations(load.experts_per_token, np.maximum(np.ceil(grid.ep / domain), 1))
    once = size * (inner / wires.inner.all_to_all + outer / wires.outer.all_to_all)
    once += np.where(grid.ep > 1, wires.inner.latency / 2, 0.0)
    count = np.where(grid.recompute == 2, 6, 4) * load.n_moe_layers / grid.pp
    return np.asarray(once * count)


def _destinations(n_choices: Floats | int, n_places: npt.NDArray[np.generic]) -> Floats:
    """Return the expected distinct places, own place left out, of random choices."""
    places = np.asarray(n_places, dtype=np.float64)
    return (places - 1.0) * (1.0 - (1.0 - 1.0 / places) ** n_choices)


def stage_seconds(wires: Wires, grid: LayoutGrid) -> Floats:
    """Return the exposed seconds of stage boundaries of one microbatch, both directions."""
    load = wires.load
    size = grid.microbatch * load.seq_len / (grid.cp * grid.tp) * load.d_model * ACTIVATION_BYTES
    inside = grid.tp * grid.cp * grid.pp <= wires.accelerator.scaleup_domain
    rate = np.where(inside, wires.inner.all_to_all, wires.outer.all_to_all)
    crossings = np.where(grid.pp > 1, 2 * grid.vp, 0)
    return np.asarray(crossings * size / rate * (1.0 - wires.own.pp_overlap))


def data_seconds(wires: Wires, grid: LayoutGrid, n_microbatches: Floats, recipe: Recipe) -> Floats:
    """Return the seconds of gradients and sharded weights of one step, before overlap.

    Gradients are reduce-scattered once and weights gathered once per step, which costs as much as
    an all-reduce of their mean size. Where gradients are sharded (ZeRO-2 and 3) they are scattered
    after every microbatch; ZeRO-3 gathers weights twice per microbatch, three times where the
    forward pass is recomputed, in all 3 times the weights for one microbatch (Rajbhandari 2020).
    """
    dense, expert = parameters_per_rank(wires.load, grid)
    ranks = (grid.dp * grid.cp).astype(np.float64)
    inside = wires.inside(ranks, grid.tp)
    again = np.where(grid.recompute == 2, 3.0, 2.0)
    gathers = np.where(grid.zero >= 3, again * n_microbatches, 1.0)
    rails = np.where(grid.zero >= 3, wires.own.shard_rails, 1.0)
    scatters = np.where(grid.zero >= 2, n_microbatches, 1.0)
    size = (recipe.gradient_wire_bytes * scatters + recipe.weight_bytes * gathers) / 2.0
    seconds = _sum_over(dense * size, inside, ranks / inside, wires, rails)
    copies = expert_replicas(grid)
    near = np.where(grid.ep > 1, wires.inside(copies, grid.ep), inside)
    return seconds + _sum_over(expert * size, near, copies / near, wires, rails)


def _sum_over(
    size: Floats, n_inner: Floats, n_outer: Floats, wires: Wires, rails: Floats
) -> Floats:
    """Return the seconds of an all-reduce over ranks inside and across domains.

    `rails` is the share of a domain's NICs that work, at least one of them.
    """
    domains = np.maximum(n_outer, 1.0)
    across = size / np.maximum(n_inner * rails, 1.0)
    inner = 2.0 * np.asarray(all_gather(size, n_inner, wires.inner))
    return np.asarray(inner + all_reduce(across, domains, wires.outer))
