"""Ours beside what happened and what others project, by family and vintage."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from computesim.report.chart import Chart, Points, Series
from computesim.report.scales import rounded, scaled
from computesim.report.sourcing import source_line
from computesim.report.theme import BAD, GOOD, INK, PART_COLOURS
from computesim.results import Overlay, Results, Told

OURS = PART_COLOURS["Facility"]
#: family -> name in the legend and colour
FAMILIES = {
    "actual": ("Published actual", INK),
    "trend": ("Others, carried-on trend", BAD),
    "pipeline": ("Others, shipments and plans", GOOD),
}
#: keys of the overlays, in the order of the report
KEYS = (
    "compute",
    "facility-power",
    "electricity",
    "data-centres",
    "capex",
    "largest-run",
    "cowos",
    "hbm",
    "modules-800g",
    "modules-1.6t",
    "tokens",
)
VINTAGE_HEADS = ("Quantity", "Year", "Who", "Said in", "Family", "Value", "Low–high", "Unit",
                 "Change", "Counts", "Source")  # fmt: skip


def overlay_chart(results: Results, key: str) -> Chart | None:
    """Return one quantity of ours beside others, on a logarithmic axis.

    Parameters
    ----------
    results : Results
        Its manifest holds the overlays.
    key : str
        Of the overlay, `compute`.

    Returns
    -------
    Chart or None
        None where the results hold no such overlay, or nothing of it is above zero.
    """
    found = next((o for o in results.manifest.get("overlays", []) if o["key"] == key), None)
    if found is None:
        return None
    ours = {int(year): value for year, value in found["ours"].items() if value > 0}
    told = [t for t in found["told"] if t["value"] > 0]
    if not ours and not told:
        return None
    factor, unit = scaled(found["unit"], max([*ours.values(), *(t["value"] for t in told)]))
    return Chart(
        f"others-{key}",
        f"{found['title']}: ours and others",
        "How far apart are projections, by when and how they were made?",
        "lines",
        f"{found['quantity']}, {unit}",
        found["counts"],
        source_line(results, ()),
        tuple(results.years),
        series=_ours(found, ours, results.years, factor),
        points=tuple(_points(family, told, factor) for family in FAMILIES if _of(told, family)),
        log_y=True,
        notes=("Each label says who and when.",),
    )


def overlay_figures() -> tuple[Callable[[Results], Chart | None], ...]:
    """Return what draws each overlay of a report."""
    return tuple(lambda results, key=key: overlay_chart(results, key) for key in KEYS)


def _ours(
    found: Overlay, ours: dict[int, float], years: Sequence[int], factor: float
) -> tuple[Series, ...]:
    if not ours:
        return ()

    def along(series: dict[int, float]) -> tuple[float | None, ...]:
        known = {int(year): value for year, value in series.items()}
        return tuple(known[y] / factor if known.get(y) else None for y in years)

    low, high = found.get("low") or {}, found.get("high") or {}
    edges = (along(low), along(high)) if low and high else ((), ())
    name = "Ours, p10–p90" if low and high else "Ours"
    return (Series(name, along(ours), OURS, line=True, low=edges[0], high=edges[1]),)


def _of(told: Sequence[Told], family: str) -> list[Told]:
    """Return the figures of one family, by year."""
    return sorted((t for t in told if t["family"] == family), key=lambda t: t["year"])


def _points(family: str, told: Sequence[Told], factor: float) -> Points:
    """Return the points of one family; the last one of a publisher and vintage is labelled."""
    name, colour = FAMILIES[family]
    rows = _of(told, family)
    last = {(t["publisher"], t["vintage"], t["scope"]): t["year"] for t in rows}
    labels = tuple(
        _said(t) if last[t["publisher"], t["vintage"], t["scope"]] == t["year"] else ""
        for t in rows
    )
    low = tuple(None if (end := t.get("low")) is None else end / factor for t in rows)
    high = tuple(None if (end := t.get("high")) is None else end / factor for t in rows)
    return Points(
        name,
        tuple(t["year"] for t in rows),
        tuple(t["value"] / factor for t in rows),
        low,
        high,
        colour,
        labels=labels if family != "actual" else (),
    )


def _said(told: Told) -> str:
    return f"{told['publisher']} {told['vintage'][:7]}"


def vintage_rows(results: Results) -> list[list[str]]:
    """Return every projection of others, old and new of the same publisher beside each other.

    Parameters
    ----------
    results : Results

    Returns
    -------
    list of list of str
        In the columns of `VINTAGE_HEADS`. The change is against the vintage before, of the same
        publisher, quantity and year.
    """
    found = []
    for overlay in results.manifest.get("overlays", []):
        told = [t for t in overlay["told"] if t["family"] != "actual"]
        before: dict[tuple[str, float, str], float] = {}
        for t in sorted(told, key=lambda t: (t["year"], t["publisher"], t["vintage"])):
            key = (t["publisher"], t["year"], t["scope"])
            factor, unit = scaled(overlay["unit"], t["value"])
            change = "" if key not in before else f"{100 * (t['value'] / before[key] - 1):+.0f} %"
            before[key] = t["value"]
            found.append(
                [overlay["title"], f"{t['year']:.4g}", t["publisher"], t["vintage"], t["family"],
                 rounded(t["value"] / factor), _span(t, factor), unit, change, t["scope"],
                 t["source"]]
            )  # fmt: skip
    return found


def _span(told: Told, factor: float) -> str:
    """Return the published range; `above` and `below` where it has one end."""
    low, high = told.get("low"), told.get("high")
    if low is None or high is None:
        end = high if low is None else low
        word = "below" if low is None else "above"
        return "" if end is None else f"{word} {rounded(end / factor)}"
    return f"{rounded(low / factor)}–{rounded(high / factor)}"
