"""The summary by year, for a terminal, a page and a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

from computesim.report.scales import rounded, scaled
from computesim.results import Results
from computesim.results.variables import COT, OTHER_INFERENCE, PRETRAINING, RL

SUMMARY_VARIABLES = (
    ("Compute required", "H100-equivalents"),
    ("Compute in service", "H100-equivalents by generation"),
    ("Accelerators required", "Accelerators|Required"),
    ("Accelerators in service", "Accelerators|Installed"),
    ("Accelerators shipped", "Accelerators|Shipped"),
    ("Accelerators lacking", "Unmet"),
    ("Facility power, mean", "Power|Facility"),
    ("Facility power, provisioned", "Power|Provisioned"),
    ("Electricity", "Energy"),
    ("Transceivers bought", "Network shipped|Optics"),
    ("Transceivers in service", "Network|Optics"),
    ("Switches in service", "Network|Switches"),
    ("Capital spending", "Capex"),
    ("Tokens", "Tokens"),
    ("Tokens on devices", "Device tokens"),
)
# label, group, over, under; an empty `under` is the whole group.
_RATIOS = (
    ("RL post-training, share of compute", "H100-equivalents", RL, ""),
    ("CoT inference, share of compute", "H100-equivalents", COT, ""),
    ("RL ÷ pretraining, FLOP", "FLOP", RL, PRETRAINING),
    ("CoT ÷ other inference, FLOP", "FLOP", COT, OTHER_INFERENCE),
)


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One line of the summary: a quantity by year, in the unit in which people read it."""

    label: str
    unit: str  #: as shown, `million accelerators`; empty for a ratio
    values: Mapping[int, float]  #: in that unit

    def cell(self, year: int) -> str:
        """Return the number of a year as text, `–` where there is none."""
        return rounded(self.values.get(year))

    def cells(self, years: Iterable[int]) -> list[str]:
        """Return the numbers of the years as text."""
        return [self.cell(year) for year in years]


def _variable_row(results: Results, label: str, name: str) -> SummaryRow:
    series = results.series(name)
    factor, unit = scaled(results.unit(name), max(series.values(), default=0.0))
    return SummaryRow(label, unit, {year: value / factor for year, value in series.items()})


def _ratio_row(results: Results, label: str, over: str, under: str, unit: str) -> SummaryRow:
    """Return one variable over another as a line of the summary."""
    above, below = results.series(over), results.series(under)
    factor, shown = scaled(unit, 1.0)
    values = {y: v / below[y] / factor for y, v in above.items() if below.get(y)}
    return SummaryRow(label, shown, values)


def summary_rows(results: Results) -> list[SummaryRow]:
    """Return the summary: every total that the results hold, and the ratios of the workloads.

    Parameters
    ----------
    results : Results
        Variables that are not there leave their line out.

    Returns
    -------
    list of SummaryRow
        In the order of the report.
    """
    rows = [
        _variable_row(results, label, name) for label, name in SUMMARY_VARIABLES if name in results
    ]
    for label, group, over, under in _RATIOS:
        first, second = f"{group}|{over}", f"{group}|{under}" if under else group
        if first in results and second in results:
            rows.append(_ratio_row(results, label, first, second, "1" if under else "%"))
    return [row for row in rows if any(row.values.values())]


def _cell_width(text: str) -> int:
    """Return the columns that a text takes in a terminal: Chinese characters take two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text as a table: the first column to the left, the others to the right."""
    widths = [max(map(_cell_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = [
            (cell, " " * (width - _cell_width(cell)))
            for cell, width in zip(row, widths, strict=True)
        ]
        cells = [padding + cell if place else cell + padding
                 for place, (cell, padding) in enumerate(padded)]  # fmt: skip
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def summary_text(results: Results, years: Sequence[int] = ()) -> str:
    """Return the summary as plain text with years as columns.

    Parameters
    ----------
    results : Results
        What to sum up.
    years : sequence of int
        The columns; all years for none.

    Returns
    -------
    str
        One line per quantity, its unit beside its name.
    """
    columns = list(years) or results.years
    lines = [["", *map(str, columns)]]
    for row in summary_rows(results):
        label = f"{row.label}, {row.unit}" if row.unit else row.label
        lines.append([label, *row.cells(columns)])
    return aligned(lines)


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One number that a reader should take away."""

    label: str
    value: str
    unit: str
    change: str  #: against the reference year


def reference_year(results: Results) -> int:
    """Return the year to compare with: the last that has published figures, else the first."""
    observed = {a["year"] for a in results.manifest.get("anchors", [])} & set(results.years[:-1])
    return max(observed, default=results.years[0])


def _change(row: SummaryRow, first: int, last: int) -> str:
    """Return how a line moves between two years."""
    if first == last or first not in row.values:
        return ""
    begin, end = row.values[first], row.values[last]
    text = f"{row.cell(first)} in {first}"
    if row.unit in ("", "%") or begin <= 0 or end <= 0:
        return text
    rate = 100 * ((end / begin) ** (1 / (last - first)) - 1)
    return f"{text}, {rate:+.0f} % a year"


def key_figures(results: Results) -> list[KeyFigure]:
    """Return the numbers of the last year that a reader should take away.

    Parameters
    ----------
    results : Results
        What to sum up.

    Returns
    -------
    list of KeyFigure
        Those of the summary that lead it.
    """
    wanted = (
        "Compute required", "Accelerators in service", "RL post-training, share of compute",
        "CoT inference, share of compute", "Facility power, provisioned", "Electricity",
        "Transceivers bought", "Capital spending", "Tokens",
    )  # fmt: skip
    if not results.years:
        return []
    first, last = reference_year(results), results.years[-1]
    rows = {row.label: row for row in summary_rows(results)}
    return [
        KeyFigure(
            label, rows[label].cell(last), rows[label].unit, _change(rows[label], first, last)
        )
        for label in wanted
        if label in rows and last in rows[label].values
    ]


def chart_rows(
    x: Sequence[float | str], columns: Mapping[str, Sequence[float | None]]
) -> list[list[str]]:
    """Return the numbers behind a chart: one line per series, years as columns, a heading first."""
    body = [[name, *map(rounded, values)] for name, values in columns.items()]
    heads = [rounded(head) if isinstance(head, float) else str(head) for head in x]
    return [["", *heads], *body]
