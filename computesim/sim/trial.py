"""One pool, some replicas, one demand: a run of the simulation, and what it says of the promises.

A run begins in the steady state that the fluid limit expects, so that a short trace of long
outputs does not measure an empty pool filling up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.errors import SimulationError
from computesim.sim.chains import Chains, closed_loop
from computesim.sim.demand import Demand, in_flight
from computesim.sim.engine import Engine, simulate_serving
from computesim.sim.fluid import MeanLengths
from computesim.sim.levels import MOST_EXCESS, Outcome, outcomes, window_mean
from computesim.sim.output import GROWTH, LEAST_GROWTH, saturated
from computesim.sim.pool import Pool
from computesim.sim.records import Records
from computesim.sim.runs import ServingRun
from computesim.sim.service import Replicas
from computesim.sim.trace import Trace, scaled

LITTLE_EXCESS = 0.03  #: of a pool that keeps its promises while its backlog grows
WAITING = 0.05  #: share of a closed loop's requests that wait for a place: then it is saturated


class Trial(NamedTuple):
    """What a pool did with a demand."""

    run: ServingRun
    trace: Trace  #: what was played, the warm-up at the front
    skip: int  #: first requests, of the warm-up
    judged: npt.NDArray[np.bool_]  #: which requests are judged
    span: float  #: while requests arrive, or all clients are there: throughputs are over it, s
    outcomes: list[Outcome]
    saturated: bool
    waiting: float  #: mean number of requests without a first token
    closed: bool  #: a closed loop, whose backlog cannot grow: it is no fault to saturate it

    @property
    def kept(self) -> bool:
        """Whether every promise is kept and no backlog grows."""
        return (self.closed or not self.saturated) and all(o.kept for o in self.outcomes)

    @property
    def excess(self) -> float:
        """How far the worst percentile is from its promise: a logarithm, positive if it is broken.

        Of a backlog that grows while all promises are kept, which says nothing of how far it is
        from one that does not, a little.
        """
        worst = max((o.excess for o in self.outcomes), default=-MOST_EXCESS)
        return worst if self.kept == (worst <= 0.0) else LITTLE_EXCESS


def play(
    demand: Demand,
    pool: Pool,
    counts: tuple[int, ...],
    lengths: MeanLengths,
    factor: float = 1.0,
    engine: Engine = "numba",
) -> Trial:
    """Play a demand on some replicas of a pool.

    Parameters
    ----------
    demand : Demand
        What is asked.
    pool : Pool
        Its services are checked (`service.check_service`).
    counts : tuple of int
        Replicas; with a decoder, those that read and those that decode.
    lengths : MeanLengths
        Of the demand's requests.
    factor : float
        How many times faster the requests come.
    engine : {"numba", "simpy"}
        The compiled kernel or its twin.
    """
    if demand.clients:
        return _closed(demand, pool, counts, engine)
    trace = demand.trace if factor == 1.0 else scaled(demand.trace, factor)
    n_asked = len(trace)
    if demand.warm:
        n = pool.flying(trace.rate, counts, lengths)
        trace = in_flight(trace, n, demand.seed, demand.sharers)
    run = _run(demand, trace, pool, counts, engine)
    skip = len(trace) - n_asked
    judged = np.zeros(len(trace), bool)
    judged[skip : skip + max(1, round(demand.judged * n_asked))] = True
    rest, span = run.requests[skip:], float(run.requests["arrival"][-1])
    full = saturated(rest["arrival"], rest["first"])
    if pool.decoder is not None:  # a first token tells nothing of the queues behind it
        waiting = _waiting_to_decode(run, trace, pool, counts[0]) / span
        full = full or waiting > max(GROWTH * n_asked / 2, LEAST_GROWTH)
    return _trial(demand, trace, run, skip, judged, span, full)


def _waiting_to_decode(run: ServingRun, trace: Trace, pool: Pool, readers: int) -> float:
    """Return the time that all requests wait between being sent on and decoding, s.

    None at first: in a backlog that grows at a constant pace to the end of the arrivals, half of
    those are waiting that are there in the end, as many as `saturated` lets it grow between its
    quarters.
    """
    later = trace.output_tokens > 1
    tokens = trace.prompt_tokens[later]
    sent = pool.transfer_fixed * tokens.size + pool.transfer_per_token * float(tokens.sum())
    behind = float((run.requests["finish"] - run.requests["first"])[later].sum())
    return behind - sent - float(run.replicas["batch_seconds"][readers:].sum())


def spent(demand: Demand, pool: Pool, counts: tuple[int, ...], trial: Trial) -> Records:
    """Return what the replicas do while requests arrive, without the drain at the end.

    Parameters
    ----------
    demand : Demand
        That of the trial.
    pool : Pool
        Likewise.
    counts : tuple of int
        Likewise.
    trial : Trial
        Played once more, to be observed over its span.

    Returns
    -------
    ndarray of records.BIN, shape (kinds,)
    """
    run = _run(demand, trial.trace, pool, counts, "numba", trial.span)
    assert run.timeline is not None
    return run.timeline.bins[:, 0]


def _run(
    demand: Demand, trace: Trace, pool: Pool, counts: tuple[int, ...], engine: Engine,
    bin_seconds: float = 0.0,
) -> ServingRun:  # fmt: skip
    """Return the run of a trace, as it is."""
    priority = np.asarray(demand.priority)[trace.kind] if demand.priority else None
    chains: Chains | None = None
    if demand.clients:
        chains = closed_loop(len(trace), demand.clients, demand.think_seconds)
    elif demand.chains is not None:
        chains = _behind(demand.chains, len(trace) - len(demand.trace))
    return simulate_serving(
        trace,
        Replicas(pool.service, pool.weight_seconds, counts[0]),
        pool.routing,
        engine,
        chains,
        priority=priority,
        operation=pool.operation(counts, bin_seconds),
    )


def _behind(chains: Chains, n: int) -> Chains:
    """Return chains behind n requests of their own, those in flight at first."""
    return replace(chains, stage=np.concatenate((np.full(n, -1), chains.stage)))


def _closed(demand: Demand, pool: Pool, counts: tuple[int, ...], engine: Engine) -> Trial:
    """Play a closed loop whose clients are all in the middle of an answer at first.

    The first two requests of each client are warm-up: those that meet a queue at once, and those
    that wait behind them. All clients are there until the first one has no more requests.
    """
    if not demand.warm:
        return _benchmark(demand, pool, counts, engine)
    clients = demand.clients
    if len(demand.trace) < 3 * clients:
        raise SimulationError(f"{len(demand.trace)} requests; {clients} clients need three each")
    still = replace(demand.trace, arrival=np.zeros(len(demand.trace)))
    trace = in_flight(still, clients, demand.seed)
    run = _run(demand, trace, pool, counts, engine)
    span = float(run.requests["finish"][-clients:].min())
    judged = run.requests["arrival"] <= demand.judged * span
    judged[: 2 * clients] = False
    if not judged.any():
        judged[2 * clients :] = True
    trial = _trial(demand, trace, run, clients, judged, span, False)
    return trial._replace(saturated=trial.waiting > WAITING * clients)


def _benchmark(demand: Demand, pool: Pool, counts: tuple[int, ...], engine: Engine) -> Trial:
    """Play a closed loop from an empty pool to its end; every request is judged."""
    trace = replace(demand.trace, arrival=np.zeros(len(demand.trace)))
    run = _run(demand, trace, pool, counts, engine)
    judged = np.ones(len(trace), bool)
    return _trial(demand, trace, run, 0, judged, run.makespan, False)


def _trial(
    demand: Demand, trace: Trace, run: ServingRun, skip: int, judged: npt.NDArray[np.bool_],
    span: float, full: bool,
) -> Trial:  # fmt: skip
    """Return a trial with its percentiles."""
    kind = None if trace.kind is None else trace.kind[judged]
    seen = outcomes(run.requests[judged], demand.levels, kind)
    rest = run.requests[skip:]
    waiting = window_mean(rest["arrival"], rest["first"], np.ones(rest.size), span)
    return Trial(run, trace, skip, judged, span, seen, full, waiting, bool(demand.clients))
