"""The page of a balance: what is asked, the answer, charts, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from computesim.report.balance_figures import balance_charts
from computesim.report.page import figure, page, section, table
from computesim.report.scales import rounded

_ANSWER = (
    ("Accelerator", "accelerator"), ("RL compute of the skill, FLOP", "rl_flop"),
    ("Tokens of a response", "tokens"), ("Samples", "samples"), ("Accuracy", "accuracy"),
    ("RL share of the spending", "rl_share"), ("RL, accelerators (mean)", "rl_accelerators"),
    ("Serving, accelerators (mean)", "request_accelerators"), ("RL, USD", "rl_usd"),
    ("Requests, USD", "request_usd"), ("RL, facility W", "rl_watts"),
    ("Requests, facility W", "request_watts"), ("FLOP of requests saved per FLOP of RL",
    "flop_per_flop"), ("Extrapolated", "extrapolated"),
)  # fmt: skip


def balance_html(told: Mapping[str, Any]) -> str:
    """Return a page that needs nothing from outside.

    Parameters
    ----------
    told : mapping
        What `computesim balance --json --out` prints.

    Returns
    -------
    str
        HTML with plotly.js, style and numbers inside.
    """
    asked = told["question"]
    drawn = "\n".join(figure(chart) for chart in balance_charts(told))
    parts = [
        ("answer", "The balance", _answer(told["answers"])),
        ("charts", "Charts", drawn),
        ("question", "What is asked", _asked(asked)),
    ]
    title = f"The balance of {asked['skill']}"
    top = (
        '<div class="kind">Compute demand of AI: the balance of RL and inference</div>'
        f"<h1>{escape(title)}</h1>"
    )
    body = "\n".join(section(*part) for part in parts)
    contents = [(key, heading) for key, heading, _ in parts]
    foot = "<p>computesim balance; method and limits: docs/balance.md</p>"
    return page(f"{title} – computesim", top, contents, body, foot)


def _answer(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the balance on every accelerator, a column each."""
    able = [row for row in rows if "reason" not in row]
    heads = ["", *(escape(row["accelerator"]) for row in able)]
    body = [[escape(label), *(_cell(row[key]) for row in able)] for label, key in _ANSWER[1:]]
    told = "".join(
        f"<p>{escape(row['accelerator'])}: {escape(row['reason'])}</p>"
        for row in rows
        if "reason" in row
    )
    return table(heads, body, numbers=True) + told


def _asked(asked: Mapping[str, Any]) -> str:
    """Return the entries of the question."""
    body = [[escape(key.replace("_", " ")), _cell(value)] for key, value in asked.items()]
    return table(["Input (base units)", "Value"], body)


def _cell(value: Any) -> str:
    """Return a value of a table."""
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, (list, tuple)):
        return escape(", ".join(map(str, value)) or "no")
    return "–" if value is None else escape(str(value))
