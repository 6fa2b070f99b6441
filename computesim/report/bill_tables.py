"""The bill by segment: demand, price and value by year, in English or as Chinese reports do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from computesim.report.scales import rounded, scaled
from computesim.report.tables import aligned, reference_year
from computesim.results import BillCheck, Results, Segment, VariableError

CHAINS = {
    "compute": ("Compute chain", "算力产业链"),
    "on-device": ("On-device chain", "端侧产业链"),
    "applications": ("Applications", "应用"),
}
#: metric -> what it is called in either language
METRICS = {
    "quantity": ("Demand", "需求量"),
    "growth": ("Growth on the year", "同比"),
    "price": ("Value per unit", "单位价值量"),
    "value": ("Value", "市场空间"),
    "low": ("Value, low", "市场空间(低)"),
    "high": ("Value, high", "市场空间(高)"),
}
_YI = 1e8  # 亿


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line of the bill: a metric of a segment by year, in the unit in which people read it."""

    segment: Segment
    metric: str  #: a key of `METRICS`
    unit: str
    values: Mapping[int, float]

    def cells(self, years: Iterable[int]) -> list[str]:
        """Return the numbers of the years as text."""
        return [rounded(self.values.get(year)) for year in years]

    def yearly(self, first: int, last: int) -> float | str:
        """Return the mean growth of a year between two years, %; empty where there is none."""
        begin, end = self.values.get(first, 0.0), self.values.get(last, 0.0)
        if self.metric == "growth" or first >= last or begin <= 0 or end <= 0:
            return ""
        return float(100.0 * ((end / begin) ** (1.0 / (last - first)) - 1.0))


def lines(results: Results, chinese: bool = False) -> list[BillLine]:
    """Return the bill line by line, segments in the order of their table.

    Parameters
    ----------
    results : Results
        Its manifest lists the segments; those that the results do not hold are left out.
    chinese : bool
        Units of Chinese reports, 万只 and 亿元, with the exchange rate of the price table.
    """
    found: list[BillLine] = []
    for segment in results.manifest.get("segments", []):
        found += _of(results, segment, chinese)
    return found


def _of(results: Results, segment: Segment, chinese: bool) -> list[BillLine]:
    quantity = _series(results, segment.get("quantity", ""))
    value = _series(results, segment.get("value", ""))
    if not any(quantity.values()) and not any(value.values()):
        return []
    found: list[BillLine] = []
    counted = _quantity_unit(results, segment, quantity, chinese)
    if any(quantity.values()):
        found.append(_line(segment, "quantity", counted, quantity))
    if any(value.values()):
        money = _money(results, value, chinese)
        found.append(_line(segment, "value", money, value))
        ends = {end: _end(results, segment["value"], end) for end in ("low", "high")}
        found += [_line(segment, e, money, row) for e, row in ends.items() if any(row.values())]
    grown = value if any(value.values()) else quantity
    found.append(BillLine(segment, "growth", "%", growth(grown)))
    if any(quantity.values()) and any(value.values()):
        found.append(_price(results, segment, counted, quantity, value, chinese))
    return found


def _line(
    segment: Segment, metric: str, unit: tuple[float, str], series: Mapping[int, float]
) -> BillLine:
    """Return a line in display units."""
    factor, name = unit
    return BillLine(segment, metric, name, {y: v / factor for y, v in series.items()})


def _series(results: Results, name: str) -> dict[int, float]:
    """Return a variable by year, nothing where the results do not hold it."""
    try:
        return results.series(name) if name else {}
    except VariableError:
        parts = [results.series(n) for n in results.variables(f"{name}|*")]
        return {y: sum(p.get(y, 0.0) for p in parts) for y in results.years} if parts else {}


def _end(results: Results, name: str, end: str) -> dict[int, float]:
    """Return the low or high case of a value, its parts added up.

    The parts of one segment (speeds of optics) move with one and the same ratio or price list.
    """
    head, _, tail = name.partition("|")
    return _series(results, f"{head} {end}|{tail}")


def _quantity_unit(
    results: Results, segment: Segment, series: Mapping[int, float], chinese: bool
) -> tuple[float, str]:
    """Return factor and name of the unit of a quantity."""
    if chinese:
        return segment.get("factor_zh", 1.0), segment.get("unit_zh", "")
    if not segment.get("quantity"):
        return 1.0, ""
    return scaled(_unit(results, segment["quantity"]), max(series.values(), default=0.0))


def _unit(results: Results, name: str) -> str:
    """Return the unit of a variable, or of its parts where they do not add up."""
    try:
        return results.unit(name)
    except VariableError:
        return next((results.unit(n) for n in results.variables(f"{name}|*")), "")


