"""An RL step against the FLOP per generated token that the literature counts."""

from dataclasses import replace

import published_models as models
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.lengths import lognormal_length, representative_lengths
from computesim.quantities import Work
from computesim.workload.architecture import Architecture
from computesim.workload.parameters import parameter_count
from computesim.workload.post_training import rl_step
from computesim.workload.rl_recipe import (
    RLRecipe,
    Schedule,
    Turns,
    Verifier,
)
from computesim.workload.search import SearchPlan
from computesim.workload.transformer import decode_flop, prefill_flop, train_flop_per_token

# no heads, so no attention scores; no vocabulary to speak of: N is the FFN
BARE = Architecture("bare", 4, 1024, 0, 0, 64, 64, 4096, 1)
N = parameter_count(BARE).matmul
BASE = RLRecipe(
    prompts=8, group_size=16, prompt_tokens=0, response_lengths=(1000.0,), old_log_probs=False
)
SMALL = models.QWEN3_8B
GRPO = RLRecipe(prompts=8, group_size=16, prompt_tokens=300, response_lengths=(2000.0,))


@pytest.mark.parametrize(
    ("recipe", "multiple"),
    [
        (BASE, 8),
        (replace(BASE, old_log_probs=True), 10),
        (replace(BASE, old_log_probs=True, reference=True), 12),
        (replace(BASE, old_log_probs=True, reference=True, critic=BARE), 20),
        (replace(BASE, updates=2), 14),
        (replace(BASE, keep_share=0.5), 10),  # per kept token: 2 × 2N + 6N
        (replace(BASE, verifier=Verifier("reward_model", model=BARE)), 10),
    ],
)
def test_flop_per_token_without_attention_is_the_textbook_multiple_of_n(recipe, multiple):
    """8N GRPO on policy, 10N with old log-probs, 12N with a reference, 20N PPO."""
    step = rl_step(BARE, recipe)
    kept_tokens = 8 * 16 * 1000
    assert step.total.flop / (kept_tokens * N) == pytest.approx(multiple, rel=1e-3)
    if recipe.critic is None and recipe.verifier.kind == "rule":
        assert step.total.flop == pytest.approx(multiple * N * kept_tokens, rel=1e-12)


def test_parts_of_grpo_are_those_of_the_formulas():
    step = rl_step(SMALL, GRPO)
    assert step.prefill.flop == pytest.approx(8 * prefill_flop(SMALL, 300))
    assert step.decode.flop == pytest.approx(128 * decode_flop(SMALL, 300, 2000))
    assert step.learner.flop == pytest.approx(128 * 2300 * train_flop_per_token(SMALL, 2300))
    assert step.old_log_probs.flop == pytest.approx(step.learner.flop / 3)
    assert step.reference == Work()
    assert step.weight_sync.wire_bytes == 2 * parameter_count(SMALL).total
    assert (step.generated_tokens, step.prefilled_tokens) == (256_000, 2400)
    assert (step.trajectories, step.learner_tokens) == (128, 128 * 2300)


def test_parts_sum_to_the_total():
    step = rl_step(SMALL, replace(GRPO, reference=True, critic=SMALL))
    assert step.total.flop == pytest.approx(sum(w.flop for w in step.parts.values()))
    assert set(step.parts) == {
        "prefill", "decode", "search_scoring", "verification", "old_log_probs", "reference",
        "critic", "learner", "weight_sync",
    }  # fmt: skip


@given(st.floats(0.05, 1.0))
def test_dynamic_sampling_generates_more_and_learns_the_same(keep):
    plain, filtered = rl_step(SMALL, GRPO), rl_step(SMALL, replace(GRPO, keep_share=keep))
    assert filtered.generated_tokens == pytest.approx(plain.generated_tokens / keep)
    assert filtered.learner == plain.learner
    assert filtered.kept_trajectories == plain.kept_trajectories


@given(st.floats(1.0, 4.0))
def test_longer_responses_cost_more_than_in_proportion(factor):
    short = rl_step(SMALL, GRPO).total.flop
    long = rl_step(SMALL, replace(GRPO, response_lengths=(2000.0 * factor,))).total.flop
    assert long >= short * (1 + (factor - 1) * 0.85)


def test_spread_lengths_cost_more_attention_than_equal_ones():
    law = lognormal_length(2000, 0.9, 32_768)
    spread = replace(GRPO, response_lengths=representative_lengths(law))
    even, uneven = rl_step(SMALL, GRPO), rl_step(SMALL, spread)
    assert uneven.generated_tokens == pytest.approx(even.generated_tokens)
    assert uneven.decode.flop > even.decode.flop
    # attention grows with the mean square
    extra = (uneven.decode.flop - even.decode.flop) / 128
    pairs = 4 * 36 * 32 * 128
    assert extra == pytest.approx(pairs * (law.mean_square - 2000**2) / 2, rel=1e-6)


def test_r1_zero_step_is_a_few_per_cent_of_its_machines():
    """512 H800, 68.3 s per step of 32 × 16 responses of about 8k tokens: 4.4 % of peak at 10N."""
    recipe = replace(GRPO, prompts=32, prompt_tokens=200, response_lengths=(8000.0,))
    flop = rl_step(models.DEEPSEEK_V3, recipe).total.flop
    utilisation = flop / (512 * 68.3 * 989.5e12)
    assert 0.04 < utilisation < 0.08


