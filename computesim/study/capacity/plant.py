"""What a capacity search chooses from: one layout, or one for prompts and one for decoding."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from computesim.hardware.serving import ServingLayout
from computesim.hardware.step import StepModel
from computesim.hardware.transfer import transfer_seconds
from computesim.quantities import ServingLoad
from computesim.sim.demand import Demand
from computesim.sim.fluid import mean_lengths
from computesim.sim.pool import Pool
from computesim.study.capacity.figures import Machine
from computesim.study.capacity.pool import (
    Candidate,
    requests_alone,
    why_not,
)

MOST_HALVES = 3  #: layouts for each half of the work, where they are apart


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
    found: Sequence[Candidate],
    load: ServingLoad,
    machine: Machine,
    demand: Demand,
    limit: float,
    asked: float,
) -> Iterator[Plant]:
    """Yield pairs of layouts, the one for prompts and the other for decoding, that can serve.

    Parameters
    ----------
    found : sequence of Candidate
    load : ServingLoad
    machine : Machine
    demand : Demand
    limit : float, s/token
        Mean step time at most.
    asked : float, 1/s
        Rate that is asked; 0 where it is not known.

    Yields
    ------
    Plant
        The best layouts for each half, by formula, with each other.
    """
    lengths = mean_lengths(demand.trace)
    able = [one for one in found if one.pool is not None and one.step is not None]

    def rate(pool: Pool, counts: tuple[int, ...]) -> float:
        return Pool(*_plain(pool), pool).rate(counts, lengths, limit)

    reads = _best(able, "ttft", lambda pool: rate(pool, (1, 10**9)), asked)
    writes = _best(able, "tpot", lambda pool: rate(pool, (10**9, 1)), asked)
    for reader, writer in itertools.product(reads, writes):
        assert reader.pool and writer.pool and reader.step and writer.step  # noqa: PT018
        sent = transfer_seconds(load, machine.accelerator, reader.layout, writer.layout)
        pool = Pool(*_plain(reader.pool), writer.pool, *sent)
        each = pool.rate((1, 1), lengths, limit)
        if not why_not(requests_alone(pool, demand), each):
            layouts = (reader.layout, writer.layout)
            yield Plant(layouts, (reader.step, writer.step), pool, each)


def _plain(pool: Pool) -> tuple[Any, Any]:
    """Return the service and the weight table of a pool."""
    return pool.service, pool.weight_seconds


def _best(
    found: Sequence[Candidate], metric: str, rate: Callable[[Pool], float], asked: float
) -> list[Candidate]:
    """Return the layouts that are best at one half of the work, and keep its promise alone.

    Those that need the fewest accelerators for the rate that is asked; where it is not known,
    those that do most with an accelerator, and the smallest one.
    """
    able: list[tuple[float, int, Candidate]] = []
    for one in found:
        if one.pool is None or not all(o.kept for o in one.alone if o.metric == metric):
            continue
        each, size = rate(one.pool), one.layout.n_accelerators
        if each > 0:
            need = max(1, math.ceil(asked / each)) if asked else 1.0 / each
            able.append((need * size, size, one))
    ranked = [one for *_, one in sorted(able, key=lambda row: row[:2])]
    chosen = ranked[:MOST_HALVES]
    if not asked:
        chosen += [one for *_, one in sorted(able, key=lambda row: row[1])[:1] if one not in chosen]
    return chosen


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
    return str(layout)
