"""Progress: software and algorithms as the scenario says, hardware out of what is shipped."""

from __future__ import annotations

from computesim.cells.jobs import OTHER_AI
from computesim.cells.measured import Task
from computesim.study.explain.inputs import shipment_share
from computesim.study.explain.node import Node, constant, product, quotient, total
from computesim.study.explain.parts import gains
from computesim.study.explain.parts.asked import unit_of, wanted
from computesim.study.explain.parts.cells import able, rate
from computesim.study.explain.parts.prices import price_of
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World, remembered

_KEYS = {
    ("Serving software",): gains.SERVING,
    ("Training software",): gains.TRAINING,
    ("Algorithms", "Training"): gains.OF_TRAINING,
    ("Algorithms", "Inference"): gains.OF_INFERENCE,
}
_FIRST = constant("the first year", 1.0, note="by definition")


@explains("Progress")
def progress(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the progress of a kind over the first year, or over the calibrated engines."""
    if rest in _KEYS:
        return gains.gain(world, _KEYS[rest], world.key(t))
    return _hardware(world, t, per_usd=rest[-1] == "Per USD")


@remembered
def _hardware(world: World, t: int, per_usd: bool) -> Node:
    """Return the progress of hardware: a chained index from the first year."""
    if not t:
        return _FIRST
    links = [_link(world, t)]
    after = _price(world, t)
    if per_usd and after.number() > 0:
        before = _price(world, t - 1)
        links.append(quotient("price of the mix before over that now", "1", before, after))
    what = "per USD" if per_usd else "per accelerator"
    return product(f"work {what}, {world.key(t)} over {world.key(0)}", "1",
                   _hardware(world, t - 1, per_usd), *links)  # fmt: skip


@remembered
def _link(world: World, t: int) -> Node:
    """Return how many accelerators of last year's mix do the work of one of this year's."""
    tasks = [
        task
        for task in world.years[t].tasks
        if task.workload != OTHER_AI
        and wanted(world, t, task).value
        and all(_mixed(world, t, task, mix).value for mix in (t - 1, t))
    ]
    needs = [
        total(
            f"accelerators of the mix of {world.key(mix)} for the work", "accelerator",
            [
                quotient(f"for {task.workload}, {task.part}", "accelerator",
                         wanted(world, t, task), _mixed(world, t, task, mix))
                for task in tasks
            ],
        )
        for mix in (t - 1, t)
    ]  # fmt: skip
    return quotient(f"work of {world.key(t)} over the mix before", "1", needs[0], needs[1])


@remembered
def _mixed(world: World, t: int, task: Task, mix: int) -> Node:
    """Return what the mean accelerator of the mix of a year does of a task of year `t`."""
    parts = [
        product(f"by {machine.name}", unit_of(task), shipment_share(world, mix, index),
                rate(world, t, task, index))
        for index, machine in enumerate(world.road.accelerators)
        if world.road.mixes[mix, index] > 0 and able(world, t, task, index)
    ]  # fmt: skip
    label = f"{task.workload} of {task.part} by the mean of the mix of {world.key(mix)}"
    return total(label, unit_of(task), parts)


def _price(world: World, t: int) -> Node:
    """Return the mean price of an accelerator of the mix of a year."""
    parts = [
        product(f"price of {machine.name}", "USD", shipment_share(world, t, index),
                price_of(world, t, index))
        for index, machine in enumerate(world.road.accelerators)
        if world.road.mixes[t, index] > 0
    ]  # fmt: skip
    return total(f"mean price of the mix of {world.key(t)}", "USD", parts)
