"""RL steps against published runs, and against what must hold of any loop."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaincinv

from computesim.catalog import load_catalog
from computesim.cells.rl.cluster import SMALLEST_LEARNER, balanced
from computesim.cells.rl.engine import _of_groups, in_turn, reread_seconds
from computesim.cells.rl.overhead import sync_seconds
from computesim.cells.rl.pool import RolloutPool
from computesim.cells.rl.step import RLPlan, rl_run, rl_step_times
from computesim.errors import CapacityError, SimulationError
from computesim.hardware.training_job import TrainingJob
from computesim.sim.loop import rollout_loop
from computesim.workload.parameters import parameter_count
from computesim.workload.transformer import decode_flop, prefill_flop, train_flop_per_token

CATALOG = load_catalog()

#: NeMo RL performance summaries v0.5 and v0.6: id, model, machine, accelerators, rollouts, output
#: mean and cap, steps ahead, engine tp, engine dtype, seconds of a step
NEMO = [
    ("dsv3-256", "deepseek-v3", "h100-sxm", 256, 512, 701, 1536, 0, 32, "bf16", 134.0),
    ("dsv3-512", "deepseek-v3", "h100-sxm", 512, 512, 697, 1536, 0, 32, "bf16", 111.0),
    ("dsv3-512-off", "deepseek-v3", "h100-sxm", 512, 512, 710, 1536, 1, 32, "bf16", 64.1),
    ("dsv3-512-off-fp8", "deepseek-v3", "h100-sxm", 512, 512, 721, 1536, 1, 16, "fp8", 59.2),
    ("235b-128", "qwen3-235b-a22b", "h100-sxm", 128, 512, 5698, 8192, 0, 16, "bf16", 395.0),
    ("235b-256", "qwen3-235b-a22b", "h100-sxm", 256, 512, 5713, 8192, 0, 16, "bf16", 312.0),
    ("235b-256-off", "qwen3-235b-a22b", "h100-sxm", 256, 512, 5707, 8192, 1, 8, "bf16", 203.0),
    ("8b-16", "llama-3.1-8b", "h100-sxm", 16, 2048, 1019, 4096, 0, 1, "bf16", 92.8),
    ("8b-16-off", "llama-3.1-8b", "h100-sxm", 16, 2048, 1123, 4096, 1, 1, "bf16", 64.8),
    ("32b-32", "qwen3-32b", "h100-sxm", 32, 2048, 3251, 4096, 0, 4, "bf16", 376.0),
    ("32b-64-off", "qwen3-32b", "h100-sxm", 64, 2048, 3252, 4096, 1, 4, "bf16", 200.0),
    ("gb-dsv3-128", "deepseek-v3", "gb200", 128, 512, 711, 1536, 0, 32, "bf16", 108.0),
    ("gb-dsv3-256", "deepseek-v3", "gb200", 256, 512, 700, 1536, 0, 32, "bf16", 98.7),
    ("gb-dsv3-256-off", "deepseek-v3", "gb200", 256, 512, 708, 1536, 1, 16, "bf16", 61.7),
    ("gb-8b-8", "llama-3.1-8b", "gb200", 8, 2048, 1066, 4096, 0, 1, "bf16", 91.0),
    ("gb-8b-8-off", "llama-3.1-8b", "gb200", 8, 2048, 1107, 4096, 1, 1, "bf16", 71.1),
    ("gb-32b-16", "qwen3-32b", "gb200", 16, 2048, 3253, 4096, 0, 1, "bf16", 381.0),
    ("gb-32b-32-off", "qwen3-32b", "gb200", 32, 2048, 3258, 4096, 1, 1, "bf16", 210.0),
]


def nemo(name: str) -> RLPlan:
    """Return a published NeMo RL run; prompts and group are not printed."""
    _, model, machine, n, size, mean, cap, ahead, tp, dtype, _ = next(
        row for row in NEMO if row[0] == name
    )
    return RLPlan(
        model=CATALOG.model(model),
        accelerator=CATALOG.accelerator(machine),
        n_accelerators=n,
        sequences=size,
        group_size=16,
        prompt_tokens=115,
        mean_output_tokens=mean,
        max_output_tokens=cap,
        minibatches=size // 512,
        staleness=ahead,
        tp_rollout=tp,
        rollout_dtype=dtype,
    )


def small(**changes: object) -> RLPlan:
    """Return a step that is played quickly."""
    plan = replace(nemo("8b-16"), sequences=256, n_accelerators=8, max_output_tokens=2048)
    return replace(plan, **changes)  # type: ignore[arg-type]


def areal(size: str, ahead: int, mean: float = 9300) -> RLPlan:
    """Return a run of AReaL's table 1, with the mean length that its figure 5c tells of 1.5B."""
    model, n = {"1.5B": ("qwen2.5-1.5b", 128), "7B": ("qwen2.5-7b", 192)}[size]
    return RLPlan(
        model=replace(CATALOG.model(model), context_length=32768),
        accelerator=CATALOG.accelerator("h800-sxm"),
        n_accelerators=n,
        n_learner=n // 4 if ahead else 0,
        n_rollout=n - n // 4 if ahead else 0,
        sequences=8192,
        group_size=16,
        prompt_tokens=200,
        mean_output_tokens=mean,
        max_output_tokens=27648,
        minibatches=4,
        staleness=ahead,
        partial_rollouts=ahead > 0,
        recompute_cache=ahead > 0,
    )


