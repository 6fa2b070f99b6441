"""Commands that read scenarios: validate, show, sources, schema, init."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from computesim.cli import options
from computesim.cli.app import WRONG_INPUT, app, stop
from computesim.cli.asking import QUESTIONS, question_of
from computesim.cli.output import print_json, progress

if TYPE_CHECKING:
    from computesim.scenario import Row, Scenario


@app.command()
def validate(
    scenario: options.Scenario,
    overrides: options.Overrides = None,
    catalog: options.Catalog = None,
    as_json: options.Json = False,
) -> None:
    """Check a scenario and list all faults at once.

    Each with its file and line, what was found, what is accepted and the near miss.

    Example: computesim validate baseline
    """
    from computesim import load_scenario
    from computesim.errors import ScenarioError
    from computesim.pipeline import check

    try:
        read = load_scenario(scenario, overrides or (), catalog)
        check(read)
    except ScenarioError as error:
        if not as_json:
            raise
        print_json({"valid": False, "faults": [asdict(fault) for fault in error.faults]})
        raise typer.Exit(WRONG_INPUT) from None
    inputs = read.assumptions()
    estimates = _estimates(read, inputs)
    if as_json:
        facts = {"scenario": read.name, "hash": read.hash, "years": read.years}
        print_json({"valid": True, **facts, "inputs": len(inputs), "estimates": estimates})
        return
    years = f"{read.years[0]}-{read.years[-1]}"
    typer.echo(
        f"{read.name} is valid: {years}, {len(inputs)} inputs ({estimates} of them estimates), "
        f"hash {read.hash[:8]}"
    )


def _estimates(scenario: Scenario, inputs: list[Row]) -> int:
    """Return how many inputs rest on an estimate."""
    kinds = {source.key: source.kind for source in scenario.catalog().sources()}
    return sum("estimate" in (row.source, kinds.get(row.source)) for row in inputs)


@app.command()
def show(
    scenario: options.Scenario,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Only this entry or branch.")] = "",
    overrides: options.Overrides = None,
    catalog: options.Catalog = None,
    as_json: options.Json = False,
) -> None:
    """Print every value of a scenario with its source.

    With its range as well, and the file and line that sets it.

    Example: computesim show baseline products.chat
    """
    from computesim import load_scenario
    from computesim.errors import near_miss
    from computesim.scenario import describe
    from computesim.scenario.show import entry_text

    read = load_scenario(scenario, overrides or (), catalog)
    every = describe(read)
    rows = [row for row in every if not key or f"{row.key}.".startswith(f"{key}.")]
    if not rows:
        known = {row.key[:end] for row in every for end in _ends(row.key)}
        stop(f"{read.name} has no {key}; {near_miss(key, sorted(known))}".strip("; "), WRONG_INPUT)
    if as_json:
        print_json({"scenario": read.name, "hash": read.hash, "rows": [asdict(r) for r in rows]})
    else:
        typer.echo("\n".join(map(entry_text, rows)))


def _ends(key: str) -> list[int]:
    """Return the ends of a dotted key and of the branches that hold it."""
    return [n for n, letter in enumerate(key) if letter == "."] + [len(key)]


@app.command()
def sources(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A file, a shipped name or a results folder.")
    ],
    overrides: options.Overrides = None,
    catalog: options.Catalog = None,
    as_json: options.Json = False,
) -> None:
    """Print the bibliography of a scenario.

    And how many of its inputs are estimates.

    Example: computesim sources baseline
    """
    from computesim import load_results, load_scenario
    from computesim.pipeline import project
    from computesim.report.sourcing import count_estimates, sources_text

    if Path(scenario).is_dir():
        results = load_results(scenario)
    else:
        read = load_scenario(scenario, overrides or (), catalog)
        with progress() as tell:
            results = project(read, tell)
    if as_json:
        estimates, count = count_estimates(results)
        sources = results.manifest.get("sources", [])
        print_json({"inputs": count, "estimates": estimates, "sources": sources})
        return
    typer.echo(sources_text(results))


@app.command()
def schema(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="scenario, or the question: simulate, capacity.")
    ] = "scenario",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it here.")] = None,
) -> None:
    """Print the JSON Schema of scenario files, or of question files.

    With it an editor completes and checks them.

    Example: computesim schema --out scenario.schema.json
    """
    from computesim.scenario import json_schema
    from computesim.scenario.questions import question_schema

    options.one_of(kind, ("scenario", *QUESTIONS), "KIND")
    made = question_schema(question_of(QUESTIONS[kind])) if kind in QUESTIONS else json_schema()
    text = json.dumps(made, indent=1, ensure_ascii=False)
    if out is None:
        typer.echo(text)
        return
    from computesim.results.files import write_text

    typer.echo(write_text(out, text + "\n"))


@app.command()
def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the new scenario.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a commented scenario file NAME.yaml to start from.

    Example: computesim init my-scenario
    """
    from computesim.results.files import write_text
    from computesim.scenario import starter

    stem = name.removesuffix(".yaml")
    try:
        text = starter(stem)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.", param_hint="NAME") from error
    file = Path(f"{stem}.yaml")
    if file.exists() and not force:
        stop(f"{file} is there already; --force replaces it", WRONG_INPUT)
    write_text(file, text)
    typer.echo(f"{file} written. Next: computesim validate {file}; computesim run {file}")
