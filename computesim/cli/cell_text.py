"""What `simulate` found, as a page of text."""

from __future__ import annotations

from typing import Any

from computesim.cli.cell import Promise
from computesim.cli.output import columns

_PERCENTILES = (50, 90, 99)


def text(found: dict[str, Any]) -> str:
    """Return what `play` found as a page of text.

    Parameters
    ----------
    found : dict
    """
    pool, step, asked, figures = (found[k] for k in ("pool", "step", "requests", "figures"))
    degrees = ", ".join(f"{name} {pool[name]}" for name in ("tp", "ep", "pp", "dp"))
    source = f"trace {asked['trace']}" if asked["trace"] else "drawn"
    rows = [
        ("pool", f"{pool['replicas']} replicas of {pool['accelerators_per_replica']} x "
                 f"{pool['accelerator']} ({degrees})"),
        ("model", f"{pool['model']} in {pool['dtype']}"),
        ("requests", f"{figures['requests']:,.0f} {source}, {asked['rate']:.4g}/s, prompt "
                     f"{asked['prompt_tokens']:,.0f} ({asked['cached_tokens']:,.0f} cached), "
                     f"output {asked['output_tokens']:,.0f} tokens"),
        ("decode step", f"{_ms(step['decode_one'])} for 1 sequence, {_ms(step['decode_full'])} "
                        f"for {step['full_batch']} (context {step['context']:,.0f}; "
                        f"{_ms(step['fixed'])} of it fixed)"),
        ("prefill", f"{_ms(step['prefill'])} for a mean prompt alone"),
        ("KV cache", f"{step['kv_capacity_tokens']:,.0f} tokens a replica, at most "
                     f"{figures['peak_kv_tokens'] / step['kv_capacity_tokens']:.0%} reserved"),
    ]  # fmt: skip
    head = ["", *(f"p{p}" for p in _PERCENTILES)]
    latency = [
        [name, *(_ms(figures[f"{key}_p{p}"]) for p in _PERCENTILES)]
        for name, key in (("TTFT", "ttft"), ("TPOT", "tpot"), ("end to end", "e2e"))
    ]
    return "\n\n".join((columns(rows), columns([head, *latency]), columns(_done(found))))


def _done(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines on throughput, load and the promise."""
    figures, promise = found["figures"], found["promise"]
    each = figures["output_tokens_per_second_per_accelerator"]
    backlog = "yes: the backlog grows, latencies depend on the length of the run"
    rows = [
        ("throughput", f"{figures['requests_per_second']:.4g} requests/s, "
                       f"{figures['output_tokens_per_second']:,.0f} output tokens/s, "
                       f"{each:,.1f} per accelerator"),
        ("utilisation", f"{figures['utilisation']:.0%} of the time with a step in progress"),
        ("mean batch", f"{figures['mean_batch']:.1f} sequences of a busy replica"),
        ("saturated", backlog if figures["saturated"] else "no"),
    ]  # fmt: skip
    if promise:
        terms = (
            f"p90 {n.upper()} within {_ms(promise[n])}" for n in Promise._fields if n in promise
        )
        rows.append(("promise", f"{', '.join(terms)}: {'kept' if promise['kept'] else 'MISSED'}"))
    return rows


def _ms(seconds: float) -> str:
    """Return a time with three digits in s or ms."""
    return f"{seconds:,.3g} s" if seconds >= 1.0 else f"{1e3 * seconds:.3g} ms"
