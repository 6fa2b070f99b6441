"""The command `bill`: what is shipped, by segment of the supply chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from computesim.cli import options
from computesim.cli.app import app
from computesim.cli.output import print_json
from computesim.report.text.tables import fitting

if TYPE_CHECKING:
    from computesim.results import Results


@app.command()
def bill(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A scenario, or a folder of results.")
    ],
    catalog: options.Catalog = None,
    chinese: Annotated[
        bool, typer.Option("--chinese", help="Chinese names and units, values in CNY.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Print demand and value by segment of the supply chain.

    Published markets stand beside. Values marked * are inside other segments, not spent again.

    Example: computesim bill baseline
    """
    from computesim.cli.comparing import runs_of

    (results,) = runs_of([scenario], catalog)
    if not results.manifest.get("segments"):
        raise typer.BadParameter(
            "these results hold no bill; run the scenario again.", param_hint="SCENARIO"
        )
    if as_json:
        print_json(data(results, chinese))
    else:
        typer.echo(text(results, chinese))


def data(results: Results, chinese: bool = False) -> dict[str, Any]:
    """Return the bill as plain data.

    Parameters
    ----------
    results : Results
    chinese : bool
        Units of Chinese reports.
    """
    from computesim.report.bill_tables import lines

    return {
        "scenario": results.scenario,
        "hash": results.manifest.get("hash", ""),
        "lines": [
            {
                "segment": line.segment["key"],
                "label": line.segment["label_zh" if chinese else "label"],
                "inside": line.segment.get("inside", []),
                "metric": line.metric,
                "unit": line.unit,
                "values": line.values,
            }
            for line in lines(results, chinese)
        ],
        "markets": results.manifest.get("bill_checks", []),
    }


def text(results: Results, chinese: bool = False) -> str:
    """Return the bill and the markets as a person reads them in a terminal.

    Parameters
    ----------
    results : Results
    chinese : bool
        Names and units of Chinese reports.
    """
    from computesim.report import bill_tables
    from computesim.report.tables import aligned

    years = fitting(results.years, label=56)
    parts = [bill_tables.text(results, years, chinese), "* inside other segments, not spent again"]
    rows = bill_tables.check_rows(results.manifest.get("bill_checks", []))
    if rows:
        heads = ["Beside published markets", "year", "unit", "ours", "range", "scenario",
                 "published", "ours/published", "scenario/published"]  # fmt: skip
        parts.append(aligned([heads, *(row[:-1] for row in rows)]))
        parts.append(
            "ours: of the accelerators that were shipped as published; scenario: of those it ships"
        )
    return "\n\n".join(parts)
