"""An RL step as a page of text."""

from __future__ import annotations

from collections.abc import Iterator

from computesim.calendar import DAY
from computesim.report.text.tables import columns
from computesim.study.rl.answer import EngineMemory, LearnerMemory, RLAnswer, RLRun
from computesim.units import show

Line = tuple[str, ...]


def text(answer: RLAnswer) -> str:
    """Return the answer as a page of text.

    Parameters
    ----------
    answer : RLAnswer
    """
    blocks = [columns(list(_parts(answer))), columns(list(_figures(answer)))]
    if answer.run is not None:
        blocks.append(columns(list(_run(answer.run))))
    head = [_title(answer), *answer.notes, answer.bottleneck]
    return "\n\n".join(["\n".join(head), *blocks])


def _title(answer: RLAnswer) -> str:
    job = answer.job
    if job.in_turn:
        how = "rollouts and learner take turns"
    else:
        steps = "step" if job.staleness == 1 else "steps"
        ahead = f"{job.staleness:g} {steps} ahead" if job.staleness else "in turn"
        how = f"{job.rollout:,} generate, {ahead}, {job.learner:,} learn"
    return (
        f"{job.model} on {job.accelerators:,} x {job.accelerator}, {how}; {job.prompts:,.0f} "
        f"prompts of {job.prompt_tokens:,.0f} tokens x {job.group_size}, rollouts of "
        f"{job.output_tokens:,.0f} tokens, at most {job.max_output_tokens:,.0f}"
    )


def _parts(answer: RLAnswer) -> Iterator[Line]:
    """Yield the parts of a step; ahead of the learner they overlap."""
    step, job = answer.step, answer.job
    last = "until the last one" if job.staleness == 0 else "of the engine for a batch"
    if step.waiting:
        last += f"; {_seconds(step.waiting)} of it a replica waits for the longest"
    yield "step", _seconds(step.seconds), "", ""
    for name, seconds, words in (
        ("rollout", step.rollout, last),
        ("verify", step.verify, "after the last rollout"),
        ("log-probabilities", step.log_probs, ""),
        ("learner", step.learner, ""),
        ("weight sync", step.weight_sync, ""),
        ("overhead", step.overhead, "of the framework"),
    ):
        yield f"  {name}", _seconds(seconds), f"{seconds / step.seconds:.1%}", words


def _figures(answer: RLAnswer) -> Iterator[Line]:
    step = answer.step
    if answer.job.in_turn:
        yield "idle", f"{step.rollout_idle:.1%} of the accelerators' time"
    else:
        yield "idle", (f"{step.rollout_idle:.1%} of those that generate, "
                       f"{step.learner_idle:.1%} of those that learn")  # fmt: skip
        yield "batch", f"{_seconds(step.batch_latency)} from its start to its last verdict"
    yield "tokens", (f"{step.tokens_per_second_per_accelerator:,.4g}/s learnt per accelerator; "
                     f"{show(step.generated_tokens, digits=4)} generated a step")  # fmt: skip
    yield "utilisation", f"{step.utilisation:.1%} MFU of {step.flop:.3g} FLOP a step"
    yield "energy", f"{show(step.joules / 3600, 'Wh')} a step at {show(step.watts, 'W')} (facility)"
    for name, side in answer.memory.items():
        yield f"memory, {name}", _memory(side)


def _memory(side: EngineMemory | LearnerMemory) -> str:
    if isinstance(side, EngineMemory):
        fit = side.rollouts_at_once
        some = "all" if fit >= side.rollouts else f"{fit:,.0f}"
        return (
            f"{_gb(side.weights)} weights and {_gb(side.cache)} cache of {_gb(side.capacity)}; "
            f"{side.replicas:,} replicas ({side.layout}) of {side.cache_tokens:,.0f} tokens: "
            f"{some} of their {side.rollouts:,.0f} rollouts at once"
        )
    total = side.weights + side.gradients + side.optimiser + side.activations
    host = f", {_gb(side.host)} in host memory" if side.host else ""
    return (
        f"{_gb(total)} of {_gb(side.capacity)} ({_gb(side.weights)} weights, "
        f"{_gb(side.gradients)} gradients, {_gb(side.optimiser)} optimiser, "
        f"{_gb(side.activations)} activations{host}); {side.layout}"
    )


def _run(run: RLRun) -> Iterator[Line]:
    yield "run", (f"{run.steps:,} steps: {run.running / DAY:.3g} days; "
                  f"{run.played / DAY:.3g} with tails drawn step by step")  # fmt: skip
    yield "steps", f"median {_seconds(run.step_p50)}, p90 {_seconds(run.step_p90)}"
    yield "wall time", f"{run.seconds / DAY:.3g} days, goodput {run.goodput:.1%}"
    yield "accelerator-hours", show(run.accelerator_hours)
    yield "energy", f"{show(run.joules / 3600, 'Wh')} (facility)"


def _seconds(seconds: float) -> str:
    return f"{seconds:,.4g} s" if seconds < 1000 else f"{seconds:,.0f} s"


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
