"""Labs that follow the least cost: RL steps and chains of thought come out instead of going in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from computesim.calendar import YEAR
from computesim.cells.jobs import RLDemand
from computesim.demand.demand import Followed
from computesim.errors import (
    CapacityError,
    CatalogError,
    Fault,
    ScenarioError,
    UnreachableError,
    near_miss,
)
from computesim.traced import number, opaque
from computesim.workload.adoption import Usage

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.demand.spending import Outlay
    from computesim.scenario import Moment, Scenario
    from computesim.scenario.labs import Lab
    from computesim.scenario.policy import Policy
    from computesim.workload.room import Room
    from computesim.workload.skill import Skill

LEAST_COST = "least_cost"


def followed(
    moment: Moment,
    usages: Mapping[str, Usage],
    rl: Sequence[RLDemand],
) -> tuple[dict[str, Usage], tuple[RLDemand, ...], dict[str, Followed]]:
    """Return usage and RL of a year in which some labs follow the least cost.

    Parameters
    ----------
    moment : Moment
    usages : mapping of str to Usage
        Of each product, as given.
    rl : sequence of RLDemand
        Of each group of labs, as given.

    Returns
    -------
    tuple of dict of str to Usage, tuple of RLDemand, and dict of str to Followed
        Reasoning tokens and samples of the products that follow, RL steps of their labs, and what
        was solved by lab. All as given where no lab follows, or nothing reasons yet.

    Raises
    ------
    ScenarioError
        With all faults of the policies, or a target that is out of reach.
    """
    scenario = moment.scenario
    labs = {n: lab for n, lab in scenario.labs.items() if lab.policy.kind == LEAST_COST}
    if not labs:
        return dict(usages), tuple(rl), {}
    faults = [*_faults(scenario, moment.catalog, labs)]
    if faults:
        raise ScenarioError(faults, scenario.name)
    found: dict[str, Followed] = {}
    own, steps = dict(usages), {step.lab: step for step in rl}
    for name in labs:
        solved = _solved(moment, name, usages, steps[name])
        if solved is None:
            continue
        found[name] = solved
        steps[name] = _trained(labs[name], moment.year, steps[name], solved)
        for product, ratio in labs[name].policy.products.items():
            chains = ratio.at(moment.year) * solved.balance.tokens
            samples = number(solved.balance.samples)
            request = replace(own[product].request, reasoning_tokens=chains, samples=samples)
            own[product] = replace(own[product], request=request)
    return own, tuple(steps[step.lab] for step in rl), found


def _trained(lab: Lab, year: float, step: RLDemand, solved: Followed) -> RLDemand:
    """Return the RL of a group whose runs have the solved compute."""
    per_step = sum(work.flop for work in step.works.values())
    runs = lab.count.at(year) * lab.post_training.runs_per_year.at(year) / YEAR
    return replace(step, steps=runs * solved.rl_flop / per_step)


@opaque("least cost", lambda moment, name, *_: f"least cost of {name}")
def _solved(
    moment: Moment, name: str, usages: Mapping[str, Usage], step: RLDemand
) -> Followed | None:
    """Return the least cost of one lab's model; None where there is nothing to balance."""
    from computesim.workload.balance import least
    from computesim.workload.room import Quality
    from computesim.workload.skill import skill_named

    scenario, year = moment.scenario, moment.year
    lab, policy = scenario.labs[name], scenario.labs[name].policy
    models = lab.count.at(year) * lab.post_training.runs_per_year.at(year)
    share = 1.0 if policy.market_share is None else policy.market_share.at(year)
    reasoning = {p: _reasoning(usages[p]) * share * 365.25 for p in policy.products}
    if models <= 0 or sum(reasoning.values()) <= 0:
        return None
    requests = sum(reasoning.values()) / models
    skill = skill_named(policy.skill, moment.catalog)
    if policy.follow_pretraining:
        skill = skill.pretrained(lab.pretraining.flop.at(year))
    skill = skill.stale(float(step.recipe.schedule.max_staleness))
    quality = Quality(skill, policy.method, _room(moment, policy, usages, skill))
    weights = {p: n / sum(reasoning.values()) for p, n in reasoning.items() if n > 0}
    try:
        outlay = _outlay(moment, lab, usages, weights, step, requests, quality.room.tokens)
        balance = least(quality, outlay.spending(policy.objective), _target(policy, year))
    except UnreachableError as error:
        raise _error(scenario, name, "target", f"{error} (in {year:g})") from error
    except CapacityError as error:
        key = "serving_accelerator" if policy.serving_accelerator else "kind"
        raise _error(scenario, name, key, f"{error} (in {year:g})") from error
    return Followed(
        balance,
        outlay.run_flop * balance.rl_flop,
        requests,
        outlay.rl_on.accelerator.name,
        outlay.served_on.accelerator.name,
    )


