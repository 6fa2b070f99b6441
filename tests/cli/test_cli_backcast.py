"""backcast: what it prints, writes and returns."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

Command = Callable[..., Result]
SHORT = ("--set", "horizon.last_year=2025")


def test_a_world_that_is_not_ours_misses_and_says_so(command: Command, minimal: str) -> None:
    text = command("backcast", minimal, *SHORT, code=1).stdout
    for word in ("MISS", "pass", "World AI compute sold", "accepted", "as sold", "Misses",
                 "held out", "Calibrated", "fleet.shipments", "fitted"):  # fmt: skip
        assert word in text
    assert "products.search.users" not in text  # an input of the baseline that this one lacks


def test_misses_are_tolerated_up_to_a_number(command: Command, minimal: str) -> None:
    data = json.loads(command("backcast", minimal, *SHORT, "--json", code=1).stdout)
    failed = data["summary"]["failed"]
    assert failed == sum(row["passed"] is False for row in data["comparisons"]) > 0
    command("backcast", minimal, *SHORT, "--tolerate", failed)
    command("backcast", minimal, *SHORT, "--tolerate", failed - 1, code=1)


def test_json_has_ours_beside_the_published_figure(command: Command, minimal: str) -> None:
    data = json.loads(command("backcast", minimal, *SHORT, "--json", code=1).stdout)
    rows = {(row["quantity"], row["date"]): row for row in data["comparisons"]}
    row = rows["World AI compute sold", "2024"]
    assert (row["published"], row["low"], row["high"]) == (6531926, 5435655, 7761039)
    assert row["least"] == row["low"]
    assert row["most"] == row["high"]
    assert row["passed"] is (row["low"] <= row["ours"] <= row["high"])
    assert all(date[:4] in ("2024", "2025") for _, date in rows)
    assert {c["origin"] for c in data["calibrated"]} == {"set", "fitted"}


def test_files_hold_the_comparisons_and_charts(command: Command, minimal: str) -> None:
    printed = command("backcast", minimal, *SHORT, "--out", "out", code=1).stdout
    (folder,) = Path("out").iterdir()
    assert folder.name.startswith("backcast-minimal-")
    with (folder / "comparisons.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    data = json.loads((folder / "backcast.json").read_text(encoding="utf-8"))
    assert [row["quantity"] for row in rows] == [c["quantity"] for c in data["comparisons"]]
    with (folder / "vintages.csv").open(newline="", encoding="utf-8") as file:
        assert "Family" in next(csv.reader(file))
    drawn = {path.stem for path in (folder / "charts").glob("*.svg")}
    assert {"backcast-ratios", "backcast-world-ai-compute-sold", "others-compute"} <= drawn
    assert all(str(path) in printed for path in folder.rglob("*.*") if path.is_file())
    assert not list(folder.rglob(".*")), "a draft is left"


def test_wrong_input_is_a_message_and_code_2(command: Command, minimal: str) -> None:
    future = command("backcast", minimal, "--set", "horizon.first_year=2028", code=2)
    assert "begins in 2026 or before" in future.stderr
    assert "png" in command("backcast", minimal, "--charts", "gif", code=2).stderr
    assert "no" in command("backcast", "no-such-scenario", code=2).stderr
