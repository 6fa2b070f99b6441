"""The charts of a balance: iso-quality curves, and how the optimum moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from computesim.calendar import DAY
from computesim.report.chart import Chart, Points, Series
from computesim.report.scales import accelerator_label, power_text
from computesim.report.theme import BAD, CYCLE, GOOD, INK
from computesim.study.balance.rows import Balanced
from computesim.study.balance.whole import Balances

MARKED: Final = 5  #: volumes whose optimum is marked on a curve
TALLEST: Final = 300.0  #: times the shortest chain of a curve, above which it is not drawn
LEAST: Final = 1e-3  #: elasticity below which nothing is exchanged any more
_LINES: Final = partial(Chart, kind="lines", log_y=True)
#: objective -> words, unit, size of the unit
_UNITS: Final = {"flop": ("FLOP", 1.0), "cost": ("USD", 1.0), "power": ("mean MW", 1e6)}


def balance_charts(answer: Balances) -> list[Chart]:
    """Return the charts of a balance.

    Parameters
    ----------
    answer : Balances
        With curves.
    """
    rows = answer.by_requests
    names = list(dict.fromkeys(row.accelerator for row in rows))
    drawn = [
        _curves(answer),
        _exchange(answer),
        _moved(answer, names, "balance-rl", "RL compute at the balance",
               "How much RL pays when more is served?", "RL compute, FLOP", "rl_flop"),
        _moved(answer, names, "balance-chain", "Tokens of a request at the balance",
               "How long do chains stay when more is served?",
               "Tokens of a request, all samples", "tokens_of_request"),
        _shares(answer, names[0]),
        _targets(answer),
    ]  # fmt: skip
    if answer.by_price:
        drawn.append(_prices(answer))
    return [chart for chart in drawn if chart.series]


def _source(answer: Balances) -> str:
    job = answer.question.job
    names = {"rl_flop": "RL compute", "tokens": "tokens", "samples": "samples"}
    measured = ", ".join(
        f"{names[axis]} {_plain(low)} to {_plain(high)}"
        for axis, (low, high) in answer.fitted.items()
        if axis in names
    )
    return f"computesim, skill {job.skill.name} ({job.method}), {job.model.name}; the skill is " + (
        f"fitted over {measured}, and extrapolated beyond." if measured else "assumed."
    )


def _plain(value: float) -> str:
    return power_text(value, 2) if value >= 1e9 else f"{value:,.0f}"


def _curves(answer: Balances) -> Chart:
    """Return the iso-quality curves with the optimum of several volumes."""
    rows = answer.curves or []
    goals = sorted({row.target for row in rows})
    grid = sorted({row.rl_flop for row in rows})
    chains = {(row.target, row.rl_flop): row.tokens_of_request for row in rows}
    lines = _by_goal(chains, goals, grid, TALLEST * min(chains.values(), default=1.0))
    drawn_places = [n for n in range(len(grid)) if any(line.y[n] is not None for line in lines)]
    lines = [Series(s.name, tuple(s.y[n] for n in drawn_places), s.colour, True) for s in lines]
    return _LINES(
        key="balance-curves",
        title="Equal quality: RL compute against tokens of a request",
        question="With how much RL and how long chains is an accuracy reached, and what is best?",
        y_label="Tokens of a request, all samples",
        counts="Accuracy of an answer along each line; samples are the cheapest at each point. "
        "Diamonds are the least spending for the target, at served volumes in requests a day.",
        source=_source(answer),
        x=tuple(grid[n] for n in drawn_places),
        x_label="RL compute of the skill, FLOP",
        series=tuple(lines),
        points=tuple(_optima(answer)),
        log_x=True,
    )


def _exchange(answer: Balances) -> Chart:
    """Return what RL and inference exchange for along the curves of equal quality."""
    rows = [row for row in (answer.curves or []) if row.flop_elasticity < -LEAST]
    grid = sorted({row.rl_flop for row in rows})
    goals = sorted({row.target for row in (answer.curves or [])})
    elasticities = {(row.target, row.rl_flop): -row.flop_elasticity for row in rows}
    lines = _by_goal(elasticities, goals, grid, TALLEST)
    return _LINES(
        key="balance-exchange",
        title="What RL and inference compute exchange for",
        question="By how many per cent does one per cent more RL compute shorten inference?",
        y_label="Less inference compute, % per 1 % more RL",
        counts="Elasticity of the FLOP of a request in RL compute at equal accuracy, samples as "
        "they are. Where it is 1 a balance spends the same FLOP on RL and on requests. Steps are "
        "changes of the number of samples.",
        source=_source(answer),
        x=tuple(grid),
        x_label="RL compute of the skill, FLOP",
        series=tuple(lines),
        log_x=True,
    )


def _by_goal(
    values: Mapping[tuple[float, float], float],
    goals: Sequence[float],
    grid: Sequence[float],
    most: float,
) -> list[Series]:
    """Return a line for each accuracy along RL compute, with gaps above the most."""
    lines = []
    for place, goal in enumerate(goals):
        known = (values.get((goal, x)) for x in grid)
        y = tuple(value if value is not None and value <= most else None for value in known)
        lines.append(Series(f"{100 * goal:.3g} % accuracy", y, CYCLE[place % len(CYCLE)], True))
    return lines


def _optima(answer: Balances) -> list[Points]:
    """Return the optimum of a few volumes, from the smallest to the largest."""
    job, rows = answer.question.job, answer.by_requests
    line = [row for row in rows if row.accelerator == rows[0].accelerator]
    stride = max((len(line) - 1) // (MARKED - 1), 1)
    shades = ("#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#08306b")
    return [
        Points(
            f"Best at {power_text(row.requests / job.life * DAY)} a day",
            (row.rl_flop,), (row.tokens_of_request,), (None,), (None,),
            shades[n % len(shades)],
        )
        for n, row in enumerate(line[::stride])
    ]  # fmt: skip


def _moved(
    answer: Balances,
    names: Sequence[str],
    key: str,
    title: str,
    question: str,
    label: str,
    entry: str,
) -> Chart:  # fmt: skip
    """Return one part of the balance over the served volume, a line for each accelerator."""
    job = answer.question.job
    x = _volumes(answer, names[0])
    return _LINES(
        key=key,
        title=title,
        question=question,
        y_label=label,
        counts=f"At {_goal(answer)}, least {job.objective}. Steps are changes of the number "
        "of samples.",
        source=_source(answer),
        x=x,
        x_label="Reasoning requests a day",
        series=tuple(
            Series(
                accelerator_label(name),
                tuple(getattr(row, entry) for row in answer.by_requests if row.accelerator == name),
                CYCLE[place % len(CYCLE)],
                line=True,
            )
            for place, name in enumerate(names)
        ),
        log_x=True,
    )


def _volumes(answer: Balances, name: str) -> tuple[float, ...]:
    life = answer.question.job.life
    rows = [row for row in answer.by_requests if row.accelerator == name]
    return tuple(row.requests / life * DAY for row in rows)


def _goal(answer: Balances) -> str:
    row = answer.able[0]
    return f"an accuracy of {row.accuracy:.1%}"


def _spent(answer: Balances) -> tuple[str, Callable[[float], float]]:
    """Return the unit of spending, and what turns spending into it."""
    job = answer.question.job
    unit, size = _UNITS[job.objective]
    size *= job.life if job.objective == "power" else 1.0
    return unit, lambda value: value / size


def _shares(answer: Balances, name: str) -> Chart:
    """Return what RL and requests take of the spending over the served volume."""
    rows = [row for row in answer.by_requests if row.accelerator == name]
    unit, shown = _spent(answer)
    rl = tuple(shown(row.total * row.rl_share) for row in rows)
    requests = tuple(shown(row.total * (1.0 - row.rl_share)) for row in rows)
    return _LINES(
        key="balance-spending",
        title="Spending on RL and on requests at the balance",
        question="What part of the life of a model is training?",
        y_label=f"Over the life of a model, {unit}",
        counts=f"At {_goal(answer)}, on {accelerator_label(name)}.",
        source=_source(answer),
        x=_volumes(answer, name),
        x_label="Reasoning requests a day",
        series=(
            Series("RL", rl, BAD, line=True),
            Series("Requests", requests, GOOD, line=True),
        ),
        log_x=True,
    )


def _targets(answer: Balances) -> Chart:
    """Return the least spending by target, and what one more point costs."""
    rows = answer.by_target or []
    unit, shown = _spent(answer)
    further = tuple(None if row.next_point is None else shown(row.next_point) for row in rows)
    return _LINES(
        key="balance-next-point",
        title="The price of accuracy",
        question="What does an accuracy cost at least, and what the next point?",
        y_label=f"Over the life of a model, {unit}",
        counts="Least spending for each accuracy at the volume asked for; the next point is what "
        "one more point of accuracy adds.",
        source=_source(answer),
        x=tuple(round(100 * row.target) for row in rows),
        x_label="Accuracy, %",
        series=(
            Series("Least spending", tuple(shown(row.total) for row in rows), INK, True),
            Series("of it RL", tuple(shown(row.on_rl) for row in rows), BAD, True),
            Series("Next point", further, GOOD, True, dash=True),
        )
        if rows
        else (),
    )


def _prices(answer: Balances) -> Chart:
    """Return the choice over the price of RL time."""
    rows = answer.by_price or []
    return _LINES(
        key="balance-price",
        title="When RL time is cheaper or dearer than serving time",
        question="How far does the balance follow the price of an accelerator-hour of RL?",
        y_label="Over its value at equal prices",
        counts=f"At {_goal(answer)}. Both prices together change the total and nothing else.",
        source=_source(answer),
        x=tuple(row.price_ratio or 1.0 for row in rows),
        x_label="Price of an accelerator-hour of RL ÷ of serving",
        series=tuple(
            Series(label, _relative(rows, entry), colour, line=True)
            for label, entry, colour in (
                ("RL compute", "rl_flop", BAD),
                ("Tokens of a request", "tokens_of_request", GOOD),
                ("Spending", "total", INK),
            )
        ),
        log_x=True,
    )


def _relative(rows: Sequence[Balanced], entry: str) -> tuple[float, ...]:
    even = min(rows, key=lambda row: abs((row.price_ratio or 1.0) - 1.0))
    return tuple(getattr(row, entry) / getattr(even, entry) for row in rows)
