"""Pools with everything that a pool may have: the kernel against its twin, and what must hold."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pool_cases import PoolCase, pool_cases

from computesim.sim.runs import ServingRun

#: requests and replicas, what is compared
REQUEST = ("arrival", "first", "finish", "generated", "replica", "cached_tokens")
repeatable = settings(max_examples=150, deadline=None, derandomize=True)
#: `COMPUTESIM_EXAMPLES=10000 pytest -m slow` plays ten thousand drawn pools
many = settings(
    max_examples=int(os.environ.get("COMPUTESIM_EXAMPLES", "2000")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def assert_same(case: PoolCase, exact: bool) -> ServingRun:
    ours, theirs = case.play("numba"), case.play("simpy")
    if not exact and (decided_by_rounding(ours) or decided_by_rounding(theirs)):
        assert_nothing_is_lost(case, theirs)
        return ours
    compare = assert_array_equal if exact else close
    for name in REQUEST:
        compare(ours.requests[name], theirs.requests[name], err_msg=name)
    for name in ours.replicas.dtype.names:
        compare(ours.replicas[name], theirs.replicas[name], err_msg=name)
    assert (ours.timeline is None) == (theirs.timeline is None)
    if ours.timeline is not None and theirs.timeline is not None:
        for name in ours.timeline.bins.dtype.names:  # fractions of steps are rounded
            close(ours.timeline.bins[name], theirs.timeline.bins[name], err_msg=name)
    return ours


def decided_by_rounding(run: ServingRun) -> bool:
    """Tell whether events are so close that the last digits decide which one comes first.

    Replicas that do the same at the same time end at the same time; a sum over all steps and one
    step by step then differ in the last digit. Multiples of a power of two have no last digit.
    """
    times = np.sort(np.concatenate([run.requests[x] for x in ("arrival", "first", "finish")]))
    gaps = np.diff(times[np.isfinite(times)])
    return bool(np.any((gaps > 0) & (gaps < 1e-10)))


def close(ours, theirs, err_msg="") -> None:
    assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9, err_msg=err_msg)


def assert_nothing_is_lost(case: PoolCase, run: ServingRun) -> None:
    """All requests are served to their end, each token once; time adds up."""
    if case.how["stop_after"] is None:
        assert np.isfinite(run.requests["finish"]).all()
        assert_array_equal(run.requests["generated"], case.trace.output_tokens)
    done = np.isfinite(run.requests["finish"])
    assert np.all(run.requests["arrival"][done] < run.requests["first"][done])
    assert np.all(run.requests["first"][done] <= run.requests["finish"][done])
    operation = case.how["operation"]
    if run.preemptions == 0 and operation.failures.size == 0 and case.how["stop_after"] is None:
        read = case.trace.prompt_tokens - run.requests["cached_tokens"]
        assert run.replicas["prefill_tokens"].sum() == read.sum()
        later = (case.trace.output_tokens - 1).sum()
        assert run.replicas["decode_tokens"].sum() == later
    assert np.all(run.replicas["busy_seconds"] <= run.replicas["on_seconds"] * (1 + 1e-9) + 1e-9)
    assert run.replicas["peak_kv_tokens"].max() <= case.service.kv_capacity_tokens
    if run.timeline is not None:
        bins, totals = run.timeline.bins, run.replicas
        busy = bins["prefill_seconds"].sum() + bins["decode_seconds"].sum()
        assert busy == pytest.approx(totals["busy_seconds"].sum())
        for name in ("on_seconds", "batch_seconds", "compute_seconds", "memory_seconds"):
            assert bins[name].sum() == pytest.approx(totals[name].sum()), name
        assert bins["decode_tokens"].sum() == pytest.approx(totals["decode_tokens"].sum())
        assert bins["prefill_tokens"].sum() == pytest.approx(totals["prefill_tokens"].sum())


@repeatable
@given(pool_cases())
def test_a_pool_equals_its_twin_bit_for_bit_and_loses_nothing(case) -> None:
    assert_nothing_is_lost(case, assert_same(case, exact=True))


@repeatable
@given(pool_cases(tick=False))
def test_a_pool_with_any_coefficients_equals_its_twin(case) -> None:
    assert_nothing_is_lost(case, assert_same(case, exact=False))


@pytest.mark.slow
@many
@given(st.booleans(), st.data())
def test_thousands_of_pools_equal_their_twins_and_lose_nothing(tick, data) -> None:
    case = data.draw(pool_cases(tick))
    assert_nothing_is_lost(case, assert_same(case, exact=tick))
