"""The bill on the page: segments by year, who makes them, and markets beside ours."""

from __future__ import annotations

from html import escape

from computesim.report.bill_tables import CHAINS, CHECK_HEADS, METRICS, check_rows, lines
from computesim.report.page import table
from computesim.report.sourcing import ratio_note
from computesim.results import Results


def tables(results: Results) -> str:
    """Return the tables of the bill as HTML.

    Parameters
    ----------
    results : Results
        Without segments in its manifest there are none.
    """
    return "".join((_by_year(results), _segments(results), _markets(results)))


def _by_year(results: Results) -> str:
    """Return demand, price and value of every segment by year."""
    body, segment = [], ""
    for line in lines(results):
        s = line.segment
        name = f"<b>{escape(s['label'])}</b><br>" if s["key"] != segment else ""
        segment = s["key"]
        inside = " (inside other segments)" if s.get("inside") and line.metric == "value" else ""
        label = f"{name}{METRICS[line.metric][0]}{inside} "
        unit = f'<span class="unit">{escape(line.unit)}</span>'
        body.append([label + unit, *map(escape, line.cells(results.years))])
    if not body:
        return ""
    said = (
        "<h3>Segments by year</h3><p>Values of segments that stand inside others (memory in "
        "accelerators, chips in switches) are not spent again: only segments that are inside no "
        f"other add up to capital spending. {escape(ratio_note(results))}</p>"
    )
    return said + table(["", *map(str, results.years)], body, numbers=True)


def _segments(results: Results) -> str:
    body = [
        [
            f"{escape(s['label'])}<br>{escape(s['label_zh'])}",
            escape(CHAINS[s["chain"]][0]),
            escape(s["driver"]),
            escape("; ".join(s.get("names_seed", []))),
            escape("; ".join(s.get("names_other", []))),
            escape(s.get("note", "")),
        ]
        for s in results.manifest.get("segments", [])
    ]
    heads = ("Segment", "Chain", "Driver", "Named in the article behind the project",
             "Commonly listed", "Note")  # fmt: skip
    said = "<h3>Segments and companies</h3><p>A table of who makes what, without any advice.</p>"
    return said + table(heads, body) if body else ""


def _markets(results: Results) -> str:
    rows = check_rows(results.manifest.get("bill_checks", []))
    if not rows:
        return ""
    body = [[escape(cell) for cell in row] for row in rows]
    return "<h3>Beside published markets</h3>" + table(CHECK_HEADS, body)
