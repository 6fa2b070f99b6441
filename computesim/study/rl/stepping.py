"""From the question of an RL step to its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from computesim.cells.rl.framework import calibration_of
from computesim.cells.rl.plan import RLPlan
from computesim.cells.rl.step import PlayedStep, played_step, rl_run
from computesim.errors import CapacityError
from computesim.hardware.power import facility_watts
from computesim.hardware.serving import held_bytes
from computesim.study.plan.layouts import layout_text
from computesim.study.plan.run_level import Reliability, goodput
from computesim.study.rl.answer import (
    EngineMemory,
    LearnerMemory,
    RLAnswer,
    RLFacts,
    RLRun,
    StepSplit,
)
from computesim.study.rl.bottleneck import bottleneck
from computesim.study.rl.gaps import goes_on, lengths, sides
from computesim.study.rl.question import RLQuestion, check

if TYPE_CHECKING:
    from computesim.catalog import Catalog

#: what question and plan call alike
_ALIKE: Final = (
    "group_size", "staleness", "recompute_cache", "dtype", "kv_dtype", "updates", "minibatches",
    "keep_share", "old_log_probs", "reference", "critic", "turns", "tool_seconds", "tool_tokens",
    "verifier_seconds", "verifier_cores", "speculation", "chunks",
)  # fmt: skip


def stepped(question: RLQuestion) -> RLAnswer:
    """Return the step that is asked for, and the run where its steps are counted.

    Parameters
    ----------
    question : RLQuestion

    Raises
    ------
    QuestionError
        With everything that is impossible.
    CapacityError
        If the model does not fit on the accelerators of the engine or of the learner.
    """
    catalog = question.tables()
    plan = plan_of(question, catalog)
    step = played_step(plan, question.seed)
    split = _split(question, catalog, step)
    return RLAnswer(
        job=_facts(question, catalog, step),
        step=split,
        bottleneck=bottleneck(plan, step.times, split.waiting),
        memory={"rollout": _engine_memory(step), "learner": _learner_memory(step)},
        notes=_notes(question, plan),
        run=_run(question, catalog, step, split) if question.steps else None,
    )


def plan_of(question: RLQuestion, catalog: Catalog) -> RLPlan:
    """Return the step of a question, its gaps filled as those of published cases.

    Parameters
    ----------
    question : RLQuestion
    catalog : Catalog

    Raises
    ------
    QuestionError
        With everything that is impossible.
    """
    chip, model = catalog.accelerator(question.accelerator), catalog.model(question.model)
    told = question.output_tokens, question.max_output_tokens
    mean, cap = lengths(*told, calibration_of(chip).mean_share)
    learner, rollout = sides(question.count, question.learner, question.rollout)
    check(question, model, chip, (mean, cap), rollout or question.count)
    partial = question.partial_rollouts
    return RLPlan(
        model=model,
        accelerator=chip,
        n_accelerators=question.count,
        sequences=question.prompts * question.group_size,
        prompt_tokens=question.prompt_tokens,
        mean_output_tokens=mean,
        max_output_tokens=cap,
        n_learner=learner,
        n_rollout=rollout,
        output_spread=question.spread,
        partial_rollouts=goes_on(question.staleness) if partial is None else partial,
        rollout_dtype=question.rollout_dtype or "",
        tp_rollout=question.tp_rollout or 0,
        **{name: getattr(question, name) for name in _ALIKE},
    )


def _facts(question: RLQuestion, catalog: Catalog, step: PlayedStep) -> RLFacts:
    plan = step.pool.plan
    return RLFacts(
        model=catalog.resolve("models", question.model),
        accelerator=plan.accelerator.name,
        accelerators=plan.n_accelerators,
        learner=plan.split[1],
        rollout=plan.split[0],
        in_turn=plan.colocated,
        dtype=plan.dtype,
        rollout_dtype=plan.engine_dtype,
        prompts=question.prompts,
        group_size=plan.group_size,
        sequences=plan.sequences,
        prompt_tokens=plan.prompt_tokens,
        output_tokens=plan.mean_output_tokens,
        max_output_tokens=plan.max_output_tokens,
        staleness=plan.staleness,
        partial_rollouts=plan.partial_rollouts,
    )


def _split(question: RLQuestion, catalog: Catalog, step: PlayedStep) -> StepSplit:
    times = step.times
    watts = times.n_accelerators * facility_watts(catalog.site(question.site), times.watts)
    waiting = max(step.made.makespan - step.made.busy, 0.0) if step.pool.plan.in_turn else 0.0
    return StepSplit(
        seconds=times.step_seconds,
        rollout=times.rollout_seconds,
        waiting=waiting,
        verify=times.verify_seconds,
        log_probs=times.log_prob_seconds,
        learner=times.learner_seconds,
        weight_sync=times.sync_seconds,
        overhead=times.overhead_seconds,
        batch_latency=times.latency_seconds,
        rollout_idle=times.rollout_idle,
        learner_idle=times.learner_idle,
        rollout_fraction=times.rollout_fraction,
        generated_tokens=times.generated_tokens,
        tokens_per_second_per_accelerator=times.tokens_per_second_per_accelerator,
        flop=times.flop,
        utilisation=times.utilisation,
        watts=watts,
        joules=watts * times.step_seconds,
    )


def _engine_memory(step: PlayedStep) -> EngineMemory:
    pool, plan = step.pool, step.pool.plan
    capacity = plan.accelerator.memory_bytes * plan.engine_memory
    weights = held_bytes(pool.load, plan.accelerator, pool.layout)
    room = min(pool.step.max_batch, pool.step.kv_capacity_tokens / plan.trajectory_tokens)
    layout = pool.layout
    degrees = {name: getattr(layout, name) for name in ("tp", "pp", "ep", "dp")}
    words = " ".join(f"{name}{degree}" for name, degree in degrees.items() if degree > 1)
    return EngineMemory(
        replicas=pool.replicas,
        accelerators_per_replica=layout.n_accelerators,
        layout=words or "one accelerator",
        weights=weights,
        cache=capacity - weights,
        capacity=capacity,
        cache_tokens=pool.step.kv_capacity_tokens,
        rollouts_at_once=room,
        rollouts=plan.drawn / pool.replicas,
    )


def _learner_memory(step: PlayedStep) -> LearnerMemory:
    held = step.taught.step.memory
    return LearnerMemory(
        layout=layout_text(step.taught.step.layout),
        weights=held.weights,
        gradients=held.gradients,
        optimiser=held.optimiser,
        activations=held.activations,
        capacity=held.capacity,
        host=held.host,
    )


def _notes(question: RLQuestion, plan: RLPlan) -> list[str]:
    """Return what was filled in, and what is not as one would think."""
    notes = []
    if question.output_tokens is None:
        share = plan.mean_output_tokens / plan.max_output_tokens
        notes.append(f"Mean rollout: {share:.0%} of the cap, as in published runs that tell both.")
    if question.max_output_tokens is None:
        notes.append(f"Longest rollout: {plan.max_output_tokens:,.0f} tokens, four times the mean.")
    done = {d: plan.accelerator.supported_dtype(d) for d in (plan.dtype, plan.engine_dtype)}
    notes.extend(
        f"{plan.accelerator.name} has no {dtype}: multiplications run in {wider}."
        for dtype, wider in done.items()
        if wider != dtype
    )
    return notes


def _run(question: RLQuestion, catalog: Catalog, step: PlayedStep, split: StepSplit) -> RLRun:
    """Return what all steps take: failures are those of the catalog."""
    assert question.steps is not None
    plan, running = step.pool.plan, question.steps * split.seconds
    each = np.diff(rl_run(plan, question.steps, question.seed).finish, prepend=0.0)
    nodes = plan.n_accelerators / plan.accelerator.node_accelerators
    share = goodput(nodes, Reliability.of(catalog), step.taught.step.jitter).share
    if not share > 0:
        raise CapacityError(f"{plan.n_accelerators:,} accelerators fail faster than they restart")
    return RLRun(
        steps=question.steps,
        running=running,
        played=float(each.sum()),
        step_p50=float(np.quantile(each, 0.5)),
        step_p90=float(np.quantile(each, 0.9)),
        goodput=share,
        seconds=running / share,
        accelerators=plan.n_accelerators,
        joules=split.watts * running / share,
    )
