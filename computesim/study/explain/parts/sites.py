"""Where the fleet stands: shares of regions, and PUE, prices and carbon of the mean site."""

from __future__ import annotations

from typing import NamedTuple

from computesim.cells.sites import sites_at
from computesim.study.explain.inputs import ESTIMATE, figure, value
from computesim.study.explain.node import (
    INPUT,
    Node,
    computed,
    constant,
    product,
    total,
    weighted_mean,
)
from computesim.study.explain.world import World, remembered

JOULES = constant("joules in a watt-hour", 3600.0, "J/Wh")


class Place(NamedTuple):
    """One region and its figures, the scenario's own where it gives some."""

    name: str
    share: Node  #: of the IT load
    pue: Node
    pue_half: Node  #: 0: as at full load
    price: Node  #: of electricity, USD/J
    carbon: Node  #: gCO2/J
    build: Node  #: USD per IT watt


@remembered
def places(world: World, t: int) -> tuple[Place, ...]:
    """Return the regions of a year; one with the share 1 where no shares are given."""
    return tuple(_place(world, t, site.name, share) for share, site in sites_at(world.moment(t)))


def _place(world: World, t: int, name: str, share: float) -> Place:
    """Return a region with its share of the IT load."""
    own = world.scenario.site
    half = constant("PUE at half load", 0.0, note="as at full")
    return Place(
        name,
        _share(world, name, share),
        _own(world, t, name, "site.pue", "pue", "1"),
        half if own.pue is not None else figure(world, "sites", name, "pue_half_load"),
        _own(world, t, name, "prices.electricity", "electricity_price", "USD/J"),
        _own(world, t, name, "site.carbon_intensity", "carbon_intensity", "gCO2/J"),
        figure(world, "sites", name, "build_cost", "USD/W"),
    )


def _own(world: World, t: int, name: str, key: str, parameter: str, unit: str) -> Node:
    """Return what the scenario says of every region, else the figure of this one."""
    if world.scenario.leaf(key) is not None:
        return value(world, key, t)
    return figure(world, "sites", name, parameter, unit)


def _share(world: World, name: str, share: float) -> Node:
    """Return the share of a region in the IT load."""
    key, mix = "regions.shares", world.scenario.regions.shares
    if mix is None:
        return constant(f"share of {name}", 1.0, note="all of the fleet stands here")
    own = [
        given
        for part in mix.parts
        for alias, given in part.items()
        if world.catalog.resolve("sites", alias) == name
    ]
    source = next((given.source for given in own if given.source), mix.source) or ESTIMATE
    note = next((given.note for given in own if given.note), mix.note)
    origin = str(world.scenario.origin(key))
    return Node(f"{key}.{name}", share, "1", INPUT, source=source, origin=origin, note=note)


@remembered
def pue(world: World, t: int) -> tuple[Node, Node]:
    """Return the PUE at design load, and that at half of it (0: the same)."""
    own = places(world, t)
    if len(own) == 1:
        return own[0].pue, own[0].pue_half
    full = [product(f"by {p.name}", "1", p.share, p.pue) for p in own]
    half = [
        product(f"by {p.name}", "1", p.share,
                computed("PUE at half load", "1", "maximum", (p.pue_half, p.pue)))
        for p in own
    ]  # fmt: skip
    said = world.years[t].around.site
    return (
        total("PUE of all regions", "1", full, said.pue),
        total("PUE of all regions at half load", "1", half, said.pue_half_load),
    )


@remembered
def electricity_price(world: World, t: int) -> Node:
    """Return the price of electricity, a mean over the energy of the regions, USD/J."""
    own = places(world, t)
    if len(own) == 1:
        return own[0].price
    pairs = [(p.price, _energy(p)) for p in own]
    return weighted_mean("price of electricity of all regions", "USD/J", pairs)


@remembered
def carbon_intensity(world: World, t: int) -> Node:
    """Return the carbon of electricity, a mean over the energy of the regions, gCO2/J."""
    own = places(world, t)
    if len(own) == 1:
        return own[0].carbon
    pairs = [(p.carbon, _energy(p)) for p in own]
    return weighted_mean("carbon of electricity of all regions", "gCO2/J", pairs)


@remembered
def facility_price(world: World, t: int) -> Node:
    """Return the price of buildings, power and cooling for a watt of IT load, USD/W."""
    if world.scenario.prices.facility is not None:
        return value(world, "prices.facility", t)
    own = places(world, t)
    if len(own) == 1:
        return own[0].build
    terms = [product(f"by {p.name}", "USD/W", p.share, p.build) for p in own]
    return total("cost of building in all regions", "USD/W", terms)


def _energy(place: Place) -> Node:
    """Return what a region takes at the meter for a unit of IT load."""
    return product(f"energy of {place.name} per IT load", "1", place.share, place.pue)


@remembered
def energy_share(world: World, t: int, name: str) -> Node:
    """Return the share of a region in the energy at the meter."""
    own = places(world, t)
    if len(own) == 1:
        return own[0].share
    (mine,) = [_energy(p) for p in own if p.name == name]
    every = total("PUE of all regions", "1", [_energy(p) for p in own])
    return computed(f"share of {name} in the energy", "1", "quotient", (mine, every))
