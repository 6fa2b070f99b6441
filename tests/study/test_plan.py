"""Layout search: the table, why layouts lose, the smallest machine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim import load_catalog
from computesim.errors import CapacityError
from computesim.hardware.accelerator import Accelerator
from computesim.hardware.parallel import best_layout, training_step
from computesim.hardware.training_job import TrainingJob
from computesim.quantities import TrainingLoad
from computesim.study.plan.layouts import LayoutTable, rank_layouts
from computesim.study.plan.machine import Machine, smallest_machine, sooner_on_fewer
from computesim.study.plan.run_level import Reliability, goodput
from computesim.workload.transformer import training_load

CATALOG = load_catalog()
H100 = CATALOG.accelerator("h100-sxm")


def load_of(model: str, seq_len: int = 8192) -> TrainingLoad:
    return training_load(CATALOG.model(model), seq_len)


@pytest.fixture(scope="module")
def llama() -> LayoutTable:
    return rank_layouts(TrainingJob.of(load_of("llama-3.1-405b"), H100, 16e6), 16384)


def test_the_first_row_is_the_best_layout(llama: LayoutTable) -> None:
    best = best_layout(TrainingJob.of(load_of("llama-3.1-405b"), H100, 16e6), 16384)
    assert llama.layout(0) == best.layout
    assert llama.seconds[0] == pytest.approx(best.seconds)
    assert llama.mfu[0] == pytest.approx(best.mfu)
    assert llama.memory[0] == pytest.approx(best.memory.total)
    assert llama.verdict(0) == "the fastest that fits"


@pytest.mark.parametrize(("model", "chip"), [("llama-3.1-70b", "h100-sxm"),
                                             ("deepseek-v3", "gb200")])  # fmt: skip
def test_every_row_is_the_step_of_its_layout_alone(model: str, chip: str) -> None:
    load, machine = load_of(model, 4096), CATALOG.accelerator(chip)
    table = rank_layouts(TrainingJob.of(load, machine, 8e6), 1024)
    for row in np.linspace(0, len(table) - 1, 12).astype(int):
        alone = training_step(TrainingJob.of(load, machine, 8e6), table.layout(row))
        assert table.seconds[row] == pytest.approx(alone.seconds)
        assert table.shortage[row] == pytest.approx(alone.memory.shortage)
        assert table.bubble[row] == pytest.approx(alone.bubble)


def test_layouts_that_fit_come_first_by_time_and_the_others_by_what_they_lack(
    llama: LayoutTable,
) -> None:
    fit = llama.n_fitting
    assert 0 < fit < len(llama)
    assert np.all(np.diff(llama.seconds[:fit]) >= 0)
    assert np.all(llama.shortage[:fit] == 0)
    assert np.all(np.diff(llama.shortage[fit:]) >= 0)
    assert np.all(llama.shortage[fit:] > 0)


def test_the_parts_of_a_step_are_the_step(llama: LayoutTable) -> None:
    for row in (0, 10, llama.n_fitting - 1):
        assert sum(llama.parts(row).values()) == pytest.approx(llama.seconds[row])
        assert min(llama.parts(row).values()) >= 0


def test_every_layout_loses_for_one_reason(llama: LayoutTable) -> None:
    reasons = llama.reasons()
    assert sum(reasons.values()) == len(llama) - 1
    assert reasons["does not fit"] == len(llama) - llama.n_fitting
    # 2,000 sequences a step on 16,384 accelerators: short pipelines of few microbatches
    assert max(reasons, key=lambda r: reasons[r] if r != "does not fit" else 0) == "bubble"


def test_what_does_not_fit_says_by_how_much(llama: LayoutTable) -> None:
    row = len(llama) - 1
    assert llama.verdict(row) == f"does not fit, by {llama.shortage[row] / 1e9:.1f} GB"


def test_a_slower_twin_names_what_slows_it(llama: LayoutTable) -> None:
    best = llama.layout(0)
    for row in range(1, llama.n_fitting):
        layout = llama.layout(row)
        same = all(getattr(layout, n) == getattr(best, n) for n in ("tp", "pp", "dp", "zero"))
        if same and layout.recompute == best.recompute and layout.vp < best.vp:
            assert "pipeline bubble" in llama.verdict(row)
            break
    else:
        pytest.fail("no layout with a shorter interleave")


def test_a_large_machine_has_over_ten_thousand_layouts() -> None:
    load, chip = load_of("deepseek-v3", 32768), CATALOG.accelerator("gb200")
    assert len(rank_layouts(TrainingJob.of(load, chip, 64e6), 16384)) > 10_000


def test_accelerators_without_a_network_make_no_large_job() -> None:
    laptop = CATALOG.accelerator("apple-m4")
    with pytest.raises(CapacityError, match="no layout joins 16 x apple-m4"):
        rank_layouts(TrainingJob.of(load_of("llama-3.1-8b"), laptop, 1e6), 16)
    with pytest.raises(CapacityError, match="not done in 30 days"):
        smallest_machine(TrainingJob.of(load_of("llama-3.1-8b"), laptop, 1e6), 1e12, 30 * 86400.0)


def test_a_step_of_less_than_a_sequence_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter than a sequence"):
        rank_layouts(TrainingJob.of(load_of("llama-3.1-8b"), H100, 100.0), 8)


@pytest.fixture(scope="module")
def failing() -> Reliability:
    return Reliability.of(CATALOG)


def test_the_smallest_machine_makes_it_and_the_next_smaller_does_not(
    failing: Reliability,
) -> None:
    load, deadline = load_of("llama-3.1-405b"), 90 * 86400.0
    tokens = 3.8e25 / load.flop_per_token
    job = TrainingJob.of(load, H100, 16e6)
    machine = smallest_machine(job, tokens, deadline, failing)
    assert machine.seconds <= deadline
    assert machine.n_accelerators % 8 == 0
    # it took Meta 16,384 of them and 54 days for most of it
    assert 10_000 < machine.n_accelerators < 18_000
    with pytest.raises(CapacityError, match=r"the fastest, .* takes"):
        smallest_machine(job, tokens, deadline, failing, machine.n_accelerators - 8)


def test_later_deadlines_and_fewer_failures_need_no_larger_machine(failing: Reliability) -> None:
    load = load_of("llama-3.1-70b")

    def size(days: float, reliability: Reliability | None) -> int:
        found = smallest_machine(TrainingJob.of(load, H100, 8e6), 5e12, days * 86400, reliability)
        return found.n_accelerators

    sizes = [size(days, failing) for days in (20, 40, 80, 160)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]
    assert size(20, None) <= sizes[0]


def test_a_deadline_that_no_machine_meets_says_what_the_fastest_takes() -> None:
    with pytest.raises(CapacityError, match=r"up to 4,096 x h100-sxm: not done in 0.5 days"):
        smallest_machine(
            TrainingJob.of(load_of("llama-3.1-70b"), H100, 8e6), 15e12, 43200.0, largest=4096
        )


def test_idle_accelerators_cost_utilisation() -> None:
    load = load_of("llama-3.1-8b")
    whole, odd = (rank_layouts(TrainingJob.of(load, H100, 512 * 8192.0), n) for n in (64, 65))
    assert odd.used[0] <= 65
    assert odd.mfu[0] < whole.mfu[0]


def test_a_machine_of_another_memory_fits_other_layouts() -> None:
    load = load_of("llama-3.1-70b")
    small: Accelerator = CATALOG.accelerator("h100-sxm")
    large = CATALOG.accelerator("h200-sxm")
    assert (
        rank_layouts(TrainingJob.of(load, small, 4e6), 64).n_fitting
        < rank_layouts(TrainingJob.of(load, large, 4e6), 64).n_fitting
    )


CLUSTER = Reliability.of(CATALOG)
PER_ACCELERATOR = 2048.0


def done_in(model: str, chip: str, n: int, tokens: float) -> tuple[float, Machine | None]:
    """Days of a run with as much batch for each accelerator, and what the plan says is faster."""
    job = TrainingJob.of(load_of(model), CATALOG.accelerator(chip), n * PER_ACCELERATOR)
    step = best_layout(job, n)
    share = goodput(n / 8, CLUSTER, step.jitter).share
    seconds = tokens / job.batch_tokens * step.seconds / share
    return seconds, sooner_on_fewer(job, n, tokens, CLUSTER)


@given(
    model=st.sampled_from(["llama-3.1-70b", "deepseek-v3"]),
    chip=st.sampled_from(["h100-sxm", "gb200"]),
    octave=st.floats(8, 19),
    times=st.floats(1, 8),
)
def test_more_accelerators_with_as_much_batch_each_are_faster_or_the_plan_names_fewer(
    model: str, chip: str, octave: float, times: float
) -> None:
    node = CATALOG.accelerator(chip).node_accelerators
    few = round(2**octave / node) * node
    many = round(few * times / node) * node
    seconds, _ = done_in(model, chip, few, 15e12)
    later, fewer = done_in(model, chip, many, 15e12)
    assert later <= seconds * (1 + 1e-9) or fewer is not None
    if fewer is not None:
        assert fewer.n_accelerators < many
        assert fewer.seconds < later


def test_machines_that_fail_too_often_are_outrun_by_half_of_them() -> None:
    _, fewer = done_in("llama-3.1-70b", "h100-sxm", 524_288, 15e12)
    assert fewer is not None
    # the most is done at one failure within a restart of ten minutes: 304,000 accelerators
    assert fewer.n_accelerators in (229_376, 262_144, 327_680)
    assert done_in("llama-3.1-70b", "h100-sxm", 131_072, 15e12)[1] is None
