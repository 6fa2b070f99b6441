"""The charts of demand: serving by product, and progress of hardware and software apart."""

from __future__ import annotations

from dataclasses import replace

from computesim.report.chart import Chart, Series
from computesim.report.sourcing import source_line
from computesim.report.stacks import counted, stack, values
from computesim.report.theme import CYCLE
from computesim.results import Results

_INPUTS = ("products", "tiers", "progress")


def serving_by_product(results: Results) -> Chart | None:
    """Return the compute of serving by product."""
    chart = stack(
        results,
        "H100-equivalents by product",
        "serving-by-product",
        "Serving by product",
        "Which products take the compute of inference?",
        "Required for serving",
        tuple(_labels(results)),
        _INPUTS,
    )
    if chart is None:
        return None
    named = _labels(results)
    return replace(
        chart, series=tuple(replace(s, name=named.get(s.name, s.name)) for s in chart.series)
    )


def _labels(results: Results) -> dict[str, str]:
    """Return the labels of the products, or their keys where labels do not tell them apart."""
    scenario = results.manifest.get("scenario") or {}
    told = {name: p.get("label") or name for name, p in scenario.get("products", {}).items()}
    return told if len(set(told.values())) == len(told) else {name: name for name in told}


_PARTS = (
    ("Hardware|Per accelerator", "Hardware, per accelerator"),
    ("Hardware|Per USD", "Hardware, per USD"),
    ("Serving software", "Serving software"),
    ("Training software", "Training software"),
    ("Algorithms|Inference", "Algorithms of inference"),
    ("Algorithms|Training", "Algorithms of training"),
)


def progress(results: Results) -> Chart | None:
    """Return hardware, software and algorithms apart, on a logarithmic axis; those that move."""
    lines = []
    for place, (part, label) in enumerate(_PARTS):
        name = f"Progress|{part}"
        if name in results and any(v != 1.0 for v in results.series(name).values()):
            shade = CYCLE[place % len(CYCLE)]
            y = tuple(v or None for v in values(results, name))
            lines.append(Series(label, y, shade, line=True))
    if not lines:
        return None
    return Chart(
        "progress",
        "Progress, its parts apart",
        "What makes the same work take fewer accelerators?",
        "lines",
        "Work done, first year or calibrated engine = 1",
        counted("Progress"),
        source_line(results, ("fleet", "progress", "prices")),
        tuple(results.years),
        log_y=True,
        series=tuple(lines),
    )
