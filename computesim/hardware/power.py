"""Watts: accelerator, node, cluster and facility; joules, money and carbon of a site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from computesim.hardware.accelerator import Accelerator
from computesim.traced import exp, least, most, named


@dataclass(frozen=True, slots=True)
class Site:
    """Where the machines stand."""

    name: str
    pue: float  #: facility watts ÷ IT watts at design load
    pue_half_load: float = 0.0  #: the same at half of design load; 0 takes `pue`
    electricity_price: float = 0.0  #: USD/J
    carbon_intensity: float = 0.0  #: gCO2/J
    build_cost: float = 0.0  #: building and electrical plant without IT, USD per IT watt
    region: str = ""

    def __post_init__(self) -> None:
        if not self.pue >= 1 or (self.pue_half_load and not self.pue_half_load >= 1):
            raise ValueError(f"{self.name}: PUE is at least 1")


@dataclass(frozen=True, slots=True)
class PowerFit:
    """Accelerator watts ÷ TDP as a function of what is in use.

    ``min(cap, idle + compute (1 − exp(−c / knee)) + bandwidth · b)`` with c and b the attained
    fractions of the dense peak of the executed dtype and of the memory bandwidth.
    """

    idle: float  #: clocks up and nothing running, ÷ TDP
    compute: float
    knee: float
    bandwidth: float
    cap: float = 0.985  #: the power limiter


# Fitted to about 1e5 measured kernels of aiconfigurator (hardware notes 4.1); the p10–p90 spread
# within a bin is ±0.2 TDP. Nobody published such data for other chips: A100 and H100 take the
# H200 row, Rubin, AMD, TPU and the rest the GB200 row (estimate).
_H200: Final = PowerFit(idle=0.18, compute=0.729, knee=0.183, bandwidth=0.521)
_B200: Final = PowerFit(idle=0.24, compute=0.662, knee=0.096, bandwidth=0.379)
_GB200: Final = PowerFit(idle=0.185, compute=0.683, knee=0.137, bandwidth=0.299)
POWER_FITS: Final[Mapping[str, PowerFit]] = MappingProxyType(
    {
        "ampere": _H200,
        "hopper": _H200,
        "blackwell": _B200,
        "grace-blackwell": _GB200,
        "general": _GB200,
    }
)


@dataclass(frozen=True, slots=True)
class Overheads:
    """What a node and a cluster draw beside the accelerators."""

    node_draw: float = 0.65  #: measured ÷ nameplate of CPUs, fans, NICs, switches at full load
    node_idle: float = 0.4  #: share of that draw which does not follow the load
    cluster: float = 0.10  #: networks, storage and management ÷ node watts
    storage: float = 0.02  #: the same without the scale-out network, where that is counted apart


# node_draw: nameplate 575 W per H100 against 857 W per H100 all-in (MLPerf Training v4.0) and
# 0.67–0.83 of the 10.2 kW node (Newkirk 2025, Latif 2025); node_idle, storage: estimate;
# cluster: SemiAnalysis, "about 10 %".
OVERHEADS: Final = Overheads()


def power_fit(accelerator: Accelerator) -> PowerFit:
    """Return the power coefficients of an accelerator's generation."""
    return POWER_FITS.get(accelerator.generation, POWER_FITS["general"])


@named(lambda a, *_, **k: f"mean watts of {a.name}")
def accelerator_watts(
    accelerator: Accelerator,
    compute: float,
    bandwidth: float,
    busy: float = 1.0,
    fit: PowerFit | None = None,
) -> float:
    """Return the mean watts of one accelerator.

    Parameters
    ----------
    accelerator : Accelerator
        The machine.
    compute : float
        Attained fraction of the dense peak of the executed dtype while it runs, 0 to 1.
    bandwidth : float
        Attained fraction of the memory bandwidth while it runs, 0 to 1.
    busy : float
        Share of time in which it runs; it idles with clocks up for the rest.
    fit : PowerFit, optional
        Other coefficients than those of its generation.

    Returns
    -------
    float, W

    Raises
    ------
    ValueError
        If a fraction is outside 0 to 1.

    Source
    ------
    Hardware notes 4.1 (fit to aiconfigurator kernels with power columns).
    """
    for name, value in (("compute", compute), ("bandwidth", bandwidth), ("busy", busy)):
        if not -1e-9 <= value <= 1.0 + 1e-9:
            raise ValueError(f"{name} is a fraction between 0 and 1, not {value:g}")
    own = fit or power_fit(accelerator)
    running = own.idle + own.compute * (1.0 - exp(-compute / own.knee))
    running = least(running + own.bandwidth * bandwidth, own.cap)
    return accelerator.tdp * (busy * running + (1.0 - busy) * own.idle)


