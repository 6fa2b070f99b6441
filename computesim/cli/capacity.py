"""The command `capacity`: how many accelerators a service needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from computesim.cli import options
from computesim.cli.app import CHECK_FAILED, app, stop
from computesim.cli.output import print_json, progress

if TYPE_CHECKING:
    from computesim.cli.capacity_ask import Asked
    from computesim.study.capacity.demand import Question

_DRAWN = "Mean of the requests that are drawn."
_DEGREE = "parallel size; all three left out, the best layout is chosen."
_PROMISED = "Promise to --share of the requests"
Tokens = Annotated[float, typer.Option(min=1, help=_DRAWN)]
Share = Annotated[float, typer.Option(min=0.01, max=0.9999, help="Of the requests, promised.")]


@app.command()
def capacity(
    model: Annotated[str, typer.Option(help="As in `computesim list models`.")],
    accelerator: Annotated[
        list[str], typer.Option(help="As in `computesim list accelerators`; repeatable.")
    ],
    rate: Annotated[
        float | None, typer.Option(min=1e-9, help="Requests/s; of a trace: to replay it at.")
    ] = None,
    clients: Annotated[
        int | None, typer.Option(min=1, help="Closed loop: so many requests at any time.")
    ] = None,
    think: Annotated[
        str, typer.Option(help="From an answer to the client's next request: `10 s`.")
    ] = "",
    replicas: Annotated[
        int | None,
        typer.Option(min=1, help="Find the highest rate of so many; with a rate: is it kept?"),
    ] = None,
    ttft: Annotated[str, typer.Option(help=f"{_PROMISED}: `2 s` to the first token.")] = "",
    tpot: Annotated[str, typer.Option(help=f"{_PROMISED}: `40 ms` per later token.")] = "",
    e2e: Annotated[str, typer.Option(help=f"{_PROMISED}: `60 s` to the last token.")] = "",
    share: Share = 0.9,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME:KEY=VALUE,...",
            help="Requests of one kind: rate, prompt, output, spread, prompt_spread, cached, "
            "burstiness, ttft, tpot, e2e, share, priority (0 first); repeatable.",
        ),
    ] = None,
    class_file: Annotated[
        Path | None, typer.Option("--classes", metavar="FILE", help="The same as a YAML file.")
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Recorded requests, in a format of docs/traces.md.")
    ] = None,
    trace_format: options.TraceFormat = None,
    start: options.From = "",
    end: options.To = "",
    requests: Annotated[int, typer.Option(min=10, help="Requests drawn, at least.")] = 2000,
    prompt_tokens: Tokens = 1000,
    output_tokens: Tokens = 2000,
    spread: Annotated[float, typer.Option(min=0, max=4, help="Sd of ln(output tokens).")] = 0.9,
    prompt_spread: Annotated[
        float, typer.Option(min=0, max=4, help="Sd of ln(prompt tokens).")
    ] = 0.0,
    cached_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the prompt in a prefix cache.")
    ] = 0.0,
    burstiness: Annotated[
        float, typer.Option(min=0, max=100, help="Variation of the gaps; 1 is a Poisson stream.")
    ] = 1.0,
    dtype: Annotated[str, typer.Option(help="Of weights and matrix multiplications.")] = "fp8",
    kv_dtype: Annotated[str, typer.Option(help="Of the KV cache.")] = "bf16",
    tp: Annotated[int | None, typer.Option(min=1, help=f"Tensor {_DEGREE}")] = None,
    ep: Annotated[int | None, typer.Option(min=1, help=f"Expert {_DEGREE}")] = None,
    pp: Annotated[int | None, typer.Option(min=1, help=f"Pipeline {_DEGREE}")] = None,
    disaggregated: Annotated[
        str,
        typer.Option(metavar="no|yes|both", help="Separate replicas for prefill and decode."),
    ] = "both",
    when_full: Annotated[
        str,
        typer.Option(
            metavar="promise|recompute",
            help="KV cache: admit when the whole output fits, or preempt the newest.",
        ),
    ] = "promise",
    token_budget: Annotated[
        int | None, typer.Option(min=1, help="Tokens of a step of a replica at most.")
    ] = None,
    max_batch: Annotated[
        int | None, typer.Option(min=1, help="Running sequences of a replica at most.")
    ] = None,
    pareto: Annotated[
        bool, typer.Option("--pareto", help="Speed against throughput of a replica instead.")
    ] = False,
    chart: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw --pareto here: .svg, .png or .pdf."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all random streams.")] = 1,
    catalog: options.Catalog = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
    as_json: options.Json = False,
) -> None:
    """Find the fewest accelerators that keep a service level.

    Or the highest rate of some replicas, or whether they keep it.

    Layouts are screened by formula and the best ones simulated, all with the same requests.
    --pareto prints the front of tokens/s per user against tokens/s per accelerator, per megawatt
    and per dollar. The exit code is 1 where nothing can do what is asked.

    Example: computesim capacity --model deepseek-v3 --accelerator h200-sxm --rate 20 --tpot 40ms
    """
    from computesim.cli.capacity_ask import Asked, Reader

    common = {
        "rate": rate, "prompt": prompt_tokens, "output": output_tokens, "spread": spread,
        "prompt_spread": prompt_spread, "cached": cached_share, "burstiness": burstiness,
        "ttft": ttft, "tpot": tpot, "e2e": e2e, "share": share,
    }  # fmt: skip
    excerpt = options.excerpt(trace, trace_format, start, end) if trace else None
    asked = Asked(
        model, tuple(accelerator), common, tuple(classes or ()), class_file, excerpt, replicas,
        clients, think, requests, seed, (dtype, kv_dtype), (tp, ep, pp), when_full, disaggregated,
        (token_budget, max_batch), pareto or chart is not None, catalog,
    )  # fmt: skip
    if chart is not None:
        options.one_of(chart.suffix.removeprefix("."), options.FORMATS, "--chart")
    question = Reader(asked).question()
    if asked.pareto:
        _front(asked, question, chart, as_json, quiet)
    else:
        _answers(asked, question, as_json, quiet)


def _answers(asked: Asked, question: Question, as_json: bool, quiet: bool) -> None:
    """Find and print what each accelerator needs."""
    from computesim.cli import capacity_ask, capacity_text
    from computesim.study.capacity.answers import Goal, capacity

    goal: Goal = "fewest"
    if asked.replicas:
        fixed = asked.clients or asked.common["rate"] is not None or asked.classes or asked.file
        goal = "check" if fixed and not (asked.classes and asked.excerpt) else "highest"
    load, machines, layouts = _machines(asked)
    ways = {"no": (False,), "yes": (True,), "both": (False, True)}[asked.split]
    jobs = [(machine, split) for machine in machines for split in ways]
    found = []
    with progress(quiet) as tell:
        for n, (machine, split) in enumerate(jobs):
            answer = capacity(
                question, load, machine, asked.replicas or 0, goal, layouts,
                capacity_ask.policy(asked), split, _part(tell, n, len(jobs)),
            )  # fmt: skip
            found.append(capacity_text.answer_data(answer, question))
    told = capacity_text.question_data(question, load.name)
    if as_json:
        print_json({"question": told, "goal": goal, "answers": found})
    else:
        typer.echo(capacity_text.text(told, found, goal))
    if not any(one["kept"] for one in found):
        raise typer.Exit(CHECK_FAILED)


def _front(
    asked: Asked, question: Question, chart: Path | None, as_json: bool, quiet: bool
) -> None:
    """Find, print and draw the Pareto front of each accelerator."""
    from computesim.cli import capacity_ask, capacity_chart, capacity_text
    from computesim.study.capacity.front import front

    load, machines, layouts = _machines(asked)
    points = []
    with progress(quiet) as tell:
        for n, machine in enumerate(machines):
            way = capacity_ask.policy(asked)
            part = _part(tell, n, len(machines))
            points += capacity_text.front_data(front(question, load, machine, layouts, way, part))
    if not points:
        stop(f"{load.name} does not fit with such requests", CHECK_FAILED)
    told = capacity_text.question_data(question, load.name)
    files = [str(capacity_chart.write(told, points, chart))] if chart else []
    if as_json:
        print_json({"question": told, "front": points, "files": files})
    else:
        typer.echo(capacity_text.front_text(told, points))
        typer.echo("".join(f"\nWritten: {file}" for file in files), nl=bool(files))


def _machines(asked: Asked) -> tuple[Any, list[Any], list[Any] | None]:
    """Return the model's load, the accelerators, and the layout that was given."""
    from computesim import load_catalog
    from computesim.cli import capacity_ask
    from computesim.study.capacity.figures import machine_of
    from computesim.workload.transformer import serving_load

    catalog = load_catalog(asked.overlay)
    load = serving_load(catalog.model(asked.model), *asked.dtypes)
    layouts = [capacity_ask.layout(asked.degrees)] if any(asked.degrees) else None
    return load, [machine_of(catalog, name) for name in asked.accelerators], layouts


def _part(
    tell: Callable[[int, int, str], None] | None, place: int, of: int
) -> Callable[[int, int, str], None] | None:
    """Return what tells the progress of one of several jobs."""
    if tell is None:
        return None
    return lambda done, total, text: tell(100 * place + 100 * done // max(total, 1), 100 * of, text)