def _reasoning(usage: Usage) -> float:
    """Return the reasoning requests of a day that data centres answer."""
    asked = usage.users * usage.requests_per_user * usage.reasoning_share
    return asked * (1.0 - usage.on_device_share)


def _target(policy: Policy, year: float) -> float:
    """Return the accuracy that is wanted."""
    return 0.0 if policy.target is None else policy.target.at(year)


def _room(moment: Moment, policy: Policy, usages: Mapping[str, Usage], skill: Skill) -> Room:
    """Return where the balance is looked for: all chains that every product's model can write."""
    from computesim.workload.room import room_of

    scenario, year = moment.scenario, moment.year
    longest = []
    for product, ratio in policy.products.items():
        tier = scenario.tiers[scenario.products[product].tier.at(year)]
        request = usages[product].request
        taken = request.prompt_tokens + request.answer_tokens
        room = moment.catalog.model(tier.model.at(year)).context_length - taken
        longest.append(max(room, 1.0) / ratio.at(year))
    most = 1 if policy.samples is None else round(policy.samples.at(year))
    return room_of(skill, min(longest), 1 if policy.method == "single" else most)


def _outlay(
    moment: Moment,
    lab: Lab,
    usages: Mapping[str, Usage],
    weights: Mapping[str, float],
    step: RLDemand,
    requests: float,
    tokens: tuple[float, float],
) -> Outlay:
    """Return what the life of one model takes."""
    from computesim.cells.rates import Served
    from computesim.demand.hiring import rl_hired, serving_hired
    from computesim.demand.progress import progress_at
    from computesim.demand.served import options_at, prefix_cache_at
    from computesim.demand.spending import Outlay

    scenario, year, policy = moment.scenario, moment.year, lab.policy
    streams = []
    for product, weight in weights.items():
        tier = scenario.tiers[scenario.products[product].tier.at(year)]
        served = Served(
            moment.catalog.model(tier.model.at(year)),
            tier.dtype.at(year),
            tier.kv_dtype.at(year),
            tier.tpot.at(year),
            replace(usages[product].request, rate=weight),
            policy.products[product].at(year),
            policy.method == "best_of",
            options_at(moment, product),
            prefix_cache_at(moment, product),
        )
        streams.append(served)
    return Outlay(
        step.job,
        rl_hired(moment, policy, step),
        tuple(streams),
        serving_hired(moment, policy, tuple(streams), tokens),
        requests,
        tokens,
        scale=1.0 if policy.rl_scale is None else policy.rl_scale.at(year),
        research=lab.experiments.multiple.at(year),
        research_efficiency=lab.experiments.efficiency.at(year),
        progress=progress_at(moment),
    )


def _faults(scenario: Scenario, catalog: Catalog, labs: Mapping[str, Lab]) -> Iterator[Fault]:
    """Yield what is wrong with the policies of all labs."""
    from computesim.workload.skill import skill_named

    taken: dict[str, str] = {}
    for name, lab in labs.items():
        policy = lab.policy
        try:
            skill_named(policy.skill, catalog)
        except CatalogError as error:
            fault = error.faults[0]
            yield _fault(scenario, name, "skill", fault.found, fault.accepted, fault.hint)
        if policy.target is None:
            yield _fault(scenario, name, "target", "is missing", "an accuracy between 0 and 1")
        if not policy.products:
            accepted = "products and their chain lengths, such as `{chat: 0.13}`"
            yield _fault(scenario, name, "products", "is missing", accepted)
        for product in policy.products:
            key = f"products.{product}"
            if product not in scenario.products:
                accepted = "a product of this scenario"
                hint = near_miss(product, scenario.products)
                yield _fault(scenario, name, key, f"unknown product '{product}'", accepted, hint)
            elif product in taken:
                told = f"follows the labs '{taken[product]}' already"
                yield _fault(scenario, name, key, told, "one group of labs for a product")
            taken.setdefault(product, name)


def _fault(
    scenario: Scenario, lab: str, key: str, found: str, accepted: str, hint: str = ""
) -> Fault:
    """Return a fault of a policy with the place where it stands, or that of its kind."""
    from computesim.scenario.scenario import DEFAULT

    whole = f"labs.{lab}.policy.{key}"
    origin = scenario.origin(f"labs.{lab}.policy.kind")
    with suppress(KeyError):
        own = scenario.origin(whole)
        origin = origin if own.file == DEFAULT else own
    return Fault(whole, found, accepted, origin.file, origin.line, hint)


def _error(scenario: Scenario, lab: str, key: str, told: str) -> ScenarioError:
    """Return the error of a policy that cannot be followed."""
    accepted = {
        "target": "a target that more RL, longer chains or more samples reach",
    }.get(key, "an accelerator that serves these products; see `serving_accelerator`")
    return ScenarioError([_fault(scenario, lab, key, told, accepted)], scenario.name)
