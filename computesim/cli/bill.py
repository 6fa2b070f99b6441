"""The command `bill`: what is shipped, by segment of the supply chain."""

from __future__ import annotations

from typing import Annotated

import typer

from computesim.cli import options
from computesim.cli.app import app
from computesim.cli.output import print_json
from computesim.cli.running import runs_of


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
    from computesim.report.text.bill import bill_of, bill_text

    (results,) = runs_of([scenario], catalog)
    if not results.manifest.get("segments"):
        raise typer.BadParameter(
            "these results hold no bill; run the scenario again.", param_hint="SCENARIO"
        )
    if as_json:
        print_json(bill_of(results, chinese))
    else:
        typer.echo(bill_text(results, chinese))
