"""The scale-out network: switches, links, optics, NICs and watts for n accelerators."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from computesim.errors import CapacityError, near_miss
from computesim.traced import function, least, most, named

TOPOLOGIES: Final = ("clos", "rail-optimised", "rail-only", "torus")
FIRST_HOPS: Final = ("optical", "copper")
CUBE_SIDE: Final = 4  #: accelerators along an electrically wired cube of a torus (TPU v4 rack)


@dataclass(frozen=True, slots=True)
class Fabric:
    """One generation of switch, optics and NIC."""

    name: str
    nic_rate: float  #: scale-out rate of one accelerator, per direction, all planes, B/s
    switch_radix: int  #: ports of one switch counted at `nic_rate`
    switch_module_rate: float  #: optical module on the switch side, B/s (one or more ports)
    nic_module_rate: float  #: optical module on the NIC side, B/s
    switch_watts: float  #: chassis and ASIC without modules, W
    switch_module_watts: float  #: W; of the optical engines of as much rate when co-packaged
    nic_module_watts: float  #: W
    nic_watts: float  #: NIC without its module, W
    switch_price: float = 0.0  #: USD
    switch_module_price: float = 0.0  #: USD
    nic_module_price: float = 0.0  #: USD
    nic_price: float = 0.0  #: USD
    copper_price: float = 0.0  #: one copper cable, both ends, USD
    copper_watts: float = 0.0  #: one copper cable, both ends (0.2 passive, ~20 active), W
    planes: int = 1  #: independent networks among which a NIC's rate is divided
    co_packaged: bool = False  #: optics in the switch package: no modules on the switch side
    ocs_ports: int = 136  #: duplex ports of one optical circuit switch (torus only)
    ocs_watts: float = 108.0  #: W
    ocs_price: float = 0.0  #: USD
    hop_seconds: float = 0.0  #: latency added by one switch, s
    protocol: str = ""
    release_year: float = 0.0

    def __post_init__(self) -> None:
        if self.switch_radix < 2 or self.planes < 1:
            raise ValueError(f"{self.name}: a switch has at least 2 ports, a fabric 1 plane")
        if not min(self.nic_rate, self.switch_module_rate, self.nic_module_rate) > 0:
            raise ValueError(f"{self.name}: NIC and module rates must be above 0")


@dataclass(frozen=True, slots=True)
class FabricBill:
    """What the scale-out network of one cluster is made of."""

    topology: str
    n_accelerators: int
    tiers: int  #: of switches; 0 for a torus
    leaf_switches: int
    spine_switches: int
    core_switches: int
    links: int  #: cables of all tiers, copper ones included
    copper_cables: int
    transceivers: Mapping[str, int] = field(hash=False)  #: pluggable modules by speed, `800G`
    nics: int
    ocs_switches: int
    ports_used: int
    ports_available: int
    fabric_watts: float  #: switches, modules, cables and circuit switches, W
    nic_watts: float  #: NICs without their modules, W
    prices: Mapping[str, float] = field(hash=False)  #: by part; `Optics|800G` by speed, USD
    latency: float  #: switches on the longest path · latency of one, s
    optical_engines: int = 0  #: co-packaged with switches, counted at the module rate
    first_links: int = 0  #: cables of the first hop, from NIC to leaf

    @property
    def links_by_tier(self) -> tuple[int, int, int]:
        """Cables of a fat tree: node to leaf, leaf to spine, spine to core."""
        above = self.links - self.first_links
        if self.tiers < 3:
            return self.first_links, above, 0
        return self.first_links, above // 2, above // 2

    @property
    def price(self) -> float:
        """All parts, NICs included, USD."""
        return sum(self.prices.values())

    @property
    def switches(self) -> int:
        """Packet switches of all tiers."""
        return self.leaf_switches + self.spine_switches + self.core_switches

    @property
    def watts(self) -> float:
        """All watts, NICs included; node overheads usually count the NICs already."""
        return self.fabric_watts + self.nic_watts

    @property
    def transceivers_per_accelerator(self) -> float:
        """Pluggable optical modules per accelerator, all speeds."""
        return sum(self.transceivers.values()) / self.n_accelerators


@dataclass(frozen=True, slots=True)
class _Tree:
    """Switches and links of one fat tree; `across` counts links above the first hop."""

    tiers: int = 0
    leaf: int = 0
    spine: int = 0
    core: int = 0
    first: int = 0
    across: int = 0

    def __add__(self, other: _Tree) -> _Tree:
        return _Tree(
            max(self.tiers, other.tiers),
            self.leaf + other.leaf,
            self.spine + other.spine,
            self.core + other.core,
            self.first + other.first,
            self.across + other.across,
        )

    def __mul__(self, count: int) -> _Tree:
        rest = (self.leaf, self.spine, self.core, self.first, self.across)
        return _Tree(self.tiers, *(count * value for value in rest))

    @property
    def switches(self) -> int:
        """Switches of all tiers."""
        return self.leaf + self.spine + self.core


@function("divisor from")
def _spread(needed: int, uplinks: int) -> int:
    """Return the fewest spines, at least `needed`, over which a leaf's uplinks divide evenly."""
    return next((s for s in range(max(needed, 1), uplinks + 1) if uplinks % s == 0), needed)


