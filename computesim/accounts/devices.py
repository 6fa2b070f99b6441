"""Devices that answer requests themselves: how many it takes, and what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from computesim.accounts.bill.ratios import CASES
from computesim.calendar import DAY, DAYS, HOUR, YEAR
from computesim.demand.demand import Demand
from computesim.hardware.device import Device
from computesim.results import Yearly
from computesim.traced import least, named

if TYPE_CHECKING:
    from computesim.fleet.world import World
    from computesim.scenario.devices import Devices

Pairs = Iterator[tuple[str, float]]


def rows(world: World) -> Yearly:
    """Yield devices, their work, energy and content in every year."""
    devices = world.scenario.devices
    return (_figures(devices, year.demand, year.year) for year in world.years)


def remarks(world: World) -> list[str]:
    """Return in which years the devices in use cannot do what is asked of them."""
    texts = []
    for year, pairs in zip(world.years, rows(world), strict=True):
        figure = dict(pairs)
        if (need := figure["Devices|Needed"]) > (there := figure["Devices|Used"]) * (1 + 1e-9):
            texts.append(
                f"{year.year}: {need / 1e6:,.0f} million devices would have to answer requests, "
                f"{there / 1e6:,.0f} million are there and used for it"
            )
    return texts


def device_at(devices: Devices, year: float) -> Device:
    """Return the mean device in use in a year."""
    return Device(
        active_parameters=devices.active_parameters.at(year),
        weight_bits=devices.weight_bits.at(year),
        memory_bandwidth=devices.memory_bandwidth.at(year),
        bandwidth_share=devices.bandwidth_share.at(year),
        npu=devices.npu.at(year),
        npu_share=devices.npu_share.at(year),
        watts=devices.power.at(year),
    )


@named()
def in_use(devices: Devices, year: int) -> float:
    """Return the devices that are in use at the end of a year: those of a lifetime's shipments.

    Parameters
    ----------
    devices : Devices
    year : int

    Notes
    -----
    A fraction of a year counts that share of the oldest year's shipments. The path of shipments
    says what came before the horizon.
    """
    left = devices.lifetime.at(year) / YEAR
    found, age = 0.0, 0
    while left > 0:
        found += least(left, 1.0) * devices.shipments.at(year - age)
        left, age = left - 1.0, age + 1
    return found


def _figures(devices: Devices, demand: Demand, year: int) -> Pairs:
    """Yield names and numbers of one year.

    Decoding takes ``output · parameters · bits / 8 / (bandwidth · share)`` seconds, reading
    ``prompt · 2 · parameters / (NPU · share)``. Devices needed are these seconds of a day over the
    time for which a user lets the model work.
    """
    device = device_at(devices, year)
    prompt = sum(flow.fresh_prompt for flow in demand.device.values())
    output = sum(flow.output for flow in demand.device.values())
    seconds = device.seconds(prompt, output)
    stock = in_use(devices, year)
    active = devices.active_time.at(year)
    yield "Devices|Shipped", devices.shipments.at(year)
    yield "Devices|In use", stock
    yield "Devices|Used", stock * devices.use.at(year)
    yield "Devices|Needed", seconds / active if active > 0 else 0.0
    yield "Devices|Busy", seconds / DAY
    yield "Device speed|Decode", device.decode
    yield "Device speed|Prefill", device.prefill
    yield "Device energy", seconds * device.watts / devices.charging.at(year) * DAYS / HOUR
    yield "Device NPU|Shipped", devices.shipments.at(year) * device.npu
    yield from _content(devices, year)


def _content(devices: Devices, year: int) -> Pairs:
    """Yield the value of what the model takes in the devices shipped, with its range."""
    shipped = devices.shipments.at(year)
    for case in CASES:
        name = "Device content" + ("" if case == "central" else f" {case}")
        memory = devices.model_memory.at(year) * devices.memory_price.at(year, case)
        yield f"{name}|NPU", shipped * devices.npu_price.at(year, case)
        yield f"{name}|Memory", shipped * memory
