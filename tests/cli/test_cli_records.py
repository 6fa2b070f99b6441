"""Commands whose options are the fields of records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from computesim.cli.records import with_records


@dataclass(frozen=True, kw_only=True)
class Shown:
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


@dataclass(frozen=True, kw_only=True)
class Asked(Shown):
    model: Annotated[str, typer.Argument(metavar="MODEL")]
    count: Annotated[int, typer.Option(min=1, help="Accelerators.")] = 8
    names: Annotated[list[str] | None, typer.Option("--name")] = None


def _app() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @with_records
    def plan(ctx: typer.Context, asked: Asked, quiet: bool = False) -> None:
        """Plan a run."""
        source = ctx.get_parameter_source("count")
        typer.echo(f"{asked} {quiet} {source.name if source else None}")

    return app


def test_the_fields_of_a_record_are_arguments_and_options() -> None:
    line = ["llama", "--count", "2", "--name", "a", "--name", "b", "--json", "--quiet"]
    told = CliRunner().invoke(_app(), line)
    asked = Asked(model="llama", count=2, names=["a", "b"], as_json=True)
    assert told.output.strip() == f"{asked} True COMMANDLINE"


def test_defaults_are_those_of_the_record() -> None:
    assert CliRunner().invoke(_app(), ["llama"]).output.strip() == (
        f"{Asked(model='llama')} False DEFAULT"
    )


def test_help_and_faults_are_those_of_the_fields() -> None:
    told = CliRunner().invoke(_app(), ["--help"]).output
    assert "Plan a run." in told
    assert "Accelerators." in told
    assert CliRunner().invoke(_app(), ["llama", "--count", "0"]).exit_code == 2
    assert CliRunner().invoke(_app(), []).exit_code == 2
