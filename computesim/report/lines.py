"""The charts that are not stacks: variables as lines, and ours beside what was published."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from computesim.report.chart import Chart, Range, Series
from computesim.report.costs import TOKENS, label_of, products
from computesim.report.heading import Heading
from computesim.report.scales import accelerator_label, rounded, scaled
from computesim.report.sourcing import ratio_note, source_line
from computesim.report.stacks import (
    MOST_LAYERS,
    actuals,
    along,
    colour,
    counted,
    parts_of,
    peak,
    positive,
    tail,
)
from computesim.report.supply import NOTHING, balance_rows, used_shares
from computesim.report.theme import CYCLE, accelerator_colour
from computesim.results import Anchor, Results
from computesim.results.variables import COT, OTHER_INFERENCE, PRETRAINING, RL


@dataclass(frozen=True)
class Lines(Heading):
    """Variables as lines on a logarithmic axis."""

    variables: tuple[tuple[str, str, str], ...]  #: name, label, colour
    actual: str = ""  #: variable whose published figures stand beside
    when: Callable[[Results], object] = bool  #: what has to be there
    more: str = ""  #: of the caption
    most: float = math.inf  #: number that the unit is chosen for, at most

    def __call__(self, results: Results) -> Chart | None:
        """Return the chart, None where its variables are not there."""
        drawn = [row for row in self.variables if row[0] in results]
        if not drawn or not self.when(results):
            return None
        names = [name for name, _, _ in drawn]
        factor, unit = scaled(results.unit(names[0]), min(peak(results, names), self.most))
        counts = dict.fromkeys(counted(name) for name in names)
        return self.chart(
            results,
            unit,
            [Series(label, positive(results, name, factor), shade, line=True)
             for name, label, shade in drawn],
            " ".join(counts) + self.more,
            log_y=True,
            points=actuals(results, self.actual, factor) if self.actual else (),
        )  # fmt: skip


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
    """Return tokens per day by kind."""
    kinds = _token_kinds(results)
    if not kinds:
        return None
    shown = [v for y in kinds.values() for v in y if v > 0]
    factor, unit = scaled("token/day", math.sqrt(min(shown) * max(shown)))  # the middle of the axis
    heading = Heading(
        "tokens", "Tokens per day", "How many tokens are read, cached, thought and answered?",
        "Tokens", ("products",),
    )  # fmt: skip
    lines = [
        Series(kind, tuple(v / factor or None for v in y), colour(kind, place), line=True)
        for place, (kind, y) in enumerate(kinds.items())
    ]
    return heading.chart(results, unit, lines, counted("Tokens"), log_y=True)


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
    heading = Heading(
        "ratios", "Thinking against pretraining",
        "When does RL overtake pretraining, and thinking overtake answering?",
        "Ratio", ("labs", "products"),
    )  # fmt: skip
    counts = (
        "Compute is counted in H100-equivalents: it includes how well each kind of work "
        "uses its accelerators, which FLOP do not."
    )
    return heading.chart(results, "", lines, counts, log_y=True) if lines else None


def goodput(results: Results) -> Chart | None:
    """Return goodput per accelerator of chain-of-thought inference by generation."""
    names = parts_of(results, f"Goodput|{COT}")
    best = sorted(names, key=lambda n: -peak(results, [n]))[:MOST_LAYERS]
    heading = Heading(
        "goodput", "Goodput of an accelerator",
        "How many tokens per second does one package serve within the service level?",
        "Goodput", ("tiers", "traffic"),
    )  # fmt: skip
    lines = [
        Series(accelerator_label(tail(n)), positive(results, n), accelerator_colour(tail(n)), True)
        for n in best
    ]
    counts = f"{COT}, all tokens of a request: " + counted("Goodput")
    unit = scaled("token/s", 1)[1]
    return heading.chart(results, unit, lines, counts, log_y=True) if lines else None


_PROGRESS = (
    ("Hardware|Per accelerator", "Hardware, per accelerator"),
    ("Hardware|Per USD", "Hardware, per USD"),
    ("Serving software", "Serving software"),
    ("Training software", "Training software"),
    ("Algorithms|Inference", "Algorithms of inference"),
    ("Algorithms|Training", "Algorithms of training"),
)


def progress(results: Results) -> Chart | None:
    """Return hardware, software and algorithms apart; those that move."""
    lines = [
        Series(label, positive(results, name), CYCLE[place % len(CYCLE)], line=True)
        for place, (part, label) in enumerate(_PROGRESS)
        if (name := f"Progress|{part}") in results
        and any(v != 1.0 for v in results.series(name).values())
    ]
    heading = Heading(
        "progress", "Progress, its parts apart",
        "What makes the same work take fewer accelerators?",
        "Work done, first year or calibrated engine = 1", ("fleet", "progress", "prices"),
    )  # fmt: skip
    return heading.chart(results, "", lines, counted("Progress"), log_y=True) if lines else None


def limits_used(results: Results) -> Chart | None:
    """Return how much of every limit is used, in per cent: what stands at 100 binds."""
    rows = {row.label: row for row in balance_rows(results)}
    if not rows:
        return None
    binding = rows["Binding limit"].values
    named = ", ".join(f"{year} {name}" for year, name in binding.items() if name != NOTHING)
    heading = Heading(
        "limits-used", "What limits the supply", "Which input runs out first?",
        "Used of what is available", ("supply", "limits"),
    )  # fmt: skip
    lines = [
        Series(label, along(results, share), CYCLE[place % len(CYCLE)], line=True)
        for place, (label, share) in enumerate(used_shares(results).items())
    ]
    counts = "What the accelerators bought in the year take, over what there is for them."
    note = f"Binding: {named}." if named else "No limit binds."
    return replace(heading.chart(results, "%", lines, counts), notes=(note,))


def cost_of_tokens(results: Results) -> Chart | None:
    """Return the cost of a million tokens by product."""
    keys = products(results)
    if not keys:
        return None
    heading = Heading(
        "cost-of-tokens", "Cost of a million tokens",
        "What does it cost to own what serves them, all tokens together?",
        "Cost", ("finance", "prices", "products", "tiers", "traffic"),
    )  # fmt: skip
    lines = [
        Series(label_of(results, "products", key), positive(results, f"{TOKENS}|{key}"),
               colour(key, place), line=True)
        for place, key in enumerate(keys)
    ]  # fmt: skip
    unit = scaled(results.unit(f"{TOKENS}|{keys[0]}"), 1.0)[1]
    return heading.chart(results, unit, lines, counted(TOKENS), log_y=True)


def bill_noted(chart: Chart | None, results: Results) -> Chart | None:
    """Return a chart whose caption says how many ratios of the bill are estimates."""
    note = ratio_note(results)
    return replace(chart, notes=(*chart.notes, note)) if chart and note else chart


def bill_content(results: Results) -> Chart | None:
    """Return the value of what is inside other segments, with its range."""
    parts = ("HBM", "Packaging", "PCB", "Switch silicon", "Optics")
    ranges = {name: _three(results, name) for name in parts}
    ranges = {name: three for name, three in ranges.items() if any(three[1].values())}
    if not ranges:
        return None
    factor, unit = scaled("USD/year", max(max(c.values()) for _, c, _ in ranges.values()))
    lines = []
    for place, (name, (low, central, high)) in enumerate(ranges.items()):
        y, down, up = (
            tuple(v or None for v in along(results, s, factor)) for s in (central, low, high)
        )
        lines.append(Series(name, y, CYCLE[place], line=True, low=down, high=up))
    heading = Heading(
        "bill-content", "Value inside accelerators, boards and switches",
        "How much is memory, packaging, boards, switch chips and optics?",
        "Value", ("fleet", "network"),
    )  # fmt: skip
    counts = (
        "Values inside other segments, never added to capital spending; optics at contract prices "
        "of the year. Bands: low and high of each ratio or price."
    )
    return bill_noted(heading.chart(results, unit, lines, counts, log_y=True), results)


def _three(results: Results, name: str) -> tuple[dict[int, float], ...]:
    """Return low, central and high of a content, its parts added up."""
    cases = []
    for case in (" low", "", " high"):
        group = f"Bill content{case}|{name}"
        parts = [
            results.series(n) for n in results.variables(group) + results.variables(group + "|*")
        ]
        cases.append({y: sum(p.get(y, 0.0) for p in parts) for y in results.years})
    return tuple(cases)


def _range(anchor: Anchor) -> Range:
    """Return an anchor as ours over actual."""
    actual, factor = anchor["actual"], anchor["factor"]
    low, high = anchor.get("low"), anchor.get("high")
    scale, name = scaled(anchor.get("unit", ""), max(actual, anchor["ours"]))
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
    inside = sum(row.inside for row in rows)
    return Chart(
        "comparison",
        "Against what happened",
        f"How far are these results from published figures? {inside} of {len(rows)} "
        "lie inside the allowed range.",
        "ranges",
        "Ours ÷ published (1 = equal)",
        "Each bar is the allowed range: the published range or the declared factor, "
        "whichever is wider.",
        source_line(results, ()),
        ranges=tuple(rows),
    )
