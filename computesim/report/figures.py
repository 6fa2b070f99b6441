"""The charts of one scenario: Results in, neutral charts out."""

from __future__ import annotations

from collections.abc import Callable

from computesim.report import bill_figures
from computesim.report.chart import Chart, Series
from computesim.report.costs import cost_of_tokens
from computesim.report.demand_figures import progress, serving_by_product
from computesim.report.lines import balance, comparison, goodput, ratios, tokens
from computesim.report.overlay_figures import overlay_figures
from computesim.report.sourcing import source_line
from computesim.report.stacks import (
    by_generation,
    colour,
    counted,
    parts_of,
    stack,
    tail,
)
from computesim.report.supply_figures import limits_used, supply_and_demand
from computesim.report.theme import PART_COLOURS
from computesim.results import Results
from computesim.results.variables import RL, WORKLOADS

Figure = Callable[[Results], Chart | None]


def compute_by_workload(results: Results) -> Chart | None:
    """Return required compute by workload, in H100-equivalents."""
    return stack(
        results,
        "H100-equivalents",
        "compute-by-workload",
        "Compute by workload",
        "How much compute does each kind of work need?",
        "Required compute",
        inputs=("products", "labs", "tiers"),
    )


def compute_shares(results: Results) -> Chart | None:
    """Return the share of each workload in required compute, in per cent."""
    group = "H100-equivalents"
    parts = parts_of(results, group, WORKLOADS)
    if not parts:
        return None
    total = results.series(group)
    layers = []
    for place, name in enumerate(parts):
        series = results.series(name)
        y = tuple(
            100 * series.get(year, 0.0) / total[year] if total.get(year) else None
            for year in results.years
        )
        layers.append(Series(tail(name), y, colour(tail(name), place)))
    return Chart(
        "compute-shares",
        "Where the compute goes",
        "Which share do RL post-training and chains of thought take?",
        "stacked-area",
        "Share of required compute, %",
        counted(group),
        source_line(results, ("products", "labs", "tiers")),
        tuple(results.years),
        series=tuple(layers),
        y_max=100.0,
    )


def required_by_workload(results: Results) -> Chart | None:
    """Return required accelerators by workload."""
    return stack(
        results,
        "Accelerators|Required",
        "accelerators-required",
        "Accelerators required",
        "How many packages does the work need, and how many are in service?",
        "Required",
        inputs=("products", "labs", "tiers", "reliability"),
        lines=(("Accelerators|Installed", "Installed at year end"),),
    )


def installed_by_generation(results: Results) -> Chart | None:
    """Return accelerators in service by generation."""
    return by_generation(
        results,
        "Accelerators|Installed",
        "accelerators-installed",
        "Accelerators in service",
        "Which generations make up the fleet?",
        "Installed at year end",
    )


def installed_compute(results: Results) -> Chart | None:
    """Return the compute in service by generation, in H100-equivalents."""
    return by_generation(
        results,
        "H100-equivalents by generation",
        "compute-by-generation",
        "Compute in service",
        "Which generations carry the compute?",
        "Installed at year end",
    )


def shipments(results: Results) -> Chart | None:
    """Return accelerators shipped in each year by generation."""
    return by_generation(
        results,
        "Accelerators|Shipped",
        "accelerators-shipped",
        "Accelerators shipped",
        "How many must be made each year?",
        "Shipped in the year",
    )


def power(results: Results) -> Chart | None:
    """Return mean facility power by workload, with provisioned power as a line."""
    return stack(
        results,
        "Power|Facility",
        "power",
        "Power of the data centres",
        "How many gigawatts run on average, and how many must be built?",
        "Facility power",
        inputs=("site", "traffic", "limits"),
        lines=(
            ("Power|Provisioned", "Provisioned (to be built)"),
            ("Power|Accelerator TDP", "TDP of the chips in service"),
        ),
    )


def energy(results: Results) -> Chart | None:
    """Return electricity by workload."""
    return stack(
        results,
        "Energy",
        "energy",
        "Electricity",
        "How much electricity does it take?",
        "Electricity",
        inputs=("site", "traffic"),
    )


