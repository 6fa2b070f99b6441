"""What `capacity` found, as plain data and as a page of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from computesim.report.text.tables import columns

if TYPE_CHECKING:
    from computesim.study.capacity.answers import Answer
    from computesim.study.capacity.demand import Question
    from computesim.study.capacity.front import FrontPoint

_NAMES = {"ttft": "TTFT", "tpot": "TPOT", "e2e": "end to end"}


def question_data(question: Question, model: str) -> dict[str, Any]:
    """Return what is asked, in base units.

    Parameters
    ----------
    question : Question
    model : str
    """
    trace = question.recorded
    classes = [
        {
            "name": one.name,
            **({} if trace is not None else {
                "rate": one.rate, "prompt_tokens": one.prompt_tokens,
                "output_tokens": one.output_tokens,
            }),
            "priority": one.priority,
            **one.level._asdict(),
        }
        for one in question.classes
    ]  # fmt: skip
    return {
        "model": model,
        "recorded_requests": 0 if trace is None else len(trace),
        "rate": question.rate,
        "clients": question.clients,
        "classes": classes,
    }


def answer_data(answer: Answer, question: Question) -> dict[str, Any]:
    """Return an answer in base units.

    Parameters
    ----------
    answer : Answer
    question : Question
    """
    names = [one.name for one in question.classes]
    layouts = answer.plant.layouts if answer.plant else ()
    return {
        "accelerator": answer.accelerator,
        "disaggregated": answer.split,
        "found": answer.plant is not None,
        "kept": answer.kept,
        "reason": answer.reason,
        "accelerators": answer.accelerators,
        "replicas": list(answer.counts),
        "layouts": [{d: getattr(one, d) for d in ("tp", "ep", "pp", "dp")} for one in layouts],
        "rate": answer.rate,
        "percentiles": [
            {
                "class": names[one.kind], "metric": one.metric,
                "share": question.classes[one.kind].level.share, "value": one.value,
                "limit": one.limit, "kept": one.kept,
            }
            for one in answer.outcomes
        ],
        "figures": answer.figures,
        "edge": answer.edge,
        "simulations": answer.n_runs,
        "considered": list(answer.screened),
    }  # fmt: skip


def text(asked: dict[str, Any], found: Sequence[dict[str, Any]], goal: str) -> str:
    """Return answers as a page of text.

    Parameters
    ----------
    asked : dict
        `question_data`.
    found : sequence of dict
        `answer_data` of each accelerator.
    goal : str
        `fewest`, `highest` or `check`.
    """
    parts = [columns(_question(asked, goal))]
    able = [one for one in found if one["found"]]
    if able:
        parts += [columns(_plants(able)), columns(_loads(able)), columns(_promises(able))]
    told = [(_label(one), one["reason"] or one["edge"]) for one in found]
    notes = [(label, words) for label, words in told if words]
    if notes:
        parts.append(columns(notes))
    return "\n\n".join(parts)


def _question(asked: dict[str, Any], goal: str) -> list[tuple[str, str]]:
    """Return the lines on what is asked."""
    wanted = {"fewest": "fewest accelerators", "highest": "highest rate", "check": "are they kept?"}
    load = (
        f"{asked['clients']:,} clients" if asked["clients"] else f"{asked['rate']:.4g} requests/s"
    )
    if goal == "highest":
        load = "any rate"
    if asked["recorded_requests"]:
        load += f", {asked['recorded_requests']:,} recorded requests"
    rows = [("question", f"{asked['model']}: {wanted[goal]}, {load}")]
    for one in asked["classes"]:
        lengths = ""
        if "rate" in one:
            lengths = (f"prompt {one['prompt_tokens']:,.0f}, output {one['output_tokens']:,.0f} "
                       "tokens; ")  # fmt: skip
            if len(asked["classes"]) > 1:
                lengths = f"{one['rate']:.4g}/s, {lengths}"
        terms = [f"{_NAMES[m]} {_time(one[m])}" for m in _NAMES if one[m] < math.inf]
        level = f"p{100 * one['share']:.4g} {', '.join(terms)}" if terms else "nothing promised"
        first = f"; priority {one['priority']}" if len(asked["classes"]) > 1 else ""
        rows.append((one["name"], f"{lengths}{level}{first}"))
    return rows


def _plants(found: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the table of machines: how many, how laid out, what they cost."""
    head = ["accelerators", "", "replicas", "requests/s", "tokens/s each", "IT kW", "USD/h",
            "USD/M output"]  # fmt: skip
    rows = [head]
    for one in found:
        figures = one["figures"]
        usd, token = figures["usd_per_second"], figures["usd_per_output_token"]
        replicas = " + ".join(
            f"{n} x ({_degrees(layout)})"
            for n, layout in zip(one["replicas"], one["layouts"], strict=True)
        )
        rows.append([
            f"{one['accelerators']:,}", _label(one), replicas, f"{one['rate']:.4g}",
            f"{figures['output_tokens_per_second_per_accelerator']:,.0f}",
            f"{figures['it_watts'] / 1e3:,.1f}",
            "-" if usd is None else f"{usd * 3600:,.2f}",
            "-" if token is None else f"{token * 1e6:,.3g}",
        ])  # fmt: skip
    return rows


