"""The charts of a back-cast: ours beside what happened, with what is accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from computesim.records import as_data
from computesim.report.chart import Chart, Points, Range, Series
from computesim.report.export import draw
from computesim.report.overlay_figures import VINTAGE_HEADS, overlay_figures, vintage_rows
from computesim.report.scales import rounded, scaled
from computesim.report.sourcing import run_name
from computesim.report.text.tables import tables, write_table
from computesim.report.theme import BAD, GOOD, INK, MUTED
from computesim.results import Results
from computesim.results.files import write_text
from computesim.study.backcast.checks import Backcast, Comparison


def _backcast_figures(rows: Sequence[Comparison], results: Results) -> list[Chart]:
    """Return all charts of a back-cast.

    Ours over published for every comparison that is judged, then one chart for each quantity that
    is published for two years or more.
    """
    source = f"Source: {run_name(results)}."
    overview = _overview(rows, source)
    names = dict.fromkeys(row.quantity for row in rows)
    by_name = {n: [r for r in rows if r.quantity == n and "-" not in r.date] for n in names}
    each = [_by_year(name, part, source) for name, part in by_name.items() if len(part) > 1]
    return [*([overview] if overview else []), *each]


def _overview(rows: Sequence[Comparison], source: str) -> Chart | None:
    judged = [r for r in rows if r.passed is not None and r.published > 0]
    shown = [r for r in judged if r.ours > 0]
    if not shown:
        return None
    missed = sum(not r.passed for r in judged)
    hidden = len(judged) - len(shown)
    return Chart(
        "backcast-ratios",
        "The years that have passed",
        f"How far are ours from what was published? {len(judged) - missed} of {len(judged)} pass.",
        "ranges",
        "Ours ÷ published (1 = equal)",
        "Each bar is what is accepted.",
        source,
        ranges=tuple(_range(r) for r in shown),
        notes=(f"{hidden} where ours is zero cannot be drawn.",) if hidden else (),
    )


def _range(row: Comparison) -> Range:
    """Return one comparison as ours over published."""
    factor, unit = _scale(row.unit, [row.ours, row.published])
    numbers = f"ours {rounded(row.ours / factor)}, published {rounded(row.published / factor)}"
    return Range(
        f"{row.quantity}, {row.date}",
        row.ours / row.published,
        row.least / row.published,
        row.most / row.published,
        bool(row.passed),
        f"{numbers} {unit}".strip(),
    )


def _scale(unit: str, values: Sequence[float | None]) -> tuple[float, str]:
    """Return the factor and the unit in which numbers are read; a share is a plain number."""
    most = max((v for v in values if v is not None), default=0.0)
    return (1.0, "") if unit == "1" else scaled(unit, most)


def _by_year(name: str, rows: Sequence[Comparison], source: str) -> Chart:
    """Return one quantity by year: ours, of the units as sold, published, accepted."""
    rows = sorted(rows, key=lambda row: int(row.date))
    factor, unit = _scale(rows[0].unit, [v for r in rows for v in (r.ours, r.most)])
    years = tuple(int(row.date) for row in rows)

    def along(name: str) -> tuple[float | None, ...]:
        values = (getattr(row, name) for row in rows)
        return tuple(None if value is None else value / factor for value in values)

    lines = [Series("Ours", along("ours"), BAD, line=True)]
    if any(row.with_actual_shipments is not None for row in rows):
        lines.append(
            Series("Ours, units as sold", along("with_actual_shipments"), GOOD, True, True)
        )
    if rows[0].passed is not None:
        edges = along("least"), along("most")
        lines.append(
            Series("Accepted band", along("published"), MUTED, True, low=edges[0], high=edges[1])
        )
    published = Points(
        "Published",
        years,
        tuple(row.published / factor for row in rows),
        along("low"),
        along("high"),
        INK,
    )
    return Chart(
        "backcast-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"),
        name,
        "Is it the fleet that is off, or prices, networks and watts?"
        if len(lines) > 1 and any(row.with_actual_shipments is not None for row in rows)
        else "How far are ours from what was published?",
        "lines",
        unit or "Share",
        rows[0].note,
        source,
        tuple(range(years[0], years[-1] + 1)),
        series=tuple(_filled(line, years) for line in lines),
        points=(published,),
    )


def _filled(line: Series, years: Sequence[int]) -> Series:
    """Return a line along every year from the first to the last, with gaps."""
    whole = range(years[0], years[-1] + 1)

    def along(values: tuple[float | None, ...]) -> tuple[float | None, ...]:
        known = dict(zip(years, values, strict=True)) if values else {}
        return tuple(known.get(year) for year in whole) if values else ()

    return Series(line.name, along(line.y), line.colour, line.line, line.dash, along(line.low),
                  along(line.high))  # fmt: skip


def write_backcast(backcast: Backcast, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write everything of a back-cast.

    Parameters
    ----------
    backcast : Backcast
    folder : Path
        Made when it is not there.
    formats : sequence of str
        Of the charts: `svg`, `png`, `pdf`.

    Returns
    -------
    list of Path
        `comparisons.csv` and `calibrated.csv` in base units, `vintages.csv` (what others project,
        by vintage), `backcast.json`, and the charts.
    """
    results = backcast.results
    vintages = {"vintages": [VINTAGE_HEADS, *vintage_rows(results)]}
    parts = {name: rows for name, rows in (tables(backcast) | vintages).items() if name}
    files = [write_table(folder / f"{name}.csv", rows) for name, rows in parts.items()]
    text = json.dumps(as_data(backcast), indent=1, ensure_ascii=False)
    files.append(write_text(folder / "backcast.json", text + "\n"))
    charts = _backcast_figures(backcast.comparisons, results)
    charts += [chart for figure in overlay_figures() if (chart := figure(results)) is not None]
    return [*files, *draw(charts, folder / "charts", formats)]
