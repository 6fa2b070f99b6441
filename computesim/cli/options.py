"""Arguments and options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

Scenario = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A file, or a shipped name such as baseline.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set an entry of the scenario; repeatable."),
]
Catalog = Annotated[
    Path | None,
    typer.Option("--catalog", metavar="DIR", help="Folder of your own catalog tables."),
]
Charts = Annotated[
    str, typer.Option("--charts", metavar="FORMATS", help="Charts as files: svg,png,pdf.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        min=1,
        metavar="N",
        help="Processes that measure cells; all usable cores by default, or COMPUTESIM_JOBS.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar; print the folder only.")]

TraceFormat = Annotated[
    str | None,
    typer.Option(
        "--format", help="generic, azure, burstgpt or mooncake; left out, the columns tell."
    ),
]
From = Annotated[
    str, typer.Option("--from", help="Keep requests from here on: `10 h` after the first row.")
]
To = Annotated[str, typer.Option("--to", help="Keep requests before this.")]

FORMATS = ("svg", "png", "pdf")


def formats(text: str) -> list[str]:
    """Return the chart formats of `svg,png`.

    Parameters
    ----------
    text : str
        Separated by commas; empty for none.

    Raises
    ------
    typer.BadParameter
        If one is not known.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    return [one_of(name, FORMATS, "--charts") for name in names]


def one_of(word: str, known: tuple[str, ...], option: str) -> str:
    """Return the word of an option, or say what is accepted.

    Parameters
    ----------
    word : str
    known : tuple of str
    option : str
        Its name, for the message.

    Raises
    ------
    typer.BadParameter
        If the word is not known.
    """
    if word not in known:
        raise typer.BadParameter(f"{word!r} is not one of {', '.join(known)}.", param_hint=option)
    return word


def span(start: str, end: str) -> tuple[float, float]:
    """Return which part of a trace is meant, s after its first row.

    Parameters
    ----------
    start, end : str
        Times such as `10 h`; empty for the beginning and the end.

    Raises
    ------
    typer.BadParameter
        If one is no time, or nothing lies between them.
    """
    from computesim.errors import UnitError
    from computesim.units import parse

    moments = []
    for option, text, default in (("--from", start, -math.inf), ("--to", end, math.inf)):
        try:
            moments.append(parse(text, "s") if text else default)
        except UnitError as error:
            raise typer.BadParameter(str(error), param_hint=option) from error
    first, last = moments
    if first >= last:
        raise typer.BadParameter(f"nothing lies before {end!r}.", param_hint="--from, --to")
    return first, last
