from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from computesim.hardware.reliability import (
    availability,
    daly_interval,
    effective_time,
    failures_per_second,
    young_interval,
)

MINUTE, DAY = 60.0, 86400.0


@pytest.mark.parametrize(
    ("restart", "interval", "published"),
    [(10, 10, 0.919), (5, 30, 0.892), (10, 30, 0.865), (15, 60, 0.757)],
)
def test_llama_3_effective_time(restart: float, interval: float, published: float) -> None:
    # 2,048 nodes, 419 unexpected interruptions in 54 days = 3.79 per thousand node-days; the
    # formula of Kokolis 2024 evaluated by hand for four restart and checkpoint times
    value = effective_time(2048, 3.79e-3, restart * MINUTE, interval * MINUTE)
    assert value == pytest.approx(published, abs=0.0006)


def test_llama_3_failed_every_three_hours() -> None:
    rate = failures_per_second(2048, 419 / 54 / 2048)
    assert 1 / rate / 3600 == pytest.approx(3.09, abs=0.01)


def test_meta_projection_of_a_hundred_thousand() -> None:
    # Kokolis 2024: MTTF of 131,072 accelerators projected at 0.23 h from 16,384 at 1.8 h
    small, large = (failures_per_second(n / 8, 6.5e-3) for n in (16384, 131072))
    assert 1 / small / 3600 == pytest.approx(1.8, rel=0.01)
    assert 1 / large / 3600 == pytest.approx(0.23, abs=0.005)  # printed to two digits


def test_young_interval_minimises_the_first_order_waste() -> None:
    stall, mtbf = 30.0, 3 * 3600.0

    def waste(interval: float) -> float:
        return stall / interval + interval / 2 / mtbf

    best = young_interval(stall, mtbf)
    assert waste(best) < min(waste(best * 0.9), waste(best * 1.1))
    assert waste(best) == pytest.approx(math.sqrt(2 * stall / mtbf))


def test_daly_interval_minimises_the_exact_expected_time() -> None:
    # Daly 2006: expected time M e^{R/M} (e^{(τ+C)/M} − 1) / τ per unit of work
    stall, mtbf = 300.0, 7200.0

    def expected(interval: float) -> float:
        return math.expm1((interval + stall) / mtbf) / interval

    best = daly_interval(stall, mtbf)
    scanned = min((expected(t), t) for t in range(600, 4000, 5))[1]
    assert best == pytest.approx(scanned, rel=0.01)
    assert abs(best - scanned) < abs(young_interval(stall, mtbf) - scanned)
    assert daly_interval(3 * mtbf, mtbf) == mtbf


def test_checkpoint_stall_divides_the_effective_time() -> None:
    free = effective_time(100, 5e-3, 600, 1800)
    assert effective_time(100, 5e-3, 600, 1800, checkpoint_stall=90) == pytest.approx(free / 1.05)
    with pytest.raises(ValueError, match="above 0"):
        effective_time(100, 5e-3, 600, 0)


def test_availability_is_the_renewal_share() -> None:
    assert availability(0.01, 1 * DAY) == pytest.approx(100 / 101)
    assert availability(0.0, DAY) == 1.0


@given(
    nodes=st.integers(1, 20000),
    rate=st.floats(0, 0.03),
    restart=st.floats(0, 3600),
    interval=st.floats(60, 36000),
)
def test_more_nodes_and_longer_restarts_never_help(
    nodes: int, rate: float, restart: float, interval: float
) -> None:
    value = effective_time(nodes, rate, restart, interval)
    assert 0 <= value <= 1
    assert effective_time(nodes + 1, rate, restart, interval) <= value
    assert effective_time(nodes, rate, restart + 60, interval) <= value
