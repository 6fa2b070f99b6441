"""The command that walks a figure back: explain."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from computesim.cli import options
from computesim.cli.app import app
from computesim.cli.output import print_json, progress
from computesim.cli.records import with_records

if TYPE_CHECKING:
    from computesim.scenario import Scenario
    from computesim.study.explain import Explanation

DEPTH = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a tree."""

    depth: Annotated[
        int, typer.Option(min=0, max=200, metavar="N", help="Levels of the tree that are printed.")
    ] = DEPTH
    notes: Annotated[bool, typer.Option("--notes", help="Print the notes of inputs too.")] = False
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write the whole tree as a table."),
    ] = None
    overrides: options.Overrides = None
    catalog: options.Catalog = None
    as_json: options.Json = False


@app.command()
@with_records
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
    shown: Shown,
) -> None:
    """Walk a figure back to what it was made of.

    As a tree of expressions with values and units, down to inputs with file and line, catalog
    figures with their sources, simulated cells and the linear program that allocates the fleet.

    Example: computesim explain baseline "Energy|Other inference" 2023 --depth 4
    """
    from computesim import load_scenario

    read = load_scenario(scenario, shown.overrides or (), shown.catalog)
    with _searched_by_nobody():
        figure = _explained(read, variable, year)
    if shown.csv:
        from computesim.study.explain.trail import COLUMNS, rows, write_table

        write_table(shown.csv, [COLUMNS, *rows([figure.root])])
    if shown.as_json:
        from computesim.study.explain.trail import as_data

        facts = {
            key: getattr(figure, key)
            for key in ("variable", "year", "value", "unit", "agrees", "leaves", "estimates")
        }
        bibliography = [{**asdict(s), "leaves": n} for s, n in figure.sources]
        tree = as_data(figure.root, shown.depth)
        head = {"scenario": read.name, "hash": read.hash, "file": shown.csv}
        print_json({**head, **facts, "sources": bibliography, "tree": tree})
        return
    from computesim.report.text.explain import explanation_text

    text = explanation_text(figure, shown.depth, shown.notes)
    typer.echo(f"{read.name} ({read.hash[:8]})\n\n{text}")
    if shown.csv:
        typer.echo(f"\nWritten: {shown.csv}")


@contextmanager
def _searched_by_nobody() -> Iterator[None]:
    """Leave what is made inside to the end of the process: no search for circles in wide trees."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.freeze()
            gc.enable()


def _explained(read: Scenario, variable: str, year: int) -> Explanation:
    from computesim.cells.memo import Memo, default_folder
    from computesim.errors import CaseError, Fault
    from computesim.pipeline import project
    from computesim.study.explain import explain as explained
    from computesim.study.explain import unknown_head

    faults = []
    if hint := unknown_head(variable):
        faults.append(Fault("VARIABLE", f"'{variable}' is no variable", hint))
    if year not in read.years:
        span = f"{read.name} has {read.years[0]}-{read.years[-1]}"
        faults.append(Fault("YEAR", f"{year}", span))
    if faults:
        raise CaseError(faults, "explain")
    memo = Memo(default_folder())
    with progress() as tell:
        results = project(read, tell, memo)
    return explained(read, memo, results, variable, year)
