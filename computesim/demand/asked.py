"""A scenario in one year as plain demand: the one place of this room that reads users and labs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from computesim.calendar import DAY, YEAR
from computesim.cells.jobs import COT, OTHER, PretrainingDemand, RLDemand, ServingDemand, Stream
from computesim.demand.demand import Demand, ProductDemand
from computesim.demand.policy import followed
from computesim.demand.progress import progress_at
from computesim.demand.usage import relative_price, response, usage_at
from computesim.errors import Fault, ScenarioError
from computesim.quantities import Work
from computesim.traced import least, opaque
from computesim.workload.adoption import TokenFlow, Usage, daily_tokens
from computesim.workload.post_training import rl_step
from computesim.workload.reasoning import lognormal_length, representative_lengths
from computesim.workload.rl_recipe import RLRecipe, Schedule, Verifier
from computesim.workload.search import SearchPlan

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.scenario import Scenario
    from computesim.scenario.labs import PostTraining
    from computesim.workload.architecture import Architecture


def demand_at(scenario: Scenario, catalog: Catalog, year: float) -> Demand:
    """Return what a scenario asks at a time.

    Parameters
    ----------
    scenario : Scenario
    catalog : Catalog
    year : float
        The end of a calendar year; 2025.36 lies 0.36 of a year after the end of 2025.

    Returns
    -------
    Demand
    """
    usages = {name: usage_at(scenario, catalog, name, year) for name in scenario.products}
    given = [_rl(scenario, name, catalog, year) for name in scenario.labs]
    usages, rl, policies = followed(scenario, catalog, year, usages, given)
    products = {
        name: _product(scenario, catalog, name, usage, year) for name, usage in usages.items()
    }
    cloud = {COT: TokenFlow(), OTHER: TokenFlow()}
    device = {COT: TokenFlow(), OTHER: TokenFlow()}
    for product in products.values():
        for workload, tokens in product.tokens.items():
            cloud[workload] += tokens.cloud
            device[workload] += tokens.device
    progress = progress_at(scenario, year)
    other = scenario.other_ai.h100_equivalents
    return Demand(
        serving=tuple(_serving(scenario, catalog, usages, year)),
        pretraining=tuple(_pretraining(scenario, n, catalog, year) for n in scenario.labs),
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


def _product(
    scenario: Scenario, catalog: Catalog, name: str, usage: Usage, year: float
) -> ProductDemand:
    """Return what one product asks, and at what price."""
    tokens = {workload: daily_tokens(part) for workload, part in _split(usage).items()}
    price = scenario.products[name].price
    if price is None:
        return ProductDemand(tokens)
    relative = relative_price(scenario, catalog, price, year)
    return ProductDemand(tokens, relative, response(scenario, catalog, name, year))


def _split(usage: Usage) -> dict[str, Usage]:
    """Return the requests with and those without reasoning as two usages."""
    thinking = usage.requests_per_user * usage.reasoning_share
    return {
        COT: replace(usage, requests_per_user=thinking, reasoning_share=1.0),
        OTHER: replace(
            usage,
            requests_per_user=usage.requests_per_user - thinking,
            reasoning_share=0.0,
            reasoning_tokens=0.0,
            samples=1.0,
        ),
    }


def _serving(
    scenario: Scenario, catalog: Catalog, usages: dict[str, Usage], year: float
) -> list[ServingDemand]:
    """Return the demand on every tier, with and without reasoning."""
    found = []
    for name, tier in scenario.tiers.items():
        members = [
            (key, p.reasoning_spread.at(year))
            for key, p in scenario.products.items()
            if p.tier.at(year) == name
        ]
        for workload in (COT, OTHER):
            streams = tuple(
                _stream(_split(usages[key])[workload], spread, key) for key, spread in members
            )
            busy = tuple(stream for stream in streams if stream.requests > 0)
            if busy:
                found.append(
                    ServingDemand(
                        workload,
                        name,
                        catalog.model(tier.model.at(year)),
                        tier.dtype.at(year),
                        tier.kv_dtype.at(year),
                        tier.ttft.at(year),
                        tier.tpot.at(year),
                        busy,
                        progress_at(scenario, year).inference,
                    )
                )
    return found


def _stream(usage: Usage, spread: float, product: str) -> Stream:
    """Return a usage as requests per second in data centres."""
    requests = usage.users * usage.requests_per_user * (1.0 - usage.on_device_share) / DAY
    return Stream(
        requests,
        usage.prompt_tokens,
        usage.cached_share,
        usage.answer_tokens,
        usage.reasoning_tokens,
        spread,
        usage.samples,
        product,
    )


def _pretraining(scenario: Scenario, name: str, catalog: Catalog, year: float) -> PretrainingDemand:
    """Return the final pretraining runs of a group of labs."""
    lab = scenario.labs[name]
    plan = lab.pretraining
    model = catalog.model(plan.model.at(year))
    return PretrainingDemand(
        lab=name,
        model=model,
        runs=lab.count.at(year) * plan.runs_per_year.at(year) / YEAR,
        run_flop=plan.flop.at(year) / progress_at(scenario, year).training,
        dtype=plan.dtype.at(year),
        seq_len=least(round(plan.seq_len.at(year)), model.context_length),
        batch_tokens=plan.batch_tokens.at(year),
        accelerators=plan.accelerators.at(year),
        duration=plan.duration.at(year),
    )


def _rl(scenario: Scenario, name: str, catalog: Catalog, year: float) -> RLDemand:
    """Return the RL runs of a group of labs."""
    lab = scenario.labs[name]
    plan = lab.post_training
    model = catalog.model((plan.model or lab.pretraining.model).at(year))
    steps = plan.steps.at(year) / progress_at(scenario, year).training
    recipe, works = _step(scenario, name, plan, model, catalog, year)
    return RLDemand(
        lab=name,
        model=model,
        steps=lab.count.at(year) * plan.runs_per_year.at(year) * steps / YEAR,
        recipe=recipe,
        response_tokens=plan.response_tokens.at(year),
        response_spread=plan.response_spread.at(year),
        max_response_tokens=plan.max_response_tokens.at(year),
        verifier_seconds=plan.verifier.seconds.at(year),
        dtype=plan.dtype.at(year),
        works=works,
    )


def _step(
    scenario: Scenario,
    name: str,
    plan: PostTraining,
    model: Architecture,
    catalog: Catalog,
    year: float,
) -> tuple[RLRecipe, dict[str, Work]]:
    """Return the recipe of a step and its work; what does not go together is a fault."""
    try:
        recipe = _recipe(plan, model, catalog, year)
        return recipe, rl_step(model, recipe).parts
    except ValueError as error:
        key = f"labs.{name}.post_training.search"
        origin = scenario.origin(f"{key}.method")
        fault = Fault(
            key,
            f"{error} (in {year:g})",
            "values that go together; see docs/scenario-format.md",
            origin.file,
            origin.line,
        )
        raise ScenarioError([fault], scenario.name) from error


@opaque("representative length")
def _lengths(mean: float, spread: float, cap: float) -> tuple[float, ...]:
    """Return the equally likely lengths of responses."""
    return representative_lengths(lognormal_length(mean, spread, cap), 8)


def _recipe(plan: PostTraining, model: Architecture, catalog: Catalog, year: float) -> RLRecipe:
    """Return the recipe of one RL step."""

    def named(choice: str) -> Architecture | None:
        return None if choice == "none" else catalog.model(choice)

    kind = plan.verifier.kind.at(year)
    judge = named(plan.verifier.model.at(year)) or (model if kind == "reward_model" else None)
    search = plan.search
    scorer = named(search.process_reward_model.at(year))
    lengths = _lengths(
        plan.response_tokens.at(year),
        plan.response_spread.at(year),
        plan.max_response_tokens.at(year),
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
