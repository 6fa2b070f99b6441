"""One model on one group of accelerators: what it holds, reads, computes and sends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from computesim.arrays import Floats
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import Efficiency, ceiling
from computesim.hardware.serving_efficiency import (
    GRAPH_STEP,
    GRAPH_TOKENS,
    Engine,
    ServingKernels,
)
from computesim.quantities import DTYPE_BYTES, ServingLoad

#: weights whose arithmetic a machine may lack; it then widens them to 16 bits
NARROW: Final = ("fp4", "int4")

ACTIVATION_BYTES: Final = 2.0  #: activations are bf16, in memory and on the wire, B/element


@dataclass(frozen=True, slots=True)
class ServingLayout:
    """How one replica is spread over accelerators."""

    tp: int = 1  #: pieces of every dense matrix and of the attention heads
    ep: int = 1  #: pieces over which whole experts are spread; 1: experts are split like matrices
    pp: int = 1  #: pipeline stages
    dp: int = 1  #: attention groups (of tp) that share one set of experts

    def __post_init__(self) -> None:
        if min(self.tp, self.ep, self.pp, self.dp) < 1:
            raise ValueError("every degree of a serving layout is at least 1")
        if self.dp > 1 and self.ep != self.tp * self.dp:
            raise ValueError("several attention groups share experts spread over all: ep = tp · dp")
        if (self.tp * self.dp) % self.ep:
            raise ValueError(f"ep {self.ep} does not divide tp · dp = {self.tp * self.dp}")

    def __str__(self) -> str:
        """Return the degrees that are not 1: `tp 8 pp 2`."""
        degrees = (("tp", self.tp), ("ep", self.ep), ("pp", self.pp), ("dp", self.dp))
        return " ".join(f"{name} {n}" for name, n in degrees if n > 1) or "tp 1"

    @property
    def n_stage(self) -> int:
        """Accelerators of one pipeline stage."""
        return self.tp * self.dp

    @property
    def microbatches(self) -> int:
        """Parts of a round that run by themselves: one of each attention group and stage."""
        return self.dp * self.pp

    @property
    def n_accelerators(self) -> int:
        """Accelerators of the replica."""
        return self.n_stage * self.pp


@dataclass(frozen=True, slots=True)
class Replica:
    """One load on one layout of one machine, and the coefficients in force."""

    load: ServingLoad
    machine: Accelerator
    layout: ServingLayout
    own: Efficiency
    kernels: ServingKernels
    engine: Engine

    @property
    def kv_pieces(self) -> int:
        """Pieces of the cache inside one attention group; more ranks than pieces hold copies."""
        return min(self.layout.tp, max(self.load.kv_shards, 1))

    @property
    def expert_copies(self) -> float:
        """Experts held ÷ experts: ranks that they do not divide are filled with further copies."""
        ep, experts = self.layout.ep, self.load.n_experts
        return -(-experts // ep) * ep / experts if experts else 1.0

    def free_bytes(self) -> float:
        """Return the bytes of one accelerator that weights and the runtime leave, B."""
        split = self.layout.tp * self.layout.pp
        held = (self.load.dense_weight_bytes + self.load.embedding_bytes) / split
        held += self.load.expert_weight_bytes / self.layout.n_accelerators * self.expert_copies
        return self.machine.memory_bytes * (1.0 - self.own.engine_reserve) - held

    def expert_flop(self) -> float:
        """Return the FLOP of one token in its routed experts."""
        if not self.load.n_experts:
            return 0.0
        elements = self.load.expert_weight_bytes / DTYPE_BYTES[self.load.weight_dtype]
        return 2.0 * elements * self.load.experts_per_token / self.load.n_experts

    def rate(self, dtype: str) -> float:
        """Return the attainable rate of multiplications with weights of a dtype, FLOP/s."""
        rates = self.machine.peak_flop_per_second
        if dtype in NARROW and not rates.get(dtype) and (rates.get("bf16") or rates.get("fp16")):
            dtype = "bf16"
        done_in = self.machine.supported_dtype(dtype)
        return self.machine.peak(dtype) * ceiling(self.own.serving_gemm, done_in)

    def dense_rate(self) -> float:
        """Return the attainable rate of all but the routed experts, FLOP/s."""
        return self.rate(self.load.dense_dtype or self.load.weight_dtype)

    def expert_rate(self) -> float:
        """Return the attainable rate of routed experts, FLOP/s: narrow pieces are slower."""
        rate = self.rate(self.load.weight_dtype) * self.kernels.grouped_gemm
        if self.load.d_expert:
            width = self.load.d_expert * self.layout.ep / self.layout.n_stage
            rate *= width / (width + self.kernels.half_expert)
        return rate / (self.kernels.expert_imbalance if self.layout.ep > 1 else 1.0)

    def attention_rate(self) -> float:
        """Return the attainable rate of attention scores, FLOP/s."""
        return self.machine.peak("bf16") * self.kernels.prefill_attention

    def per_token(self) -> float:
        """Return the compute seconds of a token of a microbatch; shared experts' apart."""
        seconds = self._dense_flop() / self.dense_rate()
        seconds += self.load.attention_flop_per_token / self.attention_rate()
        expert = self.expert_flop()
        if expert and not self.shares_experts:
            seconds += expert / self.expert_rate()
        return seconds / self.layout.tp + self._passing(self._own_widths())

    def per_shared_token(self) -> float:
        """Return the compute seconds of a token of each attention group in shared experts."""
        if not self.shares_experts:
            return 0.0
        expert = self.expert_flop() / self.expert_rate() / self.layout.tp
        return expert + self._passing(self._shared_widths())

    @property
    def shares_experts(self) -> bool:
        """Whether several attention groups send their tokens to one set of experts."""
        return self.load.n_experts > 0 and self.layout.dp > 1

    def activation_seconds(self) -> float:
        """Return the seconds in which the activations of one token cross memory.

        Tensor parallelism does not divide them: each rank norms, adds and permutes all of them.
        """
        return self._passing(self._dense_widths() + self._routed_widths())

    def _dense_widths(self) -> float:
        return self.kernels.passes * self.load.n_layers

    def _routed_widths(self) -> float:
        load = self.load
        return self.kernels.routed_passes * load.n_moe_layers * load.experts_per_token

    def _own_widths(self) -> float:
        """Return how often the width of a token crosses memory where its group computes."""
        return self._dense_widths() + (0.0 if self.shares_experts else self._routed_widths())

    def _shared_widths(self) -> float:
        """Return the same where its experts are, if other groups send them tokens as well."""
        return self._routed_widths() if self.shares_experts else 0.0

    def _passing(self, widths: float) -> float:
        """Return the seconds in which some widths of the model cross memory."""
        size = widths * self.load.d_model * ACTIVATION_BYTES
        return size / (self.machine.memory_bandwidth * self.kernels.weight_hbm)

    def tables(self, most: int) -> tuple[Floats, Floats]:
        """Return the seconds of all multiplications of 0, 1, … `most` tokens of each microbatch.

        Parameters
        ----------
        most : int, token
            Of a microbatch.

        Returns
        -------
        tuple of ndarray of float, s
            All of it, the part of that in experts which attention groups share, which depends on
            the tokens of all groups together, and the least that it takes whatever the experts do,
            shape (3, most + 1); and reading the weights that the tokens touch, shape (most + 1,).

        Notes
        -----
        ``(memory^p + compute^p)^(1/p)`` of the dense part and of the experts. Steps that a CUDA
        graph holds are padded to its size; others last at least as long as the host launches.
        """
        tokens = np.arange(most + 1, dtype=np.float64)
        dense = self._dense_flop() / self.dense_rate() / self.layout.tp
        seconds = self._bent(np.asarray(self._dense_stream()), _padded(most) * dense)
        shared, stream = np.zeros(tokens.shape), np.full(tokens.shape, self._dense_stream())
        if self.load.n_experts:
            experts, read = self._experts(tokens * self.layout.dp)
            seconds, stream = seconds + experts, self._dense_stream() + read
            if self.shares_experts:
                shared = experts + tokens * self._passing(self._shared_widths())
        seconds = seconds + tokens * self.activation_seconds()
        launched = np.where(tokens > GRAPH_TOKENS, self.eager_seconds(), 0.0)
        if not self.shares_experts:
            seconds = np.maximum(seconds, launched)
        return np.stack((seconds, shared, launched)), stream

    def _experts(self, tokens: Floats) -> tuple[Floats, Floats]:
        """Return the seconds of experts for some tokens of a stage, and of reading those."""
        load = self.load
        flop = self.expert_flop() / self.expert_rate() / self.layout.n_stage
        padding = self.kernels.expert_rows * load.n_experts / load.experts_per_token
        touched = self._touched(tokens)
        bandwidth = self.machine.memory_bandwidth * self.kernels.weight_hbm
        read = load.expert_weight_bytes / self.layout.n_stage / bandwidth * touched
        return self._bent(read, (tokens + padding * touched) * flop), read

    def _dense_flop(self) -> float:
        """Return the FLOP of one token in all weights but the routed experts."""
        return self.load.flop_per_token - self.expert_flop()

    def eager_seconds(self) -> float:
        """Return the seconds in which the host launches a step that no graph holds."""
        load, engine = self.load, self.engine
        return (
            load.n_layers * engine.eager_layer
            + load.n_moe_layers * engine.eager_expert
            + load.n_latent_layers * engine.eager_latent
            + load.n_linear_layers * engine.eager_linear
        )

    def fixed_seconds(self) -> float:
        """Return the seconds of scheduler, sampler and gaps of a step, collectives left out."""
        load, kernels, engine = self.load, self.kernels, self.engine
        gaps = (
            load.n_layers * kernels.layer_overhead
            + load.n_moe_layers * kernels.expert_overhead
            + load.n_latent_layers * kernels.latent_overhead
            + load.n_linear_layers * kernels.linear_overhead
        )
        return engine.step + gaps * engine.layer

    def per_kv_token(self) -> float:
        """Return the seconds in which an attention group reads the cache of a context token."""
        read = self.load.kv_bytes_per_token - self.load.kv_unread_bytes_per_token
        return read / self.kv_pieces / self._kv_bandwidth()

    def per_sequence(self) -> float:
        """Return the seconds of one sequence of each microbatch beside its growing cache.

        The host takes the microbatches of a round one after another.
        """
        return self.state_seconds() + self.engine.sequence * self.layout.pp

    def state_seconds(self) -> float:
        """Return the seconds that read the state of one sequence whose size is fixed."""
        read = self.load.state_bytes_per_sequence + self.load.selected_bytes_per_sequence
        return read / self.kv_pieces / self._kv_bandwidth()

    def _kv_bandwidth(self) -> float:
        return self.machine.memory_bandwidth * self.kernels.kv_hbm

    def _bent(self, memory: Floats, compute: Floats) -> Floats:
        """Return the seconds of a multiplication between its two bounds."""
        power = self.kernels.bend
        bent: Floats = (memory**power + compute**power) ** (1.0 / power)
        return bent

    def _dense_stream(self) -> float:
        """Return the seconds that read all weights but the routed experts."""
        bandwidth = self.machine.memory_bandwidth * self.kernels.weight_hbm
        return self.load.dense_weight_bytes / self.layout.tp / bandwidth

    def _touched(self, tokens: Floats) -> Floats:
        """Return the expected share of experts that some tokens of a stage touch."""
        missed = 1.0 - self.load.experts_per_token / max(self.load.n_experts, 1)
        touched = np.zeros(tokens.shape)
        if not self.load.n_experts:
            return touched
        if missed <= 0.0:
            touched[tokens > 0] = 1.0
            return touched
        # beyond `full` tokens all are touched to 1e-9, which spares powers of a long table
        draws = self.kernels.distinct
        few = tokens <= int(-21.0 / np.log(missed) / draws)
        touched[:] = 1.0
        touched[few] = 1.0 - missed ** (tokens[few] * draws)
        return touched


@lru_cache(maxsize=16)
def _padded(most: int) -> Floats:
    """Return 0, 1, … `most` rows padded to the next captured graph; larger steps are not padded."""
    rows = np.arange(most + 1, dtype=np.float64)
    graph = np.where(
        rows > GRAPH_STEP,
        np.ceil(rows / GRAPH_STEP) * GRAPH_STEP,
        2.0 ** np.ceil(np.log2(np.maximum(rows, 1.0))),
    )
    return np.where((rows > 0) & (rows <= GRAPH_TOKENS), graph, rows)
