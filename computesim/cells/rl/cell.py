"""Goodput of RL post-training: steps that one accelerator gets done, rollouts simulated.

A step is that of `rl_step`: simulated rollouts, verdicts, log-probabilities, learner, new
weights. The job is as large as the rollouts of one step need to run all at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from computesim.cells.jobs import RLDemand
from computesim.cells.rl.cluster import balanced
from computesim.cells.rl.step import RLPlan, rl_step_times
from computesim.cells.serving import Play
from computesim.cells.training import round_up
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.reliability import Failures
from computesim.hardware.serving import serving_layout, serving_step
from computesim.records import quantity
from computesim.workload.search import search_cost

#: rollouts need throughput, not speed; slower than this the tail takes hours
ROLLOUT_TPOT = 0.1  # s/token, estimate
LARGEST = 64  #: thousand accelerators of a job, above which a model does not fit
#: why a job has other accelerators than its rollouts take
RESIZED = {"learner": "its learner does not fit on fewer"}


@dataclass(frozen=True, slots=True)
class RLCell:
    """What one accelerator of an RL job gets done, and where the time of a step goes."""

    #: RL steps/s per accelerator, failures included; 0: it does not fit
    steps: float = quantity("1/s", 0.0)
    step_seconds: float = quantity("s", 0.0)  #: wall time of one step of the job, s
    #: of the rollouts, as if the whole job generated, s
    rollout_seconds: float = quantity("s", 0.0)
    #: log-probabilities, critic and learner, likewise, s
    learner_seconds: float = quantity("s", 0.0)
    accelerators: int = 0  #: of one job
    requested: int = 0  #: accelerators on which all rollouts of a step run at once
    resized: str = ""  #: why it has others: a key of `RESIZED`, empty where it has these
    #: mean of the step, fraction of the dense peak of the executed dtype
    compute: float = quantity("1", 0.0)
    bandwidth: float = quantity("1", 0.0)  #: likewise of the memory bandwidth
    busy: float = quantity("1", 0.0)  #: share of the step in which the accelerators work
    utilisation: float = quantity("1", 0.0)  #: model FLOP of the step over the dense bf16 peak


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
    Synchronous runs take turns on the same accelerators and wait for the last rollout of a step.
    Others run ahead: rollouts and learner have their own accelerators, split so that neither
    waits long; asynchronous ones never wait for the tail.
    """
    try:
        return _measure(demand, accelerator, play, failures)
    except CapacityError:
        return RLCell()


def _measure(demand: RLDemand, accelerator: Accelerator, play: Play, failures: Failures) -> RLCell:
    plan = plan_of(demand, accelerator, play)
    requested = plan.n_accelerators
    while True:
        try:
            times = rl_step_times(plan, play.seed, play.kernel)
            break
        except CapacityError:  # the learner needs more than the rollouts do
            if plan.n_accelerators > LARGEST * max(accelerator.scaleup_domain, 1024):
                raise
            plan = _doubled(plan)
    seconds, job = times.step_seconds, times.n_accelerators
    idle = times.rollout_idle * times.n_rollout + times.learner_idle * times.n_learner
    return RLCell(
        steps=failures.effective_time(job) / (seconds * job),
        step_seconds=seconds,
        rollout_seconds=times.rollout_seconds * times.n_rollout / job,
        learner_seconds=(times.log_prob_seconds + times.learner_seconds) * times.n_learner / job,
        accelerators=job,
        requested=requested,
        resized="" if job == requested else "learner",
        compute=times.compute,
        bandwidth=times.bandwidth,
        busy=min(1.0, max(0.0, 1.0 - idle / (times.n_rollout + times.n_learner))),
        utilisation=times.utilisation,
    )


def plan_of(demand: RLDemand, accelerator: Accelerator, play: Play) -> RLPlan:
    """Return one step as a plan, on a job that runs all rollouts of a step at once.

    Parameters
    ----------
    demand : RLDemand
    accelerator : Accelerator
    play : Play

    Raises
    ------
    CapacityError
        If the model does not fit.
    """
    recipe = demand.recipe
    cost = search_cost(recipe.search, demand.response_tokens)
    # a search runs as so many sequences side by side, each as long as its critical path
    growth = cost.critical_tokens / demand.response_tokens
    lanes = max(1.0, cost.generated_tokens / cost.critical_tokens)
    flop = {name: work.flop for name, work in demand.works.items()}
    cap = demand.max_response_tokens * growth
    plan = RLPlan(
        model=demand.model,
        accelerator=accelerator,
        n_accelerators=LARGEST * 1024,
        sequences=max(1, round(recipe.prompts * recipe.group_size * lanes)),
        prompt_tokens=recipe.prompt_tokens,
        mean_output_tokens=min(demand.response_tokens * growth, cap),
        max_output_tokens=cap,
        group_size=max(1, round(recipe.group_size * lanes)),
        output_spread=demand.response_spread,
        staleness=float(recipe.schedule.max_staleness),
        partial_rollouts=recipe.schedule.mode == "asynchronous",
        dtype=demand.dtype,
        rollout_dtype=recipe.rollout_dtype,
        kv_dtype=recipe.kv_dtype,
        updates=recipe.updates,
        keep_share=recipe.keep_share,
        turns=recipe.turns.turns,
        tool_seconds=recipe.turns.tool_seconds,
        tool_tokens=recipe.turns.tool_tokens,
        verifier_seconds=demand.verifier_seconds,
        flop=sum(flop.values()),
        learner_flop=sum(f for name, f in flop.items() if name not in ("prefill", "decode")),
        simulated=play.requests,
    )
    return balanced(replace(plan, n_accelerators=_enough(plan)))


def _enough(plan: RLPlan) -> int:
    """Return the accelerators on which all rollouts of a step run at once, each at a fair pace."""
    load = plan.load
    longest = plan.prompt_tokens + plan.observed_tokens + plan.max_output_tokens + 1
    machine = plan.accelerator
    step = serving_step(
        load, machine, serving_layout(load, machine, plan.trajectory_tokens, ROLLOUT_TPOT)
    )
    if step.sequence_tokens < longest:
        layout = serving_layout(load, machine, longest, ROLLOUT_TPOT)
        step = serving_step(load, machine, layout)
    room = min(step.max_batch, step.kv_capacity_tokens / plan.trajectory_tokens)
    together = max(1, round(min(room, plan.drawn)))
    return round_up(max(1, round(plan.drawn / together)) * step.n_accelerators)


def _doubled(plan: RLPlan) -> RLPlan:
    """Return the plan with twice the accelerators, split as before."""
    return replace(
        plan,
        n_accelerators=2 * plan.n_accelerators,
        n_rollout=2 * plan.n_rollout,
        n_learner=2 * plan.n_learner,
    )
