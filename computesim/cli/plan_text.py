"""What `plan` found, as a page of text."""

from __future__ import annotations

import math
from typing import Any

from computesim.calendar import DAY
from computesim.report.text.tables import columns
from computesim.units import show

_HEAD = (
    "layout", "step", "MFU", "tokens/s each", "bubble", "exposed", "memory", "verdict",
)  # fmt: skip


def text(data: dict[str, Any]) -> str:
    """Return what `planned.plan` found as a page of text.

    Parameters
    ----------
    data : dict
    """
    job, losers = data["job"], data["losers"]
    found = ", the smallest machine in time" if job["smallest_machine"] else ""
    lines = [
        f"{job['model']} on {job['accelerators']:,} x {job['accelerator']}{found}, "
        f"{show(job['batch_tokens'], digits=4)} tokens a step ({job['batch_from']}), sequences of "
        f"{job['seq_len']:,}, {job['dtype']}",
        _counts(data["candidates"], data["fitting"], losers),
        *data["notes"],
        "",
        columns([_HEAD, *(_row(row) for row in data["layouts"])]),
    ]
    if data["run"] is not None:
        lines += ["", columns(_run_rows(data["run"]))]
    return "\n".join(lines)


def _counts(candidates: int, fitting: int, losers: dict[str, int]) -> str:
    """Return how many layouts there are and why the others lose."""
    why = ", ".join(f"{name} {n:,}" for name, n in losers.items() if n and name != "does not fit")
    lost = f"; the others lose by: {why}" if why else ""
    return f"{candidates:,} layouts, {fitting:,} fit{lost}"


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    """Return one layout as a row of the table."""
    held = f"{row['memory_bytes'] / 1e9:.0f} of {row['capacity_bytes'] / 1e9:.0f} GB"
    return (
        layout_text(row["layout"]),
        f"{row['step_seconds']:.3g} s",
        f"{row['mfu'] * 100:.1f} %",
        f"{row['tokens_per_second_per_accelerator']:,.4g}",
        f"{row['bubble'] * 100:.0f} %",
        f"{row['exposed'] * 100:.0f} %",
        held,
        row["verdict"],
    )


def layout_text(layout: dict[str, Any]) -> str:
    """Return a layout in a few words, degrees of one left out.

    Parameters
    ----------
    layout : dict
        Fields of `TrainingLayout`.
    """
    names = (("tp", "tp"), ("pp", "pp"), ("vp", "vp"), ("cp", "cp"), ("ep", "ep"), ("dp", "dp"))
    words = [f"{word}{layout[key]}" for key, word in names if layout[key] > 1]
    words += [f"zero{layout['zero']}", f"mb{layout['microbatch']}"]
    again = {"none": "", "selective": "sel", "full": "full"}[layout["recompute"]]
    words += [f"recompute-{again}"] if again else []
    words += [f"offload-{layout['offload']}"] if layout["offload"] != "none" else []
    return " ".join(words)


def _run_rows(run: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines on the run."""
    good = run["goodput"]
    rows = [
        ("run", f"{show(run['tokens'])} tokens, {run['flop']:.3g} FLOP in "
                f"{run['steps']:,.0f} steps"),
        ("wall time", f"{run['seconds'] / DAY:.1f} days, {run['running'] / DAY:.1f} of them in "
                      "steps at full speed"),
        ("goodput", f"{good['share']:.1%}: {good['effective']:.1%} of the time with progress (a "
                    f"failure every {good['mtbf'] / 3600:.3g} h, a checkpoint every "
                    f"{good['checkpoint_interval'] / 60:.3g} min), stragglers "
                    f"{good['stragglers']:.1%}"),
        ("utilisation", f"{run['mfu']:.1%} MFU in steps, {run['all_in_mfu']:.1%} of wall time"),
        ("accelerator-hours", show(run["accelerator_hours"])),
        ("energy", f"{show(run['joules'] / 3600, 'Wh')} at {show(run['watts'], 'W')} (facility)"),
    ]  # fmt: skip
    if run["usd"] is not None:
        rows.append(("rent", f"{show(run['usd'])} USD"))
    return rows


def scaling_text(data: dict[str, Any]) -> str:
    """Return both scaling curves as a page of text.

    Parameters
    ----------
    data : dict
        As `plan_scaling.scaling_data` returns it.
    """
    growing, fixed = data["growing"], data["fixed"]
    head = ("FLOP", "active params", "batch, tokens", "accelerators", "MFU", "with failures",
            "MFU, fixed batch")  # fmt: skip
    keys = ("flop", "n_active", "batch_tokens", "n_accelerators", "mfu", "all_in")
    body = [
        (*(f"{growing[k][i]:.2g}" for k in keys[:3]), _count(growing["n_accelerators"][i]),
         *(f"{growing[k][i] * 100:.1f} %" for k in keys[4:]), f"{fixed['mfu'][i] * 100:.1f} %")
        for i in range(len(growing["flop"]))
    ]  # fmt: skip
    days = data["duration"] / DAY
    title = f"{data['accelerator']}, models like {data['model']}, runs of {days:.0f} days"
    limits = [("", "batch grows", f"batch of {fixed['batch_tokens'][0] / 1e6:.3g} M tokens")]
    limits += [
        (words, _limit(growing[key]), _limit(fixed[key]))
        for words, key in (
            ("linear to (80 % of small-scale MFU)", "linear_limit"),
            ("latency wall", "latency_wall"),
            ("failures take half of the time at", "failure_limit"),
        )
    ]
    written = [f"Written: {file}" for file in data["files"]]
    return "\n".join([title, "", columns([head, *body]), "", columns(limits), *written])


def _count(value: float) -> str:
    """Return a number of accelerators, a dash where there is none."""
    return "-" if math.isnan(value) else f"{value:,.0f}"


def _limit(value: float) -> str:
    """Return a budget in FLOP."""
    return "beyond what was tried" if math.isinf(value) else f"{value:.2g} FLOP"
