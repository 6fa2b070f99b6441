"""How many accelerators a service needs: layouts screened by formula, the best ones simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from computesim.hardware.serving import ServingLayout
from computesim.quantities import ServingLoad
from computesim.sim.demand import step_limit
from computesim.study.capacity.demand import Question
from computesim.study.capacity.figures import Machine
from computesim.study.capacity.plant import layout_text, nearest, pairs, singles
from computesim.study.capacity.pool import Candidate, Policy, candidates, longest_request
from computesim.study.capacity.search import Answer, Search, Tell
from computesim.study.pool.possible import instead

__all__ = ["Answer", "Goal", "Tell", "capacity", "layout_text"]


class Goal(NamedTuple):
    """What is searched for."""

    #: the fewest accelerators, the highest rate of some replicas, or whether these keep the
    #: promises as they are asked
    kind: Literal["fewest", "highest", "check"] = "fewest"
    replicas: int = 0  #: at hand, of both kinds together where these are apart


FEWEST = Goal()


def capacity(
    question: Question,
    load: ServingLoad,
    machine: Machine,
    goal: Goal = FEWEST,
    layouts: Sequence[ServingLayout] | None = None,
    policy: Policy | None = None,
    split: bool = False,
    tell: Tell | None = None,
) -> Answer:
    """Return what it takes to serve requests as promised.

    Parameters
    ----------
    question : Question
        With a rate or with clients.
    load : ServingLoad
        The model.
    machine : Machine
        The accelerator.
    goal : Goal
    layouts : sequence of ServingLayout, optional
        Those to consider; all that are sensible by default.
    policy : Policy, optional
        Of the KV cache and the steps.
    split : bool
        Some replicas read prompts, others decode.
    tell : callable, optional
        Told how far the work is.
    """
    first = question.demand()
    limit = step_limit(first)
    found = candidates(load, machine.accelerator, first, limit, layouts, policy)
    told = tuple(_screened(one) for one in found)
    blank = Answer(machine.name, split, rate=question.rate, screened=told)
    asked = 0.0 if goal.kind == "highest" else question.rate
    plants = list(pairs(found, load, machine, first, limit, asked) if split else singles(found))
    if not plants:
        other = ""
        if layouts and not any(one.pool for one in found):  # none of those that are named fits
            other = instead(load, machine.accelerator, longest_request(first))
        return replace(blank, reason=nearest(found, split) + other)
    search = Search(question, load, machine, limit, blank, tell)
    if goal.kind == "fewest":
        return search.fewest(plants)
    if split and goal.replicas < 2:
        return replace(blank, reason="one replica cannot be divided into prefill and decode")
    find = search.check if goal.kind == "check" else search.highest
    return find(plants, goal.replicas)


def _screened(one: Candidate) -> dict[str, Any]:
    degrees = {name: getattr(one.layout, name) for name in ("tp", "ep", "pp", "dp")}
    return {
        **degrees,
        "accelerators": one.layout.n_accelerators,
        "requests_per_second_per_accelerator": one.rate_per_accelerator,
        "alone": {o.metric: o.value for o in one.alone if o.kind == 0},
        "reason": one.reason,
    }
