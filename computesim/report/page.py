"""The pieces of a page: everything that comes from a scenario is escaped here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from computesim.report.chart import Chart
from computesim.report.plotly_render import height, plotly_spec, standing_alone
from computesim.report.supply import BalanceRow
from computesim.report.tables import KeyFigure, SummaryRow, chart_rows

_HERE = Path(__file__).parent


@cache
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def prose(name: str) -> str:
    """Return a text file beside this module as paragraphs."""
    return "".join(f"<p>{escape(part)}</p>" for part in _asset(name).split("\n\n"))


@cache
def plotly_js() -> str:
    """Return plotly.js as plotly ships it, read without importing plotly."""
    found = find_spec("plotly")
    folders = (found.submodule_search_locations if found else None) or []
    paths = [Path(folder) / "package_data" / "plotly.min.js" for folder in folders]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise FileNotFoundError("plotly.min.js is not in the installed plotly; install plotly>=6.1")
    return path.read_text(encoding="utf-8")


def json_script(value: object) -> str:
    """Return JSON that can stand inside a script element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def link(text: str, url: str) -> str:
    """Return a link, or the bare text where the address is not one of the web."""
    if urlsplit(url).scheme not in ("http", "https"):
        return escape(text)
    return f'<a href="{escape(url)}" rel="noopener noreferrer">{escape(text)}</a>'


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = False, key: str = ""
) -> str:
    """Return a table of cells that are HTML already; `numbers` aligns all but the first right."""
    side = ' class="number"' if numbers else ' class="text"'
    top = "".join(f"<th{side if n else ''}>{escape(h)}</th>" for n, h in enumerate(heads))
    body = "".join(
        f"<tr><th>{row[0]}</th>{''.join(f'<td{side}>{cell}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    attributes = f' class="{"wide" if numbers else "prose"}"' + (f' id="{key}"' if key else "")
    return (
        f'<div class="scroll"><table{attributes}><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def cards(figures: Iterable[KeyFigure]) -> str:
    """Return the key figures as cards."""
    listed = "".join(
        f'<div class="card"><div class="label">{escape(f.label)}</div>'
        f'<div class="value">{escape(f.value)}</div><div class="unit">{escape(f.unit)}</div>'
        f'<div class="change">{escape(f.change)}</div></div>'
        for f in figures
    )
    return f'<div class="cards">{listed}</div>' if listed else ""


def summary_table(rows: Iterable[SummaryRow | BalanceRow], years: Sequence[int]) -> str:
    """Return the summary by year."""
    body = [
        [
            f'{escape(row.label)} <span class="unit">{escape(row.unit)}</span>',
            *map(escape, row.cells(years)),
        ]
        for row in rows
    ]
    return table(["", *map(str, years)], body, numbers=True)


def _numbers(chart: Chart) -> str:
    """Return the numbers behind a chart, folded away."""
    if chart.ranges:
        return ""
    columns = {series.name: series.y for series in chart.legend}
    rows = chart_rows(chart.x, columns)
    body = [[escape(cell) for cell in row] for row in rows[1:]]
    heading = f"Numbers ({chart.y_label})"
    return (
        f"<details><summary>{escape(heading)}</summary>"
        f"{table(rows[0], body, numbers=True)}</details>"
    )


def figure(chart: Chart) -> str:
    """Return a chart with its title, its question, what is counted, and its source line."""
    spec = plotly_spec(chart, alone=False) | {"alone": standing_alone(chart)}
    key = escape(chart.key)
    return f"""<figure id="chart-{key}">
<h3>{escape(chart.title)}</h3><p class="asks">{escape(chart.question)}</p>
<div class="plot" style="min-height:{height(chart)}px"></div>
<script type="application/json" class="chart" data-name="{key}">{json_script(spec)}</script>
<figcaption><p><b>What is counted.</b> {escape(chart.caption)}</p>
<p>{escape(chart.source)} <button type="button" data-format="png">PNG</button>
<button type="button" data-format="svg">SVG</button></p>{_numbers(chart)}</figcaption>
</figure>"""


def section(key: str, title: str, *parts: str) -> str:
    """Return a section with its heading, or nothing when it has no content."""
    body = "\n".join(part for part in parts if part)
    return f'<section id="{key}"><h2>{escape(title)}</h2>\n{body}\n</section>' if body else ""


def page(title: str, top: str, parts: Sequence[tuple[str, str, str]], foot: str, *lead: str) -> str:
    """Return a whole page that needs nothing from outside.

    Parameters
    ----------
    title : str
    top : str
        The header, HTML like all that follows.
    parts : sequence of tuple of str
        Key, heading and content of each section.
    foot : str
    *lead : str
        What stands above the sections.
    """
    listed = "".join(f'<li><a href="#{key}">{escape(name)}</a></li>' for key, name, _ in parts)
    body = "\n".join([*lead, *(section(*part) for part in parts)])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{escape(title)}</title>
<style>
{_asset("report.css")}</style>
</head>
<body>
<header>{top}</header>
<nav><ul>{listed}</ul></nav>
<main>
{body}
</main>
<footer>{foot}</footer>
<script>{plotly_js()}</script>
<script>
{_asset("report.js")}</script>
</body>
</html>
"""


def json_block(value: object) -> str:
    """Return JSON for people to read, inside a page."""
    return escape(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))
