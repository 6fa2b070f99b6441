"""What a scenario says of a quantity that was published."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from computesim.calendar import HOURS, YEAR
from computesim.cells.jobs import OTHER_AI
from computesim.fleet.power import energy
from computesim.published.anchors import inference_share, it_share, tokens_at
from computesim.published.others import LARGEST_RUN, largest_run
from computesim.published.shipments import HBM, PROVISIONED, TDP, UNITS, WAFERS, Figures
from computesim.results import Results, VariableError, unit_of
from computesim.scenario.moment import Moment

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.scenario import Scenario

_UNITS: Final = {
    **UNITS,
    "Electricity of IT": "Wh/year",
    "Load factor": "1",
    "Inference share of labs": "1",
    "Labs and products": "H100e",
    LARGEST_RUN: "FLOP",
}


def unit_of_variable(variable: str) -> str:
    """Return the unit of ours; a ratio has the unit 1."""
    if " / " in variable:
        return "1"
    return _UNITS.get(variable) or _UNITS.get(variable.split("|")[0]) or unit_of(variable)


def expression(variable: str, value: Callable[[str], float | None]) -> float | None:
    """Return a variable, or one over another; None where one lacks."""
    over, _, under = variable.partition(" / ")
    first = value(over)
    if not under or first is None:
        return first
    second = value(under)
    return first / second if second else None


def figure_of(figures: Figures, variable: str, date: str) -> float | None:
    """Return a figure of a whole year; a speed of which nothing was bought is 0."""
    if "-" in date:
        return None
    none = 0.0 if variable.startswith("Network shipped|") else None
    return figures.get(variable, {}).get(int(date), none)


def own_figure(
    variable: str,
    date: str,
    results: Results,
    own: Figures,
    scenario: Scenario,
    catalog: Catalog,
) -> float | None:
    """Return ours at a date, None outside the horizon."""
    year, _, month = date.partition("-")
    if month:
        if variable != "Tokens" or not month.isdigit():
            return None
        when = int(year) - 1 + (int(month) - 0.5) / 12
        return tokens_at(Moment(scenario, catalog, when))
    if int(year) not in results.years:
        return None

    def value(name: str) -> float | None:
        if name in (HBM, WAFERS) or name.startswith("Units|"):
            return own.get(name, {}).get(int(year), 0.0)
        try:
            if name in _SPECIAL:
                return _SPECIAL[name](results, scenario, int(year))
            return results.series(name).get(int(year), 0.0)
        except VariableError:
            optics = name.startswith("Network shipped|Optics|")
            return 0.0 if optics and results.variables("Network shipped|Optics|*") else None

    return expression(variable, value)


def energy_as_sold(sold: Figures, results: Results, scenario: Scenario) -> Figures:
    """Return the electricity of what was sold, if it drew as much per watt of TDP as ours.

    Parameters
    ----------
    sold : dict
        What follows from the units that were sold.
    results : Results
        Of the scenario: mean facility watts per watt of chip TDP at each year's end.
    scenario : Scenario
        Its deployment lag.

    Returns
    -------
    dict of str to dict of int to float
        `Energy` and `Electricity of IT` (Wh/year) and `Load factor`; empty where the results
        begin after the first sales or have no watts.
    """
    tdp, built = sold.get(TDP, {}), sold.get(PROVISIONED, {})
    years = [year for year in results.years if year in tdp]
    if not years or years[0] > min(tdp) or "Power|Facility" not in results or TDP not in results:
        return {}
    facility, it, own = (results.series(name) for name in ("Power|Facility", "Power|IT", TDP))
    lag = scenario.fleet.deployment_lag.at(years[0]) / YEAR
    drawn = [facility[year] / own[year] * tdp[year] if own[year] else 0.0 for year in years]
    found = dict(zip(years, energy(drawn, lag), strict=True))
    return {
        "Energy": found,
        "Electricity of IT": {y: e * it[y] / facility[y] for y, e in found.items() if facility[y]},
        "Load factor": {
            y: e / (HOURS * (built[y - 1] + built[y]) / 2)
            for y, e in found.items()
            if y - 1 in built
        },
    }


def _it_energy(results: Results, scenario: Scenario, year: int) -> float:
    """Return the electricity of the IT equipment alone, Wh/year."""
    return results.series("Energy")[year] * it_share(results, year)


def _load_factor(results: Results, scenario: Scenario, year: int) -> float | None:
    """Return energy over the mean of the capacity at both ends of the year."""
    built = results.series("Power|Provisioned")
    if not built.get(year - 1, 0.0) + built[year] > 0 or year - 1 not in built:
        return None
    return results.series("Energy")[year] / (HOURS * (built[year - 1] + built[year]) / 2.0)


def _labs(results: Results, scenario: Scenario, year: int) -> float | None:
    """Return the compute of labs and their products, H100e."""
    names = [v for v in results.variables("H100-equivalents|*") if not v.endswith(OTHER_AI)]
    return sum(results.series(name).get(year, 0.0) for name in names) if names else None


def _inference(results: Results, scenario: Scenario, year: int) -> float | None:
    """Return the share of inference in the compute of labs and their products."""
    known = results.variables("H100-equivalents|*")
    return inference_share(results, year) if known else None


_SPECIAL: Final[dict[str, Callable[[Results, Any, int], float | None]]] = {
    "Electricity of IT": _it_energy,
    "Load factor": _load_factor,
    "Inference share of labs": _inference,
    "Labs and products": _labs,
    LARGEST_RUN: lambda _, scenario, year: largest_run(scenario, year),
}
