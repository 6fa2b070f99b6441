"""Every row of every shipped table."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from computesim import units
from computesim.catalog import TABLES, load_catalog
from computesim.catalog.overlay import row_faults
from computesim.catalog.rows import (
    COLUMNS,
    DATA,
    SOURCE_COLUMNS,
    SOURCE_KINDS,
    TEXT_UNITS,
    read_rows,
    shipped_sources,
)

#: sources that no table cites: of batch schedules, and of a coefficient of `hardware/efficiency.py`
REFERENCE = frozenset(
    {
        "counterpoint-server-memory",
        "deepseek-3fs",
        "deepseek-context-caching",
        "gpt-3",
        "mooncake-fast25",
        "openai-prompt-caching",
        "vllm-pagedattention",
        "zero-offload",
    }
)
#: files of the folder with columns of their own, read by the command of their name
OF_COMMANDS = frozenset({"backcast", "variables"})  # tables that hold no cited figures
SOURCES = shipped_sources()
ROWS = {table: list(read_rows(DATA / f"{table}.csv")) for table in TABLES}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_exactly_the_documented_columns(table: str) -> None:
    with (DATA / f"{table}.csv").open(newline="") as stream:
        lines = list(csv.reader(stream))
    assert tuple(lines[0]) == COLUMNS
    assert {len(line) for line in lines} == {len(COLUMNS)}


@pytest.mark.parametrize("table", TABLES)
def test_no_row_of_a_table_has_a_fault(table: str) -> None:
    faults = [str(fault) for row in ROWS[table] for fault in row_faults(table, row, SOURCES)]
    assert faults == []


@pytest.mark.parametrize("table", TABLES)
def test_a_figure_is_given_once_per_date(table: str) -> None:
    keys = Counter((row.name, row.parameter, row.fields[6]) for row in ROWS[table])
    assert [key for key, count in keys.items() if count > 1] == []


@pytest.mark.parametrize("table", TABLES)
def test_dates_are_years_months_or_days(table: str) -> None:
    for row in ROWS[table]:
        value, unit, as_of = row.fields[2], row.fields[3], row.fields[6]
        assert re.fullmatch(r"(20\d\d(-\d\d){0,2})?", as_of), row
        if unit == "date":
            assert re.fullmatch(r"20\d\d(-\d\d){0,2}", value), row


def test_the_tables_cover_all_files_of_the_folder() -> None:
    assert {path.stem for path in DATA.glob("*.csv")} == {*TABLES, *OF_COMMANDS, "sources"}


def test_every_source_is_used_by_a_table_or_known_to_be_for_scenarios() -> None:
    used = {row.fields[7] for rows in ROWS.values() for row in rows}
    for path in (DATA / "cases").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            used |= {row["source"] for row in csv.DictReader(file)}
    assert used | REFERENCE == set(SOURCES)
    assert not used & REFERENCE


def test_a_source_has_a_title_a_kind_and_a_date() -> None:
    rows = list(read_rows(DATA / "sources.csv", SOURCE_COLUMNS))
    assert len({row.name for row in rows}) == len(rows)
    for source in SOURCES.values():
        assert source.title, source.key
        assert source.kind in SOURCE_KINDS, source
        assert re.fullmatch(r"20\d\d(-\d\d){0,2}", source.date), source
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", source.key), source
        assert not source.url or source.url.startswith("http"), source
    assert [s.key for s in SOURCES.values() if s.kind == "estimate"] == ["estimate"]


def test_nearly_every_source_has_an_address() -> None:
    without = [s.key for s in SOURCES.values() if not s.url]
    assert len(without) / len(SOURCES) < 0.05


def test_an_estimated_number_of_hardware_says_how_it_was_made() -> None:
    for table in ("accelerators", "fabrics", "sites", "prices", "reliability"):
        for row in ROWS[table]:
            if row.fields[7] == "estimate" and row.fields[3] not in TEXT_UNITS:
                assert row.fields[8], row


@pytest.mark.parametrize("table", TABLES)
def test_every_number_is_finite_in_base_units(table: str) -> None:
    for figure in load_catalog().rows(table):
        if figure.unit not in TEXT_UNITS:
            low, high = figure.bounds
            assert low <= figure.number <= high
            assert abs(figure.number) < float("inf")
            assert units.scale(figure.unit) > 0


def test_an_alias_belongs_to_one_name_and_is_no_name_itself() -> None:
    for table in ("accelerators", "models", "fabrics", "sites"):
        names = {row.name for row in ROWS[table]}
        aliases = [
            alias
            for row in ROWS[table]
            if row.parameter == "aliases"
            for alias in row.fields[2].split(";")
        ]
        assert [alias for alias, count in Counter(aliases).items() if count > 1] == []
        assert not names & set(aliases)
        assert all(re.fullmatch(r"[a-z0-9][a-z0-9.-]*", word) for word in [*names, *aliases])


def test_history_of_shipments_names_accelerators_of_the_catalog() -> None:
    known = {row.name for row in ROWS["accelerators"]}
    shipped = {row.name for row in ROWS["history"] if row.name.startswith("shipments-")}
    assert {name.split("-", 1)[1].removeprefix("h100e-") for name in shipped} <= known
    assert len(shipped) > 40


def test_every_table_says_how_it_is_used() -> None:
    folder = Path(units.__file__).parent / "data"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{table.name}` |" in listed for table in folder.glob("*.csv"))
