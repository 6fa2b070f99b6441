"""One pool, some replicas, one demand: a run of the simulation, and what it says of the promises.

A run begins in the steady state that the fluid limit expects, so that a short trace of long
outputs does not measure an empty pool filling up.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.errors import SimulationError
from computesim.sim.chains import closed_loop
from computesim.sim.engine import Engine, ServingRun, simulate_serving
from computesim.sim.fluid import MeanLengths, fluid_rate, steady_state
from computesim.sim.levels import Outcome, ServiceLevel, outcomes, window_mean
from computesim.sim.operation import DecodePool, Operation, Routing
from computesim.sim.output import number_in_system, saturated, time_weighted_mean
from computesim.sim.records import Records
from computesim.sim.service import Floats, Service
from computesim.sim.streams import stream
from computesim.sim.trace import Trace, merged, scaled

WAITING = 0.05  #: share of a closed loop's requests that wait for a place: then it is saturated


@dataclass(frozen=True, slots=True)
class Demand:
    """What a pool is asked, and what it promises."""

    trace: Trace  #: of a closed loop, `clients` after the others, only the lengths matter
    levels: tuple[ServiceLevel, ...]  #: one for each class `Trace.kind`, or one for all
    priority: tuple[int, ...] = ()  #: of each class; 0 goes first; all the same where empty
    clients: int = 0  #: requests outstanding in a closed loop; 0: requests come by themselves
    think_seconds: float = 0.0  #: of a client, from an answer to its next request, s
    warm: bool = True  #: the pool is found at work; otherwise it is empty at first
    judged: float = 1.0
    """share of the arrivals that are judged, the first ones: those at the end decode while nobody
    joins any more; of a closed loop, share of the time until the first client is done"""
    seed: int = 1  #: of the sequences that are in flight at the start

    def __post_init__(self) -> None:
        kinds = len(self.levels)
        if not kinds or (self.priority and len(self.priority) != kinds):
            raise SimulationError("a demand needs a level, and a priority, for each class")
        if kinds > 1 and (self.trace.kind is None or int(self.trace.kind.max()) >= kinds):
            raise SimulationError(f"{kinds} levels, and requests that are not of these classes")


@dataclass(frozen=True, slots=True)
class Pool:
    """Replicas of one kind; or those that read prompts, and others that decode."""

    service: Service
    weight_seconds: Floats = field(repr=False)  #: shape (token_budget + 1,), s
    decoder: Pool | None = None  #: of the replicas that decode; None: all do both
    transfer_fixed: float = 0.0  #: of the KV cache from the one to the other, s
    transfer_per_token: float = 0.0  #: s/token
    routing: Routing = "shortest-queue"

    def rate(self, counts: tuple[int, ...], lengths: MeanLengths, tpot: float) -> float:
        """Return the rate at which the fluid limit reaches its batch or a step time.

        Parameters
        ----------
        counts : tuple of int
            Replicas; with a decoder, those that read and those that decode.
        lengths : MeanLengths
            Of the requests.
        tpot : float, s/token
            Mean step time of decodes at most.

        Returns
        -------
        float, 1/s
        """
        if self.decoder is None:
            return counts[0] * fluid_rate(lengths, self.service, self.weight_seconds, tpot)
        reading = fluid_rate(_read_only(lengths), self.service, self.weight_seconds, np.inf)
        return min(counts[0] * reading, self.decoder.rate(counts[1:], _decode_only(lengths), tpot))

    def flying(self, rate: float, counts: tuple[int, ...], lengths: MeanLengths) -> int:
        """Return the sequences that decode at a rate in the fluid limit.

        Parameters
        ----------
        rate : float, 1/s
            Of the whole pool.
        counts : tuple of int
            Replicas, as in `rate`.
        lengths : MeanLengths
        """
        if self.decoder is not None:
            return self.decoder.flying(rate, counts[1:], _decode_only(lengths))
        state = steady_state(rate / counts[0], lengths, self.service, self.weight_seconds)
        return round(state.batch * counts[0])

    def operation(self, counts: tuple[int, ...], bin_seconds: float = 0.0) -> Operation | None:
        """Return how the pool is run, for the engine."""
        if self.decoder is None:
            return Operation(bin_seconds=bin_seconds) if bin_seconds else None
        pool = DecodePool(
            self.decoder.service, self.decoder.weight_seconds, counts[1],
            self.transfer_fixed, self.transfer_per_token,
        )  # fmt: skip
        return Operation(decode_pool=pool, bin_seconds=bin_seconds)

    @property
    def kinds(self) -> tuple[Pool, ...]:
        """The kinds of replicas."""
        return (self,) if self.decoder is None else (self, self.decoder)


def _read_only(lengths: MeanLengths) -> MeanLengths:
    """Return requests whose first token is the last one."""
    return lengths._replace(later=0.0, need=max(lengths.fresh, 1.0))


def _decode_only(lengths: MeanLengths) -> MeanLengths:
    """Return requests whose prompt somebody else has read."""
    return lengths._replace(fresh=0.0, pairs=0.0)


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

    Returns
    -------
    Trial
    """
    if demand.clients:
        return _closed(demand, pool, counts, engine)
    trace = demand.trace if factor == 1.0 else scaled(demand.trace, factor)
    n_asked = len(trace)
    if demand.warm:
        trace = in_flight(trace, pool.flying(trace.rate, counts, lengths), demand.seed)
    run = _run(demand, trace, pool, counts, engine)
    skip = len(trace) - n_asked
    judged = np.zeros(len(trace), bool)
    judged[skip : skip + max(1, round(demand.judged * n_asked))] = True
    rest, span = run.requests[skip:], float(run.requests["arrival"][-1])
    full = saturated(rest["arrival"], rest["first"])
    if pool.decoder is not None and demand.warm:  # a first token tells nothing of later queues
        full = full or _fills_up(run, skip)
    return _trial(demand, trace, run, skip, judged, span, full)


