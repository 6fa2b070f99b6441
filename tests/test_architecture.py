"""The page about the architecture is about this program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
WALKS = dict(re.findall(r"^### (.+?): `.+?`.*\n\n((?:\d+\. .+\n)+)", PAGE, re.MULTILINE))


def test_there_are_three_walks() -> None:
    assert set(WALKS) == {"CoT length", "RL depth", "Bandwidth"}


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_takes_at_most_twelve_stops_and_no_room_twice(name: str) -> None:
    stops = re.findall(r"^\d+\. `([\w./-]+)`", WALKS[name], re.MULTILINE)
    rooms = [stop.split("/")[0] for stop in stops]
    assert len(stops) == WALKS[name].count("\n") <= 12
    assert len(set(rooms)) == len(rooms)


@pytest.mark.parametrize("place", sorted(set(re.findall(r"`([\w./]+/[\w./]*|\w+\.py)`", PAGE))))
def test_a_place_that_is_named_is_there(place: str) -> None:
    places = (ROOT / "computesim" / place, ROOT / "computesim" / "report" / place, ROOT / place,
              ROOT / "computesim" / "cells" / place)  # fmt: skip
    assert any(there.exists() for there in places)