def _clos(endpoints: int, radix: int, oversubscription: float, leaves: int = 0) -> _Tree:
    """Return the fat tree of fewest tiers; `leaves` where the wiring asks for more of them."""
    up = most(math.floor(radix / (1.0 + oversubscription)), 1)
    down = radix - up
    if endpoints <= radix and leaves <= 1:
        return _Tree(tiers=1, leaf=1, first=endpoints)
    leaf = most(-(-endpoints // down), leaves)
    cables = least(math.ceil(endpoints / oversubscription), leaf * up)
    if leaf <= radix:
        spine = _spread(-(-cables // radix), up)
        return _Tree(2, leaf, spine, 0, endpoints, cables)
    if leaf > radix * (radix // 2):
        largest = radix * (radix // 2) * down
        raise CapacityError(
            f"three tiers of radix {radix} hold {largest:,} endpoints, not {endpoints:,}: "
            "divide the fleet into clusters"
        )
    spine = -(-cables // (radix // 2))
    return _Tree(3, leaf, spine, -(-cables // radix), endpoints, 2 * cables)


def _rails(endpoints: int, radix: int, oversubscription: float, rails: int) -> _Tree:
    """Return the tree whose leaf i serves accelerator i of every node of its unit."""
    down = radix - most(math.floor(radix / (1.0 + oversubscription)), 1)
    nodes = -(-endpoints // rails)
    leaves = rails * -(-nodes // down) if endpoints >= rails * down else 0
    return _clos(endpoints, radix, oversubscription, leaves)


def _rail_only(endpoints: int, radix: int, oversubscription: float, rails: int) -> _Tree:
    """Return one tree per rail; other rails are reached through the scale-up domain."""
    long, short = endpoints % rails, endpoints // rails
    total = _Tree()
    if short:
        total += _clos(short, radix, oversubscription) * (rails - long)
    return total + _clos(short + 1, radix, oversubscription) * long if long else total


def speed_name(rate: float) -> str:
    """Return the trade name of an optical rate: 100e9 B/s is `800G`, 200e9 B/s is `1.6T`."""
    gigabits = rate * 8.0 / 1e9
    return f"{gigabits / 1000:g}T" if gigabits >= 1000 else f"{gigabits:g}G"


@named()
def fabric_bill(
    topology: str,
    fabric: Fabric,
    n_accelerators: int,
    oversubscription: float = 1.0,
    first_hop: str = "optical",
    rails: int = 8,
) -> FabricBill:
    """Return switches, links, optics, NICs, watts and price of the network of one cluster.

    Parameters
    ----------
    topology : str
        clos (fat tree of 1 to 3 tiers), rail-optimised (the same, leaf i for accelerator i of
        every node), rail-only (one tree per rail) or torus (cubes joined by circuit switches).
    fabric : Fabric
        Switch, optics and NIC.
    n_accelerators : int
        Accelerators of the cluster, one NIC each.
    oversubscription : float
        Bandwidth to accelerators ÷ bandwidth to the next tier, at the leaf; at least 1.
    first_hop : str
        optical, or copper from NIC to leaf.
    rails : int
        Accelerators of one node.

    Raises
    ------
    CapacityError
        If three tiers cannot hold so many.

    Notes
    -----
    Full bisection with radix k and N endpoints: two tiers up to k²/2 with 3N/k switches and 2N
    links, three up to k³/4 with 5N/k switches and 3N links. Several planes are independent trees
    of radix k · planes. A spine count is raised to the next divisor of a leaf's uplinks, so that
    every leaf reaches every spine alike. Optical modules serve `module rate ÷ port rate` ports.

    Source
    ------
    DGX SuperPOD reference architectures B200 (NDR) and B300 (XDR, Spectrum-X); Jouppi 2023 for
    the torus.
    """
    if topology not in TOPOLOGIES:
        raise ValueError(f"unknown topology '{topology}' {near_miss(topology, TOPOLOGIES)}".strip())
    if first_hop not in FIRST_HOPS:
        raise ValueError(f"the first hop is optical or copper, not '{first_hop}'")
    if n_accelerators < 1 or not oversubscription >= 1 or rails < 1:
        raise ValueError("a fabric needs accelerators, rails, and oversubscription of at least 1")
    if topology == "torus":
        return _torus(fabric, n_accelerators)
    radix = fabric.switch_radix * fabric.planes
    build = {"rail-optimised": _rails, "rail-only": _rail_only}.get(topology)
    if build is None:
        tree = _clos(n_accelerators, radix, oversubscription)
    else:
        tree = build(n_accelerators, radix, oversubscription, rails)
    return _bill(topology, fabric, n_accelerators, tree * fabric.planes, first_hop == "copper")


def _bill(topology: str, fabric: Fabric, n: int, tree: _Tree, copper: bool) -> FabricBill:
    """Return the bill of a packet-switched network whose tree sums all planes."""
    port_rate = fabric.nic_rate / fabric.planes
    ends = 2 * tree.across + (0 if copper else tree.first)
    engines = math.ceil(ends * port_rate / fabric.switch_module_rate)
    nic_modules = 0 if copper else math.ceil(n * fabric.nic_rate / fabric.nic_module_rate)
    cables = tree.first if copper else 0
    pluggable = 0 if fabric.co_packaged else engines
    watts = tree.switches * fabric.switch_watts + engines * fabric.switch_module_watts
    watts += nic_modules * fabric.nic_module_watts + cables * fabric.copper_watts
    modules = (
        (fabric.switch_module_rate, pluggable, fabric.switch_module_price),
        (fabric.nic_module_rate, nic_modules, fabric.nic_module_price),
    )
    longest = {1: 1, 2: 3, 3: 5}[tree.tiers]
    return FabricBill(
        topology=topology,
        n_accelerators=n,
        tiers=tree.tiers,
        leaf_switches=tree.leaf,
        spine_switches=tree.spine,
        core_switches=tree.core,
        links=tree.first + tree.across,
        copper_cables=cables,
        transceivers=_by_speed(*((rate, count) for rate, count, _ in modules)),
        nics=n,
        ocs_switches=0,
        ports_used=tree.first + 2 * tree.across,
        ports_available=tree.switches * fabric.switch_radix * fabric.planes,
        fabric_watts=watts,
        nic_watts=n * fabric.nic_watts,
        prices=_priced(
            ("Switches", tree.switches * fabric.switch_price),
            *((f"Optics|{speed_name(rate)}", count * price) for rate, count, price in modules),
            ("Copper cables", cables * fabric.copper_price),
            ("NICs", n * fabric.nic_price),
        ),
        latency=longest * fabric.hop_seconds,
        optical_engines=engines - pluggable,
        first_links=tree.first,
    )


def _by_speed(*modules: tuple[float, int]) -> Mapping[str, int]:
    """Return module counts by trade name, speeds without modules left out."""
    counts: dict[str, int] = {}
    for rate, count in modules:
        if count:
            counts[speed_name(rate)] = counts.get(speed_name(rate), 0) + count
    return MappingProxyType(counts)


def _priced(*parts: tuple[str, float]) -> Mapping[str, float]:
    """Return prices by part, parts of one name together and free ones left out."""
    prices: dict[str, float] = {}
    for name, price in parts:
        if price:
            prices[name] = prices.get(name, 0.0) + price
    return MappingProxyType(prices)


def _torus(fabric: Fabric, n: int) -> FabricBill:
    """Return the bill of a three-dimensional torus of copper cubes and circuit switches.

    A cube of 64 has 144 copper links inside and 96 optical ones on its faces; opposite faces
    meet in the same circuit switch, so that 48 positions each take two fibres of every cube.
    """
    cubes = -(-n // CUBE_SIDE**3)
    faces = 3 * CUBE_SIDE**2
    inside = cubes * faces * (CUBE_SIDE - 1)
    switches = faces * -(-2 * cubes // fabric.ocs_ports)
    modules = cubes * 2 * faces
    watts = switches * fabric.ocs_watts + modules * fabric.switch_module_watts
    speed = speed_name(fabric.switch_module_rate)
    return FabricBill(
        topology="torus",
        n_accelerators=n,
        tiers=0,
        leaf_switches=0,
        spine_switches=0,
        core_switches=0,
        links=inside + cubes * faces,
        copper_cables=inside,
        transceivers=_by_speed((fabric.switch_module_rate, modules)),
        nics=0,
        ocs_switches=switches,
        ports_used=modules,
        ports_available=switches * fabric.ocs_ports,
        fabric_watts=watts + inside * fabric.copper_watts,
        nic_watts=0.0,
        prices=_priced(
            ("Switches", switches * fabric.ocs_price),
            (f"Optics|{speed}", modules * fabric.switch_module_price),
            ("Copper cables", inside * fabric.copper_price),
        ),
        latency=0.0,
    )
