"""The world as rows of the results table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from computesim.accounts.capex import spending as capex
from computesim.calendar import YEAR
from computesim.cells.jobs import COT, EXPERIMENTS, OTHER, OTHER_AI, PRETRAINING, RL
from computesim.cells.measured import OTHER_TASK, Task, use
from computesim.demand.demand import Demand
from computesim.fleet.power import nameplate
from computesim.fleet.roadmap import Roadmap
from computesim.fleet.world import IDLE, Year, draws, energies
from computesim.hardware.power import carbon_grams, electricity_cost
from computesim.results import Row, rows_of
from computesim.traced import dot, minimum, number, plain, summed
from computesim.workload.adoption import TokenFlow

Pairs = Iterator[tuple[str, float]]


def rows(road: Roadmap, years: Sequence[Year], replication: int) -> list[Row]:
    """Return every variable of every year.

    Parameters
    ----------
    road : Roadmap
    years : sequence of Year
    replication : int

    Returns
    -------
    list of Row
    """
    watts = [_power(road, year) for year in years]
    facility = [
        {name.split("|")[2]: w for name, w in year.items() if name.startswith("Power|Facility|")}
        for year in watts
    ]
    energy = energies(facility, road.lag)
    spending = capex(road, years)
    found = []
    for t, year in enumerate(years):
        pairs = [
            *_asked(year.demand),
            *_machines(road, year),
            *watts[t].items(),
            *((f"Energy|{name}", value) for name, value in energy[t].items()),
            *_bills(year, energy[t]),
            *_network(years, t),
            *((f"Capex|{part}", value) for part, value in spending[t].items()),
            *_quality(road, year),
        ]
        found += rows_of(pairs, year.year, replication)
    return found


def remarks(years: Sequence[Year]) -> list[str]:
    """Return what a reader of the results must know: work that nothing on sale could do."""
    found = []
    for year in years:
        if any(standing.binding for standing in year.fleet.standings):
            continue
        for task, left, asked in zip(
            year.tasks, year.fleet.allocation.unmet, year.wanted, strict=True
        ):
            if left > 0:
                found.append(
                    f"{year.year}: {left / asked:.0%} of {task.workload} ({task.part}) stays "
                    "undone: nothing in the fleet does it at its service level"
                )
    return found


def flop(demand: Demand) -> dict[str, float]:
    """Return the model FLOP of a year by workload and part, FLOP/year."""
    found = {f"{w}|{part}": 0.0 for w in (COT, OTHER) for part in ("Prefill", "Decode")}

    def add(name: str, rate: float) -> None:
        found[name] = found.get(name, 0.0) + rate * YEAR

    final: dict[str, float] = {}
    for run in demand.pretraining:
        add(PRETRAINING, run.flop)
        final[run.lab] = final.get(run.lab, 0.0) + run.flop
    for step in demand.rl:
        for part, rate in step.flop().items():
            add(f"{RL}|{part}", rate)
            final[step.lab] = final.get(step.lab, 0.0) + rate
    for stream in demand.serving:
        for part, rate in stream.flop().items():
            add(f"{stream.workload}|{part}", rate)
    for lab, (multiple, efficiency) in demand.experiments.items():
        add(EXPERIMENTS, multiple * efficiency * final.get(lab, 0.0))
    return found


def _asked(demand: Demand) -> Pairs:
    """Yield tokens and FLOP."""
    for where, flows in (("Tokens", demand.cloud), ("Device tokens", demand.device)):
        for workload, flow in flows.items():
            for kind, tokens in token_kinds(flow).items():
                if tokens or kind != "Reasoning" or workload == COT:
                    yield f"{where}|{workload}|{kind}", tokens
    for name, value in flop(demand).items():
        yield f"FLOP|{name}", value


def token_kinds(flow: TokenFlow) -> dict[str, float]:
    """Return the tokens of a day by kind."""
    return {
        "Prompt": flow.fresh_prompt,
        "Cached prompt": flow.cached_prompt,
        "Reasoning": flow.reasoning,
        "Answer": flow.answer,
    }


def _machines(road: Roadmap, year: Year) -> Pairs:
    """Yield accelerators by workload and by kind."""
    weight = np.array([a.h100_equivalents for a in road.accelerators])
    unmet = _unmet(year)
    for workload, units in year.units().items():
        at_work = summed(units)
        if workload != IDLE:  # what a limit leaves undone is required as well, of the same kinds
            more = 1.0 + unmet.get(workload, 0.0) / at_work if at_work > 0 else 1.0
            yield f"Accelerators|Required|{workload}", at_work * more
            yield f"H100-equivalents|{workload}", dot(units, weight) * more
    for index, machine in enumerate(road.accelerators):
        installed = number(year.fleet.installed[index])
        yield f"Accelerators|Installed|{machine.name}", installed
        yield f"Accelerators|Shipped|{machine.name}", number(year.fleet.shipped[index])
        yield f"Accelerators|Retired|{machine.name}", number(year.fleet.retired[index])
        yield f"H100-equivalents by generation|{machine.name}", installed * weight[index]
        yield f"Power|Accelerator TDP|{machine.name}", installed * machine.tdp
    yield from ((f"Unmet|{name}", count) for name, count in unmet.items())


def _unmet(year: Year) -> dict[str, float]:
    """Return the accelerators that would have been bought but for a limit, by workload."""
    left = year.fleet.allocation.unmet
    found: dict[str, float] = {}
    for column, task in enumerate(year.tasks):
        if not year.fleet.standings and not left[column]:
            continue
        units = summed(year.fleet.allocation.units[:, column])
        met = number(year.wanted[column]) - number(left[column])
        missing = units * number(left[column]) / met if met > 0 else 0.0
        found[task.workload] = found.get(task.workload, 0.0) + missing
    if found and OTHER_AI not in found:  # it is cut like the work of labs and products
        share = year.around.other_ai
        found[OTHER_AI] = share / (1.0 - share) * sum(found.values())
    return found


def _power(road: Roadmap, year: Year) -> dict[str, float]:
    """Return watts by workload: mean IT, mean facility, provisioned facility."""
    plate = np.array(
        [nameplate(a, n.watts) for a, n in zip(road.accelerators, year.networks, strict=True)]
    )
    found: dict[str, float] = {}
    drawn = draws(road, year)
    for workload, units in year.units().items():
        found[f"Power|IT|{workload}"] = dot(units, [d.it for d in drawn[workload]])
        found[f"Power|Facility|{workload}"] = dot(units, [d.facility for d in drawn[workload]])
        found[f"Power|Provisioned|{workload}"] = dot(units, plate) * year.around.site.pue
    return found


def _bills(year: Year, energy: dict[str, float]) -> Pairs:
    """Yield price and emissions of the electricity of a year, given in Wh."""
    site = year.around.site
    for name, watt_hours in energy.items():
        yield f"Electricity cost|{name}", electricity_cost(site, watt_hours * 3600.0)
        yield f"Emissions|{name}", carbon_grams(site, watt_hours * 3600.0)


def _network(years: Sequence[Year], t: int) -> Pairs:
    """Yield the network that was bought in year `t`, and the one in service.

    A cohort keeps the network that it was built with; it leaves with its accelerators. The
    oldest accelerators of a kind leave first.
    """
    bought = _parts(years[t], years[t].fleet.shipped)
    yield from ((f"Network shipped|{name}", value) for name, value in bought.items())
    left = years[t].fleet.installed.copy()
    in_service: dict[str, float] = {}
    for year in reversed(years[: t + 1]):
        kept = minimum(year.fleet.shipped, left)
        left = left - kept
        for name, value in _parts(year, kept).items():
            in_service[name] = in_service.get(name, 0.0) + value
    yield from ((f"Network|{name}", value) for name, value in in_service.items())


def _parts(year: Year, units: np.ndarray) -> dict[str, float]:
    """Return the network of so many accelerators with the fabric of a year."""
    found: dict[str, float] = {}

    def add(name: str, value: float) -> None:
        found[name] = found.get(name, 0.0) + value

    for count, share in zip(units, year.networks, strict=True):
        for tier, switches in share.switches.items():
            add(f"Switches|{tier}", count * switches)
        for speed, optics in share.optics.items():
            add(f"Optics|{speed}", count * optics)
        add("NICs", count * share.nics)
        add("Copper cables", count * share.copper_cables)
    return found


def _quality(road: Roadmap, year: Year) -> Pairs:
    """Yield goodput, MFU, utilisation and latencies: what the simulation measured."""
    sums: dict[str, tuple[float, float]] = {}

    def add(name: str, value: float, units: float) -> None:
        total, weight = sums.get(name, (0.0, 0.0))
        sums[name] = total + value * units, weight + units

    for column, task in enumerate(year.tasks):
        for index in range(len(road.accelerators)):
            units = number(year.fleet.allocation.units[index, column])
            if units > 0:
                if task == OTHER_TASK:  # it works as hard as the others: nothing is measured
                    continue
                busy = use(year.cells, task, index, year.operation).busy
                add(f"Utilisation|{task.workload}", busy, units)
                if task.workload == COT and task in year.cells.serving:
                    cell = year.cells.serving[task][index]
                    add(f"Service|{task.part}|TTFT p90", cell.ttft, units)
                    add(f"Service|{task.part}|TPOT p90", cell.tpot, units)
    for name, (total, weight) in sums.items():
        yield name, total / weight
    for index, machine in enumerate(road.accelerators):
        for name, value in _measured(year, index).items():
            yield f"{name}|{machine.name}", value


def _measured(year: Year, index: int) -> dict[str, float]:
    """Return what accelerator `index` would do of each workload if it did all of it alone.

    A workload of which it cannot do a part (a tier, a group of labs) is left out. Work over the
    accelerators that it takes: shares of a whole are averaged over the time spent on them.
    """
    work: dict[str, float] = {}
    taken: dict[str, float] = {}
    for task, wanted in zip(year.tasks, year.wanted, strict=True):
        if wanted <= 0:
            continue
        for name, rate, value in _rates(year, task, index):
            need = wanted / rate if rate > 0 else math.inf
            work[name] = work.get(name, 0.0) + (need * value if rate > 0 else 0.0)
            taken[name] = taken.get(name, 0.0) + need
    return {name: work[name] / taken[name] for name in work if math.isfinite(plain(taken[name]))}


def _rates(year: Year, task: Task, index: int) -> Iterator[tuple[str, float, float]]:
    """Yield name, rate in the unit of the task, and the value that is reported at that rate."""
    cells, progress = year.cells, year.demand.progress
    if task in cells.serving:
        cell = cells.serving[task][index]
        yield f"Goodput|{task.workload}", cell.requests, cell.output_tokens * progress.serving
    elif task in cells.pretraining:
        job = cells.pretraining[task][index]
        yield f"MFU|{task.workload}", job.flop, job.mfu * progress.training_software
    elif task in cells.rl:
        run = cells.rl[task][index]
        yield (
            f"MFU|{task.workload}",
            run.steps,
            run.utilisation * progress.training_software,
        )
