"""The charts that hold several scenarios beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from computesim.report.chart import Chart, Series
from computesim.report.scales import scaled
from computesim.report.sourcing import run_name
from computesim.report.stacks import colour, counted, parts_of, tail
from computesim.report.theme import CYCLE
from computesim.results import Results
from computesim.results.variables import RL, WORKLOADS

# key, title, question, variable, quantity
_LINES = (
    ("compute", "Compute required", "How much compute does each scenario need?",
     "H100-equivalents", "Required compute"),
    ("rl-compute", "Compute of RL post-training", "How much of it is reinforcement learning?",
     f"H100-equivalents|{RL}", "Required compute"),
    ("accelerators", "Accelerators required", "How many packages is that?",
     "Accelerators|Required", "Required"),
    ("power", "Power to be built", "How many gigawatts must be provisioned?",
     "Power|Provisioned", "Facility power"),
    ("energy", "Electricity", "How much electricity does it take?", "Energy", "Electricity"),
    ("optics", "Optical transceivers bought", "How many modules does the network take?",
     "Network shipped|Optics", "Bought in the year"),
    ("capex", "Capital spending", "What does it cost to build?", "Capex", "Spending"),
    ("tokens", "Tokens per day", "How many tokens are processed?", "Tokens", "Tokens"),
)  # fmt: skip
_LOGARITHMIC = ("tokens",)


def labels(runs: Sequence[Results]) -> list[str]:
    """Return a name for each run: the scenario, with its hash where two share the name."""
    names = [run.scenario for run in runs]
    return [
        name if names.count(name) == 1 else f"{name} ({run.manifest.get('hash', str(n))[:8]})"
        for n, (name, run) in enumerate(zip(names, runs, strict=True))
    ]


def _years(runs: Sequence[Results]) -> list[int]:
    return sorted({year for run in runs for year in run.years})


def _source(runs: Sequence[Results]) -> str:
    return "Source: " + "; ".join(run_name(run) for run in runs) + "."


def _line(
    run: Results, name: str, label: str, shade: str, years: list[int], factor: float
) -> Series:
    """Return one scenario as a line, with the band of its replications."""

    def of_years(series: dict[int, float]) -> tuple[float | None, ...]:
        return tuple(series[year] / factor if year in series else None for year in years)

    mean = of_years(run.series(name))
    if len(run.replications) < 2:
        return Series(label, mean, shade, line=True)
    low, high = (of_years(run.quantile(name, p)) for p in (0.1, 0.9))
    return Series(label, mean, shade, line=True, low=low, high=high)


def _lines(
    runs: Sequence[Results], key: str, title: str, question: str, name: str, quantity: str
) -> Chart | None:
    """Return one variable with a line per scenario."""
    named = zip(runs, labels(runs), CYCLE * len(runs), strict=False)
    having = [(run, label, shade) for run, label, shade in named if name in run]
    if not having:
        return None
    peak = max(value for run, _, _ in having for value in run.series(name).values())
    factor, unit = scaled(having[0][0].unit(name), peak)
    years = _years(runs)
    return Chart(
        f"compare-{key}",
        title,
        question,
        "lines",
        f"{quantity}, {unit}",
        counted(name),
        _source(runs),
        tuple(years),
        log_y=key in _LOGARITHMIC,
        series=tuple(_line(run, name, label, shade, years, factor) for run, label, shade in having),
    )


def _split(runs: Sequence[Results]) -> Chart | None:
    """Return the shares of the workloads in the last year that all scenarios have, side by side."""
    group = "H100-equivalents"
    having = [(run, label) for run, label in zip(runs, labels(runs), strict=True) if group in run]
    common = set.intersection(*(set(run.years) for run, _ in having)) if having else set()
    if not common:
        return None
    year = max(common)
    parts = {tail(name) for run, _ in having for name in parts_of(run, group)}
    order = [name for name in WORKLOADS if name in parts] + sorted(parts - set(WORKLOADS))
    layers = []
    for place, part in enumerate(order):
        name = f"{group}|{part}"
        y = tuple(
            100 * run.series(name).get(year, 0.0) / run.series(group)[year] if name in run else 0.0
            for run, _ in having
        )
        layers.append(Series(part, y, colour(part, place)))
    return Chart(
        "compare-split", f"Where the compute goes in {year}",
        "Which share does each kind of work take in each scenario?", "stacked-column",
        "Share of required compute, %", counted(group), _source([run for run, _ in having]),
        tuple(label for _, label in having), series=tuple(layers), y_max=100.0,
    )  # fmt: skip


def comparison_charts(runs: Sequence[Results]) -> list[Chart]:
    """Return the charts that hold several scenarios beside each other.

    Parameters
    ----------
    runs : sequence of Results
        One or more scenarios; a variable that none has leaves its chart out.

    Returns
    -------
    list of Chart
        A line per scenario, and the split of compute as columns.
    """
    found = [_split(runs), *(_lines(runs, *line) for line in _LINES)]
    return [chart for chart in found if chart is not None]
