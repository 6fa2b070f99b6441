"""FLOP of a year: requests times the FLOP of one, runs, RL steps, experiments."""

from __future__ import annotations

from collections.abc import Sequence

from computesim.cells.jobs import COT, EXPERIMENTS, PRETRAINING, RL
from computesim.study.explain.inputs import SECONDS_PER_YEAR, value, word
from computesim.study.explain.node import Node, product, total
from computesim.study.explain.parts import forward, gains, policies, rl, usage
from computesim.study.explain.parts.asked import (
    of_tier,
    pretraining_rate,
    requests,
    steps,
)
from computesim.study.explain.registry import explains
from computesim.study.explain.world import World, remembered


@explains("FLOP")
def flop(world: World, t: int, rest: tuple[str, ...]) -> Node:
    """Return the model FLOP of a workload, or of a part of it."""
    workload, part = rest[0], rest[-1]
    if workload == PRETRAINING:
        return _yearly([pretraining_rate(world, t, lab) for lab in world.scenario.labs])
    if workload == RL:
        return _yearly([_rl_rate(world, t, lab, part) for lab in world.scenario.labs])
    if workload == EXPERIMENTS:
        return _yearly([_experiments(world, t, lab) for lab in world.scenario.labs])
    return _yearly(
        [
            stream(world, t, tier, name, workload, part)
            for tier in world.scenario.tiers
            for name in of_tier(world, t, tier)
        ]
    )


def _yearly(rates: Sequence[Node]) -> Node:
    """Return rates as FLOP of a year."""
    rate = total("FLOP/s, mean of the year", "FLOP/s", rates, every=True)
    return product("FLOP of a year", "FLOP/year", rate, SECONDS_PER_YEAR)


@remembered
def stream(world: World, t: int, tier: str, name: str, workload: str, part: str) -> Node:
    """Return the FLOP/s of the requests of one product."""
    chosen = word(world, f"tiers.{tier}.model", t)

    prompt = usage.prompt(world, t, name)
    factors = [requests(world, t, name, workload), gains.left(world, t, gains.OF_INFERENCE)]
    if part == "Prefill":
        share = usage.cached_share(world, t, name)
        cached = product(f"cached prompt tokens of {name}", "token", prompt, share)
        factors.append(forward.prefill(world, chosen.text, prompt, cached))
    else:
        output = value(world, f"products.{name}.answer_tokens", t)
        if workload == COT:
            factors.append(policies.samples(world, t, name))
            output = total(f"tokens of a chain of {name}", "token",
                           (policies.reasoning_tokens(world, t, name), output))  # fmt: skip
        factors.append(forward.decode(world, chosen.text, prompt, output))
    label = f"{part} FLOP/s of {name} on {chosen.text}"
    found = product(label, "FLOP/s", *factors)
    return Node(label, found.value, "FLOP/s", "product", found.children,
                rests_on=lambda: (chosen,))  # fmt: skip


@remembered
def _rl_rate(world: World, t: int, lab: str, part: str) -> Node:
    """Return the FLOP/s of a part of the RL steps of a group of labs."""
    works = rl.works(world, t, lab)
    every = total(f"{part} FLOP of a step of {lab}", "FLOP", [works[n] for n in rl.PARTS[part]])
    own = next(d for d in world.years[t].demand.rl if d.lab == lab)
    rate = product(f"{part} FLOP/s of {lab}", "FLOP/s", every, steps(world, t, lab),
                   value=own.flop()[part])  # fmt: skip
    return Node(rate.name, rate.value, rate.unit, "product", rate.children,
                rests_on=lambda: (rl.policy(world, t, lab),))  # fmt: skip


@remembered
def _experiments(world: World, t: int, lab: str) -> Node:
    """Return the FLOP/s of the experiments beside the final runs of a group of labs."""
    final = total(
        f"final runs of {lab}, FLOP/s",
        "FLOP/s",
        [pretraining_rate(world, t, lab), *(_rl_rate(world, t, lab, part) for part in rl.PARTS)],
    )
    key = f"labs.{lab}.experiments"
    factors = [value(world, f"{key}.{name}", t) for name in ("multiple", "efficiency")]
    return product(f"experiments of {lab}, FLOP/s", "FLOP/s", *factors, final)