# --- published runs


def test_steps_of_nemo_rl_are_predicted_by_one_table_of_coefficients() -> None:
    errors = [abs(rl_step_times(nemo(row[0])).step_seconds / row[-1] - 1) for row in NEMO]
    assert np.median(errors) <= 0.18  # 0.15 is aimed at on models left out: see verification.md
    assert np.quantile(errors, 0.9) <= 0.31


@pytest.mark.parametrize(
    ("few", "many", "published"),
    [
        ("dsv3-256", "dsv3-512", 0.60),
        ("235b-128", "235b-256", 0.63),
        ("gb-dsv3-128", "gb-dsv3-256", 0.55),
    ],
)
def test_a_fixed_batch_on_twice_the_accelerators_is_far_from_twice_as_fast(
    few: str, many: str, published: float
) -> None:
    ratio = rl_step_times(nemo(few)).step_seconds / rl_step_times(nemo(many)).step_seconds
    assert ratio / 2 == pytest.approx(published, abs=0.1)


@pytest.mark.parametrize(("size", "gain"), [("1.5B", 2.77), ("7B", 2.27)])
def test_the_gains_of_areal_are_reproduced(size: str, gain: float) -> None:
    waits, flows = (rl_step_times(areal(size, k)).step_seconds for k in (0, 8))
    assert waits / flows == pytest.approx(gain, rel=0.2)  # 0.15 is aimed at, and missed


def test_r1_zero_takes_its_accelerator_hours() -> None:
    """101,000 H800-hours; 8,192 rollouts of 10,400 / 16 batches; the mean length is assumed."""
    plan = RLPlan(
        model=CATALOG.model("deepseek-v3"),
        accelerator=CATALOG.accelerator("h800-sxm"),
        n_accelerators=512,
        sequences=8192,
        group_size=16,
        minibatches=16,
        prompt_tokens=200,
        mean_output_tokens=8000,
        max_output_tokens=32768,
        rollout_dtype="fp8",
        reference=True,
        speculation=1.8,  # decoding with its prediction layer, DeepSeek-V3 report
    )
    times = rl_step_times(plan)
    assert times.accelerator_hours(10_400 / 16) == pytest.approx(101e3, rel=0.25)
    assert times.utilisation < 0.10


def test_new_weights_arrive_within_the_published_seconds() -> None:
    """checkpoint-engine, 8 H800: Qwen3-235B in bf16 in 6.2 s."""
    plan = replace(nemo("235b-128"), accelerator=CATALOG.accelerator("h800-sxm"))
    assert sync_seconds(plan) == pytest.approx(6.2, rel=0.25)


# --- what must hold


def test_running_ahead_is_faster_than_waiting_wherever_it_was_published() -> None:
    for waits, flows in (("dsv3-512", "dsv3-512-off"), ("235b-256", "235b-256-off")):
        assert rl_step_times(nemo(flows)).step_seconds < rl_step_times(nemo(waits)).step_seconds