def _money(results: Results, series: Mapping[int, float], chinese: bool) -> tuple[float, str]:
    """Return factor and name of the unit of a value."""
    if chinese:
        return _YI / results.manifest.get("cny_per_usd", 1.0), "亿元"
    return scaled("USD/year", max(series.values(), default=0.0))


def _price(
    results: Results,
    segment: Segment,
    counted: tuple[float, str],
    quantity: Mapping[int, float],
    value: Mapping[int, float],
    chinese: bool,
) -> BillLine:
    """Return value over demand: the price per piece, per GB or per W."""
    unit = _unit(results, segment["quantity"])
    per, name = {"B": (1e9, "GB"), "W": (1.0, "W"), "OP/s": (1e12, "TOPS")}.get(unit, (1.0, unit))
    rate = results.manifest.get("cny_per_usd", 1.0) if chinese else 1.0
    shown = name if name in ("GB", "W", "TOPS") else (counted[1][-1:] if chinese else name)
    return BillLine(
        segment,
        "price",
        f"元/{shown}" if chinese else f"$/{shown}",
        {y: value[y] * rate * per / quantity[y] for y in value if quantity.get(y)},
    )


def growth(series: Mapping[int, float]) -> dict[int, float]:
    """Return the growth on the year before, %, where there was something before."""
    return {
        year: 100.0 * (value / series[year - 1] - 1.0)
        for year, value in series.items()
        if series.get(year - 1, 0.0) > 0
    }


def cells(results: Results, chinese: bool = False) -> list[list[object]]:
    """Return the bill as a table of numbers with a heading, for a spreadsheet.

    Parameters
    ----------
    results : Results
    chinese : bool
        Headings in Chinese, with the English name beside.
    """
    years = results.years
    first, last = (reference_year(results), years[-1]) if years else (0, 0)
    heads = ["环节", "Segment", "产业链", "指标", "单位"] if chinese else [
        "segment", "chain", "inside", "metric", "unit"
    ]  # fmt: skip
    rows: list[list[object]] = [[*heads, *years, f"CAGR {first}-{last}, %"]]
    for line in lines(results, chinese):
        s, metric = line.segment, METRICS[line.metric][chinese]
        names = (
            [s["label_zh"], s["label"], CHAINS[s["chain"]][1], metric]
            if chinese
            else [s["label"], s["chain"], ";".join(s.get("inside", [])), metric.lower()]
        )
        values = (line.values.get(y, "") for y in years)
        rows.append([*names, line.unit, *values, line.yearly(first, last)])
    return rows


def text(results: Results, years: Sequence[int], chinese: bool = False) -> str:
    """Return demand, value and growth of every segment as plain text.

    Parameters
    ----------
    results : Results
    years : sequence of int
        The columns.
    chinese : bool
    """
    found, chain, segment = [["", *map(str, years)]], "", ""
    for line in lines(results, chinese):
        if line.metric not in ("quantity", "value", "growth"):
            continue
        s = line.segment
        if s["chain"] != chain:
            chain = s["chain"]
            found.append([CHAINS[chain][chinese], *("" for _ in years)])
        name = s["label_zh" if chinese else "label"] if s["key"] != segment else ""
        inside = "*" if s.get("inside") and line.metric == "value" else ""
        segment = s["key"]
        metric = METRICS[line.metric][chinese]
        label = f"  {name}: {metric}{inside}" if name else f"    {metric}{inside}"
        found.append([f"{label}, {line.unit}" if line.unit else label, *line.cells(years)])
    return aligned(found)


def check_rows(checks: Iterable[BillCheck]) -> list[list[str]]:
    """Return ours beside published markets as text, one line each.

    Parameters
    ----------
    checks : iterable of BillCheck
    """
    found = []
    for check in checks:
        actual, ours = check["actual"], check.get("ours")
        size, unit = scaled(check["unit"], actual)
        span = (
            f"{rounded(check['ours_low'] / size)}–{rounded(check['ours_high'] / size)}"
            if ours is not None and check["ours_low"] < check["ours_high"]
            else ""
        )
        found.append(
            [
                check["name"],
                str(check["year"]),
                unit,
                rounded(None if ours is None else ours / size),
                span,
                rounded(check["scenario"] / size),
                rounded(actual / size),
                rounded(None if ours is None else ours / actual),
                rounded(check["scenario"] / actual),
                check.get("source", ""),
            ]
        )
    return found


CHECK_HEADS = (
    "Market", "Year", "Unit", "Ours, accelerators as published", "Range of ours",
    "Ours, accelerators of the scenario", "Published", "Ours ÷ published",
    "Scenario ÷ published", "Source",
)  # fmt: skip
