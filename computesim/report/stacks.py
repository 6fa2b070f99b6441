"""From a group of variables to the layers of a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from computesim.report.chart import Chart, Points, Series
from computesim.report.heading import Heading
from computesim.report.scales import accelerator_label, scaled
from computesim.report.theme import (
    CYCLE,
    INK,
    MUTED,
    PART_COLOURS,
    REMAINDER,
    WORKLOAD_COLOURS,
    accelerator_colour,
    generation,
)
from computesim.results import Results, family
from computesim.results.variables import WORKLOADS

MOST_LAYERS = 14  # a stack with more cannot be read
_LEAST_SHARE = 0.015  # of some year, to be named in a stack

Values = tuple[float | None, ...]
_FAMILY_ORDER = ("other", "huawei", "custom", "amd", "amazon", "google", "nvidia")


def tail(name: str) -> str:
    """Return the last part of a name."""
    return name.rsplit("|", 1)[-1]


def along(results: Results, series: Mapping[int, float], factor: float = 1.0) -> Values:
    """Return numbers by year along all years of the results, in display units."""
    return tuple(series[year] / factor if year in series else None for year in results.years)


def values(results: Results, name: str, factor: float = 1.0) -> Values:
    """Return a variable along the years of the results, in display units."""
    return along(results, results.series(name), factor)


def positive(results: Results, name: str, factor: float = 1.0) -> Values:
    """Return a variable along the years for a logarithmic axis, which has no place for zero."""
    return tuple(v or None for v in values(results, name, factor))


def parts_of(results: Results, group: str, order: Sequence[str] = ()) -> list[str]:
    """Return the parts of a group that are ever above zero, in the order of the charts."""
    parts = [
        name
        for name in results.children(group)
        if name in results and any(value > 0 for value in results.series(name).values())
    ]
    rank = {part: place for place, part in enumerate(order)}
    return sorted(parts, key=lambda name: rank.get(tail(name), len(rank)))


def peak(results: Results, names: Sequence[str]) -> float:
    """Return the highest number that a chart of these variables shows."""
    return max((v for name in names for v in results.series(name).values()), default=0.0)


def counted(group: str) -> str:
    """Return what the variables of a group count."""
    found = family(group)
    return found.counts if found else ""


def colour(part: str, place: int) -> str:
    """Return the fixed colour of a part, or the next of the cycle."""
    return WORKLOAD_COLOURS.get(part) or PART_COLOURS.get(part) or CYCLE[place % len(CYCLE)]


def actuals(results: Results, variable: str, factor: float) -> tuple[Points, ...]:
    """Return the published actuals of a variable."""
    rows = [a for a in results.manifest.get("anchors", []) if a.get("variable") == variable]
    if not rows:
        return ()
    y = tuple(a["actual"] / factor for a in rows)
    low = tuple(None if a.get("low") is None else (a["low"] or 0.0) / factor for a in rows)
    high = tuple(None if a.get("high") is None else (a["high"] or 0.0) / factor for a in rows)
    years = tuple(a["year"] for a in rows)
    return (Points("Published actual", years, y, low, high, INK),)


def spread(results: Results, group: str, factor: float) -> tuple[Points, ...]:
    """Return the mean total with p10 and p90 as whiskers, when there are several replications."""
    if len(results.replications) < 2:
        return ()
    mean = results.series(group)
    y = tuple(value / factor for value in mean.values())
    low, high = (tuple(v / factor for v in results.quantile(group, p).values()) for p in (0.1, 0.9))
    return (Points("Total, mean and p10–p90", tuple(mean), y, low, high, INK, observed=False),)


@dataclass(frozen=True)
class Stack(Heading):
    """The parts of a group of variables stacked by year, with other totals as lines."""

    group: str
    order: tuple[str, ...] = WORKLOADS  #: parts from below; others follow
    lines: tuple[tuple[str, str], ...] = ()  #: variable and label of each total beside

    def __call__(self, results: Results) -> Chart | None:
        """Return the chart, None where nothing of the group is above zero."""
        parts = parts_of(results, self.group, self.order)
        if not parts:
            return None
        beside = [(name, label) for name, label in self.lines if name in results]
        most = peak(results, [self.group, *(name for name, _ in beside)])
        factor, unit = scaled(results.unit(self.group), most)
        layers = [
            Series(tail(name), values(results, name, factor), colour(tail(name), place))
            for place, name in enumerate(parts)
        ]
        over = [
            Series(label, values(results, name, factor), shade, line=True, dash=True)
            for (name, label), shade in zip(beside, (INK, MUTED), strict=False)
        ]
        return _stacked(self, self.group, results, (factor, unit), [*layers, *over])


@dataclass(frozen=True)
class Generations(Heading):
    """A group of accelerators stacked by generation, the rare ones together."""

    group: str

    def __call__(self, results: Results) -> Chart | None:
        """Return the chart, None where nothing of the group is above zero."""
        parts = parts_of(results, self.group)
        if not parts:
            return None
        factor, unit = scaled(results.unit(self.group), peak(results, [self.group]))
        common = _common(results, self.group, parts)
        rare = [values(results, name, factor) for name in parts if name not in common]
        layers = [
            Series(accelerator_label(tail(name)), values(results, name, factor),
                   accelerator_colour(tail(name)))
            for name in common
        ]  # fmt: skip
        if rare:
            rest = tuple(sum(v or 0.0 for v in column) for column in zip(*rare, strict=True))
            layers.insert(0, Series(f"{len(rare)} others", rest, REMAINDER))
        return _stacked(self, self.group, results, (factor, unit), layers)


def _stacked(
    heading: Heading,
    group: str,
    results: Results,
    scale: tuple[float, str],
    series: Sequence[Series],
) -> Chart:
    """Return layers as columns, with the spread of the total and what was published."""
    points = (*spread(results, group, scale[0]), *actuals(results, group, scale[0]))
    return heading.chart(
        results, scale[1], series, counted(group), kind="stacked-column", points=points
    )


def _by_age(name: str) -> tuple[int, int]:
    """Return the place of an accelerator in a stack: by family, then by generation."""
    group, rank = generation(tail(name))
    return _FAMILY_ORDER.index(group), rank


def _common(results: Results, group: str, parts: Sequence[str]) -> list[str]:
    """Return the accelerators that a chart names: the largest, if they ever matter."""
    total = results.series(group)
    share = {
        name: max(v / total[year] for year, v in results.series(name).items() if total[year] > 0)
        for name in parts
    }
    largest = sorted(parts, key=lambda name: -share[name])[:MOST_LAYERS]
    return sorted((name for name in largest if share[name] >= _LEAST_SHARE), key=_by_age)
