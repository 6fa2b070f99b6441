"""A training run as a whole: goodput, wall time, accelerator-hours, energy, money."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from computesim.calendar import DAY
from computesim.cells.training import hardware_share
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.parallel import TrainingStep
from computesim.hardware.power import (
    Site,
    cluster_watts,
    facility_watts,
    watts_in_use,
)
from computesim.hardware.reliability import NODE, Failures
from computesim.records import derived, quantity
from computesim.study.plan.batch import BatchStage

if TYPE_CHECKING:
    from computesim.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often nodes fail, what a failure costs, and how much stragglers waste."""

    failures_per_node_day: float  #: failures that stop the job, 1/day
    restart: float  #: from the failure until the job trains again, s
    checkpoint_stall: float  #: s in which one checkpoint stalls the job
    straggler_waste: float = 0.0  #: accelerator time lost to stragglers, fraction
    checkpoint_interval: float = math.inf  #: s, the longest; less where that wastes less
    repair: float = 0.0  #: s until a failed node is back
    spare_share: float = 0.0  #: spare nodes over nodes in use

    def __post_init__(self) -> None:
        if not 0 <= self.straggler_waste < 1:
            raise ValueError(f"straggler waste is a fraction, not {self.straggler_waste:g}")
        if min(self.failures_per_node_day, self.restart, self.checkpoint_stall) < 0:
            raise ValueError("failures, restart and checkpoint stall are not negative")

    @property
    def failures(self) -> Failures:
        """The same without stragglers."""
        return Failures(
            self.failures_per_node_day,
            self.restart,
            self.checkpoint_interval,
            self.checkpoint_stall,
            self.repair,
            self.spare_share,
        )

    @classmethod
    def of(cls, catalog: Catalog, name: str = "cluster") -> Reliability:
        """Return the figures of a catalog.

        Parameters
        ----------
        catalog : Catalog
        name : str
            Row of its reliability table whose failure rate is taken; the rest is `cluster`.
        """

        def cluster(parameter: str) -> float:
            return catalog.value("reliability", "cluster", parameter)

        return cls(
            failures_per_node_day=DAY * catalog.value("reliability", name, "failures_per_node_day"),
            restart=cluster("restart"),
            checkpoint_stall=cluster("checkpoint_stall"),
            straggler_waste=cluster("straggler_waste"),
            checkpoint_interval=cluster("checkpoint_interval"),
            repair=cluster("repair"),
            spare_share=cluster("spare_share"),
        )


@dataclass(frozen=True, slots=True)
class Goodput:
    """What is left of wall time."""

    mtbf: float = quantity("s")  #: mean time between failures of the job, s
    checkpoint_interval: float = quantity("s")  #: s
    effective: float = quantity("1")  #: share of wall time with progress (ETTR)
    stragglers: float = quantity("1")  #: speed with stragglers ÷ speed of the modelled step

    @property
    @derived("1")
    def share(self) -> float:
        """Steps made ÷ steps that uninterrupted time would hold."""
        return self.effective * self.stragglers


