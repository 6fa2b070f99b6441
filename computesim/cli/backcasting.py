"""The command `backcast`: the years that have passed, ours beside what was published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from computesim.cli import options
from computesim.cli.app import CHECK_FAILED, app
from computesim.cli.output import print_json, progress

if TYPE_CHECKING:
    from computesim.study.backcast.checks import Backcast


@app.command()
def backcast(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A file, or a shipped name.")
    ] = "baseline",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write tables and charts to DIR/backcast-NAME-HASH; runs the whole horizon.",
        ),
    ] = None,
    overrides: options.Overrides = None,
    charts: options.Charts = "svg",
    tolerate: Annotated[
        int, typer.Option(min=0, metavar="N", help="Misses with which the exit code stays 0.")
    ] = 0,
    catalog: options.Catalog = None,
    as_json: options.Json = False,
) -> None:
    """Hold the past years of a scenario against what was published.

    Prints ours, the published figure with its range, the ratio, what is accepted and whether it is
    met: once with the fleet of the scenario and, where a quantity follows from shipments, once with
    the units that were really sold, which tells an error of the fleet from one of prices, networks
    and watts. Lists the inputs that were set or fitted with published figures in view. The exit
    code is 1 where more than N checks miss. See docs/backcast.md.

    Example: computesim backcast baseline --out out --tolerate 40
    """
    from computesim.records import as_data
    from computesim.study.backcast.checks import backcast as run
    from computesim.study.backcast.checks import past

    kinds = options.formats(charts)
    read = past(scenario, overrides or (), catalog, whole=out is not None)
    if out:
        out.mkdir(parents=True, exist_ok=True)  # a place that cannot be written says so now
    with progress() as tell:
        held = run(read, tell)
    files = _write(held, out, kinds) if out else []
    if as_json:
        print_json({**as_data(held), "files": files})
    else:
        from computesim.report.text.backcast import backcast_text

        typer.echo(backcast_text(held))
        typer.echo("".join(f"\nWritten: {file}" for file in files).strip(), nl=bool(files))
    if len(held.missed) > tolerate:
        raise typer.Exit(CHECK_FAILED)


def _write(held: Backcast, out: Path, kinds: list[str]) -> list[Path]:
    from computesim.report.backcast_figures import write_backcast
    from computesim.results import output_folder

    folder = output_folder(out, held.scenario, held.hash)
    return write_backcast(held, folder.with_name(f"backcast-{folder.name}"), kinds)
