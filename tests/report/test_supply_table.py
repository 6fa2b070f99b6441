"""The table and the charts of supply and demand."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from computesim.report.export import write_tables
from computesim.report.figures import charts
from computesim.report.html import report_html
from computesim.report.supply import balance_rows, balance_text
from computesim.results import Results, Row


def test_the_balance_names_what_binds_what_relief_gives_and_what_stops_it(
    results: Results,
) -> None:
    rows = {row.label: row for row in balance_rows(results)}
    assert rows["Binding limit"].cells([2022, 2024, 2030]) == ["none", "Packaging", "HBM"]
    assert rows["Then binds"].cells([2022, 2024, 2030]) == ["–", "HBM", "demand"]
    assert rows["Relief in the year"].cells([2022, 2030]) == ["0", "3.00"]
    assert rows["HBM used"].cells([2022, 2030]) == ["80.0", "100"]


def test_the_gap_is_what_demand_exceeds_supply_by(results: Results) -> None:
    rows = {row.label: row for row in balance_rows(results)}
    demand, supply, gap = (
        rows[name].values for name in ("Demand without limits", "Supply in service", "Gap")
    )
    for year in results.years:
        assert gap[year] == pytest.approx(max(float(demand[year]) - float(supply[year]), 0.0))


def test_the_table_stands_in_the_terminal_the_page_and_a_file(
    results: Results, tmp_path: Path
) -> None:
    text = balance_text(results, [2024, 2030])
    assert text.splitlines()[0].split()[-2:] == ["2024", "2030"]
    assert "Capital" not in text  # made-up results hold no capex without limits
    page = report_html(results)
    assert '<section id="supply"><h2>Supply</h2>' in page
    assert "Binding limit" in page
    (path,) = [p for p in write_tables(results, tmp_path) if p.name == "supply.csv"]
    with path.open(encoding="utf-8", newline="") as file:
        lines = {row["quantity"]: row for row in csv.DictReader(file)}
    assert set(lines) == {row.label for row in balance_rows(results)}
    assert lines["Binding limit"]["2030"] == "HBM"


def test_the_charts_show_both_worlds_and_say_what_binds(results: Results) -> None:
    drawn = {chart.key: chart for chart in charts(results)}
    both, used = drawn["supply-and-demand"], drawn["limits-used"]
    assert [line.name for line in both.lines] == ["Without limits", "With limits, in service"]
    assert {line.name for line in used.lines} == {"Packaging", "HBM", "NVIDIA"}
    assert "2025 Packaging, 2026 HBM" in used.caption


def test_results_without_limits_have_neither_table_nor_charts(
    make: Callable[..., Results], tmp_path: Path
) -> None:
    full = make()
    kept = [
        Row(name, full.unit(name), year, value)
        for name in full.variables("*")
        if not name.startswith(("Supply|", "Unconstrained|"))
        for year, value in full.series(name).items()
    ]
    free = Results.from_rows(kept, full.manifest)
    assert balance_rows(free) == []
    assert balance_text(free) == ""
    assert not {"supply-and-demand", "limits-used"} & {chart.key for chart in charts(free)}
    assert "supply.csv" not in {path.name for path in write_tables(free, tmp_path)}
    assert 'id="supply"' not in report_html(free)
