"""What an accelerator-hour costs: annuities of what was paid, operations and electricity."""

from __future__ import annotations

from computesim.accounts.cost.tco import FIXED_PARTS, capital_recovery_factor
from computesim.cells.measured import Task
from computesim.study.explain.inputs import HOURS_PER_YEAR, SECONDS_PER_YEAR, value
from computesim.study.explain.node import (
    ALLOCATED,
    Node,
    computed,
    constant,
    difference,
    product,
    quotient,
    total,
    weighted_mean,
)
from computesim.study.explain.operations import MEANINGS, OPERATIONS
from computesim.study.explain.parts import fleet
from computesim.study.explain.parts.asked import unit_of, wanted
from computesim.study.explain.parts.cells import use
from computesim.study.explain.parts.cohorts import cohorts
from computesim.study.explain.parts.draws import facility_draw, mean_draw
from computesim.study.explain.parts.prices import outlay
from computesim.study.explain.parts.sites import JOULES, electricity_price
from computesim.study.explain.world import World, remembered

HOUR = "USD/h"
CAPITAL = FIXED_PARTS[:-1]  #: all but operations
OPERATIONS["annuity"] = capital_recovery_factor
MEANINGS["annuity"] = "a / (1 - (1 + a)^-b), the yearly payment; 1 / b at a = 0"


@remembered
def _hourly(world: World, t: int, key: str) -> Node:
    """Return the payment of an hour for a price of 1 that is paid off over a lifetime."""
    years = quotient(f"years of {key}", "year", value(world, key, t), SECONDS_PER_YEAR)
    rate = value(world, "finance.cost_of_capital", t)
    yearly = computed(f"capital recovery over {key}", "1/year", "annuity", (rate, years))
    return quotient("payment of an hour", "1/h", yearly, HOURS_PER_YEAR)


def _lifetime(world: World, part: str) -> str:
    """Return the entry that says over which time a part is paid off."""
    if part == "Facility":
        return "finance.facility_lifetime"
    own = world.scenario.finance.it_lifetime
    return "fleet.lifetime" if own is None else "finance.it_lifetime"


@remembered
def _of_purchase(world: World, born: int, index: int, part: str) -> Node:
    """Return a part of an hour of an accelerator that was bought in a year."""
    paid = outlay(world, born, index)
    label = f"{part} of {world.road.accelerators[index].name} bought in {world.key(born)}"
    if part in CAPITAL:
        price: Node = getattr(paid, part.lower())
        return product(label, HOUR, price, _hourly(world, born, _lifetime(world, part)))
    share = value(world, "finance.operations_share", born)
    yearly = product("operations of a year", "USD/year", total("all that is paid", "USD", paid),
                     share)  # fmt: skip
    return quotient(label, HOUR, yearly, HOURS_PER_YEAR)


@remembered
def fixed(world: World, t: int, index: int, part: str) -> Node:
    """Return a part of an hour of an accelerator in service: its cohorts keep their prices.

    Parameters
    ----------
    world : World
    t, index : int
    part : str
        One of `tco.FIXED_PARTS`.
    """
    pairs = [
        (_of_purchase(world, born, index, part), kept)
        for born, kept in cohorts(world, t, index)
        if kept.value
    ]
    name = f"{part} of {world.road.accelerators[index].name} in service"
    return pairs[0][0] if len(pairs) == 1 else weighted_mean(name, HOUR, pairs)


@remembered
def capital(world: World, t: int, index: int) -> Node:
    """Return all annuities of an hour."""
    name = f"capital of {world.road.accelerators[index].name}"
    return total(name, HOUR, [fixed(world, t, index, part) for part in CAPITAL])


@remembered
def standing(world: World, t: int, index: int) -> Node:
    """Return what an hour costs without electricity."""
    name = f"capital and operations of {world.road.accelerators[index].name}"
    return total(name, HOUR, (capital(world, t, index), fixed(world, t, index, "Operations")))


