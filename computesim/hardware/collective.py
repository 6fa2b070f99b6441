"""α–β times of collectives, inside a scale-up domain, across domains, and hierarchical.

`size` is always the full message that an algorithm speaks of: the tensor that
is reduced, the result of an all-gather, the input of a reduce-scatter, what one
accelerator sends in an all-to-all. All functions broadcast over numpy arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import Efficiency, efficiency

Number: TypeAlias = float | npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Link:
    """A network as one accelerator sees it."""

    all_reduce: float  #: attained bus bandwidth of an all-reduce, B/s
    gather: float  #: of all-gather and reduce-scatter, B/s
    all_to_all: float  #: of all-to-all and point-to-point, B/s
    latency: float  #: α of an 8-way all-reduce, s
    protocol: float = 0.0  #: weight of √(α · transfer), the bend between the two regimes


def scaleup_link(accelerator: Accelerator, coefficients: Efficiency | None = None) -> Link:
    """Return the link inside the scale-up domain (NVLink, ICI, Infinity Fabric).

    Raises
    ------
    CapacityError
        If the accelerator has no scale-up link.
    """
    own = coefficients or efficiency(accelerator)
    rate = accelerator.scaleup_bandwidth
    if not rate > 0:
        raise CapacityError(f"{accelerator.name} has no scale-up link")
    return Link(
        all_reduce=rate * own.all_reduce,
        gather=rate * own.gather,
        all_to_all=rate * own.all_to_all,
        latency=own.collective_latency,
        protocol=own.protocol,
    )


def scaleout_link(
    accelerator: Accelerator, coefficients: Efficiency | None = None, congestion: float = 1.0
) -> Link:
    """Return the link across scale-up domains (one NIC per accelerator).

    Parameters
    ----------
    accelerator : Accelerator
        The machine.
    coefficients : Efficiency, optional
        Another table than the one of the machine's generation.
    congestion : float
        Share of the NIC rate that an oversubscribed or untuned fabric delivers, above 0 to 1.

    Raises
    ------
    CapacityError
        If the accelerator has no NIC.

    Source
    ------
    46–48 GB/s per 400 Gb/s NIC: NVIDIA in nccl-tests issue 290; hop latency: aiconfigurator.
    """
    if not 0 < congestion <= 1:
        raise ValueError(f"congestion must be above 0 and at most 1, not {congestion:g}")
    own = coefficients or efficiency(accelerator)
    rate = accelerator.nic_bandwidth * own.nic * congestion
    if not rate > 0:
        raise CapacityError(f"{accelerator.name} has no NIC")
    # an 8-way tree is 3 hops up and 3 down
    return Link(rate, rate, rate, latency=6 * own.nic_latency, protocol=own.protocol)


def _latency(link: Link, n: Number) -> Number:
    """Return α for n members: it grows with the depth of a tree, and is measured at 8."""
    return cast(Number, link.latency * (np.log2(np.maximum(n, 1)) + 1.0) / 4.0)


def _seconds(latency: Number, transfer: Number, link: Link, n: Number) -> Number:
    """Return α + x + c·√(α·x) for more than one member, 0 for a member alone or no bytes."""
    total = latency + transfer + link.protocol * np.sqrt(latency * transfer)
    return cast(Number, np.where((np.asarray(n) > 1) & (np.asarray(transfer) > 0), total, 0.0)[()])


def all_reduce(size: Number, n: Number, link: Link) -> Number:
    """Return the seconds of an all-reduce of `size` bytes over n members.

    Parameters
    ----------
    size : float or array, B
        The tensor that is summed.
    n : float or array
        Members.
    link : Link
        Their network.

    Returns
    -------
    float or array, s

    Notes
    -----
    With ``x = 2 (n − 1) / n · size / β``, ``α(n) + x + c √(α x)``. The third term is the bend
    between the latency and the bandwidth regime, where libraries change protocol; without it
    messages of 1–64 MiB come out up to 40 % too fast.

    Source
    ------
    Bus-bandwidth convention of nccl-tests; α and β from aiconfigurator.
    """
    transfer = 2.0 * (n - 1.0) / n * size / link.all_reduce
    return _seconds(_latency(link, n), transfer, link, n)


def all_gather(size: Number, n: Number, link: Link) -> Number:
    """Return the seconds of an all-gather whose result has `size` bytes, s.

    Two thirds of the latency of an all-reduce, and ``(n − 1) / n · size`` on the wire.
    """
    transfer = (n - 1.0) / n * size / link.gather
    return _seconds(_latency(link, n) * (2.0 / 3.0), transfer, link, n)


def all_to_all(size: Number, n: Number, link: Link) -> Number:
    """Return the seconds of an all-to-all in which each member sends `size` bytes, s.

    Half of the latency of an all-reduce, and ``(n − 1) / n · size`` on the wire.
    """
    transfer = (n - 1.0) / n * size / link.all_to_all
    return _seconds(_latency(link, n) * 0.5, transfer, link, n)
