"""Prompts that grow along a session, against sessions written out turn by turn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.workload.adoption import growing_prompts


def written_out(
    turns: list[int], first: float, added: float, hits: float, prefix: float
) -> tuple[float, float]:
    """Return mean prompt and cached share of sessions, one prompt after the other."""
    prompts, cached = [], []
    for n in turns:
        for k in range(n):
            prompts.append(first + k * added)
            found = hits * prompts[-2] + (1 - hits) * prefix if k else prefix
            cached.append(found)
    return float(np.mean(prompts)), sum(cached) / sum(prompts)


@given(
    st.integers(1, 60), st.floats(100, 9000), st.floats(0, 3000), st.floats(0, 1), st.floats(0, 1)
)
def test_sessions_of_equal_length_can_be_counted_turn_by_turn(turns, first, added, hits, part):
    prefix = part * first
    mean, share = written_out([turns], first, added, hits, prefix)
    found = growing_prompts(first, added, turns, hits=hits, prefix=prefix)
    assert found.prompt_tokens == pytest.approx(mean)
    assert found.cached_share == pytest.approx(share, abs=1e-12)


@given(st.lists(st.integers(1, 40), min_size=2, max_size=30))
def test_sessions_of_any_length_need_only_mean_and_variation(turns):
    mean, sd = float(np.mean(turns)), float(np.std(turns))
    found = growing_prompts(2000, 700, mean, variation=sd / mean, hits=0.9, prefix=500)
    expected = written_out(turns, 2000, 700, 0.9, 500)
    assert (found.prompt_tokens, found.cached_share) == pytest.approx(expected)


def test_whole_turns_of_a_mean_of_two_and_a_half_are_two_or_three():
    found = growing_prompts(1000, 400, 2.5)
    assert (found.prompt_tokens, found.cached_share) == pytest.approx(
        written_out([2, 3], 1000, 400, 1.0, 0.0)
    )


@pytest.mark.parametrize("turns", [100, 200])
def test_growth_alone_caches_what_traces_of_agents_do_and_a_little_more(turns):
    """TraceLab: 154,000 tokens of context a step, 96 % of them cached; 100 to 200 turns a task."""
    added = 2 * (154_000 - 15_000) / (turns - 1)
    found = growing_prompts(15_000, added, turns)
    assert found.prompt_tokens == pytest.approx(154_000)
    assert 0.96 < found.cached_share < 0.995  # the rest are evictions


def test_one_turn_finds_the_common_prefix_and_no_more():
    assert growing_prompts(1000, 500, 1, prefix=300).cached_share == pytest.approx(0.3)
    assert growing_prompts(1000, 500, 1).cached_share == 0
    assert growing_prompts(1000, 500, 1, prefix=5000).cached_share == 1
    assert growing_prompts(0, 0, 3).cached_share == 0


@pytest.mark.parametrize("faulty", [{"turns": 0.5}, {"added": -1}, {"hits": 1.1}, {"prefix": -1}])
def test_impossible_sessions_are_refused(faulty):
    with pytest.raises(ValueError, match="turns are at least 1"):
        growing_prompts(**{"first": 1000, "added": 10, "turns": 3} | faulty)
