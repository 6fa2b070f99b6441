"""A plan as a page of text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from computesim.calendar import DAY
from computesim.report.text.tables import Cell, columns, table
from computesim.study.plan.layouts import layout_text
from computesim.study.plan.planning import Plan
from computesim.study.plan.run_level import RunCost
from computesim.study.plan.scaling import Scalings
from computesim.units import show

_LAYOUTS: Mapping[str, Cell] = {
    "layout": lambda one: layout_text(one.layout),
    "step": "{0.step_seconds:.3g} s",
    "MFU": lambda one: f"{one.mfu * 100:.1f} %",
    "tokens/s each": "{0.tokens_per_second_per_accelerator:,.4g}",
    "bubble": lambda one: f"{one.bubble * 100:.0f} %",
    "exposed": lambda one: f"{one.exposed * 100:.0f} %",
    "memory": lambda one: f"{one.memory_bytes / 1e9:.0f} of {one.capacity_bytes / 1e9:.0f} GB",
    "verdict": "{0.verdict}",
}


def plan_text(plan: Plan) -> str:
    """Return a plan as a page of text.

    Parameters
    ----------
    plan : Plan
    """
    job = plan.job
    smallest = ", the smallest machine in time" if job.smallest_machine else ""
    lines = [
        f"{job.model} on {job.accelerators:,} x {job.accelerator}{smallest}, "
        f"{show(job.batch_tokens, digits=4)} tokens a step ({job.batch_from}), sequences of "
        f"{job.seq_len:,}, {job.dtype}",
        _counts(plan),
        *plan.notes,
        "",
        columns(table(plan.layouts, _LAYOUTS)),
    ]
    if plan.run is not None:
        lines += ["", columns(_run_rows(plan.run))]
    return "\n".join(lines)


def _counts(plan: Plan) -> str:
    """Return how many layouts there are and why the others lose."""
    reasons = {name: n for name, n in plan.losers.items() if n and name != "does not fit"}
    why = ", ".join(f"{name} {n:,}" for name, n in reasons.items())
    lost = f"; the others lose by: {why}" if why else ""
    return f"{plan.candidates:,} layouts, {plan.fitting:,} fit{lost}"


def _run_rows(run: RunCost) -> list[tuple[str, str]]:
    good = run.goodput
    rows = [
        ("run", f"{show(run.tokens)} tokens, {run.flop:.3g} FLOP in "
                f"{run.steps:,.0f} steps"),
        ("wall time", f"{run.seconds / DAY:.1f} days, {run.running / DAY:.1f} of them in "
                      "steps at full speed"),
        ("goodput", f"{good.share:.1%}: {good.effective:.1%} of the time with progress (a "
                    f"failure every {good.mtbf / 3600:.3g} h, a checkpoint every "
                    f"{good.checkpoint_interval / 60:.3g} min), stragglers "
                    f"{good.stragglers:.1%}"),
        ("utilisation", f"{run.mfu:.1%} MFU in steps, {run.all_in_mfu:.1%} of wall time"),
        ("accelerator-hours", show(run.accelerator_hours)),
        ("energy", f"{show(run.joules / 3600, 'Wh')} at {show(run.watts, 'W')} (facility)"),
    ]  # fmt: skip
    if run.usd is not None:
        rows.append(("rent", f"{show(run.usd)} USD"))
    return rows


def scaling_text(answer: Scalings, files: Sequence[Path] = ()) -> str:
    """Return both scaling curves as a page of text.

    Parameters
    ----------
    answer : Scalings
    files : sequence of Path
        That were written.
    """
    growing, fixed = answer.growing, answer.fixed
    cells: Mapping[str, Cell] = {
        "FLOP": lambda i: f"{growing.flop[i]:.2g}",
        "active params": lambda i: f"{growing.n_active[i]:.2g}",
        "batch, tokens": lambda i: f"{growing.batch_tokens[i]:.2g}",
        "accelerators": lambda i: _count(float(growing.n_accelerators[i])),
        "MFU": lambda i: f"{growing.mfu[i] * 100:.1f} %",
        "with failures": lambda i: f"{growing.all_in[i] * 100:.1f} %",
        "MFU, fixed batch": lambda i: f"{fixed.mfu[i] * 100:.1f} %",
    }
    days = answer.duration / DAY
    title = f"{answer.accelerator}, models like {answer.model}, runs of {days:.0f} days"
    limits: list[tuple[str, ...]] = [
        ("", "batch grows", f"batch of {fixed.batch_tokens[0] / 1e6:.3g} M tokens")
    ]
    limits += [
        (words, *(_limit(getattr(curve, name)) for curve in (growing, fixed)))
        for words, name in (
            ("linear to (80 % of small-scale MFU)", "linear_limit"),
            ("latency wall", "latency_wall"),
            ("failures take half of the time at", "failure_limit"),
        )
    ]
    written = [f"Written: {file}" for file in files]
    body = columns(table(range(len(growing.flop)), cells))
    return "\n".join([title, "", body, "", columns(limits), *written])


def _count(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.0f}"


def _limit(value: float) -> str:
    return "beyond what was tried" if math.isinf(value) else f"{value:.2g} FLOP"
