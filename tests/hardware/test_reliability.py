"""Time that failures take, against a simulation node by node, a scan and published figures."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from computesim.hardware.reliability import (
    NODE,
    Failures,
    availability,
    best_interval,
    effective_time,
    failures_per_second,
    waiting_share,
)

MINUTE, DAY = 60.0, 86400.0
RATES = st.just(0.0) | st.floats(1e-9, 0.03)
LLAMA_3 = Failures(3.79e-3, restart=600.0, checkpoint_interval=1800.0, checkpoint_stall=5.0)


@dataclass
class Gang:
    """A job on nodes that fail one by one, played event by event."""

    nodes: int
    spares: int
    mtbf: float  #: of a node, s
    repair: float
    restart: float
    interval: float
    stall: float
    saved: float = 0.0
    waited: float = 0.0
    _down: int = 0
    _job: simpy.Process | None = None
    _ready: simpy.Event | None = None
    env: simpy.Environment = field(default_factory=simpy.Environment)

    def play(self, seconds: float, seed: int) -> tuple[float, float]:
        """Return the shares of time that are saved work and waiting for a node."""
        draw = np.random.default_rng(seed)
        for _ in range(self.nodes + self.spares):
            self.env.process(self.node(draw))
        self._job = self.env.process(self.train())
        self.env.run(seconds)
        return self.saved / seconds, self.waited / seconds

    def node(self, draw: np.random.Generator) -> Generator[simpy.Event, None, None]:
        while True:
            yield self.env.timeout(draw.exponential(self.mtbf))
            self._down += 1
            # of the nodes that are up one is the job's with this chance, else a spare
            up = self.nodes + self.spares - self._down + 1
            if self._ready is None and draw.random() < self.nodes / up:
                assert self._job is not None
                self._job.interrupt()
            yield self.env.timeout(draw.exponential(self.repair))
            self._down -= 1
            if self._ready is not None and self._down <= self.spares:
                ready, self._ready = self._ready, None
                ready.succeed()

    def train(self) -> Generator[simpy.Event, None, None]:
        while True:
            if self._down > self.spares:
                self._ready, since = self.env.event(), self.env.now
                yield self._ready
                self.waited += self.env.now - since
            try:
                yield self.env.timeout(self.restart)
                while True:
                    yield self.env.timeout(self.interval)
                    yield self.env.timeout(self.stall)
                    self.saved += self.interval
            except simpy.Interrupt:
                pass


def first_order(
    nodes: float, rate: float, restart: float, interval: float, stall: float = 0.0
) -> float:
    """ETTR of Kokolis 2024, for rare failures."""
    lost = nodes * rate / DAY * (restart + interval / 2.0)
    return max(1.0 - lost, 0.0) / (1.0 + stall / interval)


@pytest.mark.parametrize(
    ("mtbf_hours", "restart", "interval", "stall"),
    [(8.0, 600.0, 600.0, 20.0), (2.0, 900.0, 300.0, 30.0), (0.5, 300.0, 100.0, 10.0)],
)
def test_a_gang_played_failure_by_failure_gets_as_much_done(
    mtbf_hours: float, restart: float, interval: float, stall: float
) -> None:
    nodes, mtbf = 4, 4 * mtbf_hours * 3600
    gang = Gang(nodes, 0, mtbf, 0.0, restart, interval, stall)
    progress, _ = gang.play(8000 * mtbf_hours * 3600, seed=1)
    ours = effective_time(nodes, DAY / mtbf, restart, interval, stall)
    assert progress == pytest.approx(ours, abs=0.012)


@pytest.mark.parametrize(("spares", "repair"), [(0, 500.0), (1, 3000.0), (3, 3000.0)])
def test_a_gang_that_runs_out_of_spares_waits_as_long_as_the_formula_says(
    spares: int, repair: float
) -> None:
    nodes, mtbf = 10, 20_000.0
    gang = Gang(nodes, spares, mtbf, repair, 120.0, 200.0, 5.0)
    progress, waited = gang.play(8e6, seed=7)
    in_service = availability(DAY / mtbf, repair)
    share = waiting_share(nodes, spares, in_service)
    assert waited == pytest.approx(share, abs=0.02)
    running = effective_time(nodes, DAY / mtbf, 120.0, 200.0, 5.0)
    assert progress == pytest.approx(running * (1.0 - share), abs=0.02)


@pytest.mark.parametrize(("spares", "simulated"), [(16, 0.975), (24, 0.633), (28, 0.334),
                                                   (32, 0.121)])  # fmt: skip
def test_spares_of_a_large_job(spares: int, simulated: float) -> None:
    # ten years of 2,048 nodes at 6.5 failures per thousand node-days and two days of repair,
    # played node by node with one seed: ± 0.03
    share = waiting_share(2048, spares, availability(6.5e-3, 2 * DAY))
    assert share == pytest.approx(simulated, abs=0.03)


@pytest.mark.parametrize(
    ("restart", "interval", "stall", "simulated"),
    [(10, 10, 0, 0.9222), (5, 30, 0, 0.8965), (10, 30, 20, 0.8623)],
)
def test_llama_3_effective_time(
    restart: float, interval: float, stall: float, simulated: float
) -> None:
    # 2,048 nodes, 419 unexpected interruptions in 54 days = 3.79 per thousand node-days; years
    # of such a job played failure by failure (99.9 %: ± 0.002)
    value = effective_time(2048, 3.79e-3, restart * MINUTE, interval * MINUTE, stall)
    assert value == pytest.approx(simulated, abs=0.002)


@pytest.mark.parametrize(("accelerators", "exact"), [
    (131_072, 0.596), (262_144, 0.371), (393_216, 0.236), (524_288, 0.150),
])  # fmt: skip
def test_large_jobs_make_progress_where_the_first_order_says_none(
    accelerators: int, exact: float
) -> None:
    # the complete form at intervals that are halved from half an hour on: never above the best
    value = LLAMA_3.effective_time(accelerators)
    assert exact - 0.0005 <= value < exact + 0.004
    interval = LLAMA_3.interval(accelerators)
    assert first_order(accelerators / NODE, 3.79e-3, 600.0, interval, 5.0) < value


@given(
    nodes=st.floats(1, 1e4), rate=st.floats(1e-9, 1e-6), restart=st.floats(0, 3600),
    interval=st.floats(60, 7200), stall=st.floats(0, 60),
)  # fmt: skip
def test_rare_failures_cost_what_the_first_order_says(
    nodes: float, rate: float, restart: float, interval: float, stall: float
) -> None:
    value = effective_time(nodes, rate, restart, interval, stall)
    lost = nodes * rate / DAY * (restart + interval + stall)
    assert value == pytest.approx(
        first_order(nodes, rate, restart, interval, stall), abs=lost**2 + lost * stall / interval
        + 1e-12,
    )  # fmt: skip


def test_llama_3_failed_every_three_hours() -> None:
    rate = failures_per_second(2048, 419 / 54 / 2048)
    assert 1 / rate / 3600 == pytest.approx(3.09, abs=0.01)


def test_meta_projection_of_a_hundred_thousand() -> None:
    # Kokolis 2024: MTTF of 131,072 accelerators projected at 0.23 h from 16,384 at 1.8 h
    small, large = (Failures(6.5e-3).rate(n) for n in (16384, 131072))
    assert 1 / small / 3600 == pytest.approx(1.8, rel=0.01)
    assert 1 / large / 3600 == pytest.approx(0.23, abs=0.005)  # printed to two digits


@given(
    nodes=st.floats(1, 1e6), rate=st.floats(1e-5, 0.03), stall=st.floats(1e-3, 600),
    other=st.floats(0.05, 20),
)  # fmt: skip
def test_no_other_interval_gets_more_done(
    nodes: float, rate: float, stall: float, other: float
) -> None:
    best = best_interval(failures_per_second(nodes, rate), stall)
    most = effective_time(nodes, rate, 600.0, best, stall)
    assert effective_time(nodes, rate, 600.0, best * other, stall) <= most * (1 + 1e-9)


@pytest.mark.parametrize(("stall", "mtbf"), [(5.0, 11_000.0), (300.0, 7200.0), (60.0, 600.0)])
def test_the_best_interval_is_near_youngs_and_nearer_to_dalys(stall: float, mtbf: float) -> None:
    best = best_interval(1.0 / mtbf, stall)
    young = math.sqrt(2.0 * stall * mtbf)
    ratio = stall / (2.0 * mtbf)
    daly = young * (1.0 + math.sqrt(ratio) / 3.0 + ratio / 9.0) - stall  # Daly 2006, equation 37
    assert abs(best - daly) < abs(best - young)
    assert best == pytest.approx(daly, rel=1e-3)


def test_the_best_interval_is_smooth_where_its_form_changes() -> None:
    for stalls in (0.5e-12, 2e-12, 1e-10):
        assert best_interval(1e-4, stalls / 1e-4) == pytest.approx(
            math.sqrt(2 * stalls) / 1e-4, rel=1e-4
        )
    assert math.isinf(best_interval(0.0, 5.0))
    assert best_interval(1e-4, 0.0) == 0.0


def test_checkpoints_are_never_further_apart_than_operators_leave_them() -> None:
    assert LLAMA_3.interval(8) == 1800.0
    assert LLAMA_3.interval(16384) == best_interval(LLAMA_3.rate(16384), 5.0) < 1800.0
    assert replace(LLAMA_3, checkpoint_stall=0.0).interval(16384) == 1.0


def test_checkpoint_stall_divides_the_effective_time() -> None:
    free = effective_time(100, 5e-3, 600, 1800)
    stalled = effective_time(100, 5e-3, 600, 1800, checkpoint_stall=90)
    assert stalled == pytest.approx(free / 1.05, rel=1e-3)
    assert effective_time(100, 0.0, 600, 1800, checkpoint_stall=90) == 1 / 1.05
    with pytest.raises(ValueError, match="above 0"):
        effective_time(100, 5e-3, 600, 0)


def test_availability_is_the_renewal_share() -> None:
    assert availability(0.01, 1 * DAY) == pytest.approx(100 / 101)
    assert availability(0.0, DAY) == 1.0


def test_spares_of_the_catalog_are_enough_and_too_few_cost_half_of_the_time_at_most() -> None:
    usual = replace(LLAMA_3, repair=DAY, spare_share=0.05)
    for accelerators in (64, 4096, 524_288):
        assert usual.waiting(accelerators) < 1e-3
    scarce = Failures(0.025, 600.0, 1800.0, 5.0, repair=5 * DAY, spare_share=0.02)
    assert 0.3 < scarce.waiting(16_384) <= 0.5
    assert Failures(0.0, repair=DAY).waiting(1024) == 0.0


@given(
    nodes=st.floats(1, 1e6), rate=RATES, restart=st.floats(0, 7200),
    interval=st.floats(1, 36000), stall=st.floats(0, 120), more=st.floats(1.001, 100),
)  # fmt: skip
def test_more_nodes_failures_restarts_and_stalls_never_help(
    nodes: float, rate: float, restart: float, interval: float, stall: float, more: float
) -> None:
    value = effective_time(nodes, rate, restart, interval, stall)
    assert 0 <= value <= 1
    for worse in (
        effective_time(nodes * more, rate, restart, interval, stall),
        effective_time(nodes, rate * more, restart, interval, stall),
        effective_time(nodes, rate, restart * more, interval, stall),
        effective_time(nodes, rate, restart, interval, stall * more),
    ):
        assert worse <= value * (1 + 1e-12)


@given(
    accelerators=st.floats(8, 2e6), rate=RATES, restart=st.floats(0, 3600),
    stall=st.floats(0, 120), more=st.floats(1.001, 100),
)  # fmt: skip
def test_worse_machines_get_less_done_at_their_best_interval(
    accelerators: float, rate: float, restart: float, stall: float, more: float
) -> None:
    failures = Failures(rate, restart, 1800.0, stall)
    value = failures.effective_time(accelerators)
    for worse in (
        failures.effective_time(accelerators * more),
        replace(failures, per_node_day=rate * more).effective_time(accelerators),
        replace(failures, restart=restart * more).effective_time(accelerators),
        replace(failures, checkpoint_stall=stall * more).effective_time(accelerators),
    ):
        assert worse <= value * (1 + 1e-9)


@given(
    accelerators=st.floats(8, 2e6), rate=st.floats(1e-4, 0.03), repair=st.floats(0, 10 * DAY),
    spares=st.floats(0, 0.3), more=st.floats(1.001, 5),
)  # fmt: skip
def test_more_spares_and_quicker_repairs_never_hurt(
    accelerators: float, rate: float, repair: float, spares: float, more: float
) -> None:
    failures = Failures(rate, 600.0, 1800.0, 5.0, repair, spares)
    waiting = failures.waiting(accelerators)
    assert 0 <= waiting <= 1
    assert replace(failures, spare_share=spares * more).waiting(accelerators) <= waiting + 1e-12
    enough = replace(failures, spare_share=max(spares, rate * repair / DAY))
    quicker = replace(enough, repair=repair / more)
    assert quicker.waiting(accelerators) <= enough.waiting(accelerators) + 1e-12
