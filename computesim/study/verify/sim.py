"""Checks of the simulation: kernels against their SimPy twins and against queueing theory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from computesim.sim.chains import sessions
from computesim.sim.engine import Engine, simulate_queue, simulate_rollout, simulate_serving
from computesim.sim.loop import rollout_loop
from computesim.sim.operation import DecodePool, Operation
from computesim.sim.output import replications
from computesim.sim.queueing import (
    closed_throughput,
    erlang_c,
    mg1_wait,
    mmc_wait,
    priority_waits,
    processor_sharing_sojourn,
)
from computesim.sim.records import FAILURE, RECOMPUTE
from computesim.sim.service import Replicas, Service
from computesim.sim.streams import stream
from computesim.sim.trace import Trace, poisson_arrivals

SEED: Final = 20
ROUNDING: Final = 1e-9  #: relative error between a kernel and its twin
CONFIDENCE: Final = 0.999


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison that must hold."""

    name: str
    ours: float
    theirs: float
    tolerance: float  #: of the relative error
    source: str

    @property
    def relative_error(self) -> float:
        """Ours ÷ theirs − 1."""
        return self.ours / self.theirs - 1.0 if self.theirs else self.ours

    @property
    def holds(self) -> bool:
        """Whether the error is within the tolerance."""
        return abs(self.relative_error) <= self.tolerance

    @property
    def row(self) -> dict[str, Any]:
        """The check as a row."""
        return {
            "id": self.name,
            "predicted": self.ours,
            "value": self.theirs,
            "relative_error": self.relative_error,
            "tolerance": self.tolerance,
            "holds": self.holds,
            "source": self.source,
        }


def kernels() -> list[Check]:
    """Return the kernels against their SimPy twins, on one small case of each.

    Returns
    -------
    list of Check
        Of means over all requests; tests compare every field of every request.
    """
    rng = stream(SEED, "output_tokens")
    trace = Trace(
        poisson_arrivals(20.0, 60, stream(SEED, "arrivals")),
        rng.integers(1, 40, 60),
        np.zeros(60, dtype=np.int64),
        rng.integers(1, 30, 60),
    )
    service = Service(1e-2, 1e-5, 1e-2, 1e-3, 1e-6, 1e-6, 1e-3, 400, 8, 32)
    weights = np.linspace(5e-3, 2e-2, 33)

    def queue(engine: Engine) -> dict[str, float]:
        service_seconds = stream(SEED, "service").standard_exponential(60) / 8.0
        run = simulate_queue(trace.arrival, service_seconds, 3, engine)
        return {"mean start, s": run.start.mean(), "mean sojourn, s": run.sojourn.mean()}

    def serving(engine: Engine) -> dict[str, float]:
        run = simulate_serving(trace, Replicas(service, weights, 3), "shortest-queue", engine)
        return {"mean first token, s": run.ttft.mean(), "mean answer, s": run.e2e.mean()}

    def pool(engine: Engine) -> dict[str, float]:
        """Turns, priorities, preemption, a failure and hand-over to decode replicas."""
        roomy = service._replace(block_tokens=4, when_full=RECOMPUTE, kv_capacity_tokens=120)
        run = simulate_serving(
            trace,
            Replicas(roomy, weights, 2),
            "two-choices",
            engine,
            chains=sessions(np.arange(60) % 20, np.full(60, 0.05)),
            priority=np.arange(60) % 2,
            operation=Operation(
                decode_pool=DecodePool(roomy, weights, 2, 1e-3, 1e-5),
                failures=np.array([(1.0, 1, 0.5), (2.0, 3, 0.5)], FAILURE),
            ),
        )
        return {"mean first token, s": run.ttft.mean(), "mean answer, s": run.e2e.mean()}

    def rollout(engine: Engine) -> dict[str, float]:
        run = simulate_rollout(
            Trace.at_once(trace.prompt_tokens, trace.output_tokens),
            Replicas(service, weights, 3),
            engine=engine,
        )
        return {"makespan, s": run.makespan}

    def loop(engine: Engine) -> dict[str, float]:
        draw = stream(SEED, "service").standard_exponential
        latency, learner = 3.0 + draw(60), 2.0 + draw(60)
        run = rollout_loop(latency, 0.7 * latency, learner, 0.5, 1.5, engine)
        return {"end of 60 steps, s": float(run.finish[-1])}

    found = []
    plays = {"queue": queue, "serving": serving, "pool": pool, "rollout": rollout, "RL loop": loop}
    for name, play in plays.items():
        ours, theirs = play("numba"), play("simpy")
        found += [
            Check(f"{name}: {what}", ours[what], theirs[what], ROUNDING, "SimPy twin")
            for what in ours
        ]
    return found


