"""The command `bill`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from computesim import load_results
from computesim.results import save_results

Command = Callable[..., Result]
SHORT = ("--set", "horizon.last_year=2025")


def test_the_bill_of_a_scenario_is_printed_with_markets(command: Command, minimal: str) -> None:
    text = command("bill", minimal).stdout
    for word in ("Compute chain", "On-device chain", "High-bandwidth memory", "Value*", "$",
                 "Beside published markets", "CoWoS wafers"):  # fmt: skip
        assert word in text


def test_chinese_units_and_names(command: Command, minimal: str) -> None:
    text = command("bill", minimal, "--chinese").stdout
    for word in ("算力产业链", "先进封装", "万片", "亿元", "同比"):
        assert word in text


def test_json_holds_lines_and_markets_of_a_folder(command: Command, minimal: str) -> None:
    command("run", minimal, *SHORT, "--quiet")
    (folder,) = Path("out").iterdir()
    data = json.loads(command("bill", folder, "--json").stdout)
    results = load_results(folder)
    (gpu,) = (x for x in data["lines"] if (x["segment"], x["metric"]) == ("gpu", "value"))
    assert gpu["inside"] == []
    assert gpu["values"]["2025"] > 0
    assert len(data["markets"]) == len(results.manifest["bill_checks"])
    assert (folder / "tables" / "bill-zh.csv").exists()


def test_results_without_a_bill_say_what_to_do(command: Command, minimal: str) -> None:
    command("run", minimal, *SHORT, "--quiet")
    (folder,) = Path("out").iterdir()
    old = load_results(folder)
    del old.manifest["segments"]
    save_results(old, Path("old"))
    assert "run the scenario again" in command("bill", "old", code=2).output


def test_an_unknown_scenario_is_named(command: Command) -> None:
    assert "no-such" in command("bill", "no-such", code=2).output
