"""The replicas that a capacity search tries: layouts, screened by formula."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from computesim.cells.serving import as_service
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.serving import (
    BATCH_PER_GROUP,
    ServingLayout,
    StepModel,
    serving_layouts,
    serving_step,
)
from computesim.hardware.serving_efficiency import GENERAL_ENGINE, Engine
from computesim.quantities import ServingLoad
from computesim.sim.demand import Demand
from computesim.sim.fluid import MeanLengths, mean_lengths
from computesim.sim.levels import Outcome, broken
from computesim.sim.pool import Pool
from computesim.sim.records import PROMISE
from computesim.sim.service import Service, check_service
from computesim.sim.trial import play
from computesim.study.capacity.demand import few_of_each

ALONE = 60  #: requests of each class that are played one after the other


@dataclass(frozen=True, slots=True)
class Policy:
    """What a replica does with its KV cache and its steps."""

    when_full: int = PROMISE
    block_tokens: int = 1
    token_budget: int | None = None
    max_batch: int | None = None
    engine: Engine = GENERAL_ENGINE  #: the program that serves
    held_steps: float | None = None  #: of the first token; None: what the engine takes
    clients: float = math.inf  #: that wait for their answers; infinite where nobody does

    def service(self, step: StepModel, machine: Accelerator) -> Service:
        """Return a replica for the simulation.

        Parameters
        ----------
        step : StepModel
        machine : Accelerator
        """
        held = self.held_steps
        held = self.engine.held(machine, self.clients) if held is None else held
        plain = as_service(step, self.engine, held)
        return plain._replace(when_full=self.when_full, block_tokens=self.block_tokens)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One layout of a replica and what the formulas say of it."""

    layout: ServingLayout
    step: StepModel | None  #: None where the model does not fit
    pool: Pool | None
    rate: float = 0.0  #: of one replica in the fluid limit, 1/s
    alone: tuple[Outcome, ...] = ()  #: requests that have the replica for themselves
    reason: str = ""  #: why it cannot serve; empty where it can

    @property
    def rate_per_accelerator(self) -> float:
        """Requests/s of one accelerator in the fluid limit."""
        return self.rate / self.layout.n_accelerators


def candidates(
    load: ServingLoad,
    machine: Accelerator,
    demand: Demand,
    limit: float,
    layouts: Iterable[ServingLayout] | None = None,
    policy: Policy | None = None,
) -> list[Candidate]:
    """Return the layouts of a replica, those that can keep the promises first, best first.

    Parameters
    ----------
    load : ServingLoad
        What the model asks.
    machine : Accelerator
    demand : Demand
        What is asked; a few of its requests are played alone.
    limit : float, s/token
        Mean step time at most (`sim.capacity.step_limit`).
    layouts : iterable of ServingLayout, optional
        `serving_layouts` by default.
    policy : Policy, optional
        Of the KV cache and the steps.

    Returns
    -------
    list of Candidate
        By requests/s of an accelerator in the fluid limit.
    """
    lengths = mean_lengths(demand.trace)
    tried = serving_layouts(load, machine) if layouts is None else layouts
    way = policy or Policy()
    found = [_candidate(load, machine, one, demand, lengths, limit, way) for one in tried]
    return sorted(found, key=lambda one: (bool(one.reason), -one.rate_per_accelerator))


def _candidate(
    load: ServingLoad, machine: Accelerator, layout: ServingLayout, demand: Demand,
    lengths: MeanLengths, limit: float, policy: Policy,
) -> Candidate:  # fmt: skip
    """Return one layout with its fluid rate and what requests see that are alone."""
    longest = longest_request(demand) + policy.block_tokens
    batch = policy.max_batch
    if policy.token_budget and not batch:  # each decoding sequence takes a token of the step
        batch = min(policy.token_budget, BATCH_PER_GROUP * layout.dp * layout.pp)
    try:
        step = serving_step(load, machine, layout, policy.token_budget, batch, engine=policy.engine)
    except CapacityError as error:
        return Candidate(layout, None, None, reason=str(error))
    if step.sequence_tokens < longest:
        reason = (
            f"the KV cache holds {step.sequence_tokens:,.0f} tokens, the longest request has "
            f"{longest:,}"
        )
        return Candidate(layout, step, None, reason=reason)
    pool = Pool(*check_service(policy.service(step, machine), step.weight_seconds))
    alone = requests_alone(pool, demand)
    rate = pool.rate((1,), lengths, limit)
    reason = why_not(alone, rate)
    return Candidate(layout, step, pool, rate, alone, reason)


def longest_request(demand: Demand) -> int:
    """Return the tokens of the longest request of a demand, prompt and output.

    Parameters
    ----------
    demand : Demand
    """
    return int((demand.trace.prompt_tokens + demand.trace.output_tokens).max())


def requests_alone(pool: Pool, demand: Demand) -> tuple[Outcome, ...]:
    """Return the percentiles of requests that are answered one after the other by one replica.

    Parameters
    ----------
    pool : Pool
    demand : Demand
        A few requests of each class are played.

    Returns
    -------
    tuple of Outcome
        No pool of such replicas is faster.
    """
    few = few_of_each(demand.trace, len(demand.levels), ALONE)
    # two more at the front, which a closed loop takes for its warm-up
    few = few.pick(np.concatenate((np.zeros(2, np.int64), np.arange(len(few)))))
    single = replace(demand, trace=few, clients=1, think_seconds=0.0, judged=1.0)
    counts = (1,) * len(pool.kinds)
    return tuple(play(single, pool, counts, mean_lengths(few)).outcomes)


def why_not(alone: Iterable[Outcome], rate: float) -> str:
    """Return which promise not even a request alone keeps; empty where all are kept.

    Parameters
    ----------
    alone : iterable of Outcome
    rate : float, 1/s
        Of one replica in the fluid limit.
    """
    missed = broken(list(alone))
    if missed:
        return _binding(missed[0])
    return "" if rate > 0 else "a single sequence of mean length is too slow"


_TOLD = {
    "ttft": "a request alone already takes {value} to its first token, {limit} are promised",
    "tpot": "a single sequence already takes {value} per token, {limit} are promised",
    "e2e": "a request alone already takes {value} from end to end, {limit} are promised",
}


def _binding(missed: Outcome) -> str:
    """Return in plain words which promise a request alone breaks."""
    return _TOLD[missed.metric].format(value=duration(missed.value), limit=duration(missed.limit))


def duration(seconds: float) -> str:
    """Return a time with three digits in s or ms."""
    return f"{seconds:,.3g} s" if seconds >= 1.0 else f"{1e3 * seconds:.3g} ms"
