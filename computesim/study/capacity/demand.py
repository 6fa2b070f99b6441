"""What a capacity question asks: classes of requests with their own promises and priorities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from computesim.errors import CapacityError
from computesim.sim.demand import (
    JUDGED,
    JUDGED_OF_CLIENTS,
    MOST_REQUESTS,
    RESIDENCES,
    ROUNDS_AT_WORK,
    Demand,
)
from computesim.sim.levels import ServiceLevel
from computesim.sim.trace import (
    Even,
    TokenLaw,
    Trace,
    generate,
    in_context,
    lognormal,
    merged,
)
from computesim.workload.requests import RequestStream

BEYOND = 50  #: requests beyond the strictest percentile
MOST_FOR_SHARE = 100_000  #: requests for the sake of a percentile


@dataclass(frozen=True, slots=True)
class RequestClass(RequestStream):
    """Requests of one kind with their promise; their whole output is the answer."""

    rate: float = 1.0
    prompt_tokens: float = 1000.0
    answer_tokens: float = 2000.0
    spread: float = 0.9
    name: str = "requests"
    prompt_spread: float = 0.0  #: sd of ln(prompt tokens)
    burstiness: float = 1.0  #: variation of the gaps
    range: tuple[float, float] | None = None  #: lengths ÷ means, evenly, instead of the spreads
    level: ServiceLevel = field(default_factory=ServiceLevel)
    priority: int = 0

    def law(self, mean: float, spread: float) -> TokenLaw:
        """Return the law of lengths with a mean.

        Parameters
        ----------
        mean : float, token
        spread : float
            Sd of ln(tokens), where there is no range.
        """
        if self.range is None:
            return lognormal(mean, spread)
        return Even(self.range[0] * mean, self.range[1] * mean)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, of any length: the longer requests stay, the more of them are needed."""

    classes: tuple[RequestClass, ...]
    recorded: Trace | None = None  #: replayed instead of drawn ones
    clients: int = 0  #: a closed loop
    think_seconds: float = 0.0
    requests: int = 2000  #: at least
    seed: int = 1
    rounds: int = 0  #: of each client in a benchmark, all judged; 0: a closed loop at work
    context: int = 0  #: of the model: longer requests are refused or cut; 0 for no bound, token

    @property
    def levels(self) -> tuple[ServiceLevel, ...]:
        """What each class is promised."""
        return tuple(one.level for one in self.classes)

    @property
    def rate(self) -> float:
        """Requests per second of all classes; 0 in a closed loop."""
        if self.clients:
            return 0.0
        if self.recorded is not None:
            return self.recorded.rate
        return sum(one.rate for one in self.classes)

    @property
    def most_share(self) -> float:
        """The strictest percentile that is promised."""
        return max(level.share for level in self.levels)

    def demand(self, staying: float = 0.0) -> Demand:
        """Return the requests to play.

        Parameters
        ----------
        staying : float
            Requests that are in the pool at any time.

        Returns
        -------
        Demand
            The first requests are the same for any `staying`: common random numbers.
        """
        priority = tuple(one.priority for one in self.classes)
        common = {"priority": priority if any(priority) else (), "seed": self.seed}
        if self.clients:
            rounds = max(3.0, min(ROUNDS_AT_WORK, MOST_REQUESTS / self.clients))
            n = self.rounds * self.clients or max(self.least, math.ceil(rounds * self.clients))
            drawn = self._drawn(n) if self.recorded is None else _repeated(self.recorded, n)
            return Demand(drawn, self.levels, clients=self.clients,
                          judged=JUDGED_OF_CLIENTS,
                          warm=not self.rounds, think_seconds=self.think_seconds, **common)  # type: ignore[arg-type]  # fmt: skip
        if self.recorded is not None:
            return Demand(self.recorded, self.levels, warm=False, **common)  # type: ignore[arg-type]
        n = max(self.least, min(math.ceil(RESIDENCES * staying), MOST_REQUESTS))
        return Demand(self._drawn(n), self.levels, judged=JUDGED, **common)  # type: ignore[arg-type]

    @property
    def least(self) -> int:
        """Requests at least: enough beyond the strictest percentile to tell where it is."""
        return max(self.requests, min(math.ceil(BEYOND / (1.0 - self.most_share)), MOST_FOR_SHARE))

    def _drawn(self, n: int) -> Trace:
        """Return about n drawn requests of all classes, over one span of time."""
        total = sum(one.rate for one in self.classes)
        traces = []
        for number, one in enumerate(self.classes):
            count = max(10, math.ceil(n * one.rate / total))
            trace = generate(
                self.seed, count, one.rate,
                one.law(one.prompt_tokens, one.prompt_spread),
                one.law(one.output_tokens, one.spread),
                one.cached_share, one.burstiness, number,
            )  # fmt: skip
            traces.append(replace(trace, kind=np.full(count, number)))
        end = min(float(trace.arrival[-1]) for trace in traces)
        drawn = merged([t.pick(np.flatnonzero(t.arrival <= end)) for t in traces])
        seen = in_context(drawn, self.context).trace if self.context else drawn
        if seen is None:
            raise CapacityError(f"all {n:,} prompts fill the context of {self.context:,} tokens")
        return seen


def _repeated(trace: Trace, n: int) -> Trace:
    """Return at least n requests, those of a trace again and again."""
    times = -(-n // len(trace))
    still = replace(trace, arrival=np.zeros(len(trace)))
    return still if times == 1 else still.pick(np.tile(np.arange(len(trace)), times))


def few_of_each(trace: Trace, kinds: int, count: int) -> Trace:
    """Return the first requests of each class.

    Parameters
    ----------
    trace : Trace
    kinds : int
        Classes.
    count : int
        Of each class at most.
    """
    if kinds == 1 or trace.kind is None:
        return trace.pick(np.arange(min(count, len(trace))))
    chosen = [np.flatnonzero(trace.kind == number)[:count] for number in range(kinds)]
    return trace.pick(np.sort(np.concatenate(chosen)))


def of_recorded(trace: Trace, levels: Sequence[RequestClass]) -> tuple[RequestClass, ...]:
    """Return the classes of a recorded trace, in its own order of classes.

    Parameters
    ----------
    trace : Trace
        Its classes have names, or all of it is one class.
    levels : sequence of RequestClass
        Promises by name; a single one without a name of the trace holds for all requests.

    Raises
    ------
    ValueError
        If a name is none of the trace.
    """
    known = trace.kind_names
    if len(levels) == 1 and levels[0].name not in known:
        return tuple(levels)
    if unknown := [one.name for one in levels if one.name not in known]:
        raise ValueError(f"the trace has no class {', '.join(unknown)}; it has {', '.join(known)}")
    named = {one.name: one for one in levels}
    return tuple(named.get(name, RequestClass(name=name)) for name in known)
