"""The command `simulate`: one pool of replicas that serves one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from computesim.cli import options
from computesim.cli.app import CHECK_FAILED
from computesim.cli.asking import Alias, asks, by_class, by_name, by_size, noted
from computesim.cli.output import print_json

if TYPE_CHECKING:
    from computesim.scenario.questions import Draft

USUAL = (
    Alias("model"),
    Alias("accelerator"),
    Alias("replicas"),
    Alias("traffic.rate"),
    Alias("traffic.clients"),
    Alias("traffic.trace.file", "trace", "FILE"),
    Alias("traffic.requests"),
    Alias("traffic.prompt_tokens"),
    Alias("traffic.output_tokens"),
    Alias("promise.ttft", takes="TIME", read=by_class),
    Alias("promise.tpot", takes="TIME", read=by_class),
)
OTHERS = (
    Alias("prefill_replicas"),
    Alias("dtype"),
    Alias("kv_dtype"),
    Alias("serving.speculation", "speculate", "K,A", by_name("drafted", "acceptance")),
    Alias("layout.tp"),
    Alias("layout.ep"),
    Alias("layout.pp"),
    Alias("site"),
    Alias("catalog", takes="DIR"),
    Alias("traffic.trace.format"),
    Alias("traffic.trace.start", "from"),
    Alias("traffic.trace.end", "to"),
    Alias("traffic.spread"),
    Alias("traffic.cached_share"),
    Alias("traffic.burstiness"),
    Alias("traffic.think"),
    Alias("traffic.turns"),
    Alias("traffic.samples"),
    Alias("traffic.search", takes="D,W,B", read=by_name("depth", "width", "branching")),
    Alias("traffic.priority", read=by_class),
    Alias("seed"),
    Alias("serving.routing"),
    Alias("serving.when_full"),
    Alias("serving.block"),
    Alias("serving.prefix_cache", takes="SIZE", read=by_size),
    Alias("serving.autoscale", takes="MIN,LOAD,TIME", read=by_name("least", "load", "startup")),
    Alias("serving.failures.mtbf"),
    Alias("serving.failures.repair"),
    Alias("engine"),
    Alias("warm_up"),
    Alias("timeline"),
)


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
