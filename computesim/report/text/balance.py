"""A balance as a page of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from computesim.calendar import DAY
from computesim.report.text.tables import Cell, columns, table
from computesim.study.balance.rows import Balanced, ByBudget, OfLab, Unable
from computesim.study.balance.whole import Balances, Terms
from computesim.units import show

MARK: Final = "*"  #: beside what lies outside of the points that a skill was fitted to
_AXES: Final = {"rl_flop": "RL compute", "tokens": "tokens", "samples": "samples",
               "pretraining": "pretraining of the base model"}  # fmt: skip
_WAYS: Final = {
    "single": "one sample", "consensus": "consensus", "best_of": "the best by a verifier",
    "coverage": "any that is right",
}  # fmt: skip
#: entries of RL and of requests, size of the unit, format
_SPENT: Final = {
    "FLOP": ("rl_flop_total", "request_flop_total", 1.0, ".3g"),
    "accelerator-hours": ("rl_accelerator_seconds", "request_accelerator_seconds", 3600.0, ",.4g"),
    "mean accelerators": ("rl_accelerators", "request_accelerators", 1.0, ",.0f"),
    "USD": ("rl_usd", "request_usd", 1.0, ",.3g"),
    "facility MW": ("rl_watts", "request_watts", 1e6, ",.3g"),
}


def _marked(axis: str, form: str) -> Cell:
    """Return the cell of an axis of the choice, marked where it extrapolates."""

    def cell(one: Balanced | ByBudget | OfLab) -> str:
        return form.format(one) + (MARK if axis in one.extrapolated else "")

    return cell


_CHOICE: Final[Mapping[str, Cell]] = {
    "RL FLOP": _marked("rl_flop", "{0.rl_flop:.3g}"),
    "tokens": _marked("tokens", "{0.tokens:,.0f}"),
    "samples": _marked("samples", "{0.samples}"),
}
_SHARE: Final[Mapping[str, Cell]] = {"RL share": "{0.rl_share:.1%}"}


def balance_text(answer: Balances) -> str:
    """Return a balance as a page of text.

    Parameters
    ----------
    answer : Balances
    """
    terms = answer.question
    parts = [_question(terms), table(answer.able, _balances(terms)), table(answer.able, _spent())]
    parts.append(table(answer.by_requests, _volumes(terms)))
    if answer.by_budget:
        parts.append(table(answer.by_budget, _budgets(terms)))
    unable = [[one.accelerator, one.reason] for one in answer.answers if isinstance(one, Unable)]
    parts += [unable] if unable else []
    return "\n\n".join(map(columns, [*parts, _notes(answer)]))


def _question(terms: Terms) -> list[list[str]]:
    job, days = terms.job, terms.job.life / DAY
    skill = job.skill.name
    goal = (
        f"{skill} at {terms.target:.1%}, least {job.objective}"
        if terms.budget is None
        else f"{skill} as good as {_amount(terms.budget, terms)} buys"
    )
    way = _WAYS[job.method]
    if job.samples > 1:
        way += f" of at most {job.samples} samples"
    rows = [
        ["question", f"{goal}; {way}"],
        ["served", f"{job.model.name}: {job.requests / job.life * DAY:.3g} requests a day "
                   f"for {days:.4g} days, {job.requests:.3g} in all"],
        ["request", f"{job.prompt_tokens:,.0f} prompt tokens, {job.cached_share:.0%} cached; "
                    f"{job.length_ratio:.3g} x the tokens of a problem and "
                    f"{job.answer_tokens:,.0f} of an answer"],
        ["paid time", f"{job.served_on.use:.0%} at full load while serving, "
                      f"{job.rl_on.use:.0%} in RL; {3600 * job.served_on.price:.3g} and "
                      f"{3600 * job.rl_on.price:.3g} USD/h"],
    ]  # fmt: skip
    if job.rl_scale != 1 or job.research:
        scale = f"{job.rl_scale:.4g} x that of the skill, research {job.research:.3g} x"
        rows.append(["RL compute", scale])
    return rows


def _balances(terms: Terms) -> Mapping[str, Cell]:
    """Return the columns of the table of choices; accuracies with their 80 % intervals."""
    return {
        "balance": "{0.accelerator}",
        **_CHOICE,
        "accuracy": lambda one: (
            f"{one.accuracy:.1%} ({100 * one.accuracy_low:.0f} to {100 * one.accuracy_high:.0f})"
        ),
        "spending": lambda one: _amount(one.total, terms),
        **_SHARE,
        "next point": lambda one: _next(one, terms),
        "saved per FLOP of RL": "{0.flop_per_flop:.3g} FLOP",
    }


def _next(one: Balanced, terms: Terms) -> str:
    """Return what the next point of accuracy costs."""
    if one.next_point is None:
        return "out of reach"
    return f"{_amount(one.next_point, terms)} ({one.next_point / one.total:+.1%})"


def _spent() -> Mapping[str, Cell]:
    """Return the columns of the table of what RL and requests take in all units."""

    def both(rl: str, requests: str, size: float, form: str) -> Cell:
        return lambda one: " + ".join(
            f"{getattr(one, name) / size:{form}}" for name in (rl, requests)
        )

    return {
        "RL + requests": "{0.accelerator}",
        **{unit: both(*entry) for unit, entry in _SPENT.items()},
    }


def _volumes(terms: Terms) -> Mapping[str, Cell]:
    """Return the columns of the table of how the balance moves with the served volume."""
    return {
        "requests a day": lambda one: f"{one.requests / terms.job.life * DAY:.3g}",
        "": "{0.accelerator}",
        **_CHOICE,
        "spending": lambda one: _amount(one.total, terms),
        **_SHARE,
        "USD/k requests": lambda one: f"{1e3 * (one.rl_usd + one.request_usd) / one.requests:.3g}",
    }


def _budgets(terms: Terms) -> Mapping[str, Cell]:
    """Return the columns of the table of what other budgets buy."""
    budget: Cell = lambda one: _amount(one.budget, terms)  # noqa: E731 - a cell as the others
    return {"budget": budget, "accuracy": "{0.accuracy:.1%}", **_CHOICE, **_SHARE}


def _notes(answer: Balances) -> list[list[str]]:
    """Return how far the skill is known, and what can be reached."""
    highest = answer.question.highest
    notes = [["reach", f"at most {highest:.1%} in the room that is searched"]]
    far = {axis for one in (*answer.able, *answer.by_requests) for axis in one.extrapolated}
    for axis, name in _AXES.items():
        if axis in far and axis in answer.fitted:
            low, high = answer.fitted[axis]
            notes.append([MARK, f"{name} outside of the fitted {low:.3g} to {high:.3g}"])
        elif axis in far:
            notes.append([MARK, f"{name}: the skill's curve is assumed, not fitted"])
    return notes


def _amount(value: float, terms: Terms) -> str:
    """Return spending in the unit of the objective; power as the mean of the life."""
    if terms.job.objective == "power":
        return show(value / terms.job.life, "W")
    return f"{value:.3g} {terms.unit}"


_LABS: Final[Mapping[str, Cell]] = {
    "year": "{0.year}",
    "lab": "{0.lab}",
    "accuracy": "{0.accuracy:.1%}",
    "RL FLOP of a run": _marked("rl_flop", "{0.rl_flop_of_run:.3g}"),
    "tokens": _CHOICE["tokens"],
    "samples": _CHOICE["samples"],
    **_SHARE,
    "requests of a model": "{0.requests:.3g}",
    "RL on": "{0.rl_accelerator}",
    "served on": "{0.serving_accelerator}",
}


def scenario_text(name: str, rows: Sequence[OfLab]) -> str:
    """Return what the labs of a scenario decide as a table.

    Parameters
    ----------
    name : str
    rows : sequence of OfLab
    """
    far = any(one.extrapolated for one in rows)
    note = f"\n\n{MARK} outside of the points that the skill was fitted to" if far else ""
    labs = columns(table(rows, _LABS))
    return f"{name}: what labs that follow the least cost decide\n\n{labs}{note}"
