"""What comes with one accelerator that is shipped, by name of the bill, at an end of its range."""

from __future__ import annotations

from collections.abc import Callable

from computesim.accounts.bill.content import scaleup_capacity
from computesim.accounts.bill.ratios import TABLE, Ratios
from computesim.study.explain.inputs import figure, word
from computesim.study.explain.node import Node, constant, product, quotient, total
from computesim.study.explain.parts import networks, ratios
from computesim.study.explain.parts.ranges import CENTRAL, figure_at
from computesim.study.explain.world import World, remembered

ONE = constant("one", 1.0)
BITS = constant("bits of a byte", 8.0, "bit/B")
HALF = constant("one direction of both", 0.5)
TERABIT = constant("bit/s of a Tbit/s", 1e12)
#: (world, index of the year, of the accelerator, what follows the name, case) -> the tree
Each = Callable[[World, int, int, str, int], Node]


def _chip(world: World, index: int, parameter: str, unit: str) -> Node:
    """Return a figure of an accelerator."""
    name = world.road.accelerators[index].name
    return figure(world, "accelerators", name, parameter, unit)


def _memory(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the high-bandwidth memory, B."""
    if not world.road.accelerators[index].hbm_stacks:
        return constant("no high-bandwidth memory", 0.0, "B")
    return _chip(world, index, "memory", "B")


@remembered
def _wafers(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the wafers of packaging: more packages or a better yield is the low case."""
    other = 2 * CENTRAL - case
    name = world.road.accelerators[index].name
    if world.catalog.has("accelerators", name, "packages_per_wafer"):
        packages = figure_at(world, "accelerators", name, "packages_per_wafer", "1", other)
    else:
        packages = ratios.first(world, "packages-per-wafer", "1", other)
    good = figure_at(world, "prices", "wafer", "cowos_yield", "1", other)
    whole = product("good packages of a wafer", "accelerator/wafer", packages, good)
    return quotient(f"wafers of one {name}", "wafer", ONE, whole)


@remembered
def _watts(world: World, index: int) -> Node:
    """Return the watts of an accelerator and its share of the node, nameplate."""
    parts = [_chip(world, index, key, "W") for key in ("tdp", "node_overhead")]
    return total(f"watts of one {world.road.accelerators[index].name} in its rack", "W", parts)


@remembered
def _wet(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the watts that leave with liquid; none where it is not known."""
    share = _chip(world, index, "liquid_share", "1")
    return product("watts into liquid", "W", share, _watts(world, index))


@remembered
def _supplies(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the rating of power supplies."""
    ratio = ratios.of(world, "power-supply", index, "1", case)
    return product("rating of power supplies", "W", ratio, _watts(world, index))


def _racks(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the racks: full ones are the low case."""
    full = ratios.of(world, "rack", index, "accelerator/rack", 2 * CENTRAL - case)
    return quotient("racks", "rack", ONE, full)


def _cables(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the copper cables of the network or of the scale-up domain."""
    if rest == "Scale-up":
        return ratios.of(world, "scaleup-cables", index, "cable", case)
    return networks.share(world, t, index, "copper_cables", "cable")


@remembered
def packet_switches(world: World, t: int, index: int) -> Node:
    """Return the packet switches of one accelerator."""
    tiers = [
        networks.share(world, t, index, f"Switches|{tier}", "switch")
        for tier in ("Leaf", "Spine", "Core")
    ]
    return total("packet switches", "switch", tiers)


def _fabric(world: World, t: int) -> str:
    """Return the fabric of the packet switches of a year."""
    return world.catalog.resolve("fabrics", word(world, "network.fabric", t).text)


def _silicon(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the switch chips."""
    if rest == "Scale-up":
        return ratios.of(world, "scaleup-switches", index, "chip", case)
    chips = ratios.first(world, "switch-asics", "chip/switch", case, _fabric(world, t))
    return product("switch chips", "chip", packet_switches(world, t, index), chips)


@remembered
def _scaleup(world: World, index: int) -> Node:
    """Return what the switches of the scale-up domain switch for one accelerator."""
    name = world.road.accelerators[index].name
    label = f"bit/s of one {name} in the scale-up domain"
    has = ratios.of(world, "scaleup-switches", index, "chip", CENTRAL)
    if not has.value:
        return constant(label, 0.0, "bit/s", "estimate", note="no switches are in its domain")
    if world.catalog.has("accelerators", name, "scaleup_bandwidth"):
        factors = [_chip(world, index, "scaleup_bandwidth", "B/s")]
    else:
        factors = [_chip(world, index, "scaleup_bandwidth_bidirectional", "B/s"), HALF]
    said = scaleup_capacity(world.road.accelerators[index], Ratios(world.catalog))
    return product(label, "bit/s", *factors, BITS, value=said)


@remembered
def _capacity(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return what the switch chips switch, one direction."""
    if rest == "Scale-up":
        return _scaleup(world, index)
    name = _fabric(world, t)
    radix, rate = (networks.part(world, name, field) for field in ("switch_radix", "nic_rate"))
    return product("bit/s of packet switches", "bit/s", packet_switches(world, t, index), radix,
                   rate, BITS)  # fmt: skip


def _silicon_value(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the value of the switch chips, by what they switch."""
    price = ratios.first(world, "switch-silicon-price", "USD/(Tbit/s)", case)
    width = quotient("Tbit/s of switch chips", "Tbit/s", _capacity(world, t, index, rest, case),
                     TERABIT)  # fmt: skip
    return product("switch chips", "USD", width, price)


def _optics(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the modules of a speed."""
    return networks.share(world, t, index, f"Optics|{rest}", "transceiver")


def _optics_value(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the modules of a speed at the contract price of the year."""
    price = ratios.module_price(world, rest, t, case)
    return product(f"modules of {rest}", "USD", _optics(world, t, index, rest, case), price)


def _boards(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the printed circuit boards: a figure of the accelerator or a share of its price."""
    name = world.road.accelerators[index].name
    if world.catalog.has(TABLE, "pcb", name):
        return figure_at(world, TABLE, "pcb", name, "USD", case)
    share = ratios.of(world, "pcb-share", index, "1", case)
    return product("boards", "USD", share, _chip(world, index, "price", "USD"))


def _fabric_part(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the price of cables and switches of the scale-up domain."""
    cables = product("cables of the scale-up domain", "USD",
                     ratios.of(world, "scaleup-cables", index, "cable", case),
                     ratios.first(world, "scaleup-cable-price", "USD/cable", case))  # fmt: skip
    margin = ratios.first(world, "switch-silicon-margin", "1", case)
    chips = _silicon_value(world, t, index, "Scale-up", case)
    switches = product("switches of the scale-up domain", "USD", chips, margin)
    return total("scale-up fabric", "USD", (cables, switches))


def _cooling_part(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the price of liquid cooling."""
    price = ratios.of(world, "liquid-cooling", index, "USD/W", case)
    return product("liquid cooling", "USD", _wet(world, t, index, rest, case), price)


def _supply_part(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the price of power supplies."""
    price = ratios.of(world, "power-supply-price", index, "USD/W", case)
    return product("power supplies", "USD", _supplies(world, t, index, rest, case), price)


def _memory_value(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the value of the high-bandwidth memory."""
    price = ratios.path(world, "hbm-price", t, "USD/B", case)
    return product("memory", "USD", _memory(world, t, index, rest, case), price)


def _packaging_value(world: World, t: int, index: int, rest: str, case: int) -> Node:
    """Return the value of packaging."""
    price = figure_at(world, "prices", "wafer", "cowos_price", "USD/wafer", case)
    return product("packaging", "USD", _wafers(world, t, index, rest, case), price)


#: quantities and values by head of their name
QUANTITIES: dict[str, Each] = {
    "HBM": _memory,
    "HBM stacks": lambda world, t, index, rest, case: _chip(world, index, "hbm_stacks", "stack"),
    "Packaging wafers": _wafers,
    "Racks": _racks,
    "Liquid-cooled power": _wet,
    "Power supplies": _supplies,
    "Switch silicon": _silicon,
    "Switch capacity": _capacity,
    "Circuit switches": lambda world, t, index, rest, case: networks.share(
        world, t, index, "Switches|Optical circuit", "switch"
    ),
    "Optics": _optics,
    "Optical engines": lambda world, t, index, rest, case: networks.share(
        world, t, index, "optical_engines", "engine"
    ),
    "NICs": lambda world, t, index, rest, case: networks.share(world, t, index, "nics", "NIC"),
    "Copper cables": _cables,
}
VALUES: dict[str, Each] = {
    "HBM": _memory_value,
    "Packaging": _packaging_value,
    "PCB": _boards,
    "Switch silicon": _silicon_value,
    "Optics": _optics_value,
}
#: what the rack model prices of a server
PARTS: dict[str, Each] = {
    "Scale-up fabric": _fabric_part,
    "Liquid cooling": _cooling_part,
    "Power supplies": _supply_part,
}
