"""Rollouts of agents as requests that follow one another."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from computesim.cells.rl.turns import in_turns
from computesim.sim.trace import Trace


def test_each_turn_reads_what_the_tool_wrote_and_knows_the_rest() -> None:
    rollouts = Trace(np.zeros(2), [100, 50], [0, 50], [11, 4])
    found = in_turns(rollouts, np.array([3, 1]), 20, np.array([9.0, 1.5, 2.5, 9.0]))
    assert_array_equal(found.trace.output_tokens, [4, 4, 3, 4])
    assert_array_equal(found.trace.prompt_tokens, [100, 124, 148, 50])
    assert_array_equal(found.trace.cached_tokens, [0, 104, 128, 50])
    assert_array_equal(found.chains.after, [-1, 0, 1, -1])
    assert_array_equal(found.chains.pause, [0.0, 1.5, 2.5, 0.0])
    assert_array_equal(found.priority, [1, 0, 0, 1])
    assert_array_equal(found.last, [2, 3])