def _loads(found: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the table of how hard they work."""
    rows = [["load", "saturated", "mean batch", "KV in use (peak)", "preemptions", "utilisation",
             "waiting", "W each"]]  # fmt: skip
    for one in found:
        f = one["figures"]
        parts = " + ".join(f"{share:.0%}" for share in f["utilisation_by_kind"])
        rows.append([
            _label(one), "yes" if f["saturated"] else "no", f"{f['mean_batch']:.1f}",
            f"{f['kv_share']:.0%} ({f['kv_peak']:.0%})", f"{f['preemptions']:,}", parts,
            f"{f['waiting']:.1f}", f"{f['it_watts_per_accelerator']:,.0f}",
        ])  # fmt: skip
    return rows


def _promises(found: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the table of percentiles beside what was promised."""
    several = len({row["class"] for row in found[0]["percentiles"]}) > 1
    head = [
        f"{row['class'] + ' ' if several else ''}p{100 * row['share']:.4g} {_NAMES[row['metric']]}"
        for row in found[0]["percentiles"]
    ]
    rows = [["latency", *head]]
    rows += [[_label(one), *map(_percentile, one["percentiles"])] for one in found]
    return rows


def _percentile(row: dict[str, Any]) -> str:
    """Return a percentile, and whether it misses its promise."""
    if math.isnan(row["value"]):
        return "-"
    value = "never" if math.isinf(row["value"]) else _time(row["value"])
    return value if row["kept"] else f"{value} MISSED"


def _label(one: dict[str, Any]) -> str:
    """Return what an answer is called."""
    return f"{one['accelerator']}{', prefill + decode' if one['disaggregated'] else ''}"


def _degrees(layout: dict[str, int]) -> str:
    """Return the degrees of a layout that are not 1."""
    return " ".join(f"{name} {n}" for name, n in layout.items() if n > 1) or "tp 1"


def _time(seconds: float) -> str:
    """Return a time with three digits in s or ms."""
    return f"{seconds:,.3g} s" if seconds >= 1.0 else f"{1e3 * seconds:.3g} ms"


def front_data(points: Sequence[FrontPoint]) -> list[dict[str, Any]]:
    """Return a Pareto front in base units.

    Parameters
    ----------
    points : sequence of FrontPoint
    """
    return [
        {
            "accelerator": p.accelerator,
            "layout": {d: getattr(p.layout, d) for d in ("tp", "ep", "pp", "dp")},
            "accelerators": p.layout.n_accelerators,
            "clients": p.clients,
            "tokens_per_second_per_user": p.tokens_per_second_per_user,
            "tokens_per_second_per_accelerator": p.tokens_per_second_per_accelerator,
            "tokens_per_second_per_megawatt": p.tokens_per_second_per_megawatt,
            "tokens_per_usd": p.tokens_per_usd,
            "ttft_p50": p.ttft,
            "figures": p.figures,
        }
        for p in points
    ]


def front_text(asked: dict[str, Any], points: Sequence[dict[str, Any]]) -> str:
    """Return Pareto fronts as a table.

    Parameters
    ----------
    asked : dict
        `question_data`.
    points : sequence of dict
        `front_data` of all accelerators.
    """
    one = asked["classes"][0]
    about = f"{asked['model']}: tokens/s of a user against those of an accelerator"
    if "rate" in one and len(asked["classes"]) == 1:
        about += f"; prompt {one['prompt_tokens']:,.0f}, output {one['output_tokens']:,.0f} tokens"
    rows = [["accelerator", "replica", "clients", "tok/s/user", "tok/s/accelerator", "tok/s/MW",
             "M tok/USD", "TTFT p50", "batch", "KV (peak)", "preemptions", "utilisation",
             "saturated", "W each"]]  # fmt: skip
    for p in points:
        f, usd = p["figures"], p["tokens_per_usd"]
        rows.append([
            p["accelerator"], f"{p['accelerators']} ({_degrees(p['layout'])})",
            f"{p['clients']:,}", f"{p['tokens_per_second_per_user']:.1f}",
            f"{p['tokens_per_second_per_accelerator']:,.0f}",
            f"{p['tokens_per_second_per_megawatt']:,.0f}",
            "-" if usd is None else f"{usd / 1e6:.3g}", _time(p["ttft_p50"]),
            f"{f['mean_batch']:.1f}", f"{f['kv_share']:.0%} ({f['kv_peak']:.0%})",
            f"{f['preemptions']:,}", f"{f['utilisation']:.0%}",
            "yes" if f["saturated"] else "no", f"{f['it_watts_per_accelerator']:,.0f}",
        ])  # fmt: skip
    return f"{about}\n\n{columns(rows)}"
