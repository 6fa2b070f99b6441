"""How many accelerators a service needs: layouts screened by formula, the best ones simulated."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from computesim.hardware.serving import ServingLayout
from computesim.hardware.step import StepModel
from computesim.quantities import ServingLoad
from computesim.sim.capacity import (
    CountSearch,
    fewest_replicas,
    guessed_counts,
    highest_rate,
    step_limit,
)
from computesim.sim.fluid import mean_lengths
from computesim.sim.levels import METRICS, Outcome, broken
from computesim.sim.trial import Demand, Pool, Trial, play
from computesim.study.capacity_demand import Question
from computesim.study.capacity_figures import Machine, performance
from computesim.study.capacity_pool import (
    Candidate,
    Policy,
    candidates,
    duration,
    requests_alone,
    transfer_seconds,
    why_not,
)

Tell = Callable[[int, int, str], None]
Goal = Literal["fewest", "highest", "check"]
MOST_SIMULATED = 5  #: layouts, or pairs of them, of an accelerator; the others by formula only
OPTIMISM = 0.88  #: simulated ÷ fluid accelerators at least: short traces may be a little light


@dataclass(frozen=True, slots=True)
class Plant:
    """Replicas that were considered: one layout, or one that reads and one that decodes."""

    layouts: tuple[ServingLayout, ...]
    steps: tuple[StepModel, ...]
    pool: Pool
    rate: float  #: of one replica of each kind in the fluid limit, 1/s

    @property
    def sizes(self) -> tuple[int, ...]:
        """Accelerators of a replica of each kind."""
        return tuple(layout.n_accelerators for layout in self.layouts)

    def accelerators(self, counts: Sequence[int]) -> int:
        """Return the accelerators of so many replicas of each kind."""
        return sum(n * size for n, size in zip(counts, self.sizes, strict=True))


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
    figures: dict[str, Any] = field(default_factory=dict)  #: `capacity_figures.performance`
    edge: str = ""  #: what happens with one replica fewer, or at a higher rate
    reason: str = ""  #: why nothing can do what was asked
    n_runs: int = 0  #: simulations
    screened: tuple[dict[str, Any], ...] = ()  #: all layouts by formula

    @property
    def accelerators(self) -> int:
        """Accelerators in all; 0 if nothing can do what was asked."""
        return self.plant.accelerators(self.counts) if self.plant else 0


def capacity(
    question: Question,
    load: ServingLoad,
    machine: Machine,
    replicas: int = 0,
    goal: Goal = "fewest",
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
    replicas : int
        At hand, for the goals `highest` and `check`; of both kinds together where `split`.
    goal : {"fewest", "highest", "check"}
        The fewest accelerators, the highest rate of a number of replicas, or whether these keep
        the promises as they are asked.
    layouts : sequence of ServingLayout, optional
        Those to consider; all that are sensible by default.
    policy : Policy, optional
        Of the KV cache and the steps.
    split : bool
        Some replicas read prompts, others decode.
    tell : callable, optional
        Told how far the work is.

    Returns
    -------
    Answer
    """
    first = question.demand()
    limit = step_limit(first)
    found = candidates(load, machine.accelerator, first, limit, layouts, policy)
    told = tuple(_screened(one) for one in found)
    blank = Answer(machine.name, split, rate=question.rate, screened=told)
    plants = list(_pairs(found, load, machine, first, limit) if split else _singles(found))
    if not plants:
        return replace(blank, reason=_nearest(found, split))
    search = _Search(question, load, machine, limit, blank, tell)
    if goal == "fewest":
        return search.fewest(plants)
    if split and replicas < 2:
        return replace(blank, reason="one replica cannot be divided into prefill and decode")
    return getattr(search, goal)(plants, replicas)  # type: ignore[no-any-return]


def _screened(one: Candidate) -> dict[str, Any]:
    """Return a layout that was considered, as plain data."""
    degrees = {name: getattr(one.layout, name) for name in ("tp", "ep", "pp", "dp")}
    return {
        **degrees,
        "accelerators": one.layout.n_accelerators,
        "requests_per_second_per_accelerator": one.rate_per_accelerator,
        "alone": {o.metric: o.value for o in one.alone if o.kind == 0},
        "reason": one.reason,
    }


def _singles(found: Sequence[Candidate]) -> Iterator[Plant]:
    """Yield the layouts that can serve."""
    for one in found:
        if not one.reason and one.step is not None and one.pool is not None:
            yield Plant((one.layout,), (one.step,), one.pool, one.rate)


def _pairs(
    found: Sequence[Candidate], load: ServingLoad, machine: Machine, demand: Demand, limit: float
) -> Iterator[Plant]:
    """Yield pairs of layouts, the one for prompts and the other for decoding, that can serve."""
    fitting = [one for one in found if one.pool is not None and one.step is not None]
    lengths = mean_lengths(demand.trace)
    reads = _best(fitting, "ttft", lambda p: Pool(*_plain(p), p).rate((1, 10**9), lengths, limit))
    writes = _best(fitting, "tpot", lambda p: Pool(*_plain(p), p).rate((10**9, 1), lengths, limit))
    for reader in reads:
        for writer in writes:
            assert reader.pool is not None
            assert writer.pool is not None
            assert reader.step is not None
            assert writer.step is not None
            sent = transfer_seconds(load, machine.accelerator, reader.layout, writer.layout)
            pool = Pool(*_plain(reader.pool), writer.pool, *sent)
            rate = pool.rate((1, 1), lengths, limit)
            if not why_not(requests_alone(pool, demand), rate):
                layouts = (reader.layout, writer.layout)
                yield Plant(layouts, (reader.step, writer.step), pool, rate)


