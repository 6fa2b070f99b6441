"""The simulations of a capacity question: which plant serves with the fewest accelerators."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from computesim.quantities import ServingLoad
from computesim.sim.capacity import highest_rate
from computesim.sim.demand import Demand
from computesim.sim.fluid import mean_lengths
from computesim.sim.levels import METRICS, Outcome, broken
from computesim.sim.replicas import CountSearch, fewest_replicas, fluid_need
from computesim.sim.trace import scaled
from computesim.sim.trial import Trial, play
from computesim.study.capacity.demand import Question
from computesim.study.capacity.figures import Machine, Performance, performance
from computesim.study.capacity.plant import Plant, layout_text
from computesim.study.capacity.pool import duration

Tell = Callable[[int, int, str], None]
MOST_SIMULATED = 5  #: layouts, or pairs of them, of an accelerator; the others by formula only
OPTIMISM = 0.88  #: simulated ÷ fluid accelerators at least: short traces may be a little light


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found for one kind of accelerator."""

    accelerator: str
    split: bool  #: some replicas read prompts and others decode
    plant: Plant | None = None  #: None if nothing can do what was asked
    counts: tuple[int, ...] = ()  #: replicas of each kind
    rate: float = 0.0  #: requests/s that are asked, or the highest that are kept
    kept: bool = False
    outcomes: tuple[Outcome, ...] = ()
    figures: Performance | None = None
    edge: str = ""  #: what happens with one replica fewer, or at a higher rate
    reason: str = ""  #: why nothing can do what was asked
    n_runs: int = 0  #: simulations
    screened: tuple[dict[str, Any], ...] = ()  #: all layouts by formula

    @property
    def accelerators(self) -> int:
        """Accelerators in all; 0 if nothing can do what was asked."""
        return self.plant.accelerators(self.counts) if self.plant else 0