def optics(results: Results) -> Chart | None:
    """Return transceivers bought by speed."""
    return stack(
        results,
        "Network shipped|Optics",
        "optics-shipped",
        "Optical transceivers bought",
        "How many modules of which speed does the scale-out network take?",
        "Bought in the year",
        tuple(PART_COLOURS),
        ("network",),
    )


def optics_installed(results: Results) -> Chart | None:
    """Return transceivers in service by speed."""
    return stack(
        results,
        "Network|Optics",
        "optics-installed",
        "Optical transceivers in service",
        "Which speeds carry the scale-out network?",
        "In service at year end",
        tuple(PART_COLOURS),
        ("network",),
    )


def switches(results: Results) -> Chart | None:
    """Return switches in service by tier."""
    return stack(
        results,
        "Network|Switches",
        "switches",
        "Scale-out switches in service",
        "How many switches tie the accelerators together?",
        "In service at year end",
        tuple(PART_COLOURS),
        ("network",),
    )


def flop_by_workload(results: Results) -> Chart | None:
    """Return model FLOP by workload."""
    return stack(
        results,
        "FLOP",
        "flop",
        "Model FLOP by workload",
        "How much arithmetic does each kind of work ask for?",
        "Work asked for",
        inputs=("products", "labs"),
    )


def rl_parts(results: Results) -> Chart | None:
    """Return the FLOP of RL post-training by part."""
    return stack(
        results,
        f"FLOP|{RL}",
        "rl-parts",
        "Inside RL post-training",
        "What does reinforcement learning spend its arithmetic on?",
        "Work asked for",
        ("Rollout", "Verification", "Log-probabilities", "Learner"),
        ("labs",),
    )


def capex(results: Results) -> Chart | None:
    """Return capital spending by part."""
    return stack(
        results,
        "Capex",
        "capex",
        "Capital spending",
        "What does it cost to build?",
        "Spending",
        ("Accelerators", "Servers", "Network", "Facility"),
        ("prices",),
    )


MONEY = "Money"  #: the heading that the table of costs stands under, too
BILL = "Bill"  #: the heading of the segments and of the markets that they are held against
OTHERS = "Others"  #: the heading that the table of others' projections stands under, too
CHECKS = "Checks"  #: the heading that the table of published figures stands under, too
#: Every chart of a report, under the headings of the report.
SECTIONS: tuple[tuple[str, tuple[Figure, ...]], ...] = (
    ("Compute", (compute_by_workload, compute_shares, ratios, required_by_workload, balance)),
    ("Supply", (supply_and_demand, limits_used)),
    ("Demand", (tokens, serving_by_product, flop_by_workload, rl_parts, goodput, progress)),
    ("Fleet", (installed_compute, installed_by_generation, shipments)),
    ("Power", (power, energy)),
    ("Network", (optics, optics_installed, switches)),
    (MONEY, (capex, cost_of_tokens)),
    (
        BILL,
        (
            bill_figures.value,
            bill_figures.inside,
            bill_figures.memory,
            bill_figures.wafers,
            bill_figures.devices,
        ),
    ),
    (OTHERS, overlay_figures()),
    (CHECKS, (comparison,)),
)


def sections(results: Results) -> list[tuple[str, list[Chart]]]:
    """Return every chart that these results can fill, under its heading.

    Parameters
    ----------
    results : Results
        Variables that are not there leave their chart out.

    Returns
    -------
    list of tuple of str and list of Chart
        Headings without charts are left out.
    """
    filled = [
        (heading, [chart for figure in figures if (chart := figure(results)) is not None])
        for heading, figures in SECTIONS
    ]
    return [(heading, charts) for heading, charts in filled if charts]


def charts(results: Results) -> list[Chart]:
    """Return every chart that these results can fill.

    Parameters
    ----------
    results : Results
        Variables that are not there leave their chart out.

    Returns
    -------
    list of Chart
        In the order of the report.
    """
    return [chart for _, filled in sections(results) for chart in filled]