def _plain(pool: Pool) -> tuple[Any, Any]:
    """Return the service and the weight table of a pool."""
    return pool.service, pool.weight_seconds


def _best(
    found: Sequence[Candidate], metric: str, rate: Callable[[Pool], float], most: int = 3
) -> list[Candidate]:
    """Return the layouts that are best at one half of the work, and keep its promise alone."""
    able = [
        (rate(one.pool) / one.layout.n_accelerators, one)
        for one in found
        if one.pool is not None and all(o.kept for o in one.alone if o.metric == metric)
    ]
    ranked = sorted((pair for pair in able if pair[0] > 0), key=lambda pair: -pair[0])
    return [one for _, one in ranked[:most]]


def _nearest(found: Sequence[Candidate], split: bool) -> str:
    """Return why no layout can serve: what the one that comes closest says."""

    def worst(one: Candidate) -> float:
        return max((o.value / o.limit for o in one.alone if not o.kept), default=math.inf)

    if not found:
        return "no layout is to be considered"
    fitting = [one for one in found if one.alone]
    if not fitting:
        return found[-1].reason
    best = min(fitting, key=worst)
    if not best.reason:  # each half can, but no pair of them
        return "no pair of replicas that read and that decode keeps the promises"
    where = "even the nearest layout" if len(found) > 1 else "the layout"
    return f"{best.reason} ({where}: {layout_text(best.layout)}{', read apart' if split else ''})"


def layout_text(layout: ServingLayout) -> str:
    """Return the degrees of a layout that are not 1.

    Parameters
    ----------
    layout : ServingLayout
    """
    degrees = [(name, getattr(layout, name)) for name in ("tp", "ep", "pp", "dp")]
    return " ".join(f"{name} {n}" for name, n in degrees if n > 1) or "tp 1"


@dataclass(slots=True)
class _Search:
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
        ranked = sorted(((self.guess(plant), plant) for plant in plants), key=self.order)
        best: tuple[Plant, Demand, CountSearch] | None = None
        failed: tuple[Plant, CountSearch] | None = None
        for n, (counts, plant) in enumerate(ranked[:MOST_SIMULATED]):
            self.say(n, min(len(ranked), MOST_SIMULATED), plant)
            least = self.floor(plant, counts)
            if best is not None and least >= best[0].accelerators(best[2].counts):
                continue
            demand = self.demand(plant, counts, self.question.rate)
            found = fewest_replicas(demand, plant.pool)
            self.n_runs += found.n_runs
            if not found.counts:
                failed = failed or (plant, found)
            elif best is None or plant.accelerators(found.counts) < best[0].accelerators(
                best[2].counts
            ):
                best = plant, demand, found
        if best is None:
            assert failed is not None
            return replace(self.blank, reason=self.failure(failed[1]), n_runs=self.n_runs)
        plant, demand, found = best
        assert found.trial is not None
        names = ("replica",) if len(found.counts) == 1 else ("prefill replica", "decode replica")
        told = (
            self.edge(trial, f"with one {name} fewer")
            for name, trial in zip(names, found.beyond, strict=True)
        )
        edge = "; ".join(filter(None, told))
        return self.answer(plant, demand, found.counts, found.trial, self.question.rate, edge)

    def guess(self, plant: Plant) -> tuple[int, ...]:
        """Return the replicas of each kind that the fluid limit asks for."""
        first = self.question.demand()
        return guessed_counts(first, plant.pool, mean_lengths(first.trace))

    @staticmethod
    def order(pair: tuple[tuple[int, ...], Plant]) -> tuple[int, int]:
        """Return by what plants are ranked: fewest accelerators, then smallest replicas."""
        return pair[1].accelerators(pair[0]), max(pair[1].sizes)

    def floor(self, plant: Plant, counts: tuple[int, ...]) -> int:
        """Return the accelerators that a plant needs at least.

        A closed loop may queue as long as it likes where nothing is promised about it.
        """
        if self.question.clients:
            return plant.accelerators((1,) * len(counts))
        return plant.accelerators([max(1, math.ceil(OPTIMISM * (n - 1))) for n in counts])

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
        """Return what the best layout by formula does with what is asked."""
        plant = max(plants, key=lambda p: p.rate / sum(p.sizes))
        counts = self.shares(plant, replicas)[0]
        self.say(0, 1, plant)
        demand = self.demand(plant, counts, self.question.rate)
        trial = play(demand, plant.pool, counts, mean_lengths(demand.trace))
        self.n_runs += 1
        edge = "" if trial.kept else self.edge(trial, "MISSED")
        return self.answer(plant, demand, counts, trial, self.question.rate, edge)

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
            self.blank, plant=plant, counts=counts, rate=rate or figures["requests_per_second"],
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
        missed = [promise_text(self.question, one) for one in broken(trial.outcomes)]
        if trial.saturated and not trial.closed:
            missed.append("the backlog grows")
        return f"{where}: {', '.join(missed)}" if missed else ""


def _at_rate(demand: Demand, rate: float) -> Demand:
    """Return a demand at another rate."""
    from computesim.sim.trace import scaled

    return replace(demand, trace=scaled(demand.trace, rate / demand.trace.rate))


def promise_text(question: Question, one: Outcome) -> str:
    """Return a percentile beside its promise: `p90 TPOT 41 ms of 40 ms`.

    Parameters
    ----------
    question : Question
    one : Outcome
    """
    which = question.classes[one.kind]
    name = f"{which.name}: " if len(question.classes) > 1 else ""
    metric = one.metric.upper() if one.metric != METRICS[2] else "end to end"
    value = "never" if math.isinf(one.value) else duration(one.value)
    limit = f" of {duration(one.limit)}" if one.limit < math.inf else ""
    return f"{name}p{100 * which.level.share:.4g} {metric} {value}{limit}"
