"""A serving cell: replicas that are chosen by formula, and the rate that they keep, simulated."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from computesim.cells.jobs import ServingDemand
from computesim.cells.prefix_cache import Loading, loading
from computesim.cells.serving import (
    Cell,
    Play,
    held_beyond,
    intensity,
    opening,
    sample_trace,
    shared_prompts,
)
from computesim.cells.serving_plant import Kind, Plant, plant_of
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.serving_efficiency import engine_named
from computesim.quantities import ServingLoad
from computesim.sim.capacity import RateSearch, highest_rate
from computesim.sim.demand import Demand
from computesim.sim.levels import ServiceLevel
from computesim.sim.output import latencies, quantile
from computesim.sim.trace import Trace

RESIDENCES: Final = 2.5  #: arrivals last this many times as long as a request stays
MOST_REQUESTS: Final = 30_000  #: of one cell
MOST_READERS: Final = 18  #: replicas of a cell that read prompts only
WORTH_IT: Final = 1.01  #: times as much of an accelerator, or more readers are not worth a search
#: share of the arrivals that are judged; the rest keeps the pool full meanwhile
JUDGED: Final = 0.6


def measure(demand: ServingDemand, accelerator: Accelerator, play: Play) -> Cell:
    """Return what one accelerator does of a stream of requests at its service level.

    Parameters
    ----------
    demand : ServingDemand
    accelerator : Accelerator
    play : Play

    Returns
    -------
    Cell
        All zero if the model does not fit, or if even an idle replica misses the service level.

    Notes
    -----
    Prompts that wait in HBM take cache of the replicas, as much as they do at the rate of the
    fluid limit, which is not exceeded; those that wait elsewhere are loaded before they are read,
    and no faster than their links allow.
    """
    load = demand.load
    try:
        plant, trace = _planned(demand, load, accelerator, play)
    except CapacityError:
        return Cell()
    if plant.rate(demand.tpot) == 0.0:  # a single sequence is too slow
        return Cell()
    loads = loading(demand, load, accelerator, plant.layouts[0])
    # what a request spends outside of the replica is gone before and after its prompt is read
    engine = engine_named(demand.engine)
    outside = engine.request + held_beyond(engine, accelerator) * demand.tpot + loads.seconds
    level = ServiceLevel(max(demand.ttft - outside, 0.0), demand.tpot)
    if plant.alone(trace, load, level.share) > level.ttft:
        return Cell()
    plant, search, rate = _balanced(
        plant, demand.tpot, partial(_played, demand, loads, trace, level, play)
    )
    trial = search.trial
    if rate == 0.0 or trial is None:
        return Cell()
    seen = latencies(trial.run, trial.skip, end=trial.skip + int(trial.judged.sum()))
    share = rate / plant.accelerators  # sequences/s per accelerator
    kinds = plant.kinds(rate / play.peak_to_mean)
    compute, bandwidth, busy = _effort(kinds, load, accelerator)
    return Cell(
        requests=share * opening(trace).size / len(trace),
        output_tokens=share * float(trace.output_tokens.mean()),
        ttft=quantile(seen.ttft, level.share),
        tpot=quantile(seen.tpot, level.share),
        compute=compute,
        bandwidth=bandwidth,
        busy=busy,
        batch=kinds[-1].state.batch,
        accelerators=plant.accelerators if len(kinds) > 1 else kinds[0].step.n_accelerators,
        reading=_reading(kinds),
    )


def _planned(
    demand: ServingDemand, load: ServingLoad, accelerator: Accelerator, play: Play
) -> tuple[Plant, Trace]:
    """Return the replicas of a demand, and the requests with which they are played."""
    trace = sample_trace(demand, play)
    plant = plant_of(demand, load, accelerator, trace)
    longer = _arrivals(plant, plant.rate(demand.tpot), play)
    if longer > play.requests:  # arrivals must go on while requests come and leave
        trace = sample_trace(demand, replace(play, requests=longer))
        if not plant.holds(trace):  # more requests, longer ones among them
            plant = plant_of(demand, load, accelerator, trace)
    return plant, trace


def _arrivals(plant: Plant, rate: float, play: Play) -> int:
    """Return how many sequences come at a rate, sequences/s, until the steady state is seen."""
    residing = sum(kind.state.batch * kind.replicas for kind in plant.kinds(rate))
    return max(play.requests, min(round(RESIDENCES * residing), MOST_REQUESTS))


class _Found(NamedTuple):
    """What a plant does."""

    plant: Plant
    search: RateSearch
    rate: float  #: sequences/s, within what links and memory allow

    @property
    def per_accelerator(self) -> float:
        """Sequences/s of one accelerator."""
        return self.rate / self.plant.accelerators

    @property
    def waits_for_readers(self) -> bool:
        """Whether first tokens come late at a rate at which the others would be in time."""
        beyond = self.search.beyond
        if len(self.plant.counts) == 1 or beyond is None:
            return False
        late = {outcome.metric for outcome in beyond.outcomes if not outcome.kept}
        return "ttft" in late and "tpot" not in late


def _balanced(plant: Plant, tpot: float, played: Callable[..., _Found]) -> _Found:
    """Return what a plant does, with as many more readers as first tokens in time need.

    The fluid limit knows of no queues: they are shorter where more replicas read.
    """
    best = played(plant)
    decoding = plant.with_readers(MOST_READERS - plant.counts[0]).rate(tpot)
    while best.waits_for_readers and best.plant.counts[0] < MOST_READERS:
        readers = best.plant.counts[0]
        # twice as many, where the others could decode all that these read
        more = readers if 2.0 * best.rate < decoding else -(-readers // 4)
        near = best.rate * (1.0 + more / readers)
        other = played(best.plant.with_readers(min(more, MOST_READERS - readers)), near=near)
        if other.per_accelerator <= WORTH_IT * best.per_accelerator:
            break
        best = other
    return best


def _played(
    demand: ServingDemand, loads: Loading, trace: Trace, level: ServiceLevel, play: Play,
    plant: Plant, near: float = 0.0,
) -> _Found:  # fmt: skip
    """Return the highest rate at which a plant keeps a level, looked for near to a known one."""
    most = plant.most(loads, int((trace.prompt_tokens + trace.output_tokens).max()))
    guess = min(plant.rate(demand.tpot), most)
    if guess == 0.0:  # the prompts that wait leave no room for a request
        return _Found(plant, RateSearch(0.0, 0, False), 0.0)
    apart = len(plant.counts) > 1  # no prompt is shared there; see `serving_plant`
    chains = shared_prompts(trace) if demand.options.shared_prompts and not apart else None
    asked = Demand(trace, (level,), judged=JUDGED, seed=play.seed, chains=chains)
    held = plant.holding(guess)
    search = highest_rate(
        asked, held.pool, plant.counts, engine=play.kernel, near=near,
        enough=lambda rate: _arrivals(held, rate, play),
    )  # fmt: skip
    return _Found(plant, search, min(search.rate, guess if plant.lengths.kept else most))


def _effort(
    kinds: list[Kind], load: ServingLoad, accelerator: Accelerator
) -> tuple[float, float, float]:
    """Return the fractions of peak FLOP/s, of memory bandwidth and of time in use, means."""
    rows, weights = [], []
    for step, _, state, rate, lengths in kinds:
        used = intensity(state, rate, lengths, step, load, accelerator)
        rows.append((*used, 1.0 - math.exp(-state.batch - rate * state.step_seconds)))
    weights = [kind.accelerators for kind in kinds]
    compute, bandwidth, busy = np.average(rows, axis=0, weights=weights).tolist()
    return compute, bandwidth, busy


def _reading(kinds: list[Kind]) -> float:
    """Return the share of the accelerators' time that reading prompts takes."""
    if len(kinds) == 1:
        return kinds[0].state.reading
    return kinds[0].accelerators / sum(kind.accelerators for kind in kinds)