def _fills_up(run: ServingRun, skip: int, growth: float = 0.05) -> bool:
    """Tell whether the number of requests in the pool grows, by the rule of `saturated`.

    It counts those that were in flight at the start, and is meant for pools that start full.
    """
    seen, n = run.requests, run.requests.size - skip
    marks = [float(seen["arrival"][skip + n * quarter // 4]) for quarter in (1, 2, 3)]
    marks.append(float(seen["arrival"][-1]))
    if n < 8 or not marks[0] < marks[1] < marks[2] < marks[3]:
        return False
    time, inside = number_in_system(seen["arrival"], seen["finish"])
    before = time_weighted_mean(time, inside, marks[0], marks[1])
    after = time_weighted_mean(time, inside, marks[2], marks[3])
    return after - before > max(growth * n / 2, 5.0)


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
    chains = None
    if demand.clients:
        chains = closed_loop(len(trace), demand.clients, demand.think_seconds)
    return simulate_serving(
        trace, pool.service, pool.weight_seconds, counts[0], pool.routing, engine, chains,
        priority=priority, operation=pool.operation(counts, bin_seconds),
    )  # fmt: skip


def _closed(demand: Demand, pool: Pool, counts: tuple[int, ...], engine: Engine) -> Trial:
    """Play a closed loop whose clients are all in the middle of an answer at first.

    The first two requests of each client are warm-up: those that meet a queue at once, and those
    that wait behind them. All clients are there until the first one has no more requests.
    """
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


def in_flight(trace: Trace, n: int, seed: int) -> Trace:
    """Return a trace that starts with sequences in the middle of their output.

    Parameters
    ----------
    trace : Trace
        Requests; those in flight are drawn from them, with their optional columns.
    n : int
        Sequences in flight at time zero.
    seed : int
        Seed of the stream `in_flight`.

    Returns
    -------
    Trace
        `n` more requests at the front, whose prompt is what was read and written before.

    Notes
    -----
    Whoever looks at a steady state finds a long output more often, in proportion to its length,
    and each at a uniform point of its life (the inspection paradox of renewal theory).
    """
    draw = stream(seed, "in_flight").random((n, 2))  # the first ones are the same for any n
    later = np.cumsum(trace.output_tokens - 1)
    if n == 0 or later[-1] == 0:
        return trace
    chosen = np.searchsorted(later, draw[:, 0] * later[-1], side="right")
    done = 1 + np.floor(draw[:, 1] * (trace.output_tokens[chosen] - 1)).astype(np.int64)
    found = replace(trace, arrival=np.zeros(len(trace))).pick(chosen)
    prompt = found.prompt_tokens + done
    reason = found.reason_tokens
    front = replace(
        found,
        prompt_tokens=prompt,
        cached_tokens=prompt,
        output_tokens=found.output_tokens - done,
        reason_tokens=None if reason is None else np.maximum(reason - done, 0),
    )
    return merged([front, trace])
