"""Who takes what: tokens, requests and accelerators by product, by tier and by group of labs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from computesim.accounts.machines import required
from computesim.accounts.tokens import token_kinds
from computesim.arrays import Floats
from computesim.cells.jobs import COT, EXPERIMENTS, OTHER, PRETRAINING, RL
from computesim.cells.measured import Task
from computesim.demand.demand import Demand
from computesim.fleet.world import World
from computesim.fleet.year import Year
from computesim.results import Yearly
from computesim.traced import dot, summed
from computesim.workload.adoption import TokenFlow

Pairs = Iterator[tuple[str, float]]
_ANSWERED = {COT: "Reasoning", OTHER: "Direct"}  # requests by how they are answered


def rows(world: World) -> Yearly:
    """Yield tokens, requests and accelerators of every year by who takes them.

    The parts sum to the tokens and accelerators of the workloads: what limits leave undone is
    in them.
    """
    return (chain(_asked(year.demand), _machines(year)) for year in world.years)


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


def _machines(year: Year) -> Pairs:
    sizes = {"H100-equivalents": year.h100_equivalents}
    for family, totals in required(year).items():
        weight = sizes.get(family, np.ones(len(year.accelerators)))
        units = year.fleet.allocation.units * weight[:, None]
        at_work: dict[str, float] = {}
        for column, task in enumerate(year.tasks):
            at_work[task.workload] = at_work.get(task.workload, 0.0) + summed(units[:, column])
        takers: dict[str, float] = {}
        for column, task in enumerate(year.tasks):
            if at_work[task.workload] <= 0:
                continue
            whole = totals[task.workload] / at_work[task.workload]
            for name, taken in _takers(year, task, units[:, column] * whole):
                takers[name] = takers.get(name, 0.0) + taken
        yield from ((f"{family} {name}", value) for name, value in takers.items())


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
    parts = [(stream.name, demand.stream_flop(stream)) for stream in demand.streams]
    total = {part: sum(flop[part] for _, flop in parts) for part in ("Prefill", "Decode")}
    if total["Prefill"] <= 0:  # all of every prompt is cached
        reading = np.zeros_like(reading)
    if total["Decode"] <= 0:
        reading = np.ones_like(reading)
    shares: dict[str, Floats] = {}
    for product, flop in parts:
        prefill, decode = (
            flop[part] / total[part] if total[part] > 0 else 0.0 for part in ("Prefill", "Decode")
        )
        share = reading * prefill + (1.0 - reading) * decode
        shares[product] = shares.get(product, 0.0) + share
    return shares
