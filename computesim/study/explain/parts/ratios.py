"""Ratios of the bill as nodes: of an accelerator, its class or any, at an end of their range."""

from __future__ import annotations

from computesim.accounts.bill.ratios import TABLE, class_of, gigabits
from computesim.study.explain.node import Node, complement, computed, constant, product
from computesim.study.explain.parts.ranges import CENTRAL, figure_at, interpolated
from computesim.study.explain.world import World, remembered


@remembered
def first(world: World, name: str, unit: str, case: int, *parameters: str) -> Node:
    """Return the first of several parameters that the table holds, else that of `any`.

    Parameters
    ----------
    world : World
    name, unit : str
    case : int
        Index of `bill_ratios.CASES`.
    *parameters : str
    """
    known = (p for p in parameters if world.catalog.has(TABLE, name, p))
    return figure_at(world, TABLE, name, next(known, "any"), unit, case)


@remembered
def of(world: World, name: str, index: int, unit: str, case: int) -> Node:
    """Return a ratio of an accelerator: its own, that of its class, or that of any."""
    machine = world.road.accelerators[index]
    return first(world, name, unit, case, machine.name, class_of(machine).lower())


@remembered
def path(world: World, name: str, t: int, unit: str, case: int) -> Node:
    """Return a figure that is given by year."""
    points = [
        (float(parameter), figure_at(world, TABLE, name, parameter, unit, case))
        for parameter in world.catalog.series(TABLE, name)
    ]
    return interpolated(f"{name} of {world.key(t)}", unit, float(world.key(t)), points)


@remembered
def module_price(world: World, speed: str, t: int, case: int) -> Node:
    """Return the contract price of an optical module in a year."""
    own = world.catalog.has(TABLE, "optics-price", speed)
    row = speed if own else "other"
    price = figure_at(world, TABLE, "optics-price", row, "USD", case)
    factors = [price]
    if not own:
        factors.append(constant(f"Gbit/s of {speed}", gigabits(speed), "Gbit/s"))
    after = world.key(t) - float(world.catalog.figure(TABLE, "optics-price", row).as_of[:4])
    # a fast fall makes later modules cheap and earlier ones dear
    fall = first(world, "optics-decline", "1/year", 2 * CENTRAL - case if after > 0 else case)
    years = constant("years after the price", after, "year")
    kept = complement("what a year leaves of a price", fall)
    factors.append(computed("price over that of its date", "1", "power", (kept, years)))
    return product(f"price of a module of {speed}", "USD/transceiver", *factors)
