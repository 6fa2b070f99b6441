"""Charts of the bill: where the money goes, what is inside, memory, wafers, devices."""

from __future__ import annotations

from dataclasses import replace

from computesim.report.chart import Chart, Series
from computesim.report.scales import scaled
from computesim.report.sourcing import ratio_note, source_line
from computesim.report.stacks import along, counted, peak, stack
from computesim.report.theme import CYCLE
from computesim.results import Results

#: segments of `Bill value` from below, families of the four parts of capital spending together
ORDER = (
    "GPU", "ASIC", "Hosts and integration", "Scale-up fabric", "Liquid cooling", "Power supplies",
    "Switches", "Optics", "NICs", "Copper cables", "Site power", "Site cooling", "Buildings",
)  # fmt: skip


def _noted(chart: Chart | None, results: Results) -> Chart | None:
    """Return a chart whose caption says how many ratios are estimates."""
    note = ratio_note(results)
    return replace(chart, notes=(*chart.notes, note)) if chart and note else chart


def value(results: Results) -> Chart | None:
    """Return capital spending by segment."""
    chart = stack(
        results,
        "Bill value",
        "bill-value",
        "Capital spending by segment",
        "Which segments of the supply chain does the money reach first?",
        "Spending",
        ORDER,
        ("prices", "network", "fleet"),
    )
    return _noted(chart, results)


_INSIDE = ("HBM", "Packaging", "PCB", "Switch silicon", "Optics")


def inside(results: Results) -> Chart | None:
    """Return the value of what is inside other segments, with its range."""
    found = {name: _three(results, name) for name in _INSIDE}
    found = {name: three for name, three in found.items() if any(three[1].values())}
    if not found:
        return None
    factor, unit = scaled("USD/year", max(max(c.values()) for _, c, _ in found.values()))
    series = []
    for place, (name, (low, central, high)) in enumerate(found.items()):
        y, down, up = (
            tuple(v or None for v in along(results, s, factor)) for s in (central, low, high)
        )
        series.append(Series(name, y, CYCLE[place], line=True, low=down, high=up))
    chart = Chart(
        "bill-content",
        "Value inside accelerators, boards and switches",
        "How much is memory, packaging, boards, switch chips and optics?",
        "lines",
        f"Value, {unit}",
        "Values inside other segments, never added to capital spending; optics at contract prices "
        "of the year. Bands: low and high of each ratio or price.",
        source_line(results, ("fleet", "network")),
        tuple(results.years),
        series=tuple(series),
        log_y=True,
    )
    return _noted(chart, results)


def _three(results: Results, name: str) -> tuple[dict[int, float], ...]:
    """Return low, central and high of a content, its parts added up."""
    found = []
    for case in (" low", "", " high"):
        group = f"Bill content{case}|{name}"
        parts = [
            results.series(n) for n in results.variables(group) + results.variables(group + "|*")
        ]
        found.append({y: sum(p.get(y, 0.0) for p in parts) for y in results.years})
    return tuple(found)


def memory(results: Results) -> Chart | None:
    """Return high-bandwidth memory shipped by class of accelerator."""
    return stack(
        results, "Bill|HBM", "hbm", "High-bandwidth memory", "How much memory is on what ships?",
        "HBM", ("GPU", "ASIC"), ("fleet",),
    )  # fmt: skip


def wafers(results: Results) -> Chart | None:
    """Return packaging wafers by class of accelerator."""
    return stack(
        results, "Bill|Packaging wafers", "packaging-wafers", "Advanced packaging",
        "How many wafers does packaging take?", "Wafers", ("GPU", "ASIC"), ("fleet",),
    )  # fmt: skip


def devices(results: Results) -> Chart | None:
    """Return devices that are there, used, and needed, on a logarithmic axis."""
    lines = (
        ("Devices|In use", "In use", "#a3acb8"),
        ("Devices|Used", "Owner uses the model", "#0072b2"),
        ("Devices|Shipped", "Shipped in the year", "#009e73"),
        ("Devices|Needed", "Needed for tokens on devices", "#d55e00"),
    )
    names = [name for name, _, _ in lines if name in results]
    if "Devices|Needed" not in names or not any(results.series("Devices|Needed").values()):
        return None
    factor, unit = scaled("device", min(peak(results, names), 1e6))  # the axis has many decades
    return Chart(
        "devices",
        "Phones and PCs that think",
        "Are there enough devices for the tokens that leave data centres?",
        "lines",
        f"Devices, {unit}",
        counted("Devices") + " Needed: seconds of work a day over the time a user lets it work.",
        source_line(results, ("devices", "products")),
        tuple(results.years),
        series=tuple(
            Series(label, tuple(v or None for v in along(results, results.series(name), factor)),
                   shade, line=True)
            for name, label, shade in lines
            if name in names
        ),
        log_y=True,
    )  # fmt: skip
