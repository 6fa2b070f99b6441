"""Prices of the market by date, and what of a network is bought from NVIDIA."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from computesim.accounts.revenue import time_of
from computesim.catalog import Catalog
from computesim.fleet.network import Plan
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.fabric import speed_name
from computesim.study.explain.inputs import figure
from computesim.study.explain.node import Node, complement, constant, product, total
from computesim.study.explain.parts.ranges import dated, interpolated
from computesim.study.explain.world import World, remembered

_WIDTHS = {speed_name(rate * 1e9 / 8): rate for rate in (100, 200, 400, 1600, 3200, 6400)}


class Attach(NamedTuple):
    """What of a network is bought from NVIDIA, shares of what the fabric holds."""

    switches: Node
    optics: Node
    nics: Node


def with_fabric(plan: Plan, own: str, catalog: Catalog) -> Plan:
    """Return a plan with another fabric."""
    return replace(plan, fabric=catalog.fabric(own))


@remembered
def vintages(world: World, name: str, parameter: str, unit: str) -> dict[float, Node]:
    """Return the figures of the price table by the time they are of; undated ones are left out."""
    return {
        time_of(row): dated(world, name, parameter, row.as_of, unit)
        for row in world.catalog.rows("prices")
        if row.name == name and row.parameter == parameter and row.as_of
    }


def _path(world: World, parameter: str, when: float) -> Node:
    """Return a share of NVIDIA between two dates."""
    known = vintages(world, "nvidia-attach", parameter, "1")
    points = sorted(known.items(), key=lambda point: point[0])
    return interpolated(f"{parameter} in switches, mid-year", "1", when, points)


@remembered
def attach(world: World, t: int, chip: Accelerator) -> Attach:
    """Return which shares of the network of an accelerator are bought from NVIDIA."""
    nics = figure(world, "prices", "nvidia-attach", "nic")
    merchant = world.catalog.figure("prices", "nvidia-attach", "merchant_ethernet")
    if chip.name in str(merchant.value).split(";"):
        none = constant("nothing but adapters", 0.0, "1", merchant.source, note=merchant.note)
        return Attach(none, none, nics)
    when = world.key(t) + 0.5
    infiniband, ethernet = _path(world, "infiniband", when), _path(world, "ethernet", when)
    rest = product("NVIDIA's Ethernet", "1", complement("share of Ethernet", infiniband), ethernet)
    switches = total("share of NVIDIA in switches", "1", (infiniband, rest))
    return Attach(switches, infiniband, nics)


@remembered
def module_price(world: World, speed: str) -> Node:
    """Return the contract price of a module in January 2026."""
    name = f"module-{speed.lower()}"
    if world.catalog.has("prices", name, "price"):
        known = vintages(world, name, "price", "USD")
        contract = {when: price for when, price in known.items() if when >= 2026.0}
        if contract:
            return contract[min(contract)]
    same = vintages(world, "module-800g", "price", "USD")[2026.0]
    wide = constant(f"rate of {speed} over 800G", _WIDTHS.get(speed, 800) / 800)
    return product(f"price of a module of {speed}, as much per bit/s", "USD", wide, same)
