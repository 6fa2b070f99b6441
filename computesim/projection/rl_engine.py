"""The rollout engine of an RL job, simulated rollout by rollout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from computesim.hardware.step import StepModel
from computesim.projection.rl_lengths import rollout_lengths
from computesim.projection.rl_plan import RLPlan
from computesim.projection.rl_replica import rollout_replica
from computesim.projection.rl_turns import Turns, in_turns
from computesim.projection.serving import MEMORY_SHARE, as_service
from computesim.quantities import ServingLoad
from computesim.sim.engine import (
    Engine,
    RolloutRun,
    ServingRun,
    simulate_queue,
    simulate_rollout,
    simulate_serving,
)
from computesim.sim.service import RECOMPUTE, Floats, Records, Service
from computesim.sim.streams import stream
from computesim.sim.trace import Trace
from computesim.workload.transformer import serving_load

CYCLES: Final = 8  #: steps of a loop that are played rollout by rollout
DEEPEST: Final = 8.0  #: batches that are played ahead; the engine is full before
AGREED: Final = 2e-3  #: relative change of the times at which a loop has settled
PAGE: Final = 16  #: tokens of a page of the KV cache, as in vLLM
WATERMARK: Final = 0.01  #: share of the cache that admission leaves free, as in vLLM
AHEAD: Final = 1000  #: number of the stream of lengths of an engine that runs ahead


@dataclass(frozen=True, slots=True)
class Rollouts:
    """What the rollout engine does with the batches of a plan."""

    latency: Floats  #: of each simulated batch from its start to its last verdict, s
    makespan: float  #: mean of a batch until its last rollout, s
    verify: float  #: mean from the last rollout to the last verdict, s
    period: float  #: between batches of the loop that was played, s
    busy: float  #: seconds of a period in which the mean replica works
    tokens: float  #: generated per batch
    compute: float  #: fraction of peak FLOP/s while it works
    bandwidth: float  #: likewise of the memory bandwidth
    replicas: int
    replica: StepModel


@dataclass(frozen=True, slots=True)
class RolloutPool:
    """The rollout engine of a plan, and the part of it that is simulated."""

    plan: RLPlan
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
        load = serving_load(plan.model, plan.engine_dtype, plan.kv_dtype)
        step = rollout_replica(plan, load)
        replicas = max(plan.split[0] // step.n_accelerators, 1)
        part = min(1.0, plan.simulated / plan.drawn) if plan.simulated else 1.0
        played = max(1, round(replicas * part))
        size = max(1, round(plan.drawn * played / replicas))
        return cls(plan, step, load, replicas, played, size, seed, engine)

    @property
    def service(self) -> Service:
        """A replica for the simulation: cache in pages, the newest rollout goes when it is full."""
        plain = as_service(self.step)
        page = min(PAGE, plain.kv_capacity_tokens)
        spare = round(WATERMARK * plain.kv_capacity_tokens)
        return plain._replace(block_tokens=page, when_full=RECOMPUTE, watermark_tokens=spare)

    def rollouts(self, arrival: Floats, number: int) -> Trace:
        """Return rollouts whose group shares the prompt, all turns together."""
        plan, size = self.plan, len(arrival)
        cap, mean = plan.max_output_tokens, plan.mean_output_tokens
        output = rollout_lengths(size, mean, plan.output_spread, cap, self.seed, number)
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
            turns.trace.prompt_tokens,
            turns.trace.output_tokens,
            self.service,
            self.step.weight_seconds,
            self.played,
            cached_tokens=turns.trace.cached_tokens,
            engine=self.engine,
            chains=turns.chains if self.plan.turns > 1 else None,
            priority=turns.priority if self.plan.turns > 1 else None,
        )
        return run, _finish(run.requests)[turns.last]

    def flow(self, refills: Floats, ahead: int) -> tuple[ServingRun, Floats, Floats]:
        """Play batches that are let in at given times, with some rollouts ahead of them.

        Returns the run, and when each rollout was let in and finished.
        """
        arrival = np.concatenate([np.zeros(self.size + ahead), np.repeat(refills, self.size)])
        rollouts, share = self.rollouts(arrival, AHEAD), np.ones(arrival.size)
        if self.plan.partial_rollouts:
            rollouts, share = self.under_way(rollouts, self.size + ahead)
        turns = self.in_turns(rollouts, AHEAD, share)
        run = simulate_serving(
            turns.trace,
            self.service,
            self.step.weight_seconds,
            self.played,
            engine=self.engine,
            chains=turns.chains if self.plan.turns > 1 else None,
            priority=turns.priority if self.plan.turns > 1 else None,
        )
        return run, arrival, _finish(run.requests)[turns.last]

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


def in_turn(pool: RolloutPool, batches: int) -> Rollouts:
    """Return what an engine does that waits for new weights before each batch.

    Parameters
    ----------
    pool : RolloutPool
    batches : int
        Batches of different lengths that are simulated.

    Returns
    -------
    Rollouts
        `period` is 0: the learner is not played.

    Notes
    -----
    While a tool of one rollout works, other rollouts use the replica.
    """
    played = [pool.batch(k) for k in range(batches)]
    runs = [run for run, _ in played]
    judged = np.array([float(pool.verdicts(finish)[-1]) for _, finish in played])
    makespan = np.array([run.makespan for run in runs])
    verify = float(np.mean(judged - makespan))
    busy = sum(float(run.replicas["busy_seconds"].sum()) for run in runs)
    tokens = float(sum(run.tokens for run in runs))
    last = float(makespan.mean())
    return _rollouts(pool, judged, last, verify, 0.0, busy, tokens, batches)


def ahead(pool: RolloutPool, learning: float, sync: float) -> Rollouts:
    """Return what an engine does that runs ahead of the learner.

    Parameters
    ----------
    pool : RolloutPool
    learning, sync : float, s
        Of one step of the learner, and of new weights.

    Returns
    -------
    Rollouts

    Notes
    -----
    (1 + staleness) batches are in the engine at first; each step of the learner lets in another.
    When it can do so depends on when rollouts finish, and the other way round: the times are
    iterated until they agree. Every pass settles one more batch at least, because a batch depends
    on earlier ones only. Partial rollouts: the learner takes the groups finished first; otherwise
    the batch that was let in first. A learner that takes a batch in chunks begins with the first.
    """
    plan = pool.plan
    depth = min(plan.staleness, DEEPEST)
    early = round(depth * pool.size)
    cycles = CYCLES + math.ceil(depth)
    refills: Floats = np.arange(1.0, cycles + 1) * max(learning + sync, 1.0)
    for _ in range(cycles + 2):
        run, let_in, finish = pool.flow(refills, early)
        ready = _ready(pool, finish, cycles + 1)
        done = _learnt(ready, learning)
        moved = float(np.abs(done[:-1] + sync - refills).max())
        refills = done[:-1] + sync
        if moved <= AGREED * refills[-1]:
            break
    half = cycles - CYCLES // 2
    period = float(done[-1] - done[half - 1]) / (cycles + 1 - half)
    latency = period * (1.0 + plan.staleness) - learning - sync  # what the loop leaves for it
    stay = float(np.mean(finish - let_in))
    tokens = float(run.requests["generated"].sum())
    whole = tokens / (plan.mean_output_tokens * pool.size)
    each = float(run.replicas["busy_seconds"].sum()) / whole  # of one batch; the end runs dry
    again = reread_seconds(pool)
    period = max(period, each / pool.played + again)
    busy = min(each + again * pool.played, period * pool.played) * whole
    latencies = np.array([max(latency, stay, 0.0)])
    verify = plan.verifier_seconds
    return _rollouts(pool, latencies, stay, verify, period, busy, tokens, whole)


def reread_seconds(pool: RolloutPool) -> float:
    """Return the seconds in which a replica reads its unfinished rollouts again, new weights in.

    Parameters
    ----------
    pool : RolloutPool

    Returns
    -------
    float, s
        Of one step; 0 where the cache of old weights is kept, or no rollout outlives a step.

    Notes
    -----
    A running rollout is long with a
    probability that grows with its length, and half done on average.

    Source
    ------
    AReaL (arXiv 2505.24298, section 4.1); verl documentation, fully asynchronous trainer.
    """
    plan, step = pool.plan, pool.step
    if not plan.recompute_cache:
        return 0.0
    before = plan.prompt_tokens + plan.observed_tokens
    context = before + 0.5 * (plan.attended_tokens - before)
    let_in = (1.0 + min(plan.staleness, DEEPEST)) * plan.drawn / pool.replicas
    running = min(let_in, step.max_batch, step.kv_capacity_tokens / context)
    return running * step.prefill_seconds(context)


def _ready(pool: RolloutPool, each: Floats, batches: int) -> Floats:
    """Return when each chunk of each batch is judged, shape (batches, chunks)."""
    finish, size = _of_groups(each, pool.plan.group_size), pool.size
    ends = np.arange(1, pool.plan.chunks + 1) * size // pool.plan.chunks - 1
    if pool.plan.partial_rollouts:
        judged = pool.verdicts(finish)[: batches * size].reshape(batches, size)
    else:
        own = finish[: batches * size].reshape(batches, size)
        judged = np.stack([pool.verdicts(row) for row in own])
    return np.asarray(judged[:, np.maximum(ends, 0)])


def _of_groups(finish: Floats, size: int) -> Floats:
    """Return when the last of its group finished: advantages compare all rollouts of a prompt."""
    last = np.maximum.reduceat(finish, np.arange(0, finish.size, size))
    return np.repeat(last, size)[: finish.size]


def _learnt(ready: Floats, learning: float) -> Floats:
    """Return when the learner is through with each batch, chunk after chunk."""
    batches, chunks = ready.shape
    done, last = np.empty(batches), 0.0
    for i in range(batches):
        for at in ready[i]:
            last = max(last, float(at)) + learning / chunks
        done[i] = last
    return done


def _finish(requests: Records) -> Floats:
    """Return when rollouts finished, s."""
    return np.asarray(requests["finish"], dtype=np.float64)


def _rollouts(
    pool: RolloutPool,
    latency: Floats,
    makespan: float,
    verify: float,
    period: float,
    busy: float,
    tokens: float,
    batches: float,
) -> Rollouts:
    """Return the means of one batch from the sums over those that were played."""
    step, load, machine = pool.step, pool.load, pool.plan.accelerator
    flop = tokens * (load.flop_per_token + load.attention_flop_per_token)
    compute = flop / (busy * step.n_accelerators * machine.peak(load.weight_dtype))
    steps = tokens / batches / pool.size  # of a replica that never empties
    read = float(step.weight_seconds[min(step.max_batch, step.token_budget)])
    pace = busy / pool.played / batches
    bandwidth = steps * read / pace * MEMORY_SHARE
    return Rollouts(
        latency=latency,
        makespan=makespan,
        verify=verify,
        period=period,
        busy=pace,
        tokens=tokens / batches * pool.plan.drawn / pool.size,
        compute=min(compute, 1.0),
        bandwidth=min(bandwidth, 1.0),
        replicas=pool.replicas,
        replica=step,
    )
