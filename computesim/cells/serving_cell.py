"""A serving cell: replicas that are chosen by formula, and the rate that they keep, simulated."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from computesim.cells.jobs import ServingDemand
from computesim.cells.prefix_cache import loading
from computesim.cells.serving import Cell, Play, intensity, opening, sample_trace, shared_prompts
from computesim.cells.serving_plant import Kind, Plant, plant_of
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.quantities import ServingLoad
from computesim.sim.capacity import RateSearch, highest_rate
from computesim.sim.demand import Demand
from computesim.sim.levels import ServiceLevel
from computesim.sim.output import latencies, quantile
from computesim.sim.trace import Trace
from computesim.workload.transformer import serving_load

RESIDENCES: Final = 2.5  #: arrivals last this many times as long as a request stays
MOST_REQUESTS: Final = 30_000  #: of one cell
JUDGED: Final = (
    0.6  #: share of the arrivals that are judged; the rest keeps the pool full meanwhile
)


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
    load = serving_load(demand.model, demand.dtype, demand.kv_dtype)
    trace = sample_trace(demand, play)
    try:
        plant = plant_of(demand, load, accelerator, trace)
    except CapacityError:
        return Cell()
    guess = plant.rate(demand.tpot)
    if guess == 0.0:  # a single sequence is too slow
        return Cell()
    residing = sum(kind.state.batch * kind.replicas for kind in plant.kinds(guess))
    longer = min(round(RESIDENCES * residing), MOST_REQUESTS)
    if longer > play.requests:  # arrivals must go on while requests come and leave
        trace = sample_trace(demand, replace(play, requests=longer))
    loads = loading(demand, load, accelerator, plant.layouts[0])
    most = plant.most(loads, int((trace.prompt_tokens + trace.output_tokens).max()))
    guess = min(guess, most)
    if guess == 0.0:  # the prompts that wait leave no room for a request
        return Cell()
    # what a request spends outside of the replica is gone before and after its prompt is read
    outside = demand.options.engine.request + loads.seconds
    level = ServiceLevel(max(demand.ttft - outside, 0.0), demand.tpot)
    found = _searched(demand, plant.holding(guess), trace, level, play)
    if found.rate == 0.0 or found.run is None:
        return Cell()
    rate = min(found.rate, guess if plant.lengths.kept else most)
    seen = latencies(found.run, found.skip, end=found.skip + round(JUDGED * len(trace)))
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


def _searched(
    demand: ServingDemand, plant: Plant, trace: Trace, level: ServiceLevel, play: Play
) -> RateSearch:
    """Return the highest rate at which a plant keeps a level."""
    apart = len(plant.counts) > 1  # no prompt is shared there; see `serving_plant`
    chains = shared_prompts(trace) if demand.options.shared_prompts and not apart else None
    asked = Demand(trace, (level,), judged=JUDGED, seed=play.seed, chains=chains)
    return highest_rate(asked, plant.pool, plant.counts, engine=play.engine)


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
