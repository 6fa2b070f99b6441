"""explain: a figure of a run as a tree, as JSON and as a table; and the trail of a run."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from computesim import load_results

Command = Callable[..., Result]
SHORT = ("--set", "horizon.last_year=2025")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_figure_is_walked_back_to_lines_and_sources(command: Command, minimal: str) -> None:
    text = command("explain", minimal, "Tokens|CoT inference|Answer", 2025, *SHORT,
                   "--depth", 4).stdout  # fmt: skip
    assert "Tokens|CoT inference|Answer in 2025 = " in text
    assert re.search(r"products\.chat\.reasoning_share = 0\.25\s[│ ]*\(input, estimate, ", text)
    assert re.search(r"minimal\.yaml:\d+", text)
    assert "billion tokens/day" in text
    assert re.search(r"Rests on \d+ inputs .*, \d+ of them estimates, from \d+ source", text)


@pytest.mark.parametrize("variable", ["Capex", "Service|standard|TTFT p90", "FLOP"])
def test_no_line_of_a_deep_tree_is_wider_than_100_columns(
    command: Command, minimal: str, variable: str
) -> None:
    text = command("explain", minimal, variable, 2025, *SHORT, "--depth", 12, "--notes").stdout
    lines = text.splitlines()
    assert len(lines) > 50
    assert max(map(len, lines)) <= 100
    assert "(above)" in text  # what is shared is printed once


def test_the_depth_says_how_many_levels_are_printed(command: Command, minimal: str) -> None:
    flat = command("explain", minimal, "Energy", 2025, *SHORT, "--depth", 0).stdout
    assert "├─" not in flat
    assert "Energy in 2025 = " in flat
    shallow, deep = (
        command("explain", minimal, "Energy", 2025, *SHORT, "--depth", n).stdout for n in (1, 3)
    )
    assert "│  ├─" not in shallow
    assert "│  │  ├─" in deep


def test_json_holds_the_tree_and_agrees_with_the_run(command: Command, minimal: str) -> None:
    arguments = ("explain", minimal, "Power|Provisioned|RL post-training", 2025, *SHORT)
    data = json.loads(command(*arguments, "--depth", 3, "--json").stdout)
    command("run", minimal, *SHORT)
    (folder,) = Path("out").iterdir()
    stored = load_results(folder).series("Power|Provisioned|RL post-training")[2025]
    assert data["value"] == stored
    assert data["agrees"] is True
    assert data["sources"]
    assert sum(source["leaves"] for source in data["sources"]) == data["leaves"]
    tree = data["tree"]
    assert tree["operation"] == "product"
    assert math.prod(child["value"] for child in tree["children"]) == pytest.approx(stored)


def test_the_table_refers_to_its_own_rows(command: Command, minimal: str) -> None:
    command("explain", minimal, "Emissions|Pretraining", 2025, *SHORT, "--csv", "trail.csv")
    rows = table(Path("trail.csv"))
    ids = {row["id"] for row in rows}
    assert len(ids) == len(rows) > 50
    assert rows[0]["kind"] == "final"
    for row in rows:
        assert set(re.findall(r"#(\d+)", f"{row['expression']} {row['rests_on']}")) <= ids
        if row["kind"] == "input":
            assert row["source"], row
    assert not list(Path().glob(".trail*")), "a draft is left"


def test_a_change_of_the_scenario_changes_the_tree(command: Command, minimal: str) -> None:
    variable, year = "Tokens|Other inference|Prompt", 2025
    before, after = (
        json.loads(command("explain", minimal, variable, year, *SHORT, *more, "--json").stdout)
        for more in ((), ("--set", "products.chat.prompt_tokens=4000"))
    )
    assert after["value"] == pytest.approx(2 * before["value"])
    assert "--set" in json.dumps(after["tree"])
    assert "--set" not in json.dumps(before["tree"])


def test_a_pattern_is_a_sum(command: Command, minimal: str) -> None:
    data = json.loads(
        command("explain", minimal, "Energy|*inference", 2025, *SHORT, "--json").stdout
    )
    parts = [child["value"] for child in data["tree"]["children"]]
    assert len(parts) == 2
    assert data["value"] == pytest.approx(sum(parts))


def test_of_a_path_that_is_averaged_both_ends_are_printed(command: Command, minimal: str) -> None:
    text = command("explain", minimal, "Supply|Available|Packaging wafers", 2025, *SHORT,
                   "--depth", 5, "--set",
                   "supply.packaging={2023: 12000, 2025: 36000}").stdout  # fmt: skip
    assert "├─ from supply.packaging = " in text
    assert "├─ to supply.packaging = " in text
    assert "supply.lead_time = " in text
    assert re.search(r"└─ … \d+ points between", text)
    assert text.count(" supply.packaging = ") == 2


def test_all_that_is_wrong_is_said_at_once_before_anything_is_run(
    command: Command, minimal: str
) -> None:
    told = command("explain", minimal, "Enrgy", 2040, code=2).stderr
    assert told.startswith("explain: 2 faults")
    assert "did you mean Energy" in told
    assert "2024-2028" in told


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("Energy|CoT", "did you mean"),
        ("Power", "do not add up"),
        ("MFU|*", "does not add up"),
        ("*nothing*", "hold no variable"),
    ],
)
def test_a_wrong_variable_is_no_traceback(
    command: Command, minimal: str, variable: str, told: str
) -> None:
    result = command("explain", minimal, variable, 2025, *SHORT, code=2)
    assert told in result.stderr
    assert result.stdout == ""


def test_a_run_leaves_the_trail_of_its_main_figures(command: Command, minimal: str) -> None:
    command("run", minimal, *SHORT)
    (folder,) = Path("out").iterdir()
    rows = table(folder / "tables" / "audit_trail.csv")
    results = load_results(folder)
    finals = {row["name"]: float(row["value"]) for row in rows if row["kind"] == "final"}
    for name in ("Energy", "Capex", "Tokens", "H100-equivalents"):
        assert finals[f"{name} in 2025"] == pytest.approx(results.series(name)[2025], rel=1e-9)
    kinds = {row["kind"] for row in rows}
    assert {"final", "derived", "input", "constant", "simulated", "linear program"} <= kinds
