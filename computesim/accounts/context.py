"""Requests and rollouts that are longer than their models read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from computesim.demand.demand import Demand
from computesim.fleet.world import World


class _Overlong(NamedTuple):
    """Whose requests exceed which context."""

    whose: str
    model: str
    prompt: float
    output: float
    context: int
    what: str  #: what happens to them

    def text(self, years: list[int]) -> str:
        """Return it as a sentence."""
        span = f"{years[0]}" if len(years) == 1 else f"{years[0]}-{years[-1]}"
        return (
            f"{span}: {self.whose}: a prompt of {self.prompt:,.0f} and {self.output:,.0f} tokens "
            f"after it exceed the {self.context:,} that {self.model} reads: {self.what}"
        )


def remarks(world: World) -> list[str]:
    """Return whose mean request, or longest rollout, exceeds the context of its model."""
    seen: dict[_Overlong, list[int]] = {}
    for year in world.years:
        for one in _overlong(year.demand):
            seen.setdefault(one, []).append(int(year.year))
    return [one.text(years) for one, years in seen.items()]


def _overlong(demand: Demand) -> Iterator[_Overlong]:
    """Yield what is too long in a year; cells cut requests at the context as engines do."""
    for served in demand.serving:
        context = served.model.context_length
        for stream in served.streams:
            prompt, output = float(stream.prompt_tokens), float(stream.sample_tokens)
            if prompt + output > context:
                whose = f"{stream.name or served.workload} on tier {served.tier}"
                yield _Overlong(whose, served.model.name, prompt, output, context,
                                "cells cut them there, FLOP are counted whole")  # fmt: skip
    for run in demand.rl:
        context, prompt = run.model.context_length, float(run.recipe.prompt_tokens)
        if prompt + run.response_tokens > context:
            yield _Overlong(f"RL of {run.lab}", run.model.name, prompt, run.response_tokens,
                            context, "they are played as if it read them")  # fmt: skip
