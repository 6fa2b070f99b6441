"""Devices that answer requests themselves: how many, how fast, their energy, what is in them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from computesim.accounts.bill.ratios import CASES
from computesim.cells.jobs import COT
from computesim.scenario.values import Value
from computesim.study.explain.families.tokens import device_tokens
from computesim.study.explain.inputs import SECONDS_PER_DAY, SECONDS_PER_YEAR, value
from computesim.study.explain.node import Node, computed, constant, product, quotient, total
from computesim.study.explain.parts.ranges import end_of
from computesim.study.explain.parts.sites import JOULES
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World, remembered

BITS = constant("bits of a byte", 8.0, "bit/B")
OPERATIONS_PER_PARAMETER = constant("operations per parameter and token", 2.0, "OP/token")
DAYS = constant("days in a year", 365.25, "day/year")


def _read(world: World, t: int, name: str) -> Node:
    """Return an entry of the devices."""
    return value(world, f"devices.{name}", t)


@remembered
def _decode(world: World, t: int) -> Node:
    """Return the output tokens/s of one sequence: every token reads all active weights once."""
    bits = product("bits of the active weights", "bit", _read(world, t, "active_parameters"),
                   _read(world, t, "weight_bits"))  # fmt: skip
    weights = quotient("bytes that a token reads", "B", bits, BITS)
    reached = product("bandwidth that decoding reaches", "B/s", _read(world, t, "memory_bandwidth"),
                      _read(world, t, "bandwidth_share"))  # fmt: skip
    return quotient("output tokens/s of a device", "token/s", reached, weights)


@remembered
def _prefill(world: World, t: int) -> Node:
    """Return the prompt tokens/s: two operations per parameter and token."""
    each = product("operations of a token", "OP", OPERATIONS_PER_PARAMETER,
                   _read(world, t, "active_parameters"))  # fmt: skip
    reached = product("NPU that reading reaches", "OP/s", _read(world, t, "npu"),
                      _read(world, t, "npu_share"))  # fmt: skip
    return quotient("prompt tokens/s of a device", "token/s", reached, each)


@remembered
def _seconds(world: World, t: int) -> Node:
    """Return the seconds in which all devices work on a mean day."""
    flows = world.years[t].demand.device
    prompt = [device_tokens(world, t, (name, "Prompt")) for name in flows]
    output = [device_tokens(world, t, (name, "Answer")) for name in flows]
    if COT in flows:
        output.append(device_tokens(world, t, (COT, "Reasoning")))
    read = total("prompt tokens on devices", "token/day", prompt,
                 sum(flow.fresh_prompt for flow in flows.values()))  # fmt: skip
    written = total("output tokens on devices", "token/day", output,
                    sum(flow.output for flow in flows.values()))  # fmt: skip
    parts = (
        quotient("seconds of reading", "s/day", read, _prefill(world, t)),
        quotient("seconds of writing", "s/day", written, _decode(world, t)),
    )
    return total("seconds of devices at work", "s/day", parts, every=True)


def _of_year(world: World, t: int, ago: int) -> Node:
    """Return the shipments of an earlier year, which may lie before the horizon."""
    now = _read(world, t, "shipments")
    path: Value = world.scenario.devices.shipments
    year = world.key(t) - ago
    note = f"of {year}{'; ' if now.note else ''}{now.note}"
    return replace(now, value=path.at(year), note=note) if ago else now


@remembered
def _in_use(world: World, t: int) -> Node:
    """Return the devices of a lifetime's shipments; a part of a year counts as such."""
    life = quotient("years in use", "year", _read(world, t, "lifetime"), SECONDS_PER_YEAR)
    cohorts = []
    for age in range(math.ceil(life.number())):
        share = computed(f"share in use at age {age}", "1", "share in service",
                         (life, constant("age", age, "year")))  # fmt: skip
        cohorts.append(product(f"devices of {world.key(t) - age} in use", "device",
                               _of_year(world, t, age), share))  # fmt: skip
    return total(f"devices in use, {world.key(t)}", "device", cohorts)


def _needed(world: World, t: int) -> Node:
    """Return the devices that the work of a day takes."""
    active = _read(world, t, "active_time")
    if not active.value:
        return replace(active, unit="device")
    return quotient("devices needed", "device", _seconds(world, t), active)


_DEVICES: dict[str, Callable[[World, int], Node]] = {
    "Shipped": lambda world, t: total("devices shipped", "device", [_read(world, t, "shipments")]),
    "In use": _in_use,
    "Used": lambda world, t: product(
        "devices used", "device", _in_use(world, t), _read(world, t, "use")
    ),
    "Needed": _needed,
    "Busy": lambda world, t: quotient(
        "devices at work, mean of the day", "device", _seconds(world, t), SECONDS_PER_DAY
    ),
}


@explains("Devices")
def devices(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return a number of devices."""
    return _DEVICES[rest[0]](world, t)


@explains("Device speed")
def speed(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return how fast a device writes or reads."""
    return _decode(world, t) if rest[0] == "Decode" else _prefill(world, t)


@explains("Device NPU")
def npu(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the peak of all NPUs shipped."""
    return product("NPUs shipped", "OP/s", _read(world, t, "shipments"), _read(world, t, "npu"))


@explains("Device energy")
def energy(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the electricity at the plug."""
    work = product("energy in the devices of a day", "J/day", _seconds(world, t),
                   _read(world, t, "power"))  # fmt: skip
    plug = quotient("energy at the plug of a day", "J/day", work, _read(world, t, "charging"))
    year = product("energy at the plug of a year", "J/year", plug, DAYS)
    return quotient("energy of devices", "Wh/year", year, JOULES)


def _content(world: World, t: int, part: str, case: int) -> Node:
    """Return the value of a part that the model takes in the devices shipped."""
    shipped = _read(world, t, "shipments")
    if part == "NPU":
        return product(part, "USD/year", shipped, end_of(world, "devices.npu_price", t, case))
    price = end_of(world, "devices.memory_price", t, case)
    return product(part, "USD/year", shipped, _read(world, t, "model_memory"), price)


@explains("Device content")
def content(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the value of a part in the devices shipped."""
    return _content(world, t, rest[0], CASES.index("central"))


@explains("Device content low")
def content_low(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the low end of it."""
    return _content(world, t, rest[0], CASES.index("low"))


@explains("Device content high")
def content_high(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the high end of it."""
    return _content(world, t, rest[0], CASES.index("high"))
