"""Entries of a scenario: where they stand and where they were written."""

from __future__ import annotations

from typing import Any, NamedTuple

from computesim.scenario.yaml_loader import Key


class Origin(NamedTuple):
    """Where a value was written: a file and a line, `--set`, or `default`."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Leaf(NamedTuple):
    """One entry of the tree that is not a mapping of others."""

    key: Key
    value: Any
    description: str
