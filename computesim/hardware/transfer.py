"""KV cache on its way: between replicas, and from host memory or storage to an accelerator."""

from __future__ import annotations

from typing import Final, Literal

from computesim.hardware.accelerator import Accelerator
from computesim.hardware.collective import scaleout_link
from computesim.hardware.efficiency import efficiency
from computesim.hardware.replica import ServingLayout
from computesim.quantities import ServingLoad

Tier = Literal["hbm", "host", "storage"]
#: PCIe Gen5 x16, one direction, of an accelerator whose host link no source tells, B/s; estimate
HOST_LINK: Final = 63e9


def lanes(layout: ServingLayout) -> int:
    """Return the accelerators that hold parts of one sequence, each with links of its own."""
    return layout.tp * layout.pp


def transfer_seconds(
    load: ServingLoad, machine: Accelerator, reads: ServingLayout, decodes: ServingLayout
) -> tuple[float, float]:
    """Return latency and seconds per token of the KV cache from one replica to another.

    Parameters
    ----------
    load : ServingLoad
        Its cache.
    machine : Accelerator
        Of both replicas; each accelerator sends or receives its part over its own NIC.
    reads, decodes : ServingLayout
        Of the two replicas. A sequence is in one attention group, tp · pp accelerators.

    Returns
    -------
    tuple of float, s and float, s/token

    Raises
    ------
    CapacityError
        If the accelerator has no NIC.

    Notes
    -----
    The whole transfer comes after the prompt is read: engines that send layer by layer hide most
    of it. Transfers do not wait for one another.
    """
    link = scaleout_link(machine)
    bandwidth = link.all_to_all * min(lanes(reads), lanes(decodes))
    hop = link.latency / 6  # of an 8-way all-reduce: 3 hops up and 3 down
    return hop + load.state_bytes_per_sequence / bandwidth, load.kv_bytes_per_token / bandwidth


def lone_bandwidth(
    tier: Tier, machine: Accelerator, storage_bandwidth: float, layout: ServingLayout
) -> float:
    """Return the rate at which the prefix of one request comes back while no other one does, B/s.

    Parameters
    ----------
    tier : {"hbm", "host", "storage"}
    machine : Accelerator
    storage_bandwidth : float, B/s
        As for `tier_bandwidth`.
    layout : ServingLayout
        Of the replica: each accelerator takes its part over its own link to the host.

    Notes
    -----
    What the accelerators of a node may draw from the storage service together comes over the
    network of the node, and one request may have all of it.
    """
    links = lanes(layout) * tier_bandwidth("host" if tier == "storage" else tier, machine, 0.0)
    together = max(lanes(layout), machine.node_accelerators)
    return min(links, together * storage_bandwidth) if tier == "storage" else links


def tier_bandwidth(tier: Tier, machine: Accelerator, storage_bandwidth: float) -> float:
    """Return the rate at which one accelerator takes a cached prefix back, B/s.

    Parameters
    ----------
    tier : {"hbm", "host", "storage"}
        Where the prefix waited.
    machine : Accelerator
        Its `host_bandwidth` is the link to the memory of its host.
    storage_bandwidth : float, B/s
        Of the storage service, for each accelerator.

    Returns
    -------
    float, B/s
        Infinite for what is in HBM already.
    """
    if tier == "hbm":
        return float("inf")
    host = (machine.host_bandwidth or HOST_LINK) * efficiency(machine).host_link
    return host if tier == "host" else min(host, storage_bandwidth)