@named(lambda a, *_, **k: f"node watts per {a.name}")
def node_watts(
    accelerator: Accelerator, watts: float, load: float, overheads: Overheads = OVERHEADS
) -> float:
    """Return the IT watts of a node per accelerator.

    Parameters
    ----------
    accelerator : Accelerator
        The machine; `node_overhead` is the nameplate of all beside it.
    watts : float, W
        Mean watts of the accelerator.
    load : float
        How busy the node is, 0 to 1: fans, CPUs and NICs follow it in part.
    overheads : Overheads
        Draw and split.

    Returns
    -------
    float, W
    """
    follows = overheads.node_idle + (1.0 - overheads.node_idle) * least(most(load, 0.0), 1.0)
    return watts + accelerator.node_overhead * overheads.node_draw * follows


def watts_in_use(accelerator: Accelerator, compute: float, bandwidth: float, busy: float) -> float:
    """Return the IT watts of a node per accelerator that works for a part of its time.

    Parameters
    ----------
    accelerator : Accelerator
    compute, bandwidth : float
        Fractions of the dense peak and of the memory bandwidth, averages over all of its time.
    busy : float
        Share of the time in which it works.

    Returns
    -------
    float, W
    """
    busy = least(most(busy, 0.0), 1.0)
    while_busy = 1.0 / busy if busy > 0 else 0.0
    chip = accelerator_watts(
        accelerator, least(compute * while_busy, 1.0), least(bandwidth * while_busy, 1.0), busy
    )
    return node_watts(accelerator, chip, busy)


@named()
def cluster_watts(
    node: float, network: float | None = None, overheads: Overheads = OVERHEADS
) -> float:
    """Return the IT watts of a cluster per accelerator.

    Parameters
    ----------
    node : float, W
        IT watts of a node per accelerator.
    network : float, W, optional
        Switches and optics of the scale-out fabric per accelerator (`FabricBill.fabric_watts`);
        NICs are in the node already. Not given, a flat share stands for it.
    overheads : Overheads
        The shares.

    Returns
    -------
    float, W
    """
    if network is None:
        return node * (1.0 + overheads.cluster)
    return node * (1.0 + overheads.storage) + network


@named()
def facility_watts(site: Site, it_watts: float, design_watts: float = 0.0) -> float:
    """Return the watts that a site draws for a given IT load.

    Parameters
    ----------
    site : Site
        PUE at design load and at half of it.
    it_watts : float, W
        IT load now.
    design_watts : float, W
        IT load for which cooling and plant were built; 0 takes the load itself.

    Returns
    -------
    float, W

    Notes
    -----
    The overhead is affine in the load and goes through both PUE figures: its fixed part is
    ``(pue_half_load − pue) · design``.
    """
    design = most(design_watts, it_watts)
    fixed = (most(site.pue_half_load, site.pue) - site.pue) * design
    following = (site.pue - 1.0) * it_watts - fixed * (it_watts / design if design > 0 else 0.0)
    return it_watts + fixed + following


@named()
def electricity_cost(site: Site, joules: float) -> float:
    """Return the price of facility energy, USD."""
    return joules * site.electricity_price


@named()
def carbon_grams(site: Site, joules: float) -> float:
    """Return the operational emissions of facility energy, gCO2."""
    return joules * site.carbon_intensity
