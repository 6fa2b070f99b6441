"""Total cost of ownership: prices, lifetimes and watts as USD per accelerator-hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from computesim.calendar import HOURS, YEAR
from computesim.traced import expm1, log1p, named

if TYPE_CHECKING:
    from computesim.scenario import Moment

#: what an accelerator-hour consists of; all but electricity are settled when it is bought
FIXED_PARTS = ("Accelerator", "Server", "Network", "Facility", "Operations")
ELECTRICITY = "Electricity"


@dataclass(frozen=True, slots=True)
class Terms:
    """How prices are spread over time."""

    cost_of_capital: float  #: 1/year
    it_lifetime: float  #: years
    facility_lifetime: float  #: years
    operations_share: float  #: running cost without electricity over the price of all, 1/year


@dataclass(frozen=True, slots=True)
class Outlay:
    """What is paid for one accelerator and its share of all around it, USD."""

    accelerator: float
    server: float
    network: float
    facility: float

    @property
    def total(self) -> float:
        """All together."""
        return self.accelerator + self.server + self.network + self.facility


def terms_at(moment: Moment) -> Terms:
    """Return the terms of what is bought in a year."""
    scenario, year = moment.scenario, moment.year
    finance = scenario.finance
    lifetime = finance.it_lifetime or scenario.fleet.lifetime
    return Terms(
        cost_of_capital=finance.cost_of_capital.at(year),
        it_lifetime=lifetime.at(year) / YEAR,
        facility_lifetime=finance.facility_lifetime.at(year) / YEAR,
        operations_share=finance.operations_share.at(year),
    )


@named()
def capital_recovery_factor(rate: float, years: float) -> float:
    """Return the constant yearly payment that pays a price of 1 back with its return.

    Parameters
    ----------
    rate : float, 1/year
        Cost of capital, not negative.
    years : float, years
        Time over which it is paid off, above 0; payments come at the end of each year.

    Returns
    -------
    float, 1/year
        ``r / (1 − (1 + r)^−n)``, and ``1 / n`` (a straight line) at r = 0.

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    if rate < 0 or not years > 0:
        raise ValueError(f"no annuity at a rate of {rate:g} over {years:g} years")
    if rate == 0:
        return 1.0 / years
    return rate / -expm1(-years * log1p(rate))


def fixed_cost(outlay: Outlay, terms: Terms) -> dict[str, float]:
    """Return what an accelerator costs in an hour, whatever it does.

    Parameters
    ----------
    outlay : Outlay
        What was paid for it.
    terms : Terms

    Returns
    -------
    dict of str to float, USD/h
        `FIXED_PARTS`: IT and facility as annuities of their own lifetimes, operations as a
        share of the whole price. Per hour of the calendar from the day of service.
    """
    it = capital_recovery_factor(terms.cost_of_capital, terms.it_lifetime) / HOURS
    plant = capital_recovery_factor(terms.cost_of_capital, terms.facility_lifetime) / HOURS
    return {
        "Accelerator": outlay.accelerator * it,
        "Server": outlay.server * it,
        "Network": outlay.network * it,
        "Facility": outlay.facility * plant,
        "Operations": outlay.total * terms.operations_share / HOURS,
    }


def per_used_hour(cost: float, utilisation: float) -> float:
    """Return the cost of an hour at work when a share `utilisation` of the hours is.

    Parameters
    ----------
    cost : float, USD/h
        Of an hour in service.
    utilisation : float
        Above 0, at most 1.
    """
    if not 0 < utilisation <= 1 + 1e-9:
        raise ValueError(f"a utilisation lies between 0 and 1, not at {utilisation:g}")
    return cost / utilisation


def total(parts: Mapping[str, float]) -> float:
    """Return the sum of the parts of an hour, USD/h."""
    return sum(parts.values())
