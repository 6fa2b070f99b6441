"""What a simulated pool is asked: requests, and which of them follow others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from computesim.arrays import Ints
from computesim.cli.faults import Faults
from computesim.cli.recorded import Excerpt, recorded
from computesim.errors import near_miss

if TYPE_CHECKING:
    from computesim.sim.chains import Chains
    from computesim.sim.trace import Trace


class Drawn(NamedTuple):
    """Requests that are drawn, not recorded."""

    requests: int
    prompt_tokens: float  #: mean
    output_tokens: float  #: mean
    spread: float  #: sd of the logarithm of the output
    cached_share: float
    burstiness: float


class Pattern(NamedTuple):
    """How requests follow one another; at most one of these."""

    clients: int | None = None  #: each waits for its answer
    turns: float | None = None  #: mean of a session
    samples: int = 1  #: of a request
    search: tuple[int, int, int] | None = None  #: depth, width, branching
    think: float | None = None  #: from an answer to the next request, s

    @property
    def named(self) -> list[str]:
        """The options that were given."""
        given = (self.clients, self.turns, self.samples > 1, self.search)
        names = ("--clients", "--turns", "--samples", "--search")
        return [name for name, value in zip(names, given, strict=True) if value]


@dataclass(frozen=True, slots=True)
class Asked:
    """The requests of a simulation."""

    trace: Trace
    recorded: str = ""  #: the file; empty where they are drawn
    pattern: str = ""  #: how they follow one another, in words
    chains: Chains | None = None
    task: Ints | None = None  #: of each request: the answer, search or session it belongs to
    task_name: str = ""
    priority: Ints | None = None  #: of each request
    kind: Ints | None = None  #: class of each request
    kind_names: tuple[str, ...] = ()

    @property
    def follows(self) -> bool:
        """Whether requests wait for others."""
        return self.chains is not None and bool(self.chains.follows.any())

    @property
    def shares(self) -> bool:
        """Whether requests keep one copy of their prompt."""
        return self.chains is not None and bool(self.chains.shares.any())


def requests_of(
    excerpt: Excerpt | None, rate: float | None, drawn: Drawn, turns: Pattern, context: int,
    seed: int,
) -> Trace:  # fmt: skip
    """Return recorded requests, or drawn ones.

    Parameters
    ----------
    excerpt : Excerpt or None
        Of a trace.
    rate : float or None, 1/s
        At which a trace is replayed, or requests are drawn (1 by default).
    drawn : Drawn
        What is drawn where there is no trace.
    turns : Pattern
        With turns, sessions are drawn.
    context : int, token
        No turn has a longer prompt.
    seed : int
    """
    from computesim.sim.trace import generate, lognormal

    if excerpt is not None:
        return recorded(excerpt, rate, seed).trace
    if turns.turns is not None:
        return _sessions(rate or 1.0, drawn, turns, context, seed)
    prompt = lognormal(drawn.prompt_tokens, 0.0)
    output = lognormal(drawn.output_tokens, drawn.spread)
    share, variation = drawn.cached_share, drawn.burstiness
    return generate(seed, drawn.requests, rate or 1.0, prompt, output, share, variation)


def _sessions(rate: float, drawn: Drawn, pattern: Pattern, context: int, seed: int) -> Trace:
    """Return the turns of drawn sessions."""
    from computesim.sim.streams import stream
    from computesim.sim.trace import Sessions, bursty_arrivals, lognormal, replay, turns_of

    mean = pattern.turns or 1.0
    law = Sessions(turns=mean, most_context=float(context))
    if pattern.think is not None:
        law = law._replace(think_seconds=pattern.think)
    n = max(1, round(drawn.requests / mean))
    starts = bursty_arrivals(rate / mean, drawn.burstiness, n, stream(seed, "arrivals"))
    prompt = lognormal(drawn.prompt_tokens, 0.0)
    output = lognormal(drawn.output_tokens, drawn.spread)
    columns = turns_of(starts, law, prompt, output, None, lambda name: stream(seed, name))
    names = ("arrival", "prompt_tokens", "output_tokens", "cached_tokens")
    others = {name: column for name, column in columns.items() if name not in names}
    return replay(*(columns[name] for name in names), **others)


def asked_for(
    trace: Trace, file: str, pattern: Pattern, priorities: dict[str, int], faults: Faults
) -> Asked:
    """Return what a pool is asked.

    Parameters
    ----------
    trace : Trace
    file : str
        Where it was read from; empty where it was drawn.
    pattern : Pattern
        Options. A trace with sessions and thinking times has its own.
    priorities : dict
        Of classes by name; 0, the first, where a class is not named.
    faults : Faults
        What does not go together is noted here.
    """
    own = trace.session is not None and trace.think_seconds is not None
    if own and pattern.turns is None and pattern.named:
        faults.add(pattern.named[0], "the trace has sessions, which are played turn by turn",
                   "expected a trace without session or think_seconds")  # fmt: skip
        own = False
    asked = _in_sessions(trace) if own else _patterned(trace, pattern)
    return replace(asked, recorded=file, **_classes(trace, asked, priorities, faults))


def _in_sessions(trace: Trace) -> Asked:
    """Return sessions of which each turn waits for the answer before."""
    from computesim.sim.chains import sessions

    assert trace.session is not None
    assert trace.think_seconds is not None
    session = trace.session.copy()
    alone = np.flatnonzero(session < 0)
    session[alone] = session.max() + 1 + np.arange(alone.size)
    _, task = np.unique(session, return_inverse=True)
    n = int(task.max()) + 1
    text = f"{n:,} sessions, each turn after the answer before"
    return Asked(trace, "", text, sessions(trace.session, trace.think_seconds), task, "session")


def _patterned(trace: Trace, pattern: Pattern) -> Asked:
    """Return requests that follow one another as the options say."""
    from computesim.sim.chains import beam_search, closed_loop, samples

    n = len(trace)
    if pattern.clients:
        think = pattern.think or 0.0
        text = f"{pattern.clients} clients that wait for their answers"
        text += f" and think for {think:g} s" if think else ""
        start = replace(trace, arrival=np.zeros(n))
        return Asked(start, "", text, closed_loop(n, min(pattern.clients, n), think))
    if pattern.search:
        depth, width, branching = pattern.search
        many, chains = beam_search(trace, depth, width, branching)
        text = f"beam search of {depth} levels, {width} chains of {branching} continuations"
        return Asked(many, "", text, chains, np.repeat(np.arange(n), len(many) // n), "search")
    if pattern.samples > 1:
        many, chains = samples(trace, pattern.samples)
        text = f"{pattern.samples} samples of each request, which share its prompt"
        task = np.repeat(np.arange(n), pattern.samples)
        return Asked(many, "", text, chains, task, f"consensus@{pattern.samples}")
    return Asked(trace)


def _classes(
    trace: Trace, asked: Asked, priorities: dict[str, int], faults: Faults
) -> dict[str, Any]:
    """Return classes and priorities of all requests."""
    if trace.kind is None:
        if priorities:
            faults.add("--priority", "the requests have no classes",
                       "expected a trace with a column `kind`")  # fmt: skip
        return {}
    names = trace.kind_names or tuple(map(str, range(int(trace.kind.max()) + 1)))
    for name in priorities:
        if name not in names:
            hint = near_miss(name, names) or f"expected {', '.join(names[:8])}"
            faults.add("--priority", f"no class is called {name!r}", hint)
    expanded = len(asked.trace) != len(trace)
    kind = trace.kind[asked.task] if expanded and asked.task is not None else trace.kind
    found: dict[str, Any] = {"kind": kind, "kind_names": names}
    if priorities:
        found["priority"] = np.array([priorities.get(name, 0) for name in names])[kind]
    return found
