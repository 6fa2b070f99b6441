"""How a training job is spread over accelerators, one layout or a grid of candidates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from computesim.arrays import Ints
from computesim.hardware.layout_degrees import (
    LARGEST_TP,
    SEARCHED,
    FixedDegrees,
    divisors,
    expert_degrees,
    interleavings,
    microbatches,
    powers,
    splits_sequence,
    splits_stage,
    tensor_degrees,
)
from computesim.quantities import TrainingLoad

RECOMPUTE: Final = ("none", "selective", "full")  #: what the backward pass computes again
OFFLOAD: Final = ("none", "optimiser", "all")  #: what host memory holds: Adam, or all of the state
LEAST_EP: Final = 64  #: pieces of experts tried where their number is not known
STAGES: Final = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)  #: tried for any depth
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
    load: TrainingLoad,
    domain: int,
    n_accelerators: int,
    batch_sequences: float,
    fixed: FixedDegrees = SEARCHED,
) -> LayoutGrid:
    """Return the layouts worth evaluating for a job.

    Parameters
    ----------
    load : TrainingLoad
        Heads, layers, experts and sequences are cut as `layout_degrees` says.
    domain : int
        Scale-up domain; tensor parallelism stays inside.
    n_accelerators : int
        Accelerators at hand; what the degrees do not divide stays idle.
    batch_sequences : float
        Sequences of one optimiser step; more replicas than that would idle. Where they are few for
        the machine, context parallelism is tried for short sequences too.
    fixed : FixedDegrees
        These are not searched, and may be beyond what is tried otherwise.

    Returns
    -------
    LayoutGrid
        Possibly empty.
    """
    widest = _widest_cp(n_accelerators / min(domain, LARGEST_TP) / batch_sequences, load.seq_len)
    table = _degrees(*_options(load, domain, n_accelerators, widest, fixed), fixed.zero)
    tp, pp, ep, cp, vp, zero, microbatch, recompute = table
    replicas = n_accelerators // (tp * pp * cp)
    most = np.minimum(replicas, np.int64(max(batch_sequences, 1.0)) // microbatch)
    if fixed.dp is None:
        groups = ep // np.gcd(ep, tp * cp)
        dp = most - most % groups  # whole expert groups
    else:
        dp = np.where(most >= fixed.dp, np.int64(fixed.dp), 0)
    stays = np.zeros(len(dp), dtype=np.int64)
    grid = LayoutGrid(tp, pp, dp, ep, cp, vp, zero, microbatch, recompute, stays)
    return grid.select((dp >= 1) & ((tp * cp * np.maximum(dp, 1)) % ep == 0))


_Numbers = tuple[int, ...]
_Options = tuple[_Numbers, tuple[tuple[int, int], ...], _Numbers, _Numbers, _Numbers, _Numbers]


@lru_cache(maxsize=256)
def _options(
    load: TrainingLoad, domain: int, n_accelerators: int, widest: int, fixed: FixedDegrees
) -> _Options:
    """Return what is tried: tp, (pp, vp), ep, cp, microbatches, and indices of `RECOMPUTE`."""
    experts = (load.n_experts or LEAST_EP) if load.n_moe_layers > 0 else 1
    contexts = [c for c in powers(widest) if splits_sequence(load.seq_len, c)]
    again = range(len(RECOMPUTE))
    return (
        _or_fixed(fixed.tp, tensor_degrees(load, domain)),
        _pipelines(load.n_layers, n_accelerators, fixed),
        _or_fixed(fixed.ep, expert_degrees(experts, n_accelerators)),
        _or_fixed(fixed.cp, contexts),
        _or_fixed(fixed.microbatch, microbatches(load.seq_len)),
        tuple(i for i in again if fixed.recompute in (None, RECOMPUTE[i])),
    )


def _or_fixed(fixed: int | None, searched: list[int]) -> _Numbers:
    return tuple(searched) if fixed is None else (fixed,)


def _widest_cp(domains_per_sequence: float, seq_len: int) -> int:
    """Return the most context ranks tried: for long sequences, and where sequences are scarce.

    A machine with more scale-up domains than sequences would otherwise have deep pipelines with
    too few microbatches.
    """
    scarce = min(int(2.0 * domains_per_sequence), seq_len // SHORTEST_CP_SHARD)
    return max(seq_len // LONGEST_CP_SHARD, scarce, 1)


def _pipelines(
    n_layers: int, n_accelerators: int, fixed: FixedDegrees
) -> tuple[tuple[int, int], ...]:
    """Return the pairs of stages and interleaved pieces of a stage that are tried.

    Stages that divide the layers are tried beside `STAGES` where they divide the machine.
    """
    deepest = min(n_layers, MOST_STAGES if n_accelerators >= MANY else FEWER_STAGES)
    even = {p for p in divisors(n_layers) if n_accelerators % p == 0}
    stages = sorted(p for p in {*STAGES, *even} if p <= deepest)
    return tuple(
        (p, v)
        for p in _or_fixed(fixed.pp, stages)
        for v in _or_fixed(fixed.vp, interleavings(n_layers, p))
        if splits_stage(n_layers, p, v)
    )


@lru_cache(maxsize=64)
def _degrees(
    tps: _Numbers,
    pipelines: tuple[tuple[int, int], ...],
    pieces: _Numbers,
    contexts: _Numbers,
    packed: _Numbers,
    recompute: _Numbers,
    zero: int | None,
) -> tuple[Ints, ...]:
    """Return the columns tp, pp, ep, cp, vp, zero, microbatch, recompute of all combinations."""
    # gradients and weights that are sharded do not mix with pipelines
    staged = [
        (pp, vp, stage)
        for pp, vp in pipelines
        for stage in _or_fixed(zero, [1, 2, 3] if pp == 1 else [1])
    ]
    pp, vp, stage = np.array(staged, dtype=np.int64).reshape(-1, 3).T
    choices = [np.array(c, dtype=np.int64) for c in (tps, pieces, contexts, packed, recompute)]
    lengths = (len(tps), len(staged), *(len(choice) for choice in choices[1:]))
    of_tp, of_stage, *others = np.indices(lengths).reshape(len(lengths), -1)
    ep, cp, microbatch, again = (c[i] for c, i in zip(choices[1:], others, strict=True))
    tp = choices[0][of_tp]
    return tp, pp[of_stage], ep, cp, vp[of_stage], stage[of_stage], microbatch, again
