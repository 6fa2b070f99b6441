"""What a capacity search chooses from: one layout, or one for prompts and one for decoding."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from computesim.hardware.serving import ServingLayout
from computesim.hardware.step import StepModel
from computesim.quantities import ServingLoad
from computesim.sim.demand import Demand
from computesim.sim.fluid import mean_lengths
from computesim.sim.pool import Pool
from computesim.study.capacity_figures import Machine
from computesim.study.capacity_pool import Candidate, requests_alone, transfer_seconds, why_not


@dataclass(frozen=True, slots=True)
class Plant:
    """Replicas that were considered: one layout, or one that reads and one that decodes."""

    layouts: tuple[ServingLayout, ...]
    steps: tuple[StepModel, ...]
    pool: Pool
    rate: float  #: of one replica of each kind in the fluid limit, 1/s

    @property
    def sizes(self) -> tuple[int, ...]:
        """Accelerators of a replica of each kind."""
        return tuple(layout.n_accelerators for layout in self.layouts)

    def accelerators(self, counts: Sequence[int]) -> int:
        """Return the accelerators of so many replicas of each kind."""
        return sum(n * size for n, size in zip(counts, self.sizes, strict=True))


def singles(found: Sequence[Candidate]) -> Iterator[Plant]:
    """Yield the layouts that can serve."""
    for one in found:
        if not one.reason and one.step is not None and one.pool is not None:
            yield Plant((one.layout,), (one.step,), one.pool, one.rate)


def pairs(
    found: Sequence[Candidate], load: ServingLoad, machine: Machine, demand: Demand, limit: float
) -> Iterator[Plant]:
    """Yield pairs of layouts, the one for prompts and the other for decoding, that can serve."""
    fitting = [one for one in found if one.pool is not None and one.step is not None]
    lengths = mean_lengths(demand.trace)
    reads = _best(fitting, "ttft", lambda p: Pool(*_plain(p), p).rate((1, 10**9), lengths, limit))
    writes = _best(fitting, "tpot", lambda p: Pool(*_plain(p), p).rate((10**9, 1), lengths, limit))
    for reader in reads:
        for writer in writes:
            assert reader.pool is not None
            assert writer.pool is not None
            assert reader.step is not None
            assert writer.step is not None
            sent = transfer_seconds(load, machine.accelerator, reader.layout, writer.layout)
            pool = Pool(*_plain(reader.pool), writer.pool, *sent)
            rate = pool.rate((1, 1), lengths, limit)
            if not why_not(requests_alone(pool, demand), rate):
                layouts = (reader.layout, writer.layout)
                yield Plant(layouts, (reader.step, writer.step), pool, rate)


def _plain(pool: Pool) -> tuple[Any, Any]:
    """Return the service and the weight table of a pool."""
    return pool.service, pool.weight_seconds


def _best(
    found: Sequence[Candidate], metric: str, rate: Callable[[Pool], float], most: int = 3
) -> list[Candidate]:
    """Return the layouts that are best at one half of the work, and keep its promise alone."""
    able = [
        (rate(one.pool) / one.layout.n_accelerators, one)
        for one in found
        if one.pool is not None and all(o.kept for o in one.alone if o.metric == metric)
    ]
    ranked = sorted((pair for pair in able if pair[0] > 0), key=lambda pair: -pair[0])
    return [one for _, one in ranked[:most]]


def nearest(found: Sequence[Candidate], split: bool) -> str:
    """Return why no layout can serve: what the one that comes closest says."""

    def worst(one: Candidate) -> float:
        return max((o.value / o.limit for o in one.alone if not o.kept), default=math.inf)

    if not found:
        return "no layout is to be considered"
    fitting = [one for one in found if one.alone]
    if not fitting:
        return found[-1].reason
    best = min(fitting, key=worst)
    if not best.reason:  # each half can, but no pair of them
        return "no pair of replicas that read and that decode keeps the promises"
    where = "even the nearest layout" if len(found) > 1 else "the layout"
    return f"{best.reason} ({where}: {layout_text(best.layout)}{', read apart' if split else ''})"


def layout_text(layout: ServingLayout) -> str:
    """Return the degrees of a layout that are not 1.

    Parameters
    ----------
    layout : ServingLayout
    """
    degrees = [(name, getattr(layout, name)) for name in ("tp", "ep", "pp", "dp")]
    return " ".join(f"{name} {n}" for name, n in degrees if n > 1) or "tp 1"
