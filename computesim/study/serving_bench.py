"""A serving benchmark as engines are measured: clients in a closed loop, simulated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from computesim.hardware.serving_engine import PROMISING, ServingEngine
from computesim.hardware.step import StepModel
from computesim.projection.serving import paged_service
from computesim.sim.chains import closed_loop
from computesim.sim.engine import simulate_serving
from computesim.sim.service import PROMISE, Service
from computesim.sim.streams import stream
from computesim.sim.trace import Trace

WAVES: Final = 4  #: requests of each client that are played; the first are sent all at once
SHORTEST: Final = 0.9  #: of the nominal output; equal ones would keep clients in step for ever
SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Bench:
    """One measured point: an engine, a replica and its clients."""

    step: StepModel
    engine: str
    costs: ServingEngine
    prompt_tokens: int
    output_tokens: int
    clients: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What the clients of a benchmark see."""

    tpot: float  #: median, s
    ttft: float  #: mean, s
    output_rate: float  #: tokens/s per accelerator
    running: float  #: sequences, mean over time


def play(bench: Bench) -> Measured:
    """Simulate a benchmark.

    Parameters
    ----------
    bench : Bench

    Returns
    -------
    Measured

    Raises
    ------
    SimulationError
        If a request does not fit into the KV cache.

    Notes
    -----
    All clients begin at once, so that the first wave waits for many prompts: a benchmark of
    `ServingEngine.waves` waves weighs it with their inverse. TTFT behaves like a mean in the
    published points, TPOT like a median: the first wave shows in the one whatever the length of
    the outputs.
    """
    n = bench.clients
    total = n * WAVES
    cut = SHORTEST + (1.0 - SHORTEST) * stream(SEED, "output_tokens").random(total)
    output = np.rint(bench.output_tokens * cut).astype(np.int64).clip(min=1)
    prompt = np.full(total, bench.prompt_tokens)
    run = simulate_serving(
        Trace(np.zeros(total), prompt, np.zeros(total, np.int64), output),
        _service(bench),
        bench.step.weight_seconds,
        1,
        chains=closed_loop(total, n),
    )
    first, rest = slice(0, n), slice(n, (WAVES - 1) * n)
    burst = min(1.0, 1.0 / bench.costs.waves)
    ttft = burst * run.ttft[first].mean() + (1.0 - burst) * np.median(run.ttft[rest])
    tpot = burst * np.median(run.tpot[first]) + (1.0 - burst) * np.median(run.tpot[rest])
    span = run.makespan
    return Measured(
        tpot=float(tpot),
        ttft=float(ttft) + bench.costs.request,
        output_rate=float(output.sum()) / span / bench.step.n_accelerators,
        running=float(run.replicas["batch_seconds"].sum()) / span,
    )


def _service(bench: Bench) -> Service:
    """Return the replica as the engine fills its cache."""
    paged = paged_service(bench.step)
    return paged._replace(when_full=PROMISE) if bench.engine in PROMISING else paged
