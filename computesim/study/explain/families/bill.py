"""The bill of what is shipped: quantities, and values that stand inside others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from computesim.accounts.bill.ratios import CASES, class_of
from computesim.accounts.bill.rows import PREFIX
from computesim.results import unit_of
from computesim.study.explain.node import Node, constant, product, total
from computesim.study.explain.parts import bill_content, fleet
from computesim.study.explain.parts.bill_content import Each
from computesim.study.explain.parts.prices import price_at, risen
from computesim.study.explain.parts.ranges import end_of
from computesim.study.explain.parts.sites import pue
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World, remembered

Cased = Callable[[World, int, tuple[str, ...], int], Node]


def each_case(head: str, make: Cased) -> None:
    """Register what explains a family of the bill, and its low and its high end."""
    for case, name in enumerate(CASES):
        explains(f"{head}{PREFIX[name]}")(partial(_at, make, case))


def _at(make: Cased, case: int, world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the tree of one case."""
    return make(world, t, rest, case)


def kinds(world: World, t: int, only: str = "") -> list[int]:
    """Return the accelerators that are sold in a year, of a class if one is named."""
    return [
        index
        for index, machine in enumerate(world.road.accelerators)
        if world.road.mixes[t, index] > 0 and only in ("", class_of(machine))
    ]


def of_shipped(
    world: World, t: int, name: str, unit: str, case: int, each: Each, rest: str = ""
) -> Node:
    """Return the sum over kinds of accelerators shipped times what comes with one."""
    only = rest if rest in ("GPU", "ASIC") else ""
    terms = [
        product(f"{name} of {world.road.accelerators[index].name}", unit,
                fleet.shipped(world, t, index), each(world, t, index, rest, case))
        for index in kinds(world, t, only)
    ]  # fmt: skip
    return total(f"{name} in {world.key(t)}", unit, terms)


def quantity(world: World, t: int, rest: tuple[str, ...], case: int) -> Node:
    """Return a quantity of the bill."""
    head, tail = rest[0], "|".join(rest[1:])
    unit = unit_of(f"Bill|{head}")
    if head == "Site power":
        return product("site power", unit, risen(world, t, metered=False), pue(world, t)[0])
    if head == "Accelerators":
        terms = [fleet.shipped(world, t, index) for index in kinds(world, t, tail)]
        return total(f"{tail} shipped", unit, terms)
    return of_shipped(world, t, head, unit, case, bill_content.QUANTITIES[head], tail)


@remembered
def bought(world: World, t: int, case: int, only: str = "") -> Node:
    """Return what is paid for accelerators, or for those of a class."""
    terms = [
        product(f"price of all {world.road.accelerators[index].name}", "USD/year",
                fleet.shipped(world, t, index), price_at(world, t, index, case))
        for index in kinds(world, t, only)
    ]  # fmt: skip
    return total(f"{only or 'accelerators'} bought in {world.key(t)}", "USD/year", terms)


def inside(world: World, t: int, rest: tuple[str, ...], case: int) -> Node:
    """Return a value that stands inside others."""
    head, tail = rest[0], "|".join(rest[1:])
    if head == "Servers and racks":
        share = end_of(world, "prices.server_share", t, case)
        whole = total("accelerators and servers over accelerators", "1",
                      (constant("one", 1.0), share))  # fmt: skip
        return product("servers and racks", "USD/year", bought(world, t, case), whole)
    return of_shipped(world, t, head, "USD/year", case, bill_content.VALUES[head], tail)


each_case("Bill", quantity)
each_case("Bill content", inside)
