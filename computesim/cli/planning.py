"""The command `plan`: how to lay a training run out, how long it takes, how far it scales."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from computesim.cli import options
from computesim.cli.app import CHECK_FAILED, app, stop
from computesim.cli.output import print_json


@app.command()
def plan(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As in `computesim list models`.")],
    accelerator: Annotated[str, typer.Option(help="As in `computesim list accelerators`.")],
    count: Annotated[
        int | None,
        typer.Option(min=1, help="Accelerators; with --deadline at most so many."),
    ] = None,
    batch_tokens: Annotated[
        float | None,
        typer.Option(min=1, help="Tokens of a step; by default a power law of the run's FLOP."),
    ] = None,
    batch_schedule: Annotated[
        str, typer.Option(metavar="MODEL", help="Batch sizes as published for this model.")
    ] = "",
    seq_len: Annotated[int, typer.Option(min=1, help="Tokens of a sequence.")] = 8192,
    dtype: Annotated[str, typer.Option(help="Of the matrix multiplications.")] = "bf16",
    tokens: Annotated[float | None, typer.Option(min=1, help="Tokens of the run.")] = None,
    flop: Annotated[float | None, typer.Option(min=1, help="Or its training FLOP.")] = None,
    deadline: Annotated[
        str, typer.Option(help="Find the smallest machine that is done by then: `90 day`.")
    ] = "",
    site: Annotated[str, typer.Option(help="As in `computesim list sites`.")] = "hyperscale-us",
    offload: Annotated[
        str,
        typer.Option(
            metavar="auto|never|optimiser|all",
            help="State in host memory; auto: where nothing fits without.",
        ),
    ] = "auto",
    top: Annotated[int, typer.Option(min=1, help="Layouts printed.")] = 15,
    scaling: Annotated[
        bool, typer.Option("--scaling", help="Utilisation against training FLOP instead.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the chart of --scaling here.")
    ] = None,
    charts: options.Charts = "svg,png",
    catalog: options.Catalog = None,
    as_json: options.Json = False,
) -> None:
    """Rank the layouts of a training run, with why the others lose.

    With --tokens or --flop also the run: goodput, days, accelerator-hours, energy, rent. With
    --deadline the smallest machine is found first. Where nothing fits, state moves to host memory
    (--offload). Failures, restarts and stragglers are those of
    the catalog. The exit code is 1 where no layout fits or no machine is fast enough.

    Example: computesim plan llama-3.1-405b --accelerator h100-sxm --count 16384 --tokens 15.6e12
    """
    from computesim import load_catalog
    from computesim.cli import plan_check, plan_scaling, plan_text, planned

    asked = planned.Asked(
        model, accelerator, count, batch_tokens, batch_schedule, seq_len, dtype, tokens, flop,
        deadline, site, top, offload,
    )  # fmt: skip
    plan_check.check(asked, load_catalog(catalog), scaling)
    if scaling:
        kinds = options.formats(charts)
        found: Any = plan_scaling.scaling(model, accelerator, dtype, seq_len, catalog)
        files = plan_scaling.write_chart(found, out, kinds) if out is not None else []
        data = plan_scaling.scaling_data(found) | {"files": [str(file) for file in files]}
        print_json(data) if as_json else typer.echo(plan_text.scaling_text(data))
        return
    data = planned.plan(asked, catalog)
    print_json(data) if as_json else typer.echo(plan_text.text(data))
    if not data["fitting"]:
        stop(data["fault"], CHECK_FAILED)
