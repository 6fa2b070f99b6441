"""The scale-out network that comes with one accelerator, as nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache

from computesim.catalog import Catalog
from computesim.fleet.network import TORUS_DOMAIN
from computesim.fleet.roadmap import TORUS_FABRIC
from computesim.hardware.fabric import Fabric, FabricBill, fabric_bill
from computesim.study.explain.inputs import figure, value, word
from computesim.study.explain.node import Node, computed, constant, product, quotient
from computesim.study.explain.operations import MEANINGS, OPERATIONS
from computesim.study.explain.parts.ranges import CENTRAL, figure_at
from computesim.study.explain.world import World, remembered

Pick = Callable[[FabricBill], float]

_COUNTED = ("nic_rate", "switch_radix", "switch_module_rate", "nic_module_rate", "planes",
            "co_packaged", "ocs_ports")  # fmt: skip
_WATTS = ("switch_watts", "switch_module_watts", "nic_module_watts", "copper_watts", "ocs_watts")
_PRICES = ("switch_price", "switch_module_price", "nic_module_price", "nic_price", "copper_price",
           "ocs_price")  # fmt: skip
_UNITS = {"rate": "B/s", "watts": "W", "price": "USD"}
_TIERS = {
    "Leaf": "leaf_switches",
    "Spine": "spine_switches",
    "Core": "core_switches",
    "Optical circuit": "ocs_switches",
}


def _needs(item: str) -> tuple[str, ...]:
    """Return the fields of a fabric on which an item of its bill depends."""
    if item == "fabric_watts":
        return (*_COUNTED, *_WATTS)
    return (*_COUNTED, *_PRICES) if item == "price" or item.startswith("Prices|") else _COUNTED


@lru_cache(maxsize=256)
def _bill(topology: str, first_hop: str, needs: tuple[str, ...], *numbers: float) -> FabricBill:
    """Return the bill of a network from its numbers."""
    endpoints, oversubscription, rails = numbers[:3]
    own = dict(zip(needs, numbers[3:], strict=True))
    whole = {"switch_radix", "planes", "ocs_ports"}
    known = {k: int(v) if k in whole else bool(v) if k == "co_packaged" else v
             for k, v in own.items()}  # fmt: skip
    zero = {f.name: 0.0 for f in fields(Fabric) if f.name.endswith("watts")}
    fabric = Fabric("", **{**zero, **known})  # type: ignore[arg-type]
    return fabric_bill(
        topology, fabric, int(endpoints), oversubscription, first_hop, rails=int(rails)
    )


def _pick(item: str) -> Pick:
    """Return what reads an item of a bill."""
    if item.startswith("Optics|"):
        speed = item.split("|")[1]
        return lambda bill: bill.transceivers.get(speed, 0)
    if item.startswith("Prices|"):
        part = item.removeprefix("Prices|")
        return lambda bill: bill.prices.get(part, 0.0)
    field = _TIERS.get(item.split("|")[-1], item)
    return lambda bill: getattr(bill, field)


def _operation(topology: str, first_hop: str, item: str) -> str:
    """Return the name of the operation that counts an item; it is added when first needed."""
    what = item.replace("_", " ").replace("|", " ").lower()
    name = f"{what} of a {topology} network, {first_hop} first hop"
    if name not in OPERATIONS:
        pick, needs = _pick(item), _needs(item)
        OPERATIONS[name] = lambda *n: float(pick(_bill(topology, first_hop, needs, *n)))
        MEANINGS[name] = "the rules of computesim/hardware/fabric.py"
    return name


@remembered
def _layout(
    world: World, t: int, index: int, fabric: str
) -> tuple[str, str, Node, Node, Node, Node]:
    """Return topology, fabric, endpoints, accelerators of them, oversubscription and rails."""
    machine, plan = world.road.accelerators[index], world.years[t].around.network
    cluster = value(world, "network.cluster_accelerators", t)
    size = computed("accelerators of a cluster", "accelerator", "rounded", (cluster,))
    domain = figure(world, "accelerators", machine.name, "scaleup_domain", "accelerator", 1.0)
    if machine.scaleup_domain >= TORUS_DOMAIN:
        both = computed("accelerators of a torus", "accelerator", "minimum", (size, domain))
        one, rails = constant("oversubscription", 1.0), constant("rails", 8.0)
        return "torus", TORUS_FABRIC, both, both, one, rails
    name = fabric or world.catalog.resolve("fabrics", word(world, "network.fabric", t).text)
    own = world.catalog.fabric(name)
    rate = figure(world, "accelerators", machine.name, "nic_bandwidth", "B/s")
    ports = quotient(f"ports of one {machine.name}", "1", rate, part(world, name, "nic_rate"))
    wanted = computed("endpoints asked for", "1", "rounded", (product("ports", "1", size, ports),))
    largest = (own.switch_radix * own.planes) ** 3 // 4
    most = constant("endpoints of three tiers", largest, "1", note="radix³ / 4")
    ends = computed("endpoints of a network", "1", "minimum", (wanted, most))
    ends = computed("endpoints, at least one", "1", "maximum", (constant("one", 1.0), ends))
    there = quotient("accelerators of a network", "accelerator", ends, ports)
    rails = figure(world, "accelerators", machine.name, "node_accelerators", "1", 8.0)
    return plan.topology, name, ends, there, value(world, "network.oversubscription", t), rails


def part(world: World, fabric: str, field: str, case: int = CENTRAL) -> Node:
    """Return a figure of a fabric, at an end of its range if it is asked for."""
    catalog: Catalog = world.catalog
    default = float(getattr(catalog.fabric(fabric), field))
    unit = _UNITS.get(field.split("_")[-1], "1")
    return figure_at(world, "fabrics", fabric, field, unit, case, default)


@remembered
def share(
    world: World, t: int, index: int, item: str, unit: str = "1", own: str = "", case: int = CENTRAL
) -> Node:
    """Return what one accelerator has of an item of its network.

    Parameters
    ----------
    world : World
    t, index : int
        Year and accelerator.
    item : str
        `Switches|Leaf`, `Optics|800G`, `Prices|NICs`, or a field of `FabricBill`.
    unit : str
        Of the item.
    own : str
        A fabric in the place of that of the scenario.
    case : int
        Index of `bill_ratios.CASES`: at which end of their ranges the prices stand.
    """
    machine = world.road.accelerators[index]
    name = f"{item.replace('|', ' ').replace('_', ' ')} per {machine.name}"
    torus = machine.scaleup_domain >= TORUS_DOMAIN
    if machine.nic_bandwidth <= 0 and not torus:
        return constant(name, 0.0, unit, "estimate", note="no scale-out network is known")
    topology, fabric, ends, there, oversubscription, rails = _layout(world, t, index, own)
    hop = "optical" if torus else word(world, "network.first_hop", t).text
    chosen = [] if torus else [word(world, f"network.{k}", t) for k in ("topology", "fabric")]
    at = dict.fromkeys(_PRICES, case)
    operation = _operation(topology, hop, item)
    numbers = [
        ends,
        oversubscription,
        rails,
        *(part(world, fabric, f, at.get(f, CENTRAL)) for f in _needs(item)),
    ]
    whole = computed(f"{item.replace('_', ' ')} of a network", unit, operation, numbers,
                     given=chosen)  # fmt: skip
    return quotient(name, unit, whole, there)


@remembered
def watts(world: World, t: int, index: int) -> Node:
    """Return the watts of switches and optics of one accelerator."""
    return share(world, t, index, "fabric_watts", "W")
