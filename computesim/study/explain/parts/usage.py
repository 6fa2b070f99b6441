"""How a product is used: users, requests, prompts, and what a price does to them."""

from __future__ import annotations

from computesim.cells.jobs import COT
from computesim.demand.usage import MOST_OF_THE_CEILING
from computesim.scenario.diffusion import Diffusion, Observation
from computesim.study.explain.inputs import ESTIMATE, shipment, value, value_at
from computesim.study.explain.node import (
    Node,
    complement,
    computed,
    constant,
    difference,
    product,
    quotient,
    total,
)
from computesim.study.explain.parts import chips, gains
from computesim.study.explain.world import World, remembered

MOST = constant(
    "most of a ceiling that an observation may be", MOST_OF_THE_CEILING, "1", ESTIMATE,
    "computesim/demand/usage.py",
)  # fmt: skip


@remembered
def users(world: World, t: int, name: str) -> Node:
    """Return the users of a product, as given or by its law of diffusion."""
    law = world.scenario.products[name].diffusion
    if law is None:
        return value(world, f"products.{name}.users", t)
    ceiling = value(world, f"products.{name}.diffusion.ceiling", t)
    return product(f"users of {name}", "user", ceiling, _curve(world, t, name, law))


def _curve(world: World, t: int, name: str, law: Diffusion) -> Node:
    """Return the share of a ceiling that a law of diffusion gives."""
    key, label = f"products.{name}.diffusion", f"share of the ceiling of {name}"
    now = constant("end of the year", world.key(t), "AD")
    if law.law == "bass":
        p, q, launch = (
            value(world, f"{key}.{part}", t) for part in ("innovation", "imitation", "launch")
        )
        age = difference("years since launch", "year", now, launch)
        return computed(label, "1", "bass curve", (age, p, q))
    if law.first is None or law.second is None:
        told = [value(world, f"{key}.{part}", t) for part in ("midpoint", "rate")]
        return computed(label, "1", "logistic curve", (now, *told))
    points = [
        node
        for part, point in (("first", law.first), ("second", law.second))
        for node in _observed(world, t, f"{key}.{part}", point)
    ]
    return computed(label, "1", "logistic curve through two points", (now, *points))


def _observed(world: World, t: int, key: str, point: Observation) -> tuple[Node, Node]:
    """Return when a number of users was observed, and its share of the ceiling of that time."""
    when = value(world, f"{key}.year", t)
    seen = value_at(world, f"{key}.users", when.number())
    ceiling = value_at(world, f"{key.rsplit('.', 1)[0]}.ceiling", when.number())
    share = quotient("observed over the ceiling", "1", seen, ceiling)
    return when, computed("share that was observed", "1", "minimum", (share, MOST))


@remembered
def requests_per_user(world: World, t: int, name: str) -> Node:
    """Return the requests of a user on a day, the response to the price included."""
    key, told = f"products.{name}", world.scenario.products[name]
    if told.requests_per_user_per_day is not None:
        asked = value(world, f"{key}.requests_per_user_per_day", t)
    else:
        parts = ("sessions_per_user_per_day", "turns_per_session")
        asked = product(f"requests of a user of {name} on a day", "1",
                        *(value(world, f"{key}.{part}", t) for part in parts))  # fmt: skip
    if told.price is None:
        return asked
    return product(f"requests of a user of {name} at the price", "1", asked,
                   response(world, t, name))  # fmt: skip


def _session(world: World, t: int, name: str) -> tuple[Node, ...]:
    """Return the operands of the prompts of a session that grow from turn to turn."""
    growth = ("turns_variation", "hits", "shared_prefix")
    keys = ["prompt_tokens", "context_growth.tokens_per_turn", "turns_per_session"]
    keys += [f"context_growth.{key}" for key in growth]
    return tuple(value(world, f"products.{name}.{key}", t) for key in keys)


