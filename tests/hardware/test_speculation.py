"""Decoding with drafted tokens."""

from __future__ import annotations

import pytest

from computesim.hardware.serving import ServingLayout, serving_step
from computesim.hardware.speculation import Speculation, speculative


def test_the_tokens_of_a_step_are_those_of_the_published_formula() -> None:
    assert Speculation(1, 0.85).tokens == pytest.approx(1.85)  # DeepSeek-V3: 1.8 with MTP of one
    assert Speculation(3, 0.8).tokens == pytest.approx((1 - 0.8**4) / (1 - 0.8))
    assert Speculation(4, 1.0).tokens == 5.0
    assert Speculation(4, 0.0).tokens == 1.0


def test_drafts_that_are_never_kept_cost_and_bring_nothing(machines, loads) -> None:
    step = serving_step(loads("deepseek-v3", "fp8"), machines["h200-sxm"], ServingLayout(tp=8))
    useless = speculative(step, Speculation(2, 0.0))
    assert useless.decode_seconds(8, 2000) > step.decode_seconds(8, 2000)


def test_a_sequence_alone_gains_what_is_kept_less_the_drafts(machines, loads) -> None:
    step = serving_step(loads("llama-3.1-70b", "fp8"), machines["h200-sxm"], ServingLayout(tp=4))
    ahead = speculative(step, Speculation(1, 0.85))
    gain = [step.decode_seconds(n, 2000) / ahead.decode_seconds(n, 2000) for n in (1, 256)]
    assert gain[0] == pytest.approx(1.85 / 1.03, rel=0.03)
    assert gain[1] < gain[0]


def test_the_gain_of_deepseek_v3_is_that_of_its_report(machines, loads) -> None:
    """Section 5.4.3: one drafted token, kept at 85 to 90 %, 1.8 times the tokens/s."""
    step = serving_step(loads("deepseek-v3", "fp8"), machines["h200-sxm"], ServingLayout(tp=8))
    ahead = speculative(step, Speculation(1, 0.875))
    gain = {
        batch: step.decode_seconds(batch, 2000) / ahead.decode_seconds(batch, 2000)
        for batch in (16, 256)
    }
    assert gain[256] == pytest.approx(1.8, rel=0.15)  # all experts are read anyway
    assert gain[16] < 1.4  # the drafts touch other experts


def test_impossible_drafts_are_refused() -> None:
    for drafted, acceptance in ((0, 0.5), (1, 1.5), (1, -0.1)):
        with pytest.raises(ValueError, match="drafted"):
            Speculation(drafted, acceptance)
