"""What a token costs: the accelerator-hours of a pool shared out among products and kinds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from computesim.accounts.cost.hours import Hours, task_cost
from computesim.calendar import HOUR, HOURS
from computesim.cells import serving_phases
from computesim.cells.jobs import ServingDemand
from computesim.cells.measured import Task
from computesim.cells.memo import Memo
from computesim.cells.serving_phases import CACHED, FRESH, KINDS, OUTPUT, Phases
from computesim.fleet.year import Year
from computesim.traced import Measured, named, number
from computesim.workload.requests import RequestStream

MILLION = 1e6


@dataclass(slots=True)
class Account:
    """What somebody's tokens cost and how many they are, in an hour, by kind."""

    usd: dict[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 0.0))
    tokens: dict[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 0.0))
    requests: float = 0.0
    watt_hours: float = 0.0  #: at the meter

    def add(
        self, usd: dict[str, float], tokens: dict[str, float], requests: float, watt_hours: float
    ) -> None:
        """Add a stream."""
        self.requests += requests
        self.watt_hours += watt_hours
        for kind in KINDS:
            self.usd[kind] += usd[kind]
            self.tokens[kind] += tokens[kind]

    def prices(self) -> dict[str, float]:
        """Return USD per million tokens by kind; the empty kind is all of them together."""
        if not any(self.tokens.values()):
            return {}
        found = {"": sum(self.usd.values()) / sum(self.tokens.values()) * MILLION}
        for kind in KINDS:
            if self.tokens[kind] > 0:
                found[kind] = self.usd[kind] / self.tokens[kind] * MILLION
        return found


def rows(year: Year, hour: Hours, memo: Memo) -> Iterator[tuple[str, float]]:
    """Yield what tokens and requests cost in a year, by product and by tier.

    Parameters
    ----------
    year : Year
    hour : Hours
    memo : Memo
        Divisions of time that are known already.

    Yields
    ------
    tuple of str and float
        `Cost of serving|product|workload` (USD/year), `Cost of tokens|product[|kind]` and
        `Cost of tokens by tier|tier[|kind]` (USD per million tokens), and per request
        `Cost of a request|product` (USD) and `Energy of a request|product` (Wh at the meter).
    """
    products: dict[str, Account] = {}
    tiers: dict[str, Account] = {}
    for demand in year.demand.serving:
        per_stream = _task(year, hour, demand, memo)
        for stream, (usd, watts) in zip(demand.streams, per_stream, strict=True):
            if not usd:
                continue
            done = _done(year, demand) * stream.rate / demand.requests * HOUR
            tokens = {kind: done * count for kind, count in tokens_of(stream).items()}
            products.setdefault(stream.name, Account()).add(usd, tokens, done, watts)
            tiers.setdefault(demand.tier, Account()).add(usd, tokens, done, watts)
            name = f"Cost of serving|{stream.name}|{demand.workload}"
            yield name, sum(usd.values()) * HOURS
    for family, accounts in (("Cost of tokens", products), ("Cost of tokens by tier", tiers)):
        for name, account in accounts.items():
            for kind, price in account.prices().items():
                yield f"{family}|{name}" + (f"|{kind}" if kind else ""), price
    for name, account in products.items():
        yield f"Cost of a request|{name}", sum(account.usd.values()) / account.requests
        yield f"Energy of a request|{name}", account.watt_hours / account.requests


def tokens_of(stream: RequestStream) -> dict[str, float]:
    """Return the tokens of one request by kind."""
    cached = stream.cached_tokens
    return {FRESH: stream.prompt_tokens - cached, CACHED: cached, OUTPUT: stream.output_tokens}


@named()
def _done(year: Year, demand: ServingDemand) -> float:
    """Return the requests/s that the pool of a demand serves at the year's end.

    What is wanted of accelerators is what better software and algorithms leave (`cells.asked`).
    """
    column = year.tasks.index(Task(demand.workload, demand.tier))
    done = number(year.wanted[column] - year.fleet.allocation.unmet[column])
    return done * year.demand.progress.serving


def _task(
    year: Year, hour: Hours, demand: ServingDemand, memo: Memo
) -> list[tuple[dict[str, float], float]]:
    """Return what each stream of a demand costs by kind, USD/h, and the watts that it draws.

    No cost where nobody serves it.
    """
    task = Task(demand.workload, demand.tier)
    cost = task_cost(year, task, hour)
    paid = cost.total
    usd: list[dict[str, float]] = [{} for _ in demand.streams]
    watts = [0.0] * len(demand.streams)
    for index in map(int, np.flatnonzero(cost.units)):
        machine, cell = year.accelerators[index], year.cells.serving[task][index]
        play = year.operation.play
        phases = memo.get(
            Phases,
            (demand.mix, machine, play, cell.batch),
            serving_phases.measure,
            demand,
            machine,
            play,
            cell.batch,
            what=Measured("step model", f"{task.workload} of {task.part} on {machine.name}"),
        )
        for place, shares in enumerate(phases.shares()):
            watts[place] += number(cost.watts[index]) * sum(shares.values())
            for kind, share in shares.items():
                usd[place][kind] = usd[place].get(kind, 0.0) + number(paid[index]) * share
    return list(zip(usd, watts, strict=True))
