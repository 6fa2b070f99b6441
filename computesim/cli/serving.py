"""The command `simulate`: one pool of replicas that serves one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from computesim.cli import options
from computesim.cli.app import CHECK_FAILED
from computesim.cli.asking import Alias, aliases, asks, by_class, by_name, by_size, noted
from computesim.cli.output import print_json

if TYPE_CHECKING:
    from computesim.scenario.questions import Draft

USUAL = aliases(
    "model", "accelerator", "replicas", "traffic.rate", "traffic.clients",
    Alias("traffic.trace.file", "trace", "FILE"),
    "traffic.requests", "traffic.prompt_tokens", "traffic.output_tokens",
    Alias("promise.ttft", takes="TIME", read=by_class),
    Alias("promise.tpot", takes="TIME", read=by_class),
)  # fmt: skip
OTHERS = aliases(
    "prefill_replicas", "serving_engine", "held_steps", "dtype", "kv_dtype", "dense_dtype",
    Alias("serving.speculation", "speculate", "K,A", by_name("drafted", "acceptance")),
    "layout.tp", "layout.ep", "layout.pp", "site",
    Alias("catalog", takes="DIR"),
    "traffic.trace.format",
    Alias("traffic.trace.start", "from"),
    Alias("traffic.trace.end", "to"),
    "traffic.rounds", Alias("traffic.range", takes="LEAST,MOST", read=by_name("least", "most")),
    "traffic.spread", "traffic.cached_share", "traffic.burstiness", "traffic.think",
    "traffic.turns", "traffic.samples",
    Alias("traffic.search", takes="D,W,B", read=by_name("depth", "width", "branching")),
    Alias("traffic.priority", read=by_class),
    "seed", "serving.routing", "serving.when_full", "serving.block",
    Alias("serving.prefix_cache", takes="SIZE", read=by_size),
    Alias("serving.autoscale", takes="MIN,LOAD,TIME", read=by_name("least", "load", "startup")),
    "serving.failures.mtbf", "serving.failures.repair", "kernel", "warm_up", "timeline",
)  # fmt: skip


@asks(USUAL, OTHERS)
def simulate(
    draft: Draft[Any],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the timeline as CSV and as charts here."),
    ] = None,
    charts: options.Charts = "svg,png",
    chrome_trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write each step of a short run, for Perfetto."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Simulate a pool that serves one model, request by request.

    The question is a file, options, or both. With a promise the exit code is 1 where it is
    missed. With a trace, --rate replays it at that rate; its sessions are played turn by turn.
    Where no layout is given the best one that fits is chosen. How everything happens:
    docs/mechanisms.md.

    Example: computesim simulate --model deepseek-v3 --accelerator h800-sxm --rate 4 --tpot 50ms
    """
    from dataclasses import replace

    from computesim.report.text.pool import text
    from computesim.study.pool.judging import simulated

    formats = noted(draft, "--charts", options.formats, charts)
    if out and not draft.stated("timeline"):
        draft.fault("--out", "there is nothing to write", "timeline as well")
    answer, played = simulated(draft.read())
    files: list[Path] = []
    if out:
        from computesim.report.serving_figures import write_timeline

        files += write_timeline(answer, out, formats)
    if chrome_trace:
        from computesim.study.pool.steps import write_chrome_trace

        files.append(write_chrome_trace(chrome_trace, played))
    answer = replace(answer, files=tuple(map(str, files)))
    if as_json:
        print_json(answer)
    else:
        typer.echo(text(answer))
    if answer.promise.get("kept") is False:
        raise typer.Exit(CHECK_FAILED)
