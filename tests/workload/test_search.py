"""Closed forms of search against trees that are grown node by node."""

import published_models as models
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.workload.search import SearchPlan, search_cache_bytes, search_cost, search_flop
from computesim.workload.transformer import decode_flop, forward_flop_per_token


def grow(branching, depth, width, step, response, rollouts, first):
    """Grow a tree token by token; return generated tokens, reused tokens, finished responses."""
    generated = reused = 0
    level = [0] * first  # prefixes that the next expansion starts from
    for _ in range(depth):
        children = []
        for prefix in level:
            for _ in range(branching):
                reused += prefix
                generated += step
                children.append(prefix + step)
                for _ in range(rollouts):
                    reused += prefix + step
                    generated += response - prefix - step
        level = children[:width] if width else children
    if rollouts:
        return generated, reused, len(level) * rollouts
    for prefix in level:
        reused += prefix
        generated += response - prefix
    return generated, reused, len(level)


@given(
    st.integers(1, 4), st.integers(1, 4), st.integers(0, 5), st.integers(1, 9), st.integers(0, 3)
)
def test_a_tree_costs_what_growing_it_costs(branching, depth, width, step, rollouts):
    plan = SearchPlan(
        "tree", depth=depth, branching=branching, width=width, step_tokens=step, rollouts=rollouts
    )
    cost = search_cost(plan, 50)
    counted = grow(branching, depth, width, step, 50, rollouts, 1)
    assert (cost.generated_tokens, cost.reused_tokens, cost.completions) == counted


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.integers(1, 9))
def test_a_beam_costs_what_growing_it_costs(branching, depth, width, step):
    plan = SearchPlan("beam", depth=depth, branching=branching, width=width, step_tokens=step)
    cost = search_cost(plan, 50)
    counted = grow(branching, depth, width, step, 50, 0, width)
    assert (cost.generated_tokens, cost.reused_tokens, cost.completions) == counted
    assert cost.critical_tokens == 50


def test_a_tree_of_one_branch_is_one_response():
    cost = search_cost(SearchPlan("tree", depth=7), 1000)
    assert cost.generated_tokens == pytest.approx(1000)
    assert cost.critical_tokens == pytest.approx(1000)
    assert cost.completions == 1


def test_a_whole_binary_tree_has_two_to_the_depth_leaves():
    cost = search_cost(SearchPlan("tree", depth=5, branching=2, width=0, step_tokens=10), 50)
    assert cost.completions == 32
    assert cost.generated_tokens == 10 * (2 + 4 + 8 + 16 + 32)
    assert cost.reused_tokens == pytest.approx(10 * (4 + 16 + 48 + 128) + 1600)


@given(st.integers(1, 64), st.floats(1, 1e5))
def test_samples_share_nothing_but_the_prompt(samples, response):
    for method in ("samples", "consensus"):
        cost = search_cost(SearchPlan(method, samples=samples), response)
        assert cost.generated_tokens == pytest.approx(samples * response)
        assert cost.reused_tokens == 0
        assert cost.critical_tokens == response
        assert cost.scored_tokens == 0


@given(st.integers(1, 20), st.integers(1, 5), st.floats(1, 1e4))
def test_revisions_pile_up_in_their_context(depth, samples, response):
    cost = search_cost(SearchPlan("revision", depth=depth, samples=samples), response)
    context = sum(range(depth)) * response * samples
    assert cost.reused_tokens == pytest.approx(context)
    assert cost.critical_tokens == pytest.approx(depth * response)
    assert (cost.sequences, cost.completions) == (samples, samples * depth)
    assert cost.sequence_tokens == pytest.approx(depth * response)


def expand(simulations, depth, branching, rollouts, step, response):
    """Expand nodes one after another at depths in turn."""
    generated = reused = 0
    for simulation in range(simulations):
        prefix = (simulation % depth) * step
        generated += branching * step + rollouts * (response - prefix - step)
        reused += branching * prefix + rollouts * (prefix + step)
    return generated, reused


@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 4), st.integers(1, 3))
def test_mcts_with_rollouts_costs_what_its_simulations_cost(rounds, depth, branching, rollouts):
    simulations = rounds * depth
    plan = SearchPlan(
        "mcts", simulations=simulations, depth=depth, branching=branching, rollouts=rollouts,
        step_tokens=8, width=1,
    )  # fmt: skip
    cost = search_cost(plan, 64)
    generated, reused = expand(simulations, depth, branching, rollouts, 8, 64)
    assert cost.generated_tokens == pytest.approx(generated)
    assert cost.reused_tokens == pytest.approx(reused)
    assert cost.completions == simulations * rollouts


def test_parallel_simulations_shorten_the_critical_path():
    costs = [
        search_cost(
            SearchPlan("mcts", simulations=256, depth=16, branching=4, width=w, scored=True), 1600
        )
        for w in (1, 16)
    ]
    assert costs[0].critical_tokens == pytest.approx(256 * 100)
    assert costs[1].critical_tokens == pytest.approx(16 * 100)
    assert costs[0].generated_tokens == costs[1].generated_tokens == 256 * 4 * 100
    assert costs[0].scored_tokens == costs[0].generated_tokens


@given(st.integers(1, 5), st.integers(1, 8))
def test_a_wider_or_deeper_search_never_costs_less(width, depth):
    def tokens(w, d):
        plan = SearchPlan("beam", depth=d, branching=3, width=w, step_tokens=10)
        return search_cost(plan, 100).generated_tokens

    assert tokens(width + 1, depth) > tokens(width, depth)
    assert tokens(width, depth + 1) >= tokens(width, depth)


def test_flop_of_a_search_is_the_sum_over_its_tokens():
    arch = models.DEEPSEEK_V3
    cost = search_cost(SearchPlan("beam", depth=2, branching=2, width=2, step_tokens=3), 8)
    by_token = 0.0
    for segment in cost.segments:
        for i in range(int(segment.tokens)):
            context = 20 + segment.prefix + i + 1
            by_token += segment.count * forward_flop_per_token(arch, context, absorbed=True)
    assert search_flop(arch, cost, 20, absorbed=True) == pytest.approx(by_token, rel=1e-12)


def test_one_sample_is_plain_decoding():
    arch, cost = models.LLAMA_8B, search_cost(SearchPlan(), 700)
    assert search_flop(arch, cost, 100) == pytest.approx(decode_flop(arch, 100, 700))
    assert search_cache_bytes(arch, cost, 100, 1.0) == pytest.approx(
        search_cache_bytes(arch, cost, 100, 2.0) / 2
    )


@pytest.mark.parametrize(
    ("faulty", "says"),
    [
        ({"method": "bean"}, "beam"),
        ({"method": "tree", "depth": 0}, "depth"),
        ({"method": "mcts"}, "simulations"),
        ({"method": "beam", "width": 0}, "width"),
    ],
)
def test_impossible_plans_are_refused(faulty, says):
    with pytest.raises(ValueError, match=says):
        SearchPlan(**faulty)


def test_steps_longer_than_the_response_are_refused():
    with pytest.raises(ValueError, match="longer than"):
        search_cost(SearchPlan("beam", depth=10, step_tokens=11), 100)
