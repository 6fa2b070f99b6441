"""What `balance` found, as a page of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from computesim.calendar import DAY
from computesim.report.text.tables import columns

MARK: Final = "*"  #: beside what lies outside of the points that a skill was fitted to
_AXES: Final = {"rl_flop": "RL compute", "tokens": "tokens", "samples": "samples",
               "pretraining": "pretraining of the base model"}  # fmt: skip
_WAYS: Final = {
    "single": "one sample", "consensus": "consensus", "best_of": "the best by a verifier",
    "coverage": "any that is right",
}  # fmt: skip


def text(told: Mapping[str, Any]) -> str:
    """Return a balance as a page of text.

    Parameters
    ----------
    told : mapping
        `balance_found.found`.
    """
    asked, able = told["question"], [one for one in told["answers"] if "reason" not in one]
    parts = [columns(_question(asked)), columns(_balances(able, asked))]
    parts += [columns(_spent(able, asked)), columns(_volumes(told["by_requests"], asked))]
    if told.get("by_budget"):
        parts.append(columns(_budgets(told["by_budget"], asked)))
    notes = [(one["accelerator"], one["reason"]) for one in told["answers"] if "reason" in one]
    parts += [columns(notes)] if notes else []
    parts.append(columns(_notes(told, able)))
    return "\n\n".join(parts)


def _question(asked: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the lines on what is asked."""
    goal = (
        f"{asked['skill']} at {asked['target']:.1%}, least {asked['objective']}"
        if asked["budget"] is None
        else f"{asked['skill']} as good as {_amount(asked['budget'], asked)} buys"
    )
    way = _WAYS[asked["method"]]
    if asked["samples"] > 1:
        way += f" of at most {asked['samples']} samples"
    daily = asked["requests"] / asked["life"] * DAY
    rows = [
        ("question", f"{goal}; {way}"),
        ("served", f"{asked['model']}: {daily:.3g} requests a day for {asked['life'] / DAY:.4g} "
                   f"days, {asked['requests']:.3g} in all"),
        ("request", f"{asked['prompt_tokens']:,.0f} prompt tokens, {asked['cached_share']:.0%} "
                    f"cached; {asked['length_ratio']:.3g} x the tokens of a problem and "
                    f"{asked['answer_tokens']:,.0f} of an answer"),
        ("paid time", f"{asked['serving_use']:.0%} at full load while serving, "
                      f"{asked['rl_use']:.0%} in RL; {3600 * asked['price']:.3g} and "
                      f"{3600 * asked['rl_price']:.3g} USD/h"),
    ]  # fmt: skip
    if asked["rl_scale"] != 1 or asked["research"]:
        told = f"{asked['rl_scale']:.4g} x that of the skill, research {asked['research']:.3g} x"
        rows.append(("RL compute", told))
    return rows


