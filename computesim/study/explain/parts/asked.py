"""What is asked: requests of products, runs of labs, and what arrives at delivery."""

from __future__ import annotations

from computesim.cells.jobs import COT, EXPERIMENTS, OTHER_AI, PRETRAINING, RL
from computesim.cells.measured import Task
from computesim.fleet.goodput import asked
from computesim.study.explain.inputs import (
    SECONDS_PER_DAY,
    SECONDS_PER_YEAR,
    value,
    word,
)
from computesim.study.explain.node import (
    Node,
    computed,
    constant,
    difference,
    product,
    quotient,
    total,
)
from computesim.study.explain.parts import gains, policies, rl, usage
from computesim.study.explain.parts.usage import requests_per_day, where
from computesim.study.explain.world import World, remembered


def of_tier(world: World, t: int, tier: str) -> list[str]:
    """Return the products that a tier serves in a year."""
    products = world.scenario.products
    return [name for name in products if products[name].tier.at(world.key(t)) == tier]


@remembered
def requests(world: World, t: int, name: str, workload: str) -> Node:
    """Return the requests per second of a product in data centres, mean of the day."""
    there = product(f"requests of {name} in data centres, {workload}", "request/day",
                    requests_per_day(world, t, name, workload),
                    where(world, t, name, device=False))  # fmt: skip
    return quotient(f"requests/s of {name}, {workload}", "request/s", there, SECONDS_PER_DAY)


def per_year(world: World, t: int, lab: str, stage: str) -> Node:
    """Return the runs of a group of labs in a year."""
    count, runs = f"labs.{lab}.count", f"labs.{lab}.{stage}.runs_per_year"
    return product(f"runs of {lab} in a year, {stage}", "run/year", value(world, count, t),
                   value(world, runs, t))  # fmt: skip


@remembered
def steps(world: World, t: int, lab: str) -> Node:
    """Return the RL steps per second of a group of labs."""
    whole = product(f"RL steps of {lab}", "step/year", per_year(world, t, lab, "post_training"),
                    *_steps_of_run(world, t, lab))  # fmt: skip
    return quotient(f"RL steps/s of {lab}", "step/s", whole, SECONDS_PER_YEAR)


def _steps_of_run(world: World, t: int, lab: str) -> tuple[Node, ...]:
    """Return the factors that give the steps of one run: planned, or of a balanced compute."""
    if lab not in world.years[t].demand.policies:
        plan = value(world, f"labs.{lab}.post_training.steps", t)
        return plan, gains.left(world, t, gains.OF_TRAINING)
    each = total(f"FLOP of a step of {lab}", "FLOP", list(rl.works(world, t, lab).values()))
    run = policies.rl_flop(world, t, lab)
    return (quotient(f"steps of a run of {lab}", "step/run", run, each),)


@remembered
def pretraining_rate(world: World, t: int, lab: str) -> Node:
    """Return the FLOP/s of the final pretraining runs of a group of labs."""
    plan = value(world, f"labs.{lab}.pretraining.flop", t)
    whole = product(f"pretraining FLOP of {lab}", "FLOP/year",
                    per_year(world, t, lab, "pretraining"), plan,
                    gains.left(world, t, gains.OF_TRAINING))  # fmt: skip
    return quotient(f"pretraining FLOP/s of {lab}", "FLOP/s", whole, SECONDS_PER_YEAR)


UNITS = {PRETRAINING: "FLOP/s", RL: "step/s", EXPERIMENTS: "1", OTHER_AI: "H100e"}


def unit_of(task: Task) -> str:
    """Return the unit in which a task asks."""
    return UNITS.get(task.workload, "request/s")


@remembered
def asked_now(world: World, t: int, task: Task) -> Node:
    """Return what a task asks at the end of a year."""
    own = asked(world.years[t].demand).get(task, 0.0)
    if not own:
        return constant(f"{task.workload} of {task.part} in {world.key(t)}", 0.0, unit_of(task))
    if task.workload == OTHER_AI:
        return value(world, "other_ai.h100_equivalents", t)
    if task.workload == EXPERIMENTS:
        note = "measured in the final runs that they accompany"
        return constant(f"experiments of {task.part}", 1.0, note=note)
    name = f"{task.workload} of {task.part} for the measured software, end of {world.key(t)}"
    if task.workload in (PRETRAINING, RL):
        planned = pretraining_rate if task.workload == PRETRAINING else steps
        saved = [gains.left(world, t, gains.TRAINING)]
        return product(name, unit_of(task), planned(world, t, task.part), *saved, value=own)
    parts = [requests(world, t, n, task.workload) for n in of_tier(world, t, task.part)]
    every = total(f"requests/s on tier {task.part}, {task.workload}", "request/s", parts,
                  every=True)  # fmt: skip
    saved = [gains.left(world, t, key) for key in (gains.SERVING, gains.OF_INFERENCE)]
    return product(name, "request/s", every, *saved, value=own)


@remembered
def lag(world: World) -> Node:
    """Return the time from sale to service in years."""
    seconds = value(world, "fleet.deployment_lag", 0)
    return quotient("years from sale to service", "year", seconds, SECONDS_PER_YEAR, world.road.lag)


@remembered
def wanted(world: World, t: int, task: Task) -> Node:
    """Return what a task asks when what is sold by the end of the year is in service."""
    own = float(world.years[t].wanted[world.column(t, task)])
    name = f"{task.workload} of {task.part}, asked at delivery of {world.key(t)}"
    now = asked_now(world, t, task)
    last = len(world.years) - 1
    if not own:
        return constant(name, 0.0, unit_of(task), note="nothing is asked yet")
    if not last or task.workload == EXPERIMENTS:
        return now
    before, after = (t - 1, t) if t == last else (t, t + 1)
    low, high = (asked_now(world, i, task) for i in (before, after))
    if low.value and high.value:
        growth = quotient("growth in a year", "1", high, low)
        grown = computed("growth until delivery", "1", "power", (growth, lag(world)))
        return product(name, unit_of(task), now, grown, value=own)
    if t == last:
        return now
    rise = product("rise until delivery", unit_of(task), lag(world),
                   difference("rise in a year", unit_of(task), high, low))  # fmt: skip
    return total(name, unit_of(task), (now, rise), own)


@remembered
def stream_inputs(world: World, t: int, task: Task) -> tuple[Node, ...]:
    """Return what a serving cell depends on beside its accelerator: tier, mix and traffic."""
    tier = f"tiers.{task.part}"
    found = [word(world, f"{tier}.{key}", t) for key in ("model", "dtype", "kv_dtype")]
    found += [value(world, f"{tier}.{key}", t) for key in ("ttft", "tpot")]
    for name in of_tier(world, t, task.part):
        found += [requests(world, t, name, task.workload), usage.prompt(world, t, name)]
        found += [usage.cached_share(world, t, name), _read(world, t, name, "answer_tokens")]
        if task.workload == COT:
            found += [policies.reasoning_tokens(world, t, name), policies.samples(world, t, name)]
            found.append(_read(world, t, name, "reasoning_spread"))
    found += [value(world, f"traffic.{key}", t) for key in ("burstiness", "peak_to_mean")]
    found.append(word(world, "simulation.engine", t))
    return (*found, *(value(world, f"simulation.{key}", t) for key in ("seed", "requests")))


def _read(world: World, t: int, name: str, key: str) -> Node:
    """Return a number of a product."""
    return value(world, f"products.{name}.{key}", t)
