"""The command `trace`: what recorded requests are like, and others like them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from computesim.cli import options
from computesim.cli.app import app
from computesim.cli.output import print_json
from computesim.cli.records import with_records


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """What is read of a trace."""

    trace_format: options.TraceFormat = None
    start: options.From = ""
    end: options.To = ""


@app.command()
@with_records
def trace(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A trace, or a folder of ServeGen's clients.")
    ],
    part: Excerpt,
    rate: Annotated[
        float | None, typer.Option(min=1e-9, help="Requests/s to replay at; as recorded if not.")
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write the requests: .csv, .csv.gz, .parquet."),
    ] = None,
    synthetic: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write drawn requests of the same statistics."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what is drawn.")] = 1,
    as_json: options.Json = False,
) -> None:
    """Tell how recorded requests come and how long they are.

    The formats are those of docs/traces.md. What is written has the generic format.

    Example: computesim trace requests.csv --from "10 min" --to "40 min" --synthetic like.parquet
    """
    from computesim.report.text.trace import text
    from computesim.sim.trace import client_trace, clients_like, summarise_trace, write_trace
    from computesim.study.pool.recorded import recorded

    recording = recorded(file, part.trace_format, options.span(part.start, part.end), rate, seed)
    data: dict[str, Any] = {
        "file": str(file),
        "format": recording.format,
        "rows": recording.rows,
        "failures": recording.failures,
        **summarise_trace(recording.trace),
    }
    if write is not None:
        data["written"] = str(write_trace(recording.trace, write))
    if synthetic is not None:
        like = client_trace(clients_like(recording.trace), seed)
        data["synthetic"] = {"file": str(write_trace(like, synthetic)), "requests": len(like)}
    if as_json:
        print_json(data)
    else:
        typer.echo(text(data))
