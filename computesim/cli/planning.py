"""The command `plan`: how to lay a training run out, how long it takes, how far it scales."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from computesim.cli import options
from computesim.cli.app import CHECK_FAILED, stop
from computesim.cli.asking import Alias, Subject, aliases, asks
from computesim.cli.output import print_json

if TYPE_CHECKING:
    from computesim.scenario.questions import Draft
    from computesim.study.plan.question import PlanQuestion

USUAL = aliases(
    "accelerator", Alias("count", short="-n"), "tokens", "flop", "deadline",
    "layout.tp", "layout.pp", "layout.ep", "layout.cp", "layout.vp", "layout.dp",
    "layout.micro_batch", Alias("scaling", flag=True),
)  # fmt: skip
OTHERS = aliases(
    "layout.zero", "layout.recompute", "batch_tokens", "batch_schedule", "seq_len", "dtype", "site",
    "offload", "top",
    Alias("catalog", takes="DIR"),
)  # fmt: skip


@asks(USUAL, OTHERS, Subject("model", "MODEL|FILE", "A model, or a question file."))
def plan(
    draft: Draft[Any],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the chart of --scaling here.")
    ] = None,
    charts: options.Charts = "svg,png",
    as_json: options.Json = False,
) -> None:
    """Rank the layouts of a training run, with why the others lose.

    With --tokens or --flop also the run: goodput, days, accelerator-hours, energy, rent. With
    --deadline the smallest machine is found first. Where nothing fits, state moves to host memory
    (--offload). Degrees of the layout that are given (--tp 4 --pp 4) are settled, the others
    searched. Failures, restarts and stragglers are those of
    the catalog. The exit code is 1 where no layout fits or no machine is fast enough.

    Example: computesim plan llama-3.1-405b --accelerator h100-sxm --count 16384 --tokens 15.6e12
    """
    from computesim.report.text import plan as text
    from computesim.study.plan.planning import plan as planned

    question: PlanQuestion = draft.read()
    if question.scaling:
        _scaling(question, out, options.formats(charts), as_json)
        return
    answer = planned(question, question.tables())
    print_json(answer) if as_json else typer.echo(text.plan_text(answer))
    if answer.fault:
        stop(answer.fault, CHECK_FAILED)


def _scaling(question: PlanQuestion, out: Path | None, kinds: list[str], as_json: bool) -> None:
    """Print utilisation against compute, and draw it where a chart is wanted."""
    from computesim.records import as_data
    from computesim.report.export import draw
    from computesim.report.scaling_figures import scaling_chart
    from computesim.report.text import plan as text
    from computesim.study.plan.scaling import both_scalings

    answer = both_scalings(question, question.tables())
    files = draw([scaling_chart(answer)], out, kinds) if out else []
    if as_json:
        print_json({**as_data(answer), "files": files})
    else:
        typer.echo(text.scaling_text(answer, files))
