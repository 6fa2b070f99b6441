"""Models and machines of any size: one model multiplied, layouts over many machine sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Final

import numpy as np

from computesim.hardware.accelerator import Accelerator
from computesim.hardware.layout import LayoutGrid
from computesim.hardware.layout_degrees import LARGEST_TP, MOST_PIECES, divisors, powers
from computesim.workload.architecture import Architecture
from computesim.workload.parameters import parameter_count

_SHORTEST_CP_SHARD: Final = 256  #: tokens of a sequence on one context rank
_WIDEST_TP: Final = 128  #: of dense models; expert parallelism does as much for the others
_MOST_STAGES: Final = 512


def scaled_model(model: Architecture, n_active: float) -> Architecture:
    """Return a model of the same proportions with another size.

    Parameters
    ----------
    model : Architecture
        Its depth, width, heads and experts' width are multiplied by the same number; head width,
        vocabulary and the number of experts stay.
    n_active : float
        Parameters that a token visits, embeddings left out. Rounding to whole layers and heads
        leaves a few per cent.
    """
    own = _active(model)
    factor = (n_active / own) ** (1.0 / 3.0)
    grown = _multiplied(model, factor)
    for _ in range(3):
        factor *= (n_active / _active(grown)) ** (1.0 / 3.0)
        grown = _multiplied(model, factor)
    return grown


def _active(model: Architecture) -> float:
    """Return the parameters that a token visits, without embeddings."""
    count = parameter_count(model)
    return count.active - count.embedding - count.head


def _divisible(layers: float) -> int:
    """Return the nearest number of layers that many pipelines divide."""
    step = max((1 << int(math.log2(max(layers, 1.0)))) // 8, 1)
    return max(round(layers / step), 1) * step


def _multiplied(model: Architecture, factor: float) -> Architecture:
    """Return a model whose depth and widths are multiplied."""
    groups = max(model.n_heads // max(model.n_kv_heads, 1), 1)
    kv_heads = max(round(model.n_kv_heads * factor), 1)
    layers = _divisible(model.n_layers * factor)
    depth = layers / model.n_layers

    def width(value: int) -> int:
        return max(round(value * factor / 64), 1) * 64 if value else 0

    def part(value: int) -> int:
        return min(round(value * depth), layers)

    return replace(
        model,
        name=f"{model.name} x {factor:.3g}",
        n_layers=layers,
        n_heads=kv_heads * groups if model.attention == "gqa" else round(model.n_heads * factor),
        n_kv_heads=kv_heads,
        d_model=width(model.d_model),
        d_ff=width(model.d_ff),
        d_expert=width(model.d_expert),
        d_shared_expert=width(model.d_shared_expert),
        d_expert_latent=width(model.d_expert_latent),
        q_lora_rank=width(model.q_lora_rank),
        kv_lora_rank=width(model.kv_lora_rank),
        n_dense_layers=part(model.n_dense_layers),
        n_ffn_layers=part(model.n_ffn_layers),
        n_attention_layers=part(model.n_attention_layers),
        n_window_layers=part(model.n_window_layers),
        n_linear_layers=part(model.n_linear_layers),
    )


def wide_grid(
    accelerator: Accelerator,
    n_layers: int,
    n_experts: int,
    seq_len: int,
    batch_sequences: float,
    accelerators: tuple[float, float],
) -> LayoutGrid:
    """Return layouts of machines of many sizes at once.

    Parameters
    ----------
    accelerator : Accelerator
        For its scale-up domain, in which tensor parallelism stays.
    n_layers : int
        Most stages of a pipeline.
    n_experts : int
        Of a layer, divided over up to 256 accelerators; 0 for a dense model.
    seq_len : int, token
        Contexts are cut down to 256 tokens.
    batch_sequences : float
        Sequences of a step; more replicas than that idle.
    accelerators : tuple of float
        Fewest and most accelerators of a layout.

    Returns
    -------
    LayoutGrid
        Replicas in powers of two and three times powers of two.
    """
    pipes = [(p, v, z) for p, v in _pipelines(n_layers) for z in (1, 3)]
    inner = np.array(
        [
            (tp, pp, ep, cp, vp, zero, micro, again)
            for tp, (pp, vp, zero), ep, cp, micro, again in product(
                powers(min(accelerator.scaleup_domain, LARGEST_TP if n_experts else _WIDEST_TP)),
                pipes,
                [e for e in (1, 8, 64, 256) if max(n_experts, 1) % e == 0],
                powers(max(seq_len // _SHORTEST_CP_SHARD, 1)),
                (1, 2),
                (0, 1, 2),
            )
        ],
        dtype=np.int64,
    )
    most = max(int(batch_sequences), 1)
    replicas = sorted({r for p in powers(most) for r in (p, 3 * p // 2) if 1 <= r <= most})
    dp = np.repeat(np.array(replicas, dtype=np.int64), len(inner))
    tp, pp, ep, cp, vp, zero, micro, again = np.tile(inner, (len(replicas), 1)).T
    n = tp * pp * cp * dp
    keep = (n >= accelerators[0]) & (n <= accelerators[1]) & (dp * micro <= most)
    keep &= (tp * cp * dp) % ep == 0
    stays = np.zeros(len(dp), dtype=np.int64)
    return LayoutGrid(tp, pp, dp, ep, cp, vp, zero, micro, again, stays).select(keep)


def _pipelines(n_layers: int) -> Iterator[tuple[int, int]]:
    """Yield stages and model pieces of a stage: layers divide evenly, as designers see to it."""
    for stages in divisors(n_layers):
        if stages == 1:
            yield 1, 1
        elif stages <= _MOST_STAGES:
            yield from ((stages, v) for v in divisors(n_layers // stages) if v <= MOST_PIECES)
