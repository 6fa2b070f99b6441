"""What a balance weighs: FLOP, dollars or joules of RL and of the requests of a model's life."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from computesim.cells.jobs import RLDemand
from computesim.cells.rates import Pace, Served, ServingPaces, rl_pace, serving_paces
from computesim.demand.demand import Progress
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.power import (
    Site,
    cluster_watts,
    facility_watts,
    watts_in_use,
)
from computesim.workload.balance import Spending
from computesim.workload.transformer import prefill_flop

#: objective -> unit of what is spent over the life of a model
OBJECTIVES: Final = {"flop": "FLOP", "cost": "USD", "power": "J"}


@dataclass(frozen=True, slots=True)
class Hired:
    """Accelerators that are paid for."""

    accelerator: Accelerator
    price: float  #: of one accelerator, USD per second of paid time
    use: float  #: share of the paid time at full load
    site: Site
    electricity: float = 0.0  #: USD/J, where the price does not contain it

    def joules(self, seconds: float, pace: Pace) -> float:
        """Return the energy at the meter of so much paid time, idle time included.

        Parameters
        ----------
        seconds : float, accelerator-seconds
        pace : Pace

        Returns
        -------
        float, J
        """
        means = (self.use * share for share in (pace.compute, pace.bandwidth, pace.busy))
        it = cluster_watts(watts_in_use(self.accelerator, *means))
        return seconds * facility_watts(self.site, it)


def _request_flop(served: Served, tokens: float, samples: float) -> float:
    """Return the FLOP of a request whose samples have so many tokens of the skill each.

    The prompt is read once; where one of several samples is picked, each is read by a verifier of
    the size of the model.
    """
    model, one = served.model, replace(served.with_chains(tokens), rate=1.0)
    each = one.decode_flop(model)
    if served.scored and samples > 1:
        each += prefill_flop(model, one.prompt_tokens + one.sample_tokens)
    return one.prefill_flop(model) + samples * each


@dataclass(frozen=True)
class Outlay:
    """The life of one model: its RL run with the research beside it, and all its requests."""

    rl: RLDemand  #: one step
    rl_on: Hired
    streams: tuple[Served, ...]
    served_on: Hired
    requests: float
    tokens: tuple[float, float]  #: of a response of the skill, shortest and longest
    scale: float = 1.0  #: RL compute of a run ÷ that of the skill alone
    research: float = 0.0  #: accelerator time of experiments ÷ that of the run
    research_efficiency: float = 1.0  #: FLOP/s of experiments ÷ those of the run
    progress: Progress = field(default_factory=Progress)  #: software and algorithms of the year

    def spending(self, objective: str) -> Spending:
        """Return what is spent in the unit of an objective.

        Parameters
        ----------
        objective : str
            A key of `OBJECTIVES`.
        """
        if objective == "flop":
            rl = self.run_flop * (1.0 + self.research * self.research_efficiency)
            return Spending(rl, self.flop, self.requests)
        joules = self.rl_on.joules(self.rl_seconds, self.rl_pace)
        if objective == "cost":
            rl = self.rl_seconds * self.rl_on.price + joules * self.rl_on.electricity
            return Spending(rl, self.usd, self.requests)
        return Spending(joules, self.joules, self.requests)

    @cached_property
    def rl_pace(self) -> Pace:
        """An accelerator of the RL job."""
        return rl_pace(self.rl, self.rl_on.accelerator)

    @property
    def run_flop(self) -> float:
        """FLOP of a run for one FLOP of the skill's RL: better algorithms need fewer."""
        return self.scale / self.progress.training

    @property
    def rl_seconds(self) -> float:
        """Paid accelerator-seconds of one FLOP of the skill's RL, with all that goes with it."""
        pace = self.rl_pace.per_second * self.rl_on.use * self.progress.training_software
        return self.run_flop * (1.0 + self.research) / pace

    def flop(self, tokens: float, samples: float) -> float:
        """Return the FLOP of the mean request.

        Parameters
        ----------
        tokens : float, token
            Of a response of the skill.
        samples : float

        Returns
        -------
        float, FLOP
        """
        whole = math.fsum(s.stream.rate * _request_flop(s, tokens, samples) for s in self.streams)
        return whole / self.progress.inference

    def seconds(self, tokens: float, samples: float) -> float:
        """Return the paid accelerator-seconds of the mean request; arguments as in `flop`."""
        return math.fsum(seconds for seconds, _ in self._paid(tokens, samples))

    def joules(self, tokens: float, samples: float) -> float:
        """Return the energy of the mean request at the meter, J; arguments as in `flop`."""
        paid = self._paid(tokens, samples)
        return math.fsum(self.served_on.joules(seconds, pace) for seconds, pace in paid)

    def usd(self, tokens: float, samples: float) -> float:
        """Return the price of the mean request, USD; arguments as in `flop`."""
        on, price = self.served_on, self.seconds(tokens, samples) * self.served_on.price
        return price + (on.electricity * self.joules(tokens, samples) if on.electricity else 0.0)

    def _paid(self, tokens: float, samples: float) -> list[tuple[float, Pace]]:
        """Return the paid seconds of each stream's part of the mean request, and its pace."""
        # as in `cells.asked`: what software and algorithms save is accelerator-time, not watts
        found = []
        for served in self.streams:
            output = served.with_chains(tokens).sample_tokens
            # a single sample needs no verifier
            paces = self._paces(served if samples > 1 else replace(served, scored=False))
            seconds = served.stream.rate * paces.seconds(output, samples) / self.served_on.use
            seconds /= self.progress.serving
            found.append((seconds, paces.pace(output)))
        return found

    def _paces(self, served: Served) -> ServingPaces:
        """Return what serves a stream, over the outputs that it may ask for."""
        return paces_between(served, self.served_on.accelerator, self.tokens)


def paces_between(
    served: Served, accelerator: Accelerator, tokens: tuple[float, float]
) -> ServingPaces:
    """Return what serves a stream between the shortest and the longest response of the skill."""
    ends = (max(served.with_chains(length).sample_tokens, 2.0) for length in tokens)
    return serving_paces(served, accelerator, *ends)
