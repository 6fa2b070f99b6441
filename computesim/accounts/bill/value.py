"""Capital spending by supply-chain segment: parts that sum to what is spent.

`Capex` has four parts. Here each is split into segments that sum to it in the
central case: accelerators by class; the network by what its bill prices; the rest
of the servers into what the rack model prices and a remainder; facilities by
shares of construction. Low and high move one price or ratio at a time with the
quantities as they are, so that lows do not add up to a low.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from computesim.accounts.bill.content import Amounts
from computesim.accounts.bill.ratios import Ratios
from computesim.arrays import Floats
from computesim.traced import dot, least, maximum, most, number

PARTS = ("Scale-up fabric", "Liquid cooling", "Power supplies")  #: of servers, by the rack model
HOSTS = "Hosts and integration"  #: what is left of servers
ELECTRICAL, MECHANICAL, BUILDINGS = "Site power", "Site cooling", "Buildings"


@dataclass(frozen=True, slots=True)
class Money:
    """The prices of one year; arrays have the cases low, central and high as last axis."""

    accelerators: Floats  #: shape (accelerators, 3), USD
    network: Sequence[Mapping[str, Floats]]  #: of one accelerator of each kind by part, USD
    server_share: Floats  #: shape (3,)
    facility: Floats  #: shape (3,), USD per IT watt


def split(shipped: Floats, classes: Sequence[str], money: Money, parts: Amounts) -> Amounts:
    """Return accelerators, network and servers by segment.

    Parameters
    ----------
    shipped : ndarray of float64, shape (accelerators,)
    classes : sequence of str
        `GPU` or `ASIC` of each accelerator.
    money : Money
    parts : dict of str to ndarray of float64, shape (3,)
        What the rack model prices, by the names of `PARTS`, USD/year.

    Returns
    -------
    dict of str to ndarray of float64, shape (3,)
        USD/year; the central case sums to the capital spending on them.
    """
    found: Amounts = {}
    for kind, count, price in zip(classes, shipped, money.accelerators, strict=True):
        _add(found, kind, count * price)
    spent = dot(shipped, money.accelerators[:, 1])
    for count, prices in zip(shipped, money.network, strict=True):
        for name, price in prices.items():
            _add(found, name, count * price)
    found |= servers(spent * money.server_share, parts)
    return found


def servers(total: Floats, parts: Amounts) -> Amounts:
    """Return what is spent on servers beside accelerators, by segment.

    Parameters
    ----------
    total : ndarray of float64, shape (3,), USD/year
    parts : dict of str to ndarray of float64, shape (3,), USD/year

    Returns
    -------
    dict of str to ndarray of float64, shape (3,)
        Parts that cost more than all servers are cut by the same share, see `short`.
    """
    cut = least(1.0, short(total, parts))
    found = {name: value * cut for name, value in parts.items()}
    known = sum(value[1] for value in found.values())
    return {**found, HOSTS: maximum(total - known, 0.0)}


def short(total: Floats, parts: Amounts) -> float:
    """Return what is spent on servers over what the rack model says their parts cost."""
    known = sum(value[1] for value in parts.values())
    return number(total[1]) / number(known) if known > 0 else np.inf  # quietly, if it overflows


def facility(new_watts: float, money: Money, ratios: Ratios) -> Amounts:
    """Return what is spent on facilities, by segment.

    Parameters
    ----------
    new_watts : float, W
        Nameplate IT power that is built in the year.
    money : Money
    ratios : Ratios

    Returns
    -------
    dict of str to ndarray of float64, shape (3,), USD/year
    """
    total = most(new_watts, 0.0) * money.facility
    electrical = ratios.first("facility-share", "electrical")
    mechanical = ratios.first("facility-share", "mechanical")
    return {
        ELECTRICAL: total * electrical,
        MECHANICAL: total * mechanical,
        BUILDINGS: total * (1.0 - electrical[1] - mechanical[1]),
    }


def _add(found: Amounts, name: str, value: Floats) -> None:
    found[name] = found.get(name, np.zeros(3)) + value
