"""The command `balance`: how much RL, how long chains and how many samples for a quality."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from computesim.cli import options
from computesim.cli.app import app
from computesim.cli.output import print_json, progress
from computesim.cli.records import with_records
from computesim.records import as_data
from computesim.study.balance.question import Inputs

if TYPE_CHECKING:
    from computesim.catalog import Catalog

#: parameters that count where a scenario is asked
_OF_SCENARIO = ("subject", "overrides", "catalog", "as_json", "quiet")


@dataclass(frozen=True, slots=True)
class Shown:
    """What is read and written."""

    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write charts, page and tables here.")
    ] = None
    overrides: options.Overrides = None
    catalog: options.Catalog = None
    as_json: options.Json = False
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False


@app.command()
@with_records
def balance(
    ctx: typer.Context,
    subject: Annotated[
        str,
        typer.Argument(metavar="SKILL|SCENARIO", help="A skill, or a scenario whose labs balance."),
    ],
    inputs: Inputs,
    shown: Shown,
) -> None:
    """Balance RL compute, chain length and samples for an accuracy.

    The least spending for a target, or the best accuracy for a budget, over the life of a model:
    one RL run and all its requests.

    With --out also iso-quality curves, and how the balance moves with volume, price, target and
    hardware. Of a scenario, what its labs with `policy: {kind: least_cost}` decide by year. What
    lies outside of the points that a skill was fitted to is marked. The exit code is 1 where
    nothing reaches the target. Method and limits: docs/balance.md.

    Example: computesim balance aime-2024 --target 75% --requests 1e7 --accelerator h200-sxm
    """
    from computesim import load_catalog
    from computesim.workload.skill import skills

    catalog = load_catalog(shown.catalog)
    is_scenario = subject not in skills(catalog) and _is_scenario(subject)
    _refuse_ignored(ctx, subject, is_scenario)
    if is_scenario:
        _scenario(subject, shown)
    else:
        _skill(subject, inputs, catalog, shown)


def _refuse_ignored(ctx: typer.Context, subject: str, is_scenario: bool) -> None:
    """Refuse options that would not count: those of a skill with a scenario, and vice versa."""
    from computesim.errors import Fault, FaultyInputError

    faults = []
    for option in ctx.command.params:
        name = option.name or ""
        source = ctx.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE":
            continue
        if is_scenario and name not in _OF_SCENARIO:
            reason = f"does not count for a scenario: the labs of {subject} say it"
            faults.append(Fault(option.opts[0], reason, "`--set labs.GROUP.policy.KEY=VALUE`"))
        elif not is_scenario and name == "overrides":
            reason = f"does not count for a skill: {subject} is no scenario"
            faults.append(Fault(option.opts[0], reason, "the other options of this command"))
    if faults:
        raise FaultyInputError(faults, "balance")


def _skill(skill: str, inputs: Inputs, catalog: Catalog, shown: Shown) -> None:
    """Solve for a skill; print, and write where files are wanted."""
    from computesim.report.text.balance import balance_text
    from computesim.study.balance.question import problem_of
    from computesim.study.balance.whole import balances

    problem = problem_of(inputs, skill, catalog)
    if shown.out is not None:
        shown.out.mkdir(parents=True, exist_ok=True)  # a place that cannot be written says so now
    with progress(shown.quiet) as tell:
        answer = balances(
            problem.questions, problem.target, problem.budget, shown.out is not None, tell
        )
    files: list[Path] = []
    if shown.out is not None:
        from computesim.report.balance_html import write_balance

        files = write_balance(answer, shown.out)
    if shown.as_json:
        print_json({**as_data(answer), "files": files})
    else:
        typer.echo(balance_text(answer))
        typer.echo("".join(f"\nWritten: {file}" for file in files), nl=bool(files))


def _is_scenario(subject: str) -> bool:
    """Tell whether a scenario has this name, or a file."""
    from computesim.scenario.gather import find_scenario

    return find_scenario(subject) is not None


def _scenario(subject: str, shown: Shown) -> None:
    """Print what the labs of a scenario decide by year."""
    from computesim import load_scenario
    from computesim.report.text.balance import scenario_text
    from computesim.study.balance.whole import of_scenario

    rows = of_scenario(load_scenario(subject, shown.overrides or (), shown.catalog))
    if shown.as_json:
        print_json({"scenario": subject, "balances": rows})
    else:
        typer.echo(scenario_text(subject, rows))
