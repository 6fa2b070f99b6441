"""Collectives of a serving step: their latencies, and what a token puts on the wire."""

from __future__ import annotations

import math
from typing import Final

from computesim.hardware.collective import Link, scaleout_link, scaleup_link
from computesim.hardware.replica import ACTIVATION_BYTES, Replica

DISPATCH_BYTES: Final = {"fp8": 1.0, "fp4": 1.0, "int8": 1.0, "int4": 1.0}  #: B/element, else 2


def latencies(replica: Replica) -> float:
    """Return the latencies of the collectives of one step, s."""
    load, layout, kernels = replica.load, replica.layout, replica.kernels
    seconds = 0.0
    experts_travel = load.n_moe_layers if layout.ep > 1 else 0
    if layout.tp > 1:
        seconds += (2 * load.n_layers - experts_travel) * kernels.message * math.log2(layout.tp)
    if experts_travel:
        across = layout.n_stage > replica.machine.scaleup_domain
        hop = kernels.message * math.log2(layout.n_stage)
        hop += 3 * replica.own.nic_latency if across else 0.0
        seconds += 2 * experts_travel * hop
    if layout.pp > 1:
        seconds += (layout.pp - 1) * 2 * replica.own.nic_latency
    return seconds


def wire_per_token(replica: Replica) -> float:
    """Return the exposed seconds of the collectives of a token of the fullest microbatch."""
    load, layout = replica.load, replica.layout
    if layout.n_stage == 1:
        return 0.0
    inner = scaleup_link(replica.machine, replica.own)
    summing = replica.machine.scaleup_bandwidth * replica.kernels.all_reduce
    width = load.d_model * ACTIVATION_BYTES
    experts_travel = load.n_moe_layers if layout.ep > 1 else 0
    sums = 2 * load.n_layers - experts_travel
    seconds = 2.0 * (layout.tp - 1) / layout.tp * width * sums / summing
    if experts_travel:
        exposed = 1.0 - replica.kernels.ep_overlap
        per_rank = _expert_seconds(replica, inner) * experts_travel * exposed
        seconds += per_rank / layout.tp  # ranks of a group send a part of its tokens each
    return seconds


def _expert_seconds(replica: Replica, inner: Link) -> float:
    """Return the seconds in which one token travels to its experts and back, one layer."""
    load, layout, domain = replica.load, replica.layout, replica.machine.scaleup_domain
    size = load.d_model * (DISPATCH_BYTES.get(load.weight_dtype, 2.0) + ACTIVATION_BYTES)
    seconds = _destinations(load.experts_per_token, layout.ep) * size / inner.all_to_all
    if layout.n_stage > domain:
        outer = scaleout_link(replica.machine, replica.own)
        nodes = -(-layout.n_stage // domain)
        seconds += _destinations(load.experts_per_token, nodes) * size / outer.all_to_all
    return seconds


def _destinations(n_choices: int, n_places: int) -> float:
    """Return the expected distinct places, own place left out, of random choices."""
    return (n_places - 1) * (1.0 - (1.0 - 1.0 / n_places) ** n_choices)
