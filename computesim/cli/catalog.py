"""The command `list`: what scenarios, accelerators, models and sources there are."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from computesim.cli import options
from computesim.cli.app import app
from computesim.cli.output import print_json
from computesim.report.text.tables import columns

if TYPE_CHECKING:
    from computesim.catalog import Catalog
    from computesim.catalog.rows import Figure

_SCENARIOS, _SOURCES = "scenarios", "sources"


@app.command("list")
def list_(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="scenarios, accelerators, models, sources...")
    ] = "",
    name: Annotated[str, typer.Argument(metavar="NAME", help="One thing, in full.")] = "",
    catalog: options.Catalog = None,
    as_json: options.Json = False,
) -> None:
    """List scenarios, accelerators, models and sources.

    Without a table all tables, with one its names, with a name every figure and its source.

    Example: computesim list accelerators h100-sxm
    """
    from computesim import load_catalog

    known = load_catalog(catalog)
    if not table:
        rows = _tables(known)
    elif table == _SCENARIOS:
        rows = _scenarios(name)
    elif table == _SOURCES:
        rows = [asdict(s) for s in ([known.source(name)] if name else known.sources())]
    elif table in known_tables() and name:
        wanted = known.resolve(table, name)
        rows = [_figure(f) for f in known.rows(table) if f.name == wanted]
    elif table in known_tables():
        rows = [{"name": n, "label": known.label(table, n)} for n in known.names(table)]
    else:
        _refuse(table)
    if as_json:
        print_json(rows)
    else:
        cells = [[_text(cell) for cell in row.values()] for row in rows]
        typer.echo(columns([list(rows[0]), *cells]))


def known_tables() -> tuple[str, ...]:
    """Return the names of the catalog's tables."""
    from computesim.catalog.rows import TABLES

    return TABLES


def _refuse(table: str) -> None:
    from computesim.errors import near_miss

    known = (_SCENARIOS, *known_tables(), _SOURCES)
    hint = f"{near_miss(table, known)} One of {', '.join(known)}.".strip()
    raise typer.BadParameter(f"no table {table!r}. {hint}", param_hint="TABLE")


def _tables(catalog: Catalog) -> list[dict[str, Any]]:
    from computesim.scenario import shipped_scenarios

    sizes = {_SCENARIOS: len(shipped_scenarios())}
    sizes |= {table: len(catalog.names(table)) for table in known_tables()}
    sizes[_SOURCES] = len(catalog.sources())
    return [{"table": table, "names": size} for table, size in sizes.items()]


def _scenarios(wanted: str) -> list[dict[str, Any]]:
    from computesim.errors import near_miss
    from computesim.scenario import shipped_scenarios
    from computesim.scenario.yaml_loader import read_yaml

    files = shipped_scenarios()
    if wanted and wanted not in files:
        message = f"no scenario {wanted!r}. {near_miss(wanted, files)}"
        raise typer.BadParameter(message.strip(), param_hint="NAME")
    rows = []
    for name, file in files.items():
        if wanted in ("", name):
            data = read_yaml(file.read_text(encoding="utf-8"), file.name).data
            rows.append({"name": name} | {k: data.get(k, "") for k in ("title", "question")})
    return rows


def _figure(figure: Figure) -> dict[str, Any]:
    """Return a figure without what the command line has said already."""
    return {k: v for k, v in asdict(figure).items() if k not in ("table", "name", "place")}


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return f"{cell:g}" if isinstance(cell, float) else str(cell)
