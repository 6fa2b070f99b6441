"""A scenario in one year as plain demand: the one place of this room that reads users and labs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from computesim.calendar import DAY, YEAR
from computesim.cells.jobs import COT, OTHER, PretrainingDemand, RLDemand, ServingDemand
from computesim.cells.serving_options import ServingOptions
from computesim.demand.demand import Demand, ProductDemand, Progress
from computesim.demand.policy import followed
from computesim.demand.progress import progress_at
from computesim.demand.served import options_at, prefix_cache_at
from computesim.demand.usage import relative_price, response, usage_at
from computesim.errors import Fault, ScenarioError
from computesim.lengths import lognormal_length, representative_lengths
from computesim.quantities import Work, serving_engine
from computesim.traced import least, opaque
from computesim.workload.adoption import TokenFlow, Usage, daily_tokens
from computesim.workload.post_training import rl_step
from computesim.workload.requests import RequestStream
from computesim.workload.rl_recipe import RLRecipe, Schedule, Verifier
from computesim.workload.search import SearchPlan

if TYPE_CHECKING:
    from computesim.scenario import Moment
    from computesim.scenario.labs import PostTraining
    from computesim.workload.architecture import Architecture


def demand_at(moment: Moment) -> Demand:
    """Return what a scenario asks at a time.

    Parameters
    ----------
    moment : Moment
    """
    scenario, year = moment.scenario, moment.year
    progress = progress_at(moment)
    usages = {name: usage_at(moment, name) for name in scenario.products}
    planned = [_rl(moment, name, progress) for name in scenario.labs]
    usages, rl, policies = followed(moment, usages, planned)
    products = {name: _product(moment, name, usage) for name, usage in usages.items()}
    cloud = {COT: TokenFlow(), OTHER: TokenFlow()}
    device = {COT: TokenFlow(), OTHER: TokenFlow()}
    for product in products.values():
        for workload, tokens in product.tokens.items():
            cloud[workload] += tokens.cloud
            device[workload] += tokens.device
    other = scenario.other_ai.h100_equivalents
    return Demand(
        serving=tuple(_serving(moment, usages, progress)),
        pretraining=tuple(_pretraining(moment, name, progress) for name in scenario.labs),
        rl=rl,
        experiments={
            name: (lab.experiments.multiple.at(year), lab.experiments.efficiency.at(year))
            for name, lab in scenario.labs.items()
        },
        cloud=cloud,
        device=device,
        policies=policies,
        products=products,
        progress=progress,
        other_ai=0.0 if other is None else other.at(year),
    )


def _product(moment: Moment, name: str, usage: Usage) -> ProductDemand:
    """Return what one product asks, and at what price."""
    tokens = {workload: daily_tokens(part) for workload, part in _split(usage).items()}
    price = moment.scenario.products[name].price
    if price is None:
        return ProductDemand(tokens)
    return ProductDemand(tokens, relative_price(moment, price), response(moment, name))


def _split(usage: Usage) -> dict[str, Usage]:
    """Return the requests with and those without reasoning as two usages."""
    thinking = usage.requests_per_user * usage.reasoning_share
    return {
        COT: replace(usage, requests_per_user=thinking, reasoning_share=1.0),
        OTHER: replace(
            usage,
            requests_per_user=usage.requests_per_user - thinking,
            request=replace(usage.request, reasoning_tokens=0.0, samples=1.0),
            reasoning_share=0.0,
        ),
    }


def _serving(
    moment: Moment, usages: dict[str, Usage], progress: Progress
) -> Iterator[ServingDemand]:
    """Yield the demand on every pool of every tier, with and without reasoning."""
    scenario, year = moment.scenario, moment.year
    for name, tier in scenario.tiers.items():
        for pool, options, members in _pools(moment, name):
            caches = {key: prefix_cache_at(moment, key) for key in members}
            for workload in (COT, OTHER):
                streams = (_stream(_split(usages[key])[workload]) for key in members)
                busy = tuple(stream for stream in streams if stream.rate > 0)
                if busy:
                    yield ServingDemand(
                        workload,
                        pool,
                        moment.catalog.model(tier.model.at(year)),
                        tier.dtype.at(year),
                        tier.kv_dtype.at(year),
                        tier.ttft.at(year),
                        tier.tpot.at(year),
                        busy,
                        progress.inference,
                        serving_engine(tier.serving.engine.at(year)),
                        options,
                        tuple(caches[stream.name] for stream in busy),
                    )


def _pools(moment: Moment, tier: str) -> list[tuple[str, ServingOptions, list[str]]]:
    """Return the pools of a tier: name, how they serve, and whose requests.

    Products that are served otherwise than all products have a pool of their own.
    """
    pools = [(tier, options_at(moment), list[str]())]
    for key, product in moment.scenario.products.items():
        if product.tier.at(moment.year) != tier:
            continue
        options = options_at(moment, key)
        together = next((members for _, own, members in pools if own == options), None)
        if together is None:
            pools.append((f"{tier} of {key}", options, [key]))
        else:
            together.append(key)
    return pools


def _stream(usage: Usage) -> RequestStream:
    """Return a usage as requests per second in data centres."""
    rate = usage.users * usage.requests_per_user * (1.0 - usage.on_device_share) / DAY
    return replace(usage.request, rate=rate)


def _pretraining(moment: Moment, name: str, progress: Progress) -> PretrainingDemand:
    """Return the final pretraining runs of a group of labs."""
    lab, year = moment.scenario.labs[name], moment.year
    plan = lab.pretraining
    model = moment.catalog.model(plan.model.at(year))
    return PretrainingDemand(
        lab=name,
        model=model,
        runs=lab.count.at(year) * plan.runs_per_year.at(year) / YEAR,
        run_flop=plan.flop.at(year) / progress.training,
        dtype=plan.dtype.at(year),
        seq_len=least(round(plan.seq_len.at(year)), model.context_length),
        batch_tokens=plan.batch_tokens.at(year),
        accelerators=plan.accelerators.at(year),
        duration=plan.duration.at(year),
    )


def _rl(moment: Moment, name: str, progress: Progress) -> RLDemand:
    """Return the RL runs of a group of labs."""
    lab, year = moment.scenario.labs[name], moment.year
    plan = lab.post_training
    model = moment.catalog.model((plan.model or lab.pretraining.model).at(year))
    steps = plan.steps.at(year) / progress.training
    recipe, works = _step(moment, name, model)
    return RLDemand(
        lab=name,
        model=model,
        steps=lab.count.at(year) * plan.runs_per_year.at(year) * steps / YEAR,
        recipe=recipe,
        response_tokens=plan.response_tokens.at(year),
        response_spread=plan.response_spread.at(year),
        max_response_tokens=_longest(plan, model, year),
        verifier_seconds=plan.verifier.seconds.at(year),
        dtype=plan.dtype.at(year),
        works=works,
    )


def _step(moment: Moment, name: str, model: Architecture) -> tuple[RLRecipe, dict[str, Work]]:
    """Return the recipe of a step and its work; what does not go together is a fault."""
    scenario = moment.scenario
    try:
        recipe = _recipe(moment, scenario.labs[name].post_training, model)
        return recipe, rl_step(model, recipe).parts
    except ValueError as error:
        key = f"labs.{name}.post_training.search"
        origin = scenario.origin(f"{key}.method")
        fault = Fault(
            key,
            f"{error} (in {moment.year:g})",
            "values that go together; see docs/scenario-format.md",
            origin.file,
            origin.line,
        )
        raise ScenarioError([fault], scenario.name) from error


@opaque("representative length", unit="token")
@cache
def _lengths(mean: float, spread: float, cap: float) -> tuple[float, ...]:
    """Return the equally likely lengths of responses."""
    return representative_lengths(lognormal_length(mean, spread, cap), 8)


def _longest(plan: PostTraining, model: Architecture, year: float) -> float:
    """Return the tokens at which a rollout is cut: at the latest where the context ends.

    Unless the mean rollout does not fit into it either, which is a remark of the results.
    """
    cap, room = (
        plan.max_response_tokens.at(year),
        model.context_length - plan.prompt_tokens.at(year),
    )
    return least(cap, room) if plan.response_tokens.at(year) < room else cap


def _recipe(moment: Moment, plan: PostTraining, model: Architecture) -> RLRecipe:
    """Return the recipe of one RL step."""
    year = moment.year

    def named(choice: str) -> Architecture | None:
        return None if choice == "none" else moment.catalog.model(choice)

    kind = plan.verifier.kind.at(year)
    judge = named(plan.verifier.model.at(year)) or (model if kind == "reward_model" else None)
    search = plan.search
    scorer = named(search.process_reward_model.at(year))
    lengths = _lengths(
        plan.response_tokens.at(year),
        plan.response_spread.at(year),
        _longest(plan, model, year),
    )
    depth = round(search.depth.at(year))
    return RLRecipe(
        prompts=plan.prompts_per_step.at(year),
        group_size=plan.group_size.at(year),
        prompt_tokens=plan.prompt_tokens.at(year),
        response_lengths=lengths,
        search=SearchPlan(
            method=search.method.at(year),
            samples=round(search.samples.at(year)),
            depth=depth,
            branching=round(search.branching.at(year)),
            width=round(search.width.at(year)),
            simulations=round(search.simulations.at(year)),
            # a short response is searched in shorter steps, not in fewer
            step_tokens=least(search.step_tokens.at(year), least(*lengths) / depth),
            scored=scorer is not None,
        ),
        keep_share=plan.keep_share.at(year),
        updates=plan.updates.at(year),
        reference=plan.reference,
        critic=model if plan.critic else None,
        verifier=Verifier(kind, plan.verifier.seconds.at(year), model=judge),
        process_reward_model=scorer,
        schedule=Schedule(plan.mode.at(year)),
        rollout_dtype=(plan.rollout_dtype or plan.dtype).at(year),
        kv_dtype=plan.kv_dtype.at(year),
    )
