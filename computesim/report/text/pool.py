"""What `simulate` answers, as a page of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from computesim.quantities import ENGINES
from computesim.report.text.tables import columns
from computesim.study.pool.answer import PoolAnswer, TaskFigures
from computesim.units import show

_PERCENTILES = (50, 90, 99)
_LATENCIES = (("TTFT", "ttft"), ("TPOT", "tpot"), ("end to end", "e2e"))
Line = tuple[str, str]


def text(answer: PoolAnswer) -> str:
    """Return the answer as a page of text.

    Parameters
    ----------
    answer : PoolAnswer
    """
    blocks: list[Sequence[Sequence[str]]] = [
        [line for line in _asked(answer) if line[1]],
        _latencies(answer),
    ]
    if answer.classes:
        blocks.append(_classes(answer))
    blocks.append([line for line in _done(answer) if line[1]])
    return "\n\n".join(map(columns, blocks))


def _asked(answer: PoolAnswer) -> Iterator[Line]:
    """Yield what must be known first, and the lines on machines and requests."""
    pool, step, requests = answer.pool, answer.step, answer.requests
    for remark in answer.remarks:
        yield "note", remark
    degrees = ", ".join(f"{name} {getattr(pool, name)}" for name in ("tp", "ep", "pp", "dp"))
    prefill = f" and {pool.prefill_replicas} that only read" if pool.prefill_replicas else ""
    yield "pool", (f"{pool.replicas} replicas{prefill} of {pool.accelerators_per_replica} x "
                   f"{pool.accelerator} ({degrees}), {pool.routing}")  # fmt: skip
    served = "" if pool.engine == ENGINES[0] else f", served by {pool.engine}"
    yield "model", f"{pool.model} in {pool.dtype}{served}"
    source = f"of trace {requests.trace}" if requests.trace else "drawn"
    rate = "" if requests.closed else f", {requests.rate:.4g}/s"  # there it is a result
    each = f" of each of its {_sequences(answer)}" if _is_several(answer) else ""
    yield "requests", (f"{answer.figures.requests:,.0f} {source}{rate}, prompt "
                       f"{requests.prompt_tokens:,.0f} ({requests.cached_tokens:,.0f} cached), "
                       f"output {requests.output_tokens:,.0f} tokens{each}")  # fmt: skip
    yield "pattern", requests.pattern
    yield "decode step", (f"{_time(step.decode_one)} for 1 sequence, {_time(step.decode_full)} "
                          f"for {step.full_batch} (context {step.context:,.0f}; "
                          f"{_time(step.fixed)} of it fixed)")  # fmt: skip
    yield "prefill", f"{_time(step.prefill)} for a mean prompt alone"
    yield "KV cache", _cache(answer)
    if step.transfer_fixed is not None and step.transfer_per_token is not None:
        seconds = step.transfer_fixed + step.transfer_per_token * requests.prompt_tokens
        yield "transfer", f"{_time(seconds)} for the cache of a mean prompt"


def _is_several(answer: PoolAnswer) -> bool:
    """Tell whether a request is several sequences."""
    return answer.requests.sequences_per_request > 1


def _sequences(answer: PoolAnswer) -> str:
    """Return how many sequences a request is."""
    return f"{answer.requests.sequences_per_request:,} sequences"


def _cache(answer: PoolAnswer) -> str:
    step, figures = answer.step, answer.figures
    most = figures.peak_kv_tokens / step.kv_capacity_tokens
    words = f"{step.kv_capacity_tokens:,.0f} tokens a replica, at most {most:.0%} taken; "
    words += {
        "promise": "promised to whole outputs",
        "recompute": f"{figures.preemptions:,} preemptions, computed again",
        "swap": f"{figures.preemptions:,} preemptions, swapped",
    }[answer.pool.when_full]
    if step.prefix_cache_tokens is not None:
        words += f"; {step.prefix_cache_tokens:,.0f} tokens of prefixes besides"
    return words


def _latencies(answer: PoolAnswer) -> list[list[str]]:
    figures, tasks = answer.figures, answer.tasks
    rows = [["of a sequence" if _is_several(answer) else "", *(f"p{p}" for p in _PERCENTILES),
             "mean"]]  # fmt: skip
    for name, key in _LATENCIES:
        half = getattr(figures, f"{key}_half_width")
        margin = "" if half in (float("inf"), 0.0) else f" ± {_time(half)}"
        seen = [_time(getattr(figures, f"{key}_p{p}")) for p in _PERCENTILES]
        rows.append([name, *seen, _time(getattr(figures, f"{key}_mean")) + margin])
    if not isinstance(tasks, TaskFigures):
        return rows
    return [*rows, [tasks.name, *map(_time, (tasks.p50, tasks.p90, tasks.p99, tasks.mean))]]


def _classes(answer: PoolAnswer) -> list[list[str]]:
    shown = {f"{name} p{p}": f"{key}_p{p}" for name, key in _LATENCIES for p in (50, 90)}
    rows = [["class", "requests", *shown, "cached"]]
    for name, seen in answer.classes.items():
        times = (_time(seen[key]) for key in shown.values())
        rows.append([name, f"{seen['requests']:,.0f}", *times, f"{seen['cached_share']:.0%}"])
    return rows


def _done(answer: PoolAnswer) -> Iterator[Line]:
    """Yield the lines on throughput, load, energy and the promise."""
    f = answer.figures
    yield "judged", (f"{f.judged:,.0f} requests, arrivals from {_time(f.warm_up)} on; what is not "
                     "finished counts as infinitely late")  # fmt: skip
    yield "window", (f"{_time(f.window_start)} to {_time(f.window_end)}: rates, watts and energy; "
                     f"{f.window_ended:,.4g} requests end in it"
                     f"{', too short' if f.window_is_short else ''}")  # fmt: skip
    each = f"{f.sequences_per_second:.4g} sequences/s, " if _is_several(answer) else ""
    yield "throughput", (f"{f.requests_per_second:.4g} requests/s, {each}"
                         f"{f.output_tokens_per_second:,.0f} output tokens/s, "
                         f"{f.output_tokens_per_second_per_accelerator:,.1f} per accelerator"
                         )  # fmt: skip
    yield "utilisation", f"{f.utilisation:.0%} of the time paid for with a step in progress"
    yield "mean batch", f"{f.mean_batch:.1f} sequences of a busy replica"
    yield "cached", f"{f.cached_share:.1%} of prompt tokens"
    yield "failures", f"{f.failures:,}" if f.failures else ""
    backlog = "yes: the backlog grows, latencies depend on the length of the run"
    yield "saturated", backlog if f.saturated else "no"
    yield from _energy(answer)
    yield from _promise(answer)
    for file in answer.files:
        yield "written", file


def _energy(answer: PoolAnswer) -> Iterator[Line]:
    energy = answer.energy
    if energy is None:
        return
    total = sum(energy.joules.values())
    phases = ", ".join(f"{name} {part / total:.0%}" for name, part in energy.joules.items())
    yield "power", (f"{show(energy.watts, 'W')} at the meter of {energy.site}, at most "
                    f"{show(energy.peak_watts, 'W')}; energy by phase: {phases}")  # fmt: skip
    each = f"{show(energy.joules_per_sequence, 'J')} a sequence, " if _is_several(answer) else ""
    yield "energy", (f"{show(energy.joules_per_output_token, 'J')} an output token, {each}"
                     f"{show(energy.joules_per_request, 'J')} a request")  # fmt: skip


def _promise(answer: PoolAnswer) -> Iterator[Line]:
    f, promise = answer.figures, answer.promise
    if not promise:
        return
    terms = []
    for name in [name for name in promise if name in ("ttft", "tpot")]:
        levels = promise[name] if isinstance(promise[name], dict) else {"": promise[name]}
        for kind, level in levels.items():
            term = f"p90 {name.upper()} {kind} within {_time(level)}".replace("  ", " ")
            seen = answer.classes.get(kind)
            p90 = seen[f"{name}_p90"] if seen else getattr(f, f"{name}_p90")
            terms.append(f"{term} ({_time(p90)})")
    what = "sequences" if _is_several(answer) else "requests"
    yield "goodput", (f"{f.goodput_requests_per_second:.4g} requests/s, "
                      f"{f.goodput_tokens_per_second:,.0f} output tokens/s: "
                      f"{f.within_level:.1%} of {what} within the level")  # fmt: skip
    yield "promise", f"{', '.join(terms)}: {_verdict(answer)}"


def _verdict(answer: PoolAnswer) -> str:
    """Return whether the promise is kept, and where the percentiles are, why it is not."""
    promise = answer.promise
    if promise["kept"]:
        return "kept"
    if not promise["saturated"]:
        return "MISSED"
    came, done = answer.requests.rate, answer.figures.requests_per_second
    rates = (
        "" if answer.requests.closed else f" ({came:.4g} requests/s come, {done:.4g} are served)"
    )
    return f"MISSED, the backlog grows{rates}"


def _time(seconds: float) -> str:
    """Return a time with three digits in s or ms; never for what did not come."""
    if seconds == float("inf"):
        return "never"
    if seconds == 0.0 or seconds >= 1.0:
        return f"{seconds:,.3g} s" if seconds < 1e3 else f"{seconds:,.0f} s"
    return f"{1e3 * seconds:.3g} ms"
