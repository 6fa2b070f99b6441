"""All layouts of a training job beside each other, with why the others lose."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.layout import LayoutGrid, TrainingLayout
from computesim.hardware.training_job import TrainingJob
from computesim.quantities import TrainingLoad
from computesim.records import quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One layout, and why it is not the best one."""

    layout: TrainingLayout
    accelerators: int  #: that it uses; the others idle
    step_seconds: float = quantity("s")
    mfu: float = quantity("1")
    tokens_per_second_per_accelerator: float = quantity("token/s")
    bubble: float = quantity("1")
    exposed: float = quantity("1")
    memory_bytes: float = quantity("B")
    capacity_bytes: float = quantity("B")
    host_bytes: float = quantity("B")
    fits: bool
    short_by_bytes: float = quantity("B")
    verdict: str


@dataclass(frozen=True, slots=True)
class LayoutTable:
    """Every layout of a job, the fastest that fits first, then by how much they do not fit."""

    load: TrainingLoad
    accelerator: Accelerator
    n_accelerators: int  #: paid for
    tokens: float  #: of one step
    grid: LayoutGrid
    seconds: Floats  #: s/step, shape (k,) like all below
    compute: Floats  #: s/step
    exposed: Floats  #: collectives that nothing hides, s/step
    bubble: Floats  #: share of the pipeline time
    optimiser: Floats  #: s/step
    memory: Floats  #: bytes on the fullest accelerator
    capacity: float  #: bytes that the runtime leaves
    host: Floats  #: bytes in host memory of one accelerator
    shortage: Floats  #: bytes that do not fit, 0 where all does

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def n_fitting(self) -> int:
        """Layouts that fit; they come first."""
        return int(np.count_nonzero(self.shortage == 0))

    @property
    def used(self) -> npt.NDArray[np.int64]:
        """Accelerators that each layout uses; the others idle."""
        return self.grid.n_accelerators

    @property
    def mfu(self) -> Floats:
        """Model FLOP ÷ dense bf16 peak of all accelerators paid for."""
        peak = self.accelerator.peak("bf16") * self.n_accelerators
        return np.asarray(self.load.flop_per_token * self.tokens / (self.seconds * peak))

    @property
    def tokens_per_second(self) -> Floats:
        """Tokens per second and accelerator paid for."""
        return np.asarray(self.tokens / self.seconds / self.n_accelerators)

    def layout(self, index: int) -> TrainingLayout:
        """Return one layout."""
        return self.grid.at(index)

    def parts(self, index: int) -> Mapping[str, float]:
        """Return where the seconds of a step go.

        Parameters
        ----------
        index : int
            Row of the table.

        Returns
        -------
        mapping of str to float, s
            compute, exposed, optimiser, and bubble: what is left (waiting stages and jitter).
        """
        named = {n: float(getattr(self, n)[index]) for n in ("compute", "exposed", "optimiser")}
        return named | {"bubble": max(float(self.seconds[index]) - sum(named.values()), 0.0)}

    def verdict(self, index: int) -> str:
        """Return in plain words why a layout is not the best one, or that it is."""
        if self.shortage[index] > 0:
            where = " of host memory" if self.memory[index] <= self.capacity else ""
            return f"does not fit, by {max(self.shortage[index] / 1e9, 0.1):.1f} GB{where}"
        if index == 0:
            return "the fastest that fits"
        best, own = self.parts(0), self.parts(index)
        worst = max(own, key=lambda part: own[part] - best[part])
        slower = self.seconds[index] / self.seconds[0] - 1.0
        if slower < 5e-4:
            return "as fast as the best"
        return f"{slower * 100:.1f} % slower: {self._cause(worst, index)}"

    def _cause(self, part: str, index: int) -> str:
        """Return the words for the part in which a layout loses most."""
        if part == "bubble":
            return f"pipeline bubble {self.bubble[index] * 100:.0f} %"
        if part == "exposed":
            share = self.exposed[index] / self.seconds[index]
            return f"exposed communication {share * 100:.0f} %"
        if part == "optimiser":
            return "optimiser step on the host" if self.grid.offload[index] else "optimiser step"
        return f"compute, {self._more_compute(index)}"

    def _more_compute(self, index: int) -> str:
        """Return why a layout computes longer than the best one."""
        grid = self.grid
        if grid.recompute[index] > grid.recompute[0]:
            return f"{self.layout(index).recompute} recomputation"
        if self.used[index] < self.used[0]:
            return f"{self.n_accelerators - int(self.used[index]):,} accelerators idle"
        layers, pieces = self.load.n_layers, int(grid.pp[index] * grid.vp[index])
        if layers % pieces:
            return f"{layers} layers do not divide into {pieces} pieces"
        return "smaller matrices or half-full microbatches"

    def reasons(self) -> dict[str, int]:
        """Return how many layouts lose for which reason.

        Returns
        -------
        dict of str to int
            does not fit, bubble, exposed communication, compute, optimiser.
        """
        fit = self.shortage == 0
        own = np.array([self.compute, self.exposed, self.optimiser])
        own = np.vstack([own, self.seconds - own.sum(axis=0)])
        names = ("compute", "exposed communication", "optimiser", "bubble")
        counts = {"does not fit": int(np.count_nonzero(~fit))}
        if fit.any():
            losers = np.flatnonzero(fit)[1:]
            worst = np.argmax(own[:, losers] - own[:, :1], axis=0)
            counts |= {n: int(np.count_nonzero(worst == i)) for i, n in enumerate(names)}
        return counts

    def rows(self, top: int) -> Iterator[Ranked]:
        """Yield the first rows of the table.

        Parameters
        ----------
        top : int
            At most so many.
        """
        mfu, rate = self.mfu, self.tokens_per_second
        for index in range(min(top, len(self))):
            yield Ranked(
                layout=self.layout(index),
                accelerators=int(self.used[index]),
                step_seconds=float(self.seconds[index]),
                mfu=float(mfu[index]),
                tokens_per_second_per_accelerator=float(rate[index]),
                bubble=float(self.bubble[index]),
                exposed=float(self.exposed[index] / self.seconds[index]),
                memory_bytes=float(self.memory[index]),
                capacity_bytes=self.capacity,
                host_bytes=float(self.host[index]),
                fits=bool(self.shortage[index] == 0),
                short_by_bytes=float(self.shortage[index]),
                verdict=self.verdict(index),
            )


