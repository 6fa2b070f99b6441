"""Conversations: turns that follow one another and carry what was said before.

The prompt of a turn is the prompt of the turn before, its answer and something
new. Reasoning is not kept: chat templates drop it from the history, so what
follows it in the KV cache no longer matches either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from computesim.arrays import Floats, Ints
from computesim.errors import SimulationError
from computesim.sim.trace.lengths import Reasoning, TokenLaw

Streams = Callable[[str], np.random.Generator]
Columns = dict[str, Any]


class Sessions(NamedTuple):
    """How conversations go on after their first request."""

    turns: float = 4.0  #: mean turns of a session, 1 or more; geometric
    most_turns: int = 100  #: turns of a session at most
    think_seconds: float = 60.0  #: mean wait of the person between an answer and the next turn
    think_spread: float = 1.0  #: standard deviation of its natural logarithm
    follow_up: TokenLaw | None = None  #: new tokens of a later turn; as the first where None
    most_context: float = np.inf  #: a turn whose prompt would be longer starts no more, token
    seconds_per_token: float = 0.03  #: guess of the pace of answers, for arrivals in open loop
    cache_block: int = 16  #: whole blocks of this many tokens are found again in the cache


class _Turn(NamedTuple):
    """The turn that each of the sessions still alive is at."""

    session: Ints
    arrival: Floats
    prompt: Ints
    cached: Ints
    output: Ints
    reason: Ints | None
    think: Floats


def turns_of(
    starts: Floats,
    sessions: Sessions,
    prompt: TokenLaw,
    output: TokenLaw,
    reasoning: Reasoning | None,
    streams: Streams,
) -> Columns:
    """Return the requests of conversations, turn by turn.

    Parameters
    ----------
    starts : ndarray of float64, shape (n,), s
        When the sessions begin.
    sessions : Sessions
        How they go on.
    prompt, output : TokenLaw
        Laws of the first prompt's and of every output's tokens.
    reasoning : Reasoning or None
        How much of an output is reasoning.
    streams : callable
        The stream of a name: `turns`, `think`, `prompt_tokens`, `output_tokens`, `reason_tokens`.

    Returns
    -------
    dict
        Columns of `Trace` by name, ordered by turn, not by arrival. A turn arrives when the
        answer before, at the guessed pace, and the wait are over; `think_seconds` lets a
        simulation of a closed loop replace the guess by its own finish time.
    """
    _check(sessions)
    if not starts.size:
        raise SimulationError("no session begins")
    law = {n: streams(n) for n in ("turns", "think", "prompt_tokens", "output_tokens")}
    law["reason_tokens"] = streams("reason_tokens")
    count = np.minimum(law["turns"].geometric(1.0 / sessions.turns, starts.size),
                       sessions.most_turns)  # fmt: skip
    first = prompt.draw(starts.size, law["prompt_tokens"])
    nobody = np.zeros(starts.size, np.int64)
    turn = _spoken(np.arange(starts.size), starts, first, nobody, output, reasoning, law)
    turns = [turn]
    for number in range(1, int(count.max())):
        turn = _next(turn, count > number, sessions, prompt, output, reasoning, law)
        if not turn.session.size:
            break
        turns.append(turn)
    return _columns(turns)


def _check(sessions: Sessions) -> None:
    """Refuse conversations that nobody has."""
    if not 1.0 <= sessions.turns < np.inf or sessions.most_turns < 1 or sessions.cache_block < 1:
        raise SimulationError(
            f"a session has at least one turn and blocks of one token: {sessions}"
        )
    waits = (sessions.think_seconds, sessions.think_spread, sessions.seconds_per_token)
    if not all(0.0 <= wait < np.inf for wait in waits):
        raise SimulationError(f"waits must be finite and not negative: {sessions}")


def _spoken(
    session: Ints,
    arrival: Floats,
    prompt: Ints,
    cached: Ints,
    output: TokenLaw,
    reasoning: Reasoning | None,
    law: dict[str, np.random.Generator],
    think: Floats | None = None,
) -> _Turn:
    """Return a turn with its answer."""
    said = output.draw(session.size, law["output_tokens"])
    reason = None if reasoning is None else reasoning.draw(said, law["reason_tokens"])
    waited = np.zeros(session.size) if think is None else think
    return _Turn(session, arrival, prompt, cached, said, reason, waited)


def _next(
    turn: _Turn,
    goes_on: Any,
    sessions: Sessions,
    prompt: TokenLaw,
    output: TokenLaw,
    reasoning: Reasoning | None,
    law: dict[str, np.random.Generator],
) -> _Turn:
    """Return the turn after this one, of the sessions that go on."""
    n = turn.session.size
    new = (sessions.follow_up or prompt).draw(n, law["prompt_tokens"])
    spread = sessions.think_spread
    wait = np.exp(spread * law["think"].standard_normal(n) - spread**2 / 2) * sessions.think_seconds
    reason = np.zeros(n, np.int64) if turn.reason is None else turn.reason
    context = turn.prompt + turn.output - reason + new
    # the last token of an answer is sampled but never processed, so its KV is not there
    known = turn.prompt + np.where(reason > 0, 0, turn.output - 1)
    known -= known % sessions.cache_block
    arrival = turn.arrival + turn.output * sessions.seconds_per_token + wait
    kept = goes_on[turn.session] & (context <= sessions.most_context)
    return _spoken(turn.session[kept], arrival[kept], context[kept], known[kept],
                   output, reasoning, law, wait[kept])  # fmt: skip


def _columns(turns: list[_Turn]) -> Columns:
    """Return the columns of all turns."""
    session, arrival, prompt, cached, output, reason, think = zip(*turns, strict=True)
    columns = {
        "arrival": arrival,
        "prompt_tokens": prompt,
        "cached_tokens": cached,
        "output_tokens": output,
        "session": session,
        "think_seconds": think,
    }
    if reason[0] is not None:
        columns["reason_tokens"] = reason
    return {name: np.concatenate(parts) for name, parts in columns.items()}
