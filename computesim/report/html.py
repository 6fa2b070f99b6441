"""The report of one scenario: one page that opens without a network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from computesim.records import as_data
from computesim.report import bill_page
from computesim.report.costs import cost_rows
from computesim.report.figures import BILL, CHECKS, MONEY, OTHERS, sections
from computesim.report.overlay_figures import VINTAGE_HEADS, vintage_rows
from computesim.report.page import (
    cards,
    figure,
    json_block,
    link,
    page,
    prose,
    summary_table,
    table,
)
from computesim.report.scales import rounded, scaled
from computesim.report.sourcing import ESTIMATE, count_estimates, is_estimate, known_sources
from computesim.report.supply import balance_rows
from computesim.report.tables import SummaryRow, key_figures, reference_year, summary_rows
from computesim.results import Anchor, Assumption, Results, Source


def _header(results: Results) -> str:
    manifest = results.manifest
    years = f"{results.years[0]}–{results.years[-1]}" if results.years else "no years"
    facts = [
        f"Scenario {results.scenario}",
        years,
        f"{len(results.replications)} replication{'s' if len(results.replications) != 1 else ''}",
        f"seed {manifest.get('seed', '–')}",
        f"hash {manifest.get('hash', '–')[:8]}",
        f"computesim {manifest.get('version', '')}".strip(),
    ]
    return (
        f'<div class="kind">Compute demand of AI: scenario report</div>'
        f"<h1>{escape(manifest.get('title') or results.scenario)}</h1>"
        f'<p class="question">{escape(manifest.get("question", ""))}</p>'
        f'<p class="facts">{escape(" · ".join(facts))}</p>'
    )


def _warnings(results: Results) -> str:
    lines = "".join(f"<li>{escape(w)}</li>" for w in results.manifest.get("warnings", []))
    return f'<div class="warning"><b>Warnings of the run</b><ul>{lines}</ul></div>' if lines else ""


def source_cell(key: str, known: dict[str, Source]) -> str:
    """Return a source as a link to where it can be read, estimates marked."""
    entry = known.get(key, {})
    shown = link(entry.get("title", key), entry.get("url", ""))
    if not is_estimate(key, known):
        return shown
    return f'<span class="estimate">{shown}{"" if key == ESTIMATE else " (estimate)"}</span>'


def _anchor_cells(anchor: Anchor, known: dict[str, Source]) -> list[str]:
    """Return one line of the comparison with published figures."""
    ours, actual = anchor["ours"], anchor["actual"]
    scale, unit = scaled(anchor.get("unit", ""), max(ours, actual))
    low, high = anchor.get("low"), anchor.get("high")
    span = "" if low is None or high is None else f"{rounded(low / scale)}–{rounded(high / scale)}"
    verdict = "inside" if anchor.get("within") else "outside"
    return [
        escape(anchor["name"]),
        str(anchor["year"]),
        escape(unit),
        rounded(ours / scale),
        rounded(actual / scale),
        span,
        rounded(ours / actual) if actual else "–",
        f"÷ or × {anchor['factor']:.3g}" if anchor.get("factor") else "",
        f'<span class="{verdict}">{verdict}</span>',
        source_cell(anchor.get("source", ""), known),
    ]


def _anchors(results: Results) -> str:
    anchors = results.manifest.get("anchors", [])
    if not anchors:
        return ""
    heads = ("Figure", "Year", "Unit", "Ours", "Published", "Published range", "Ours ÷ published",
             "Allowed", "Verdict", "Source")  # fmt: skip
    outside = sum(not anchor.get("within") for anchor in anchors)
    said = f"{len(anchors) - outside} of {len(anchors)} inside, {outside} outside."
    known = known_sources(results)
    return f"<p>{said}</p>" + table(heads, (_anchor_cells(a, known) for a in anchors))


def _vintages(results: Results) -> str:
    rows, known = vintage_rows(results), known_sources(results)
    cells = ([*map(escape, row[:-1]), source_cell(row[-1], known)] for row in rows)
    said = "<p>What others project, with the change against their vintage before.</p>"
    return said + table(VINTAGE_HEADS, cells) if rows else ""


def _assumption_cells(row: Assumption, known: dict[str, Source]) -> list[str]:
    note = f'<div class="small">{escape(row["note"])}</div>' if row.get("note") else ""
    ends = [str(end) for end in (row.get("low"), row.get("high")) if end not in (None, "")]
    return [
        f"<code>{escape(row.get('path', ''))}</code>",
        escape(str(row.get("value", ""))) + note,
        escape(row.get("unit", "")),
        escape("–".join(ends)),
        source_cell(row.get("source", ""), known),
        escape(row.get("origin", "")),
    ]


def _assumptions(results: Results) -> str:
    rows = results.manifest.get("assumptions", [])
    if not rows:
        return ""
    known = known_sources(results)
    estimates, count = count_estimates(results)
    body = (_assumption_cells(row, known) for row in rows)
    heads = ("Input", "Value", "Unit", "Range", "Source", "Set in")
    return (
        f'<p><b class="estimate">{estimates}</b> of {count} inputs are estimates. '
        '<input type="search" data-table="inputs" placeholder="Filter the inputs" '
        f'aria-label="Filter the inputs"></p>{table(heads, body, key="inputs")}'
    )


def _sources(results: Results) -> str:
    body = [
        [
            escape(source.get("key", "")),
            link(source.get("title", ""), source.get("url", "")),
            escape(source.get("date", "")),
            escape(source.get("kind", "")),
        ]
        for source in sorted(results.manifest.get("sources", []), key=lambda s: s.get("key", ""))
    ]
    return table(("Key", "Title", "Date", "Kind"), body) if body else ""


def _footer(results: Results) -> str:
    """Return everything needed to make the same report again."""
    manifest = results.manifest
    libraries = ", ".join(f"{k} {v}" for k, v in manifest.get("libraries", {}).items())
    seconds = f"{manifest['wall_time']:.2f} s" if "wall_time" in manifest else "–"
    facts = (
        f"computesim {manifest.get('version', '–')} · scenario {results.scenario} · hash "
        f"{manifest.get('hash', '–')} · seed {manifest.get('seed', '–')} · ran in {seconds} · "
        f"{libraries}"
    )
    resolved = json_block(as_data(manifest.get("scenario", {})))
    return (
        f"<p>{escape(facts)}</p><details><summary>The resolved scenario</summary>"
        f"<pre>{resolved}</pre></details>"
    )


def _reference(results: Results) -> str:
    if not results.years:
        return ""
    last, first = results.years[-1], reference_year(results)
    return f'<p class="small">Key figures are those of {last}, beside {first}.</p>'


def _costs(rows: Sequence[SummaryRow], years: Sequence[int]) -> str:
    """Return the table of what hours, tokens and runs cost."""
    said = "Cost of ownership: annualised capital, operations and electricity; no margin, no rent."
    return f"<h3>Cost of hours, tokens and runs</h3><p>{said}</p>" + summary_table(rows, years)


def _parts(results: Results) -> list[tuple[str, str, str]]:
    """Return key, heading and content of every section that has one."""
    summary = summary_rows(results)
    parts = [("summary", "By year", summary_table(summary, results.years) if summary else "")]
    drawn = {head: "\n".join(map(figure, charts)) for head, charts in sections(results)}
    checks = drawn.pop(CHECKS, "") + _anchors(results)
    if costs := cost_rows(results):
        drawn[MONEY] = drawn.get(MONEY, "") + _costs(costs, results.years)
    if balance := balance_rows(results):
        heading = "Supply"
        drawn[heading] = summary_table(balance, results.years) + drawn.get(heading, "")
    if BILL in drawn:
        drawn[BILL] += bill_page.tables(results)
    others = drawn.pop(OTHERS, "") + _vintages(results)
    parts += [(heading.lower(), heading, body) for heading, body in drawn.items()]
    parts += [
        ("others", OTHERS, others),
        ("checks", CHECKS, checks),
        ("assumptions", "Assumptions", _assumptions(results)),
        ("sources", "Sources", _sources(results)),
        ("method", "Method and limits", prose("method.txt")),
    ]
    return [part for part in parts if part[2]]


def report_html(results: Results) -> str:
    """Return the report of one scenario as a page that needs nothing from outside.

    Parameters
    ----------
    results : Results
        What is missing in it is left out of the page.

    Returns
    -------
    str
        HTML with plotly.js, style and numbers inside (about 5 MB).
    """
    parts = _parts(results)
    lead = (_warnings(results), cards(key_figures(results)), _reference(results))
    title = results.manifest.get("title") or results.scenario
    return page(f"{title} – computesim", _header(results), parts, _footer(results), *lead)
