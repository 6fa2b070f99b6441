"""The command that walks a figure back: explain."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from computesim.cli import options
from computesim.cli.app import app
from computesim.cli.faults import Faults
from computesim.cli.output import print_json, progress

if TYPE_CHECKING:
    from computesim.study.explain import Explanation

DEPTH = 3


@app.command()
def explain(
    scenario: options.Scenario,
    variable: Annotated[
        str,
        typer.Argument(
            metavar="VARIABLE",
            help="A variable of the results, a group such as `Power|Facility`, or a pattern "
            "with *; groups and patterns are sums.",
        ),
    ],
    year: Annotated[int, typer.Argument(metavar="YEAR", help="A year of the horizon.")],
    depth: Annotated[
        int, typer.Option(min=0, max=200, metavar="N", help="Levels of the tree that are printed.")
    ] = DEPTH,
    notes: Annotated[bool, typer.Option("--notes", help="Print the notes of inputs too.")] = False,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write the whole tree as a table."),
    ] = None,
    overrides: options.Overrides = None,
    catalog: options.Catalog = None,
    as_json: options.Json = False,
) -> None:
    """Walk a figure back to what it was made of.

    As a tree of expressions with values and units, down to inputs with file and line, catalog
    figures with their sources, simulated cells and the linear program that allocates the fleet.

    Example: computesim explain baseline "Energy|Other inference" 2023 --depth 4
    """
    found, name, digest = _explained(scenario, variable, year, overrides, catalog)
    if csv:
        from computesim.study.explain.trail import COLUMNS, rows, write_table

        write_table(csv, [COLUMNS, *rows([found.root])])
    if as_json:
        from computesim.study.explain.trail import as_data

        facts = {
            key: getattr(found, key)
            for key in ("variable", "year", "value", "unit", "agrees", "leaves", "estimates")
        }
        bibliography = [{**asdict(s), "leaves": n} for s, n in found.sources]
        tree = as_data(found.root, depth)
        head = {"scenario": name, "hash": digest, "file": csv}
        print_json({**head, **facts, "sources": bibliography, "tree": tree})
        return
    from computesim.report.text.explain import explanation_text

    typer.echo(f"{name} ({digest[:8]})\n\n{explanation_text(found, depth, notes)}")
    if csv:
        typer.echo(f"\nWritten: {csv}")


def _explained(
    scenario: str, variable: str, year: int, overrides: list[str] | None, catalog: Path | None
) -> tuple[Explanation, str, str]:
    """Return a figure with its tree, and the name and hash of the scenario."""
    from computesim import load_scenario
    from computesim.cells.memo import Memo, default_folder
    from computesim.pipeline import project
    from computesim.study.explain import explain as explained
    from computesim.study.explain import unknown_head

    read = load_scenario(scenario, overrides or (), catalog)
    faults = Faults("explain")
    if hint := unknown_head(variable):
        faults.add("VARIABLE", f"'{variable}' is no variable", hint)
    if year not in read.years:
        faults.add("YEAR", f"{year}", f"{read.name} has {read.years[0]}-{read.years[-1]}")
    faults.check()
    memo = Memo(default_folder())
    with progress() as tell:
        results = project(read, tell, memo)
    return explained(read, memo, results, variable, year), read.name, read.hash
