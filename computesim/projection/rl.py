"""Goodput of RL post-training: steps that one accelerator gets done, rollouts simulated.

A step is: rollouts (the long tail decides, so they are simulated), verdicts,
log-probabilities, the learner, and new weights for the rollout replicas. The job
is as large as the rollouts of one step need to run all at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.parallel import TrainingStep, best_layout
from computesim.hardware.serving import serving_layout, serving_step
from computesim.hardware.step import StepModel
from computesim.projection.demand import RLDemand
from computesim.projection.serving import MEMORY_SHARE, Play, as_service
from computesim.projection.training import (
    TRAINING_BANDWIDTH,
    Failures,
    hardware_share,
    round_up,
)
from computesim.quantities import ServingLoad
from computesim.sim.engine import RolloutRun, simulate_rollout
from computesim.sim.streams import stream
from computesim.workload.parameters import weight_bytes
from computesim.workload.search import search_cost
from computesim.workload.transformer import serving_load, training_load

#: rollouts need throughput, not speed; slower than this the tail takes hours
ROLLOUT_TPOT = 0.1  # s/token, estimate
#: seconds of a weight update beside the transfer: 6 to 25 s published for 235 B to 1 T parameters
#: nearly whatever the number of accelerators (checkpoint-engine, Tulu 3)
SYNC_SECONDS = 5.0
GENERATIONS = 4  #: of rollouts in an asynchronous run, the first of which begins all at once


@dataclass(frozen=True, slots=True)
class RLCell:
    """What one accelerator of an RL job gets done, and where the time of a step goes."""

    steps: float = 0.0  #: RL steps/s per accelerator, failures included; 0: it does not fit
    step_seconds: float = 0.0  #: wall time of one step of the job, s
    rollout_seconds: float = 0.0  #: of it, until the last (or last needed) rollout, s
    learner_seconds: float = 0.0  #: log-probabilities, critic and learner, s
    accelerators: int = 0  #: of one job
    compute: float = 0.0  #: mean of the step, fraction of the dense peak of the executed dtype
    bandwidth: float = 0.0  #: likewise of the memory bandwidth
    busy: float = 0.0  #: share of the step in which the accelerators work
    utilisation: float = 0.0  #: model FLOP of the step over the dense bf16 peak


def measure(demand: RLDemand, accelerator: Accelerator, play: Play, failures: Failures) -> RLCell:
    """Return what one accelerator does in an RL run.

    Parameters
    ----------
    demand : RLDemand
    accelerator : Accelerator
    play : Play
        Rollouts fill at least one replica, and more while there are `requests`.
    failures : Failures

    Returns
    -------
    RLCell
        All zero if the model does not fit.

    Notes
    -----
    Synchronous and one-step-off runs wait for the last rollout of a step; asynchronous ones
    replace each finished rollout by a new one, so that no replica waits for the tail. The
    learner works on the same accelerators in turn or on its own balanced share of them; either
    way a step takes the accelerator-seconds of both.
    """
    try:
        return _measure(demand, accelerator, play, failures)
    except CapacityError:
        return RLCell()


def _measure(demand: RLDemand, accelerator: Accelerator, play: Play, failures: Failures) -> RLCell:
    recipe = demand.recipe
    load = serving_load(demand.model, recipe.rollout_dtype, recipe.kv_dtype)
    cost = search_cost(recipe.search, demand.response_tokens)
    # a search runs as so many sequences side by side, each as long as its critical path
    growth = cost.critical_tokens / demand.response_tokens
    lanes = max(1.0, cost.generated_tokens / cost.critical_tokens)
    sequences = recipe.prompts * recipe.group_size / recipe.keep_share * lanes
    context = recipe.prompt_tokens + demand.response_tokens * growth / 2
    longest = recipe.prompt_tokens + demand.max_response_tokens * growth
    step = serving_step(load, accelerator, serving_layout(load, accelerator, context, ROLLOUT_TPOT))
    if step.kv_capacity_tokens < longest:
        layout = serving_layout(load, accelerator, longest, ROLLOUT_TPOT)
        step = serving_step(load, accelerator, layout)
    full = _together(step, recipe.prompt_tokens + demand.response_tokens * growth)
    together = max(1, round(min(full, sequences)))
    replicas = max(1, round(sequences / together))
    run = _rollouts(demand, step, together, growth, play)
    # replica-seconds of one sequence; those that are not finished have their tokens
    each = run.makespan * len(run.replicas) * _mean_output(run) / run.tokens
    rollout = each * sequences * step.n_accelerators  # accelerator-seconds of a step

    job, learner = _learner(demand, accelerator, replicas * step.n_accelerators)
    after = {k: w.flop for k, w in demand.works.items() if k not in ("prefill", "decode")}
    flop_per_second = job * learner.mfu * accelerator.peak("bf16")
    learning = sum(after.values()) / flop_per_second
    node = accelerator.node_accelerators * (
        accelerator.nic_bandwidth or accelerator.scaleup_bandwidth
    )
    sync = SYNC_SECONDS + weight_bytes(demand.model, recipe.rollout_dtype) / node
    waiting = demand.verifier_seconds if not recipe.schedule.overlapped else 0.0
    seconds = rollout / job + waiting + learning + sync
    share = rollout / job / seconds
    compute, bandwidth = _intensity(run, step, load, accelerator)
    learning_share = learning / seconds
    hardware = hardware_share(learner, accelerator, demand.dtype)
    total = sum(work.flop for work in demand.works.values())
    return RLCell(
        steps=failures.effective_time(job) / (seconds * job),
        step_seconds=seconds,
        rollout_seconds=rollout / job,
        learner_seconds=learning,
        accelerators=job,
        compute=share * compute + learning_share * hardware,
        bandwidth=share * bandwidth + learning_share * learner.busy * TRAINING_BANDWIDTH,
        busy=share * run.utilisation + learning_share * learner.busy,
        utilisation=total / (seconds * job * accelerator.peak("bf16")),
    )


def _together(step: StepModel, tokens: float) -> int:
    """Return how many rollouts of so many tokens a replica runs at once."""
    return max(1, int(min(step.max_batch, step.kv_capacity_tokens / tokens)))


def _rollouts(
    demand: RLDemand, step: StepModel, together: int, growth: float, play: Play
) -> RolloutRun:
    """Simulate rollouts on as many full replicas as the requests of a cell fill, at least one."""
    recipe = demand.recipe
    replicas = max(1, play.requests // together)
    size = replicas * together
    is_open = recipe.schedule.mode == "asynchronous"
    if is_open:  # replicas never run dry: the run ends when the last rollout has begun
        size *= GENERATIONS
    mean, sd = demand.response_tokens, demand.response_spread
    normal = stream(play.seed, "rollout_tokens").standard_normal(size)
    tokens = np.minimum(mean * np.exp(sd * normal - sd**2 / 2), demand.max_response_tokens)
    output = np.rint(tokens * growth).astype(np.int64).clip(min=1)
    prompt = np.full(size, max(1, round(recipe.prompt_tokens)), np.int64)
    cached = prompt.copy()
    cached[:: max(1, round(recipe.group_size))] = 0  # a group reads its prompt once
    return simulate_rollout(
        prompt,
        output,
        as_service(step),
        step.weight_seconds,
        replicas,
        cached_tokens=cached,
        stop_after=size - replicas * together if is_open else None,
        engine=play.engine,
    )


def _mean_output(run: RolloutRun) -> float:
    """Return the mean length of the rollouts that were asked for."""
    return float(run.requests["output_tokens"].mean())


def _learner(
    demand: RLDemand, accelerator: Accelerator, accelerators: int
) -> tuple[int, TrainingStep]:
    """Return the size of the job, large enough for the learner, and the learner's step."""
    recipe = demand.recipe
    seq_len = round(min(recipe.prompt_tokens + demand.response_tokens, demand.model.context_length))
    load = training_load(demand.model, max(seq_len, 128))
    sequences = recipe.prompts * recipe.group_size
    size = round_up(accelerators)
    while True:
        try:
            return size, best_layout(
                load, accelerator, size, sequences * load.seq_len, demand.dtype
            )
        except CapacityError:
            if size > 64 * max(accelerators, 1024):
                raise
            size *= 2


def _intensity(
    run: RolloutRun, step: StepModel, load: ServingLoad, accelerator: Accelerator
) -> tuple[float, float]:
    """Return the fractions of peak FLOP/s and of memory bandwidth in use during rollouts."""
    time = len(run.replicas) * run.makespan
    flop = run.tokens * (load.flop_per_token + load.attention_flop_per_token)
    compute = flop / (time * step.n_accelerators * accelerator.peak(load.weight_dtype))
    bandwidth = float(run.replicas["memory_seconds"].sum()) / time * MEMORY_SHARE
    return min(compute, 1.0), min(bandwidth, 1.0)
