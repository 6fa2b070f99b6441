"""Cells measured ahead of the walk that asks for them, on all cores.

Cells do not depend on one another, so the open ones of all years are measured first. Each process
takes them in an order of its own and looks whether one is known before it begins: two runs of
one scenario at once share the work and need not know of each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from computesim.cells.memo import Memo, Question
from computesim.cells.processes import Crowd, usable_cores
from computesim.cells.rl.cell import RLCell
from computesim.traced import on

Told = Callable[[int, int], None]  #: takes cells done and cells in all


def measure_ahead(
    questions: Iterable[Question[Any]],
    memo: Memo,
    jobs: int | None = None,
    tell: Told | None = None,
) -> None:
    """Measure the cells that are not known yet.

    Parameters
    ----------
    questions : iterable of Question
    memo : Memo
        Takes each cell as soon as it is measured.
    jobs : int, optional
        Processes, this one included; `usable_cores` by default.
    tell : callable, optional
        Called with the cells that are done, and with all.

    Notes
    -----
    A cell that cannot be measured is left to whoever asks for it, who gets the error.
    """
    if on():  # traced numbers come after plain ones, and find all cells known
        return
    unknown = {q.key: q for q in questions if not memo.knows(q.key)}
    keys = list(unknown)
    Random(os.getpid()).shuffle(keys)
    keys.sort(key=lambda key: unknown[key].kind is not RLCell)  # those that take longest go first
    crowd = Crowd(
        [(unknown[key].compute, unknown[key].args) for key in keys],
        wanted=lambda number: not memo.knows(keys[number]),
        answer=lambda number, cell, seconds: memo.learn(keys[number], cell, seconds),
    )
    crowd.run(jobs or usable_cores(), lambda: tell(crowd.settled, len(keys)) if tell else None)
