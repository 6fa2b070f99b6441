"""What `capacity` answers, as a page of text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from computesim.report.text.tables import Cell, columns, table
from computesim.study.capacity.facts import (
    AcceleratorAnswer,
    CapacityAnswer,
    FrontAnswer,
    Percentile,
)
from computesim.study.capacity.figures import Performance
from computesim.study.capacity.plant import layout_text
from computesim.study.capacity.pool import duration

_NAMES = {"ttft": "TTFT", "tpot": "TPOT", "e2e": "end to end"}
_WANTED = {"fewest": "fewest accelerators", "highest": "highest rate", "check": "are they kept?"}


def text(answer: CapacityAnswer) -> str:
    """Return answers as a page of text.

    Parameters
    ----------
    answer : CapacityAnswer
    """
    notes = [("note", remark) for remark in answer.question.remarks]
    notes += [("note", f"{one.label}: {one.figures.note}") for one in answer.answers
              if isinstance(one.figures, Performance) and one.figures.note]  # fmt: skip
    blocks: list[Sequence[Sequence[str]]] = [[*notes, *_question(answer)]]
    able = [one for one in answer.answers if one.found]
    if able:
        blocks += [table(able, _PLANTS), table(able, _LOADS), _promises(able)]
    told = [(one.label, one.reason or one.edge) for one in answer.answers]
    if reasons := [(label, words) for label, words in told if words]:
        blocks.append(reasons)
    return "\n\n".join(map(columns, blocks))


def _question(answer: CapacityAnswer) -> Iterator[tuple[str, str]]:
    question = answer.question
    load = f"{question.rate:.4g} requests/s"
    load = f"{question.clients:,} clients" if question.clients else load
    load = "any rate" if answer.goal == "highest" else load
    if question.recorded_requests:
        load += f", {question.recorded_requests:,} recorded requests"
    yield "question", f"{question.model}: {_WANTED[answer.goal]}, {load}"
    several = len(question.classes) > 1
    for one in question.classes:
        words = ""
        if one.prompt_tokens is not None:
            words = f"prompt {one.prompt_tokens:,.0f}, output {one.output_tokens:,.0f} tokens; "
            words = f"{one.rate:.4g}/s, {words}" if several else words
        limits = {name: getattr(one, metric) for metric, name in _NAMES.items()}
        terms = [f"{name} {duration(s)}" for name, s in limits.items() if s < math.inf]
        words += f"p{100 * one.share:.4g} {', '.join(terms)}" if terms else "nothing promised"
        yield one.name, words + (f"; priority {one.priority}" if several else "")


def _replicas(one: AcceleratorAnswer) -> str:
    """Return how many replicas, and how they are laid out."""
    kinds = zip(one.replicas, one.layouts, strict=True)
    return " + ".join(f"{n} x ({layout_text(layout)})" for n, layout in kinds)


def _money(value: float | None, factor: float, form: str) -> str:
    """Return an amount, or a dash where the catalog has no rent."""
    return "-" if value is None else format(value * factor, form)


_PLANTS: dict[str, Cell] = {
    "accelerators": "{0.accelerators:,}",
    "": "{0.label}",
    "replicas": _replicas,
    "requests/s": "{0.rate:.4g}",
    "tokens/s each": "{0.figures.output_tokens_per_second_per_accelerator:,.0f}",
    "IT kW": lambda one: f"{one.figures.it_watts / 1e3:,.1f}",
    "USD/h": lambda one: _money(one.figures.usd_per_second, 3600, ",.2f"),
    "USD/M output": lambda one: _money(one.figures.usd_per_output_token, 1e6, ",.3g"),
}
_LOADS: dict[str, Cell] = {
    "load": "{0.label}",
    "saturated": lambda one: "yes" if one.figures.saturated else "no",
    "mean batch": "{0.figures.mean_batch:.1f}",
    "KV in use (peak)": "{0.figures.kv_share:.0%} ({0.figures.kv_peak:.0%})",
    "preemptions": "{0.figures.preemptions:,}",
    "utilisation": lambda one: " + ".join(
        f"{share:.0%}" for share in one.figures.utilisation_by_kind
    ),
    "waiting": "{0.figures.waiting:.1f}",
    "W each": "{0.figures.it_watts_per_accelerator:,.0f}",
}


def _promises(able: Sequence[AcceleratorAnswer]) -> list[list[str]]:
    """Return the table of percentiles beside what was promised."""
    first = able[0].percentiles
    several = len({one.kind for one in first}) > 1
    heads = [
        f"{one.kind + ' ' if several else ''}p{100 * one.share:.4g} {_NAMES[one.metric]}"
        for one in first
    ]
    return [["latency", *heads], *([a.label, *map(_percentile, a.percentiles)] for a in able)]


def _percentile(one: Percentile) -> str:
    """Return a percentile, and whether it misses its promise."""
    if math.isnan(one.value):
        return "-"
    value = "never" if math.isinf(one.value) else duration(one.value)
    return value if one.kept else f"{value} MISSED"


_FRONT: dict[str, Cell] = {
    "accelerator": "{0.accelerator}",
    "replica": lambda p: f"{p.accelerators} ({layout_text(p.layout)})",
    "clients": "{0.clients:,}",
    "tok/s/user": "{0.tokens_per_second_per_user:.1f}",
    "tok/s/accelerator": "{0.tokens_per_second_per_accelerator:,.0f}",
    "tok/s/MW": "{0.tokens_per_second_per_megawatt:,.0f}",
    "M tok/USD": lambda p: "-" if p.tokens_per_usd is None else f"{p.tokens_per_usd / 1e6:.3g}",
    "TTFT p50": lambda p: duration(p.ttft_p50),
    "batch": "{0.figures.mean_batch:.1f}",
    "KV (peak)": "{0.figures.kv_share:.0%} ({0.figures.kv_peak:.0%})",
    "preemptions": "{0.figures.preemptions:,}",
    "utilisation": "{0.figures.utilisation:.0%}",
    "saturated": lambda p: "yes" if p.figures.saturated else "no",
    "W each": "{0.figures.it_watts_per_accelerator:,.0f}",
}


def front_text(answer: FrontAnswer) -> str:
    """Return Pareto fronts as a table.

    Parameters
    ----------
    answer : FrontAnswer
    """
    about = f"{answer.question.model}: tokens/s of a user against those of an accelerator"
    if means := answer.question.lengths:
        about += "; prompt {:,.0f}, output {:,.0f} tokens".format(*means)
    about += "".join(f"\nnote: {remark}" for remark in answer.question.remarks)
    files = "".join(f"\n\nWritten: {file}" for file in answer.files)
    return f"{about}\n\n{columns(table(answer.front, _FRONT))}{files}"
