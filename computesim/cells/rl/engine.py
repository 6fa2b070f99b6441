"""The rollout engine of an RL job, simulated rollout by rollout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from computesim.arrays import Floats
from computesim.cells.rl.plan import RLPlan
from computesim.cells.rl.pool import RolloutPool
from computesim.hardware.step import StepModel
from computesim.lengths import quantile

CYCLES: Final = 8  #: steps of a loop that are played rollout by rollout
DEEPEST: Final = 8.0  #: batches that are played ahead; the engine is full before
ROUTED: Final = 0.05  #: relative change of the times that hardly moves a rollout to another replica
AGREED: Final = 2e-3  #: relative change of the times at which a loop has settled


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


class Done(NamedTuple):
    """Sums over all batches and replicas that were played."""

    busy: float  #: s
    tokens: float  #: generated
    steps: float  #: of replicas
    batches: float


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
    steps = sum(float(run.replicas["iterations"].sum()) for run in runs)
    last = float(makespan.mean())
    done = Done(busy, tokens, steps, batches)
    return _rollouts(pool, judged, last, verify, 0.0, done)


def ahead(pool: RolloutPool, learning: float, sync: float) -> Rollouts:
    """Return what an engine does that runs ahead of the learner.

    Parameters
    ----------
    pool : RolloutPool
    learning, sync : float, s
        Of one step of the learner, and of new weights.

    Notes
    -----
    (1 + staleness) batches are in the engine at first; each step of the learner lets in another.
    When it can do so depends on when rollouts finish, and the other way round: the times are
    iterated until they agree. Every pass settles one more batch at least, because a batch depends
    on earlier ones only. Where rollouts wait in the engine anyway it is no matter when they were
    let in, and one pass tells. Partial rollouts: the learner takes the groups finished first;
    otherwise the batch that was let in first. A learner that takes a batch in chunks begins with
    the first.
    """
    plan = pool.plan
    depth = min(plan.staleness, DEEPEST)
    early = round(depth * pool.size)
    cycles = CYCLES + math.ceil(depth)
    refills: Floats = _first_wait(pool) + np.arange(1.0, cycles + 1) * max(learning + sync, 1.0)
    for _ in range(cycles + 2):
        run, let_in, begin, finish = pool.flow(refills, early)
        ready = _ready(pool, finish, cycles + 1)
        done = _learnt(ready, learning)
        before, refills = refills, done[:-1] + sync
        moved = float(np.abs(refills - before).max()) / refills[-1]
        if moved <= AGREED:
            break
        # one replica would do the same again; of several, others might get a rollout
        same = bool(np.all(refills >= before)) if pool.played == 1 else moved <= ROUTED
        # a batch that is let in earlier has to have waited longer than that
        if same and _waited(pool, begin, np.maximum(refills, 2.0 * before - refills)):
            let_in[pool.size + early :] = np.repeat(refills, pool.size)
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
    played = Done(busy, tokens, float(run.replicas["iterations"].sum()), whole)
    return _rollouts(pool, latencies, stay, verify, period, played)


def _first_wait(pool: RolloutPool) -> float:
    """Return about how long the longest rollout of a group takes in a full engine, s."""
    plan, step = pool.plan, pool.step
    room = min(step.max_batch, step.kv_capacity_tokens / plan.trajectory_tokens)
    longest = quantile(plan.lengths, 1.0 - 1.0 / max(plan.group_size, 3))
    return longest * step.decode_seconds(max(1, int(room)), plan.trajectory_tokens)


def _waited(pool: RolloutPool, begin: Floats, refills: Floats) -> bool:
    """Return whether no rollout began before the time at which its batch should be let in.

    Parameters
    ----------
    pool : RolloutPool
    begin : array of float64, shape (n,), s
        First token of each rollout.
    refills : array of float64, shape (cycles,), s
    """
    batches = begin[-pool.size * refills.size :].reshape(refills.size, pool.size)
    return bool(np.all(batches.min(axis=1) > refills))


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
    context = half_way(plan)
    let_in = (1.0 + min(plan.staleness, DEEPEST)) * plan.drawn / pool.replicas
    running = min(let_in, step.max_batch, step.kv_capacity_tokens / context)
    return running * step.prefill_seconds(context, queued=True)


def half_way(plan: RLPlan) -> float:
    """Return the context of a rollout that is found running, tokens: half of it is written."""
    before = plan.prompt_tokens + plan.observed_tokens
    return before + 0.5 * (plan.attended_tokens - before)


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


def _rollouts(
    pool: RolloutPool,
    latency: Floats,
    makespan: float,
    verify: float,
    period: float,
    done: Done,
) -> Rollouts:
    """Return the means of one batch from the sums over those that were played."""
    step, load, machine = pool.step, pool.load, pool.plan.accelerator
    flop = done.tokens * (load.flop_per_token + load.attention_flop_per_token)
    compute = flop / (done.busy * step.n_accelerators * machine.peak(load.weight_dtype))
    together = done.tokens / done.steps  # sequences of the mean step
    traffic = step.traffic_seconds(together, together * half_way(pool.plan), together)
    bandwidth = done.steps * traffic / done.busy
    return Rollouts(
        latency=latency,
        makespan=makespan,
        verify=verify,
        period=period,
        busy=done.busy / pool.played / done.batches,
        tokens=done.tokens / done.batches * pool.plan.drawn / pool.size,
        compute=min(compute, 1.0),
        bandwidth=min(bandwidth, 1.0),
        replicas=pool.replicas,
        replica=step,
    )
