"""What comes with one accelerator: memory, wafers, boards, racks, cooling, supplies, switches.

Everything is per accelerator shipped, in the cases low, central and high (arrays
of shape (3,)). Names are those of the results. `Bill|…` are quantities.
`Bill content|…` are values that stand inside others: HBM and packaging in the
price of the accelerator, boards in accelerators, servers and switches, switch
chips in switches. They are never added to `Bill value|…` nor to each other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from computesim.accounts.bill.ratios import Ratios, class_of
from computesim.arrays import Floats
from computesim.calendar import Constant
from computesim.fleet.network import Share
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.fabric import Fabric
from computesim.traced import named, number

Amounts = dict[str, Floats]
_BITS = 8.0
_TERABIT = Constant(1e12, "bit/s", "Tbit/s")


def content(
    accelerator: Accelerator, share: Share, fabric: Fabric, ratios: Ratios, year: float
) -> Amounts:
    """Return what comes with one accelerator that is shipped in a year.

    Parameters
    ----------
    accelerator : Accelerator
    share : Share
        Its share of the scale-out network.
    fabric : Fabric
        The packet switches of that network.
    ratios : Ratios
    year : float
        For prices that move.

    Returns
    -------
    dict of str to ndarray of float64, shape (3,)
        Low, central and high by name of the results; quantities in the unit of their family,
        values in USD.
    """
    return {
        **_package(accelerator, ratios, year),
        **_rack(accelerator, ratios),
        **_silicon(accelerator, share, fabric, ratios),
        **_modules(share, ratios, year),
    }


@named()
def racked_watts(accelerator: Accelerator) -> float:
    """Return the watts of an accelerator and its share of the node, nameplate."""
    return accelerator.tdp + accelerator.node_overhead


def _package(accelerator: Accelerator, ratios: Ratios, year: float) -> Amounts:
    """Return memory, packaging and boards.

    ``wafers = 1 / (packages per wafer · yield)``: more packages or a better yield is the low case.
    """
    kind = class_of(accelerator)
    wafers = 1.0 / (_packages(accelerator, ratios) * _wafer(ratios, "cowos_yield"))[::-1]
    memory = _same(accelerator.memory_bytes if accelerator.hbm_stacks else 0.0)
    return {
        f"Bill|Accelerators|{kind}": _same(1.0),
        f"Bill|HBM|{kind}": memory,
        f"Bill|HBM stacks|{kind}": _same(accelerator.hbm_stacks),
        f"Bill|Packaging wafers|{kind}": wafers,
        "Bill content|HBM": memory * ratios.path("hbm-price", year),
        "Bill content|Packaging": wafers * _wafer(ratios, "cowos_price"),
        "Bill content|PCB": boards(accelerator, ratios),
    }


@named()
def boards(accelerator: Accelerator, ratios: Ratios) -> Floats:
    """Return the printed circuit boards of an accelerator: its own figure or a share of its price.

    Parameters
    ----------
    accelerator : Accelerator
    ratios : Ratios

    Returns
    -------
    ndarray of float64, shape (3,), USD
    """
    if ratios.has("pcb", accelerator.name):
        return ratios.first("pcb", accelerator.name)
    return ratios.of("pcb-share", accelerator) * accelerator.price


@named()
def _packages(accelerator: Accelerator, ratios: Ratios) -> Floats:
    """Return the packages of one wafer, gross."""
    usual = ratios.first("packages-per-wafer")
    return ratios.other("accelerators", accelerator.name, "packages_per_wafer", usual)


def _wafer(ratios: Ratios, parameter: str) -> Floats:
    """Return yield or price of packaging a wafer."""
    return ratios.other("prices", "wafer", parameter)


def _rack(accelerator: Accelerator, ratios: Ratios) -> Amounts:
    """Return racks, liquid-cooled watts, power supplies and the copper of the scale-up domain."""
    watts = racked_watts(accelerator)
    wet = _liquid_share(accelerator, ratios) * watts
    supplies = ratios.of("power-supply", accelerator) * watts
    cables = ratios.of("scaleup-cables", accelerator)
    return {
        f"Bill|Racks|{class_of(accelerator)}": 1.0 / ratios.of("rack", accelerator)[::-1],
        "Bill|Liquid-cooled power": _same(wet),
        "Bill|Power supplies": supplies,
        "Bill|Copper cables|Scale-up": cables,
        "Part|Liquid cooling": wet * ratios.of("liquid-cooling", accelerator),
        "Part|Power supplies": supplies * ratios.of("power-supply-price", accelerator),
        "Part|Scale-up fabric": cables * ratios.first("scaleup-cable-price")
        + scaleup_capacity(accelerator, ratios)
        / number(_TERABIT)
        * ratios.first("switch-silicon-price")
        * ratios.first("switch-silicon-margin"),
    }


@named()
def _liquid_share(accelerator: Accelerator, ratios: Ratios) -> float:
    """Return the share of the heat that leaves with liquid; none where it is not known."""
    return number(ratios.other("accelerators", accelerator.name, "liquid_share", np.zeros(3))[1])


@named()
def scaleup_capacity(accelerator: Accelerator, ratios: Ratios) -> float:
    """Return what the switches of the scale-up domain switch for one accelerator, bit/s.

    Parameters
    ----------
    accelerator : Accelerator
    ratios : Ratios

    Notes
    -----
    Its scale-up bandwidth in one direction where the domain has switches: 7.2 Tbit/s of a GB200,
    which is a quarter of a chip of 28.8 Tbit/s.
    """
    switched = ratios.of("scaleup-switches", accelerator)[1] > 0
    return accelerator.scaleup_bandwidth * _BITS if switched else 0.0


def _silicon(accelerator: Accelerator, share: Share, fabric: Fabric, ratios: Ratios) -> Amounts:
    """Return switch chips, what they switch, and their value."""
    packet = sum(n for tier, n in share.switches.items() if tier != "Optical circuit")
    out = packet * fabric.switch_radix * fabric.nic_rate * _BITS
    up = scaleup_capacity(accelerator, ratios)
    price = ratios.first("switch-silicon-price") / number(_TERABIT)
    return {
        "Bill|Switch silicon|Scale-out": packet * ratios.first("switch-asics", fabric.name),
        "Bill|Switch silicon|Scale-up": ratios.of("scaleup-switches", accelerator),
        "Bill|Switch capacity|Scale-out": _same(out),
        "Bill|Switch capacity|Scale-up": _same(up),
        "Bill|Circuit switches": _same(share.switches.get("Optical circuit", 0.0)),
        "Bill content|Switch silicon|Scale-out": out * price,
        "Bill content|Switch silicon|Scale-up": up * price,
    }


def _modules(share: Share, ratios: Ratios, year: float) -> Amounts:
    """Return optics at the contract prices of the year, engines, NICs and copper."""
    speeds: Mapping[str, float] = share.optics
    return {
        **{f"Bill|Optics|{speed}": _same(count) for speed, count in speeds.items()},
        **{
            f"Bill content|Optics|{speed}": count * ratios.module_price(speed, year)
            for speed, count in speeds.items()
        },
        "Bill|Optical engines": _same(share.optical_engines),
        "Bill|NICs": _same(share.nics),
        "Bill|Copper cables|Scale-out": _same(share.copper_cables),
    }


def _same(value: float) -> Floats:
    """Return a figure without a range."""
    return np.full(3, value)
