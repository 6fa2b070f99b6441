"""Every step of a short simulation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from computesim.errors import SimulationError
from computesim.sim.engine import simulate_serving
from computesim.sim.operation import DecodePool, Operation
from computesim.sim.records import RECOMPUTE
from computesim.sim.service import Replicas, Service
from computesim.sim.steplog import logged_serving, prefill_begin
from computesim.sim.trace import Trace, generate, lognormal

PLAIN = Service(1.0, 0, 0, 0, 0, 0, 1.0, 1000, 8, 16)
NO_WEIGHTS = np.zeros(17)


def some() -> Trace:
    return generate(5, 40, 0.05, lognormal(20, 0.5), lognormal(10, 0.7))


def test_the_steps_add_up_to_what_the_kernel_counts() -> None:
    log = logged_serving(some(), Replicas(PLAIN, NO_WEIGHTS, 2))
    run = simulate_serving(some(), Replicas(PLAIN, NO_WEIGHTS, 2))
    for r, totals in enumerate(run.replicas):
        mine = [step for step in log.steps if step.replica == r]
        assert len(mine) == totals["iterations"]
        assert sum(s.seconds for s in mine) == pytest.approx(totals["busy_seconds"])
        assert sum(s.prompt_tokens for s in mine) == totals["prefill_tokens"]
        assert sum(s.decoding for s in mine) == totals["decode_tokens"]
        ends = [s.begin + s.seconds for s in mine]
        assert all(s.begin >= end - 1e-9 for s, end in zip(mine[1:], ends[:-1], strict=True))
    assert_allclose(log.run.requests["finish"], run.requests["finish"])


def test_a_prompt_is_read_after_the_ones_before_it() -> None:
    # 40 tokens in steps of 16: the second prompt begins in the third step, at 2 s
    trace = Trace([0.0, 0.0, 30.0], [40, 30, 5], [0, 0, 0], [1, 1, 2])
    begin = prefill_begin(logged_serving(trace, Replicas(PLAIN, NO_WEIGHTS, 1)))
    assert list(begin) == [0.0, 2.0, 30.0]


def test_reading_begins_between_arrival_and_first_token() -> None:
    log = logged_serving(some(), Replicas(PLAIN, NO_WEIGHTS, 2))
    begin, seen = prefill_begin(log), log.run.requests
    assert np.isfinite(begin).all()
    assert np.all((seen["arrival"] <= begin) & (begin < seen["first"]))


def test_where_steps_do_not_tell_the_begin_it_is_not_made_up() -> None:
    pool = DecodePool(PLAIN, NO_WEIGHTS, 1, 0.5, 0.01)
    apart = logged_serving(
        some(), Replicas(PLAIN, NO_WEIGHTS, 1), operation=Operation(decode_pool=pool)
    )
    assert np.isnan(prefill_begin(apart)).all()
    tight = PLAIN._replace(kv_capacity_tokens=80, when_full=RECOMPUTE)
    crowd = generate(5, 40, 2.0, lognormal(20, 0.3), lognormal(20, 0.3))
    log = logged_serving(crowd, Replicas(tight, NO_WEIGHTS, 1))
    assert log.run.preemptions > 0
    assert np.isnan(prefill_begin(log)).all()


def test_a_long_run_is_refused_before_it_is_played() -> None:
    long = Trace([0.0], [4], [0], [100_000_000])
    service = PLAIN._replace(kv_capacity_tokens=200_000_000)
    with pytest.raises(SimulationError, match=r"100,000,000 steps; at most 50,000"):
        logged_serving(long, Replicas(service, NO_WEIGHTS, 1))
