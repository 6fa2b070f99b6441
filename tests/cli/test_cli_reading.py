"""validate, show, list, schema, init, doctor, and the command line itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from computesim import __version__, load_catalog, load_scenario
from computesim.cli import app
from computesim.scenario import describe, json_schema

Command = Callable[..., Result]
TEN_FAULTS = Path(__file__).parents[1] / "scenario" / "data" / "ten_faults.yaml"
HEAVY = ("numpy", "numba", "scipy", "pandas", "pyarrow", "plotly", "matplotlib", "pydantic", "yaml",
         "simpy", "rich")  # fmt: skip
BIN = Path(sys.executable).parent


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom computesim.cli import main\nsys.argv = ['computesim', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "  simulate  " in done.stdout


def test_every_command_tells_itself_in_a_sentence_that_fits(command: Command) -> None:
    text = command("--help").stdout
    for info in app.registered_commands:
        assert info.callback is not None
        name = info.name or info.callback.__name__
        first = (info.callback.__doc__ or "").splitlines()[0]
        assert f"  {name:<8}  {first}\n" in text, "cut off"
        assert first in command(name, "--help").stdout


def test_every_command_that_prints_a_result_prints_json() -> None:
    without = {
        info.name or info.callback.__name__
        for info in app.registered_commands
        if info.callback and "as_json" not in info.callback.__annotations__
    }
    assert without == {"schema", "init"}  # one is JSON, the other writes a file


def test_the_version_is_printed(command: Command) -> None:
    assert command("--version").stdout == f"computesim {__version__}\n"


def test_the_command_and_the_module_are_installed() -> None:
    for start in ([str(BIN / "computesim")], [sys.executable, "-m", "computesim"]):
        done = subprocess.run([*start, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout == f"computesim {__version__}\n"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    line = f"set -o pipefail; '{BIN / 'computesim'}' list sources | head -n 1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    assert done.returncode in (0, 141)  # as `cat`: 141 if the pipe was closed in time


def test_a_terminal_without_our_letters_gets_question_marks() -> None:
    done = subprocess.run(
        [str(BIN / "computesim"), "show", "baseline"],
        env={"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b" ? " in done.stdout  # the dash of a range


def test_a_valid_scenario_says_what_it_holds(command: Command, minimal: str) -> None:
    data = json.loads(command("validate", minimal, "--json").stdout)
    scenario = load_scenario(minimal)
    assert data["valid"] is True
    assert data["hash"] == scenario.hash
    assert data["inputs"] == len(scenario.assumptions())
    assert f"{data['inputs']} inputs" in command("validate", minimal).stdout


def test_faults_are_printed_as_text_or_json(command: Command) -> None:
    data = json.loads(command("validate", TEN_FAULTS, "--json", code=2).stdout)
    assert data["valid"] is False
    assert len(data["faults"]) == 10
    told = command("validate", TEN_FAULTS, code=2).stderr
    assert all(fault["key"] in told and fault["found"] in told for fault in data["faults"])


def test_show_prints_every_value_with_its_origin(command: Command, minimal: str) -> None:
    text = command("show", minimal).stdout
    for row in describe(load_scenario(minimal)):
        assert f"{row.key} = {row.text}" in text
        assert row.origin in text


def test_show_prints_a_branch_or_one_entry(command: Command, minimal: str) -> None:
    rows = json.loads(command("show", minimal, "products.chat", "--json").stdout)["rows"]
    assert {row["key"].rsplit(".", 1)[0] for row in rows} == {"products.chat"}
    users = command("show", minimal, "products.chat.users").stdout
    assert users.startswith("products.chat.users = 300 million (2024), 1.2 billion (2028) user\n")
    changed = command("show", minimal, "products.chat.users", "--set", "products.chat.users=5e6")
    assert "= 5 million user" in changed.stdout
    assert "--set" in changed.stdout
    assert "did you mean products.chat" in command("show", minimal, "product.chat", code=2).stderr


def test_every_table_can_be_listed(command: Command) -> None:
    tables = json.loads(command("list", "--json").stdout)
    for entry in tables:
        rows = json.loads(command("list", entry["table"], "--json").stdout)
        assert len(rows) == entry["names"] > 0
        assert command("list", entry["table"]).stdout.count("\n") == len(rows) + 1


def test_a_name_is_listed_with_every_figure_and_its_source(command: Command) -> None:
    rows = json.loads(command("list", "accelerators", "h100", "--json").stdout)
    known = {row["parameter"]: row for row in rows}
    bandwidth = load_catalog().figure("accelerators", "h100-sxm", "memory_bandwidth")
    assert known["memory_bandwidth"]["value"] == bandwidth.value
    assert known["memory_bandwidth"]["source"] == bandwidth.source
    text = command("list", "accelerators", "h100").stdout
    assert all(row["parameter"] in text and row["source"] in text for row in rows)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("acelerators",), "did you mean accelerators?"),
        (("accelerators", "h10"), "did you mean h100"),
        (("scenarios", "baselin"), "did you mean baseline?"),
        (("sources", "nvidia-h10"), "unknown source"),
    ],
)
def test_an_unknown_name_has_near_misses(
    command: Command, arguments: tuple[str, ...], told: str
) -> None:
    assert told in command("list", *arguments, code=2).stderr


def test_an_overlay_is_listed(command: Command) -> None:
    overlay = Path("mine")
    overlay.mkdir()
    (overlay / "accelerators.csv").write_text(
        "name,parameter,value,unit,low,high,as_of,source,note\n"
        "h100-sxm,price,12345,USD,,,2026-01,estimate,ours\n"
    )
    rows = json.loads(command("list", "accelerators", "h100", "--catalog", "mine", "--json").stdout)
    assert 12345 in [row["value"] for row in rows if row["parameter"] == "price"]


def test_the_schema_is_the_one_of_the_library(command: Command) -> None:
    assert json.loads(command("schema").stdout) == json_schema()
    command("schema", "--out", "a.json")
    assert json.loads(Path("a.json").read_text()) == json_schema()


def test_a_new_scenario_is_valid_and_never_replaces_one(command: Command) -> None:
    command("init", "mine")
    command("validate", "mine.yaml")
    Path("mine.yaml").write_text("precious")
    assert "--force" in command("init", "mine", code=2).stderr
    assert Path("mine.yaml").read_text() == "precious"
    command("init", "mine.yaml", "--force")
    command("validate", "mine.yaml")
    assert "no scenario name" in command("init", "a/b", code=2).stderr


def test_a_healthy_machine_passes_and_a_broken_one_fails(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = json.loads(command("doctor", "--json").stdout)
    assert found["ok"] is True
    known = {finding["name"]: finding for finding in found["findings"]}
    assert known["kernels"]["ok"]
    assert "cells.sqlite, " in known["memo"]["text"]
    monkeypatch.setattr("computesim.cli.doctor._REQUIRED", ("numpy", "no_such_library"))
    text = command("doctor", code=1).stdout
    assert "BROKEN  no_such_library" in text
    assert "1 broken" in text
