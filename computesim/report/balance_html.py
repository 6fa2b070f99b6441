"""The page of a balance: what is asked, the answer, charts, tables."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from computesim.records import entries
from computesim.report.balance_figures import balance_charts
from computesim.report.export import draw
from computesim.report.page import figure, page, table
from computesim.report.scales import rounded
from computesim.report.text.tables import tables, write_table
from computesim.results.files import write_text
from computesim.study.balance.rows import Unable
from computesim.study.balance.whole import Balances, Terms

_TABLES = ("answers", "by_requests", "by_target", "by_budget", "by_price", "curves")

_ANSWER = (
    ("Accelerator", "accelerator"), ("RL compute of the skill, FLOP", "rl_flop"),
    ("Tokens of a response", "tokens"), ("Samples", "samples"), ("Accuracy", "accuracy"),
    ("RL share of the spending", "rl_share"), ("RL, accelerators (mean)", "rl_accelerators"),
    ("Serving, accelerators (mean)", "request_accelerators"), ("RL, USD", "rl_usd"),
    ("Requests, USD", "request_usd"), ("RL, facility W", "rl_watts"),
    ("Requests, facility W", "request_watts"), ("FLOP of requests saved per FLOP of RL",
    "flop_per_flop"), ("Extrapolated", "extrapolated"),
)  # fmt: skip


def _balance_html(answer: Balances) -> str:
    """Return a page of HTML with plotly.js, style and numbers inside."""
    drawn = "\n".join(figure(chart) for chart in balance_charts(answer))
    parts = [
        ("answer", "The balance", _answer(answer)),
        ("charts", "Charts", drawn),
        ("question", "What is asked", _asked(answer.question)),
    ]
    title = f"The balance of {answer.question.job.skill.name}"
    top = (
        '<div class="kind">Compute demand of AI: the balance of RL and inference</div>'
        f"<h1>{escape(title)}</h1>"
    )
    foot = "<p>computesim balance; method and limits: docs/balance.md</p>"
    return page(f"{title} – computesim", top, parts, foot)


def _answer(answer: Balances) -> str:
    heads = ["", *(escape(row.accelerator) for row in answer.able)]
    body = [
        [escape(label), *(_cell(getattr(row, name)) for row in answer.able)]
        for label, name in _ANSWER[1:]
    ]
    unable = [row for row in answer.answers if isinstance(row, Unable)]
    notes = (f"<p>{escape(row.accelerator)}: {escape(row.reason)}</p>" for row in unable)
    return table(heads, body, numbers=True) + "".join(notes)


def _asked(terms: Terms) -> str:
    body = [[escape(name.replace("_", " ")), _cell(value)] for name, value in entries(terms)]
    return table(["Input (base units)", "Value"], body)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, (list, tuple)):
        return escape(", ".join(map(str, value)) or "no")
    return "–" if value is None else escape(str(value))


def write_balance(answer: Balances, folder: Path) -> list[Path]:
    """Write everything of a balance, each file whole.

    Parameters
    ----------
    answer : Balances
        With curves.
    folder : Path

    Returns
    -------
    list of Path
        `balance.html`, a PNG for each chart, and a CSV for each table, in base units.
    """
    records = tables(answer)
    files = [
        write_table(folder / f"{name}.csv", records[name]) for name in _TABLES if name in records
    ]
    files += draw(balance_charts(answer), folder, ["png"])
    return [write_text(folder / "balance.html", _balance_html(answer)), *files]
