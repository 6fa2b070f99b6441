"""The figures of one accelerator: what cells depend on, H100-equivalents, price."""

from __future__ import annotations

from computesim.hardware.accelerator import H100_EIGHT_BIT
from computesim.study.explain.inputs import figure, value_at
from computesim.study.explain.node import Node, computed, constant, quotient
from computesim.study.explain.world import World, remembered

H100 = constant(
    "dense 8-bit peak of an H100", H100_EIGHT_BIT, "FLOP/s", "epoch-ml-hardware",
    "computesim/hardware/accelerator.py", "the unit of Epoch AI",
)  # fmt: skip
_MEASURED = {
    "memory": "B",
    "memory_bandwidth": "B/s",
    "scaleup_bandwidth": "B/s",
    "scaleup_bandwidth_bidirectional": "B/s",
    "scaleup_domain": "accelerator",
    "nic_bandwidth": "B/s",
    "host_bandwidth": "B/s",
}


@remembered
def figures(world: World, name: str) -> tuple[Node, ...]:
    """Return the figures of an accelerator on which its cells depend."""
    return tuple(
        figure(world, "accelerators", name, p, _MEASURED.get(p, "FLOP/s"))
        for p in world.catalog.parameters("accelerators", name)
        if p in _MEASURED or p.startswith("peak_")
    )


@remembered
def weight(world: World, name: str) -> Node:
    """Return the H100-equivalents of an accelerator: the faster of fp8 and int8, else bf16."""
    machine = world.catalog.accelerator(name)
    rates = machine.peak_flop_per_second
    for pair in (("fp8", "int8"), ("bf16", "fp16")):
        known = [
            figure(world, "accelerators", machine.name, f"peak_{dtype}", "FLOP/s")
            for dtype in pair
            if rates.get(dtype, 0.0) > 0
        ]
        if known:
            break
    peak = known[0]
    if len(known) > 1:
        peak = computed(f"peak of {machine.name}", "FLOP/s", "maximum", known)
    label = f"H100-equivalents of one {machine.name}"
    return quotient(label, "H100e/accelerator", peak, H100, machine.h100_equivalents)


@remembered
def price(world: World, name: str, year: float) -> Node:
    """Return the price of an accelerator: the scenario's own, else the catalog's."""
    for alias in world.scenario.prices.accelerators:
        if world.catalog.resolve("accelerators", alias) == name:
            return value_at(world, f"prices.accelerators.{alias}", year)
    return figure(world, "accelerators", name, "price", "USD")
