"""One model on one group of accelerators: what it holds, reads, computes and sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from computesim.hardware.accelerator import Accelerator
from computesim.hardware.collective import Link, scaleout_link, scaleup_link
from computesim.hardware.efficiency import Efficiency, ceiling
from computesim.quantities import DTYPE_BYTES, ServingLoad

ACTIVATION_BYTES: Final = 2.0  #: activations on the wire are bf16, B/element
DISPATCH_BYTES: Final = {"fp8": 1.0, "fp4": 1.0, "int8": 1.0, "int4": 1.0}  #: B/element, else 2


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

    @property
    def n_stage(self) -> int:
        """Accelerators of one pipeline stage."""
        return self.tp * self.dp

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

    @property
    def kv_pieces(self) -> int:
        """Pieces of the cache inside one attention group; more ranks than pieces hold copies."""
        return min(self.layout.tp, max(self.load.kv_shards, 1))

    def free_bytes(self) -> float:
        """Return the bytes of one accelerator that weights and the runtime leave, B."""
        split = self.layout.tp * self.layout.pp
        held = (self.load.dense_weight_bytes + self.load.embedding_bytes) / split
        held += self.load.expert_weight_bytes / self.layout.n_accelerators
        free = self.machine.memory_bytes * (1.0 - self.own.memory_reserve) - held
        return free * (self.own.cache_share if free > 0 else 1.0)

    def expert_flop(self) -> float:
        """Return the FLOP of one token in its routed experts."""
        if not self.load.n_experts:
            return 0.0
        elements = self.load.expert_weight_bytes / DTYPE_BYTES[self.load.weight_dtype]
        return 2.0 * elements * self.load.experts_per_token / self.load.n_experts

    def rate(self) -> float:
        """Return the attainable rate of dense matrix multiplications, FLOP/s."""
        done_in = self.machine.supported_dtype(self.load.weight_dtype)
        return self.machine.peak(self.load.weight_dtype) * ceiling(self.own.serving_gemm, done_in)

    def attention_rate(self) -> float:
        """Return the attainable rate of attention scores, FLOP/s."""
        return self.machine.peak("bf16") * self.own.prefill_attention

    def per_token(self) -> float:
        """Return the compute seconds of one token."""
        expert = self.expert_flop()
        imbalance = self.own.expert_imbalance if self.layout.ep > 1 else 1.0
        matrices = self.load.flop_per_token - expert
        matrices += expert * imbalance / self.own.grouped_gemm
        scores = self.load.attention_flop_per_token / self.attention_rate()
        return (matrices / self.rate() + scores) / self.layout.n_accelerators

    def compute_offset(self) -> float:
        """Return the seconds by which unfilled matrix multiplications are late in every step."""
        dense = self.load.flop_per_token - self.expert_flop()
        return dense * self.own.half_rows / (self.rate() * self.layout.tp)

    def weight_seconds(self, token_budget: int) -> npt.NDArray[np.float64]:
        """Return the seconds that read the weights which T tokens touch, T = 0 … token_budget."""
        bandwidth = self.machine.memory_bandwidth * self.own.hbm
        table = np.full(token_budget + 1, self.load.dense_weight_bytes / self.layout.tp / bandwidth)
        experts = self.load.expert_weight_bytes / self.layout.n_stage / bandwidth
        return table + experts * self._touched(token_budget)

    def _touched(self, token_budget: int) -> npt.NDArray[np.float64]:
        """Return the expected share of experts that T tokens touch (one microbatch of a stage)."""
        touched = np.zeros(token_budget + 1)
        if not self.load.n_experts:
            return touched
        missed = 1.0 - self.load.experts_per_token / self.load.n_experts
        if missed <= 0.0:
            touched[1:] = 1.0
            return touched
        # beyond `full` tokens all are touched to 1e-9, which spares powers of a long table
        full = min(int(-21.0 / np.log(missed)) * self.layout.pp + 1, token_budget + 1)
        touched[full:] = 1.0
        touched[:full] = 1.0 - missed ** (np.arange(full) / self.layout.pp)
        return touched

    def per_kv_token(self) -> float:
        """Return the seconds that read the cache of one context token."""
        read = self.load.kv_bytes_per_token - self.load.kv_unread_bytes_per_token
        groups = self.kv_pieces * self.layout.dp * self.layout.pp
        return read / groups / (self.machine.memory_bandwidth * self.own.kv_hbm)

    def per_sequence(self) -> float:
        """Return the seconds of one decoding sequence beside its growing cache."""
        read = self.load.state_bytes_per_sequence + self.load.selected_bytes_per_sequence
        groups = self.kv_pieces * self.layout.dp * self.layout.pp
        moved = read / groups / (self.machine.memory_bandwidth * self.own.kv_hbm)
        return moved + self.own.sequence_overhead / self.layout.dp


def latencies(replica: Replica) -> float:
    """Return the latencies of the collectives of one step, s."""
    load, layout, own = replica.load, replica.layout, replica.own
    seconds = 0.0
    experts_travel = load.n_moe_layers if layout.ep > 1 else 0
    if layout.tp > 1:
        seconds += (2 * load.n_layers - experts_travel) * own.small_message
    if experts_travel:
        across = layout.n_stage > replica.machine.scaleup_domain
        hop = own.small_message + (3 * own.nic_latency if across else 0.0)
        seconds += 2 * experts_travel * hop
    if layout.pp > 1:
        seconds += (layout.pp - 1) * 2 * own.nic_latency
    return seconds


def wire_per_token(replica: Replica) -> float:
    """Return the exposed seconds of the collectives of one token of the replica."""
    load, layout = replica.load, replica.layout
    if layout.n_stage == 1:
        return 0.0
    inner = scaleup_link(replica.machine, replica.own)
    width = load.d_model * ACTIVATION_BYTES
    experts_travel = load.n_moe_layers if layout.ep > 1 else 0
    sums = 2 * load.n_layers - experts_travel
    tensor = 2.0 * (layout.tp - 1) / layout.tp * width * sums / inner.all_reduce
    seconds = tensor / (layout.dp * layout.pp)
    if experts_travel:
        exposed = 1.0 - replica.own.serving_ep_overlap
        per_rank = _expert_seconds(replica, inner) * experts_travel * exposed
        seconds += per_rank / layout.n_accelerators
    return seconds


def _expert_seconds(replica: Replica, inner: Link) -> float:
    """Return the seconds in which one token travels to its experts and back, one layer."""
    load, layout, domain = replica.load, replica.layout, replica.machine.scaleup_domain
    size = load.d_model * (DISPATCH_BYTES.get(load.weight_dtype, 2.0) + ACTIVATION_BYTES)
    seconds = _destinations(load.experts_per_token, layout.ep) * size / inner.all_to_all
    if layout.n_stage > domain:
        outer = scaleout_link(replica.machine, replica.own)
        nodes = -(-layout.n_stage // domain)
        seconds += _destinations(load.experts_per_token, nodes) * size / outer.all_to_all
    return seconds


def _destinations(n_choices: int, n_places: int) -> float:
    """Return the expected distinct places, own place left out, of random choices."""
    return (n_places - 1) * (1.0 - (1.0 - 1.0 / n_places) ** n_choices)