def of_watts(world: World, t: int, watts: Node) -> Node:
    """Return the price of an hour of some watts at the meter."""
    return product("electricity of an hour", HOUR, watts, JOULES, electricity_price(world, t))


def _holders(world: World, t: int, index: int) -> list[tuple[str, Node]]:
    """Return the workloads that hold any accelerators of a kind, other AI and idle included."""
    own = world.years[t].units
    return [(w, fleet.of_workload(world, t, w, index)) for w, n in own.items() if n[index]]


@remembered
def watts(world: World, t: int, index: int) -> Node:
    """Return the mean watts at the meter of an accelerator in service."""
    pairs = [
        (mean_draw(world, t, workload, index, facility=True), units)
        for workload, units in _holders(world, t, index)
    ]
    name = f"mean watts of one {world.road.accelerators[index].name}"
    return weighted_mean(name, "W", pairs)


@remembered
def busy(world: World, t: int, index: int) -> Node:
    """Return the share of the hours in service in which an accelerator works."""
    name = world.road.accelerators[index].name
    there = [
        (task, units)
        for task in world.years[t].tasks
        if (units := fleet.units(world, t, task, index)).value
    ]
    worked = [
        product(f"hours of work, {task.workload} of {task.part}", "accelerator", units,
                use(world, t, task, index).busy)
        for task, units in there
    ]  # fmt: skip
    every = total("hours of work", "accelerator", worked)
    if worked and world.years[t].around.other_ai:  # it works its accelerators as the rest does
        held = total("at work", "accelerator", [units for _, units in there])
        share = quotient("share of the time", "1", every, held)
        others = product("hours of work, other AI", "accelerator", share,
                         fleet.other(world, t, index))  # fmt: skip
        every = total("hours of work, other AI included", "accelerator", (every, others))
    held = total(f"{name} held", "accelerator", [n for _, n in _holders(world, t, index)])
    share = quotient(f"share of the hours in which {name} works", "1", every, held)
    return computed("at most all of them", "1", "minimum", (share, constant("all", 1.0)))


def at_work(world: World, t: int, task: Task) -> list[int]:
    """Return the accelerators that do a task."""
    column = world.column(t, task)
    units = world.years[t].fleet.allocation.units[:, column]
    return [index for index, number in enumerate(units) if number]


@remembered
def drawn(world: World, t: int, task: Task, index: int) -> Node:
    """Return the watts at the meter of all accelerators of a kind that do a task."""
    return product("watts of a task", "W", fleet.units(world, t, task, index),
                   facility_draw(world, t, index, task))  # fmt: skip


@remembered
def paid(world: World, t: int, task: Task, index: int, part: str) -> Node:
    """Return what a task pays in an hour for its accelerators of a kind.

    Parameters
    ----------
    world : World
    t : int
    task : Task
    index : int
    part : str
        `Capital`, `Operations`, `Electricity`, or nothing for all of them.
    """
    name = f"{part or 'cost'} of {world.road.accelerators[index].name} in an hour"
    if part == "Electricity":
        return of_watts(world, t, drawn(world, t, task, index))
    if not part:
        parts = [paid(world, t, task, index, p) for p in ("Capital", "Operations", "Electricity")]
        return total(name, HOUR, parts)
    each = capital(world, t, index) if part == "Capital" else fixed(world, t, index, part)
    return product(name, HOUR, fleet.units(world, t, task, index), each)


@remembered
def done(world: World, t: int, task: Task) -> Node:
    """Return what is done of a task at the end of a year, in its unit."""
    whole = wanted(world, t, task)
    left = float(world.years[t].fleet.allocation.unmet[world.column(t, task)])
    if not left:
        return whole
    undone = Node("work left undone", left, unit_of(task), ALLOCATED,
                  origin="computesim/fleet/cohorts.py",
                  rests_on=lambda: (fleet.bought(world, t), whole))  # fmt: skip
    return difference("work done", unit_of(task), whole, undone)