@dataclass(slots=True)
class Search:
    """The simulations of one question on one kind of accelerator."""

    question: Question
    load: ServingLoad
    machine: Machine
    limit: float
    blank: Answer
    tell: Tell | None
    n_runs: int = 0

    def demand(self, plant: Plant, counts: tuple[int, ...], rate: float) -> Demand:
        """Return as many requests as a pool of this kind needs to be judged."""
        first = self.question.demand()
        if first.clients or not first.warm:
            return first
        lengths = mean_lengths(first.trace)
        return self.question.demand(plant.pool.flying(rate, counts, lengths))

    def say(self, done: int, total: int, plant: Plant) -> None:
        """Tell how far the work is."""
        if self.tell is not None:
            layouts = ", ".join(layout_text(layout) for layout in plant.layouts)
            self.tell(done, total, f"{self.machine.name}: {layouts}")

    def fewest(self, plants: list[Plant]) -> Answer:
        """Return the plant that serves with the fewest accelerators."""
        ranked = sorted(((self.need(plant), plant) for plant in plants), key=_order)
        ranked = ranked[:MOST_SIMULATED]
        best: tuple[Plant, Demand, CountSearch] | None = None
        reason, least = "", math.inf
        for n, (need, plant) in enumerate(ranked):
            self.say(n, len(ranked), plant)
            if self.floor(plant, need) >= least:
                continue
            demand = self.demand(plant, _counts(need), self.question.rate)
            found = fewest_replicas(demand, plant.pool)
            self.n_runs += found.n_runs
            if not found.counts:
                reason = reason or self.failure(found)
            elif plant.accelerators(found.counts) < least:
                best, least = (plant, demand, found), plant.accelerators(found.counts)
        if best is None:
            return replace(self.blank, reason=reason, n_runs=self.n_runs)
        plant, demand, found = best
        assert found.trial is not None
        names = ("replica",) if len(found.counts) == 1 else ("prefill replica", "decode replica")
        told = (
            self.edge(trial, f"with one {name} fewer")
            for name, trial in zip(names, found.beyond, strict=True)
        )
        edge = "; ".join(filter(None, told))
        return self.answer(plant, demand, found.counts, found.trial, self.question.rate, edge)

    def need(self, plant: Plant) -> tuple[float, ...]:
        """Return the replicas of each kind, and parts of them, that the fluid limit asks for."""
        first = self.question.demand()
        return fluid_need(first, plant.pool, mean_lengths(first.trace))

    def floor(self, plant: Plant, need: tuple[float, ...]) -> int:
        """Return the accelerators that a plant needs at least.

        A closed loop may queue as long as it likes where nothing is promised about it.
        """
        if self.question.clients:
            return plant.accelerators((1,) * len(need))
        return plant.accelerators(_counts([OPTIMISM * n for n in need]))

    def highest(self, plants: list[Plant], replicas: int) -> Answer:
        """Return the plant whose accelerators serve most with a given number of replicas."""
        ranked = sorted(plants, key=lambda p: -p.rate / sum(p.sizes))
        best: tuple[float, Answer] | None = None
        tried = [(p, counts) for p in ranked[:3] for counts in self.shares(p, replicas)]
        for n, (plant, counts) in enumerate(tried):
            self.say(n, len(tried), plant)
            lengths = mean_lengths(self.question.demand().trace)
            bound = plant.pool.rate(counts, lengths, self.limit)
            if best is not None and bound / plant.accelerators(counts) * 1.12 < best[0]:
                continue
            demand = self.demand(plant, counts, bound)
            found = highest_rate(demand, plant.pool, counts)
            self.n_runs += found.n_runs
            each = found.rate / plant.accelerators(counts)
            if found.trial is not None and (best is None or each > best[0]):
                edge = self.edge(found.beyond, "at a higher rate")
                faster = _at_rate(demand, found.rate)
                best = each, self.answer(plant, faster, counts, found.trial, found.rate, edge)
        if best is None:
            return replace(self.blank, reason="not even a small rate is kept", n_runs=self.n_runs)
        return replace(best[1], n_runs=self.n_runs)

    def check(self, plants: list[Plant], replicas: int) -> Answer:
        """Return the smallest plant of so many replicas that keeps what is asked, or misses it.

        In a closed loop the formula knows of no rate: the best layout for an accelerator is first.
        """
        lengths = mean_lengths(self.question.demand().trace)
        ways = [(plant, self.shares(plant, replicas)[0]) for plant in plants]
        bounds = [plant.pool.rate(counts, lengths, self.limit) for plant, counts in ways]
        asked = self.question.rate
        ranked = sorted(
            zip(ways, bounds, strict=True),
            key=lambda row: (
                row[1] < OPTIMISM * asked,
                row[0][0].accelerators(row[0][1]) if asked else -row[1] / sum(row[0][0].sizes),
                -row[1],
            ),
        )[:MOST_SIMULATED]
        first: Answer | None = None
        for n, ((plant, counts), _) in enumerate(ranked):
            self.say(n, len(ranked), plant)
            demand = self.demand(plant, counts, asked)
            trial = play(demand, plant.pool, counts, mean_lengths(demand.trace))
            self.n_runs += 1
            if first is None or trial.kept:
                edge = "" if trial.kept else self.edge(trial, "MISSED")
                found = self.answer(plant, demand, counts, trial, asked, edge)
                first = first or found
                if trial.kept:
                    return found
        assert first is not None
        return replace(first, n_runs=self.n_runs)

    def shares(self, plant: Plant, replicas: int) -> list[tuple[int, ...]]:
        """Return the ways to divide replicas that are worth trying, the best by formula first."""
        if len(plant.layouts) == 1:
            return [(replicas,)]
        lengths = mean_lengths(self.question.demand().trace)
        ways: list[tuple[int, ...]] = [(n, replicas - n) for n in range(1, replicas)]
        rates = {way: plant.pool.rate(way, lengths, self.limit) for way in ways}
        return sorted(ways, key=lambda way: -rates[way])[:2]

    def answer(
        self, plant: Plant, demand: Demand, counts: tuple[int, ...], trial: Trial, rate: float,
        edge: str,
    ) -> Answer:  # fmt: skip
        """Return a plant with what it does."""
        figures = performance(
            self.load, self.machine, plant.steps, demand, plant.pool, counts, trial
        )
        return replace(
            self.blank, plant=plant, counts=counts, rate=rate or figures.requests_per_second,
            kept=trial.kept, outcomes=tuple(trial.outcomes), figures=figures, edge=edge,
            n_runs=self.n_runs,
        )  # fmt: skip

    def failure(self, found: CountSearch) -> str:
        """Return why no number of replicas is enough."""
        if found.trial is None:
            return "a single sequence of mean length is too slow"
        return self.edge(found.trial, f"even with {found.trial.run.replicas.size:,} replicas")

    def edge(self, trial: Trial | None, where: str) -> str:
        """Return what is missed in a trial that fails."""
        if trial is None:
            return ""
        missed = [_promise_text(self.question, one) for one in broken(trial.outcomes)]
        if trial.saturated and not trial.closed:
            missed.append("the backlog grows")
        return f"{where}: {', '.join(missed)}" if missed else ""


def _at_rate(demand: Demand, rate: float) -> Demand:
    return replace(demand, trace=scaled(demand.trace, rate / demand.trace.rate))


def _promise_text(question: Question, one: Outcome) -> str:
    """Return a percentile beside its promise: `p90 TPOT 41 ms of 40 ms`."""
    which = question.classes[one.kind]
    name = f"{which.name}: " if len(question.classes) > 1 else ""
    metric = one.metric.upper() if one.metric != METRICS[2] else "end to end"
    value = "never" if math.isinf(one.value) else duration(one.value)
    limit = f" of {duration(one.limit)}" if one.limit < math.inf else ""
    return f"{name}p{100 * which.level.share:.4g} {metric} {value}{limit}"


def _counts(need: Sequence[float]) -> tuple[int, ...]:
    return tuple(max(1, math.ceil(n)) for n in need)


def _order(pair: tuple[tuple[float, ...], Plant]) -> tuple[int, int]:
    """Return by what plants are ranked: fewest accelerators, then smallest replicas."""
    return pair[1].accelerators(_counts(pair[0])), max(pair[1].sizes)