def test_more_staleness_never_costs_time_and_stops_to_pay() -> None:
    """verl: 231, 171, 146, 151 s at 0, 0.1, 0.3, 0.5."""
    base = small(n_rollout=4, n_learner=4, partial_rollouts=True, group_size=1)
    steps = [
        rl_step_times(replace(base, staleness=k)).step_seconds for k in (0.0, 0.3, 1.0, 3.0, 4.0)
    ]
    assert all(later <= earlier * 1.02 for earlier, later in pairwise(steps))
    assert steps[-1] > 0.95 * steps[-2]
    grouped = rl_step_times(replace(base, staleness=1.0, group_size=16)).step_seconds
    assert grouped > steps[2]  # a group waits for its last rollout


def test_a_replica_with_a_waiting_line_is_played_once_and_gives_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The times of the loop, iterated until they agree, are the oracle."""
    plan = small(n_rollout=1, n_learner=7, partial_rollouts=True, staleness=8.0, sequences=512)
    passes, flow = [0], RolloutPool.flow

    def counted(self: RolloutPool, *times: Any) -> Any:
        passes[-1] += 1
        return flow(self, *times)

    monkeypatch.setattr(RolloutPool, "flow", counted)
    once = rl_step_times(plan)
    passes.append(0)
    monkeypatch.setattr("computesim.cells.rl.engine._waited", lambda *_: False)
    assert rl_step_times(plan) == once
    assert passes[0] < passes[1]


def test_learners_that_are_passed_over_would_be_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = small(staleness=1.0, n_accelerators=64, learner_flop=5e17, flop=1e18)
    swift = balanced(plan)
    monkeypatch.setattr(TrainingJob, "highest_rate", property(lambda _: math.inf))
    assert balanced(plan) == swift
    assert swift.n_learner > SMALLEST_LEARNER


def test_the_split_of_a_synchronous_step_adds_up() -> None:
    t = rl_step_times(small(verifier_seconds=3.0))
    parts = t.rollout_seconds + t.verify_seconds + t.log_prob_seconds + t.learner_seconds
    assert parts + t.sync_seconds + t.overhead_seconds == pytest.approx(t.step_seconds, rel=1e-9)
    assert t.verify_seconds == pytest.approx(3.0)
    assert 0 < t.rollout_idle == t.learner_idle < 1


def test_kernel_and_twin_give_the_same_step() -> None:
    plan = small(sequences=16, n_accelerators=8, mean_output_tokens=60, max_output_tokens=200)
    for k in (0, 1):
        ours, twin = (
            rl_step_times(replace(plan, staleness=k), engine=e).step_seconds
            for e in ("numba", "simpy")
        )
        assert ours == pytest.approx(twin, rel=1e-6)


def test_a_few_judges_delay_the_learner_more_than_many() -> None:
    judged = [
        rl_step_times(small(verifier_seconds=5.0, verifier_cores=n)).verify_seconds
        for n in (8, 64, 0)
    ]
    assert judged[0] > judged[1] >= judged[2] == pytest.approx(5.0)


def test_tools_make_a_step_longer_by_the_longest_wait_of_a_trajectory() -> None:
    """Four exponential waits are an Erlang law; the step waits for the longest of 256."""
    plain, agent = small(), small(turns=5, tool_seconds=300.0)
    gap = rl_step_times(agent).step_seconds - rl_step_times(plain).step_seconds
    assert gap == pytest.approx(300.0 * float(gammaincinv(4, 1 - 0.5 / 256)), rel=0.2)


def test_turns_alone_change_little_and_what_tools_write_is_read() -> None:
    plain, turns = rl_step_times(small()), rl_step_times(small(turns=4))
    assert turns.rollout_seconds == pytest.approx(plain.rollout_seconds, rel=0.15)
    assert turns.generated_tokens == pytest.approx(plain.generated_tokens)
    wordy = rl_step_times(small(turns=4, tool_tokens=2000.0))
    assert wordy.rollout_seconds > turns.rollout_seconds
    assert wordy.learner_seconds > turns.learner_seconds


def test_an_agent_that_runs_ahead_waits_less_for_its_tools() -> None:
    split = small(turns=5, tool_seconds=60.0, n_rollout=4, n_learner=4)
    in_turn, far = (rl_step_times(replace(split, staleness=k)).step_seconds for k in (0, 4))
    assert far < 0.7 * in_turn


def test_the_twin_plays_the_same_agents() -> None:
    agent = small(sequences=24, turns=3, tool_seconds=2.0, tool_tokens=50.0, max_output_tokens=1100)
    ours, theirs = (rl_step_times(agent, engine=e).step_seconds for e in ("numba", "simpy"))
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_discarded_groups_are_generated_and_not_learnt_from() -> None:
    all_kept, half = rl_step_times(small()), rl_step_times(small(keep_share=0.5))
    assert half.generated_tokens == pytest.approx(2 * all_kept.generated_tokens, rel=0.1)
    assert half.learner_seconds == all_kept.learner_seconds
    assert half.rollout_seconds > all_kept.rollout_seconds


def test_a_learner_that_takes_chunks_begins_before_the_last_rollout() -> None:
    """verl: 356 s colocated, 231 s where the learner streams at a staleness of 0."""
    split = small(n_rollout=4, n_learner=4)
    whole, quarters = (rl_step_times(replace(split, chunks=k)).step_seconds for k in (1, 4))
    learner_alone = rl_step_times(split).learner_seconds + rl_step_times(split).log_prob_seconds
    assert whole - learner_alone < quarters < whole


def test_unfinished_groups_hold_up_the_learner() -> None:
    finish = np.array([1.0, 9.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(_of_groups(finish, 2), [9.0, 9.0, 3.0, 3.0, 4.0])
    np.testing.assert_array_equal(_of_groups(finish, 1), finish)


def test_reading_unfinished_rollouts_again_costs_time() -> None:
    ahead = small(n_rollout=2, n_learner=6, staleness=2.0, partial_rollouts=True)
    kept, again = (replace(ahead, recompute_cache=word) for word in (False, True))
    pool = RolloutPool.of(again, 1, "numba")
    extra = rl_step_times(again).step_seconds - rl_step_times(kept).step_seconds
    assert extra == pytest.approx(reread_seconds(pool), rel=0.05)
    assert reread_seconds(RolloutPool.of(kept, 1, "numba")) == 0.0


def test_an_engine_that_shares_its_accelerators_has_less_room() -> None:
    alone, shared = (
        RolloutPool.of(plan, 1, "numba").step.kv_capacity_tokens
        for plan in (small(n_rollout=4, n_learner=4), small())
    )
    assert shared < 0.75 * alone


def test_a_calibration_of_ones_own_is_used() -> None:
    slow = replace(small().coefficients, layer=1e-3, colocated=5.0)
    own, shipped = rl_step_times(small(framework=slow)), rl_step_times(small())
    assert own.rollout_seconds > shipped.rollout_seconds
    ratio = slow.colocated / small().coefficients.colocated
    assert own.learner_seconds == pytest.approx(ratio * shipped.learner_seconds)


def test_the_flop_of_a_step_are_those_of_its_sequences() -> None:
    """Summed rollout by rollout: attention grows with the square of each length."""
    plan = small(prompt_tokens=1000, mean_output_tokens=1500, max_output_tokens=8000, group_size=1)
    lengths = plan.lengths.draw(4000, np.random.default_rng(7))
    each = [
        prefill_flop(plan.model, 1000)
        + decode_flop(plan.model, 1000, n)
        + prefill_flop(plan.model, 1000 + n, all_logits=True)
        + (1000 + n) * train_flop_per_token(plan.model, 1000 + n)
        for n in lengths.tolist()
    ]
    assert rl_step_times(plan).flop == pytest.approx(256 * np.mean(each), rel=0.03)


def test_the_flop_of_a_critic_and_a_reference_are_those_of_their_passes() -> None:
    """Per learnt token 6N for the policy and 6N for the critic, 2N each for three forwards."""
    plain = small(old_log_probs=False)
    full = small(critic=True, reference=True)
    n = 2.0 * parameter_count(plain.model).matmul
    learnt = plain.sequences * plain.trajectory_tokens
    more = (full.model_flop - plain.model_flop) / (n * learnt)
    assert more == pytest.approx(1 + 1 + 1 + 3, rel=0.12)  # without the head of a critic


def test_prediction_layers_are_not_trained() -> None:
    plan = nemo("dsv3-256")
    without = replace(plan, model=replace(plan.model, mtp_depth=0))
    assert plan.model.mtp_depth > 0
    assert without.model_flop == plan.model_flop


def test_watts_lie_between_idle_and_full_load() -> None:
    times = rl_step_times(small())
    machine = CATALOG.accelerator("h100-sxm")
    assert 0.3 * machine.tdp < times.watts < 2 * machine.tdp
    assert times.joules == pytest.approx(times.watts * times.accelerator_seconds)


def test_an_engine_of_few_rollouts_streams_weights_and_of_many_computes() -> None:
    """One rollout at a time reads all weights in every step, whatever the step waits for."""
    few, many = (
        in_turn(RolloutPool.of(small(sequences=n, group_size=1, tp_rollout=8), 1, "numba"), 1)
        for n in (1, 512)
    )
    step = few.replica
    alone = step.traffic_seconds(1, 115 + 500, 1) / step.decode_seconds(1, 115 + 500)
    assert few.bandwidth == pytest.approx(alone, rel=0.05)
    assert 10 * few.compute < many.compute
    assert many.bandwidth < max(step.weight_hbm, step.kv_hbm)


def test_a_model_that_does_not_fit_says_by_how_much() -> None:
    with pytest.raises(CapacityError, match="GB"):
        rl_step_times(replace(nemo("dsv3-256"), n_accelerators=32, tp_rollout=0))


def test_a_plan_says_what_does_not_go_together() -> None:
    with pytest.raises(ValueError, match="cap"):
        small(mean_output_tokens=5000)
    with pytest.raises(ValueError, match="more accelerators"):
        small(n_learner=8, n_rollout=8)


def test_ten_thousand_steps_with_simulated_tails_take_the_mean_of_one() -> None:
    plan = nemo("235b-128")
    run = rl_run(plan, 10_000)
    assert run.finish[-1] / 10_000 == pytest.approx(rl_step_times(plan).step_seconds, rel=0.05)


# --- lengths


@given(share=st.floats(0.02, 0.9), spread=st.floats(0.3, 1.2))
@settings(max_examples=30, deadline=None)
def test_lengths_cut_at_the_cap_have_the_published_mean(share: float, spread: float) -> None:
    plan = small(mean_output_tokens=share * 8192, max_output_tokens=8192, output_spread=spread)
    lengths = plan.lengths.draw(40_000, np.random.default_rng(3))
    assert lengths.max() <= 8192
    assert lengths.mean() == pytest.approx(share * 8192, rel=0.05)


def test_a_mean_at_the_cap_is_as_near_as_a_law_comes() -> None:
    plan = small(mean_output_tokens=2048, max_output_tokens=2048)
    assert plan.lengths.mean == pytest.approx(0.97 * 2048)


# --- the loop of engine and learner


@given(
    staleness=st.sampled_from([0.0, 0.25, 1.0, 1.5, 4.0]),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=30, deadline=None)
def test_the_recursion_and_its_twin_agree(staleness: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    latency, learner = draw.gamma(3.0, 10.0, 40), draw.gamma(5.0, 5.0, 40)
    occupancy = latency * draw.uniform(0.2, 1.0, 40)
    ours = rollout_loop(latency, occupancy, learner, 2.0, staleness)
    twin = rollout_loop(latency, occupancy, learner, 2.0, staleness, engine="simpy")
    for name in ("start", "ready", "begin", "finish"):
        np.testing.assert_allclose(getattr(ours, name), getattr(twin, name), rtol=1e-9)


@pytest.mark.parametrize("staleness", [0, 1, 2, 8])
def test_the_period_of_a_loop_is_that_of_its_slowest_circuit(staleness: int) -> None:
    """Engine, learner, or latency + learner + weights over the batches under way."""
    latency, occupancy, learner, sync, n = 90.0, 20.0, 25.0, 5.0, 200
    ones = np.ones(n)
    run = rollout_loop(latency * ones, occupancy * ones, learner * ones, sync, staleness)
    circuit = (latency + learner + sync) / (1 + staleness)
    assert run.period() == pytest.approx(max(occupancy, learner, circuit), rel=0.02)


def test_a_loop_refuses_times_that_cannot_be() -> None:
    with pytest.raises(SimulationError, match="not negative"):
        rollout_loop([1.0], [1.0], [-1.0], 0.0, 0)
    with pytest.raises(SimulationError, match="one length"):
        rollout_loop([1.0, 2.0], [1.0], [1.0], 0.0, 0)