def layout_text(layout: TrainingLayout) -> str:
    """Return a layout in a few words, degrees of one left out.

    Parameters
    ----------
    layout : TrainingLayout
    """
    degrees = {name: getattr(layout, name) for name in ("tp", "pp", "vp", "cp", "ep", "dp")}
    words = [f"{name}{degree}" for name, degree in degrees.items() if degree > 1]
    words += [f"zero{layout.zero}", f"mb{layout.microbatch}"]
    again = {"none": "", "selective": "sel", "full": "full"}[layout.recompute]
    words += [f"recompute-{again}"] if again else []
    words += [f"offload-{layout.offload}"] if layout.offload != "none" else []
    return " ".join(words)


def rank_layouts(job: TrainingJob, n_accelerators: int, offload: str = "auto") -> LayoutTable:
    """Return all candidate layouts of a job, ranked.

    Parameters
    ----------
    job : TrainingJob
    n_accelerators : int
        At hand; a layout may leave some of them idle, which its MFU pays for.
    offload : str
        auto tries host memory where nothing fits without; see `TrainingJob.layouts`.

    Returns
    -------
    LayoutTable
        The fastest that fits first; those that do not fit last, the least short one first.

    Raises
    ------
    CapacityError
        If the accelerators have no network for a job of this size.

    Notes
    -----
    All candidates are evaluated at once in numpy; the first row is that of
    `hardware.parallel.best_layout`.
    """
    accelerator = job.accelerator
    limit = reach(accelerator)
    if n_accelerators > limit:
        raise CapacityError(
            f"no layout joins {n_accelerators} x {accelerator.name}: without a network a job has "
            f"at most {limit:.0f}"
        )
    grid = job.layouts(n_accelerators, offload)
    if not len(grid):
        raise CapacityError(f"no layout is possible on {n_accelerators} x {accelerator.name}")
    return _ranked(job, grid, n_accelerators)


def reach(accelerator: Accelerator) -> float:
    """Return how many accelerators a job can have: those of a domain where there is no NIC.

    Parameters
    ----------
    accelerator : Accelerator
        The machine.
    """
    if accelerator.nic_bandwidth > 0:
        return math.inf
    return float(accelerator.scaleup_domain) if accelerator.scaleup_bandwidth > 0 else 1.0


def _ranked(job: TrainingJob, grid: LayoutGrid, n_accelerators: int) -> LayoutTable:
    """Return the evaluated layouts of a grid in the order of the table."""
    times, memory = job.times(grid), job.memory(grid)
    shortage = memory.shortage
    order = np.lexsort((times.total, shortage))
    return LayoutTable(
        load=job.load,
        accelerator=job.accelerator,
        n_accelerators=n_accelerators,
        tokens=job.batch_tokens,
        grid=LayoutGrid(*(getattr(grid, f.name)[order] for f in fields(grid))),
        seconds=times.total[order],
        compute=times.compute[order],
        exposed=times.exposed[order],
        bubble=times.bubble[order],
        optimiser=times.optimiser[order],
        memory=memory.total[order],
        capacity=memory.capacity,
        host=memory.host[order],
        shortage=shortage[order],
    )
