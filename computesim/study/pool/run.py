"""A pool of replicas: how it is laid out, and what it does with what it is asked."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from computesim.arrays import Floats
from computesim.catalog import Catalog
from computesim.cells.serving import requests_of
from computesim.errors import CapacityError, SimulationError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.serving import ServingLayout, StepModel, serving_layout, serving_step
from computesim.hardware.serving_efficiency import Engine
from computesim.hardware.speculation import Speculation, speculative
from computesim.quantities import ServingLoad
from computesim.sim.chains import closed_loop
from computesim.sim.demand import MOST_REQUESTS, RESIDENCES, in_flight
from computesim.sim.engine import simulate_serving
from computesim.sim.fluid import mean_lengths, steady_state
from computesim.sim.operation import DecodePool, Operation, draw_failures
from computesim.sim.runs import ServingRun
from computesim.sim.service import Replicas, Service, check_service
from computesim.sim.trace import Trace
from computesim.study.pool.operation import operation_of, routing_of, service_of, transfer
from computesim.study.pool.possible import instead
from computesim.study.pool.question import PoolQuestion
from computesim.study.pool.traffic import Requests

_LAYOUT_TPOT: Final = 0.05  # s/token that a layout aims at where nothing is promised
_MOST_BINS: Final = 100_000  # of a timeline
_MOST_FAILURES: Final = 200_000  # of a run; more of them let nothing come to an end


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
    def n_accelerators(self) -> int:
        """Accelerators of all replicas."""
        return (self.replicas + self.prefill_replicas) * self.step.n_accelerators


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a simulation is called with."""

    requests: Requests
    trace: Trace  #: of the requests, behind those that are in flight at the start
    replicas: Replicas
    routing: Any
    operation: Operation

    @property
    def skip(self) -> int:
        """Requests in flight at the start."""
        return len(self.trace) - len(self.requests.trace)

    def keywords(self) -> dict[str, Any]:
        """Return the arguments of `sim.engine.simulate_serving` but the kernel."""
        names = ("trace", "replicas", "routing", "operation")
        chains, priority = self.requests.chains, self.requests.priority
        return {n: getattr(self, n) for n in names} | {"chains": chains, "priority": priority}


@dataclass(frozen=True, slots=True)
class Played:
    """A run with what it was called with."""

    inputs: Inputs
    run: ServingRun


def pool_of(question: PoolQuestion, catalog: Catalog, trace: Trace) -> Pool:
    """Return the replicas that serve requests.

    Parameters
    ----------
    question : PoolQuestion
        Where it says no layout, the best one that holds the longest request is chosen.
    catalog : Catalog
    trace : Trace

    Raises
    ------
    CapacityError
        If the model does not fit.
    """
    chip = catalog.accelerator(question.accelerator)
    engine, context = question.engine, mean_lengths(trace).context
    load = question.load(catalog.model(question.model), chip, context)
    layout = question.layout.serving
    if layout is None:
        layout = _best_layout(question, load, chip, trace)
        step = serving_step(load, chip, layout, engine=engine)
    else:
        step = _named(layout, load, chip, trace, engine)
    if drafts := question.serving.speculation:
        step = speculative(step, Speculation(drafts.drafted, drafts.acceptance))
    name = catalog.resolve("models", question.model)
    return Pool(name, chip, load, layout, step, question.replicas, question.prefill_replicas)


def _named(
    layout: ServingLayout, load: ServingLoad, chip: Accelerator, trace: Trace, engine: Engine
) -> StepModel:
    """Return the replica of a layout that the question says, or refuse it with those that fit."""
    longest = float((trace.prompt_tokens + trace.output_tokens).max())
    try:
        step = serving_step(load, chip, layout, engine=engine)
    except CapacityError as error:
        raise CapacityError(f"{error}{instead(load, chip, longest)}") from error
    if step.sequence_tokens < longest:
        raise CapacityError(
            f"the KV cache of {load.name} with {layout} holds {step.sequence_tokens:,.0f} "
            f"tokens, the longest request has {longest:,.0f}{instead(load, chip, longest)}"
        )
    return step


def _best_layout(
    question: PoolQuestion, load: ServingLoad, chip: Accelerator, trace: Trace
) -> ServingLayout:
    tpot = min(question.promise.tpot.values(), default=_LAYOUT_TPOT)
    requests = requests_of(trace, load, min(question.promise.ttft.values(), default=np.inf))
    longest = float((trace.prompt_tokens + trace.output_tokens).max())
    engine = question.engine
    layout = serving_layout(
        load, chip, mean_lengths(trace).context, tpot, engine=engine, requests=requests
    )
    if serving_step(load, chip, layout, engine=engine).sequence_tokens >= longest:
        return layout
    return serving_layout(load, chip, longest, tpot, engine=engine, requests=requests)


