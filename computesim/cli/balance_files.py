"""The files of `balance --out`: a page, charts and tables."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

TABLES: Final = ("answers", "by_requests", "by_target", "by_budget", "by_price", "curves")


def write(told: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write everything of a balance, each file whole.

    Parameters
    ----------
    told : mapping
        `balance_found.found`, with curves.
    folder : Path

    Returns
    -------
    list of Path
        `balance.html`, a PNG for each chart, and a CSV for each table, in base units.
    """
    from computesim.report.balance_figures import balance_charts
    from computesim.report.balance_html import balance_html
    from computesim.report.export import draw
    from computesim.results.files import write_text

    files = [_table(told[name], folder / f"{name}.csv") for name in TABLES if told.get(name)]
    files += draw(balance_charts(told), folder, ["png"])
    return [write_text(folder / "balance.html", balance_html(told)), *files]


def _table(rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Write rows with all their columns."""
    from computesim.results import written_whole

    heads = list(dict.fromkeys(name for row in rows for name in row))
    with written_whole(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, heads, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _cell(value) for name, value in row.items()})
    return path


def _cell(value: Any) -> Any:
    """Return a value as one cell."""
    return ";".join(map(str, value)) if isinstance(value, list) else value
