"""Goodput, batch growth, time, hours and energy of a run against published ones."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from computesim import load_catalog
from computesim.catalog.rows import shipped_sources
from computesim.errors import CapacityError
from computesim.hardware.parallel import best_layout
from computesim.hardware.reliability import best_interval, effective_time
from computesim.hardware.training_job import TrainingJob
from computesim.study.plan.batch import (
    BATCH_SCHEDULES,
    SCHEDULE_SOURCES,
    BatchStage,
    batch_for_compute,
    batch_schedule,
)
from computesim.study.plan.run_level import Reliability, Rented, RunCost, goodput, run_cost
from computesim.workload.transformer import training_load

CATALOG = load_catalog()
H100 = CATALOG.accelerator("h100-sxm")
CLUSTER = Reliability.of(CATALOG)
HOUR = 3600.0


def measured(name: str, parameter: str) -> float:
    return CATALOG.value("reliability", name, parameter)


@pytest.mark.parametrize(("name", "accelerators", "hours"), [
    ("llama-3-405b", 16384, 3.09),
    ("rsc-1", 16384, 1.8),
    ("rsc-1", 131072, 0.23),
])  # fmt: skip
def test_time_between_failures_follows_the_size_of_the_job(
    name: str, accelerators: int, hours: float
) -> None:
    found = goodput(accelerators / 8, Reliability.of(CATALOG, name)).mtbf / HOUR
    assert found == pytest.approx(hours, rel=0.03)


@pytest.mark.parametrize(("accelerators", "times"), [(8, 3.2), (1024, 3.6)])
def test_measured_small_jobs_fail_more_often_than_the_fleet_rate_says(
    accelerators: int, times: float
) -> None:
    published = measured("rsc-1", f"mean_time_to_failure_{accelerators}")
    ours = goodput(accelerators / 8, Reliability.of(CATALOG, "rsc-1")).mtbf
    assert ours / published == pytest.approx(times, rel=0.05)


def test_goodput_is_the_formula_of_cells_and_verify() -> None:
    for nodes in (8, 2048, 65_536):
        found = goodput(nodes, CLUSTER)
        assert found.effective == CLUSTER.failures.effective_time(8 * nodes)
        assert found.mtbf == pytest.approx(86400 / (nodes * 3.79e-3))
        assert found.checkpoint_interval == CLUSTER.failures.interval(8 * nodes)


@pytest.mark.parametrize(("name", "least"), [("llama-3-405b", 0.9), ("megascale", 0.9)])
def test_large_jobs_keep_the_effective_time_that_was_reported(name: str, least: float) -> None:
    nodes = measured(name, "accelerators") / 8
    assert least <= goodput(nodes, CLUSTER).effective < 0.97


def test_byterobust_and_gemini_are_within_four_points() -> None:
    assert goodput(9600 / 8, CLUSTER).effective == pytest.approx(
        measured("byterobust", "effective_training_time"), abs=0.04
    )
    assert goodput(8960 / 8, CLUSTER).effective == pytest.approx(
        measured("gemini-2.5", "effective_training_time"), abs=0.04
    )


def test_checkpoints_come_at_the_interval_of_least_waste() -> None:
    best = goodput(2048, CLUSTER)
    assert best.checkpoint_interval == best_interval(1 / best.mtbf, CLUSTER.checkpoint_stall)
    for factor in (0.5, 2.0):
        other = effective_time(
            2048, CLUSTER.failures_per_node_day, CLUSTER.restart,
            best.checkpoint_interval * factor, CLUSTER.checkpoint_stall,
        )  # fmt: skip
        assert other < best.effective


def test_straggling_in_the_step_is_not_counted_twice() -> None:
    assert goodput(1, CLUSTER, 0.0).stragglers == pytest.approx(1 - 0.104)
    assert goodput(1, CLUSTER, 0.05).stragglers == pytest.approx(0.896 * 1.05)
    assert goodput(1, CLUSTER, 0.5).stragglers == 1.0


def test_nothing_fails_without_failures() -> None:
    calm = goodput(1e5, Reliability(0.0, 600.0, 5.0))
    assert calm.share == 1.0
    assert math.isinf(calm.mtbf)


def test_impossible_figures_are_refused() -> None:
    with pytest.raises(ValueError, match="fraction"):
        Reliability(0.004, 600.0, 5.0, straggler_waste=1.0)
    with pytest.raises(ValueError, match="not negative"):
        Reliability(-0.004, 600.0, 5.0)


@pytest.mark.parametrize(("flop", "tokens", "rel"), [
    (6 * 6.9e9 * 2e12, 2304 * 4096, 0.05),  # DeepSeek LLM 7B, from the paper of the law
    (6 * 67e9 * 2e12, 4608 * 4096, 0.05),  # and 67B
    (3.3e24, 62.9e6, 0.6),  # DeepSeek-V3 took twice as much
])  # fmt: skip
def test_the_batch_law_gives_the_batches_of_its_authors(
    flop: float, tokens: float, rel: float
) -> None:
    assert batch_for_compute(flop) == pytest.approx(tokens, rel=rel)


def test_a_budget_of_nothing_has_no_batch() -> None:
    with pytest.raises(ValueError, match="trains nothing"):
        batch_for_compute(0.0)


@pytest.mark.parametrize("name", BATCH_SCHEDULES)
def test_published_batches_only_grow(name: str) -> None:
    stages = batch_schedule(name)
    for one, next_one in pairwise(stages):
        assert one.until_tokens < next_one.until_tokens
        assert one.batch_tokens < next_one.batch_tokens
    assert math.isinf(stages[-1].until_tokens)
    assert SCHEDULE_SOURCES[name] in shipped_sources()


@pytest.mark.parametrize(("name", "first", "last", "tokens"), [
    ("deepseek-v3", 3072 * 4096, 15360 * 4096, 469e9),  # report, section 4.2
    ("deepseek-v2", 2304 * 4096, 9216 * 4096, 225e9),  # report, section 3.1.2
    ("gpt-3", 32e3, 3.2e6, 12e9),  # Brown 2020, appendix B
])  # fmt: skip
def test_the_parts_of_a_gradual_rise_have_its_mean(
    name: str, first: float, last: float, tokens: float
) -> None:
    *rise, rest = batch_schedule(name)
    ends = [0.0, *(stage.until_tokens for stage in rise)]
    mean = sum((b - a) * s.batch_tokens for (a, b), s in zip(pairwise(ends), rise, strict=True))
    assert ends[-1] == tokens
    assert mean / tokens == pytest.approx((first + last) / 2, rel=0.003)
    assert rest.batch_tokens == last


def test_an_unknown_schedule_names_the_near_miss() -> None:
    with pytest.raises(ValueError, match="did you mean deepseek-v3"):
        batch_schedule("deepseek-v3.1")


def llama_3(stages: tuple[BatchStage, ...], n: int = 16384, reliability: Reliability = CLUSTER,
            price: float | None = None) -> RunCost:  # fmt: skip
    load = training_load(CATALOG.model("llama-3.1-405b"), 8192)
    return run_cost(
        lambda batch: best_layout(TrainingJob.of(load, H100, batch), n),
        Rented(H100, price=price), 15.6e12, load.flop_per_token, stages, reliability,
    )  # fmt: skip


def test_llama_3_takes_the_accelerator_hours_that_meta_reports() -> None:
    run = llama_3(batch_schedule("llama-3-405b"))
    assert run.accelerator_hours == pytest.approx(30.84e6, rel=0.1)
    assert run.mfu == pytest.approx(0.41, abs=0.04)
    assert run.all_in_mfu == pytest.approx(0.358, abs=0.04)
    assert run.goodput.share == pytest.approx(0.857, abs=0.05)  # 26.4 of 30.84 million hours


def test_small_batches_at_the_start_take_more_steps_and_more_time() -> None:
    grown = llama_3(batch_schedule("llama-3-405b"))
    constant = llama_3((BatchStage(math.inf, 2**24),))
    assert constant.steps == pytest.approx(15.6e12 / 2**24)
    by_hand = 252e6 / 2**22 + (2.87e12 - 252e6) / 2**23 + (15.6e12 - 2.87e12) / 2**24
    assert grown.steps == pytest.approx(by_hand)
    assert constant.seconds < grown.seconds < 1.25 * constant.seconds


def test_power_is_that_of_a_measured_cluster() -> None:
    run = llama_3((BatchStage(math.inf, 16e6),))
    per_node_share = run.watts / run.n_accelerators / 1.10  # without network and storage
    assert per_node_share == pytest.approx(856, rel=0.1)  # MLPerf, 512 H100, wall
    assert run.joules == pytest.approx(run.watts * run.seconds)


def test_rent_is_paid_for_wall_time() -> None:
    run = llama_3((BatchStage(math.inf, 16e6),), price=2.0 / HOUR)
    assert run.usd == pytest.approx(2.0 * run.accelerator_hours)


def test_a_job_that_fails_faster_than_it_restarts_trains_on_between_failures() -> None:
    slow = Reliability(0.004, 6 * HOUR, 5.0)
    run = llama_3((BatchStage(math.inf, 16e6),), reliability=slow)
    assert run.goodput.mtbf < slow.restart
    assert 0 < run.goodput.share < math.exp(-slow.restart / run.goodput.mtbf)


def test_a_job_that_never_gets_to_train_is_an_error() -> None:
    endless = Reliability(0.004, 2400 * HOUR, 5.0)
    with pytest.raises(CapacityError, match="never get to train"):
        llama_3((BatchStage(math.inf, 16e6),), reliability=endless)
