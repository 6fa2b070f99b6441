"""Records as tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from computesim.records import quantity
from computesim.report.text.tables import columns, record_table, table, tables, write_table


@dataclass(frozen=True)
class Point:
    power: float = quantity("W")
    tags: tuple[str, ...] = ()
    reason: str | None = quantity("1", None, optional=True)


@dataclass(frozen=True)
class Answer:
    total: float = quantity("J")
    points: tuple[Point, ...] = ()
    none: tuple[Point, ...] = ()


def test_chosen_cells_stand_below_their_heads() -> None:
    rows = table(
        [Point(2e6), Point(5e5)], {"MW": lambda p: f"{p.power / 1e6:.1f}", "W": "{0.power:,.0f}"}
    )
    assert columns(rows) == "MW   W\n2.0  2,000,000\n0.5  500,000"


def test_an_answer_is_a_table_for_each_list_and_one_of_its_numbers() -> None:
    found = tables(Answer(3.0, (Point(1.0, ("a", "b")), Point(2.0, reason="why"))))
    assert found[""] == [["quantity", "value", "unit"], ["total", 3.0, "J"]]
    assert found["points"] == [
        ["power", "tags", "reason"], [1.0, "a;b", ""], [2.0, "", "why"],
    ]  # fmt: skip


def test_a_table_is_written_as_csv(tmp_path: Path) -> None:
    file = write_table(tmp_path / "points.csv", record_table([Point(1.5, ("a",))]))
    assert file.read_text() == "power,tags\n1.5,a\n"
