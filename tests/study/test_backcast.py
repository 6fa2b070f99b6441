"""The back-cast: tolerances, the table, and what is compared."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from computesim import load_catalog, load_scenario
from computesim.catalog.rows import shipped_sources
from computesim.errors import CaseError
from computesim.published.shipments import sold
from computesim.results import Results, Row
from computesim.study.backcast.checks import LAST_YEAR, Backcast, compare, past
from computesim.study.backcast.judge import judge, published
from computesim.study.backcast.ours import energy_as_sold, unit_of_variable
from computesim.study.backcast.table import COLUMNS, read_table, shipped_table

MINIMAL = str(Path(__file__).parents[1] / "scenario" / "data" / "minimal.yaml")


@pytest.mark.parametrize(
    ("kind", "tolerance", "ours", "passed"),
    [
        ("band", "", 0.9, True),
        ("band", "", 1.3, False),
        ("relative", "0.15", 1.149, True),
        ("relative", "0.15", 0.84, False),
        ("points", "4", 1.039, True),
        ("points", "4", 0.95, False),
        ("factor", "1.5", 1.49, True),
        ("factor", "1.5", 0.66, False),
        ("range", "0.5..2", 2.0, True),
        ("range", "0.5..2", 2.1, False),
        ("none", "", 100.0, None),
    ],
)
def test_a_tolerance_accepts_what_lies_inside_it(
    kind: str, tolerance: str, ours: float, passed: bool | None
) -> None:
    assert judge(kind, tolerance, ours, 1.0, 0.8, 1.2)[2] is passed


def test_a_missing_end_of_a_range_is_the_value() -> None:
    assert judge("band", "", 0.9, 1.0, None, 1.2) == (1.0, 1.2, False)


def test_a_range_is_read_with_its_units() -> None:
    least, most, passed = judge("range", "75 TWh/year..120 TWh/year", 9e13, 1.0, unit="Wh/year")
    assert (least, most, passed) == (pytest.approx(75e12), pytest.approx(120e12), True)


def test_the_shipped_table_names_series_variables_and_sources_that_exist() -> None:
    catalog, (checks, inputs) = load_catalog(), shipped_table()
    for check in checks:
        assert published(check, catalog), check
        assert unit_of_variable(check.variable)
        assert check.source in shipped_sources()
    scenario = load_scenario("baseline")
    keys = {row.key for row in scenario.assumptions()}
    for row in inputs:
        assert row.source in shipped_sources()
        assert row.key in keys or "/" in row.key or row.key.startswith("prices: "), row
    assert {check.held_out for check in checks} == {True, False}


def test_the_targets_of_the_backcast_are_in_the_table() -> None:
    by_name = {check.quantity: check for check in shipped_table()[0]}
    kinds = {name: (c.tolerance_kind, c.tolerance) for name, c in by_name.items()}
    assert kinds["World AI compute sold"] == ("band", "")
    assert kinds["NVIDIA data-centre revenue"] == ("relative", "0.15")
    assert kinds["Networking in NVIDIA data-centre revenue"] == ("points", "4")
    assert kinds["AI facility power capacity"] == ("relative", "0.2")
    assert kinds["AI electricity at the meter"] == ("range", "75 TWh/year..120 TWh/year")
    assert kinds["Tokens a day in the world"] == ("factor", "1.5")


def test_every_fault_of_a_table_is_named(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    lines = [
        ",".join(COLUMNS),
        "check,a,,world-h100e,Tokens,bund,,yes,estimate,",
        "check,b,2023-2025,world-h100e,Tokens,relative,-1,maybe,estimate,",
        "chek,c,,,,none,,,estimate,",
        "check,d,,world-h100e,Tokens,range,5,yes,estimate,",
        "input,e,,,fleet.lifetime,tuned,,,estimate,",
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(CaseError) as caught:
        read_table(file)
    text = str(caught.value)
    assert text.startswith("backcast: 7 faults")
    for word in (":2:", "did you mean band", ":3:", "years", "held_out", "above 0", ":4:", "check",
                 ":5:", ":6:", "set, fitted"):  # fmt: skip
        assert word in text


def test_a_scenario_of_the_future_has_no_past(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="begins in 2026 or before"):
        past("baseline", ["horizon.first_year=2028"])


def test_the_horizon_goes_to_the_last_published_year_unless_all_of_it_is_wanted() -> None:
    assert past("baseline").horizon.last_year == LAST_YEAR
    assert past("baseline", whole=True).horizon.last_year == 2030
    assert past("baseline", ["horizon.last_year=2024"]).horizon.last_year == 2024


@pytest.fixture(scope="module")
def as_sold() -> Backcast:
    """A world in which exactly what was sold is shipped and stands in service."""
    catalog = load_catalog()
    rows: list[Row] = []
    stock: dict[str, float] = {}
    for year, units in sold(catalog).items():
        for name, count in units.items():
            stock[name] = stock.get(name, 0.0) + count
            rows.append(Row(f"Accelerators|Shipped|{name}", "accelerator", year, count))
        for name, count in stock.items():
            chip = catalog.accelerator(name)
            equal = count * chip.h100_equivalents
            rows.append(Row(f"H100-equivalents by generation|{name}", "H100e", year, equal))
            rows.append(Row(f"Power|Accelerator TDP|{name}", "W", year, count * chip.tdp))
    results = Results.from_rows(rows, {"name": "sold", "hash": "0" * 16})
    return compare(results, load_scenario("baseline", ["horizon.last_year=2025"]))


def test_a_fleet_of_what_was_sold_agrees_with_the_units_as_sold(as_sold: Backcast) -> None:
    both = [c for c in as_sold.comparisons if c.with_actual_shipments is not None]
    names = {c.quantity for c in both}
    assert {"World AI compute sold", "NVIDIA accelerators shipped", "HBM shipped"} <= names
    for c in both:
        assert c.ours == pytest.approx(c.with_actual_shipments, rel=1e-9), c.quantity
        assert c.passed is c.passed_with_actual_shipments


def test_units_of_every_vendor_as_sold_are_the_published_ones(as_sold: Backcast) -> None:
    units = [c for c in as_sold.comparisons if c.unit == "accelerator"]
    assert len(units) >= 10
    assert all(c.ratio == pytest.approx(1.0, rel=1e-5) and c.passed for c in units)


def test_a_quantity_that_the_results_lack_is_left_out(as_sold: Backcast) -> None:
    names = {c.quantity for c in as_sold.comparisons}
    assert "AI electricity at the meter" not in names
    assert "Capital spending of four hyperscalers" not in names


def test_the_summary_counts_what_is_judged(as_sold: Backcast) -> None:
    summary = as_sold.summary
    assert summary["passed"] + summary["failed"] == summary["judged"] < summary["compared"]
    assert summary["failed"] == len(as_sold.missed)
    assert 0 < summary["held_out"] < summary["judged"]


def test_electricity_of_what_was_sold_follows_its_tdp() -> None:
    scenario = load_scenario("baseline", ["horizon.last_year=2025"])
    tdp = {2022: 1e9, 2023: 2e9, 2024: 4e9, 2025: 8e9}
    built = {year: 2 * watts for year, watts in tdp.items()}
    figures = {"Power|Accelerator TDP": tdp, "Power|Provisioned": built}
    rows = [
        Row(f"Power|{boundary}|Other AI", "W", year, factor * 5e9)
        for year in tdp
        for boundary, factor in (("IT", 1.0), ("Facility", 1.2))
    ]
    rows += [Row("Power|Accelerator TDP|h100-sxm", "W", year, 5e9) for year in tdp]
    results = Results.from_rows(rows, {"name": "made up"})
    found = energy_as_sold(figures, results, scenario)
    mean = 1.2 * (8e9 - 4e9) / math.log(2) * 0.5**0.25  # doubling, a quarter of a year late
    assert found["Energy"][2025] == pytest.approx(mean * 8766)
    assert found["Electricity of IT"][2025] == pytest.approx(mean * 8766 / 1.2)
    assert found["Load factor"][2025] == pytest.approx(mean / (2 * (4e9 + 8e9) / 2))
    late = Results.from_rows([row for row in rows if row.year > 2023], {"name": "late"})
    assert energy_as_sold(figures, late, scenario) == {}
