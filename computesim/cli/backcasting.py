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
    from computesim.study.backcast.checks import backcast as run
    from computesim.study.backcast.checks import past

    kinds = options.formats(charts)
    read = past(scenario, overrides or (), catalog, whole=out is not None)
    if out:
        out.mkdir(parents=True, exist_ok=True)  # a place that cannot be written says so now
    with progress() as tell:
        found = run(read, tell)
    files = _write(found, out, kinds) if out else []
    if as_json:
        print_json({**found.as_dict(), "files": files})
    else:
        from computesim.cli.backcast_text import backcast_text

        typer.echo(backcast_text(found))
        typer.echo("".join(f"\nWritten: {file}" for file in files).strip(), nl=bool(files))
    if len(found.missed) > tolerate:
        raise typer.Exit(CHECK_FAILED)


def _write(found: Backcast, out: Path, kinds: list[str]) -> list[Path]:
    """Write the tables and the charts of a back-cast."""
    from computesim.cli.backcast_files import write_backcast
    from computesim.results import output_folder

    folder = output_folder(out, found.scenario, found.results.manifest["hash"])
    return write_backcast(found, folder.with_name(f"backcast-{folder.name}"), kinds)
