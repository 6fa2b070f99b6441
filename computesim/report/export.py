"""Charts, tables and reports as files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from computesim.report import bill_tables
from computesim.report.chart import Chart
from computesim.report.comparison import labels
from computesim.report.costs import cost_rows
from computesim.report.figures import charts
from computesim.report.sourcing import known_sources
from computesim.report.supply import BalanceRow, balance_rows
from computesim.report.tables import SummaryRow, summary_rows
from computesim.report.text.tables import write_table
from computesim.results import Results, written_whole
from computesim.results.files import write_text

_ASSUMPTIONS = ("path", "value", "unit", "low", "high", "source", "origin", "note")
_ANCHORS = ("name", "year", "unit", "ours", "actual", "low", "high", "factor", "within", "source")
_CHECKS = ("name", "year", "unit", "ours", "ours_low", "ours_high", "scenario", "actual", "low",
           "high", "source")  # fmt: skip
_SEGMENTS = ("key", "label", "label_zh", "chain", "driver", "quantity", "value", "inside",
             "names_seed", "names_other", "note")  # fmt: skip
_SOURCES = ("key", "title", "url", "date", "kind")
Table = list[list[object]]
_ALWAYS = ("summary", "cost", "assumptions", "anchors", "sources")
FORMATS = ("svg", "png", "pdf")


def write_charts(
    results: Results, folder: Path | str, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write every chart of a scenario as pictures, without a browser.

    Parameters
    ----------
    results : Results
        What to draw.
    folder : Path or str
        Made when it is not there.
    formats : sequence of str
        Of `svg` (text stays text), `png` (200 dots per inch) and `pdf`.

    Returns
    -------
    list of Path
        `folder/<key of the chart>.<format>`.

    Raises
    ------
    ValueError
        If a format is none of these.
    """
    return draw(charts(results), folder, formats)


def draw(
    drawn: Iterable[Chart], folder: Path | str, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write charts as pictures: see `write_charts`.

    Parameters
    ----------
    drawn : iterable of Chart
        For instance `comparison_charts(runs)`.
    folder : Path or str
        Made when it is not there.
    formats : sequence of str
        Of `svg`, `png` and `pdf`.

    Returns
    -------
    list of Path
        The files.
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise ValueError(f"unknown format {', '.join(unknown)}; choose {', '.join(FORMATS)}")
    from computesim.report.matplotlib_render import save_chart

    paths = []
    for chart in drawn:
        for name in formats:
            paths.append(Path(folder) / f"{chart.key}.{name}")
            with written_whole(paths[-1]) as draft:
                save_chart(chart, draft)
    return paths


def write_report(results: Results, path: Path | str) -> Path:
    """Write the report of one scenario as one HTML file that opens without a network.

    Parameters
    ----------
    results : Results
        What to report.
    path : Path or str
        Usually `<output folder>/report.html`.

    Returns
    -------
    Path
        The file, about 5 MB, nearly all of it plotly.js.
    """
    from computesim.report.html import report_html

    return write_text(Path(path), report_html(results))


def write_comparison(runs: Sequence[Results], path: Path | str) -> Path:
    """Write several scenarios beside each other as one HTML file.

    Parameters
    ----------
    runs : sequence of Results
        Two or more; the first one is what the others are held against.
    path : Path or str
        Usually `compare.html`.

    Returns
    -------
    Path
        The file.
    """
    from computesim.report.comparison_html import comparison_html

    return write_text(Path(path), comparison_html(runs))


def write_differences(runs: Sequence[Results], path: Path) -> Path:
    """Write every common variable of scenarios beside that of the first one as CSV.

    Parameters
    ----------
    runs : sequence of Results
        Two or more.
    path : Path
        Usually `compare.csv`.
    """
    heads = ("variable", "unit", "year", "scenario", "value", "reference", "difference", "ratio")
    rows = (
        (row.variable, row.unit, row.year, label, row.other, row.ours, row.difference, row.ratio)
        for label, other in zip(labels(runs)[1:], runs[1:], strict=True)
        for row in runs[0].compare(other)
    )
    return write_table(path, [heads, *rows])


def _table(heads: Sequence[str], rows: Iterable[Mapping[str, object]]) -> Table:
    """Return some fields of rows under their names; lists are separated by semicolons."""
    cells = ([row.get(head, "") for head in heads] for row in map(dict, rows))
    body = [[";".join(map(str, c)) if isinstance(c, list) else c for c in row] for row in cells]
    return [list(heads), *body]


def _by_year(rows: Sequence[SummaryRow | BalanceRow], years: Sequence[int]) -> Table:
    """Return quantities with the years as columns."""
    table: Table = [["quantity", "unit", *years]]
    for row in rows:
        table.append([row.label, row.unit, *(row.values.get(year, "") for year in years)])
    return table


def write_tables(results: Results, folder: Path | str) -> list[Path]:
    """Write summary, costs, inputs, the comparison with published figures and sources as CSV.

    Parameters
    ----------
    results : Results
        What to write.
    folder : Path or str
        Made when it is not there.

    Returns
    -------
    list of Path
        `summary.csv` and `cost.csv` in display units and not rounded, `assumptions.csv`,
        `anchors.csv`, `sources.csv`, and where there is anything in them: `bill.csv`, `bill-zh.csv`
        (with Chinese headings and units), `bill-checks.csv` (its totals beside published markets),
        `segments.csv`, and `supply.csv` where something limits the supply.
    """
    years, manifest = results.years, results.manifest
    tables: dict[str, Table] = {
        "summary": _by_year(summary_rows(results), years),
        "cost": _by_year(cost_rows(results), years),
        "bill": bill_tables.cells(results),
        "bill-zh": bill_tables.cells(results, chinese=True),
        "bill-checks": _table(_CHECKS, manifest.get("bill_checks", [])),
        "segments": _table(_SEGMENTS, manifest.get("segments", [])),
        "assumptions": _table(_ASSUMPTIONS, manifest.get("assumptions", [])),
        "anchors": _table(_ANCHORS, manifest.get("anchors", [])),
        "sources": _table(_SOURCES, known_sources(results).values()),
        "supply": _by_year(balance_rows(results), years),
    }
    return [
        write_table(Path(folder) / f"{name}.csv", table)
        for name, table in tables.items()
        if len(table) > 1 or name in _ALWAYS
    ]
