"""The replicas that an RL framework makes of the accelerators of its rollout engine."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from computesim.cells.rl.plan import RLPlan
from computesim.errors import CapacityError
from computesim.hardware.serving import ServingLayout, serving_layouts, serving_step
from computesim.hardware.step import StepModel
from computesim.quantities import ServingLoad

#: frameworks take small replicas (7 B to 14 B on one or two accelerators, 32 B on four: verl,
#: AReaL, NeMo RL); a larger one has to take less than this of the rollout's time, estimate
WORTH_IT: Final = 0.75


def rollout_replica(plan: RLPlan, load: ServingLoad) -> tuple[ServingLayout, StepModel]:
    """Return layout and step of a rollout replica that holds the longest rollout.

    Parameters
    ----------
    plan : RLPlan
        Its accelerators bound the replica and say how many rollouts it gets.
    load : ServingLoad
        Of the policy in the engine's dtype.

    Returns
    -------
    ServingLayout, StepModel
        Of the layouts that hold it, the smallest nearly as soon through a batch as the best.

    Raises
    ------
    CapacityError
        If none holds it.
    """
    machine = plan.accelerator
    if plan.tp_rollout:
        layout = _given(plan, load)
        return layout, _step(plan, load, layout)
    longest = plan.prompt_tokens + plan.observed_tokens + plan.max_output_tokens + 1
    fitting: list[tuple[float, ServingLayout]] = []
    shortage = ""
    for layout in serving_layouts(load, machine):
        if layout.n_accelerators > plan.split[0]:
            continue
        try:
            step = _step(plan, load, layout, decodes_only=True)
        except CapacityError as error:
            shortage = str(error)
            continue
        if step.sequence_tokens >= longest:
            fitting.append((batch_seconds(plan, step), layout))
    if not fitting:
        raise CapacityError(shortage or f"{load.name} leaves no room for {longest:g} tokens")
    best = min(seconds for seconds, _ in fitting)
    chosen = next(layout for seconds, layout in fitting if WORTH_IT * seconds <= best)
    return chosen, _step(plan, load, chosen)


def batch_seconds(plan: RLPlan, step: StepModel, tail: bool = True) -> float:
    """Return about how long a replica takes for its share of a batch.

    Parameters
    ----------
    plan : RLPlan
    step : StepModel
        Of a replica.
    tail : bool
        Add a rollout of four times the mean, or at the cap, that is generated almost alone.

    Returns
    -------
    float, s
    """
    replicas = max(plan.split[0] // step.n_accelerators, 1)
    share = math.ceil(plan.drawn / replicas)
    context = plan.trajectory_tokens
    together = max(1, int(min(share, step.max_batch, step.kv_capacity_tokens / context)))
    bulk = share / together * plan.mean_output_tokens * step.decode_seconds(together, context)
    if not tail:
        return bulk
    longest = min(plan.max_output_tokens, 4.0 * plan.mean_output_tokens)
    return bulk + (longest - plan.mean_output_tokens) * step.decode_seconds(1, longest)


def _step(
    plan: RLPlan, load: ServingLoad, layout: ServingLayout, decodes_only: bool = False
) -> StepModel:
    """Return a replica with what the framework adds to a step, and what speculation takes away.

    One that decodes only has a table for its largest batch, which is quick to compare.
    """
    machine = plan.accelerator
    reserve = 1.0 - plan.engine_memory
    budget = 1 if decodes_only else None
    step = serving_step(load, machine, layout, budget, memory_reserve=reserve)
    slower = plan.coefficients.layer * plan.model.n_layers
    gain = plan.speculation
    return replace(
        step,
        fixed=(step.fixed + slower) / gain,
        per_kv_token=step.per_kv_token / gain,
        weight_seconds=step.weight_seconds / gain,
        weight_stream=step.weight_stream / gain,
    )


def _given(plan: RLPlan, load: ServingLoad) -> ServingLayout:
    """Return the layout of a replica of given size: beyond the scale-up domain not all is split."""
    tp, domain = plan.tp_rollout, plan.accelerator.scaleup_domain
    if tp <= domain:
        return ServingLayout(tp=tp)
    if load.n_experts:
        return ServingLayout(tp=domain, dp=tp // domain, ep=tp)
    return ServingLayout(tp=domain, pp=tp // domain)
