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
    --deadline the smallest machine is found first. Failures, restarts and stragglers are those of
    the catalog. The exit code is 1 where no layout fits or no machine is fast enough.

    Example: computesim plan llama-3.1-405b --accelerator h100-sxm --count 16384 --tokens 15.6e12
    """
    from computesim.cli import plan_scaling, plan_text, planned
    from computesim.hardware.training_job import OFFLOADING
    from computesim.quantities import DTYPE_BYTES

    options.one_of(dtype, tuple(DTYPE_BYTES), "--dtype")
    options.one_of(offload, OFFLOADING, "--offload")
    if scaling:
        kinds = options.formats(charts)
        found: Any = plan_scaling.scaling(model, accelerator, dtype, seq_len, catalog)
        files = plan_scaling.write_chart(found, out, kinds) if out is not None else []
        data = plan_scaling.scaling_data(found) | {"files": [str(file) for file in files]}
        print_json(data) if as_json else typer.echo(plan_text.scaling_text(data))
        return
    asked = planned.Asked(
        model, accelerator, count, batch_tokens, batch_schedule, seq_len, dtype, tokens, flop,
        options.seconds(deadline, "--deadline") if deadline else None, site, top, offload,
    )  # fmt: skip
    _check(asked.tokens is not None, asked.flop is not None, deadline, count, batch_tokens,
           batch_schedule)  # fmt: skip
    data = planned.plan(asked, catalog)
    print_json(data) if as_json else typer.echo(plan_text.text(data))
    if not data["fitting"]:
        stop(data["fault"], CHECK_FAILED)


def _check(
    has_tokens: bool,
    has_flop: bool,
    deadline: str,
    count: int | None,
    batch_tokens: float | None,
    batch_schedule: str,
) -> None:
    """Complain about options that are missing or exclude one another."""
    if has_tokens and has_flop:
        raise typer.BadParameter("give one of both.", param_hint="--tokens, --flop")
    if deadline and not (has_tokens or has_flop):
        raise typer.BadParameter("needs --tokens or --flop.", param_hint="--deadline")
    if count is None and not deadline:
        raise typer.BadParameter("needed, or --deadline.", param_hint="--count")
    if batch_tokens is not None and batch_schedule:
        raise typer.BadParameter("give one.", param_hint="--batch-tokens, --batch-schedule")
