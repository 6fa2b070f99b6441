"""What a pool gets done and what it draws and costs, from a trial of the simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from computesim.catalog import Catalog
from computesim.cells.serving_power import bandwidth_in_use, token_work
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.power import accelerator_watts, node_watts
from computesim.hardware.step import StepModel
from computesim.quantities import ServingLoad
from computesim.records import quantity
from computesim.sim.demand import Demand
from computesim.sim.fluid import MeanLengths, mean_lengths
from computesim.sim.pool import Pool
from computesim.sim.records import Records
from computesim.sim.summary import throughput
from computesim.sim.trial import Trial, spent
from computesim.study.pool.window import window_of

RENTS = ("rental", "rental_three_years")  #: figures of prices.csv, the first one that is there


@dataclass(frozen=True, slots=True)
class Machine:
    """An accelerator with its rent."""

    accelerator: Accelerator
    rent: float | None  #: USD/s; None where the catalog has none

    @property
    def name(self) -> str:
        """Of the accelerator."""
        return self.accelerator.name


def machine_of(catalog: Catalog, name: str) -> Machine:
    """Return an accelerator of the catalog with its rent.

    Parameters
    ----------
    catalog : Catalog
    name : str
        Or an alias.
    """
    accelerator = catalog.accelerator(name)
    known = catalog.resolve("accelerators", name)
    for kind in RENTS:
        if catalog.has("prices", known, kind):
            return Machine(accelerator, catalog.value("prices", known, kind))
    return Machine(accelerator, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What a pool gets done, draws and costs, all over the window in which requests arrive.

    Where that is shorter than one stay of a request, the window is the whole run. `note` says what
    must be known of a window that is too short; it is empty for others.

    `kv_share` is the share of the KV cache of the replicas that decode which running sequences
    fill on average, each with its mean context; `kv_peak` the most that one of them held, promised
    tokens included.
    """

    window: float = quantity("s")
    window_is_short: bool
    note: str
    requests_per_second: float = quantity("request/s")
    prompt_tokens_per_second: float = quantity("token/s")
    output_tokens_per_second: float = quantity("token/s")
    output_tokens_per_second_per_accelerator: float = quantity("token/s")
    saturated: bool
    waiting: float = quantity("request")
    mean_batch: float = quantity("1")
    kv_share: float = quantity("1")
    kv_peak: float = quantity("1")
    preemptions: int = quantity("1")
    utilisation: float = quantity("1")
    utilisation_by_kind: list[float]
    it_watts: float = quantity("W")
    it_watts_per_accelerator: float = quantity("W")
    output_tokens_per_joule: float = quantity("token/J")
    usd_per_second: float | None = quantity("USD/s")
    usd_per_output_token: float | None = quantity("USD/token")


def performance(
    load: ServingLoad,
    machine: Machine,
    steps: tuple[StepModel, ...],
    demand: Demand,
    pool: Pool,
    counts: tuple[int, ...],
    trial: Trial,
) -> Performance:
    """Return throughput, load, watts and money of a trial.

    Parameters
    ----------
    load : ServingLoad
    machine : Machine
    steps : tuple of StepModel
        Of each kind of replicas.
    demand : Demand
    pool : Pool
    counts : tuple of int
        Replicas of each kind.
    trial : Trial
        Of this demand on these replicas.
    """
    run, each = trial.run, np.arange(len(trial.trace))
    window = window_of(run, each, 0.0, trial.span, trial.skip, trial.saturated)
    trial = trial._replace(span=window.end)
    done = throughput(run, 0.0, window.end, trial.skip)
    lengths = mean_lengths(demand.trace)
    bins = spent(demand, pool, counts, trial)
    busy = bins["prefill_seconds"] + bins["decode_seconds"]
    sizes = np.array([step.n_accelerators for step in steps]) * np.array(counts)
    watts = _watts(load, machine.accelerator, steps, lengths, bins)
    it_watts, n = float(np.dot(watts, sizes)), int(sizes.sum())
    tokens = done["output_tokens_per_second"]
    rent = None if machine.rent is None else machine.rent * n
    running = float(bins["batch_seconds"][-1] / bins["on_seconds"][-1])
    return Performance(
        window=window.span,
        window_is_short=window.is_short,
        note=window.text if window.is_short else "",
        **done,
        **_cache(steps[-1], counts, trial, running, lengths.context),
        output_tokens_per_second_per_accelerator=tokens / n,
        saturated=trial.saturated,
        waiting=trial.waiting,
        mean_batch=float(bins["batch_seconds"][-1] / max(busy[-1], 1e-300)),
        preemptions=trial.run.preemptions,
        utilisation=float(np.dot(busy / bins["on_seconds"], sizes) / n),
        utilisation_by_kind=(busy / bins["on_seconds"]).tolist(),
        it_watts=it_watts,
        it_watts_per_accelerator=it_watts / n,
        output_tokens_per_joule=tokens / it_watts,
        usd_per_second=rent,
        usd_per_output_token=None if rent is None or not tokens else rent / tokens,
    )


def _cache(
    step: StepModel, counts: tuple[int, ...], trial: Trial, running: float, context: float
) -> dict[str, float]:
    """Return how full the KV cache of the replicas that decode is: mean, and most ever held."""
    peak = float(trial.run.replicas["peak_kv_tokens"][-counts[-1] :].max())
    return {
        "kv_share": running * context / step.kv_capacity_tokens,
        "kv_peak": peak / step.kv_capacity_tokens,
    }


def _watts(
    load: ServingLoad, machine: Accelerator, steps: tuple[StepModel, ...], lengths: MeanLengths,
    bins: Records,
) -> list[float]:  # fmt: skip
    """Return the IT watts of an accelerator of each kind, its part of the node included.

    The FLOP of the tokens over the dense peak, and the bytes that are read over the memory
    bandwidth, both while a step is in progress.
    """
    watts, work = [], token_work(load, lengths)
    for step, row in zip(steps, bins, strict=True):
        seconds = float(row["prefill_seconds"] + row["decode_seconds"])
        share = min(seconds / float(row["on_seconds"]), 1.0)
        busy = max(seconds, 1e-300) * step.n_accelerators
        read, written = float(row["prefill_tokens"]), float(row["decode_tokens"])
        flop = read * work.prefill + written * work.decode
        compute = min(flop / (busy * machine.peak(load.weight_dtype)), 1.0)
        bandwidth = bandwidth_in_use(step, row, work.context)
        chip = accelerator_watts(machine, compute, bandwidth, share)
        watts.append(node_watts(machine, chip, share))
    return watts
