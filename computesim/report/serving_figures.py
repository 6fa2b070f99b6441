"""The charts of one simulated pool: watts by phase and running sequences over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from computesim.report.chart import Chart, Series
from computesim.report.scales import scaled
from computesim.report.text.tables import write_table
from computesim.report.theme import CYCLE, PART_COLOURS, REMAINDER
from computesim.study.pool.answer import PoolAnswer

MOST_POINTS = 120  #: along the axis; more intervals are averaged
_PHASES = {
    "prefill": PART_COLOURS["Prompt"],
    "decode": PART_COLOURS["Reasoning"],
    "idle": REMAINDER,
}
Numbers = npt.NDArray[np.float64]


def write_timeline(answer: PoolAnswer, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write `timeline.csv` and the charts of power and of the running batch.

    Parameters
    ----------
    answer : PoolAnswer
        With a timeline.
    folder : Path
        Made when it is not there.
    formats : sequence of str
        Of svg, png and pdf.
    """
    from computesim.report.export import draw

    assert answer.timeline is not None
    assert answer.energy is not None
    columns = answer.timeline
    table = write_table(folder / "timeline.csv", [columns, *zip(*columns.values(), strict=True)])
    names = list(dict.fromkeys(columns["pool"]))

    def by_pool(name: str) -> Numbers:
        return np.asarray(columns[name], dtype=np.float64).reshape(len(names), -1)

    watts = {phase: by_pool(f"{phase}_watts").sum(axis=0).tolist() for phase in _PHASES}
    shown = [{"all": "Running"}.get(name, name.capitalize()) for name in names]
    running = dict(zip(shown, by_pool("running").tolist(), strict=True))
    pool, trace = answer.pool, answer.requests.trace
    title = f"{pool.accelerators} x {pool.accelerator} that serve {pool.model}"
    requests = f"requests of {Path(trace).name}" if trace else "drawn requests"
    source = f"computesim simulate, {requests}, PUE of {answer.energy.site}"
    charts = pool_charts(columns["seconds"][0], watts, running, title, source)
    return [table, *draw(charts, folder, formats)]


def pool_charts(
    width: float,
    watts: Mapping[str, Sequence[float]],
    running: Mapping[str, Sequence[float]],
    title: str,
    source: str,
) -> list[Chart]:
    """Return the charts of power and of running sequences over time.

    Parameters
    ----------
    width : float, s
        Of an interval.
    watts : mapping of str to sequence of float, shape (n,), W
        At the meter, by phase: prefill, decode, idle.
    running : mapping of str to sequence of float, shape (n,)
        Mean number of running sequences of each pool.
    title : str
        What serves.
    source : str
        The source line.
    """
    n = len(next(iter(watts.values())))
    group = -(-n // MOST_POINTS)
    seconds = np.arange(0, n, group, dtype=np.float64) * width
    unit, x = _clock(seconds)
    phases = {name: _averaged(values, group) for name, values in watts.items()}
    scale, watt = scaled("W", max(sum(phases.values(), np.zeros(len(x))).max(), 1.0))
    every = f"Means of {group * width:g} s."
    power = Chart(
        key="power",
        title=f"Power of {title}",
        question="What does the pool draw while it reads prompts, decodes and waits?",
        kind="stacked-area",
        y_label=f"Power at the meter, {watt}",
        counts="Accelerators with their share of node, cluster and facility.",
        source=source,
        x=x,
        x_label=f"Time, {unit}",
        series=tuple(
            Series(name.capitalize(), tuple((values / scale).tolist()), _PHASES[name])
            for name, values in phases.items()
        ),
        notes=(every,),
    )
    batch = Chart(
        key="running-batch",
        title=f"Running sequences of {title}",
        question="How many sequences are being served at once?",
        kind="lines",
        y_label="Running sequences, all replicas",
        counts="Sequences that have a place in a KV cache: their prompt is read, or they decode.",
        source=source,
        x=x,
        x_label=f"Time, {unit}",
        series=tuple(
            Series(name, tuple(_averaged(values, group).tolist()), CYCLE[k], line=True)
            for k, (name, values) in enumerate(running.items())
        ),
        notes=(every,),
    )
    return [power, batch]


def _averaged(values: Sequence[float], group: int) -> Numbers:
    array = np.asarray(values, dtype=np.float64)
    starts = np.arange(0, array.size, group)
    size = np.minimum(starts + group, array.size) - starts
    return np.asarray(np.add.reduceat(array, starts) / size)


def _clock(seconds: Numbers) -> tuple[str, tuple[str, ...]]:
    """Return how times are read, and the times: `h:min`, `min:s`, or seconds."""
    last = float(seconds[-1])
    if last <= 120.0 or np.any(seconds % 1.0):
        return "s", tuple(f"{t:g}" for t in seconds)
    unit, name = (60, "h:min") if last > 2 * 3600 else (1, "min:s")
    whole = (seconds // unit).astype(int).tolist()
    return name, tuple(f"{t // 60}:{t % 60:02d}" for t in whole)
