"""A pool of replicas: how it is laid out, and what it does with what it is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from computesim.cli.operating import How, transfer
from computesim.cli.traffic import Asked
from computesim.errors import SimulationError

if TYPE_CHECKING:
    from computesim.arrays import Floats
    from computesim.hardware.accelerator import Accelerator
    from computesim.hardware.serving import ServingLayout, StepModel
    from computesim.quantities import ServingLoad
    from computesim.sim.engine import ServingRun
    from computesim.sim.operation import DecodePool, Operation
    from computesim.sim.service import Service
    from computesim.sim.trace import Trace

_LAYOUT_TPOT = 0.05  # s/token that the choice of a layout aims at where nothing is promised
_MOST_BINS = 100_000  # of a timeline
_MOST_FAILURES = 200_000  # of a run; more of them let nothing come to an end


class Promise(NamedTuple):
    """What 90 % of the requests are promised, by class; the class `""` is all of them."""

    ttft: dict[str, float]  #: s
    tpot: dict[str, float]  #: s/token


@dataclass(frozen=True, slots=True)
class Pool:
    """Replicas of one model on one kind of accelerator."""

    model: str
    chip: Accelerator
    load: ServingLoad
    layout: ServingLayout
    step: StepModel
    replicas: int  #: those of prefill apart
    prefill_replicas: int = 0

    @property
    def machines(self) -> int:
        """Accelerators."""
        return (self.replicas + self.prefill_replicas) * self.step.n_accelerators


class Inputs(NamedTuple):
    """What a simulation is called with."""

    trace: Trace
    service: Service
    weight_seconds: Floats
    n_replicas: int
    routing: Any
    priority: Any
    operation: Operation
    skip: int  #: requests in flight at the start

    def keywords(self, asked: Asked) -> dict[str, Any]:
        """Return the arguments of `sim.engine.simulate_serving` but the engine."""
        found = self._asdict() | {"chains": asked.chains}
        del found["skip"]
        return found


@dataclass(frozen=True, slots=True)
class Played:
    """A run with what it was called with."""

    inputs: Inputs
    run: ServingRun


def pool_of(
    load: ServingLoad,
    chip: Accelerator,
    degrees: tuple[int | None, int | None, int | None],
    asked: Asked,
    promise: Promise,
) -> tuple[ServingLayout, StepModel]:
    """Return layout and step time of the replicas that serve requests.

    Parameters
    ----------
    load : ServingLoad
    chip : Accelerator
    degrees : tuple of int or None
        tp, ep, pp; where all are None the best layout that holds the longest request is chosen.
    asked : Asked
    promise : Promise

    Raises
    ------
    CapacityError
        If the model does not fit.
    ValueError
        If the degrees make no layout.
    """
    from computesim.hardware.serving import ServingLayout, serving_layout, serving_step
    from computesim.sim.fluid import mean_lengths

    if any(degrees):
        tp, ep, pp = (degree or 1 for degree in degrees)
        layout = ServingLayout(tp=tp, ep=ep, pp=pp, dp=max(1, ep // tp))
        return layout, serving_step(load, chip, layout)
    tpot = min(promise.tpot.values(), default=_LAYOUT_TPOT)
    longest = float((asked.trace.prompt_tokens + asked.trace.output_tokens).max())
    layout = serving_layout(load, chip, mean_lengths(asked.trace).context, tpot)
    if serving_step(load, chip, layout).kv_capacity_tokens < longest:
        layout = serving_layout(load, chip, longest, tpot)
    return layout, serving_step(load, chip, layout)


def inputs_of(pool: Pool, asked: Asked, how: How, seed: int) -> Inputs:
    """Return what the simulation of a pool is called with, failures left out.

    Parameters
    ----------
    pool : Pool
    asked : Asked
        Drawn requests that do not wait for others meet a pool in its steady state, all others
        an empty one.
    how : How
    seed : int
    """
    from computesim.cells.serving import as_service
    from computesim.sim.capacity import in_flight
    from computesim.sim.fluid import mean_lengths, steady_state
    from computesim.sim.service import check_service

    raw = as_service(pool.step)
    adapted = how.service(raw, pool.load, pool.chip, pool.layout)
    service, table = check_service(adapted, pool.step.weight_seconds)
    trace = asked.trace
    if not asked.recorded and asked.chains is None and how.plain:
        lengths = mean_lengths(trace)
        state = steady_state(trace.rate / pool.replicas, lengths, service, table)
        trace = in_flight(trace, round(state.batch * pool.replicas), seed)
    decoding = _decode_pool(pool, service, table)
    operation = how.operation(asked, raw.kv_capacity_tokens, pool.load, decoding, seed)
    n = pool.prefill_replicas or pool.replicas
    skip = len(trace) - len(asked.trace)
    return Inputs(trace, service, table, n, how.routing_of(asked), asked.priority, operation, skip)


def _decode_pool(pool: Pool, service: Service, table: Floats) -> DecodePool | None:
    """Return the replicas that decode what others have read."""
    from computesim.sim.operation import DecodePool

    if not pool.prefill_replicas:
        return None
    fixed, per_token = transfer(pool.load, pool.chip, pool.layout)
    return DecodePool(service, table, pool.replicas, fixed, per_token)


def play(
    pool: Pool, asked: Asked, how: How, engine: Literal["numba", "simpy"], seed: int
) -> Played:
    """Simulate a pool.

    Parameters
    ----------
    pool : Pool
    asked : Asked
    how : How
    engine : {"numba", "simpy"}
    seed : int

    Returns
    -------
    Played
        Failures are drawn to the end of the run, wherever that is.

    Raises
    ------
    SimulationError
        If a timeline would have too many intervals, or failures let nothing come to an end.
    """
    if how.bin_seconds:
        plain = _play(inputs_of(pool, asked, replace(how, bin_seconds=0.0), seed), asked, how,
                      engine, seed)  # fmt: skip
        if plain.run.makespan > _MOST_BINS * how.bin_seconds:
            raise SimulationError(
                f"the run takes {plain.run.makespan:,.0f} s; a timeline has at most "
                f"{_MOST_BINS:,} intervals"
            )
    return _play(inputs_of(pool, asked, how, seed), asked, how, engine, seed)


def _play(
    inputs: Inputs, asked: Asked, how: How, engine: Literal["numba", "simpy"], seed: int
) -> Played:
    """Simulate a pool, with failures to the end of the run."""
    from computesim.sim.engine import simulate_serving
    from computesim.sim.operation import draw_failures

    if not how.mtbf:
        return Played(inputs, simulate_serving(**inputs.keywords(asked), engine=engine))
    decoding = inputs.operation.decode_pool
    n = inputs.n_replicas + (decoding.n_replicas if decoding else 0)
    horizon = 2.0 * float(inputs.trace.arrival[-1]) + 3600.0
    while n * horizon / how.mtbf < _MOST_FAILURES:
        failures = draw_failures(n, how.mtbf, how.repair, horizon, seed)
        operation = replace(inputs.operation, failures=failures)
        inputs = inputs._replace(operation=operation)
        run = simulate_serving(**inputs.keywords(asked), engine=engine)
        if np.isfinite(run.requests["finish"]).all() and run.makespan <= horizon:
            return Played(inputs, run)
        horizon *= 4.0
    raise SimulationError(
        f"with a failure every {how.mtbf:g} s a replica, requests hardly come to an end"
    )
