"""The command `simulate`: one pool of replicas that serves one model."""

from __future__ import annotations

import typer

from computesim.cli import serving_options as o
from computesim.cli.app import CHECK_FAILED, app
from computesim.cli.grouped import Grouped
from computesim.cli.output import print_json


@app.command(cls=Grouped)
def simulate(
    model: o.Model,
    accelerator: o.Chip,
    replicas: o.Replicas = 4,
    prefill_replicas: o.Prefill = 0,
    dtype: o.Dtype = "fp8",
    kv_dtype: o.KvDtype = "bf16",
    speculate: o.Speculate = "",
    tp: o.Tp = None,
    ep: o.Ep = None,
    pp: o.Pp = None,
    site: o.Site = "hyperscale-us",
    catalog: o.Catalog = None,
    rate: o.Rate = None,
    trace: o.TraceFile = None,
    trace_format: o.Format = None,
    start: o.From = "",
    end: o.To = "",
    requests: o.Requests = 2000,
    prompt_tokens: o.Tokens = 1000,
    output_tokens: o.Tokens = 2000,
    spread: o.Spread = 0.9,
    cached_share: o.CachedShare = 0.0,
    burstiness: o.Burstiness = 1.0,
    clients: o.Clients = None,
    think: o.Think = "",
    turns: o.Turns = None,
    samples: o.Samples = 1,
    search: o.Search = "",
    priority: o.Priority = "",
    seed: o.Seed = 1,
    routing: o.Routing = "",
    when_full: o.WhenFull = "promise",
    block: o.Block = 16,
    prefix_cache: o.PrefixCache = "",
    autoscale: o.Autoscale = "",
    mtbf: o.Mtbf = "",
    repair: o.Repair = "",
    engine: o.PlayedBy = o.Engine.numba,
    ttft: o.Ttft = "",
    tpot: o.Tpot = "",
    warm_up: o.WarmUp = "",
    timeline: o.Timeline = "",
    out: o.Out = None,
    charts: o.Charts = "svg,png",
    chrome_trace: o.ChromeTrace = None,
    as_json: o.Json = False,
) -> None:
    """Simulate a pool that serves one model, request by request.

    With --ttft or --tpot the exit code is 1 where the promise is missed. With a trace, --rate
    replays it at that rate; its sessions are played turn by turn. Where no layout is given the
    best one that fits is chosen. How everything happens: docs/mechanisms.md.

    Example: computesim simulate --model deepseek-v3 --accelerator h800-sxm --rate 4 --tpot 50ms
    """
    given = dict(locals())  # every option by its name
    from computesim.cli.cell_text import text
    from computesim.cli.simulating import Given, simulated

    found = simulated(Given(**given))
    if as_json:
        print_json(found)
    else:
        typer.echo(text(found))
    if found["promise"].get("kept") is False:
        raise typer.Exit(CHECK_FAILED)