@remembered
def prompt(world: World, t: int, name: str) -> Node:
    """Return the tokens of the mean prompt of a product."""
    if world.scenario.products[name].context_growth is None:
        return value(world, f"products.{name}.prompt_tokens", t)
    label = f"mean prompt of {name}"
    return computed(label, "token", "prompt of a session", _session(world, t, name))


@remembered
def cached_share(world: World, t: int, name: str) -> Node:
    """Return the share of the prompts of a product that is found in a cache."""
    told = world.scenario.products[name]
    if told.context_growth is not None:
        label = f"cached share of {name}"
        return computed(label, "1", "cached share of a session", _session(world, t, name))
    if told.cached_share is None:
        return constant(f"cached share of {name}", 0.0, note="nothing is said to be cached")
    return value(world, f"products.{name}.cached_share", t)


@remembered
def reasoning(world: World, t: int, name: str, workload: str) -> Node:
    """Return the share of the requests of a product that belong to a workload."""
    share = value(world, f"products.{name}.reasoning_share", t)
    return share if workload == COT else complement("share without reasoning", share)


@remembered
def requests_per_day(world: World, t: int, name: str, workload: str) -> Node:
    """Return the requests of a product on a day, devices included."""
    factors = (
        users(world, t, name),
        requests_per_user(world, t, name),
        reasoning(world, t, name, workload),
    )
    return product(f"requests of {name}, {workload}", "request/day", *factors)


@remembered
def where(world: World, t: int, name: str, device: bool) -> Node:
    """Return the share of the requests of a product on devices, or in data centres."""
    share = value(world, f"products.{name}.on_device_share", t)
    return share if device else complement("share in data centres", share)


@remembered
def response(world: World, t: int, name: str) -> Node:
    """Return use over that at the price of the reference year, of a product with a price."""
    elasticity = value(world, f"products.{name}.price.elasticity", t)
    fallen = computed(f"what the price takes off the use of {name}", "1", "power",
                      (price(world, t, name), elasticity))  # fmt: skip
    return quotient(f"response of {name} to its price", "1", gains.ONE, fallen)


@remembered
def price(world: World, t: int, name: str) -> Node:
    """Return the price of a year over that of the reference year, of a product with a price."""
    key, now = f"products.{name}.price", world.key(t)
    reference = value(world, f"{key}.reference_year", t)
    told = world.scenario.products[name].price
    label, then = f"price of {name} over that of its reference year", reference.number()
    follows = told is not None and told.level is None
    over, under = (
        (_cheaper(world, name, then), _cheaper(world, name, now))
        if follows
        else (value_at(world, f"{key}.level", now), value_at(world, f"{key}.level", then))
    )
    return computed(label, "1", "quotient", (over, under), given=(reference,))


def _cheaper(world: World, name: str, year: float) -> Node:
    """Return what a price that follows progress falls by."""
    factors = [gains.gain(world, key, year) for key in (gains.SERVING, gains.OF_INFERENCE)]
    told = world.scenario.products[name].price
    if told is not None and told.follows == "progress":
        factors.append(_hardware_per_usd(world, year))
    return product(f"progress that the price of {name} follows, {year:g}", "1", *factors)


@remembered
def _hardware_per_usd(world: World, year: float) -> Node:
    """Return the H100-equivalents per USD of what is shipped at a time."""
    peaks, prices = [], []
    for alias, number in world.scenario.fleet.shipments.at(year).items():
        if number > 0:
            name = world.catalog.resolve("accelerators", alias)
            share = shipment(world, name, number)
            own = chips.weight(world, name), chips.price(world, name, year)
            peaks.append(product(f"H100-equivalents of {name} in the mix", "H100e", share, own[0]))
            prices.append(product(f"price of {name} in the mix", "USD", share, own[1]))
    label = f"the mix of {year:g}"
    return quotient(
        f"hardware per USD of {label}", "H100e/USD",
        total(f"H100-equivalents of {label}", "H100e", peaks),
        total(f"price of {label}", "USD", prices),
    )  # fmt: skip
