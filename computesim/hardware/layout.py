"""How a training job is spread over accelerators, one layout or a grid of candidates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from computesim.arrays import Ints

RECOMPUTE: Final = ("none", "selective", "full")  #: what the backward pass computes again
OFFLOAD: Final = ("none", "optimiser", "all")  #: what host memory holds: Adam, or all of the state
LARGEST_TP: Final = 16
LEAST_EP: Final = 64  #: pieces of experts tried where their number is not known
MOST_EP: Final = 256
MOST_SPLIT: Final = 8  #: pieces of one expert
FEWER_STAGES: Final = 32  #: deepest pipeline tried on fewer accelerators than `MANY`
MOST_STAGES: Final = 128  #: and on more
MANY: Final = 2048
SHORTEST_CP_SHARD: Final = 1024  #: tokens of a sequence on one context rank, at the least
LONGEST_CP_SHARD: Final = 8192  #: tokens of a sequence on one context rank before cp is tried


@dataclass(frozen=True, slots=True)
class TrainingLayout:
    """Degrees of parallelism of a training job."""

    tp: int = 1  #: tensor parallel, with sequence parallel activations
    pp: int = 1  #: pipeline stages
    dp: int = 1  #: data parallel replicas
    ep: int = 1  #: pieces over which experts are spread, inside tp · cp · dp; of an expert, if more
    cp: int = 1  #: context parallel pieces of one sequence
    vp: int = 1  #: interleaved model pieces of one pipeline stage
    zero: int = 1  #: ZeRO stage: 0 nothing, 1 optimiser, 2 and gradients, 3 and weights sharded
    microbatch: int = 1  #: sequences of one microbatch
    recompute: str = "none"  #: none, selective or full
    offload: str = "none"  #: to host memory: none, optimiser, or all (weights and gradients too)

    def __post_init__(self) -> None:
        degrees = (self.tp, self.pp, self.dp, self.ep, self.cp, self.vp, self.microbatch)
        if min(degrees) < 1 or not 0 <= self.zero <= 3:
            raise ValueError("degrees are at least 1 and the ZeRO stage is 0 to 3")
        if self.recompute not in RECOMPUTE:
            raise ValueError(f"recompute is one of {', '.join(RECOMPUTE)}, not {self.recompute}")
        if self.offload not in OFFLOAD:
            raise ValueError(f"offload is one of {', '.join(OFFLOAD)}, not {self.offload}")
        if self.offload == "all" and self.zero < 3:
            raise ValueError("weights are offloaded only where ZeRO-3 gathers them layer by layer")
        if (self.tp * self.cp * self.dp) % self.ep:
            raise ValueError(f"ep {self.ep} does not divide tp · cp · dp")
        if self.vp > 1 and self.pp == 1:
            raise ValueError("one pipeline stage cannot be interleaved")

    @property
    def n_accelerators(self) -> int:
        """Accelerators of the job."""
        return self.tp * self.pp * self.dp * self.cp


@dataclass(frozen=True, slots=True)
class LayoutGrid:
    """Layouts as equal-length integer arrays; the last two index `RECOMPUTE` and `OFFLOAD`."""

    tp: Ints
    pp: Ints
    dp: Ints
    ep: Ints
    cp: Ints
    vp: Ints
    zero: Ints
    microbatch: Ints
    recompute: Ints
    offload: Ints

    @classmethod
    def of(cls, layouts: Iterable[TrainingLayout]) -> LayoutGrid:
        """Return the grid of given layouts."""
        rows = [
            [
                *(getattr(x, f.name) for f in fields(cls)[:-2]),
                RECOMPUTE.index(x.recompute),
                OFFLOAD.index(x.offload),
            ]
            for x in layouts
        ]
        return cls(*np.array(rows, dtype=np.int64).reshape(-1, len(fields(cls))).T)

    def __len__(self) -> int:
        return len(self.tp)

    @property
    def n_accelerators(self) -> Ints:
        """Accelerators that each layout uses."""
        return self.tp * self.pp * self.dp * self.cp

    def select(self, which: npt.NDArray[np.bool_]) -> LayoutGrid:
        """Return the layouts where `which` is true."""
        return LayoutGrid(*(getattr(self, f.name)[which] for f in fields(self)))

    def joined(self, *others: LayoutGrid) -> LayoutGrid:
        """Return these layouts and then those of other grids."""
        grids = (self, *others)
        columns = ([getattr(grid, f.name) for grid in grids] for f in fields(self))
        return LayoutGrid(*(np.concatenate(column) for column in columns))

    def offloaded(self, what: str) -> LayoutGrid:
        """Return those layouts that can move `what` of `OFFLOAD` to host memory, moved."""
        level = OFFLOAD.index(what)
        able = self.select(self.zero >= 3) if what == "all" else self
        return replace(able, offload=np.full(len(able), level, dtype=np.int64))

    def at(self, index: int) -> TrainingLayout:
        """Return one layout."""
        degree = {f.name: int(getattr(self, f.name)[index]) for f in fields(self)}
        again, moved = RECOMPUTE[degree.pop("recompute")], OFFLOAD[degree.pop("offload")]
        return TrainingLayout(**degree, recompute=again, offload=moved)


def candidates(
    n_accelerators: int,
    n_layers: int,
    n_moe_layers: int,
    domain: int,
    seq_len: int,
    batch_sequences: float,
    n_experts: int = 0,
) -> LayoutGrid:
    """Return the layouts worth evaluating for a job.

    Parameters
    ----------
    n_accelerators : int
        Accelerators at hand; what the degrees do not divide stays idle.
    n_layers, n_moe_layers : int
        Of the model; pipelines cut between layers, expert parallelism needs MoE layers.
    domain : int
        Scale-up domain; tensor parallelism stays inside.
    seq_len : int, token
        Tokens of a sequence; context parallelism is tried for long ones.
    batch_sequences : float
        Sequences of one optimiser step; more replicas than that would idle. Where they are few for
        the machine, context parallelism is tried for short sequences too.
    n_experts : int
        Routed experts of a layer, over which expert parallelism divides; 0 where not known.

    Returns
    -------
    LayoutGrid
        Possibly empty.
    """
    widest_cp = _widest_cp(n_accelerators / min(domain, LARGEST_TP) / batch_sequences, seq_len)
    experts = (n_experts or LEAST_EP) if n_moe_layers > 0 else 1
    deepest = MOST_STAGES if n_accelerators >= MANY else FEWER_STAGES
    table = _degrees(min(domain, LARGEST_TP), n_layers, experts, widest_cp, deepest)
    tp, pp, ep, cp, vp, zero, microbatch, recompute = table
    replicas = n_accelerators // (tp * pp * cp)
    dp = np.minimum(replicas, np.int64(max(batch_sequences, 1.0)) // microbatch)
    dp = np.maximum(dp, 0)
    dp -= np.where(ep > tp * cp, dp % np.maximum(ep // (tp * cp), 1), 0)  # whole expert groups
    stays = np.zeros(len(dp), dtype=np.int64)
    grid = LayoutGrid(tp, pp, dp, ep, cp, vp, zero, microbatch, recompute, stays)
    return grid.select((dp >= 1) & ((tp * cp * np.maximum(dp, 1)) % ep == 0))


def _widest_cp(domains_per_sequence: float, seq_len: int) -> int:
    """Return the most context ranks tried: for long sequences, and where sequences are scarce.

    A machine with more scale-up domains than sequences would otherwise have deep pipelines with
    too few microbatches.
    """
    scarce = min(int(2.0 * domains_per_sequence), seq_len // SHORTEST_CP_SHARD)
    return max(seq_len // LONGEST_CP_SHARD, scarce, 1)


@lru_cache(maxsize=64)
def _degrees(
    widest_tp: int, n_layers: int, experts: int, widest_cp: int, deepest: int
) -> tuple[Ints, ...]:
    """Return the columns tp, pp, ep, cp, vp, zero, microbatch, recompute of all combinations."""
    most = min(n_layers, deepest)
    stages = [p for p in (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128) if p <= most]
    pieces = expert_degrees(experts)
    pipelines = [
        (p, v) for p in stages for v in ((1,) if p == 1 else (1, 2, 4, 8)) if p * v <= n_layers
    ]
    rows = [
        (tp, pp, ep, cp, vp, zero, microbatch, recompute)
        for tp, (pp, vp), ep, cp in product(
            _powers(widest_tp), pipelines, pieces, _powers(widest_cp)
        )
        for zero in ((1, 3) if pp == 1 else (1,))  # sharded weights do not mix with pipelines
        for microbatch, recompute in product((1, 2, 4), range(len(RECOMPUTE)))
    ]
    return tuple(np.ascontiguousarray(np.array(rows, dtype=np.int64).T))


def expert_degrees(n_experts: int) -> list[int]:
    """Return the degrees of expert parallelism worth trying.

    They divide the experts, or are multiples of their number: then an expert is itself split.

    Parameters
    ----------
    n_experts : int
        Routed experts of a layer; 1 for a dense model.
    """
    if n_experts == 1:
        return [1]
    most = min(MOST_EP, MOST_SPLIT * n_experts)
    return [e for e in _powers(most) if n_experts % e == 0 or e % n_experts == 0]


def _powers(largest: int) -> list[int]:
    """Return 1, 2, 4 … up to `largest`."""
    return [2**i for i in range(largest.bit_length()) if 2**i <= largest]