def _inputs_of(question: PoolQuestion, pool: Pool, requests: Requests) -> Inputs:
    """Return what the simulation of a pool is called with, failures and timeline left out.

    Drawn requests that do not wait for others meet a pool in its steady state, clients one that is
    writing an answer to each of them; a benchmark and all others meet an empty one.
    """
    serving, capacity = question.serving, int(pool.step.kv_capacity_tokens)
    service, table = _service(question, pool)
    trace, clients = requests.trace, question.traffic.at_work
    if _is_steady(question, requests):
        trace = in_flight(trace, _flying(question, pool, trace), question.seed)
    elif not requests.recorded and clients and question.is_plain:
        trace = in_flight(trace, min(clients, len(trace)), question.seed)
        think = question.traffic.think or 0.0
        chains = closed_loop(len(trace), min(clients, len(requests.trace)), think)
        requests = replace(requests, chains=chains)
    decoding = _decode_pool(pool, service, table)
    operation = operation_of(question, requests, capacity, pool.load, decoding)
    n = pool.prefill_replicas or pool.replicas
    routing = routing_of(serving, requests)
    return Inputs(requests, trace, Replicas(service, table, n), routing, operation)


def _service(question: PoolQuestion, pool: Pool) -> tuple[Service, Floats]:
    """Return a replica as it is run, and its weight table."""
    raw = question.service(pool.step, pool.chip, question.traffic.clients)
    adapted = service_of(question.serving, raw, pool.load, pool.chip, pool.layout)
    return check_service(adapted, pool.step.weight_seconds)


def _is_steady(question: PoolQuestion, requests: Requests) -> bool:
    """Tell whether requests that come by themselves meet a pool in its steady state."""
    return not requests.recorded and requests.chains is None and question.is_plain


def _flying(question: PoolQuestion, pool: Pool, trace: Trace) -> int:
    """Return the sequences that decode in the steady state of the fluid limit."""
    service, table = _service(question, pool)
    state = steady_state(trace.rate / pool.replicas, mean_lengths(trace), service, table)
    return round(state.batch * pool.replicas)


def arrivals_needed(question: PoolQuestion, pool: Pool, requests: Requests) -> int:
    """Return how many requests have to come so that others still do while the first ones leave.

    Parameters
    ----------
    question : PoolQuestion
    pool : Pool
    requests : Requests
        Where they follow others, or meet an empty pool, those that are asked are enough.
    """
    if not _is_steady(question, requests):
        return 0
    flying = _flying(question, pool, requests.trace)
    return min(math.ceil(RESIDENCES * flying), MOST_REQUESTS)


def _decode_pool(pool: Pool, service: Service, table: Floats) -> DecodePool | None:
    if not pool.prefill_replicas:
        return None
    fixed, per_token = transfer(pool.load, pool.chip, pool.layout)
    return DecodePool(service, table, pool.replicas, fixed, per_token)


def play(question: PoolQuestion, pool: Pool, requests: Requests) -> Played:
    """Simulate a pool.

    Parameters
    ----------
    question : PoolQuestion
    pool : Pool
    requests : Requests

    Returns
    -------
    Played
        Failures are drawn to the end of the run, wherever that is.

    Raises
    ------
    SimulationError
        If a timeline would have too many intervals, or failures let nothing come to an end.
    """
    inputs = _inputs_of(question, pool, requests)
    if not question.timeline:
        return _play(inputs, question)
    makespan = _play(inputs, question).run.makespan
    if makespan > _MOST_BINS * question.timeline:
        raise SimulationError(
            f"the run takes {makespan:,.0f} s; a timeline has at most {_MOST_BINS:,} intervals"
        )
    operation = replace(inputs.operation, bin_seconds=question.timeline)
    return _play(replace(inputs, operation=operation), question)


def _play(inputs: Inputs, question: PoolQuestion) -> Played:
    kernel: Any = question.kernel
    failing = question.serving.failures
    if not failing:
        return Played(inputs, simulate_serving(**inputs.keywords(), engine=kernel))
    decoding, trace = inputs.operation.decode_pool, inputs.trace
    n = inputs.replicas.n + (decoding.n_replicas if decoding else 0)
    horizon = 2.0 * float(trace.arrival[-1]) + 3600.0
    while n * horizon / failing.mtbf < _MOST_FAILURES:
        failures = draw_failures(n, failing.mtbf, failing.repair, horizon, question.seed)
        broken = replace(inputs, operation=replace(inputs.operation, failures=failures))
        run = simulate_serving(**broken.keywords(), engine=kernel)
        if np.isfinite(run.requests["finish"]).all() and run.makespan <= horizon:
            return Played(broken, run)
        horizon *= 4.0
    raise SimulationError(
        f"with a failure every {failing.mtbf:g} s a replica, requests hardly come to an end"
    )
