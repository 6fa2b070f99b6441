"""What vendors take for the accelerators shipped in a year, and NVIDIA for their networks.

Compute is units times the published average price of the year. Networking is what of the fabric
of NVIDIA's accelerators carries NVIDIA's name: adapters, switches as far as InfiniBand and
Spectrum-X reach, cables and optical modules with InfiniBand, NVLink switches of racks. The
attach shares stand in the table `prices` under `nvidia-attach`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from computesim.calendar import YEAR
from computesim.demand.prices import own_price
from computesim.fleet.network import Plan, Share, share_of
from computesim.fleet.roadmap import network_at
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.fabric import Fabric, speed_name
from computesim.results import Yearly
from computesim.traced import interp, named, number

if TYPE_CHECKING:
    from computesim.catalog import Catalog, Figure
    from computesim.fleet.world import World
    from computesim.scenario import Moment

NVIDIA: Final = "NVIDIA"
COMPUTE, NETWORKING = f"Revenue|{NVIDIA}|Compute", f"Revenue|{NVIDIA}|Networking"
VENDORS: Final = (NVIDIA, "AMD")  #: those who sell accelerators to others under their own name
RACK: Final = 72  #: accelerators of a domain joined by NVLink switches outside the boards


@dataclass(frozen=True, slots=True)
class Attach:
    """What of a network is bought from NVIDIA, shares of what the fabric holds."""

    switches: float
    optics: float  #: cables and optical modules
    nics: float


def rows(world: World) -> Yearly:
    """Yield the revenue of every year by vendor, USD/year.

    `Revenue|NVIDIA|Compute`, `Revenue|NVIDIA|Networking` and `Revenue|AMD|Compute`.
    """
    for year in world.years:
        names = [machine.name for machine in year.accelerators]
        units = dict(zip(names, map(number, year.fleet.shipped), strict=True))
        yield revenue(units, year.moment).items()


def revenue(units: Mapping[str, float], moment: Moment) -> dict[str, float]:
    """Return what vendors take for what is shipped in a year.

    Parameters
    ----------
    units : mapping of str to float
        Packages shipped in the calendar year, by accelerator.
    moment : Moment
        Networks of the year, and prices of accelerators where the scenario gives some.

    Returns
    -------
    dict of str to float, USD/year
        By variable. Vendors without shipments are 0; a vendor without own sales is left out.
    """
    found = {f"Revenue|{vendor}|Compute": 0.0 for vendor in VENDORS} | {NETWORKING: 0.0}
    for name, count in units.items():
        chip = moment.catalog.accelerator(name)
        if chip.vendor in VENDORS and count > 0:
            price = accelerator_price(chip, moment)
            found[f"Revenue|{chip.vendor}|Compute"] += count * price
        if chip.vendor == NVIDIA and count > 0:
            found[NETWORKING] += count * networking(chip, moment)
    if found[COMPUTE] > 0:
        standing = moment.catalog.value("prices", "nvidia-networking", "standing_revenue")
        found[NETWORKING] += standing * YEAR
    return found


@named()
def accelerator_price(chip: Accelerator, moment: Moment) -> float:
    """Return the average price of an accelerator in a year, USD.

    The scenario's own price, else the published average of the year or of the last year that
    has one, else the catalog's.
    """
    catalog, year = moment.catalog, moment.year
    if (own := own_price(moment, chip)) is not None:
        return own
    known = vintages(catalog, chip.name, "price")
    past = [when for when in known if when < year + 1]
    return known[max(past, default=min(known))] if known else chip.price


@named()
def networking(chip: Accelerator, moment: Moment) -> float:
    """Return what NVIDIA takes for the network of one accelerator, USD.

    Parameters
    ----------
    chip : Accelerator
    moment : Moment
        Topology and size of the clusters; the fabric is the one of their protocol that has the
        rate of the accelerator's adapter.

    Returns
    -------
    float, USD

    Notes
    -----
    ``switches · a_switch + modules and cables · a_optics + adapters · a_nic + NVLink``, with
    ``a_switch = i + (1 − i) e`` of the share i of InfiniBand and of NVIDIA in Ethernet e, and
    ``a_optics = i``: buyers of Ethernet buy modules from those who make them.
    """
    plan, catalog, year = network_at(moment), moment.catalog, moment.year
    plan = replace(plan, fabric=own_fabric(chip, plan, catalog))
    share = share_of(chip, plan)
    attach = attach_of(chip, moment)
    middle = year + 0.5
    value = attach.switches * switch_value(share, plan.fabric)
    value += attach.optics * optics_value(share, plan.fabric, middle, catalog)
    value += attach.nics * share.nics * plan.fabric.nic_price
    if chip.scaleup_domain >= RACK:
        in_racks = catalog.value("prices", "nvlink-rack", "share")
        value += in_racks * catalog.value("prices", "nvlink-rack", "price")
    return value


def own_fabric(chip: Accelerator, plan: Plan, catalog: Catalog) -> Fabric:
    """Return the fabric of the plan's protocol that was made for the adapter of an accelerator.

    H100 came with 400G adapters in the year of 200G fabrics, GB300 with 800G in that of 400G:
    two ports of the older generation would be priced twice. The plan's own where none fits.
    """
    for name in catalog.names("fabrics"):
        fabric = catalog.fabric(name)
        same = fabric.protocol == plan.fabric.protocol and not fabric.co_packaged
        if same and abs(fabric.nic_rate / chip.nic_bandwidth - 1.0) < 0.01:
            return fabric
    return plan.fabric


def attach_of(chip: Accelerator, moment: Moment) -> Attach:
    """Return which shares of the network of an accelerator are bought from NVIDIA."""
    catalog, middle = moment.catalog, moment.year + 0.5
    nics = catalog.value("prices", "nvidia-attach", "nic")
    merchant = catalog.figure("prices", "nvidia-attach", "merchant_ethernet")
    if chip.name in str(merchant.value).split(";"):
        return Attach(0.0, 0.0, nics)
    infiniband = _path(vintages(catalog, "nvidia-attach", "infiniband"), middle)
    ethernet = _path(vintages(catalog, "nvidia-attach", "ethernet"), middle)
    return Attach(infiniband + (1.0 - infiniband) * ethernet, infiniband, nics)


@named()
def switch_value(share: Share, fabric: Fabric) -> float:
    """Return the price of the packet switches of one accelerator, USD."""
    packet = sum(n for tier, n in share.switches.items() if tier != "Optical circuit")
    return packet * fabric.switch_price


@named()
def optics_value(share: Share, fabric: Fabric, when: float, catalog: Catalog) -> float:
    """Return the contract price of modules and cables of one accelerator, USD.

    Parameters
    ----------
    share : Share
    fabric : Fabric
    when : float, years
        2025.5 is the middle of 2025.
    catalog : Catalog

    Notes
    -----
    Contract prices of January 2026 by speed, falling by `module price_decline` a year; a speed
    without a contract price costs as much per bit/s as 800G. Reseller prices, which the fabrics
    of the catalog carry, are two to three times as high.
    """
    fall = 1.0 - catalog.value("prices", "module", "price_decline")
    total = share.copper_cables * fabric.copper_price
    for speed, count in share.optics.items():
        total += count * _module_price(speed, catalog) * fall ** (when - 2026.0)
    return total


@named()
def _module_price(speed: str, catalog: Catalog) -> float:
    """Return the contract price of a module in January 2026, USD."""
    name = f"module-{speed.lower()}"
    if catalog.has("prices", name, "price"):
        known = vintages(catalog, name, "price")
        contract = {when: price for when, price in known.items() if when >= 2026.0}
        if contract:
            return contract[min(contract)]
    wide = {speed_name(rate * 1e9 / 8): rate / 800 for rate in (100, 200, 400, 1600, 3200, 6400)}
    return wide.get(speed, 1.0) * vintages(catalog, "module-800g", "price")[2026.0]


def vintages(catalog: Catalog, name: str, parameter: str) -> dict[float, float]:
    """Return the figures of the price table by the time they are of, in base units.

    Parameters
    ----------
    catalog : Catalog
    name, parameter : str

    Returns
    -------
    dict of float to float
        2026.0 for January 2026; a whole year stands for its middle if it is a share, and for
        its beginning if it is a price. Figures without a date are left out.
    """
    figures = catalog.vintages("prices", name, parameter)
    return {time_of(figure): figure.number for figure in figures if figure.as_of}


def time_of(figure: Figure) -> float:
    """Return the time that a dated figure is of, in years, see `vintages`."""
    year, _, month = figure.as_of.partition("-")
    whole = 0.5 if figure.unit == "1" else 0.0
    return int(year) + ((int(month[:2]) - 1) / 12.0 if month else whole)


def _path(known: Mapping[float, float], when: float) -> float:
    """Return a figure between two dates, held flat before the first and after the last."""
    dates = sorted(known)
    return number(interp(when, dates, [known[date] for date in dates]))
