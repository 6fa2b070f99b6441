"""Speed for each user against throughput of each accelerator: the Pareto front of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from computesim.hardware.serving import ServingLayout
from computesim.quantities import ServingLoad
from computesim.records import quantity
from computesim.sim.fluid import mean_lengths
from computesim.sim.levels import ServiceLevel
from computesim.sim.output import quantile
from computesim.sim.trial import play
from computesim.study.capacity.answers import Tell, layout_text
from computesim.study.capacity.demand import Question
from computesim.study.capacity.figures import Machine, Performance, performance
from computesim.study.capacity.pool import Candidate, Policy, candidates

MOST_POINTS = 16  #: of a front that are simulated
MOST_PLAYED = 40_000  #: requests of a point, where its clients leave it at least four each

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One replica with a number of clients, each of which waits for its answer."""

    accelerator: str
    layout: ServingLayout
    accelerators: int
    clients: int  #: requests outstanding at one replica
    tokens_per_second_per_user: float = quantity("token/s")  #: 1 / median TPOT
    tokens_per_second_per_accelerator: float = quantity("token/s")  #: output
    tokens_per_second_per_megawatt: float = quantity("token/s")  #: output, of IT
    tokens_per_usd: float | None = quantity("token/USD")  #: of rent; None where it is unknown
    ttft_p50: float = quantity("s")
    figures: Performance


def pareto(points: Sequence[tuple[float, float, _T]]) -> list[_T]:
    """Return what no other point beats on both scales, the greatest first number first.

    Parameters
    ----------
    points : sequence of (float, float, T)
        Two numbers, both the better the greater, and what they belong to.
    """
    found: list[_T] = []
    most = -np.inf
    for _, second, what in sorted(points, key=lambda p: (-p[0], -p[1])):
        if second > most:
            found.append(what)
            most = second
    return found


def front(
    question: Question,
    load: ServingLoad,
    machine: Machine,
    layouts: Sequence[ServingLayout] | None = None,
    policy: Policy | None = None,
    tell: Tell | None = None,
) -> list[Point]:
    """Return the Pareto front of tokens/s of a user against tokens/s of an accelerator.

    Parameters
    ----------
    question : Question
        Its request lengths; promises and rates are not read.
    load : ServingLoad
        The model.
    machine : Machine
        The accelerator.
    layouts : sequence of ServingLayout, optional
        Those to consider.
    policy : Policy, optional
        Of the KV cache and the steps.
    tell : callable, optional
        Told how far the work is.

    Returns
    -------
    list of Point
        The fastest for a user first; empty if the model does not fit.

    Notes
    -----
    All layouts and batches are compared by formula (`StepModel.steady_seconds`); what is on that
    front is simulated in a closed loop of one replica, and compared again.
    """
    free = replace(
        question, classes=tuple(replace(c, level=ServiceLevel()) for c in question.classes)
    )
    demand = replace(free, clients=0).demand()
    found = candidates(load, machine.accelerator, demand, np.inf, layouts, policy)
    points = _spread(pareto([p for one in found if not one.reason for p in _formula(one, demand)]))
    played = []
    for n, (one, clients) in enumerate(points):
        if tell is not None:
            tell(n, len(points), f"{machine.name}: {layout_text(one.layout)}, {clients} clients")
        played.append(_played(free, load, machine, one, clients))
    scales = [
        (p.tokens_per_second_per_user, p.tokens_per_second_per_accelerator, p) for p in played
    ]
    return pareto(scales)


def _formula(one: Candidate, demand: Any) -> list[tuple[float, float, tuple[Candidate, int]]]:
    """Return user speed and throughput of a layout at several batches."""
    assert one.step is not None
    lengths = mean_lengths(demand.trace)
    prompt, output = lengths.fresh, lengths.later + 1.0
    most = min(float(one.step.max_batch), one.step.kv_capacity_tokens / lengths.need)
    points = []
    for clients in sorted({round(2.0 ** (k / 2)) for k in range(40)}):
        if clients > most or one.step.room(clients) < 1:
            break
        seconds = one.step.steady_seconds(clients, prompt, output)
        each = clients / seconds / one.layout.n_accelerators
        points.append((1.0 / seconds, each, (one, clients)))
    return points


def _spread(points: list[_T]) -> list[_T]:
    """Return at most `MOST_POINTS` of a front, both ends among them."""
    if len(points) <= MOST_POINTS:
        return points
    places = np.rint(np.linspace(0, len(points) - 1, MOST_POINTS)).astype(int)
    return [points[place] for place in places]


def _played(
    free: Question, load: ServingLoad, machine: Machine, one: Candidate, clients: int
) -> Point:
    assert one.pool is not None
    assert one.step is not None
    rounds = max(4, min(20, MOST_PLAYED // clients))
    closed = replace(free, clients=clients, requests=min(free.requests, 400), think_seconds=0.0)
    demand = closed.demand()
    kept = max(3 * clients, min(rounds * clients, len(demand.trace)), 100)
    demand = replace(demand, trace=demand.trace.pick(np.arange(min(kept, len(demand.trace)))))
    trial = play(demand, one.pool, (1,), mean_lengths(demand.trace))
    seen = trial.run.requests[trial.judged]
    later = np.maximum(seen["output_tokens"] - 1.0, 1.0)
    tpot = quantile((seen["finish"] - seen["first"]) / later, 0.5)
    figures = performance(load, machine, (one.step,), demand, one.pool, (1,), trial)
    price = figures.usd_per_output_token
    return Point(
        accelerator=machine.name,
        layout=one.layout,
        accelerators=one.layout.n_accelerators,
        clients=clients,
        tokens_per_second_per_user=1.0 / tpot if tpot > 0 else np.inf,
        tokens_per_second_per_accelerator=figures.output_tokens_per_second_per_accelerator,
        tokens_per_second_per_megawatt=figures.output_tokens_per_joule * 1e6,
        tokens_per_usd=1.0 / price if price else None,
        ttft_p50=quantile(seen["first"] - seen["arrival"], 0.5),
        figures=figures,
    )
