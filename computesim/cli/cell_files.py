"""A simulated pool as files: what it did over time, as a table, as charts, step by step."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from computesim.cli.cell import Played, Pool
from computesim.cli.traffic import Asked

if TYPE_CHECKING:
    from computesim.cells.serving_power import PowerTimeline
    from computesim.sim.steplog import StepLog

_MICRO = 1e6  # the format counts microseconds
_SECONDS = ("prefill_seconds", "decode_seconds", "compute_seconds", "memory_seconds", "on_seconds")
Event = dict[str, Any]


def pool_names(played: Played) -> tuple[str, ...]:
    """Return the names of the kinds of replicas of a timeline."""
    return ("prefill", "decode") if played.inputs.operation.decode_pool else ("all",)


def timeline_rows(played: Played, power: PowerTimeline) -> list[dict[str, Any]]:
    """Return what each pool did in each interval, in base units.

    Parameters
    ----------
    played : Played
        With a timeline.
    power : PowerTimeline
        Of it.

    Returns
    -------
    list of dict
        `pool`, `start_s`, `seconds`; seconds of work summed over replicas; `running` sequences
        and `replicas_on` on average; tokens; watts at the meter by phase, and of IT.
    """
    from computesim.cells.serving_power import PHASES

    timeline = played.run.timeline
    assert timeline is not None
    rows = []
    for k, pool in enumerate(pool_names(played)):
        for b, start in enumerate(timeline.start):
            cell, width = timeline.bins[k, b], timeline.width
            row = {"pool": pool, "start_s": float(start), "seconds": width}
            row |= {name: float(cell[name]) for name in _SECONDS}
            row["running"] = float(cell["batch_seconds"]) / width
            row["replicas_on"] = float(cell["on_seconds"]) / width
            row |= {n: float(cell[n]) for n in ("prefill_tokens", "decode_tokens")}
            watts = zip(PHASES, power.facility[k, :, b], strict=True)
            row |= {f"{phase}_watts": float(value) for phase, value in watts}
            row["it_watts"] = float(power.it[k, :, b].sum())
            rows.append(row)
    return rows


def write_timeline(
    folder: Path, formats: list[str], pool: Pool, played: Played, power: PowerTimeline, source: str
) -> list[Path]:
    """Write `timeline.csv` and the charts of power and of the running batch.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    formats : list of str
        Of svg, png and pdf.
    pool : Pool
    played : Played
    power : PowerTimeline
    source : str
        Line under the charts.

    Returns
    -------
    list of Path
    """
    from computesim.cells.serving_power import PHASES
    from computesim.report.export import draw
    from computesim.report.serving_figures import pool_charts
    from computesim.results.files import written_whole

    rows, path = timeline_rows(played, power), folder / "timeline.csv"
    with written_whole(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    timeline = played.run.timeline
    assert timeline is not None
    watts = dict(zip(PHASES, power.facility.sum(axis=0).tolist(), strict=True))
    batch = timeline.bins["batch_seconds"] / timeline.width
    names = [{"all": "Running"}.get(n, n.capitalize()) for n in pool_names(played)]
    running = dict(zip(names, batch.tolist(), strict=True))
    title = f"{pool.machines} x {pool.chip.name} that serve {pool.model}"
    charts = pool_charts(timeline.width, watts, running, title, source)
    return [path, *draw(charts, folder, formats)]


def write_chrome_trace(path: Path, asked: Asked, played: Played) -> Path:
    """Write every step and every request in the Trace Event Format.

    Parameters
    ----------
    path : Path
        A JSON file, for Perfetto or `chrome://tracing`.
    asked : Asked
    played : Played

    Returns
    -------
    Path

    Raises
    ------
    SimulationError
        If the run has too many steps to be looked at.
    """
    from computesim.results.files import write_text
    from computesim.sim.steplog import logged_serving

    log = logged_serving(**played.inputs.keywords(asked))
    events = [*_names(log, pool_names(played), played), *_steps(log), *_spans(log)]
    text = json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}, allow_nan=False)
    return write_text(path, text)


def _names(log: StepLog, pools: tuple[str, ...], played: Played) -> Iterator[Event]:
    """Yield the names of replicas; each is a process of the viewer."""
    for r in range(log.run.replicas.size):
        kind = pools[int(r >= played.inputs.n_replicas)]
        name = f"replica {r}" + ("" if kind == "all" else f" ({kind})")
        yield {"ph": "M", "name": "process_name", "pid": r, "tid": 0, "args": {"name": name}}
        yield {"ph": "M", "name": "process_sort_index", "pid": r, "tid": 0,
               "args": {"sort_index": r}}  # fmt: skip
        yield {"ph": "M", "name": "thread_name", "pid": r, "tid": 0, "args": {"name": "steps"}}


def _steps(log: StepLog) -> Iterator[Event]:
    """Yield complete events of the steps, and counters of what is in them."""
    for step in log.steps:
        place = {"pid": step.replica, "tid": 0, "ts": step.begin * _MICRO}
        tokens = {"decoding": step.decoding, "prompt_tokens": step.prompt_tokens}
        name = "prefill" if step.prompt_tokens else "decode"
        yield {"ph": "X", "cat": "step", "name": name, "dur": step.seconds * _MICRO,
               "args": tokens, **place}  # fmt: skip
        for counter, value in tokens.items():
            yield {"ph": "C", "name": counter, "args": {counter: value}, **place}


def _spans(log: StepLog) -> Iterator[Event]:
    """Yield nested asynchronous spans of the requests: queued, prefill, decode."""
    from computesim.sim.steplog import prefill_begin

    begin = prefill_begin(log)
    for i, request in enumerate(log.run.requests):
        arrival, first, finish = (float(request[n]) for n in ("arrival", "first", "finish"))
        if not np.isfinite(finish):
            continue
        read = float(begin[i])
        names = ("prompt_tokens", "cached_tokens", "output_tokens")
        spans = [(f"request {i}", arrival, finish, {n: int(request[n]) for n in names})]
        if np.isfinite(read):
            spans += [("queued", arrival, read, {}), ("prefill", read, first, {})]
        else:  # the steps do not tell when its reading began
            spans.append(("queued and prefill", arrival, first, {}))
        spans.append(("decode", first, finish, {}))
        yield from _nested(int(request["replica"]), i, spans)


def _nested(
    replica: int, i: int, spans: list[tuple[str, float, float, dict[str, int]]]
) -> Iterator[Event]:
    """Yield begins and ends of spans, the outer one around the others."""
    common = {"cat": "request", "id": i, "pid": replica, "tid": 1}
    (outer, start, end, about), *inner = spans
    yield {"ph": "b", "name": outer, "ts": start * _MICRO, "args": about, **common}
    for name, begin, stop, _ in inner:
        if stop > begin:
            yield {"ph": "b", "name": name, "ts": begin * _MICRO, **common}
            yield {"ph": "e", "name": name, "ts": stop * _MICRO, **common}
    yield {"ph": "e", "name": outer, "ts": end * _MICRO, **common}
