"""Loss, staleness and ratings against published points and closed forms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.workload.links import accuracy_at_loss, moved_share, rated_above, retained_gain


def test_half_of_the_way_is_done_at_the_midpoint_and_none_at_a_great_loss():
    curve = {"midpoint": 2.9, "slope": 3.7, "ceiling": 0.95, "guess": 0.25}
    assert accuracy_at_loss(2.9, **curve) == pytest.approx(0.6)
    assert accuracy_at_loss(30, **curve) == pytest.approx(0.25)
    assert accuracy_at_loss(-30, **curve) == pytest.approx(0.95)


def test_hellaswag_of_olmo_2_follows_from_its_loss():
    """81.3 % of the 7B at 2.483 nats, 83.4 % of the 13B at 2.438 (OLMo ladders, held out)."""
    curve = {"midpoint": 2.909, "slope": 3.676, "ceiling": 0.9387, "guess": 0.25}
    assert accuracy_at_loss(2.48292, **curve) == pytest.approx(0.8135, abs=0.015)
    assert accuracy_at_loss(2.43758, **curve) == pytest.approx(0.8337, abs=0.015)


@given(st.floats(0, 1e6), st.floats(0.01, 0.99), st.floats(0.1, 100))
def test_staleness_keeps_all_at_zero_and_loses_at_most_its_share(steps, loss, half):
    kept = retained_gain(steps, loss, half)
    assert 1 - loss <= kept <= 1
    assert retained_gain(0, loss, half) == 1
    assert retained_gain(half, loss, half) == pytest.approx(1 - loss / 2)
    assert retained_gain(math.inf, loss, half) == 1 - loss


def test_eight_steps_of_a_decoupled_loss_cost_areal_a_tenth_of_the_gain():
    """29.3 before RL, 42.0 without delay, 41.0 at 8 steps, 36.9 unbounded (AReaL)."""
    assert 29.3 + 12.7 * retained_gain(8, 0.412, 21.2) == pytest.approx(41.0, abs=0.6)
    assert 29.3 + 12.7 * retained_gain(math.inf, 0.412, 21.2) == pytest.approx(36.9, abs=0.3)


def test_a_rating_of_1673_beats_89_percent_of_codeforces():
    """o1, OpenAI 2024: the 89th percentile. 83 % is its vote of 64 on AIME."""
    assert rated_above(1673, 1059, 601) == pytest.approx(0.89, abs=0.03)
    assert rated_above(1059, 1059, 601) == 0.5
    odds = rated_above(1660, 1059, 601) / (1 - rated_above(1660, 1059, 601))
    assert odds == pytest.approx(10)


@given(st.floats(0.01, 0.99), st.floats(-4, 4))
def test_a_share_moves_by_logits_and_back(share, logits):
    moved = moved_share(share, logits)
    assert math.log(moved / (1 - moved)) == pytest.approx(
        math.log(share / (1 - share)) + logits, abs=1e-6
    )
    assert moved_share(moved, -logits) == pytest.approx(share)
