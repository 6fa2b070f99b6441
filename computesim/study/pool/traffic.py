"""What a simulated pool is asked: requests, and which of them follow others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from computesim.arrays import Ints
from computesim.errors import Fault, QuestionError, near_miss
from computesim.sim.chains import Chains, beam_search, closed_loop, samples, sessions
from computesim.sim.streams import stream
from computesim.sim.trace import (
    Sessions,
    Trace,
    bursty_arrivals,
    generate,
    in_context,
    replay,
    turns_of,
)
from computesim.study.pool.possible import context_remarks, refused_all
from computesim.study.pool.question import PoolQuestion
from computesim.study.pool.recorded import recorded

MOST_SEQUENCES: Final = 20_000_000  #: of a run, some 4 GB
SESSION: Final = "session"  #: the task whose sequences are requests of their own


@dataclass(frozen=True, slots=True)
class Requests:
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
    remarks: tuple[str, ...] = ()  #: what became of requests that no engine takes as they are

    @property
    def follows(self) -> bool:
        """Whether requests wait for others."""
        return self.chains is not None and bool(self.chains.follows.any())

    @property
    def sequences_per_request(self) -> int:
        """Samples of a request, or parts of its search; a turn of a session is a request."""
        if self.task is None or self.task_name == SESSION:
            return 1
        return self.task.size // (int(self.task.max()) + 1)

    @property
    def has_prefixes(self) -> bool:
        """Whether requests begin with what others of their task have left in a cache."""
        return self.follows and self.task is not None


def requests_of(question: PoolQuestion, context: int, least: int = 0) -> Requests:
    """Return the requests of a question.

    Parameters
    ----------
    question : PoolQuestion
    context : int, token
        Of the model: longer prompts are left out, longer outputs end there. No turn of a drawn
        session has a longer prompt.
    least : int
        Requests that are drawn at least.

    Raises
    ------
    QuestionError
        With all that a trace cannot be asked.
    CaseError
        If a trace cannot be read.
    """
    traffic = question.traffic
    asked = _trace(question, context, least)
    # the parts of a search are rounded up to whole tokens
    seen = in_context(asked, context - (traffic.search.depth if traffic.search else 0))
    if (trace := seen.trace) is None:
        words = refused_all(asked, question.model, context)
        raise QuestionError([question.fault("traffic.trace", *words)], "simulate")
    if too_many := list(_too_many(question, len(trace))):
        raise QuestionError(too_many, "simulate")
    has_sessions = trace.session is not None and trace.think_seconds is not None
    requests = _in_sessions(trace) if has_sessions else _patterned(trace, question)
    if traffic.samples > 1:  # a sample may have the output of a request with a shorter prompt
        requests = replace(requests, trace=in_context(requests.trace, context).trace or trace)
    told = tuple(context_remarks(seen, question.model, context, len(asked)))
    requests = replace(requests, remarks=told)
    kinds = _kinds(trace, requests)
    if kinds is not None:
        requests = replace(requests, kind=kinds, kind_names=_names(trace, kinds))
    if faults := list(_faults(question, requests)):
        raise QuestionError(faults, "simulate")
    if traffic.priority and kinds is not None:
        levels = [int(traffic.priority.get(name, 0)) for name in requests.kind_names]
        requests = replace(requests, priority=np.array(levels)[kinds])
    return replace(requests, recorded=traffic.trace.file if traffic.trace else "")


def _trace(question: PoolQuestion, context: int, least: int) -> Trace:
    traffic, seed = question.traffic, question.seed
    if source := traffic.trace:
        file = Path(source.file)
        return recorded(file, source.format, source.span, traffic.rate, seed).trace
    prompt = traffic.law(traffic.prompt_tokens, 0.0)
    output = traffic.law(traffic.output_tokens, traffic.spread)
    rate, variation = traffic.rate or 1.0, traffic.burstiness
    if traffic.turns is None:
        n, share = max(traffic.drawn, least), traffic.cached_share
        return generate(seed, n, rate, prompt, output, share, variation)
    law = Sessions(turns=traffic.turns, most_context=float(context))
    if traffic.think is not None:
        law = law._replace(think_seconds=traffic.think)
    n = max(1, round(traffic.requests / traffic.turns))
    starts = bursty_arrivals(rate / traffic.turns, variation, n, stream(seed, "arrivals"))
    columns = turns_of(starts, law, prompt, output, None, lambda name: stream(seed, name))
    names = ("arrival", "prompt_tokens", "output_tokens", "cached_tokens")
    others = {name: column for name, column in columns.items() if name not in names}
    return replay(*(columns[name] for name in names), **others)


def _in_sessions(trace: Trace) -> Requests:
    """Return sessions of which each turn waits for the answer before."""
    assert trace.session is not None
    assert trace.think_seconds is not None
    session = trace.session.copy()
    alone = np.flatnonzero(session < 0)
    session[alone] = session.max() + 1 + np.arange(alone.size)
    _, task = np.unique(session, return_inverse=True)
    n = int(task.max()) + 1
    text = f"{n:,} sessions, each turn after the answer before"
    return Requests(trace, "", text, sessions(trace.session, trace.think_seconds), task, SESSION)


def _patterned(trace: Trace, question: PoolQuestion) -> Requests:
    """Return requests that follow one another as the question says."""
    traffic, n = question.traffic, len(trace)
    if traffic.clients:
        think = traffic.think or 0.0
        text = f"{traffic.clients} clients that wait for their answers"
        text += f", {traffic.rounds} each" if traffic.rounds else ""
        text += f" and think for {think:g} s" if think else ""
        start = replace(trace, arrival=np.zeros(n))
        return Requests(start, "", text, closed_loop(n, min(traffic.clients, n), think))
    if search := traffic.search:
        many, chains = beam_search(trace, search.depth, search.width, search.branching)
        text = (f"beam search of {search.depth} levels, {search.width} chains of "
                f"{search.branching} continuations")  # fmt: skip
        return Requests(many, "", text, chains, np.repeat(np.arange(n), len(many) // n), "search")
    if traffic.samples > 1:
        many, chains = samples(trace, traffic.samples)
        text = f"{traffic.samples} samples of each request, which share its prompt"
        task = np.repeat(np.arange(n), traffic.samples)
        return Requests(many, "", text, chains, task, f"consensus@{traffic.samples}")
    return Requests(trace)


def _too_many(question: PoolQuestion, n: int) -> Iterator[Fault]:
    """Yield samples and searches that are more sequences than a run can hold."""
    traffic = question.traffic
    each, key = traffic.samples, "traffic.samples"
    if search := traffic.search:
        each, key = search.depth * search.width * search.branching, "traffic.search"
    if n * each > MOST_SEQUENCES:
        yield question.fault(key, f"{n:,} requests of {each:,} are {n * each:,} sequences",
                             f"at most {MOST_SEQUENCES:,} in all")  # fmt: skip


def _kinds(trace: Trace, requests: Requests) -> Ints | None:
    if trace.kind is None or len(requests.trace) == len(trace) or requests.task is None:
        return trace.kind
    return trace.kind[requests.task]


def _names(trace: Trace, kinds: Ints) -> tuple[str, ...]:
    return trace.kind_names or tuple(map(str, range(int(kinds.max()) + 1)))


def _faults(question: PoolQuestion, requests: Requests) -> Iterator[Fault]:
    traffic, names = question.traffic, requests.kind_names
    if traffic.turns is None and requests.task_name == SESSION:
        patterns = {"clients": traffic.clients, "samples": traffic.samples > 1,
                    "search": traffic.search}  # fmt: skip
        for name in [name for name, stated in patterns.items() if stated][:1]:
            yield question.fault(
                f"traffic.{name}", "the trace has sessions, which are played turn by turn",
                "a trace without session or think_seconds",
            )  # fmt: skip
    levels = (("traffic.priority", traffic.priority), ("promise.ttft", question.promise.ttft),
              ("promise.tpot", question.promise.tpot))  # fmt: skip
    for key, by_class in levels:
        if by_class and "" not in by_class and not names:
            yield question.fault(key, "the requests have no classes",
                                 "a trace with a column `kind`")  # fmt: skip
        for name in [name for name in by_class if name and names and name not in names]:
            accepted = f"one of {', '.join(names[:8])}"
            yield question.fault(key, f"no class is called {name!r}", accepted,
                                 near_miss(name, names))  # fmt: skip
    if question.serving.caches_prefixes and requests.trace.blocks is None:
        yield question.fault(
            "serving.prefix_cache", "the requests do not tell which prefixes they share",
            "a trace with hash_ids, as those of Mooncake",
        )  # fmt: skip
    scaling = question.serving.autoscale
    if scaling and scaling.least > question.replicas:
        yield question.fault("serving.autoscale.least",
                             f"keeps {scaling.least} of {question.replicas} replicas",
                             "at most all replicas")  # fmt: skip
