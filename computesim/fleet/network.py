"""The scale-out network that comes with each accelerator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from computesim.hardware.accelerator import Accelerator
from computesim.hardware.fabric import Fabric, FabricBill, fabric_bill
from computesim.traced import least, most

#: accelerators whose scale-up domain is at least this large are joined by it, a torus of cubes
#: with optical circuit switches; pods of 256 (TPU v5e, v6e) have none and meet in the fabric
TORUS_DOMAIN = 2048


@dataclass(frozen=True, slots=True)
class Plan:
    """The network of the clusters that are built in one year."""

    topology: str
    fabric: Fabric
    torus: Fabric  #: of accelerators that form a torus by themselves
    cluster_accelerators: int
    oversubscription: float
    first_hop: str


@dataclass(frozen=True, slots=True)
class Share:
    """What one accelerator has of its network."""

    switches: Mapping[str, float] = field(hash=False)  #: by tier
    optics: Mapping[str, float] = field(hash=False)  #: transceivers by speed
    nics: float = 0.0
    copper_cables: float = 0.0
    watts: float = 0.0  #: switches and optics, W; NICs are part of the node
    prices: Mapping[str, float] = field(default_factory=dict, hash=False)  #: by part, USD
    optical_engines: float = 0.0  #: co-packaged with switches

    @property
    def price(self) -> float:
        """All parts, USD."""
        return sum(self.prices.values())


def share_of(accelerator: Accelerator, plan: Plan) -> Share:
    """Return what one accelerator has of the network of its cluster.

    Parameters
    ----------
    accelerator : Accelerator
    plan : Plan

    Notes
    -----
    An accelerator takes as many ports of the fabric as its NIC rate fills. Where that would ask
    for more endpoints than three tiers hold, the fleet consists of several clusters. TPUs form a
    torus with optical circuit switches; their data-centre network is not counted.
    """
    if accelerator.scaleup_domain >= TORUS_DOMAIN:
        size = least(plan.cluster_accelerators, accelerator.scaleup_domain)
        return _divided(fabric_bill("torus", plan.torus, size), size)
    if accelerator.nic_bandwidth <= 0:
        return Share({}, {})
    ports = accelerator.nic_bandwidth / plan.fabric.nic_rate
    largest = (plan.fabric.switch_radix * plan.fabric.planes) ** 3 // 4
    endpoints = most(1, least(round(plan.cluster_accelerators * ports), largest))
    bill = fabric_bill(
        plan.topology,
        plan.fabric,
        endpoints,
        plan.oversubscription,
        plan.first_hop,
        rails=accelerator.node_accelerators,
    )
    return _divided(bill, endpoints / ports)


def _divided(bill: FabricBill, accelerators: float) -> Share:
    """Return a bill per accelerator."""
    tiers = {
        "Leaf": bill.leaf_switches,
        "Spine": bill.spine_switches,
        "Core": bill.core_switches,
        "Optical circuit": bill.ocs_switches,
    }
    return Share(
        switches={name: count / accelerators for name, count in tiers.items() if count},
        optics={speed: n / accelerators for speed, n in bill.transceivers.items()},
        nics=bill.nics / accelerators,
        copper_cables=bill.copper_cables / accelerators,
        watts=bill.fabric_watts / accelerators,
        prices={part: price / accelerators for part, price in bill.prices.items()},
        optical_engines=bill.optical_engines / accelerators,
    )
