"""Watts of one accelerator with its share of all around it, from what it does."""

from __future__ import annotations

from computesim.cells.measured import OTHER_TASK, Task
from computesim.fleet.power import Draw
from computesim.fleet.power import nameplate as plate_of
from computesim.fleet.year import IDLE, Year
from computesim.hardware.power import OVERHEADS, power_fit
from computesim.study.explain.inputs import ESTIMATE, figure
from computesim.study.explain.node import (
    Node,
    complement,
    computed,
    constant,
    product,
    quotient,
    total,
    weighted_mean,
)
from computesim.study.explain.parts import fleet, networks
from computesim.study.explain.parts.cells import use
from computesim.study.explain.parts.sites import pue
from computesim.study.explain.world import World, remembered

_CODE = "computesim/hardware/power.py"
NODE_DRAW = constant(
    "draw over nameplate of the rest of a node", OVERHEADS.node_draw, "1", "mlperf-power-v4.0",
    _CODE, "857 W per H100 all-in against 575 W of nameplate; 0.67-0.83 of a node elsewhere",
)  # fmt: skip
NODE_IDLE = constant(
    "share of that draw which does not follow the load", OVERHEADS.node_idle, "1", ESTIMATE, _CODE
)
STORAGE = constant(
    "storage and management over node watts", OVERHEADS.storage, "1", ESTIMATE, _CODE
)
ONE = constant("one", 1.0)


@remembered
def fit(world: World, index: int) -> dict[str, Node]:
    """Return the power coefficients of an accelerator's generation."""
    machine = world.road.accelerators[index]
    own = power_fit(machine)
    known = world.catalog.has("power", f"fit-{machine.generation}", "idle")
    name = f"fit-{machine.generation if known else 'general'}"
    return {
        field: constant(
            f"{label} of the power of {machine.name}", getattr(own, field), "1",
            world.catalog.figure("power", name, parameter).source, _CODE,
            world.catalog.figure("power", name, parameter).note,
        )
        for field, parameter, label in (
            ("idle", "idle", "idle share"), ("compute", "A", "compute share"),
            ("knee", "c0", "knee of the compute share"), ("bandwidth", "B", "bandwidth share"),
            ("cap", "cap", "cap"),
        )
    }  # fmt: skip


def _chip(world: World, t: int, index: int, task: Task | None) -> tuple[Node, Node]:
    """Return the mean watts of an accelerator at a task (None: idle), and its busy share."""
    own = fit(world, index)
    name = world.road.accelerators[index].name
    tdp = figure(world, "accelerators", name, "tdp", "W")
    spent = use(world, t, task, index) if task else None
    if spent is None or not spent.busy.value:
        watts = product(f"watts of an idle {name}", "W", tdp, own["idle"])
        return watts, constant("busy share", 0.0)
    busy = spent.busy
    compute, bandwidth = (
        computed(f"{what} use while busy", "1", "minimum", (quotient(f"{what} over busy", "1",
                 part, busy), ONE))
        for what, part in (("compute", spent.compute), ("bandwidth", spent.bandwidth))
    )  # fmt: skip
    full = computed("saturation of compute", "1", "saturation", (compute, own["knee"]))
    parts = (
        own["idle"],
        product("by compute", "1", own["compute"], full),
        product("by bandwidth", "1", own["bandwidth"], bandwidth),
    )
    running = computed("share of TDP while busy", "1", "minimum",
                       (total("idle, compute and bandwidth", "1", parts), own["cap"]))  # fmt: skip
    mean = weighted_mean("mean share of TDP", "1", ((running, busy), (own["idle"],
                         complement("idle share of the time", busy))))  # fmt: skip
    return product(f"mean watts of a {name}", "W", tdp, mean), busy


@remembered
def it_draw(world: World, t: int, index: int, task: Task | None) -> Node:
    """Return the mean IT watts of one accelerator at a task; None stands for idling."""
    machine = world.road.accelerators[index]
    chip, busy = _chip(world, t, index, task)
    follows = total("load of the node", "1", (NODE_IDLE, product("following", "1",
                    complement("share that follows", NODE_IDLE), busy)))  # fmt: skip
    overhead = figure(world, "accelerators", machine.name, "node_overhead", "W")
    rest = product("rest of the node", "W", overhead, NODE_DRAW, follows)
    node = total("accelerator and node", "W", (chip, rest))
    what = f"{task.workload}, {task.part}" if task else "idle"
    around = total("node and storage over node", "1", (ONE, STORAGE))
    return total(f"IT watts of one {machine.name}, {what}", "W", (
        product("with storage and management", "W", node, around),
        networks.watts(world, t, index)))  # fmt: skip


@remembered
def nameplate(world: World, t: int, index: int) -> Node:
    """Return the IT watts for which power has to be installed, per accelerator."""
    machine = world.road.accelerators[index]
    own = plate_of(machine, world.years[t].around.networks[index].watts)
    parts = [figure(world, "accelerators", machine.name, key, "W") for key in ("tdp",
             "node_overhead")]  # fmt: skip
    node = total("TDP and node", "W", parts)
    around = total("node and storage over node", "1", (ONE, STORAGE))
    return total(f"nameplate IT watts of one {machine.name}", "W", (
        product("with storage and management", "W", node, around),
        networks.watts(world, t, index)), own)  # fmt: skip


@remembered
def facility_draw(world: World, t: int, index: int, task: Task | None) -> Node:
    """Return the mean watts at the meter of one accelerator at a task."""
    name = world.road.accelerators[index].name
    parts = (it_draw(world, t, index, task), nameplate(world, t, index), *pue(world, t))
    return computed(f"watts at the meter of one {name}", "W", "facility power", parts)


@remembered
def _model_draws(world: World, t: int) -> dict[str, tuple[object, ...]]:
    """Return the draws of the model itself."""
    return {
        name: tuple(Draw(*pair) for pair in zip(watts.it, watts.facility, strict=True))
        for name, watts in world.years[t].draws.items()
    }


@remembered
def mean_draw(world: World, t: int, workload: str, index: int, facility: bool) -> Node:
    """Return the mean watts of the accelerators of a kind that work for a workload."""
    one = facility_draw if facility else it_draw
    if workload == IDLE:
        return one(world, t, index, None)
    year: Year = world.years[t]
    measured = [task for task in year.tasks if task != OTHER_TASK]
    own = [task for task in measured if task.workload == workload]
    pairs = _weighed(world, t, own, index, facility)
    if not pairs:  # other AI works as the rest of the fleet does
        pairs = _weighed(world, t, measured, index, facility)
    name = f"watts of one {world.road.accelerators[index].name}, {workload}"
    said = getattr(_model_draws(world, t)[workload][index], "facility" if facility else "it")
    if not pairs:
        every = [one(world, t, index, task) for task in measured]
        return computed(name, "W", "mean", every, said)
    return weighted_mean(name, "W", pairs, said)


def _weighed(
    world: World, t: int, tasks: list[Task], index: int, facility: bool
) -> list[tuple[Node, Node]]:
    """Return the draws at tasks, each with the accelerators of the kind that do it."""
    one = facility_draw if facility else it_draw
    return [
        (one(world, t, index, task), fleet.units(world, t, task, index))
        for task in tasks
        if fleet.units(world, t, task, index).value
    ]
