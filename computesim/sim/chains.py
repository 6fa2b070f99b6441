"""Requests that follow other requests: sessions, clients, agents, samples, search.

One mechanism carries them all. A *stage* is a set of requests that are sent together; a stage may
follow another one, some time after the last request of that one has finished. The turns of a
session are stages of one request; so are the requests of a client that waits for each answer; the
samples of a consensus are one stage that shares its prompt; the levels of a beam search are stages
of several requests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from computesim.arrays import Floats, Ints
from computesim.errors import SimulationError
from computesim.sim.records import STAGE, Records
from computesim.sim.trace import Trace

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Chains:
    """Which requests of a trace are sent together, and after which others.

    Arrivals of requests whose stage follows another one are not read.
    """

    stage: Ints  #: of each request, shape (n,); -1 for a request on its own
    after: Ints  #: of each stage: the one that it follows, shape (s,); -1 for none
    pause: Floats  #: from the end of that one, shape (s,), s
    shares: Flags  #: whether its requests keep their common prompt once, shape (s,)

    def __post_init__(self) -> None:
        """Bring the arrays to one form and refuse what cannot be played."""
        put = object.__setattr__  # the frozen way to finish construction
        for name, kind in (("stage", "i8"), ("after", "i8"), ("pause", "f8"), ("shares", "?")):
            put(self, name, np.ascontiguousarray(getattr(self, name), dtype=kind))
        s = self.after.size
        if not self.after.shape == self.pause.shape == self.shares.shape == (s,):
            raise SimulationError("after, pause and shares need one entry for each stage")
        used = self.stage[self.stage >= 0]
        if self.stage.ndim != 1 or np.any(self.stage < -1) or np.any(used >= s):
            raise SimulationError(f"stages of requests must lie between -1 and {s - 1}")
        if np.any(np.bincount(used, minlength=s) == 0):
            raise SimulationError("a stage without requests would never end")
        if np.any(self.after >= np.arange(s)) or np.any(self.after < -1):
            raise SimulationError("a stage must follow one with a smaller number, or none (-1)")
        followed = self.after[self.after >= 0]
        if np.any(np.bincount(followed, minlength=1) > 1):
            raise SimulationError("two stages follow the same one; they have to be one stage")
        if not np.all((self.pause >= 0.0) & (self.pause < np.inf)):
            raise SimulationError("pauses must be finite and not negative")

    @property
    def follows(self) -> Flags:
        """Whether each request is sent after others, shape (n,)."""
        return (self.stage >= 0) & (np.append(self.after, -1)[self.stage] >= 0)

    def first(self, n: int) -> Chains:
        """Return the chains of the first n requests; no stage follows another one."""
        members = self.stage[:n]
        kept, numbers = np.unique(members[members >= 0], return_inverse=True)
        stage = members.copy()
        stage[members >= 0] = numbers
        return Chains(stage, self.after[kept], self.pause[kept], self.shares[kept])

    def records(self) -> tuple[Records, npt.NDArray[np.int32]]:
        """Return the stages for the kernel, and of each request the next one of its stage.

        Returns
        -------
        tuple of ndarray of STAGE, shape (s,) and ndarray of int32, shape (n,)
        """
        stages = np.zeros(self.after.size, STAGE)
        for name in ("next", "home", "origin"):
            stages[name] = -1
        stages["pause"], stages["shares"] = self.pause, self.shares
        followers = np.flatnonzero(self.after >= 0)
        stages["next"][self.after[followers]] = followers
        stages["left"] = np.bincount(self.stage[self.stage >= 0], minlength=stages.size)
        order = np.argsort(self.stage, kind="stable")
        order = order[np.searchsorted(self.stage[order], 0) :]
        behind = np.full(self.stage.size, -1, np.int32)
        same = self.stage[order[1:]] == self.stage[order[:-1]]
        behind[order[:-1][same]] = order[1:][same]
        starts = np.concatenate(([True], ~same)) if order.size else np.zeros(0, bool)
        stages["first"][self.stage[order[starts]]] = order[starts]
        return stages, behind


def sessions(session: npt.ArrayLike, think_seconds: npt.ArrayLike) -> Chains:
    """Return the chains of sessions whose turns stand in a trace in their order.

    Parameters
    ----------
    session : array_like of int, shape (n,)
        Session of each request; negative for a request on its own.
    think_seconds : array_like of float, shape (n,), s
        Between the end of a turn and the next one: of a reader, or of a tool. Not read for the
        first turn of a session.
    """
    of, think = np.asarray(session, np.int64), np.asarray(think_seconds, np.float64)
    if of.shape != think.shape or of.ndim != 1:
        raise SimulationError("sessions and pauses need one entry for each request")
    turns = np.flatnonzero(of >= 0)
    stage = np.full(of.size, -1, np.int64)
    stage[turns] = np.arange(turns.size)
    after = np.full(turns.size, -1, np.int64)
    order = np.argsort(of[turns], kind="stable")
    again = of[turns][order[1:]] == of[turns][order[:-1]]
    after[order[1:][again]] = order[:-1][again]
    pause = np.where(after >= 0, think[turns], 0.0)
    return Chains(stage, after, pause, np.zeros(turns.size, bool))


def closed_loop(n: int, clients: int, think_seconds: float = 0.0) -> Chains:
    """Return the chains of clients that send a request when the one before is answered.

    Parameters
    ----------
    n : int
        Requests; client c sends the requests c, c + clients, c + 2 clients …
    clients : int
        Requests that are outstanding at any time.
    think_seconds : float, s
        From an answer to the next request.
    """
    if clients < 1 or n < 1:
        raise SimulationError(f"{clients} clients and {n} requests; expected at least one")
    return sessions(np.arange(n) % clients, np.full(n, think_seconds))


def samples(trace: Trace, count: int) -> tuple[Trace, Chains]:
    """Return a trace in which every request is answered several times, from one prompt.

    Parameters
    ----------
    trace : Trace
        Its outputs are the first samples of each request; the others take those of the requests
        that follow in the trace.
    count : int
        Samples of a request: the k of consensus@k and best-of-k.

    Returns
    -------
    tuple of Trace and Chains
        The samples of a request stand side by side and share one copy of the prompt.
    """
    if count < 1:
        raise SimulationError(f"{count} samples; expected at least one")
    n = len(trace)
    each = np.repeat(np.arange(n), count)
    other = (each + np.tile(np.arange(count), n)) % n
    drawn = Trace(
        trace.arrival[each],
        trace.prompt_tokens[each],
        trace.cached_tokens[each],
        trace.output_tokens[other],
    )
    return drawn, Chains(each, np.full(n, -1), np.zeros(n), np.ones(n, bool))


def beam_search(
    trace: Trace, depth: int, width: int, branching: int, scoring_seconds: float = 0.0
) -> tuple[Trace, Chains]:
    """Return a trace in which every request is a beam search over parts of its output.

    Parameters
    ----------
    trace : Trace
        The output of a request is the length of one finished chain.
    depth : int
        Expansions one after the other; each generates a `depth`-th part of the chain.
    width, branching : int
        Chains that are kept after an expansion, and continuations that are tried of each.
    scoring_seconds : float, s
        Of the verifier, after each expansion.

    Returns
    -------
    tuple of Trace and Chains
        ``depth`` stages of each request: one prompt with ``width · branching`` continuations at
        first, then ``width`` prefixes with as many in all. What was generated is in the prefix
        cache; the continuations of the first prompt share one copy of it.
    """
    if min(depth, width, branching) < 1:
        raise SimulationError("depth, width and branching are at least 1")
    n, tries = len(trace), width * branching
    part = np.maximum(-(-trace.output_tokens // depth), 1)
    level = np.tile(np.repeat(np.arange(depth), tries), n)
    each = np.repeat(np.arange(n), depth * tries)
    prompt = trace.prompt_tokens[each] + level * part[each]
    cached = np.where(level > 0, prompt - 1, trace.cached_tokens[each])
    stage = each * depth + level
    first = np.arange(n * depth) % depth == 0
    after = np.where(first, -1, np.arange(n * depth) - 1)
    chains = Chains(stage, after, np.where(first, 0.0, scoring_seconds), first)
    return Trace(trace.arrival[each], prompt, cached, part[each]), chains
