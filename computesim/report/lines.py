"""The charts that are not stacks: tokens, ratios, goodput, and ours beside what was published."""

from __future__ import annotations

import math

from computesim.report.chart import Chart, Range, Series
from computesim.report.scales import accelerator_label, rounded, scaled
from computesim.report.sourcing import source_line
from computesim.report.stacks import (
    MOST_LAYERS,
    actuals,
    colour,
    counted,
    parts_of,
    peak,
    tail,
    values,
)
from computesim.report.theme import BAD, GOOD, accelerator_colour
from computesim.results import Anchor, Results
from computesim.results.variables import COT, OTHER_INFERENCE, PRETRAINING, RL


def _token_kinds(results: Results) -> dict[str, list[float]]:
    """Return tokens per day by kind along the years, the two kinds of inference together."""
    names: dict[str, list[str]] = {}
    for workload in results.children("Tokens"):
        for name in results.children(workload) or [workload]:
            names.setdefault(tail(name), []).append(name)
    if "Device tokens" in results:
        names["On devices"] = ["Device tokens"]
    kinds = {}
    for kind, members in names.items():
        series = [results.series(name) for name in members]
        kinds[kind] = [sum(s.get(year, 0.0) for s in series) for year in results.years]
    return {kind: y for kind, y in kinds.items() if any(y)}


def tokens(results: Results) -> Chart | None:
    """Return tokens per day by kind, on a logarithmic axis."""
    kinds = _token_kinds(results)
    if not kinds:
        return None
    shown = [v for y in kinds.values() for v in y if v > 0]
    factor, unit = scaled("token/day", math.sqrt(min(shown) * max(shown)))  # the middle of the axis
    lines = tuple(
        Series(kind, tuple(v / factor or None for v in y), colour(kind, place), line=True)
        for place, (kind, y) in enumerate(kinds.items())
    )
    return Chart(
        "tokens",
        "Tokens per day",
        "How many tokens are read, cached, thought and answered?",
        "lines",
        f"Tokens, {unit}",
        counted("Tokens"),
        source_line(results, ("products",)),
        tuple(results.years),
        log_y=True,
        series=lines,
    )


def balance(results: Results) -> Chart | None:
    """Return compute required and compute in service, on a logarithmic axis."""
    need, fleet = "H100-equivalents", "H100-equivalents by generation"
    lines = [
        (name, label, shade)
        for name, label, shade in ((need, "Required", BAD), (fleet, "In service", GOOD))
        if name in results
    ]
    if not lines:
        return None
    factor, unit = scaled(results.unit(lines[0][0]), peak(results, [name for name, *_ in lines]))
    return Chart(
        "balance",
        "Compute required and in service",
        "Does the fleet keep up with the work?",
        "lines",
        f"Compute, {unit}",
        " ".join(counted(name) for name, *_ in lines),
        source_line(results, ("products", "labs", "fleet")),
        tuple(results.years),
        log_y=True,
        series=tuple(
            Series(label, tuple(v or None for v in values(results, name, factor)), shade, line=True)
            for name, label, shade in lines
        ),
        points=actuals(results, fleet, factor),
    )


_RATIOS = (
    ("RL ÷ pretraining, FLOP", "FLOP", RL, PRETRAINING),
    ("RL ÷ pretraining, compute", "H100-equivalents", RL, PRETRAINING),
    ("CoT ÷ other inference, FLOP", "FLOP", COT, OTHER_INFERENCE),
    ("CoT ÷ other inference, compute", "H100-equivalents", COT, OTHER_INFERENCE),
)


def _ratio(results: Results, group: str, over: str, under: str) -> tuple[float | None, ...]:
    """Return one workload over another along the years, where both are above zero."""
    if f"{group}|{over}" not in results or f"{group}|{under}" not in results:
        return ()
    above, below = results.series(f"{group}|{over}"), results.series(f"{group}|{under}")
    return tuple(
        above[year] / below[year] if above.get(year) and below.get(year) else None
        for year in results.years
    )


def ratios(results: Results) -> Chart | None:
    """Return RL over pretraining and chain-of-thought over other inference."""
    lines = [
        Series(label, y, colour(over, 0), line=True, dash=group == "FLOP")
        for label, group, over, under in _RATIOS
        if any(y := _ratio(results, group, over, under))
    ]
    if not lines:
        return None
    return Chart(
        "ratios",
        "Thinking against pretraining",
        "When does RL overtake pretraining, and thinking overtake answering?",
        "lines",
        "Ratio",
        "Compute is counted in H100-equivalents: it includes how well each kind of work "
        "uses its accelerators, which FLOP do not.",
        source_line(results, ("labs", "products")),
        tuple(results.years),
        series=tuple(lines),
        log_y=True,
    )


def goodput(results: Results) -> Chart | None:
    """Return goodput per accelerator of chain-of-thought inference by generation."""
    names = parts_of(results, f"Goodput|{COT}")
    if not names:
        return None
    best = sorted(names, key=lambda n: -peak(results, [n]))[:MOST_LAYERS]
    return Chart(
        "goodput",
        "Goodput of an accelerator",
        "How many tokens per second does one package serve within the service level?",
        "lines",
        f"Goodput, {scaled('token/s', 1)[1]}",
        f"{COT}, all tokens of a request: " + counted("Goodput"),
        source_line(results, ("tiers", "traffic")),
        tuple(results.years),
        series=tuple(
            Series(
                accelerator_label(tail(n)),
                tuple(v or None for v in values(results, n)),
                accelerator_colour(tail(n)),
                True,
            )
            for n in best
        ),
        log_y=True,
    )


def _range(anchor: Anchor) -> Range:
    """Return an anchor as ours over actual."""
    actual, factor = anchor["actual"], anchor["factor"]
    low, high = anchor.get("low"), anchor.get("high")
    unit = anchor.get("unit", "")
    scale, name = scaled(unit, max(actual, anchor["ours"]))
    return Range(
        f"{anchor['name']}, {anchor['year']}",
        anchor["ours"] / actual,
        min(1 / factor, 1.0 if low is None else low / actual),
        max(factor, 1.0 if high is None else high / actual),
        bool(anchor["within"]),
        f"ours {rounded(anchor['ours'] / scale)}, actual {rounded(actual / scale)} {name}",
    )


def comparison(results: Results) -> Chart | None:
    """Return ours over actual for every anchor, with the range that is allowed."""
    rows = [
        _range(a)
        for a in results.manifest.get("anchors", [])
        if a.get("actual", 0) > 0 and a.get("ours", 0) > 0 and a.get("factor", 0) >= 1
    ]
    if not rows:
        return None
    outside = sum(not row.inside for row in rows)
    return Chart(
        "comparison",
        "Against what happened",
        f"How far are these results from published figures? {len(rows) - outside} of {len(rows)} "
        "lie inside the allowed range.",
        "ranges",
        "Ours ÷ published (1 = equal)",
        "Each bar is the allowed range: the published range or the declared factor, "
        "whichever is wider.",
        source_line(results, ()),
        ranges=tuple(rows),
    )
