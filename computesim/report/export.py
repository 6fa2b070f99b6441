"""Charts, tables and reports as files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from computesim.report.chart import Chart
from computesim.report.figures import charts
from computesim.report.sourcing import known_sources
from computesim.report.tables import summary_rows
from computesim.results import Results, written_whole
from computesim.results.files import write_text

_ASSUMPTIONS = ("path", "value", "unit", "low", "high", "source", "origin", "note")
_ANCHORS = ("name", "year", "unit", "ours", "actual", "low", "high", "factor", "within", "source")
_SOURCES = ("key", "title", "url", "date", "kind")
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


def _write_rows(path: Path, rows: Iterable[Iterable[object]]) -> Path:
    """Write rows as CSV."""
    with written_whole(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return path


def write_tables(results: Results, folder: Path | str) -> list[Path]:
    """Write the summary, the inputs, the comparison with published figures and the sources as CSV.

    Parameters
    ----------
    results : Results
        What to write.
    folder : Path or str
        Made when it is not there.

    Returns
    -------
    list of Path
        `summary.csv` in display units and not rounded, `assumptions.csv`, `anchors.csv`,
        `sources.csv`.
    """
    place, manifest = Path(folder), results.manifest
    years = results.years
    lines = summary_rows(results)
    cells = [[row.label, row.unit, *(row.values.get(y, "") for y in years)] for row in lines]
    paths = [_write_rows(place / "summary.csv", [["quantity", "unit", *years], *cells])]
    for name, heads, rows in (
        ("assumptions", _ASSUMPTIONS, manifest.get("assumptions", [])),
        ("anchors", _ANCHORS, manifest.get("anchors", [])),
        ("sources", _SOURCES, known_sources(results).values()),
    ):
        body = [[dict(row).get(head, "") for head in heads] for row in rows]
        paths.append(_write_rows(place / f"{name}.csv", [heads, *body]))
    return paths
