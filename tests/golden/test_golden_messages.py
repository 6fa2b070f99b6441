"""What the comparison of golden results lets pass, and how it tells the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from golden import UNEXPECTED, call, compact, differences, stable

TABLE = (
    "variable,unit,2025,2026\nPower|Chat,MW,0.5,2.0\nPower|Coding,MW,1.0,2.0\nTokens,t,7.0,8.0\n"
)
NAME = "worlds/small/results.csv"


@pytest.fixture(params=["exact", "close"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to compare, one after the other."""
    monkeypatch.setenv("COMPUTESIM_GOLDEN", request.param)
    return str(request.param)


def test_what_moved_is_named_with_its_relative_difference(mode: str) -> None:
    moved = differences(NAME, TABLE, TABLE.replace("0.5", "0.75").replace("8.0", "8.1"))
    assert "2 differ: Power 1, Tokens 1" in moved
    assert "Power|Chat [MW] 2025: 0.5 -> 0.75  (+0.5)" in moved
    assert "make golden ONLY=small" in moved


def test_a_figure_that_came_or_went_is_told(mode: str) -> None:
    fewer = TABLE.replace("Power|Coding,MW,1.0,2.0\n", "")
    assert "Power|Coding [MW] 2025: 1.0 -> -" in differences(NAME, TABLE, fewer)
    assert "Power|Coding [MW] 2025: - -> 1.0" in differences(NAME, fewer, TABLE)


def test_another_order_is_told_as_such(mode: str) -> None:
    head, *rows = TABLE.splitlines(keepends=True)
    told = differences(NAME, TABLE, "".join([head, *reversed(rows)]))
    assert "the same figures, written otherwise" in told


def test_the_last_bit_counts_where_the_machine_is_the_same(mode: str) -> None:
    nearly = TABLE.replace("0.5", "0.5000000000000001")
    assert bool(differences(NAME, TABLE, nearly)) == (mode == "exact")
    text, rounded = "Power 0.50 MW of 12\n", "Power 0.51 MW of 12\n"
    assert bool(differences("cases/run", text, rounded)) == (mode == "exact")
    assert differences("cases/run", text, "Power 0.53 MW of 12\n")
    assert differences("cases/run", text, "Power 0.50 MW of 13\n")
    assert differences("cases/run.json", '{"a": 0.5}', '{"a": 0.6}')


def test_a_hash_counts_where_the_machine_is_the_same(mode: str) -> None:
    old, new = (f"printed\n=== files\n{digest}  out/power.svg\n" for digest in "ab")
    assert bool(differences("cases/run", old, new)) == (mode == "exact")
    assert differences("cases/run", old, "printed\n=== files\n")


def test_a_command_that_fails_is_told_and_not_compared(tmp_path: Path) -> None:
    said = call(["validate", "nowhere.yaml"], 0, tmp_path)
    assert "exit code 2, not 0" in differences("cases/validate", "well", said)
    assert UNEXPECTED not in call(["validate", "nowhere.yaml"], 2, tmp_path)


def test_times_and_places_are_left_out(tmp_path: Path) -> None:
    told = f'in {tmp_path}/out, "wall_time": 0.25, by computesim/sim/engine.py:12'
    assert stable(told, tmp_path) == 'in ./out, "wall_time": "<time>", by <module>'


def test_a_table_keeps_every_figure_letter_by_letter(tmp_path: Path) -> None:
    rows = ["scenario,variable,unit,year,replication,value", "s,A|B,MW,2026,0,0.30000000000000004",
            "s,A|B,MW,2025,0,1e-07", "s,C,t,2026,0,3.0"]  # fmt: skip
    (tmp_path / "results.csv").write_text("\n".join(rows) + "\n")
    assert compact(tmp_path / "results.csv") == (
        "variable,unit,2025,2026\nA|B,MW,1e-07,0.30000000000000004\nC,t,,3.0\n"
    )
