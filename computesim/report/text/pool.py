"""What `simulate` found, as a page of text."""

from __future__ import annotations

from typing import Any

from computesim.report.text.tables import columns
from computesim.units import show

_PERCENTILES = (50, 90, 99)
_LATENCIES = (("TTFT", "ttft"), ("TPOT", "tpot"), ("end to end", "e2e"))


def text(found: dict[str, Any]) -> str:
    """Return what `play` found as a page of text.

    Parameters
    ----------
    found : dict
    """
    tables = [columns(_asked(found)), columns(_latencies(found))]
    if found["classes"]:
        tables.append(columns(_classes(found["classes"])))
    return "\n\n".join((*tables, columns(_done(found))))


def _asked(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines on machines and requests."""
    pool, step, asked, figures = (found[k] for k in ("pool", "step", "requests", "figures"))
    degrees = ", ".join(f"{name} {pool[name]}" for name in ("tp", "ep", "pp", "dp"))
    source = f"of trace {asked['trace']}" if asked["trace"] else "drawn"
    prefill = f" and {pool['prefill_replicas']} that only read" if pool["prefill_replicas"] else ""
    rate = "" if asked["closed"] else f", {asked['rate']:.4g}/s"  # there it is a result
    rows = [
        ("pool", f"{pool['replicas']} replicas{prefill} of {pool['accelerators_per_replica']} x "
                 f"{pool['accelerator']} ({degrees}), {pool['routing']}"),
        ("model", f"{pool['model']} in {pool['dtype']}"),
        ("requests", f"{figures['requests']:,.0f} {source}{rate}, prompt "
                     f"{asked['prompt_tokens']:,.0f} ({asked['cached_tokens']:,.0f} cached), "
                     f"output {asked['output_tokens']:,.0f} tokens"),
        ("pattern", asked["pattern"]),
        ("decode step", f"{_ms(step['decode_one'])} for 1 sequence, {_ms(step['decode_full'])} "
                        f"for {step['full_batch']} (context {step['context']:,.0f}; "
                        f"{_ms(step['fixed'])} of it fixed)"),
        ("prefill", f"{_ms(step['prefill'])} for a mean prompt alone"),
        ("KV cache", _cache(pool, step, figures)),
    ]  # fmt: skip
    if "transfer_per_token" in step:
        seconds = step["transfer_fixed"] + step["transfer_per_token"] * asked["prompt_tokens"]
        rows.append(("transfer", f"{_ms(seconds)} for the cache of a mean prompt"))
    return [row for row in rows if row[1]]


def _cache(pool: dict[str, Any], step: dict[str, Any], figures: dict[str, Any]) -> str:
    """Return what is in the KV cache."""
    most = figures["peak_kv_tokens"] / step["kv_capacity_tokens"]
    text = f"{step['kv_capacity_tokens']:,.0f} tokens a replica, at most {most:.0%} taken; "
    text += {
        "promise": "promised to whole outputs",
        "recompute": f"{figures['preemptions']:,} preemptions, computed again",
        "swap": f"{figures['preemptions']:,} preemptions, swapped",
    }[pool["when_full"]]
    if "prefix_cache_tokens" in step:
        text += f"; {step['prefix_cache_tokens']:,.0f} tokens of prefixes besides"
    return text


def _latencies(found: dict[str, Any]) -> list[list[str]]:
    """Return the table of latencies."""
    figures, tasks = found["figures"], found["tasks"]
    head = ["", *(f"p{p}" for p in _PERCENTILES), "mean"]
    rows = [
        [name, *(_ms(figures[f"{key}_p{p}"]) for p in _PERCENTILES), _mean(figures, key)]
        for name, key in _LATENCIES
    ]
    if tasks:
        rows.append([tasks["name"], *(_ms(tasks[f"p{p}"]) for p in _PERCENTILES),
                     _ms(tasks["mean"])])  # fmt: skip
    return [head, *rows]


def _mean(figures: dict[str, Any], key: str) -> str:
    """Return a mean with the half-width of its interval."""
    half = figures[f"{key}_half_width"]
    margin = "" if half in (float("inf"), 0.0) else f" ± {_ms(half)}"
    return _ms(figures[f"{key}_mean"]) + margin


def _classes(classes: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Return the table of classes."""
    shown = [(f"{n} p{p}", f"{key}_p{p}") for n, key in _LATENCIES for p in (50, 90)]
    rows = [
        [name, f"{found['requests']:,}", *(_ms(found[key]) for _, key in shown),
         f"{found['cached_share']:.0%}"]
        for name, found in classes.items()
    ]  # fmt: skip
    return [["class", "requests", *(title for title, _ in shown), "cached"], *rows]


def _done(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines on throughput, load, energy and the promise."""
    figures = found["figures"]
    each = figures["output_tokens_per_second_per_accelerator"]
    backlog = "yes: the backlog grows, latencies depend on the length of the run"
    rows = [
        ("judged", f"{figures['judged']:,.0f} requests, arrivals from {_ms(figures['warm_up'])} "
                   "on; what is not finished counts as infinitely late"),
        ("throughput", f"{figures['requests_per_second']:.4g} requests/s, "
                       f"{figures['output_tokens_per_second']:,.0f} output tokens/s, "
                       f"{each:,.1f} per accelerator"),
        ("utilisation", f"{figures['utilisation']:.0%} of the time paid for with a step in "
                        "progress"),
        ("mean batch", f"{figures['mean_batch']:.1f} sequences of a busy replica"),
        ("cached", f"{figures['cached_share']:.1%} of prompt tokens"),
        ("failures", f"{figures['failures']:,}" if figures["failures"] else ""),
        ("saturated", backlog if figures["saturated"] else "no"),
    ]  # fmt: skip
    rows += [*_energy(found), *_promise(found)]
    rows += [("written", file) for file in found.get("files", ())]
    return [row for row in rows if row[1]]


def _energy(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines on power and energy."""
    if "energy" not in found:
        return []
    own = found["energy"]
    total = sum(own["joules"].values())
    phases = ", ".join(f"{name} {part / total:.0%}" for name, part in own["joules"].items())
    return [
        ("power", f"{show(own['watts'], 'W')} at the meter of {own['site']}, at most "
                  f"{show(own['peak_watts'], 'W')}; energy by phase: {phases}"),
        ("energy", f"{show(own['joules_per_output_token'], 'J')} an output token, "
                   f"{show(own['joules_per_request'], 'J')} a request"),
    ]  # fmt: skip


def _promise(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines on the service level."""
    figures, promise = found["figures"], found["promise"]
    if not promise:
        return []
    terms = []
    for name, level in promise.items():
        levels = level if isinstance(level, dict) else {"": level}
        if name != "kept":
            terms += [f"p90 {name.upper()} {k} within {_ms(v)}".replace("  ", " ")
                      for k, v in levels.items()]  # fmt: skip
    return [
        ("goodput", f"{figures['goodput_requests_per_second']:.4g} requests/s, "
                    f"{figures['goodput_tokens_per_second']:,.0f} output tokens/s: "
                    f"{figures['within_level']:.1%} of requests within the level"),
        ("promise", f"{', '.join(terms)}: {'kept' if promise['kept'] else 'MISSED'}"),
    ]  # fmt: skip


def _ms(seconds: float) -> str:
    """Return a time with three digits in s or ms; never for what did not come."""
    if seconds == float("inf"):
        return "never"
    if seconds == 0.0 or seconds >= 1.0:
        return f"{seconds:,.3g} s" if seconds < 1e3 else f"{seconds:,.0f} s"
    return f"{1e3 * seconds:.3g} ms"
