"""The command `capacity`: how many accelerators a service needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from computesim.cli import options
from computesim.cli.app import CHECK_FAILED
from computesim.cli.asking import Alias, aliases, asks, by_name, noted
from computesim.cli.output import print_json, progress

if TYPE_CHECKING:
    from computesim.scenario.questions import Draft

#: what a class may be spelled by, beside the keys of the question file
_SHORT = {"prompt": "prompt_tokens", "output": "output_tokens", "cached": "cached_share"}


def one_class(draft: Draft[Any], key: str, text: str, option: str) -> None:
    """Read `chat:rate=3,ttft=2 s`."""
    name, _, rest = text.partition(":")
    pairs = [part.partition("=") for part in rest.split(",") if part.strip()]
    for word, _, _ in [pair for pair in pairs if not pair[1]]:
        draft.fault(option, f"{word.strip()!r} has no value", "write key=value")
    if not name.strip():
        draft.fault(option, repr(text), "begin with a name: `chat:rate=3`")
        return
    values = {word.strip(): value.strip() for word, sign, value in pairs if sign}
    _add(draft, key, {name.strip(): values}, option)


def some_classes(draft: Draft[Any], key: str, text: str, option: str) -> None:
    """Read a YAML file of classes."""
    from computesim.scenario.questions import document_of

    document = document_of(Path(text))
    names = list(document.data)
    _twice(draft, key, names)
    document.data = {key: _renamed(document.data)}
    document.places = {
        (key, *where[:1], *(_SHORT.get(str(n), n) for n in where[1:])): place
        for where, place in document.places.items()
    }
    draft.add(document)


def _add(draft: Draft[Any], key: str, classes: dict[str, Any], option: str) -> None:
    """Say classes in a draft."""
    _twice(draft, key, classes)
    draft.assign(key, _renamed(classes), option)


def _renamed(classes: dict[str, Any]) -> dict[str, Any]:
    """Return classes with the keys of the question file."""
    return {
        name: {_SHORT.get(word, word): value for word, value in values.items()}
        if isinstance(values, dict) else values
        for name, values in classes.items()
    }  # fmt: skip


def _twice(draft: Draft[Any], key: str, names: Any) -> None:
    """Note classes that options have named before."""
    for name in names:
        place = draft.document.places.get((key, name))
        if place and place.file.startswith("--"):
            draft.fault(f"{key}.{name}", "is given twice", "give it once")


USUAL = aliases(
    "model",
    Alias("accelerators", "accelerator", "NAME", many=True),
    "traffic.rate", "traffic.clients", "replicas", "traffic.prompt_tokens",
    "traffic.output_tokens", "promise.ttft", "promise.tpot", "promise.share",
    Alias("pareto", flag=True),
)  # fmt: skip
OTHERS = aliases(
    "promise.e2e",
    Alias("classes", "class", "NAME:KEY=VALUE,...", one_class, many=True),
    Alias("classes", "classes", "FILE", some_classes),
    Alias("traffic.trace.file", "trace", "FILE"),
    "traffic.trace.format",
    Alias("traffic.trace.start", "from"),
    Alias("traffic.trace.end", "to"),
    "traffic.think", "traffic.requests", "traffic.rounds",
    Alias("traffic.range", takes="LEAST,MOST", read=by_name("least", "most")),
    "traffic.spread", "traffic.prompt_spread", "traffic.cached_share", "traffic.burstiness",
    "serving_engine", "held_steps", "dtype", "kv_dtype", "dense_dtype", "layout.tp", "layout.ep",
    "layout.pp", "disaggregated", "when_full", "token_budget", "max_batch", "seed",
    Alias("catalog", takes="DIR"),
)  # fmt: skip


@asks(USUAL, OTHERS)
def capacity(
    draft: Draft[Any],
    chart: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the front here: .svg, .png or .pdf."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
    as_json: options.Json = False,
) -> None:
    """Find the fewest accelerators that keep a service level.

    Or the highest rate of some replicas, or whether they keep it. The question is a file,
    options, or both. Layouts are screened by formula and the best ones simulated, all with the
    same requests. --pareto prints the front of tokens/s per user against tokens/s per
    accelerator, per megawatt and per dollar. The exit code is 1 where nothing can do what is
    asked.

    Example: computesim capacity --model deepseek-v3 --accelerator h200-sxm --rate 20 --tpot 40ms
    """
    from computesim.report.text.capacity import front_text, text
    from computesim.study.capacity.facts import answered, fronts

    if chart is not None:
        draft.assign("pareto", True, "--chart")
        form = chart.suffix.removeprefix(".")
        noted(draft, "--chart", lambda word: options.one_of(word, options.FORMATS, ""), form)
    question = draft.read()
    with progress(quiet) as tell:
        if question.pareto:
            front = fronts(question, tell)
        else:
            answer = answered(question, tell)
    if not question.pareto:
        print_json(answer) if as_json else typer.echo(text(answer))
        raise typer.Exit(0 if answer.is_kept else CHECK_FAILED)
    if chart is not None:
        from computesim.report.capacity_figures import write_front

        front = replace(front, files=(str(write_front(front, chart)),))
    print_json(front) if as_json else typer.echo(front_text(front))
