"""The command `simulate`: one pool of replicas that serves one model."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from computesim.cli import options
from computesim.cli.app import CHECK_FAILED, app
from computesim.cli.output import print_json


class Engine(StrEnum):
    """What plays the simulation."""

    numba = "numba"
    simpy = "simpy"


_DRAWN = "Mean of the requests that are drawn."
_DEGREE = "parallel size; all three left out, the best layout is chosen."
Tokens = Annotated[float, typer.Option(min=1, help=_DRAWN)]


@app.command()
def simulate(
    model: Annotated[str, typer.Option(help="As in `computesim list models`.")],
    accelerator: Annotated[str, typer.Option(help="As in `computesim list accelerators`.")],
    replicas: Annotated[int, typer.Option(min=1, help="Copies of the model.")] = 4,
    rate: Annotated[
        float | None, typer.Option(min=1e-9, help="Requests/s of the pool; 1 without a trace.")
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Recorded requests, in a format of docs/traces.md.")
    ] = None,
    trace_format: options.TraceFormat = None,
    start: options.From = "",
    end: options.To = "",
    requests: Annotated[int, typer.Option(min=10, help="Requests drawn.")] = 2000,
    prompt_tokens: Tokens = 1000,
    output_tokens: Tokens = 2000,
    spread: Annotated[float, typer.Option(min=0, help="Sd of ln(output tokens).")] = 0.9,
    cached_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the prompt in a prefix cache.")
    ] = 0.0,
    burstiness: Annotated[
        float, typer.Option(min=0, help="Variation of the gaps; 1 is a Poisson stream.")
    ] = 1.0,
    dtype: Annotated[str, typer.Option(help="Of weights and matrix multiplications.")] = "fp8",
    kv_dtype: Annotated[str, typer.Option(help="Of the KV cache.")] = "bf16",
    tp: Annotated[int | None, typer.Option(min=1, help=f"Tensor {_DEGREE}")] = None,
    ep: Annotated[int | None, typer.Option(min=1, help=f"Expert {_DEGREE}")] = None,
    pp: Annotated[int | None, typer.Option(min=1, help=f"Pipeline {_DEGREE}")] = None,
    ttft: Annotated[str, typer.Option(help="Promise to 90 % of the requests: `2 s`.")] = "",
    tpot: Annotated[str, typer.Option(help="Likewise, per output token: `30 ms`.")] = "",
    engine: Annotated[Engine, typer.Option(help="Compiled kernel, or its twin.")] = Engine.numba,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all random streams.")] = 1,
    catalog: options.Catalog = None,
    as_json: options.Json = False,
) -> None:
    """Simulate a pool that serves one model, request by request.

    With --ttft or --tpot the exit code is 1 where the promise is missed. With a trace, --rate
    replays it at that rate. Where no layout is given the best one that fits is chosen.

    Example: computesim simulate --model deepseek-v3 --accelerator h800-sxm --rate 4 --tpot 50ms
    """
    from computesim.cli import cell
    from computesim.cli.cell_text import text
    from computesim.quantities import DTYPE_BYTES

    for option, word in (("--dtype", dtype), ("--kv-dtype", kv_dtype)):
        options.one_of(word, tuple(DTYPE_BYTES), option)
    level = cell.Promise(
        options.seconds(ttft, "--ttft") if ttft else None,
        options.seconds(tpot, "--tpot") if tpot else None,
    )
    drawn = cell.Drawn(requests, prompt_tokens, output_tokens, spread, cached_share, burstiness)
    excerpt = options.excerpt(trace, trace_format, start, end) if trace else None
    asked = cell.asked_for(excerpt, rate, drawn, seed)
    try:
        pool = cell.pool_of(
            (model, dtype, kv_dtype), accelerator, (tp, ep, pp), replicas, asked, level, catalog
        )
    except ValueError as error:  # degrees that do not divide one another
        raise typer.BadParameter(str(error), param_hint="--tp, --ep, --pp") from error
    found = cell.play(pool, asked, level, engine.value, seed)
    if as_json:
        print_json(found)
    else:
        typer.echo(text(found))
    if found["promise"].get("kept") is False:
        raise typer.Exit(CHECK_FAILED)
