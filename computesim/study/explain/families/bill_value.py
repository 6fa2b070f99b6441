"""Capital spending by segment of the supply chain, and each segment at the ends of its range."""

from __future__ import annotations

from computesim.accounts.bill.value import BUILDINGS, ELECTRICAL, HOSTS, MECHANICAL
from computesim.study.explain.families.bill import bought, each_case, of_shipped
from computesim.study.explain.node import (
    Node,
    complement,
    computed,
    constant,
    difference,
    product,
    quotient,
    total,
)
from computesim.study.explain.parts import bill_content, networks, ratios
from computesim.study.explain.parts.prices import risen
from computesim.study.explain.parts.ranges import CENTRAL, end_of, figure_at
from computesim.study.explain.parts.sites import facility_price, places
from computesim.study.explain.world import World, remembered

USD = "USD/year"
ALL = constant("all of it", 1.0)
_SHARES = {ELECTRICAL: "electrical", MECHANICAL: "mechanical"}


def segment(world: World, t: int, rest: tuple[str, ...], case: int) -> Node:
    """Return what is spent on a segment."""
    name = "|".join(rest)
    if name in ("GPU", "ASIC"):
        return bought(world, t, case, name)
    if name in bill_content.PARTS:
        return product(name, USD, _part(world, t, name, case), _cut(world, t))
    if name == HOSTS:
        return _hosts(world, t, case)
    if name in (ELECTRICAL, MECHANICAL, BUILDINGS):
        return _facility(world, t, name, case)
    return of_shipped(world, t, name, USD, case, _of_network, name)


def _of_network(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the price of a part of the network of one accelerator."""
    return networks.share(world, t, index, f"Prices|{rest}", "USD", case=case)


@remembered
def _part(world: World, t: int, name: str, case: int) -> Node:
    """Return what the rack model prices of a part of servers."""
    return of_shipped(world, t, name, USD, case, bill_content.PARTS[name])


@remembered
def _servers(world: World, t: int, case: int) -> Node:
    """Return what is spent on servers beside accelerators."""
    share = end_of(world, "prices.server_share", t, case)
    return product("all servers", USD, bought(world, t, CENTRAL), share)


@remembered
def _cut(world: World, t: int) -> Node:
    """Return the share to which parts that cost more than all servers are cut, else one."""
    parts = [_part(world, t, name, CENTRAL) for name in bill_content.PARTS]
    known = total("parts that the rack model prices", USD, parts)
    if not known.value:
        return ALL
    spent = quotient("spent on servers over their parts", "1", _servers(world, t, CENTRAL), known)
    return computed("share of parts that is spent", "1", "minimum", (ALL, spent))


def _hosts(world: World, t: int, case: int) -> Node:
    """Return what is left of servers."""
    known = [segment(world, t, (name,), CENTRAL) for name in bill_content.PARTS]
    left = difference("servers less their parts", USD, _servers(world, t, case),
                      total("parts", USD, known))  # fmt: skip
    return computed(HOSTS, USD, "maximum", (left, constant("none", 0.0, USD)))


@remembered
def _spent(world: World, t: int, case: int) -> Node:
    """Return what is spent on facilities."""
    if case == CENTRAL:
        price = facility_price(world, t)
    elif world.scenario.prices.facility is not None:
        price = end_of(world, "prices.facility", t, case)
    else:
        terms = [
            product(f"by {place.name}", "USD/W", place.share,
                    figure_at(world, "sites", place.name, "build_cost", "USD/W", case))
            for place in places(world, t)
        ]  # fmt: skip
        price = total("cost of building in all regions", "USD/W", terms)
    return product("facilities", USD, risen(world, t, metered=False), price)


def _facility(world: World, t: int, name: str, case: int) -> Node:
    """Return a part of the facilities, by shares of construction."""

    def share(parameter: str, at: int) -> Node:
        return ratios.first(world, "facility-share", "1", at, parameter)

    if name == BUILDINGS:
        machinery = [share(parameter, CENTRAL) for parameter in _SHARES.values()]
        rest = complement("share of buildings", total("machinery", "1", machinery))
        return product(name, USD, _spent(world, t, case), rest)
    return product(name, USD, _spent(world, t, case), share(_SHARES[name], case))


each_case("Bill value", segment)
