"""Records as JSON, and the units of their numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from computesim.records import as_data, derived, quantity, units


@dataclass(frozen=True)
class Part:
    seconds: float = quantity("s")
    flop: float = quantity("FLOP")
    name: str = "part"
    reason: str | None = quantity("1", None, optional=True)

    @property
    @derived("FLOP/s")
    def rate(self) -> float:
        return self.flop / self.seconds

    @property
    def hidden(self) -> int:
        return 1


@dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    by_year: dict[int, float]
    series: np.ndarray


def test_a_record_tells_its_fields_and_then_what_is_derived_of_them() -> None:
    assert list(as_data(Part(2.0, 8.0)).items()) == [
        ("seconds", 2.0), ("flop", 8.0), ("name", "part"), ("rate", 4.0),
    ]  # fmt: skip
    assert as_data(Part(2.0, 8.0, reason="why"))["reason"] == "why"


def test_records_within_records_are_plain_json() -> None:
    whole = Whole((Part(1.0, np.float64(3.0)),), {2026: float("inf")}, np.array([1.0, np.nan]))
    data = json.loads(json.dumps(as_data(whole), allow_nan=False))
    assert data["parts"][0]["rate"] == 3.0
    assert data["by_year"] == {"2026": None}
    assert data["series"] == [1.0, None]


def test_units_are_those_of_fields_and_of_what_is_derived() -> None:
    assert units(Part) == {"seconds": "s", "flop": "FLOP", "reason": "1", "rate": "FLOP/s"}
