"""What is asked: tokens of a day, and the model FLOP of a year."""

from __future__ import annotations

from collections.abc import Iterator

from computesim.calendar import YEAR
from computesim.cells.jobs import COT, EXPERIMENTS, OTHER, PRETRAINING, RL
from computesim.demand.demand import Demand
from computesim.fleet.world import World
from computesim.results import Yearly
from computesim.workload.adoption import TokenFlow


def rows(world: World) -> Yearly:
    """Yield tokens and FLOP of every year."""
    return (_pairs(year.demand) for year in world.years)


def _pairs(demand: Demand) -> Iterator[tuple[str, float]]:
    for where, flows in (("Tokens", demand.cloud), ("Device tokens", demand.device)):
        for workload, flow in flows.items():
            for kind, tokens in token_kinds(flow).items():
                if tokens or kind != "Reasoning" or workload == COT:
                    yield f"{where}|{workload}|{kind}", tokens
    for name, value in flop(demand).items():
        yield f"FLOP|{name}", value


def flop(demand: Demand) -> dict[str, float]:
    """Return the model FLOP of a year by workload and part, FLOP/year."""
    work = {f"{w}|{part}": 0.0 for w in (COT, OTHER) for part in ("Prefill", "Decode")}

    def add(name: str, rate: float) -> None:
        work[name] = work.get(name, 0.0) + rate * YEAR

    final: dict[str, float] = {}
    for run in demand.pretraining:
        add(PRETRAINING, run.flop)
        final[run.lab] = final.get(run.lab, 0.0) + run.flop
    for step in demand.rl:
        for part, rate in step.flop().items():
            add(f"{RL}|{part}", rate)
            final[step.lab] = final.get(step.lab, 0.0) + rate
    for stream in demand.serving:
        for part, rate in stream.flop().items():
            add(f"{stream.workload}|{part}", rate)
    for lab, (multiple, efficiency) in demand.experiments.items():
        add(EXPERIMENTS, multiple * efficiency * final.get(lab, 0.0))
    return work


def token_kinds(flow: TokenFlow) -> dict[str, float]:
    """Return the tokens of a day by kind."""
    return {
        "Prompt": flow.fresh_prompt,
        "Cached prompt": flow.cached_prompt,
        "Reasoning": flow.reasoning,
        "Answer": flow.answer,
    }