def test_a_search_multiplies_generation_and_feeds_its_reward_model():
    plan = SearchPlan("beam", depth=10, branching=4, width=4, step_tokens=200, scored=True)
    recipe = replace(GRPO, group_size=1, search=plan, process_reward_model=models.QWEN3_8B)
    step = rl_step(SMALL, recipe)
    assert step.generated_tokens == 8 * 10 * 16 * 200
    assert step.kept_trajectories == 8 * 4
    assert step.search_scoring.flop == pytest.approx(step.decode.flop, rel=0.15)
    one = rl_step(SMALL, replace(recipe, trained_per_search=1))
    assert one.learner.flop == pytest.approx(step.learner.flop / 4)
    unscored = replace(recipe, search=replace(plan, scored=False))
    assert rl_step(SMALL, unscored).search_scoring == Work()


def test_an_agent_without_tools_is_one_long_response():
    one = rl_step(SMALL, GRPO)
    four = rl_step(SMALL, replace(GRPO, turns=Turns(4)))
    assert four.decode.flop == pytest.approx(one.decode.flop)
    assert four.decode.hbm_bytes == pytest.approx(one.decode.hbm_bytes)
    assert four.learner.flop == pytest.approx(one.learner.flop)


def test_tool_answers_are_read_learnt_over_and_waited_for():
    turns = Turns(5, tool_tokens=1000, tool_seconds=30, cores=2)
    step = rl_step(SMALL, replace(GRPO, turns=turns, verifier=Verifier("sandbox", seconds=60)))
    assert step.prefilled_tokens == 8 * 300 + 128 * 4 * 1000
    assert step.learner_tokens == 128 * (300 + 2000 + 4000)
    assert step.critical_seconds == 4 * 30 + 60
    assert step.core_seconds == 128 * (4 * 30 * 2 + 60)
    reads = sum(
        prefill_flop(SMALL, 300 + 400 * t + 1000 * t, 300 + 400 * t + 1000 * (t - 1))
        for t in range(1, 5)
    )
    assert step.prefill.flop == pytest.approx(8 * prefill_flop(SMALL, 300) + 128 * reads)


def test_a_lost_cache_is_read_again():
    turns = Turns(5, tool_tokens=1000, cached_share=0.0)
    step = rl_step(SMALL, replace(GRPO, turns=turns))
    again = sum(300 + 1400 * t for t in range(1, 5))
    assert step.prefilled_tokens == pytest.approx(8 * 300 + 128 * again)
    kept = rl_step(SMALL, replace(GRPO, turns=replace(turns, cached_share=1.0)))
    assert step.prefill.flop > 2 * kept.prefill.flop
    assert step.decode == kept.decode


def test_a_run_is_its_steps():
    step = rl_step(SMALL, GRPO)
    run = step * 1000
    assert run.total.flop == pytest.approx(1000 * step.total.flop)
    assert run.generated_tokens == 1000 * step.generated_tokens


def test_ppo_trains_a_critic_and_reads_a_reward_model():
    reward_model = Verifier("reward_model", model=SMALL)
    step = rl_step(SMALL, RLRecipe(
        prompts=512, group_size=1, prompt_tokens=200, response_lengths=(300,),
        reference=True, critic=SMALL, verifier=reward_model,
    ))  # fmt: skip
    head = SMALL.d_model * SMALL.vocab_size
    matmul = parameter_count(SMALL).matmul - head
    assert step.critic.flop == pytest.approx(512 * 500 * 8 * matmul, rel=0.02)
    assert step.verification.flop == pytest.approx(step.critic.flop / 4)
    assert step.reference.flop == step.old_log_probs.flop > 0


def test_a_teacher_may_be_larger_than_the_policy():
    distil = replace(GRPO, reference=True, reference_model=models.QWEN3_32B)
    ratio = rl_step(SMALL, distil).reference.flop / rl_step(SMALL, distil).old_log_probs.flop
    assert ratio == pytest.approx(31.98 / 7.57, rel=0.05)


def test_schedules_say_how_stale_rollouts_may_be():
    assert not Schedule().overlapped
    assert Schedule("one-step-off").max_staleness == 1
    assert Schedule("asynchronous", 4).max_staleness == 4
    assert Schedule("asynchronous").overlapped
    with pytest.raises(ValueError, match="synchronous"):
        Schedule("synchronous", 3)
    with pytest.raises(ValueError, match="asynchronous"):
        Schedule("asynchronus")


@pytest.mark.parametrize(
    ("faulty", "says"),
    [
        ({"keep_share": 0}, "keep_share"),
        ({"response_lengths": ()}, "response_lengths"),
        ({"turns": Turns(3), "search": SearchPlan("beam")}, "beam"),
    ],
)
def test_impossible_recipes_are_refused(faulty, says):
    with pytest.raises(ValueError, match=says):
        replace(GRPO, **faulty)


def test_impossible_verifiers_are_refused():
    with pytest.raises(ValueError, match="sandbox"):
        Verifier("sandboxes")
    with pytest.raises(ValueError, match="needs its model"):
        Verifier("reward_model")
