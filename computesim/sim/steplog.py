"""Every step of a short simulation, for people who want to look inside."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats
from computesim.errors import SimulationError
from computesim.sim.chains import Chains
from computesim.sim.clients import delayed
from computesim.sim.engine import simulate_serving
from computesim.sim.opening import kinds_of, lanes_of, play_pool, player, requests_of
from computesim.sim.operation import Operation, Routing
from computesim.sim.records import Records
from computesim.sim.runs import ServingRun
from computesim.sim.service import Replicas
from computesim.sim.trace import Trace

MOST_STEPS = 50_000  #: the twin plays some ten thousand a second, viewers draw that many


class Step(NamedTuple):
    """One step of a replica."""

    replica: int
    begin: float  #: s
    seconds: float
    decoding: int  #: sequences that got a token
    prompt_tokens: int  #: read


class StepLog(NamedTuple):
    """What the twin did, by the clock of the replicas."""

    run: ServingRun
    steps: list[Step]  #: in order of their ends; one that a failure cuts short is not there


def logged_serving(
    trace: Trace,
    replicas: Replicas,
    routing: Routing = "shortest-queue",
    chains: Chains | None = None,
    priority: npt.ArrayLike | None = None,
    operation: Operation | None = None,
    most_steps: int = MOST_STEPS,
) -> StepLog:
    """Play a trace on the twin and return each of its steps.

    Parameters
    ----------
    trace : Trace
    replicas : Replicas
    routing : str
    chains : Chains, optional
    priority : array_like of int, shape (n,), optional
    operation : Operation, optional
        All of them as for `engine.simulate_serving`; a timeline is not drawn.
    most_steps : int
        The compiled kernel counts the steps first; a longer run is refused.

    Raises
    ------
    SimulationError
        If the run has more steps, or cannot be played.
    """
    quick = simulate_serving(trace, replicas, routing, "numba", chains, priority, operation)
    n_steps = int(quick.replicas["iterations"].sum())
    if n_steps > most_steps:
        raise SimulationError(
            f"the run has {n_steps:,} steps; at most {most_steps:,} are shown one by one: ask for "
            "fewer requests, fewer output tokens or a shorter span of time"
        )
    how = replace(operation or Operation(), bin_seconds=0.0)
    service = replicas.service
    inside = replicas._replace(service=service._replace(request_seconds=0.0, held_steps=0.0))
    kinds = kinds_of(inside, how)
    opened = requests_of(trace, chains)
    opened = opened._replace(stages=delayed(opened.stages, service))
    lanes = lanes_of(opened.requests, priority)
    log: list[tuple[int, float, float, int, int]] = []
    play = partial(player("simpy").serve, log=log)
    run = play_pool(play, opened, kinds, how, routing, lanes, None, 0.0)
    return StepLog(run, [Step(int(r), float(b), float(s), n, int(p)) for r, b, s, n, p in log])


def prefill_begin(log: StepLog) -> Floats:
    """Return when the reading of each prompt began, as far as the steps tell.

    Parameters
    ----------
    log : StepLog

    Returns
    -------
    ndarray of float64, shape (n,), s
        Not a number where the tokens that a replica read are not those of the requests that
        ended there (it lost some to preemption or failure, or read for others).

    Notes
    -----
    A replica reads prompts one after the other, so that their order is that of the first tokens,
    and the tokens of its steps, added up, tell where each begins.
    """
    requests, begin = log.run.requests, np.full(log.run.requests.size, np.nan)
    fresh = requests["prompt_tokens"] - requests["cached_tokens"]
    for r in range(log.run.replicas.size):
        steps = [step for step in log.steps if step.replica == r and step.prompt_tokens]
        mine = np.flatnonzero(requests["replica"] == r)
        read = np.cumsum([step.prompt_tokens for step in steps])
        if not mine.size or not steps or int(read[-1]) != int(fresh[mine].sum()):
            continue
        mine = mine[np.argsort(requests["first"][mine], kind="stable")]
        before = np.cumsum(fresh[mine]) - fresh[mine]
        found = np.searchsorted(read, before, "right")
        begin[mine] = np.array([step.begin for step in steps])[found]
    return _plausible(begin, requests)


def _plausible(begin: Floats, requests: Records) -> Floats:
    """Return the begins that lie between arrival and first token, the others as not a number."""
    fits = (begin >= requests["arrival"]) & (begin < requests["first"])
    return np.where(fits, begin, np.nan)
