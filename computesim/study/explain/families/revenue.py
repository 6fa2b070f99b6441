"""What vendors take for the accelerators of a year, and NVIDIA for their networks."""

from __future__ import annotations

from computesim.accounts.revenue import NVIDIA, RACK, own_fabric
from computesim.fleet.network import share_of
from computesim.fleet.roadmap import network_at
from computesim.hardware.accelerator import Accelerator
from computesim.study.explain.inputs import SECONDS_PER_YEAR, figure
from computesim.study.explain.node import Node, complement, computed, constant, product, total
from computesim.study.explain.parts import fleet, market, networks
from computesim.study.explain.parts.prices import price_of
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World, remembered


def _sold(world: World, t: int, vendor: str) -> list[int]:
    """Return the accelerators that a vendor ships in a year."""
    return [
        index
        for index, machine in enumerate(world.road.accelerators)
        if machine.vendor == vendor and world.years[t].fleet.shipped[index] > 0
    ]


def _price(world: World, t: int, index: int) -> Node:
    """Return the average price of an accelerator in a year."""
    catalog, chip = world.catalog, world.road.accelerators[index]
    names = world.scenario.prices.accelerators
    if any(catalog.resolve("accelerators", name) == chip.name for name in names):
        return price_of(world, t, index)
    known = market.vintages(world, chip.name, "price", "USD")
    past = [when for when in known if when < world.key(t) + 1]
    if known:
        return known[max(past, default=min(known))]
    return figure(world, "accelerators", chip.name, "price", "USD")


@explains("Revenue")
def revenue(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return what a vendor takes for accelerators, or for networks."""
    vendor, what = rest
    sold = _sold(world, t, vendor)
    each = _price if what == "Compute" else _network
    terms = [
        product(f"{what.lower()} of {world.road.accelerators[index].name}", "USD/year",
                fleet.shipped(world, t, index), each(world, t, index))
        for index in sold
    ]  # fmt: skip
    name = f"{what.lower()} of {vendor} in {world.key(t)}"
    if what != "Compute" and any(_price(world, t, index).value for index in sold):
        flow = figure(world, "prices", "nvidia-networking", "standing_revenue", "USD/s")
        terms.append(product("networks of ordinary data centres", "USD/year", flow,
                             SECONDS_PER_YEAR))  # fmt: skip
    return total(name, "USD/year", terms)


@remembered
def _network(world: World, t: int, index: int) -> Node:
    """Return what NVIDIA takes for the network of one accelerator."""
    chip = world.road.accelerators[index]
    plan = network_at(world.moment(t))
    own = own_fabric(chip, plan, world.catalog).name
    reach = market.attach(world, t, chip)
    switches = _packet_switches(world, t, index, own)
    nics = networks.share(world, t, index, "nics", "NIC", own)
    terms = [
        product("switches", "USD", reach.switches, switches,
                networks.part(world, own, "switch_price")),
        product("cables and modules", "USD", reach.optics, _optics(world, t, index, own)),
        product("adapters", "USD", reach.nics, nics, networks.part(world, own, "nic_price")),
    ]  # fmt: skip
    if chip.scaleup_domain >= RACK:
        in_racks = figure(world, "prices", "nvlink-rack", "share")
        price = figure(world, "prices", "nvlink-rack", "price", "USD")
        terms.append(product("NVLink of racks", "USD", in_racks, price))
    return total(f"networks of {NVIDIA} for one {chip.name}", "USD", terms)


def _packet_switches(world: World, t: int, index: int, own: str) -> Node:
    """Return the packet switches of one accelerator."""
    tiers = [
        networks.share(world, t, index, f"Switches|{tier}", "switch", own)
        for tier in ("Leaf", "Spine", "Core")
    ]
    return total("packet switches", "switch", tiers)


def _optics(world: World, t: int, index: int, own: str) -> Node:
    """Return the contract price of modules and cables of one accelerator."""
    chip = world.road.accelerators[index]
    cables = networks.share(world, t, index, "copper_cables", "cable", own)
    copper = product("copper cables", "USD", cables, networks.part(world, own, "copper_price"))
    fall = complement("what a year leaves of a price",
                      figure(world, "prices", "module", "price_decline", "1/year"))  # fmt: skip
    after = constant("years after January 2026", world.key(t) + 0.5 - 2026.0, "year")
    left = computed("price over that of January 2026", "1", "power", (fall, after))
    terms = [copper]
    for speed in _speeds(world, t, chip, own):
        count = networks.share(world, t, index, f"Optics|{speed}", "transceiver", own)
        price = market.module_price(world, speed)
        terms.append(product(f"modules of {speed}", "USD", count, price, left))
    return total(f"cables and modules of one {chip.name}", "USD", terms)


def _speeds(world: World, t: int, chip: Accelerator, own: str) -> list[str]:
    """Return the speeds of the modules that come with an accelerator."""
    plan = market.with_fabric(network_at(world.moment(t)), own,
                              world.catalog)  # fmt: skip
    return list(share_of(chip, plan).optics)
