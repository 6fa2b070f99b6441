"""Requests that are longer than a model reads."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from computesim.sim.trace import Trace, in_context

LENGTHS = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=20)


@given(LENGTHS, st.integers(2, 80))
def test_what_an_engine_takes_fits_and_nothing_else_is_touched(
    lengths: list[tuple[int, int]], context: int
) -> None:
    prompt, output = (np.array(column) for column in zip(*lengths, strict=True))
    asked = Trace(np.arange(prompt.size, dtype=float), prompt, np.zeros_like(prompt), output,
                  reason_tokens=output)  # fmt: skip
    seen = in_context(asked, context)
    taken = prompt < context
    assert seen.refused == np.count_nonzero(~taken)
    if not taken.any():
        assert seen.trace is None
        return
    assert seen.trace is not None
    room = context - prompt[taken]
    np.testing.assert_array_equal(seen.trace.prompt_tokens, prompt[taken])
    np.testing.assert_array_equal(seen.trace.output_tokens, np.minimum(output[taken], room))
    np.testing.assert_array_equal(seen.trace.reason_tokens, seen.trace.output_tokens)
    assert seen.cut == np.count_nonzero(output[taken] > room)
    if not seen.refused and not seen.cut:
        assert seen.trace is asked
