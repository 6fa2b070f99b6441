"""The page that holds several scenarios beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from computesim.report.comparison import comparison_charts, labels
from computesim.report.page import figure, page, table
from computesim.report.scales import rounded, scaled
from computesim.report.sourcing import run_name
from computesim.report.tables import SUMMARY_VARIABLES
from computesim.results import Results


def comparison_rows(runs: Sequence[Results], year: int) -> list[list[str]]:
    """Return every total of one year, a column per scenario, with the ratio to the first.

    Parameters
    ----------
    runs : sequence of Results
        The first one is what the others are held against.
    year : int
        The year to look at.

    Returns
    -------
    list of list of str
        Quantity with its unit, then one cell per scenario.
    """
    rows = []
    for label, name in SUMMARY_VARIABLES:
        numbers = [run.series(name).get(year) if name in run else None for run in runs]
        known = [number for number in numbers if number is not None]
        if not any(known):
            continue
        unit = next(run.unit(name) for run in runs if name in run)
        factor, shown = scaled(unit, max(known))
        cells = [rounded(None if n is None else n / factor) for n in numbers]
        for place, number in enumerate(numbers[1:], start=1):
            if number is not None and numbers[0]:
                cells[place] += f" (× {rounded(number / numbers[0])})"
        rows.append([f"{label}, {shown}", *cells])
    return rows


def differing_inputs(runs: Sequence[Results]) -> list[list[str]]:
    """Return the inputs whose value is not the same in all scenarios.

    Parameters
    ----------
    runs : sequence of Results
        Their manifests hold the inputs.

    Returns
    -------
    list of list of str
        Path, then the value in each scenario, `–` where it has none.
    """
    tables = [
        {row["path"]: str(row.get("value", "")) for row in run.manifest.get("assumptions", [])}
        for run in runs
    ]
    paths = dict.fromkeys(path for values in tables for path in values)
    rows = [[path, *(values.get(path, "–") for values in tables)] for path in paths]
    return [row for row in rows if len(set(row[1:])) > 1]


def _escaped(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[escape(cell) for cell in row] for row in rows]


def _header(runs: Sequence[Results]) -> str:
    """Return what is compared, and the question of each scenario."""
    lines = "".join(
        f"<li><b>{escape(label)}</b>: {escape(run.manifest.get('title', ''))} "
        f'<span class="unit">{escape(run.manifest.get("question", ""))}</span></li>'
        for label, run in zip(labels(runs), runs, strict=True)
    )
    return (
        '<div class="kind">Compute demand of AI: comparison of scenarios</div>'
        f"<h1>{escape(' · '.join(labels(runs)))}</h1><ul>{lines}</ul>"
    )


def comparison_html(runs: Sequence[Results]) -> str:
    """Return a page that holds scenarios beside each other and needs nothing from outside.

    Parameters
    ----------
    runs : sequence of Results
        Two or more; the first one is what the others are held against.

    Returns
    -------
    str
        HTML with plotly.js, style and numbers inside.

    Raises
    ------
    ValueError
        If there are fewer than two scenarios.
    """
    if len(runs) < 2:
        raise ValueError("a comparison takes two scenarios or more")
    names = labels(runs)
    parts = []
    common = sorted(set.intersection(*(set(run.years) for run in runs)))
    for year in dict.fromkeys([common[len(common) // 2], common[-1]] if common else []):
        body = table([f"{year}", *names], _escaped(comparison_rows(runs, year)), numbers=True)
        parts.append((f"year-{year}", f"In {year}", body))
    drawn = "\n".join(figure(chart) for chart in comparison_charts(runs))
    parts.append(("charts", "Charts", drawn))
    if differing := differing_inputs(runs):
        parts.append(
            ("inputs", "Inputs that differ", table(["Input", *names], _escaped(differing)))
        )
    foot = "<br>".join(escape(run_name(run)) for run in runs)
    return page(f"{' · '.join(names)} – computesim", _header(runs), parts, f"<p>{foot}</p>")
