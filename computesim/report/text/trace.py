"""What recorded requests are like, as a page of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from computesim.report.text.tables import columns


def text(data: dict[str, Any]) -> str:
    """Return the statistics of a trace as a page of text.

    Parameters
    ----------
    data : dict
        `sim.trace.summarise_trace`, with the file and how it was read.
    """
    head = ["tokens", "mean", "p50", "p90", "p99", "most", "ln mean", "ln sd", "tail", "mixture"]
    lengths = [
        [name, *(f"{part[k]:,.0f}" for k in head[1:6]), f"{part['ln_mean']:.2f}",
         f"{part['ln_sd']:.2f}", _number(part["tail_exponent"]), _mixture(part["mixture"])]
        for name, part in (("prompt", data["prompt_tokens"]), ("output", data["output_tokens"]))
    ]  # fmt: skip
    peaks = [
        [name, _number(part["requests"]), _number(part["output_tokens"])]
        for name, part in data["peak_to_mean"].items()
    ]
    parts = [
        columns(list(_facts(data))),
        columns([head, *lengths]),
        columns([["peak over mean by", "requests", "output tokens"], *peaks]),
    ]
    return "\n\n".join(parts)


def _facts(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the lines about the trace as a whole."""
    left_out = f", {data['failures']:,} failures left out" if data["failures"] else ""
    yield "trace", f"{data['file']} ({data['format']} format, {data['rows']:,} rows{left_out})"
    yield "requests", (f"{data['requests']:,} in {data['seconds'] / 3600:,.4g} h, "
                       f"{data['rate']:.4g}/s")  # fmt: skip
    yield "burstiness", (f"variation of the gaps {_number(data['gap_variation'])} "
                         f"({_number(data['window_variation'])} within 10 minutes), "
                         f"variance/mean by second {_number(data['dispersion'])}")  # fmt: skip
    yield "cached", f"{data['cached_share']:.1%} of prompt tokens"
    if "prefix_share" in data:
        yield "prefixes", f"an endless cache would hold {data['prefix_share']:.1%} of prompt tokens"
    if "reasoning" in data:
        part = data["reasoning"]
        few, most = part["requests_30_to_40_percent"], part["requests_80_percent_or_more"]
        told = f"30-40 % of the output in {few:.1%} of requests, 80 % or more in {most:.1%}"
        yield "reasoning", f"{part['share_of_tokens']:.1%} of output tokens; {told}"
    if "clients" in data:
        part = data["clients"]
        yield "clients", f"{part['number']:,}; the largest 5 send {part['share_of_top_5']:.1%}"
    if "sessions" in data:
        part = data["sessions"]
        yield "sessions", (f"{part['number']:,} of {part['mean_turns']:.3g} turns, at most "
                           f"{part['most_turns']:,}")  # fmt: skip
    if "kinds" in data:
        shown = [f"{name} {count:,}" for name, count in list(data["kinds"].items())[:8]]
        more = len(data["kinds"]) - len(shown)
        yield "classes", ", ".join([*shown, *([f"{more} more"] if more else [])])
    if "written" in data:
        yield "written", data["written"]
    if "synthetic" in data:
        yield (
            "synthetic",
            f"{data['synthetic']['file']} ({data['synthetic']['requests']:,} requests)",
        )


def _number(value: float) -> str:
    """Return a figure, or a dash where the trace does not tell it."""
    return "-" if value != value else f"{value:.3g}"


def _mixture(law: dict[str, Any]) -> str:
    """Return a lognormal mixture as `0.74·LN(6.43, 0.70) + …`."""
    parts = zip(law["weight"], law["middle"], law["spread"], strict=True)
    return " + ".join(f"{w:.3f}·LN({m:.2f}, {s:.2f})" for w, m, s in parts)
