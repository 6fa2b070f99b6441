"""Supply and demand by year: what is asked, what there is, what binds, and both worlds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from computesim.report.scales import rounded, scaled
from computesim.report.tables import aligned
from computesim.results import Results

DEMAND, SUPPLY = "Unconstrained|H100-equivalents", "H100-equivalents by generation"
NOTHING, MET = "none", "demand"
_SHORT = {"Packaging wafers": "Packaging", "Facility power": "Power", "Added power": "New power"}
_BESIDE = (
    ("Shipped", "Accelerators|Shipped", "Unconstrained|Accelerators|Shipped"),
    ("Power to be built", "Power|Provisioned", "Unconstrained|Power|Provisioned"),
    ("Electricity", "Energy", "Unconstrained|Energy"),
    ("Capital spending", "Capex", "Unconstrained|Capex"),
)


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """One line of the balance: numbers, or names of limits, by year."""

    label: str
    unit: str
    values: Mapping[int, float | str]

    def cells(self, years: Iterable[int]) -> list[str]:
        """Return the numbers or names of the years as text."""
        found = [self.values.get(year) for year in years]
        return [value if isinstance(value, str) else rounded(value) for value in found]


def _limits_of(results: Results, kind: str = "Used") -> dict[str, str]:
    """Return the variable of every limit by the name that a reader sees.

    The kind is `Used`, `Available`, `Binding`, `Relief` or `Next`.
    """
    prefix = f"Supply|{kind}|"
    names = [name.removeprefix(prefix) for name in results.variables(f"{prefix}*")]
    return {_SHORT.get(name, name.removeprefix("Makers|")): prefix + name for name in names}


def balance_rows(results: Results) -> list[BalanceRow]:
    """Return the table of supply and demand; empty where nothing limits the supply.

    Parameters
    ----------
    results : Results

    Returns
    -------
    list of BalanceRow
        Demand is the compute that would be in service without any limit, gap what of it is not;
        relief is what lifting the binding limit would add in the year (of several, the one that
        adds most), and `Then binds` what would stop it.
    """
    if DEMAND not in results or not _limits_of(results):
        return []
    demand, supply = results.series(DEMAND), results.series(SUPPLY)
    gap = {year: max(asked - supply.get(year, 0.0), 0.0) for year, asked in demand.items()}
    share = {year: 100 * gap[year] / asked for year, asked in demand.items() if asked}
    reliefs = [results.series(name) for name in _limits_of(results, "Relief").values()]
    relief = {year: max(r.get(year, 0.0) for r in reliefs) for year in results.years}
    factor, unit = scaled(results.unit(DEMAND), max(demand.values(), default=0.0))

    def compute(label: str, series: Mapping[int, float]) -> BalanceRow:
        return BalanceRow(label, unit, {year: value / factor for year, value in series.items()})

    return [
        compute("Demand without limits", demand),
        compute("Supply in service", supply),
        compute("Gap", gap),
        BalanceRow("Gap, share of demand", "%", share),
        BalanceRow("Binding limit", "", _named(results, "Binding", NOTHING)),
        compute("Relief in the year", relief),
        BalanceRow("Then binds", "", _then(results)),
        *_used(results),
        *_beside(results),
    ]


def _named(results: Results, kind: str, otherwise: str) -> dict[int, float | str]:
    """Return the names of the limits that a flag marks, by year."""
    flags = {label: results.series(name) for label, name in _limits_of(results, kind).items()}
    return {
        year: ", ".join(label for label, flag in flags.items() if flag.get(year, 0.0) >= 0.5)
        or otherwise
        for year in results.years
    }


def _then(results: Results) -> dict[int, float | str]:
    """Return what would bind once the binding limit is lifted, by year."""
    binding, then = _named(results, "Binding", NOTHING), _named(results, "Next", MET)
    return {year: "–" if binding[year] == NOTHING else then[year] for year in results.years}


def _used(results: Results) -> list[BalanceRow]:
    return [
        BalanceRow(f"{label} used", "%", share) for label, share in used_shares(results).items()
    ]


def used_shares(results: Results) -> dict[str, dict[int, float]]:
    """Return used over available of every limit, in per cent, where there is anything."""
    there = {
        label: results.series(name) for label, name in _limits_of(results, "Available").items()
    }
    return {
        label: {
            year: 100 * used / there[label][year]
            for year, used in results.series(name).items()
            if there[label].get(year)
        }
        for label, name in _limits_of(results).items()
    }


def _beside(results: Results) -> list[BalanceRow]:
    """Return quantities without and with the limits, one above the other."""
    found = []
    for label, limited, free in _BESIDE:
        if limited not in results or free not in results:
            continue
        both = results.series(free), results.series(limited)
        factor, unit = scaled(results.unit(free), max(v for s in both for v in s.values()))
        for series, which in zip(both, ("no limits", "with limits"), strict=True):
            values = {year: value / factor for year, value in series.items()}
            found.append(BalanceRow(f"{label}, {which}", unit, values))
    return found


def balance_text(results: Results, years: Sequence[int] = ()) -> str:
    """Return the table of supply and demand as plain text, nothing where there is none.

    Parameters
    ----------
    results : Results
    years : sequence of int
        The columns; all years for none.
    """
    columns = list(years) or results.years
    rows = balance_rows(results)
    if not rows:
        return ""
    lines = [["Supply and demand", *map(str, columns)]]
    for row in rows:
        label = f"{row.label}, {row.unit}" if row.unit else row.label
        lines.append([label, *row.cells(columns)])
    return aligned(lines)
