"""A fleet that stands in several places: the mean site, and what falls to each region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from computesim.calendar import HOUR
from computesim.hardware.power import Site
from computesim.traced import most

if TYPE_CHECKING:
    from computesim.scenario import Moment

Parts = Sequence[tuple[float, Site]]  #: share of the IT load, and where it stands


def sites_at(moment: Moment) -> list[tuple[float, Site]]:
    """Return the regions of a year with their shares of the IT load.

    Parameters
    ----------
    moment : Moment
        Figures of `site` and `prices` replace those of the catalog, in every region.

    Returns
    -------
    list of tuple of float and Site
        One site with the share 1 where no shares are given; regions without a share are left out.
    """
    scenario, catalog, year = moment.scenario, moment.catalog, moment.year
    mix = scenario.regions.shares
    if mix is None:
        return [(1.0, _adapted(catalog.site(scenario.site.name.at(year)), moment))]
    shares: dict[str, float] = {}
    for name, share in mix.at(year).items():
        key = catalog.resolve("sites", name)  # an alias adds to the name that it stands for
        shares[key] = shares.get(key, 0.0) + share
    return [(s, _adapted(catalog.site(n), moment)) for n, s in shares.items() if s > 0]


def _adapted(site: Site, moment: Moment) -> Site:
    """Return a site with the figures that the scenario gives."""
    scenario, year = moment.scenario, moment.year
    own, price = scenario.site, scenario.prices.electricity
    if own.pue is not None:
        site = replace(site, pue=own.pue.at(year), pue_half_load=0.0)
    if own.carbon_intensity is not None:
        site = replace(site, carbon_intensity=own.carbon_intensity.at(year))
    if price is not None:
        site = replace(site, electricity_price=price.at(year))
    return site


def mean_site(parts: Parts) -> Site:
    """Return the site that draws, pays and emits what several do together.

    Parameters
    ----------
    parts : sequence of tuple of float and Site
        Shares of the IT load, which sum to 1.

    Returns
    -------
    Site
        The site itself where there is one. PUE and cost of building are means over the IT load,
        price and carbon over the energy, ``Σ s·PUE·p / Σ s·PUE``.
    """
    if len(parts) == 1:
        return parts[0][1]
    pue = sum(s * site.pue for s, site in parts)
    drawn = [(s * site.pue / pue, site) for s, site in parts]
    return Site(
        name="+".join(site.name for _, site in parts),
        pue=pue,
        pue_half_load=sum(s * most(site.pue_half_load, site.pue) for s, site in parts),
        electricity_price=sum(e * site.electricity_price for e, site in drawn),
        carbon_intensity=sum(e * site.carbon_intensity for e, site in drawn),
        build_cost=sum(s * site.build_cost for s, site in parts),
        region="several",
    )


def build_cost_range(moment: Moment) -> tuple[float, float]:
    """Return the low and the high end of what building costs where the fleet stands.

    Parameters
    ----------
    moment : Moment

    Returns
    -------
    tuple of float and float, USD/W
        Means over the IT load of the ends of every region, as `mean_site` takes the middle: all
        regions are cheap or dear together.
    """
    parts = sites_at(moment)
    ends = [moment.catalog.figure("sites", site.name, "build_cost").bounds for _, site in parts]
    shares = [s for s, _ in parts]
    low, high = (sum(s * e[k] for s, e in zip(shares, ends, strict=True)) for k in (0, 1))
    return low, high


def energy_shares(parts: Parts) -> dict[str, float]:
    """Return the share of each region in the energy at the meter.

    Parameters
    ----------
    parts : sequence of tuple of float and Site
        Shares of the IT load.

    Returns
    -------
    dict of str to float
        By name of the site, in sum 1: ``s·PUE / Σ s·PUE`` at design load. That overheads fall
        less than the load differs little between regions and is left out.
    """
    pue = sum(s * site.pue for s, site in parts)
    return {site.name: s * site.pue / pue for s, site in parts}


def by_region(parts: Parts, watt_hours: float, watts: float) -> Mapping[str, float]:
    """Return energy, power, price and emissions of a year by region.

    Parameters
    ----------
    parts : sequence of tuple of float and Site
    watt_hours : float, Wh/year
        Energy at the meter in all regions.
    watts : float, W
        Mean power at the meter at the end of the year.

    Returns
    -------
    mapping of str to float
        Variables `Energy by region|…`, `Power by region|…`, `Electricity cost by region|…` and
        `Emissions by region|…`.
    """
    shares = energy_shares(parts)
    found: dict[str, float] = {}
    for _, site in parts:
        own = watt_hours * shares[site.name]
        found[f"Energy by region|{site.name}"] = own
        found[f"Power by region|{site.name}"] = watts * shares[site.name]
        found[f"Electricity cost by region|{site.name}"] = own * HOUR * site.electricity_price
        found[f"Emissions by region|{site.name}"] = own * HOUR * site.carbon_intensity
    return found


def site_at(moment: Moment) -> Site:
    """Return the site of a year, the mean one where the fleet stands in several regions.

    Figures of the scenario replace those of the catalog.
    """
    return mean_site(sites_at(moment))
