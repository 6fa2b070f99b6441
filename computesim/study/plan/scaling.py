"""How far a training run scales: utilisation against compute, linearity limit, latency wall."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from computesim.arrays import Floats
from computesim.calendar import DAY
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.efficiency import Efficiency, efficiency
from computesim.hardware.layout import TrainingLayout
from computesim.hardware.training_job import TrainingJob
from computesim.records import quantity
from computesim.study.plan.batch import batch_for_compute
from computesim.study.plan.layouts import reach
from computesim.study.plan.run_level import Reliability
from computesim.study.plan.scaled import scaled_model, wide_grid
from computesim.workload.architecture import Architecture
from computesim.workload.transformer import train_flop_per_token, training_load

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.study.plan.question import PlanQuestion

DURATION: Final = 90 * DAY  #: s, of the runs that are compared; Erdil 2024 takes three months
TOKENS_PER_PARAMETER: Final = 20.0  #: Hoffmann 2022, approaches 1 and 2
LARGEST_BATCH: Final = 62.9e6  #: tokens of a step, DeepSeek-V3: 15,360 sequences of 4,096
LINEAR: Final = 0.8  #: share of small-scale MFU down to which a run counts as linear
BUDGETS: Final = tuple(10.0 ** (24 + n / 2) for n in range(17))  #: 1e24 to 1e32 FLOP
_SPREAD: Final = 64.0  #: most accelerators tried ÷ those needed at the peak rate
_AS_GOOD: Final = 0.98  #: share of the best MFU within which the smallest machine is taken
_SYNCS: Final = 4  #: collectives of a layer that wait for one another, forward and backward

BatchLaw = Callable[[float], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """The best run of each budget that ends in time; arrays of length k."""

    SHOWN: ClassVar = (
        "small_scale_mfu", "linear_limit", "latency_wall", "failure_limit", "flop", "n_active",
        "tokens", "batch_tokens", "n_accelerators", "mfu", "all_in", "step_floor",
    )  # fmt: skip

    accelerator: str
    model: str
    duration: float = quantity("s")  #: s
    flop: Floats = quantity("FLOP")  #: training compute, FLOP
    n_active: Floats = quantity("1")  #: parameters that a token visits
    n_layers: Floats = quantity("1")
    tokens: Floats = quantity("token")
    batch_tokens: Floats = quantity("token")
    n_accelerators: Floats = quantity("accelerator")  #: nan beyond the wall
    mfu: Floats = quantity("1")  #: while running; 0 where no run ends in time
    all_in: Floats = quantity("1")  #: failures included; 0 where a job cannot restart
    step_floor: Floats = quantity("s")  #: latency of one step with one microbatch, s
    floor_seconds: Floats = quantity("s")  #: the same over all steps of the run, s
    layouts: tuple[TrainingLayout | None, ...]

    @property
    def small_scale_mfu(self) -> float:
        """MFU of the best run."""
        return float(self.mfu.max())

    @property
    def linear_limit(self) -> float:
        """The largest run with `LINEAR` of the small-scale MFU, FLOP.

        Interpolated between budgets in the logarithm; 0 where nothing runs, infinity where even the
        largest budget is linear.
        """
        return _crossing(self.flop, self.mfu, LINEAR * self.small_scale_mfu)

    @property
    def latency_wall(self) -> float:
        """The largest run whose latencies alone still fit into the duration, FLOP."""
        return _crossing(self.flop, self.duration / self.floor_seconds, 1.0)

    @property
    def failure_limit(self) -> float:
        """The largest run whose failures leave half of the time, FLOP."""
        share = np.divide(self.all_in, self.mfu, out=np.zeros_like(self.mfu), where=self.mfu > 0)
        return _crossing(self.flop, share, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalings:
    """Utilisation against compute, with a batch that grows and with one that does not."""

    model: str
    accelerator: str
    duration: float = quantity("s")
    growing: Scaling
    fixed: Scaling


def both_scalings(question: PlanQuestion, catalog: Catalog) -> Scalings:
    """Return utilisation against compute, with a batch that grows and with one that does not.

    Parameters
    ----------
    question : PlanQuestion
        Its model, accelerator, dtype and seq_len count.
    catalog : Catalog
    """
    model, accelerator = catalog.model(question.model), catalog.accelerator(question.accelerator)
    growing, fixed = (
        utilisation_against_compute(
            Runs(model, accelerator, law, dtype=question.dtype, seq_len=question.seq_len),
            reliability=Reliability.of(catalog),
        )
        for law in (batch_for_compute, lambda _: LARGEST_BATCH)
    )  # fmt: skip
    return Scalings(
        model=growing.model,
        accelerator=growing.accelerator,
        duration=growing.duration,
        growing=growing,
        fixed=fixed,
    )


def _crossing(x: Floats, y: Floats, level: float) -> float:
    """Return the last x at which y is still at `level`, y falling, interpolated in ln x."""
    above = np.flatnonzero(y >= level)
    if not level > 0 or not len(above):
        return 0.0
    last = int(above[-1])
    if last == len(x) - 1:
        return math.inf
    part = (y[last] - level) / (y[last] - y[last + 1])
    return float(np.exp(np.log(x[last]) + part * np.log(x[last + 1] / x[last])))


def latency_floor(n_layers: Floats, accelerator: Accelerator, microbatches: float = 1.0) -> Floats:
    """Return the smallest possible seconds of a step.

    Parameters
    ----------
    n_layers : array of float64, shape (k,)
        Layers, one after another however many stages hold them.
    accelerator : Accelerator
        For the latency of a collective inside its scale-up domain.
    microbatches : float
        That one pipeline takes one after another; at least 1.

    Returns
    -------
    array of float64, shape (k,), s

    Notes
    -----
    ``layers × microbatches × 4 α``: each layer waits for two collectives forward and two backward,
    which last α however little they carry. Arithmetic and bandwidth are left out: more
    accelerators shorten those, never this.

    Source
    ------
    The latency wall of Erdil and Schneider-Joseph 2024 (arXiv 2411.01137); α: measured NCCL.
    """
    coefficients = efficiency(accelerator)
    alpha = (
        coefficients.collective_latency
        if accelerator.scaleup_domain > 1
        else 6 * coefficients.nic_latency
    )
    return np.asarray(n_layers * max(microbatches, 1.0) * _SYNCS * alpha, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Runs:
    """What the runs of all budgets have in common."""

    model: Architecture  #: of whose proportions each budget trains a model
    accelerator: Accelerator  #: as many as it takes
    batch_law: BatchLaw = batch_for_compute  #: tokens of a step for a budget
    duration: float = DURATION  #: s, within which the steps must be done, failures left out
    dtype: str = "bf16"  #: of the matrix multiplications
    seq_len: int = 8192  #: token
    tokens_per_parameter: float = TOKENS_PER_PARAMETER  #: active ones without embeddings
    coefficients: Efficiency | None = None  #: another table than that of the generation


def utilisation_against_compute(
    runs: Runs, flop: Sequence[float] = BUDGETS, reliability: Reliability | None = None
) -> Scaling:
    """Return the best utilisation of runs of many sizes that end within a duration.

    Parameters
    ----------
    runs : Runs
    flop : sequence of float, FLOP
        Budgets, rising.
    reliability : Reliability, optional
        For `all_in`; not given, nothing fails.

    Raises
    ------
    CapacityError
        If the accelerator has no NIC.

    Notes
    -----
    For each budget some ten thousand layouts of machines of all sizes are evaluated at once; of
    those that fit and end in time the smallest machine within 2 % of the highest MFU is kept.
    """
    accelerator = runs.accelerator
    if math.isfinite(reach(accelerator)):
        raise CapacityError(f"{accelerator.name} has no NIC: its runs do not scale out")
    budgets = np.asarray(flop, dtype=np.float64)
    best = [_best_run(runs, c) for c in budgets]
    columns = np.array([row for row, _ in best]).T
    n_active, n_layers, tokens, batch, n, mfu = columns
    floor = latency_floor(n_layers, accelerator)
    all_in = mfu * (1.0 if reliability is None else _effective(n, reliability))
    return Scaling(
        accelerator=accelerator.name,
        model=runs.model.name,
        duration=runs.duration,
        flop=budgets,
        n_active=n_active,
        n_layers=n_layers,
        tokens=tokens,
        batch_tokens=batch,
        n_accelerators=n,
        mfu=mfu,
        all_in=np.nan_to_num(all_in),
        step_floor=floor,
        floor_seconds=tokens / batch * floor,
        layouts=tuple(layout for _, layout in best),
    )


def _best_run(runs: Runs, flop: float) -> tuple[tuple[float, ...], TrainingLayout | None]:
    """Return size, layers, tokens, batch, accelerators and MFU of the best run of one budget."""
    accelerator, seq_len, duration = runs.accelerator, runs.seq_len, runs.duration
    n_active = math.sqrt(flop / (6.0 * runs.tokens_per_parameter))
    grown = scaled_model(runs.model, n_active)
    tokens = flop / train_flop_per_token(grown, seq_len)
    batch = max(runs.batch_law(flop), float(seq_len))
    shape = (n_active, float(grown.n_layers), tokens, batch)
    load = training_load(grown, seq_len)
    least = flop / (accelerator.peak(runs.dtype) * duration)
    experts = load.n_experts if load.n_moe_layers else 0
    sizes = (least, max(_SPREAD * least, 1024.0))
    grid = wide_grid(accelerator, load.n_layers, experts, seq_len, batch / seq_len, sizes)
    if not len(grid.tp):
        return (*shape, math.nan, 0.0), None
    job = TrainingJob.of(load, accelerator, batch, runs.dtype, coefficients=runs.coefficients)
    grid = grid.select(job.memory(grid).shortage == 0)
    seconds = job.times(grid).total * tokens / batch
    grid = grid.select(seconds <= duration)
    seconds = seconds[seconds <= duration]
    if not len(seconds):
        return (*shape, math.nan, 0.0), None
    n = grid.n_accelerators.astype(np.float64)
    mfu = flop / (n * seconds * accelerator.peak("bf16"))
    best = int(np.argmin(np.where(mfu >= _AS_GOOD * mfu.max(), n, np.inf)))
    return (*shape, float(n[best]), float(mfu[best])), grid.at(best)


def _effective(n: Floats, reliability: Reliability) -> Floats:
    """Return ETTR of jobs of many sizes, nan where there is no job."""
    failures = reliability.failures
    return np.array([failures.effective_time(size) if size > 0 else math.nan for size in n])
