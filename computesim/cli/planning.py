"""The command `plan`: how to lay a training run out, how long it takes, how far it scales."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from computesim.cli import options
from computesim.cli.app import CHECK_FAILED, app, stop
from computesim.cli.output import print_json
from computesim.cli.records import with_records
from computesim.study.plan.question import Question


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown, and what is known."""

    scaling: Annotated[
        bool, typer.Option("--scaling", help="Utilisation against training FLOP instead.")
    ] = False
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the chart of --scaling here.")
    ] = None
    charts: options.Charts = "svg,png"
    catalog: options.Catalog = None
    as_json: options.Json = False


@app.command()
@with_records
def plan(question: Question, shown: Shown) -> None:
    """Rank the layouts of a training run, with why the others lose.

    With --tokens or --flop also the run: goodput, days, accelerator-hours, energy, rent. With
    --deadline the smallest machine is found first. Where nothing fits, state moves to host memory
    (--offload). Failures, restarts and stragglers are those of
    the catalog. The exit code is 1 where no layout fits or no machine is fast enough.

    Example: computesim plan llama-3.1-405b --accelerator h100-sxm --count 16384 --tokens 15.6e12
    """
    from computesim import load_catalog
    from computesim.report.text import plan as text

    catalog = load_catalog(shown.catalog)
    question.check(catalog, shown.scaling)
    if shown.scaling:
        _scaling(question, shown)
        return
    from computesim.study.plan.planning import plan as planned

    answer = planned(question, catalog)
    print_json(answer) if shown.as_json else typer.echo(text.plan_text(answer))
    if answer.fault:
        stop(answer.fault, CHECK_FAILED)


def _scaling(question: Question, shown: Shown) -> None:
    """Print utilisation against compute, and draw it where a chart is wanted."""
    from computesim import load_catalog
    from computesim.records import as_data
    from computesim.report.export import draw
    from computesim.report.scaling_figures import scaling_chart
    from computesim.report.text import plan as text
    from computesim.study.plan.scaling import both_scalings

    kinds = options.formats(shown.charts)
    answer = both_scalings(question, load_catalog(shown.catalog))
    files = draw([scaling_chart(answer)], shown.out, kinds) if shown.out else []
    if shown.as_json:
        print_json({**as_data(answer), "files": files})
    else:
        typer.echo(text.scaling_text(answer, files))
