"""From the options of `simulate` to what it found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from computesim.cli import options
from computesim.cli import serving_options as o
from computesim.cli.cell import Played, Pool, Promise, play, pool_of
from computesim.cli.cell_files import timeline_rows, write_chrome_trace, write_timeline
from computesim.cli.cell_found import energy_data, found_of, power_of
from computesim.cli.faults import Faults
from computesim.cli.operating import ROUTING, WHEN_FULL, How
from computesim.cli.traffic import Asked, Drawn, Pattern, asked_for, requests_of

if TYPE_CHECKING:
    from computesim.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Given:
    """The options as they were given."""

    model: str
    accelerator: str
    replicas: int
    prefill_replicas: int
    dtype: str
    kv_dtype: str
    speculate: str
    tp: int | None
    ep: int | None
    pp: int | None
    site: str
    catalog: Path | None
    rate: float | None
    trace: Path | None
    trace_format: str | None
    start: str
    end: str
    requests: int
    prompt_tokens: float
    output_tokens: float
    spread: float
    cached_share: float
    burstiness: float
    clients: int | None
    think: str
    turns: float | None
    samples: int
    search: str
    priority: str
    seed: int
    routing: str
    when_full: str
    block: int
    prefix_cache: str
    autoscale: str
    mtbf: str
    repair: str
    engine: o.Engine
    ttft: str
    tpot: str
    warm_up: str
    timeline: str
    out: Path | None
    charts: str
    chrome_trace: Path | None
    as_json: bool


class Read(NamedTuple):
    """The options as numbers."""

    promise: Promise
    pattern: Pattern
    how: How
    priorities: dict[str, int]
    warm_up: float | None  #: s
    formats: list[str]
    drafts: tuple[float, float] | None  #: tokens of a step, and the probability to keep each


def simulated(given: Given) -> dict[str, Any]:
    """Simulate what the options say, and write the files that they ask for.

    Parameters
    ----------
    given : Given

    Returns
    -------
    dict
        `cell_found.found_of`, with `energy` and `timeline` where one was asked for, and `files`.

    Raises
    ------
    CaseError
        With all faults of the options.
    """
    from computesim import load_catalog

    faults = Faults("simulate")
    read = _read(given, faults)
    faults.check()
    catalog = load_catalog(given.catalog)
    asked = _asked(given, read, catalog, faults)
    faults.check()
    pool = _pool(given, read, catalog, asked)
    played = play(pool, asked, read.how, given.engine.value, given.seed)
    found = found_of(pool, asked, read.how, read.promise, played, read.warm_up)
    found["files"] = []
    if read.how.bin_seconds:
        _add_timeline(given, read, catalog, pool, asked, played, found)
    if given.chrome_trace:
        found["files"].append(str(write_chrome_trace(given.chrome_trace, asked, played)))
    return found


def _asked(given: Given, read: Read, catalog: Catalog, faults: Faults) -> Asked:
    """Return the requests."""
    arch = catalog.model(given.model)
    excerpt = None
    if given.trace is not None:
        excerpt = options.excerpt(given.trace, given.trace_format, given.start, given.end)
    drawn = Drawn(given.requests, given.prompt_tokens, given.output_tokens, given.spread,
                  given.cached_share, given.burstiness)  # fmt: skip
    context = arch.context_length
    trace = requests_of(excerpt, given.rate, drawn, read.pattern, context, given.seed)
    file = str(given.trace) if given.trace is not None else ""
    asked = asked_for(trace, file, read.pattern, read.priorities, faults)
    for option, promised in (("--ttft", read.promise.ttft), ("--tpot", read.promise.tpot)):
        for name in set(promised) - {"", *asked.kind_names}:
            known = "expected " + ", ".join(asked.kind_names[:8])
            known = known if asked.kind_names else "the requests have no classes"
            faults.add(option, f"no class is called {name!r}", known)
    read.how.check(asked, given.replicas, faults)
    return asked


def _pool(given: Given, read: Read, catalog: Catalog, asked: Asked) -> Pool:
    """Return the machines."""
    from computesim.workload.transformer import serving_load

    chip = catalog.accelerator(given.accelerator)
    load = serving_load(catalog.model(given.model), given.dtype, given.kv_dtype)
    degrees = given.tp, given.ep, given.pp
    try:
        layout, step = pool_of(load, chip, degrees, asked, read.promise)
    except ValueError as error:  # degrees that do not divide one another
        raise typer.BadParameter(str(error), param_hint="--tp, --ep, --pp") from error
    if read.drafts:
        from computesim.hardware.speculation import Speculation, speculative

        step = speculative(step, Speculation(int(read.drafts[0]), read.drafts[1]))
    name = catalog.resolve("models", given.model)
    return Pool(name, chip, load, layout, step, given.replicas, given.prefill_replicas)


def _add_timeline(
    given: Given, read: Read, catalog: Catalog, pool: Pool, asked: Asked, played: Played,
    found: dict[str, Any],
) -> None:  # fmt: skip
    """Add energy and load over time to what was found, and write them."""
    power = power_of(pool, asked, played, catalog.site(given.site))
    found["energy"] = energy_data(power, found["figures"], given.site)
    rows = timeline_rows(played, power)
    found["timeline"] = {name: [row[name] for row in rows] for name in rows[0]}
    if given.out:
        requests = f"requests of {given.trace.name}" if given.trace else "drawn requests"
        source = f"computesim simulate, {requests}, PUE of {given.site}"
        files = write_timeline(given.out, read.formats, pool, played, power, source)
        found["files"] += map(str, files)


def _read(given: Given, faults: Faults) -> Read:
    """Return the options as numbers; what is wrong with them is noted."""
    for option, word in (("--dtype", given.dtype), ("--kv-dtype", given.kv_dtype)):
        _one_of(word, _dtypes(), option, faults)
    promise = Promise(
        faults.read("--ttft", o.levels, given.ttft) or {},
        faults.read("--tpot", o.levels, given.tpot) or {},
    )
    priorities = faults.read("--priority", o.priorities, given.priority) or {}
    warm_up = o.time(given.warm_up, faults, "--warm-up")
    formats = faults.read("--charts", lambda text, _: options.formats(text), given.charts) or []
    if given.out and not given.timeline:
        faults.add("--out", "there is nothing to write", "expected --timeline as well")
    pattern, how = _pattern(given, faults), _how(given, faults)
    drafts = faults.read("--speculate", _drafts, given.speculate) if given.speculate else None
    return Read(promise, pattern, how, priorities, warm_up, formats, drafts)


def _drafts(text: str, option: str) -> tuple[float, float]:
    """Return drafted tokens and their acceptance."""
    try:
        drafted, kept = (float(word) for word in text.split(","))
    except ValueError:
        drafted, kept = 0.0, 0.0
    if drafted < 1 or drafted != int(drafted) or not 0.0 <= kept <= 1.0:
        raise typer.BadParameter(f"{text!r}; expected like 1,0.85", param_hint=option)
    return drafted, kept


def _dtypes() -> tuple[str, ...]:
    """Return the known dtypes."""
    from computesim.quantities import DTYPE_BYTES

    return tuple(DTYPE_BYTES)


def _one_of(word: str, known: tuple[str, ...], option: str, faults: Faults) -> None:
    """Note a word that is not known."""
    faults.read(option, lambda text, name: options.one_of(text, known, name), word)


def _pattern(given: Given, faults: Faults) -> Pattern:
    """Return how requests follow one another."""
    think = o.time(given.think, faults, "--think")
    search = faults.read("--search", o.search, given.search)
    pattern = Pattern(given.clients, given.turns, given.samples, search, think)
    if len(pattern.named) > 1:
        faults.add(", ".join(pattern.named), "do not go together", "expected one of them")
    if given.think and not (given.clients or given.turns):
        faults.add("--think", "nobody thinks", "expected --clients or --turns")
    if given.clients and given.rate is not None:
        faults.add("--rate", "clients send when they are answered", "expected no rate")
    if given.turns and given.trace:
        faults.add("--turns", "sessions are drawn or recorded", "expected no --trace")
    return pattern


def _how(given: Given, faults: Faults) -> How:
    """Return how the pool is run."""
    _one_of(given.when_full, WHEN_FULL, "--when-full", faults)
    _one_of(given.routing or ROUTING[0], ROUTING, "--routing", faults)
    share, size = faults.read("--prefix-cache", o.prefix_cache, given.prefix_cache) or (0.0, 0.0)
    scaling = faults.read("--autoscale", o.autoscale, given.autoscale)
    mtbf, repair = (
        o.time(getattr(given, name), faults, f"--{name}") or 0.0 for name in ("mtbf", "repair")
    )
    if given.repair and not given.mtbf:
        faults.add("--repair", "nothing fails", "expected --mtbf as well")
    width = o.time(given.timeline, faults, "--timeline") or 0.0
    return How(
        given.when_full, given.block, given.routing, share, size, given.prefill_replicas,
        scaling, mtbf, repair, width,
    )  # fmt: skip
