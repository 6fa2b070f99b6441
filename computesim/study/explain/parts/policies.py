"""What labs decide that follow the least cost: RL compute, chains and samples of their products."""

from __future__ import annotations

from functools import cache

from computesim.cells.jobs import COT
from computesim.demand.demand import Followed
from computesim.study.explain.inputs import branch, figure, shipment_share, value, word
from computesim.study.explain.node import BALANCED, Node, constant, product, quotient, total
from computesim.study.explain.parts import chips, gains
from computesim.study.explain.parts.usage import (
    cached_share,
    prompt,
    requests_per_day,
    where,
)
from computesim.study.explain.world import World, remembered
from computesim.workload.skill import TABLE

DAYS = constant("days in a year", 365.25, "day/year")
_PROGRAM = "computesim/demand/policy.py"
_OPERATION = (
    "traffic.peak_to_mean",
    "traffic.serving_share",
    "reliability.failures_per_node_day",
    "reliability.repair",
    "reliability.spare_share",
    "reliability.operational_share",
    "fleet.lifetime",
)
_FIGURES = {"rl_midpoint": "FLOP", "token_midpoint": "token", "pretraining_flop": "FLOP"}


def solved(world: World, t: int, lab: str) -> Followed:
    """Return what a lab that follows the least cost does in a year."""
    return world.years[t].demand.policies[lab]


@remembered
def balanced(world: World, t: int, lab: str, field: str, unit: str) -> Node:
    """Return a number of the balance that a lab solved.

    Parameters
    ----------
    world : World
    t : int
    lab : str
    field : str
        Of the balance: `rl_flop`, `tokens`, `samples`.
    unit : str
    """
    number = float(getattr(solved(world, t, lab).balance, field))
    name = f"{field.replace('_', ' ')} of {lab} at the least cost"
    note = "least spending over the life of a model that reaches the target"
    return Node(name, number, unit, BALANCED, origin=_PROGRAM, note=note,
                rests_on=cache(lambda: _grounds(world, t, lab)))  # fmt: skip


def _grounds(world: World, t: int, lab: str) -> tuple[Node, ...]:
    """Return what a balance depends on: target and skill, requests, what both sides cost."""
    told = world.scenario.labs[lab]
    found = [*branch(world, t, f"labs.{lab}.policy."), requests(world, t, lab)]
    skill = told.policy.skill
    found += [
        figure(world, TABLE, skill, parameter, _FIGURES.get(parameter, "1"))
        for parameter in world.catalog.parameters(TABLE, skill)
    ]
    if told.policy.follow_pretraining:
        found.append(value(world, f"labs.{lab}.pretraining.flop", t))
    found += branch(world, t, f"labs.{lab}.post_training.")
    found += branch(world, t, f"labs.{lab}.experiments.")
    for name in told.policy.products:
        found += _served(world, t, name)
    found += [value(world, key, t) for key in _OPERATION]
    found += [*branch(world, t, "prices."), *branch(world, t, "site.")]
    kinds = range(len(world.road.accelerators))
    found += [shipment_share(world, t, i) for i in kinds if world.road.mixes[t, i] > 0]
    machines = (solved(world, t, lab).rl_accelerator, solved(world, t, lab).serving_accelerator)
    for machine in dict.fromkeys(machines):
        found += [*chips.figures(world, machine), chips.price(world, machine, world.key(t))]
    return tuple(found)


def _served(world: World, t: int, name: str) -> tuple[Node, ...]:
    """Return how a product that follows is served."""
    tier = f"tiers.{world.scenario.products[name].tier.at(world.key(t))}"
    own = [value(world, f"products.{name}.{k}", t) for k in ("answer_tokens", "reasoning_spread")]
    return (
        prompt(world, t, name),
        cached_share(world, t, name),
        *own,
        *(word(world, f"{tier}.{key}", t) for key in ("model", "dtype", "kv_dtype")),
        value(world, f"{tier}.tpot", t),
    )


@remembered
def requests(world: World, t: int, lab: str) -> Node:
    """Return the reasoning requests to a model of a group of labs over its life."""
    policy = world.scenario.labs[lab].policy
    own = policy.market_share is not None
    share = [value(world, f"labs.{lab}.policy.market_share", t)] if own else []
    asked = [
        product(f"reasoning requests of {name} in a year", "request/year",
                requests_per_day(world, t, name, COT), where(world, t, name, device=False),
                *share, DAYS)
        for name in policy.products
    ]  # fmt: skip
    keys = ("count", "post_training.runs_per_year")
    models = product(f"models of {lab} in a year", "1/year",
                     *(value(world, f"labs.{lab}.{key}", t) for key in keys))  # fmt: skip
    every = total("reasoning requests in a year", "request/year", asked, every=True)
    return quotient(f"requests to a model of {lab}", "request", every, models,
                    solved(world, t, lab).requests)  # fmt: skip


@remembered
def rl_flop(world: World, t: int, lab: str) -> Node:
    """Return the RL compute of one run of a lab that follows the least cost."""
    parts = [balanced(world, t, lab, "rl_flop", "FLOP"), gains.left(world, t, gains.OF_TRAINING)]
    if world.scenario.labs[lab].policy.rl_scale is not None:
        parts.append(value(world, f"labs.{lab}.policy.rl_scale", t))
    return product(f"RL compute of a run of {lab}", "FLOP", *parts,
                   value=solved(world, t, lab).rl_flop)  # fmt: skip


def _followed(world: World, t: int, name: str) -> str | None:
    """Return the labs that a product follows in a year, None where its lengths are given."""
    labs = world.years[t].demand.policies
    return next((lab for lab in labs if name in world.scenario.labs[lab].policy.products), None)


@remembered
def reasoning_tokens(world: World, t: int, name: str) -> Node:
    """Return the reasoning tokens of a chain of a product."""
    lab = _followed(world, t, name)
    if lab is None:
        return value(world, f"products.{name}.reasoning_tokens", t)
    ratio = value(world, f"labs.{lab}.policy.products.{name}", t)
    chain = balanced(world, t, lab, "tokens", "token")
    return product(f"reasoning tokens of {name}", "token", ratio, chain)


@remembered
def samples(world: World, t: int, name: str) -> Node:
    """Return the samples of a reasoning request of a product."""
    lab = _followed(world, t, name)
    if lab is None:
        return value(world, f"products.{name}.samples", t)
    return balanced(world, t, lab, "samples", "1")
