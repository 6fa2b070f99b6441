"""Commands that compute a world: run, compare, report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from computesim.cli import options
from computesim.cli.app import app
from computesim.cli.output import print_json, progress
from computesim.cli.records import with_records
from computesim.records import as_data

if TYPE_CHECKING:
    from computesim.cells.memo import Memo
    from computesim.results import Results
    from computesim.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Told:
    """How a run goes on, and what it says."""

    jobs: options.Jobs = None
    as_json: options.Json = False
    quiet: options.Quiet = False


@app.command()
@with_records
def run(
    scenario: options.Scenario,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Results go to DIR/NAME-HASH.")] = Path(
        "out"
    ),
    overrides: options.Overrides = None,
    charts: options.Charts = "",
    catalog: options.Catalog = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all random streams.")] = None,
    *,
    told: Told,
) -> None:
    """Run a scenario and write its results, tables and report.

    Example: computesim run baseline --out out
    """
    from computesim import load_scenario
    from computesim.cells.memo import Memo, default_folder
    from computesim.pipeline import project
    from computesim.results import output_folder, save_results

    kinds = options.formats(charts)
    changed = [*(overrides or ()), *([f"simulation.seed={seed}"] if seed is not None else [])]
    read = load_scenario(scenario, changed, catalog)
    folder = output_folder(out, read.name, read.hash)
    folder.mkdir(parents=True, exist_ok=True)  # a place that cannot be written says so now
    memo = Memo(default_folder())
    with progress(told.quiet) as tell:
        results = project(read, tell, memo, told.jobs)
    saved = save_results(results, folder)  # before all that only shows or explains them
    rendered = _render(results, folder, kinds)
    files = [*rendered, _trail(read, results, memo, folder), *saved]
    if told.as_json:
        from computesim.report.text.run import summary_of

        print_json({**as_data(summary_of(results)), "folder": folder, "files": files})
    elif told.quiet:
        typer.echo(folder)
    else:
        from computesim.report.text.run import run_text

        typer.echo(f"{run_text(results)}\n\nWritten to {folder}:")
        typer.echo("\n".join(f"  {file.relative_to(folder)}" for file in files))


def _trail(read: Scenario, results: Results, memo: Memo, folder: Path) -> Path:
    """Write how the main figures of the last year came about."""
    from computesim.report.tables import SUMMARY_VARIABLES
    from computesim.study.explain.kept import write_audit

    names = [name for _, name in SUMMARY_VARIABLES]
    return write_audit(folder / "tables" / "audit_trail.csv", read, memo, results, names)


def _render(results: Results, folder: Path, kinds: list[str]) -> list[Path]:
    from computesim.report.export import write_charts, write_report, write_tables

    drawn = write_charts(results, folder / "charts", kinds) if kinds else []
    tables = write_tables(results, folder / "tables")
    return [write_report(results, folder / "report.html"), *tables, *drawn]


@app.command()
def compare(
    scenarios: Annotated[
        list[str], typer.Argument(metavar="A B...", help="Scenarios, or folders of results.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write compare.csv and compare.html here.")
    ] = None,
    catalog: options.Catalog = None,
    jobs: options.Jobs = None,
    as_json: options.Json = False,
) -> None:
    """Hold scenarios against the first one, year by year.

    Scenarios are run; folders of results are taken as they are.

    Example: computesim compare baseline my-scenario.yaml --out out
    """
    from computesim.report.export import write_comparison, write_differences
    from computesim.report.text.compare import comparison_of, comparison_text

    if len(scenarios) < 2:
        raise typer.BadParameter("a comparison takes two scenarios or more.", param_hint="A B...")
    if out:
        out.mkdir(parents=True, exist_ok=True)
    runs, files = runs_of(scenarios, catalog, jobs), []
    if out:
        files = [write_differences(runs, out / "compare.csv"),
                 write_comparison(runs, out / "compare.html")]  # fmt: skip
    if as_json:
        print_json({**as_data(comparison_of(runs)), "files": files})
    else:
        typer.echo(comparison_text(runs))
        typer.echo("".join(f"\nWritten: {file}" for file in files).strip(), nl=bool(files))


def runs_of(
    names: Sequence[str], catalog: Path | None = None, jobs: int | None = None
) -> list[Results]:
    """Return the results of scenarios, or of folders that hold results already.

    Parameters
    ----------
    names : sequence of str
        Files, shipped names or folders. All are read before the first is run.
    catalog : Path, optional
        Folder of the user's own tables, for the scenarios that are run.
    jobs : int, optional
        Processes that measure cells; all usable cores by default.
    """
    from computesim import Results, load_results, load_scenario
    from computesim.pipeline import project

    read = [load_results(n) if Path(n).is_dir() else load_scenario(n, (), catalog) for n in names]
    with progress() as tell:
        return [r if isinstance(r, Results) else project(r, tell, jobs=jobs) for r in read]


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What `run` has written.")],
    charts: options.Charts = "",
    as_json: options.Json = False,
) -> None:
    """Make the report of a run again.

    Report, tables and charts, from the saved results.

    Example: computesim report out/baseline-* --charts svg
    """
    from computesim import load_results

    kinds = options.formats(charts)
    files = _render(load_results(folder), folder, kinds)
    if as_json:
        print_json({"files": files})
    else:
        typer.echo("\n".join(map(str, files)))
