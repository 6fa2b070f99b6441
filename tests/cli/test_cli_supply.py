"""Limits on the supply from the command line: the table, the file, the JSON, and bad input."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Command = Callable[..., Result]
SHORT = ("--set", "horizon.last_year=2025")
SCARCE = (*SHORT, "--set", "supply.hbm=1e4", "--set", "supply.packaging=1e9")


def test_a_limited_run_prints_the_balance_and_writes_it(command: Command, minimal: str) -> None:
    text = command("run", minimal, *SCARCE).stdout
    (line,) = [line for line in text.splitlines() if line.startswith("Binding limit")]
    assert line.split()[2:] == ["HBM", "HBM"]
    assert "Shipped, no limits" in text
    (path,) = Path("out").rglob("supply.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = {row["quantity"]: row for row in csv.DictReader(file)}
    assert float(rows["HBM used"]["2025"]) == pytest.approx(100)
    assert float(rows["Supply in service"]["2025"]) < float(rows["Demand without limits"]["2025"])


def test_the_json_of_a_run_holds_the_balance(command: Command, minimal: str) -> None:
    data = json.loads(command("run", minimal, *SCARCE, "--json").stdout)
    rows = {row["quantity"]: row["values"] for row in data["supply"]}
    assert rows["Binding limit"] == {"2024": "HBM", "2025": "HBM"}
    assert rows["Then binds"] == {"2024": "demand", "2025": "demand"}


def test_a_run_without_limits_says_nothing_of_supply(command: Command, minimal: str) -> None:
    result = command("run", minimal, *SHORT, "--json")
    assert json.loads(result.stdout)["supply"] == []
    assert not list(Path("out").rglob("supply.csv"))


def test_everything_wrong_with_the_supply_is_told_at_once(command: Command, minimal: str) -> None:
    told = command(
        "run", minimal,
        "--set", "supply.packaging_share=1.5",
        "--set", "supply.packaging=3 GB",
        "--set", "supply.lead_time=2 year",
        "--set", "supply.makers={nvdia: 1e6}",
        "--set", "supply.wafers=1",
        code=2,
    ).stderr  # fmt: skip
    for word in ("packaging_share", "supply.packaging", "lead_time", "nvdia", "wafers"):
        assert word in told
    assert "did you mean" in told.lower()
    assert "Traceback" not in told
