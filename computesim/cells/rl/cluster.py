"""The learner of an RL job, and the accelerators that it gets beside the rollout engine."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from computesim.cells.rl.overhead import slowness
from computesim.cells.rl.plan import RLPlan
from computesim.cells.rl.replica import batch_seconds, rollout_replica
from computesim.cells.training import hardware_share
from computesim.errors import CapacityError
from computesim.hardware.parallel import TrainingStep, best_layout
from computesim.hardware.training_job import TrainingJob
from computesim.workload.transformer import training_load

SMALLEST_LEARNER: Final = 8  #: accelerators
LARGEST_LEARNER: Final = 2**16  #: accelerators, above which the model does not fit
SHORTEST: Final = 128  #: tokens of a training sequence
#: tokens to whose multiples sequences are padded: NeMo RL, `sequence_length_round`
ROUNDED: Final = 64
CAREFUL: Final = 1.0 + 1e-6  #: for a bound that rounding must not cross
FORWARD: Final = 1.0 / 3.0  #: of the seconds of a training step


@dataclass(frozen=True, slots=True)
class Learner:
    """What the learner needs for the kept rollouts of a step."""

    seconds: float  #: forward, backward and optimiser of all passes, critic included, s
    log_probs: float  #: forward passes of policy, reference and critic, s
    step: TrainingStep  #: of one minibatch

    def effort(self, plan: RLPlan) -> tuple[float, float]:
        """Return compute and memory bandwidth in use while the learner works, fractions."""
        compute = hardware_share(self.step, plan.accelerator, plan.dtype)
        return compute / slowness(plan), self.step.bandwidth / slowness(plan)


def mean_effort(
    shares: tuple[float, float], efforts: tuple[tuple[float, float], tuple[float, float]]
) -> tuple[float, float]:
    """Return compute and bandwidth in use, means over the time of a job.

    Parameters
    ----------
    shares : tuple of two float
        Of the job's time in which engine and learner work, `RLPlan.working`.
    efforts : tuple of two tuples
        Compute and bandwidth of both while they work.
    """
    compute, bandwidth = (
        sum(share * effort[kind] for share, effort in zip(shares, efforts, strict=True))
        for kind in (0, 1)
    )
    return compute, bandwidth


@lru_cache(maxsize=8)
def learner(plan: RLPlan) -> Learner:
    """Return the seconds of the learner on its accelerators, layout searched.

    Raises
    ------
    CapacityError
        If the model does not fit in training on the accelerators of the learner, offloaded or not.
    """
    # RL frameworks move optimiser states to the host where they would not fit
    step = best_layout(_job(plan), plan.split[1], offload="auto")
    if plan.learner_flop:
        rate = step.mfu * plan.accelerator.peak("bf16") * plan.split[1]
        return Learner(plan.learner_flop / rate * slowness(plan), 0.0, step)
    once = step.seconds * plan.minibatches * slowness(plan)
    forwards = int(plan.old_log_probs) + int(plan.reference) + int(plan.critic)
    networks = 2.0 if plan.critic else 1.0
    forward = (once - step.host_seconds * plan.minibatches * slowness(plan)) * FORWARD
    return Learner(once * plan.updates * networks, forwards * forward, step)


def _job(plan: RLPlan) -> TrainingJob:
    """Return the training of one minibatch."""
    attended = min(plan.attended_tokens, plan.model.context_length)
    seq_len = math.ceil(attended / ROUNDED) * ROUNDED
    load = training_load(plan.model, max(seq_len, SHORTEST))
    batch = max(plan.sequences / plan.minibatches * plan.trajectory_tokens, load.seq_len)
    return TrainingJob.of(load, plan.accelerator, batch, plan.dtype)


def balanced(plan: RLPlan) -> RLPlan:
    """Return the plan with the learner's share of accelerators that lets neither side wait.

    Parameters
    ----------
    plan : RLPlan

    Returns
    -------
    RLPlan
        The same if it is synchronous. Otherwise its accelerators generate, and the learner gets
        others: the power of two (or three quarters of one) that is next to as fast.

    Raises
    ------
    CapacityError
        If the model does not fit.
    """
    if plan.staleness == 0:
        return plan
    size, load = SMALLEST_LEARNER, plan.load
    split = _divided(plan, plan.n_accelerators, size)
    needed = batch_seconds(split, rollout_replica(split, load)[1], tail=False)
    most = min(2 * plan.n_accelerators, LARGEST_LEARNER)
    fastest = _job(plan).highest_rate * CAREFUL / slowness(split)
    while size < most and plan.learner_flop > needed * fastest * size:
        size *= 2  # not even without a loss would it be fast enough
    while True:
        split = _divided(plan, plan.n_accelerators, size)
        try:
            taught = learner(split)
            if taught.seconds + taught.log_probs <= needed or size >= 2 * plan.n_accelerators:
                break
        except CapacityError:
            if size > LARGEST_LEARNER:
                raise
        size *= 2
    while split.n_rollout < size:  # the model's state needs a learner that would mostly wait
        split = _divided(plan, min(2 * split.n_rollout, size), size)
    return split


def _divided(plan: RLPlan, n_rollout: int, n_learner: int) -> RLPlan:
    """Return the plan with accelerators of their own for rollout and learner."""
    whole = n_rollout + n_learner
    return replace(plan, n_accelerators=whole, n_rollout=n_rollout, n_learner=n_learner)
