"""The options of `simulate`, and how their texts are read."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from computesim.cli import options
from computesim.cli.faults import Faults


class Engine(StrEnum):
    """What plays the simulation."""

    numba = "numba"
    simpy = "simpy"


class Scaling(NamedTuple):
    """What `--autoscale` says."""

    least: int  #: replicas
    wanted: float  #: outstanding requests of a replica
    startup: float  #: s


POOL, REQUESTS, RUN, SHOWN = "Machines", "Requests", "How they are served", "What is shown"
_DEGREE = "parallel size; all three left out, the best layout is chosen."
_Machine = partial(typer.Option, rich_help_panel=POOL)
_Request = partial(typer.Option, rich_help_panel=REQUESTS)
_Run = partial(typer.Option, rich_help_panel=RUN)
_Shown = partial(typer.Option, rich_help_panel=SHOWN)

Model = Annotated[str, _Machine(help="As in `computesim list models`.")]
Chip = Annotated[str, _Machine("--accelerator", help="As in `computesim list accelerators`.")]
Replicas = Annotated[int, _Machine(min=1, help="Copies of the model.")]
Prefill = Annotated[
    int,
    _Machine(min=0, metavar="N", help="N more that only read prompts; --replicas then decode."),
]
Dtype = Annotated[str, _Machine(help="Of weights and matrix multiplications.")]
KvDtype = Annotated[str, _Machine(help="Of the KV cache.")]
Speculate = Annotated[
    str, _Machine(metavar="K,A", help="K drafted tokens a step, each kept with probability A.")
]
Tp = Annotated[int | None, _Machine(min=1, help=f"Tensor {_DEGREE}")]
Ep = Annotated[int | None, _Machine(min=1, help=f"Expert {_DEGREE}")]
Pp = Annotated[int | None, _Machine(min=1, help=f"Pipeline {_DEGREE}")]
Site = Annotated[str, _Machine(help="As in `computesim list sites`: PUE of the energy.")]
Catalog = Annotated[
    Path | None, _Machine("--catalog", metavar="DIR", help="Folder of your own catalog tables.")
]

Rate = Annotated[
    float | None, _Request(min=1e-9, help="Requests/s of the pool; 1 without a trace.")
]
TraceFile = Annotated[
    Path | None, _Request(help="Recorded requests, in a format of docs/traces.md.")
]
Format = Annotated[
    str | None,
    _Request("--format", help="generic, azure, burstgpt or mooncake; left out, the columns tell."),
]
From = Annotated[
    str, _Request("--from", help="Keep requests from here on: `10 h` after the first row.")
]
To = Annotated[str, _Request("--to", help="Keep requests before this.")]
Requests = Annotated[int, _Request(min=10, help="Requests drawn.")]
Tokens = Annotated[float, _Request(min=1, help="Mean of the requests that are drawn.")]
Spread = Annotated[float, _Request(min=0, help="Sd of ln(output tokens).")]
CachedShare = Annotated[
    float, _Request(min=0, max=1, help="Share of the prompt in a prefix cache.")
]
Burstiness = Annotated[float, _Request(min=0, help="Variation of the gaps; 1 is a Poisson stream.")]
Clients = Annotated[
    int | None,
    _Request(min=1, metavar="N", help="Closed loop: N clients, each waits for its answer."),
]
Think = Annotated[str, _Request(help="Of a client or a person, from an answer on: `5 s`.")]
Turns = Annotated[
    float | None, _Request(min=1, help="Draw sessions with so many turns on average.")
]
Samples = Annotated[
    int, _Request(min=1, metavar="K", help="Consensus or best of K: K answers from one prompt.")
]
Search = Annotated[
    str, _Request(metavar="D,W,B", help="Beam search: D levels, W chains, B continuations each.")
]
Priority = Annotated[
    str, _Request(metavar="CLASS=N,...", help="Of classes of a trace: `chat=0,batch=1`; 0 first.")
]
Seed = Annotated[int, _Request(min=0, help="Seed of all random streams.")]

Routing = Annotated[
    str,
    _Run(help="shortest-queue, round-robin, two-choices, prefix-aware, shared-queue; left out, "
              "prefix-aware where prefixes matter."),
]  # fmt: skip
WhenFull = Annotated[
    str,
    _Run(help="The KV cache: promise it to whole outputs, or preempt by recompute or swap."),
]
Block = Annotated[int, _Run(min=1, help="Tokens of a block of the KV cache.")]
PrefixCache = Annotated[
    str,
    _Run(metavar="SIZE", help="Keep prefixes (hash_ids of a trace): `20%` of the KV cache, or "
                              "`500 GB` beside it, a replica."),
]  # fmt: skip
Autoscale = Annotated[
    str,
    _Run(metavar="MIN,LOAD,TIME",
         help="From MIN replicas to all, LOAD requests on each; start-up takes TIME."),
]  # fmt: skip
Mtbf = Annotated[str, _Run(help="Mean time between failures of a replica: `30 d`.")]
Repair = Annotated[str, _Run(help="Mean time to repair one: `20 min`.")]
PlayedBy = Annotated[Engine, _Run(help="Compiled kernel, or its twin.")]

Ttft = Annotated[
    str, _Shown(help="Promise to 90 % of the requests: `2 s`, or `chat=2s,batch=1min`.")
]
Tpot = Annotated[str, _Shown(help="Likewise, per output token: `30 ms`.")]
WarmUp = Annotated[
    str,
    _Shown(help="Do not judge arrivals before; left out: what MSER finds, 0 for a trace."),
]
Timeline = Annotated[
    str, _Shown(metavar="TIME", help="Power and load by intervals of so long: `60 s`.")
]
Out = Annotated[
    Path | None, _Shown(metavar="DIR", help="Write the timeline as CSV and as charts here.")
]
Charts = Annotated[str, _Shown("--charts", metavar="FORMATS", help="Charts: svg,png,pdf.")]
ChromeTrace = Annotated[
    Path | None, _Shown(metavar="FILE", help="Write each step of a short run, for Perfetto.")
]
Json = Annotated[bool, _Shown("--json", help="Print JSON.")]


def levels(text: str, option: str) -> dict[str, float]:
    """Return a promise: `2 s` for all requests, `chat=2s,batch=1min` by class.

    Parameters
    ----------
    text : str
    option : str

    Raises
    ------
    typer.BadParameter
        If a time cannot be read.
    """
    if not text:
        return {}
    if "=" not in text:
        return {"": options.seconds(text, option)}
    return _pairs(text, option, options.seconds)


def priorities(text: str, option: str) -> dict[str, int]:
    """Return priorities by class: `chat=0,batch=1`.

    Parameters
    ----------
    text : str
    option : str

    Raises
    ------
    typer.BadParameter
        If one is no whole number from 0 to 63.
    """
    from computesim.sim.opening import MOST_LANES

    def lane(word: str, option: str) -> int:
        if not word.strip().isdigit() or int(word) >= MOST_LANES:
            raise typer.BadParameter(f"{word!r}; expected 0 to {MOST_LANES - 1}", param_hint=option)
        return int(word)

    return _pairs(text, option, lane) if text else {}


def _pairs(text: str, option: str, reader: Callable[[str, str], Any]) -> dict[str, Any]:
    """Return `a=1,b=2` by name."""
    found = {}
    for part in text.split(","):
        name, sign, value = part.partition("=")
        if not sign or not name.strip():
            raise typer.BadParameter(f"{part!r}; expected CLASS=VALUE,...", param_hint=option)
        found[name.strip()] = reader(value, option)
    return found


def search(text: str, option: str) -> tuple[int, int, int] | None:
    """Return depth, width and branching of `4,4,2`; None for an empty text.

    Parameters
    ----------
    text : str
    option : str

    Raises
    ------
    typer.BadParameter
        If these are not three whole numbers above 0.
    """
    if not text:
        return None
    words = [word.strip() for word in text.split(",")]
    if len(words) != 3 or not all(word.isdigit() and int(word) > 0 for word in words):
        raise typer.BadParameter(f"{text!r}; expected DEPTH,WIDTH,BRANCHING", param_hint=option)
    depth, width, branching = map(int, words)
    return depth, width, branching


def autoscale(text: str, option: str) -> Scaling | None:
    """Return replicas, load and start-up time of `1,8,60s`; None for an empty text.

    Parameters
    ----------
    text : str
    option : str

    Raises
    ------
    typer.BadParameter
        If one cannot be read.
    """
    if not text:
        return None
    words = [word.strip() for word in text.split(",")]
    shape = f"{text!r}; expected replicas, requests on each, start-up: `1,8,60s`"
    if len(words) != 3 or not words[0].isdigit() or int(words[0]) < 1:
        raise typer.BadParameter(shape, param_hint=option)
    try:
        load = float(words[1])
    except ValueError:
        raise typer.BadParameter(shape, param_hint=option) from None
    if not 0.0 < load < float("inf"):
        raise typer.BadParameter(shape, param_hint=option)
    return Scaling(int(words[0]), load, options.seconds(words[2], option))


def prefix_cache(text: str, option: str) -> tuple[float, float]:
    """Return the share of the KV cache and the bytes beside it of `20%` or `500 GB`.

    Parameters
    ----------
    text : str
    option : str

    Raises
    ------
    typer.BadParameter
        If it is neither.
    """
    from computesim.errors import UnitError
    from computesim.units import parse

    if not text:
        return 0.0, 0.0
    try:
        if text.strip().endswith("%"):
            share, size = parse(text, "1"), 0.0
        else:
            share, size = 0.0, parse(text, "B")
    except UnitError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    if not 0.0 <= share < 1.0 or not share + size > 0.0:
        raise typer.BadParameter(f"{text!r}; expected `20%` or `500 GB`", param_hint=option)
    return share, size


def time(text: str, faults: Faults, option: str) -> float | None:
    """Return a time that may be left out, in seconds; faults are noted.

    Parameters
    ----------
    text : str
    faults : Faults
    option : str
    """
    return faults.read(option, options.seconds, text) if text else None
