"""One step of RL post-training, simulated: rollouts, verdicts, learner, new weights.

    rollouts ─▶ verdicts ─▶ log-probabilities ─▶ learner ─▶ weights ─▶ rollouts of a later step

A synchronous job waits at each arrow. One that runs ahead is the loop of `sim.loop`: the engine
generates with weights at most `staleness` steps old while the learner works.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from computesim.cells.rl.cluster import Learner, learner, mean_effort
from computesim.cells.rl.engine import Rollouts, ahead, in_turn
from computesim.cells.rl.overhead import overhead_seconds, sync_seconds
from computesim.cells.rl.plan import RLPlan, RLStepTimes
from computesim.cells.rl.pool import RolloutPool
from computesim.hardware.power import accelerator_watts, cluster_watts, node_watts
from computesim.sim.engine import Engine
from computesim.sim.loop import LoopRun, rollout_loop
from computesim.sim.streams import stream

__all__ = ["PlayedStep", "RLPlan", "RLStepTimes", "played_step", "rl_run", "rl_step_times"]

TAILS: Final = 16  #: batches of a run that are simulated; the others are drawn from them
MOST: Final = 2**15  #: rollouts of those batches, all together
ENOUGH: Final = 4096  #: rollouts whose tail needs no averaging over batches


@dataclass(frozen=True, slots=True)
class PlayedStep:
    """The mean step of a run, with the engine and the learner that make it."""

    pool: RolloutPool
    made: Rollouts
    taught: Learner
    times: RLStepTimes


def rl_step_times(plan: RLPlan, seed: int = 1, engine: Engine = "numba") -> RLStepTimes:
    """Return the mean step of an RL run in its steady state.

    Parameters
    ----------
    plan : RLPlan
    seed : int
        Of the lengths of the rollouts.
    engine : {"numba", "simpy"}
        Kernels or their twins.

    Raises
    ------
    CapacityError
        If the model does not fit on the accelerators of the engine or of the learner.

    Source
    ------
    AReaL (arXiv 2505.24298), NeMo RL performance summaries v0.5 and v0.6 (calibration of
    `rl_framework.FRAMEWORK`), checkpoint-engine (weights).
    """
    return played_step(plan, seed, engine).times


def played_step(plan: RLPlan, seed: int = 1, engine: Engine = "numba") -> PlayedStep:
    """Return the mean step of an RL run as `rl_step_times`, and what made it.

    Parameters
    ----------
    plan : RLPlan
    seed : int
    engine : {"numba", "simpy"}

    Raises
    ------
    CapacityError
        If the model does not fit on the accelerators of the engine or of the learner.
    """
    pool, taught = RolloutPool.of(plan, seed, engine), learner(plan)
    made = _made(pool, taught, min(4, max(1, ENOUGH // plan.sequences)))
    period = made.period
    if not period:
        period = float(made.latency.mean()) + _learning(plan, taught) + sync_seconds(plan)
    return PlayedStep(pool, made, taught, _times(plan, made, taught, period))


def rl_run(plan: RLPlan, steps: int, seed: int = 1, engine: Engine = "numba") -> LoopRun:
    """Play all steps of an RL run, each with a simulated tail.

    Parameters
    ----------
    plan : RLPlan
    steps : int
    seed : int
    engine : {"numba", "simpy"}

    Returns
    -------
    LoopRun
        Times of all steps; the last `finish` is the duration of the run without failures.

    Notes
    -----
    `TAILS` batches are simulated rollout by rollout; each step takes the tail of one of them,
    drawn at random.
    """
    pool, taught = RolloutPool.of(plan, seed, engine), learner(plan)
    tails = in_turn(pool, max(1, min(TAILS, steps, MOST // plan.sequences)))
    latency = stream(seed, "rollout_tails").choice(tails.latency, steps)
    occupancy = latency
    if not plan.in_turn:
        made = _made(pool, taught, 1)
        latency = latency * (float(made.latency.mean()) / float(tails.latency.mean()))
        occupancy = np.minimum(latency, made.busy)
    learning = np.full(steps, _learning(plan, taught))
    return rollout_loop(latency, occupancy, learning, sync_seconds(plan), plan.staleness, engine)


def _made(pool: RolloutPool, taught: Learner, batches: int) -> Rollouts:
    """Return what the engine does, in turn with the learner or ahead of it."""
    if pool.plan.in_turn:
        return in_turn(pool, batches)
    return ahead(pool, _learning(pool.plan, taught), sync_seconds(pool.plan))


def _learning(plan: RLPlan, taught: Learner) -> float:
    """Return the seconds of a step in which the learner is taken."""
    return taught.seconds + taught.log_probs + overhead_seconds(plan)


def _times(plan: RLPlan, made: Rollouts, taught: Learner, period: float) -> RLStepTimes:
    """Return the split of a step of known length."""
    learning = taught.seconds + taught.log_probs
    generated = made.busy / period
    at_learner = learning / period
    n_rollout, n_learner = plan.split
    if plan.colocated:
        rollout_idle = learner_idle = max(0.0, 1.0 - generated - at_learner)
    else:
        rollout_idle, learner_idle = max(0.0, 1.0 - generated), max(0.0, 1.0 - at_learner)
    compute, bandwidth, watts = _effort(plan, made, taught, generated, at_learner)
    flop = plan.model_flop
    time = period * plan.n_accelerators
    waiting = made.makespan if plan.in_turn else made.busy
    return RLStepTimes(
        step_seconds=period,
        rollout_seconds=waiting,
        latency_seconds=float(made.latency.mean()),
        verify_seconds=made.verify,
        log_prob_seconds=taught.log_probs,
        learner_seconds=taught.seconds,
        sync_seconds=sync_seconds(plan),
        overhead_seconds=overhead_seconds(plan),
        rollout_idle=rollout_idle,
        learner_idle=learner_idle,
        rollout_fraction=min(waiting / period, 1.0),
        tokens_per_second_per_accelerator=plan.sequences * plan.trajectory_tokens / time,
        generated_tokens=made.tokens,
        flop=flop,
        utilisation=flop / (time * plan.accelerator.peak("bf16")),
        watts=watts,
        compute=compute,
        bandwidth=bandwidth,
        n_accelerators=plan.n_accelerators,
        n_rollout=n_rollout,
        n_learner=n_learner,
        replicas=made.replicas,
        replica_accelerators=made.replica.n_accelerators,
    )


def _effort(
    plan: RLPlan, made: Rollouts, taught: Learner, generated: float, at_learner: float
) -> tuple[float, float, float]:
    """Return compute and bandwidth in use, means over the step and the job, and IT watts."""
    machine = plan.accelerator
    shares = plan.working(generated, at_learner)
    efforts = ((made.compute, made.bandwidth), taught.effort(plan))
    idle = accelerator_watts(machine, 0.0, 0.0, 0.0)
    watts = idle
    for share, (compute, bandwidth) in zip(shares, efforts, strict=True):
        watts += share * (accelerator_watts(machine, compute, bandwidth) - idle)
    return *mean_effort(shares, efforts), cluster_watts(
        node_watts(machine, watts, min(sum(shares), 1.0))
    )
