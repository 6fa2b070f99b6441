"""What a balance weighs against what is simulated, and its units."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from computesim import load_catalog
from computesim.cells import serving_cell
from computesim.cells.jobs import COT, RLDemand, ServingDemand
from computesim.cells.rates import Served, ServingPaces, rl_pace, serving_paces
from computesim.cells.rl import cell as rl
from computesim.cells.serving import Play
from computesim.demand.spending import Hired, Outlay
from computesim.errors import CapacityError
from computesim.hardware.reliability import Failures
from computesim.study.balance.answers import Rollouts
from computesim.workload.requests import RequestStream
from computesim.workload.transformer import decode_flop, prefill_flop

CATALOG = load_catalog()
MODEL = CATALOG.model("llama-3.1-8b")
H100 = CATALOG.accelerator("h100-sxm")
SITE = CATALOG.site("hyperscale-us")
CHAT = RequestStream(1.0, 1000.0, 0.25, 200.0, spread=0.8)
SERVED = Served(MODEL, "fp8", "bf16", 0.04, CHAT, 0.5)


def step(mode: str, prompts: float = 64, cap: float = 8192) -> RLDemand:
    rollouts = Rollouts(prompts, 8, response_tokens=1500, cap=cap, mode=mode)
    return rollouts.step(MODEL).job


def outlay(**parts: object) -> Outlay:
    """Return a model of which one product is served."""
    hired = Hired(H100, 2.0 / 3600.0, 0.5, SITE)
    known = {
        "rl": step("asynchronous"), "rl_on": replace(hired, use=0.8),
        "streams": (SERVED,), "served_on": hired,
        "requests": 1e9, "tokens": (100.0, 20_000.0),
    }  # fmt: skip
    return Outlay(**{**known, **parts})  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["synchronous", "one-step-off", "asynchronous"])
@pytest.mark.parametrize(("prompts", "cap"), [(64, 8192), (512, 65_536)])
def test_the_pace_of_rl_is_near_that_of_the_simulated_step(
    mode: str, prompts: float, cap: float
) -> None:
    demand = step(mode, prompts, cap)
    cell = rl.measure(demand, H100, Play(requests=400), Failures())
    simulated = cell.steps * sum(work.flop for work in demand.works.values())
    pace = rl_pace(demand, H100)
    assert pace.per_second == pytest.approx(simulated, rel=0.3)
    assert 0.0 < pace.compute < 1.0
    assert 0.0 < pace.bandwidth < 1.0
    assert 0.2 < pace.busy <= 1.0


def test_the_pace_of_serving_is_that_of_a_simulated_pool_without_its_tails() -> None:
    stream = RequestStream(1.0, 1000.0, 0.25, 0.0, 2000.0, 0.8, 1.0)
    demand = ServingDemand(COT, "quick", MODEL, "fp8", "bf16", 60.0, 0.04, (stream,))
    cell = serving_cell.measure(demand, H100, Play(requests=800))
    paces = serving_paces(SERVED, H100, 100.0, 20_000.0)
    fluid = 1.0 / paces.seconds(2000.0, 1.0)
    assert 0.5 < cell.requests / fluid < 1.15


def test_a_longer_chain_takes_longer_and_smoothly_so() -> None:
    paces = serving_paces(SERVED, H100, 100.0, 20_000.0)
    seconds = [paces.seconds(100 * 1.02**n, 1.0) for n in range(260)]
    ratios = [b / a for a, b in pairwise(seconds)]
    assert min(ratios) >= 1.0
    assert max(ratios) < 1.02**4
    bends = [b / a for a, b in pairwise(ratios)]
    assert min(bends) > 0.97
    assert max(bends) < 1.03


def test_a_further_sample_does_not_read_the_prompt() -> None:
    paces = serving_paces(SERVED, H100, 100.0, 20_000.0)
    one, two, three = (paces.seconds(500.0, k) for k in (1.0, 2.0, 3.0))
    assert three - two == pytest.approx(two - one)
    assert two - one < one
    assert paces.pace(500.0).per_second == pytest.approx(1.0 / one, rel=0.02)


def test_a_verifier_that_reads_the_samples_takes_time() -> None:
    scored = serving_paces(replace(SERVED, scored=True), H100, 100.0, 20_000.0)
    plain = serving_paces(SERVED, H100, 100.0, 20_000.0)
    assert scored.seconds(500.0, 4.0) > 1.05 * plain.seconds(500.0, 4.0)


def test_a_time_per_token_that_nothing_keeps_is_said() -> None:
    with pytest.raises(CapacityError, match="writes no token within"):
        serving_paces(replace(SERVED, tpot=1e-6), H100, 100.0, 1000.0)


def test_what_a_request_takes_is_counted_as_elsewhere() -> None:
    flop = outlay().spending("flop")
    # half of 4,000 tokens, and an answer of 200
    expected = prefill_flop(MODEL, 1000.0, 250.0) + 3 * decode_flop(MODEL, 1000.0, 2200.0)
    assert flop.request(4000.0, 3) == pytest.approx(expected)
    assert flop.rl == 1.0
    assert outlay(research=4.0, research_efficiency=0.7, scale=10.0).spending("flop").rl == 38.0


def test_dollars_are_paid_seconds_at_their_price_and_joules_lie_between_idle_and_tdp() -> None:
    asked = outlay()
    cost, power = asked.spending("cost"), asked.spending("power")
    seconds = asked.seconds(4000.0, 1)
    paces = serving_paces(SERVED, H100, 250.0, 10_200.0)
    assert isinstance(paces, ServingPaces)
    assert seconds == pytest.approx(paces.seconds(2200.0, 1) / 0.5)
    assert cost.request(4000.0, 1) == pytest.approx(seconds * 2.0 / 3600.0)
    assert cost.rl == pytest.approx(
        2.0 / 3600.0 / (0.8 * rl_pace(step("asynchronous"), H100).per_second)
    )
    watts = power.request(4000.0, 1) / seconds
    assert 0.15 * H100.tdp < watts < 2.0 * H100.tdp
    busier = outlay(served_on=replace(asked.served_on, use=1.0))
    assert busier.spending("power").request(4000.0, 1) / busier.seconds(4000.0, 1) > watts


def test_electricity_that_the_price_does_not_hold_is_added() -> None:
    asked = outlay()
    dear = outlay(
        rl_on=replace(asked.rl_on, electricity=1e-7),
        served_on=replace(asked.served_on, electricity=1e-7),
    )
    for before, after, joules in (
        (asked.spending("cost").rl, dear.spending("cost").rl, asked.spending("power").rl),
        (
            asked.spending("cost").request(900.0, 2),
            dear.spending("cost").request(900.0, 2),
            asked.spending("power").request(900.0, 2),
        ),
    ):
        assert after - before == pytest.approx(1e-7 * joules, rel=1e-9)


def test_streams_are_weighed_by_their_share() -> None:
    long = replace(SERVED, stream=replace(CHAT, rate=0.25, answer_tokens=0.0), length_ratio=2.0)
    short = replace(SERVED, stream=replace(CHAT, rate=0.75, answer_tokens=100.0), length_ratio=0.1)
    both = outlay(streams=(long, short))
    alone = [
        outlay(streams=(replace(s, stream=replace(s.stream, rate=1.0)),)) for s in (long, short)
    ]
    for objective in ("flop", "cost", "power"):
        parts = [one.spending(objective).request(3000.0, 1) for one in alone]
        mean = 0.25 * parts[0] + 0.75 * parts[1]
        assert both.spending(objective).request(3000.0, 1) == pytest.approx(mean, rel=1e-9)
    assert math.isfinite(both.spending("cost").total(1e22, 3000.0, 1))