def _queueing() -> list[Check]:
    """Return the simulated queue against Erlang and Pollaczek–Khinchine."""
    n, skip, servers, rate = 40_000, 2_000, 4, 3.0
    waits: dict[str, list[float]] = {"wait": [], "waiting": [], "regular": []}
    for replication in range(12):
        arrival = poisson_arrivals(rate, n, stream(SEED, "arrivals", replication))
        service = stream(SEED, "service", replication).standard_exponential(n)
        wait = simulate_queue(arrival, service, servers).wait[skip:]
        waits["wait"].append(float(wait.mean()))
        waits["waiting"].append(float((wait > 0).mean()))
        alone = simulate_queue(arrival, np.full(n, 0.25), 1).wait[skip:]
        waits["regular"].append(float(alone.mean()))
    return [
        _covered("M/M/4 at 75 %: mean wait, s", waits["wait"], mmc_wait(rate, 1.0, servers)),
        _covered("M/M/4 at 75 %: share that waits", waits["waiting"], erlang_c(servers, rate)),
        _covered("M/D/1 at 75 %: mean wait, s", waits["regular"], mg1_wait(rate, 0.25, 0.0)),
    ]


def _sharing() -> list[Check]:
    """Return a replica that is shared evenly against processor sharing, open and closed."""
    n, quantum, rate, clients = 1_500, 1e-3, 0.5, 6
    even = Service(1e-9, 0, 0, 0, 0, 0, quantum, 10**9, 500, 500)
    one, none = np.ones(n, np.int64), np.zeros(n, np.int64)
    shared, closed = [], []
    for replication in range(12):
        arrival = poisson_arrivals(rate, n, stream(SEED, "arrivals", replication))
        size = stream(SEED, "output_tokens", replication).uniform(0, 2, n)
        output = np.rint(size / quantum).astype(np.int64) + 2
        run = simulate_serving(Trace(arrival, one, none, output), Replicas(even, np.zeros(501), 1))
        shared.append(float(run.e2e[150:].mean() / size[150:].mean()))
        pauses = stream(SEED, "think", replication).exponential(2.0, n)
        chains = sessions(np.arange(n) % clients, pauses)
        trace = Trace(np.zeros(n), one, none, output)
        run = simulate_serving(trace, Replicas(even, np.zeros(501), 1), chains=chains)
        finish = np.sort(run.requests["finish"])[n // 10 : -n // 10]  # the loop is full
        closed.append((finish.size - 1) / float(finish[-1] - finish[0]) * float(size.mean()))
    theory = processor_sharing_sojourn(rate, 1.0, 1.0), closed_throughput(clients, 2.0, 1.0)
    return [
        _covered("M/G/1 shared evenly at 50 %: mean stretch", shared, theory[0]),
        _covered("6 clients that think: rate, 1/s", closed, theory[1]),
    ]


def _priorities() -> list[Check]:
    """Return a replica that serves one at a time, the urgent first, against Cobham."""
    n, skip, rate = 9_000, 400, 0.08
    single = Service(1.0, 0, 0, 0, 0, 0, 0, 10_000, 1, 1)
    waits: tuple[list[float], list[float]] = ([], [])
    for replication in range(12):
        arrival = poisson_arrivals(rate, n, stream(SEED, "arrivals", replication))
        steps = stream(SEED, "output_tokens", replication).integers(1, 20, n)
        lane = (stream(SEED, "priority", replication).random(n) < 0.5).astype(np.int64)
        trace = Trace(arrival, np.ones(n, np.int64), np.zeros(n, np.int64), steps)
        run = simulate_serving(trace, Replicas(single, np.zeros(2), 1), priority=lane)
        for k in (0, 1):
            waits[k].append(float((run.ttft - 1.0)[skip:][lane[skip:] == k].mean()))
    variation = float(np.std(np.arange(1, 20)) / 10)
    urgent, others = priority_waits((rate / 2, rate / 2), 10.0, variation)
    return [
        _covered("M/G/1 with priorities at 80 %: urgent, s", waits[0], urgent),
        _covered("M/G/1 with priorities at 80 %: others, s", waits[1], others),
    ]


def _covered(name: str, values: list[float], theory: float) -> Check:
    """Return the check that the 99.9 % confidence interval of the simulation covers the theory."""
    estimate = replications(values, CONFIDENCE)
    width = estimate.half_width / theory
    return Check(name, estimate.mean, theory, width, "queueing theory")


CHECKS: Final[Mapping[str, Callable[[], list[Check]]]] = MappingProxyType(
    {"kernels": kernels, "queueing": lambda: [*_queueing(), *_sharing(), *_priorities()]}
)
