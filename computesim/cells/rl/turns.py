"""Rollouts of agents: turns that follow one another, with the answers of tools between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from computesim.arrays import Floats, Ints
from computesim.sim.chains import Chains
from computesim.sim.trace import Trace


@dataclass(frozen=True, slots=True)
class Turns:
    """Rollouts as the requests that the engine sees, one for each turn."""

    trace: Trace
    chains: Chains
    priority: Ints  #: 0 goes first: what has begun goes on before something new begins
    first: Ints  #: request of the first turn of each rollout, shape (n,)
    last: Ints  #: request of the last one, shape (n,)


def in_turns(rollouts: Trace, turns: Ints, tool_tokens: int, pauses: Floats) -> Turns:
    """Return the turns of rollouts.

    Parameters
    ----------
    rollouts : Trace
        Prompt, what of it is cached, and output of all turns together.
    turns : ndarray of int64, shape (n,)
        Of each rollout, at least one; no more than it has output tokens.
    tool_tokens : int, token
        Read after each turn but the last.
    pauses : ndarray of float64, shape (sum of turns,), s
        Of the tool before each turn; not read for first turns.

    Notes
    -----
    The output is spread evenly over the turns. What a turn has read and written is in the prefix
    cache when the next one comes: frameworks keep an agent on its replica. It takes no room while
    its tool works.
    """
    of = np.repeat(np.arange(turns.size), turns)
    last = np.cumsum(turns) - 1
    first = last - turns + 1
    turn = np.arange(of.size) - first[of]
    whole, rest = np.divmod(rollouts.output_tokens, turns)
    output = whole[of] + (turn < rest[of])
    written = whole[of] * turn + np.minimum(turn, rest[of])
    prompt = rollouts.prompt_tokens[of] + written + turn * tool_tokens
    cached = np.where(turn == 0, rollouts.cached_tokens[of], prompt - tool_tokens)
    trace = Trace(rollouts.arrival[of], prompt, cached, output)
    begins = turn == 0
    chains = Chains(
        np.arange(of.size),
        np.where(begins, -1, np.arange(of.size) - 1),
        np.where(begins, 0.0, pauses),
        np.zeros(of.size, bool),
    )
    return Turns(trace, chains, begins.astype(np.int64), first, last)
