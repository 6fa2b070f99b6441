"""The charts of one scenario, in the order of the report: most of them are rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from computesim.report.chart import Chart, Series
from computesim.report.heading import Heading
from computesim.report.lines import (
    Lines,
    bill_content,
    bill_noted,
    comparison,
    cost_of_tokens,
    goodput,
    limits_used,
    progress,
    ratios,
    tokens,
)
from computesim.report.overlay_figures import overlay_figures
from computesim.report.stacks import Generations, Stack, colour, counted, parts_of, tail
from computesim.report.supply import DEMAND, SUPPLY, balance_rows
from computesim.report.theme import BAD, GOOD, PART_COLOURS
from computesim.results import Results
from computesim.results.variables import RL, WORKLOADS

Figure = Callable[[Results], Chart | None]
PARTS = tuple(PART_COLOURS)
GPU_ASIC = ("GPU", "ASIC")
#: segments of `Bill value` from below, families of the four parts of capital spending together
ORDER = (
    *GPU_ASIC, "Hosts and integration", "Scale-up fabric", "Liquid cooling", "Power supplies",
    "Switches", "Optics", "NICs", "Copper cables", "Site power", "Site cooling", "Buildings",
)  # fmt: skip


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
    heading = Heading(
        "compute-shares", "Where the compute goes",
        "Which share do RL post-training and chains of thought take?",
        "Share of required compute", ("products", "labs", "tiers"),
    )  # fmt: skip
    chart = heading.chart(results, "%", layers, counted(group), kind="stacked-area")
    return replace(chart, y_max=100.0)


def serving_by_product(results: Results) -> Chart | None:
    """Return the compute of serving by product, by label where labels tell them apart."""
    scenario = results.manifest.get("scenario") or {}
    labels = {name: p.get("label") or name for name, p in scenario.get("products", {}).items()}
    if len(set(labels.values())) < len(labels):
        labels = {name: name for name in labels}
    chart = Stack(
        "serving-by-product", "Serving by product",
        "Which products take the compute of inference?", "Required for serving",
        ("products", "tiers", "progress"), "H100-equivalents by product", tuple(labels),
    )(results)  # fmt: skip
    if chart is None:
        return None
    series = tuple(replace(s, name=labels.get(s.name, s.name)) for s in chart.series)
    return replace(chart, series=series)


def bill_value(results: Results) -> Chart | None:
    """Return capital spending by segment."""
    stack = Stack(
        "bill-value", "Capital spending by segment",
        "Which segments of the supply chain does the money reach first?", "Spending",
        ("prices", "network", "fleet"), "Bill value", ORDER,
    )  # fmt: skip
    return bill_noted(stack(results), results)


def _devices_needed(results: Results) -> bool:
    """Tell whether anything has to be done on devices."""
    name = "Devices|Needed"
    return name in results and any(results.series(name).values())


MONEY = "Money"  #: the heading that the table of costs stands under, too
BILL = "Bill"  #: the heading of the segments and of the markets that they are held against
OTHERS = "Others"  #: the heading that the table of others' projections stands under, too
CHECKS = "Checks"  #: the heading that the table of published figures stands under, too
#: Every chart of a report, under the headings of the report.
#: A row: key, title, question, quantity, inputs that it rests on, variables.
SECTIONS: tuple[tuple[str, tuple[Figure, ...]], ...] = (
    ("Compute", (
        Stack("compute-by-workload", "Compute by workload",
              "How much compute does each kind of work need?",
              "Required compute", ("products", "labs", "tiers"), "H100-equivalents"),
        compute_shares,
        ratios,
        Stack("accelerators-required", "Accelerators required",
              "How many packages does the work need, and how many are in service?",
              "Required", ("products", "labs", "tiers", "reliability"), "Accelerators|Required",
              lines=(("Accelerators|Installed", "Installed at year end"),)),
        Lines("balance", "Compute required and in service",
              "Does the fleet keep up with the work?",
              "Compute", ("products", "labs", "fleet"),
              (("H100-equivalents", "Required", BAD), (SUPPLY, "In service", GOOD)), SUPPLY),
    )),
    ("Supply", (
        Lines("supply-and-demand", "Supply and demand",
              "How much more would be in service if nothing limited the supply?",
              "Compute at year end", ("supply", "limits", "fleet"),
              ((DEMAND, "Without limits", BAD), (SUPPLY, "With limits, in service", GOOD)),
              SUPPLY, balance_rows),
        limits_used,
    )),
    ("Demand", (
        tokens,
        serving_by_product,
        Stack("flop", "Model FLOP by workload",
              "How much arithmetic does each kind of work ask for?",
              "Work asked for", ("products", "labs"), "FLOP"),
        Stack("rl-parts", "Inside RL post-training",
              "What does reinforcement learning spend its arithmetic on?",
              "Work asked for", ("labs",), f"FLOP|{RL}",
              ("Rollout", "Verification", "Log-probabilities", "Learner")),
        goodput,
        progress,
    )),
    ("Fleet", (
        Generations("compute-by-generation", "Compute in service",
                    "Which generations carry the compute?",
                    "Installed at year end", ("fleet",), SUPPLY),
        Generations("accelerators-installed", "Accelerators in service",
                    "Which generations make up the fleet?",
                    "Installed at year end", ("fleet",), "Accelerators|Installed"),
        Generations("accelerators-shipped", "Accelerators shipped",
                    "How many must be made each year?",
                    "Shipped in the year", ("fleet",), "Accelerators|Shipped"),
    )),
    ("Power", (
        Stack("power", "Power of the data centres",
              "How many gigawatts run on average, and how many must be built?",
              "Facility power", ("site", "traffic", "limits"), "Power|Facility",
              lines=(("Power|Provisioned", "Provisioned (to be built)"),
                     ("Power|Accelerator TDP", "TDP of the chips in service"))),
        Stack("energy", "Electricity", "How much electricity does it take?",
              "Electricity", ("site", "traffic"), "Energy"),
    )),
    ("Network", (
        Stack("optics-shipped", "Optical transceivers bought",
              "How many modules of which speed does the scale-out network take?",
              "Bought in the year", ("network",), "Network shipped|Optics", PARTS),
        Stack("optics-installed", "Optical transceivers in service",
              "Which speeds carry the scale-out network?",
              "In service at year end", ("network",), "Network|Optics", PARTS),
        Stack("switches", "Scale-out switches in service",
              "How many switches tie the accelerators together?",
              "In service at year end", ("network",), "Network|Switches", PARTS),
    )),
    (MONEY, (
        Stack("capex", "Capital spending", "What does it cost to build?",
              "Spending", ("prices",), "Capex",
              ("Accelerators", "Servers", "Network", "Facility")),
        cost_of_tokens,
    )),
    (BILL, (
        bill_value,
        bill_content,
        Stack("hbm", "High-bandwidth memory", "How much memory is on what ships?",
              "HBM", ("fleet",), "Bill|HBM", GPU_ASIC),
        Stack("packaging-wafers", "Advanced packaging", "How many wafers does packaging take?",
              "Wafers", ("fleet",), "Bill|Packaging wafers", GPU_ASIC),
        Lines("devices", "Phones and PCs that think",
              "Are there enough devices for the tokens that leave data centres?",
              "Devices", ("devices", "products"),
              (("Devices|In use", "In use", "#a3acb8"),
               ("Devices|Used", "Owner uses the model", "#0072b2"),
               ("Devices|Shipped", "Shipped in the year", "#009e73"),
               ("Devices|Needed", "Needed for tokens on devices", "#d55e00")),
              when=_devices_needed, most=1e6,  # the axis has many decades
              more=" Needed: seconds of work a day over the time a user lets it work."),
    )),
    (OTHERS, overlay_figures()),
    (CHECKS, (comparison,)),
)  # fmt: skip


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
    """Return every chart that these results can fill, in the order of the report.

    Parameters
    ----------
    results : Results
        Variables that are not there leave their chart out.
    """
    return [chart for _, filled in sections(results) for chart in filled]