def goodput(n_nodes: float, reliability: Reliability, jitter: float = 0.0) -> Goodput:
    """Return what failures, checkpoints, missing spares and stragglers leave of a job's time.

    Parameters
    ----------
    n_nodes : float
        Nodes of eight accelerators of the job; it stops when any of them fails.
    reliability : Reliability
        Rates and costs.
    jitter : float
        Straggling that the step time holds already, ÷ step; not counted twice.

    Notes
    -----
    ``ETTR · min(1, (1 − waste)(1 + jitter))``, ETTR of `Failures.effective_time`.

    Source
    ------
    Daly 2006 (ETTR), OSDI 2025 "Understanding Stragglers in Large Model Training".
    """
    failures, accelerators = reliability.failures, n_nodes * NODE
    stragglers = min((1.0 - reliability.straggler_waste) * (1.0 + jitter), 1.0)
    rate = failures.rate(accelerators)
    if rate == 0:
        return Goodput(math.inf, math.inf, 1.0, stragglers)
    effective = failures.effective_time(accelerators)
    return Goodput(1.0 / rate, failures.interval(accelerators), effective, stragglers)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCost:
    """What a training run takes."""

    tokens: float = quantity("token")
    flop: float = quantity("FLOP")  #: model FLOP
    steps: float = quantity("1")
    n_accelerators: int
    running: float = quantity("s")  #: s in which steps are made
    seconds: float = quantity("s")  #: wall time, s
    goodput: Goodput
    mfu: float = quantity("1")  #: while running, mean over tokens
    watts: float = quantity("W")  #: facility, mean while it runs, W
    joules: float = quantity("J")  #: facility, J
    usd: float | None = quantity("USD")  #: rent of the accelerators, None where no price is known

    @property
    @derived("h")
    def accelerator_hours(self) -> float:
        """Accelerator-hours of wall time."""
        return self.n_accelerators * self.seconds / 3600.0

    @property
    @derived("1")
    def all_in_mfu(self) -> float:
        """MFU over wall time."""
        return self.mfu * self.goodput.share


@dataclass(frozen=True, slots=True)
class Rented:
    """The accelerators of a run, and where they stand."""

    accelerator: Accelerator
    dtype: str = "bf16"  #: of the matrix multiplications
    site: Site | None = None  #: for its PUE; without one the IT energy is counted
    price: float | None = None  #: rent of one accelerator, USD/s


def run_cost(
    step_for: Callable[[float], TrainingStep],
    rented: Rented,
    tokens: float,
    flop_per_token: float,
    stages: Sequence[BatchStage],
    reliability: Reliability,
) -> RunCost:
    """Return time, accelerator-hours, energy and rent of a training run.

    Parameters
    ----------
    step_for : callable
        The step for a batch of so many tokens, for instance a call of `best_layout`.
    rented : Rented
        The machine.
    tokens : float, token
        Tokens of the run.
    flop_per_token : float, FLOP/token
        Model FLOP.
    stages : sequence of BatchStage
        Batch sizes in their order.
    reliability : Reliability
        Failures, checkpoints, stragglers.

    Raises
    ------
    CapacityError
        If the job practically never recovers, or `step_for` finds no layout.
    """
    accelerator, price = rented.accelerator, rented.price
    steps = running = energy = done = 0.0
    for stage in stages:
        part = min(stage.until_tokens, tokens) - done
        if part <= 0:
            break
        step = step_for(stage.batch_tokens)
        count = part / stage.batch_tokens
        steps, running, done = steps + count, running + count * step.seconds, done + part
        energy += count * step.seconds * _watts(step, rented)
    n = step.n_accelerators
    left = goodput(n / NODE, reliability, step.jitter)
    if not left.share > 0:
        raise CapacityError(
            f"{n:,} accelerators fail every {left.mtbf / 60:.3g} minutes and take "
            f"{reliability.restart / 60:.3g} minutes to restart: they never get to train"
        )
    seconds = running / left.share
    watts = n * energy / running
    peak = accelerator.peak("bf16") * n * running
    return RunCost(
        tokens=tokens,
        flop=tokens * flop_per_token,
        steps=steps,
        n_accelerators=n,
        running=running,
        seconds=seconds,
        goodput=left,
        mfu=tokens * flop_per_token / peak,
        watts=watts,
        joules=watts * seconds,
        usd=None if price is None else price * n * seconds,
    )


def _watts(step: TrainingStep, rented: Rented) -> float:
    """Return the facility watts of one accelerator of a job while it runs."""
    accelerator = rented.accelerator
    compute = hardware_share(step, accelerator, rented.dtype)
    it = cluster_watts(watts_in_use(accelerator, compute, step.bandwidth, step.busy))
    return it if rented.site is None else facility_watts(rented.site, it)
