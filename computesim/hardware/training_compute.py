"""Seconds that an accelerator computes for one microbatch, for many layouts at once.

Matrix multiplications saturate with their rows and with their columns; narrower
operands mean faster cores, which need larger shapes. The LM head and attention
scores stay in bf16. Routed experts are grouped multiplications: their columns are
those of one expert, their rows the tokens that reach it. Small ones wait for their
weights. Everything else is bound by memory, and launches are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from computesim.arrays import Floats
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import Efficiency, ceiling, sustained
from computesim.hardware.layout import LayoutGrid
from computesim.hardware.memory import Recipe, parameters_per_rank
from computesim.quantities import TrainingLoad

ELEMENT: Final = 2.0  #: bytes of an activation, bf16
MATRICES: Final = 4.0  #: matrices of a dense layer that share its width: qkv, output, up, down
WIDE: Final = ("bf16", "fp16", "fp32")  #: dtypes whose operands need no conversion


@dataclass(frozen=True, slots=True)
class Compute:
    """What computes: a model, a machine, its coefficients, a dtype and a recipe."""

    load: TrainingLoad
    machine: Accelerator
    own: Efficiency
    dtype: str  #: that the machine supports
    recipe: Recipe

    @classmethod
    def of(
        cls,
        load: TrainingLoad,
        machine: Accelerator,
        own: Efficiency,
        dtype: str,
        recipe: Recipe,
    ) -> Compute:
        """Return it with the next wider dtype that the machine has."""
        return cls(load, machine, own, machine.supported_dtype(dtype), recipe)

    @property
    def head_flop(self) -> float:
        """FLOP of a token in the LM head, which stays in bf16."""
        whole = self.load.matmul_flop_per_token - self.load.expert_flop_per_token
        return min(6.0 * self.load.d_model * self.load.vocab_size, whole)

    def rate(self, dtype: str) -> float:
        """Return the attained FLOP/s of large dense multiplications in a dtype."""
        machine = self.machine
        top = ceiling(self.own.training_gemm, dtype)
        return machine.peak(dtype) * min(top * sustained(machine, self.own), 1.0)

    @property
    def highest_rate(self) -> float:
        """FLOP/s of model work that one accelerator exceeds under no layout."""
        machine, own = self.machine, self.own
        dense = max(self.rate(self.dtype), self.rate("bf16"))
        scores = machine.peak("bf16") * own.training_attention * sustained(machine, own)
        return max(dense, dense * own.training_grouped, scores)

    def narrowness(self, dtype: str) -> float:
        """Return how many times faster than bf16 the cores are: shapes must grow alike."""
        return self.machine.peak(dtype) / self.machine.peak("bf16")

    def dense_seconds(self, grid: LayoutGrid) -> Floats:
        """Return the seconds of a token in the dense matrices of the whole model, undivided."""
        load, own = self.load, self.own
        rows = grid.microbatch * load.seq_len / grid.cp
        params = load.n_params - load.n_expert_params - 2.0 * load.d_model * load.vocab_size
        width = np.maximum(params, 1.0) / (load.n_layers * load.d_model * MATRICES) / grid.tp
        flop = load.matmul_flop_per_token - load.expert_flop_per_token - self.head_flop
        seconds = flop / self.rate(self.dtype) * self._slower(rows, width, self.dtype)
        head = self.head_flop / self.rate("bf16")
        return np.asarray(seconds + head * (1.0 + own.half_rows / rows))

    def expert_seconds(self, grid: LayoutGrid) -> Floats:
        """Return the seconds of a token in its routed experts, undivided.

        An expert sees the tokens of all ranks that hold pieces of the same layer's experts.
        """
        load, own = self.load, self.own
        if not load.n_expert_params or not load.n_experts:
            return np.zeros(len(grid.tp))
        spread = np.where(grid.ep > 1, grid.ep / grid.tp, 1.0)
        tokens = grid.microbatch * load.seq_len / grid.cp * spread
        rows = tokens * load.experts_per_token / load.n_experts
        each = load.n_expert_params / (load.n_moe_layers * load.n_experts)
        split = np.where(grid.ep > 1, np.maximum(grid.ep / load.n_experts, 1.0), grid.tp)
        width = each / (load.d_model * 3.0) / split
        rate = self.rate(self.dtype) * own.training_grouped
        slower = self._slower(rows, width, self.dtype)
        return np.asarray(load.expert_flop_per_token / rate * slower)

    def _slower(self, rows: Floats, width: Floats, dtype: str) -> Floats:
        """Return the time of a multiplication ÷ that of a large one."""
        own, narrow = self.own, self.narrowness(dtype)
        by_rows = 1.0 + own.half_rows * narrow / rows
        half = own.half_width if dtype in WIDE else own.half_width_narrow * narrow
        return np.asarray(by_rows * (1.0 + half / width))

    def elementwise_bytes(self) -> float:
        """Return the bytes of a token that everything between the matrices moves, undivided."""
        load = self.load
        kept = load.activation_bytes_per_token_layer * load.n_layers + ELEMENT * load.vocab_size
        return kept * self.own.memory_passes

    def operand_bytes(self) -> float:
        """Return the bytes of a token that the matrices read and write, undivided.

        Each of three passes reads what enters a matrix and writes what leaves it, once.
        """
        load = self.load
        matrices = MATRICES * load.n_layers + 3.0 * load.n_moe_layers * load.experts_per_token
        widths = (load.matmul_flop_per_token - self.head_flop) / 6.0 / load.d_model
        return 3.0 * ELEMENT * (matrices * load.d_model + widths)

    def weight_bytes(self, grid: LayoutGrid) -> Floats:
        """Return the bytes of a microbatch in reading weights and adding to gradients."""
        dense, expert = parameters_per_rank(self.load, grid)
        return (dense + expert) * (2.0 * (self.recipe.weight_bytes + self.recipe.gradient_bytes))

    def moved_bytes(self, grid: LayoutGrid) -> Floats:
        """Return the bytes that one microbatch moves on the mean stage, shape (k,)."""
        activations = self.elementwise_bytes() + self.operand_bytes()
        moved = self._tokens(grid) * activations + self.weight_bytes(grid)
        return np.asarray(self._again(grid) * moved)

    def _again(self, grid: LayoutGrid) -> Floats:
        """Return the work with what is recomputed ÷ the work without, shape (k,)."""
        return np.asarray(1.0 + np.array(self.recipe.extra_flop)[grid.recompute])

    def _tokens(self, grid: LayoutGrid) -> Floats:
        """Return the tokens of a microbatch, divided by all that share them, shape (k,)."""
        return np.asarray(grid.microbatch * self.load.seq_len / (grid.tp * grid.cp * grid.pp))

    def seconds(self, grid: LayoutGrid) -> Floats:
        """Return the compute seconds of one microbatch on the mean stage, shape (k,)."""
        load, own = self.load, self.own
        bandwidth = self.machine.memory_bandwidth * own.hbm
        scores = load.attention_flop_per_token / (
            self.machine.peak("bf16") * own.training_attention * sustained(self.machine, own)
        )
        tokens = self._tokens(grid)
        matrices = tokens * (self.dense_seconds(grid) + self.expert_seconds(grid))
        # small multiplications wait for their weights, large ones hide them
        matrices = np.hypot(matrices, self.weight_bytes(grid) / bandwidth)
        busy = matrices + tokens * (scores + self.elementwise_bytes() / bandwidth)
        launches = load.n_layers * own.training_layer_overhead
        launches += load.n_moe_layers * own.training_moe_overhead
        return np.asarray(self._again(grid) * (busy + launches / grid.pp), dtype=np.float64)
