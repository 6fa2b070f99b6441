"""Who takes what: tokens, requests and accelerators by product, by tier and by group of labs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from computesim.accounts.variables import token_kinds
from computesim.arrays import Floats
from computesim.cells.jobs import COT, EXPERIMENTS, OTHER, PRETRAINING, RL
from computesim.cells.measured import Task
from computesim.demand.demand import Demand
from computesim.results import Row, rows_of
from computesim.traced import dot, summed
from computesim.workload.adoption import TokenFlow

if TYPE_CHECKING:
    from computesim.fleet.roadmap import Roadmap
    from computesim.fleet.world import Year

Pairs = Iterator[tuple[str, float]]
_ANSWERED = {COT: "Reasoning", OTHER: "Direct"}  # requests by how they are answered


def rows(
    road: Roadmap, years: Sequence[Year], replication: int, totals: Sequence[Row]
) -> list[Row]:
    """Return tokens, requests and accelerators of every year by who takes them.

    Parameters
    ----------
    road : Roadmap
    years : sequence of Year
    replication : int
    totals : sequence of Row
        What the workloads take, which is split here: what limits leave undone is in it.

    Returns
    -------
    list of Row
        The parts sum to the tokens and accelerators of the workloads.
    """
    known = {(row.variable, row.year): row.value for row in totals}
    found = []
    for year in years:
        pairs = [*_asked(year.demand), *_machines(road, year, known)]
        found += rows_of(pairs, year.year, replication)
    return found


def _asked(demand: Demand) -> Pairs:
    """Yield tokens and requests by product, and what prices do to use."""
    for name, product in demand.products.items():
        for workload, tokens in product.tokens.items():
            yield f"Requests by product|{name}|{_ANSWERED[workload]}", tokens.cloud.requests
        days = product.tokens.values()
        cloud = sum((tokens.cloud for tokens in days), TokenFlow())
        device = sum((tokens.device for tokens in days), TokenFlow())
        for where, flow in (("Tokens", cloud), ("Device tokens", device)):
            for kind, value in token_kinds(flow).items():
                yield f"{where} by product|{name}|{kind}", value
        if product.price is not None:
            yield f"Price|{name}", product.price
            yield f"Price response|{name}", product.response


def _machines(road: Roadmap, year: Year, totals: Mapping[tuple[str, int], float]) -> Pairs:
    """Yield accelerators by product, tier and lab: the workload's total by shares of its tasks."""
    sizes = {
        "H100-equivalents": np.array([a.h100_equivalents for a in road.accelerators]),
        "Accelerators": np.ones(len(road.accelerators)),
    }
    own = {"H100-equivalents": "H100-equivalents", "Accelerators": "Accelerators|Required"}
    for family, weight in sizes.items():
        units = year.fleet.allocation.units * weight[:, None]
        at_work: dict[str, float] = {}
        for column, task in enumerate(year.tasks):
            at_work[task.workload] = at_work.get(task.workload, 0.0) + summed(units[:, column])
        found: dict[str, float] = {}
        for column, task in enumerate(year.tasks):
            if at_work[task.workload] <= 0:
                continue
            whole = totals[f"{own[family]}|{task.workload}", year.year] / at_work[task.workload]
            for name, taken in _takers(year, task, units[:, column] * whole):
                found[name] = found.get(name, 0.0) + taken
        yield from ((f"{family} {name}", value) for name, value in found.items())


def _takers(year: Year, task: Task, units: Floats) -> Pairs:
    """Yield who takes the accelerators of one task."""
    if task.workload in (PRETRAINING, RL, EXPERIMENTS):
        yield f"by lab|{task.part}|{task.workload}", summed(units)
    elif task.workload in (COT, OTHER):
        yield f"by tier|{task.part}|{task.workload}", summed(units)
        for product, share in product_shares(year, task).items():
            yield f"by product|{product}|{task.workload}", dot(units, share)


def product_shares(year: Year, task: Task) -> dict[str, Floats]:
    """Return the share of every product in the accelerators of one serving task.

    Parameters
    ----------
    year : Year
    task : Task
        A workload of a tier.

    Returns
    -------
    dict of str to ndarray of float64, shape (accelerators,)
        They sum to 1 on every accelerator; none when nothing is asked.

    Notes
    -----
    The time that reading prompts adds to the steps of a cell is split by FLOP of prefill, the rest
    by FLOP of decode: products that share a batch share the reading of the weights.
    """
    demand = next((d for d in year.demand.serving if Task(d.workload, d.tier) == task), None)
    if demand is None or task not in year.cells.serving:
        return {}
    reading = np.array([cell.reading for cell in year.cells.serving[task]])
    parts = [(stream.product, demand.stream_flop(stream)) for stream in demand.streams]
    total = {part: sum(flop[part] for _, flop in parts) for part in ("Prefill", "Decode")}
    if total["Prefill"] <= 0:  # all of every prompt is cached
        reading = np.zeros_like(reading)
    if total["Decode"] <= 0:
        reading = np.ones_like(reading)
    found: dict[str, Floats] = {}
    for product, flop in parts:
        prefill, decode = (
            flop[part] / total[part] if total[part] > 0 else 0.0 for part in ("Prefill", "Decode")
        )
        share = reading * prefill + (1.0 - reading) * decode
        found[product] = found.get(product, 0.0) + share
    return found
