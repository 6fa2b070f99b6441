"""Seconds of single cells of a scenario, in whatever checkout stands first on the path.

    PYTHONPATH=CHECKOUT python benchmarks/cells_of.py SCENARIO N

prints a JSON object: by kind of cell their number, and the mean wall and CPU seconds of N of them,
spread evenly over years, groups and accelerators. It knows the memo of this version and
that of 55e99a1.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

Calls = dict[str, list[Callable[[], Any]]]  #: by kind of cell


def calls_of(scenario: str) -> Calls:
    """Return what would measure the cells of a scenario; nothing is measured."""
    calls: Calls = {}
    with suppress(ModuleNotFoundError):  # cells are not measured ahead: each is asked for in turn
        import_module("computesim.fleet.world").measure_ahead = lambda *_: None
    try:
        memo = import_module("computesim.cells.memo").Memo
    except ModuleNotFoundError:
        memo = import_module("computesim.projection.memo").Memo

    def note(kind: type, call: Callable[[], Any]) -> Any:
        calls.setdefault(kind.__name__, []).append(call)
        return kind()

    def get(self: Any, kind: type, inputs: Any, compute: Any, *args: Any, **_: Any) -> Any:
        return note(kind, lambda: compute(*args))

    def answer(self: Any, question: Any) -> Any:
        return note(question.kind, lambda: question.compute(*question.args))

    memo.get, memo.answer = get, answer
    from computesim import load_scenario, project

    with suppress(Exception):  # a fleet of cells that can do nothing
        project(load_scenario(scenario))
    return calls


def timed(calls: list[Callable[[], Any]], n: int) -> dict[str, float]:
    """Return number, wall seconds and CPU seconds of the mean cell."""
    some = calls[:: max(1, len(calls) // n)]
    some[0]()  # libraries and kernels are loaded
    wall, cpu = time.perf_counter(), time.process_time()
    for call in some:
        call()
    spent = (time.perf_counter() - wall, time.process_time() - cpu)
    return {"cells": len(calls), "wall": spent[0] / len(some), "cpu": spent[1] / len(some)}


if __name__ == "__main__":
    kinds = calls_of(sys.argv[1])
    names = [name for name in ("Cell", "TrainingCell", "RLCell") if name in kinds]
    print(json.dumps({name: timed(kinds[name], int(sys.argv[2])) for name in names}))