def _balances(rows: Sequence[Mapping[str, Any]], asked: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of choices."""
    head = ["balance", "RL FLOP", "tokens", "samples", "accuracy", "spending", "RL share",
            "next point", "saved per FLOP of RL"]  # fmt: skip
    return [head, *(
        [one["accelerator"], *_choice(one), _accuracy(one), _amount(one["total"], asked),
         f"{one['rl_share']:.1%}", _next(one, asked), f"{one['flop_per_flop']:.3g} FLOP"]
        for one in rows
    )]  # fmt: skip


def _accuracy(one: Mapping[str, Any]) -> str:
    """Return the accuracy with its 80 % interval."""
    low, high = 100 * one["accuracy_low"], 100 * one["accuracy_high"]
    return f"{one['accuracy']:.1%} ({low:.0f} to {high:.0f})"


def _choice(one: Mapping[str, Any]) -> list[str]:
    """Return RL, tokens and samples, marked where they extrapolate."""
    far = one["extrapolated"]
    shown = {"rl_flop": f"{one['rl_flop']:.3g}", "tokens": f"{one['tokens']:,.0f}",
             "samples": str(one["samples"])}  # fmt: skip
    return [text + (MARK if axis in far else "") for axis, text in shown.items()]


def _next(one: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Return what the next point of accuracy costs."""
    more = one["next_point"]
    return (
        "out of reach" if more is None else f"{_amount(more, asked)} ({more / one['total']:+.1%})"
    )


def _spent(rows: Sequence[Mapping[str, Any]], asked: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of what RL and requests take in all units."""
    head = ["RL + requests", "FLOP", "accelerator-hours", "mean accelerators", "USD", "facility MW"]
    found = [head]
    for one in rows:
        pairs = (
            ("rl_flop_total", "request_flop_total", 1.0, ".3g"),
            ("rl_accelerator_seconds", "request_accelerator_seconds", 3600.0, ",.4g"),
            ("rl_accelerators", "request_accelerators", 1.0, ",.0f"),
            ("rl_usd", "request_usd", 1.0, ",.3g"),
            ("rl_watts", "request_watts", 1e6, ",.3g"),
        )
        cells = [f"{one[a] / size:{form}} + {one[b] / size:{form}}" for a, b, size, form in pairs]
        found.append([one["accelerator"], *cells])
    return found


def _volumes(rows: Sequence[Mapping[str, Any]], asked: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of how the balance moves with the served volume."""
    head = ["requests a day", "", "RL FLOP", "tokens", "samples", "spending", "RL share",
            "USD/k requests"]  # fmt: skip
    return [head, *(
        [f"{one['requests'] / asked['life'] * DAY:.3g}", one["accelerator"], *_choice(one),
         _amount(one["total"], asked), f"{one['rl_share']:.1%}",
         f"{1e3 * (one['rl_usd'] + one['request_usd']) / one['requests']:.3g}"]
        for one in rows
    )]  # fmt: skip


def _budgets(rows: Sequence[Mapping[str, Any]], asked: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of what other budgets buy."""
    head = ["budget", "accuracy", "RL FLOP", "tokens", "samples", "RL share"]
    return [head, *(
        [_amount(one["budget"], asked), f"{one['accuracy']:.1%}", *_choice(one),
         f"{one['rl_share']:.1%}"]
        for one in rows
    )]  # fmt: skip


def _notes(told: Mapping[str, Any], able: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return how far the skill is known, and what can be reached."""
    asked = told["question"]
    notes = [("reach", f"at most {asked['highest']:.1%} in the room that is searched")]
    far = {axis for one in (*able, *told["by_requests"]) for axis in one["extrapolated"]}
    known = told["fitted"]
    for axis, name in _AXES.items():
        if axis not in far:
            continue
        if axis in known:
            low, high = known[axis]
            notes.append((MARK, f"{name} outside of the fitted {low:.3g} to {high:.3g}"))
        else:
            notes.append((MARK, f"{name}: the skill's curve is assumed, not fitted"))
    return notes


def _amount(value: float, asked: Mapping[str, Any]) -> str:
    """Return spending in the unit of the objective; power as the mean of the life."""
    from computesim.units import show

    if asked["objective"] == "power":
        return show(value / asked["life"], "W")
    return f"{value:.3g} {asked['unit']}"


def scenario_text(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what the labs of a scenario decide as a table.

    Parameters
    ----------
    name : str
    rows : sequence of mapping
        `balance_found.of_scenario`.
    """
    head = ["year", "lab", "accuracy", "RL FLOP of a run", "tokens", "samples", "RL share",
            "requests of a model", "RL on", "served on"]  # fmt: skip
    table = [head]
    for one in rows:
        choice = _choice({**one, "rl_flop": one["rl_flop_of_run"]})
        table.append([
            str(one["year"]), one["lab"], f"{one['accuracy']:.1%}", *choice,
            f"{one['rl_share']:.1%}", f"{one['requests']:.3g}", one["rl_accelerator"],
            one["serving_accelerator"],
        ])  # fmt: skip
    far = any(one["extrapolated"] for one in rows)
    note = f"\n\n{MARK} outside of the points that the skill was fitted to" if far else ""
    return f"{name}: what labs that follow the least cost decide\n\n{columns(table)}{note}"
