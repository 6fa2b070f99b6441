"""The chart of `capacity --pareto`: throughput against the speed that every user gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from computesim.report.chart import Chart, Series
from computesim.report.theme import CYCLE
from computesim.study.capacity.facts import FrontAnswer
from computesim.study.capacity.front import Point

_STEPS = 24  #: of the axis


def _front_chart(answer: FrontAnswer) -> Chart:
    """Return the Pareto fronts of several accelerators as a chart."""
    points = answer.front
    speeds = _axis(max(p.tokens_per_second_per_user for p in points))
    names = list(dict.fromkeys(p.accelerator for p in points))
    lines = [
        Series(
            name,
            tuple(_most([p for p in points if p.accelerator == name], s) for s in speeds),
            CYCLE[place % len(CYCLE)],
            line=True,
        )
        for place, name in enumerate(names)
    ]
    lengths = ""
    if means := answer.question.lengths:
        lengths = ", prompts of {:,.0f} and outputs of {:,.0f} tokens".format(*means)
    return Chart(
        key="pareto",
        title=f"Throughput and speed, {answer.question.model}",
        question="How much does an accelerator generate if every user gets so many tokens/s?",
        kind="lines",
        y_label="Output tokens/s per accelerator",
        counts="The best layout and batch for each speed; one replica in a closed loop.",
        source=f"computesim, simulated{lengths}",
        x=tuple(speeds),
        x_label="Tokens/s of a user, at least (1 / median TPOT)",
        series=tuple(lines),
        log_y=True,
    )


def _axis(most: float) -> list[int]:
    """Return round speeds up to a bit less than the highest."""
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**6) if most / s <= _STEPS)
    return list(range(step, max(int(most), step) + 1, step))


def _most(points: Sequence[Point], speed: float) -> float | None:
    """Return the most tokens/s of an accelerator at which users get a speed.

    Batches between two points of the front are possible: the logarithm is interpolated.
    """
    able = [p for p in points if p.tokens_per_second_per_user >= speed]
    if not able:
        return None
    best = max(able, key=_throughput)
    slower = [p for p in points if p.tokens_per_second_per_user < speed]
    after = min((p for p in slower if _throughput(p) > _throughput(best)), key=_throughput,
                default=best)  # fmt: skip
    span = best.tokens_per_second_per_user - after.tokens_per_second_per_user
    way = (best.tokens_per_second_per_user - speed) / span if span > 0 else 0.0
    return float(_throughput(best) * (_throughput(after) / _throughput(best)) ** way)


def _throughput(point: Point) -> float:
    return point.tokens_per_second_per_accelerator


def write_front(answer: FrontAnswer, file: Path) -> Path:
    """Write the chart.

    Parameters
    ----------
    answer : FrontAnswer
    file : Path
        `.svg`, `.png` or `.pdf`.
    """
    from computesim.report.export import draw

    file.parent.mkdir(parents=True, exist_ok=True)
    chart = replace(_front_chart(answer), key=file.stem)
    return draw([chart], file.parent, [file.suffix.removeprefix(".")])[0]
