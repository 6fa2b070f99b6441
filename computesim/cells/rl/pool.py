"""The rollout engine of a plan: its replicas, and the rollouts that they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from computesim.arrays import Floats
from computesim.cells.rl.plan import RLPlan
from computesim.cells.rl.replica import rollout_replica
from computesim.cells.rl.turns import Turns, in_turns
from computesim.cells.serving import paged_service
from computesim.hardware.serving import ServingLayout
from computesim.hardware.step import StepModel
from computesim.quantities import ServingLoad
from computesim.sim.engine import Engine, simulate_queue, simulate_rollout, simulate_serving
from computesim.sim.records import Records
from computesim.sim.runs import RolloutRun, ServingRun
from computesim.sim.service import Replicas, Service
from computesim.sim.streams import stream
from computesim.sim.trace import Trace

AHEAD: Final = 1000  #: number of the stream of lengths of an engine that runs ahead


@dataclass(frozen=True, slots=True)
class RolloutPool:
    """The rollout engine of a plan, and the part of it that is simulated."""

    plan: RLPlan
    layout: ServingLayout  #: of a replica
    step: StepModel
    load: ServingLoad
    replicas: int  #: of the engine
    played: int  #: of them, simulated
    size: int  #: rollouts of a batch on the simulated replicas
    seed: int
    engine: Engine

    @classmethod
    def of(cls, plan: RLPlan, seed: int, engine: Engine) -> RolloutPool:
        """Return the pool of a plan."""
        load = plan.load
        layout, step = rollout_replica(plan, load)
        replicas = max(plan.split[0] // step.n_accelerators, 1)
        part = min(1.0, plan.simulated / plan.drawn) if plan.simulated else 1.0
        played = max(1, round(replicas * part))
        size = max(1, round(plan.drawn * played / replicas))
        return cls(plan, layout, step, load, replicas, played, size, seed, engine)

    @property
    def service(self) -> Service:
        """A replica for the simulation: cache in pages, the newest rollout goes when it is full."""
        return paged_service(self.step)

    def rollouts(self, arrival: Floats, number: int) -> Trace:
        """Return rollouts whose group shares the prompt, all turns together."""
        plan, size = self.plan, len(arrival)
        output = plan.lengths.draw(size, stream(self.seed, "rollout_tokens", number))
        cached = np.full(size, max(1, round(plan.prompt_tokens)), np.int64)
        prompt = cached.copy()
        cached[:: plan.group_size] = 0
        return Trace(arrival, prompt, cached, output)

    def in_turns(self, rollouts: Trace, number: int, share: Floats | None = None) -> Turns:
        """Return the turns of rollouts, of which the last `share` is still to come."""
        plan, left = self.plan, np.ones(len(rollouts)) if share is None else share
        turns = np.ceil(plan.turns * left).astype(np.int64).clip(1, rollouts.output_tokens)
        tools = stream(self.seed, "tool_seconds", number)
        pauses = plan.tool_seconds * tools.standard_exponential(int(turns.sum()))
        return in_turns(rollouts, turns, round(plan.tool_tokens), pauses)

    def batch(self, number: int) -> tuple[RolloutRun, Floats]:
        """Play one batch on idle replicas; return the run and when each rollout finished."""
        turns = self.in_turns(self.rollouts(np.zeros(self.size), number), number)
        run = simulate_rollout(
            Trace.at_once(
                turns.trace.prompt_tokens, turns.trace.output_tokens, turns.trace.cached_tokens
            ),
            Replicas(self.service, self.step.weight_seconds, self.played),
            engine=self.engine,
            chains=turns.chains if self.plan.turns > 1 else None,
            priority=turns.priority if self.plan.turns > 1 else None,
        )
        return run, _finish(run.requests)[turns.last]

    def flow(self, refills: Floats, ahead: int) -> tuple[ServingRun, Floats, Floats, Floats]:
        """Play batches that are let in at given times, with some rollouts ahead of them.

        Returns the run, and when each rollout was let in, began to write and finished.
        """
        arrival = np.concatenate([np.zeros(self.size + ahead), np.repeat(refills, self.size)])
        rollouts, share = self.rollouts(arrival, AHEAD), np.ones(arrival.size)
        if self.plan.partial_rollouts:
            rollouts, share = self.under_way(rollouts, self.size + ahead)
        turns = self.in_turns(rollouts, AHEAD, share)
        run = simulate_serving(
            turns.trace,
            Replicas(self.service, self.step.weight_seconds, self.played),
            engine=self.engine,
            chains=turns.chains if self.plan.turns > 1 else None,
            priority=turns.priority if self.plan.turns > 1 else None,
        )
        begin = np.asarray(run.requests["first"], dtype=np.float64)[turns.first]
        return run, arrival, begin, _finish(run.requests)[turns.last]

    def under_way(self, rollouts: Trace, first: int) -> tuple[Trace, Floats]:
        """Return rollouts of which the first are as a steady state leaves them: half done.

        A running rollout is long with a probability that grows with its length, and its age is
        uniform; as many run as the engine has room for, the others of the first have not begun.
        Returned are the rollouts, and the share of each that is still to come.
        """
        room = self.step.kv_capacity_tokens / self.plan.trajectory_tokens
        n = min(first, max(1, int(min(room, self.step.max_batch))) * self.played)
        rng, drawn = stream(self.seed, "rollouts_under_way"), rollouts.output_tokens
        whole, share = rng.choice(drawn, n, p=drawn / drawn.sum()), np.ones(len(rollouts))
        share[:n] = rng.random(n)
        left = np.ceil(whole * share[:n]).astype(np.int64).clip(min=1)
        prompt, output, cached = (
            rollouts.prompt_tokens.copy(),
            rollouts.output_tokens.copy(),
            rollouts.cached_tokens.copy(),
        )
        seen = np.floor((1.0 - share[:n]) * self.plan.observed_tokens).astype(np.int64)
        prompt[:n] += whole - left + seen
        cached[:n], output[:n] = prompt[:n], left
        return Trace(rollouts.arrival, prompt, cached, output), share

    def verdicts(self, finish: Floats) -> Floats:
        """Return when finished rollouts are judged, in order of their finish."""
        plan, done = self.plan, np.sort(finish)
        if plan.verifier_seconds <= 0 or not plan.verifier_cores:
            return done + plan.verifier_seconds
        cores = max(1, round(plan.verifier_cores * self.played / self.replicas))
        judged = simulate_queue(done, np.full(done.size, plan.verifier_seconds), cores)
        return judged.finish


def _finish(requests: Records) -> Floats:
    """Return when rollouts finished, s."""
    return np.asarray(requests["finish"], dtype=np.float64)
