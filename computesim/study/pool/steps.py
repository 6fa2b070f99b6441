"""A simulated pool step by step, as a file for viewers of traces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from computesim.results.files import write_text
from computesim.sim.steplog import StepLog, logged_serving, prefill_begin
from computesim.study.pool.run import Played
from computesim.study.pool.timeline import pool_names

_MICRO = 1e6  # the format counts microseconds
Event = dict[str, Any]


def write_chrome_trace(path: Path, played: Played) -> Path:
    """Write every step and every request in the Trace Event Format.

    Parameters
    ----------
    path : Path
        A JSON file, for Perfetto or `chrome://tracing`.
    played : Played

    Raises
    ------
    SimulationError
        If the run has too many steps to be looked at.
    """
    log = logged_serving(**played.inputs.keywords())
    events = [*_names(log, pool_names(played), played), *_steps(log), *_spans(log)]
    text = json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}, allow_nan=False)
    return write_text(path, text)


def _names(log: StepLog, pools: tuple[str, ...], played: Played) -> Iterator[Event]:
    for r in range(log.run.replicas.size):
        kind = pools[int(r >= played.inputs.replicas.n)]
        name = f"replica {r}" + ("" if kind == "all" else f" ({kind})")
        yield {"ph": "M", "name": "process_name", "pid": r, "tid": 0, "args": {"name": name}}
        yield {"ph": "M", "name": "process_sort_index", "pid": r, "tid": 0,
               "args": {"sort_index": r}}  # fmt: skip
        yield {"ph": "M", "name": "thread_name", "pid": r, "tid": 0, "args": {"name": "steps"}}


def _steps(log: StepLog) -> Iterator[Event]:
    for step in log.steps:
        place = {"pid": step.replica, "tid": 0, "ts": step.begin * _MICRO}
        tokens = {"decoding": step.decoding, "prompt_tokens": step.prompt_tokens}
        name = "prefill" if step.prompt_tokens else "decode"
        yield {"ph": "X", "cat": "step", "name": name, "dur": step.seconds * _MICRO,
               "args": tokens, **place}  # fmt: skip
        for counter, value in tokens.items():
            yield {"ph": "C", "name": counter, "args": {counter: value}, **place}


def _spans(log: StepLog) -> Iterator[Event]:
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
